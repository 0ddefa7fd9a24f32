"""Segmentation as a task of the training loop."""

import keras
import numpy as np
from PIL import Image

import keraslight
from training.data.batches import eval_batches
from training.detection.views import RandomBoxViews, cut
from training.located import LocatedTask
from training.segmentation.source import IGNORED


class Segmentation(LocatedTask):
    """Pictures with the class of every pixel."""

    # of any size: it is enlarged
    no_label = np.full((1, 1), IGNORED, "uint8")
    headline = "mIoU"

    def train_batch(self, recipe, source, pictures, labels, size, draws):
        views, masks = RandomMaskViews(recipe, size, draws)(pictures, labels)
        return recipe.preprocessing(size, size).normalized(views), masks

    def targets(self, recipe, source, labels, size):
        return np.stack([resized(mask, size) for mask in labels])

    def compile(self, model, recipe, **kwargs):
        model.compile(loss=PixelLoss(), **kwargs)

    def evaluate(self, model, data):
        source, recipe = data.eval_source, data.recipe
        batches = eval_batches(source, recipe, data.order.batch_size)
        score = mean_iou(len(source.class_names))
        for _, (images, masks, weights) in zip(range(data.eval_steps), batches, strict=False):
            counted = keras.ops.convert_to_numpy(weights) > 0
            logits = keras.ops.convert_to_numpy(model.predict_on_batch(images))
            score.update_state(masks[counted], logits[counted])
        return {"mIoU": float(score.result())}

    def export(self, model, path, recipe, **about):
        about.pop("labels", None)  # they are of pixels, which the metadata have no place for
        keraslight.export_tflite(model, path, "int8", **about)


class PixelLoss(keras.losses.Loss):
    """The cross-entropy of logits, one for each picture: the mean over the pixels that count.

    Keras's own has one for each pixel, which the weights of pictures do not fit.
    """

    def call(self, y_true, y_pred):
        ops = keras.ops
        y_true = ops.cast(y_true, "int32")
        counted = ops.not_equal(y_true, IGNORED)
        entropy = ops.sparse_categorical_crossentropy(
            ops.where(counted, y_true, 0), y_pred, from_logits=True
        )
        counted = ops.cast(counted, entropy.dtype)
        pixels = ops.maximum(ops.sum(counted, axis=(1, 2)), 1)
        return ops.sum(entropy * counted, axis=(1, 2)) / pixels


class RandomMaskViews(RandomBoxViews):
    """The random views of some pictures and of their masks."""

    def __call__(self, pictures, masks):
        windows = self.windows(np.array([picture.shape[:2] for picture in pictures]))
        rows = range(len(pictures))
        views = np.stack([self.view(row, pictures[row], windows[row]) for row in rows])
        seen = [
            cut(masks[row], windows[row], self.size, Image.Resampling.NEAREST, IGNORED)
            for row in rows
        ]
        turned = [mask[:, ::-1] if self.mirrored[row] else mask for row, mask in enumerate(seen)]
        return views, np.stack(turned)


def mean_iou(classes: int) -> keras.metrics.Metric:
    """Returns the mean over the classes of intersection over union, for logits."""
    return keras.metrics.MeanIoU(classes, ignore_class=IGNORED, sparse_y_pred=False)


def resized(mask: np.ndarray, size: int) -> np.ndarray:
    """Returns a mask squashed to a square."""
    return np.asarray(Image.fromarray(mask).resize((size, size), Image.Resampling.NEAREST))
