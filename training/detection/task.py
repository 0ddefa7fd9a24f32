"""Detection as a task of the training loop."""

import keras
import numpy as np

import keraslight
from keraslight.boxes import Objects, average_precision, training_targets
from keraslight.boxes.suppression import detections_of
from training.data.batches import eval_batches
from training.detection.recipe import LOSSES
from training.detection.views import RandomBoxViews
from training.located import LocatedTask


class Detection(LocatedTask):
    """Pictures with boxes around objects."""

    no_label = Objects(np.zeros((0, 4)), np.zeros(0, "int64"))
    headline = "mAP50"

    def train_batch(self, recipe, source, pictures, labels, size, draws):
        views, labels = RandomBoxViews(recipe, size, draws)(pictures, labels)
        images = recipe.preprocessing(size, size).normalized(views)
        return images, self.targets(recipe, source, labels, size)

    def targets(self, recipe, source, labels, size):
        classes = len(source.class_names)
        found = [training_targets(one, recipe.anchor_boxes, classes) for one in labels]
        return {name: np.stack([targets[name] for targets in found]) for name in found[0]}

    def compile(self, model, recipe, **kwargs):
        loss = {
            "boxes": keraslight.BoxLoss(weight=recipe.box_weight),
            "classes": LOSSES[recipe.class_loss](),
        }
        model.compile(loss=loss, **kwargs)

    def evaluate(self, model, data):
        truth, found = [], []
        source, recipe = data.eval_source, data.recipe
        batch_size = data.order.batch_size
        batches = eval_batches(source, recipe, batch_size)
        for number, (images, _, weights) in zip(range(data.eval_steps), batches, strict=False):
            counted = keras.ops.convert_to_numpy(weights) > 0
            outputs = model.predict_on_batch(images)
            arrays = [keras.ops.convert_to_numpy(outputs[name]) for name in ("boxes", "classes")]
            detections = detections_of(*arrays, recipe.anchor_boxes)
            for row in np.flatnonzero(counted):
                truth.append(source.annotated(number * batch_size + row))
                found.append(detections[row])
        scores = average_precision(truth, found, source.class_names)
        return {**scores, "detections_per_picture": float(np.mean([len(one) for one in found]))}

    def export(self, model, path, recipe, **about):
        keraslight.export_detector(model, path, "int8", anchors=recipe.anchor_boxes, **about)
