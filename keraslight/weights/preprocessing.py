"""What is done to an image before a network sees it, the same in training, tests and export."""

import dataclasses

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """The evaluation preprocessing of a network.

    Attributes:
        size: height and width of the images that the network sees.
        resize: the length to which the shorter side is scaled before the centre is cut out.
        mean: per channel, red first, of pixels in [0, 1].
        std: likewise, the standard deviation.
        interpolation: `"bilinear"` or `"bicubic"`; both over all pixels covered (antialiased).
    """

    size: int = 224
    resize: int = 256
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: str = "bilinear"

    def normalize(self, images):
        """Brings pixels in [0, 255] to the mean and the standard deviation of the training."""
        mean, std = np.float32(self.mean) * 255, np.float32(self.std) * 255
        if isinstance(images, np.ndarray):
            return (images.astype("float32") - mean) / std
        if _is_of_tensorflow(images):
            import tensorflow as tf

            return (tf.cast(images, tf.float32) - mean) / std
        images = keras.ops.subtract(keras.ops.cast(images, "float32"), mean)
        return keras.ops.divide(images, std)

    def crop(self, images, size: int | None = None):
        """Scales the shorter side and cuts out the centre.

        Args:
            images: array or TensorFlow tensor of shape `(height, width, channels)`, or a batch of
                such, with values in [0, 255].
            size: optional height and width wanted; the shorter side is scaled in proportion.

        Returns:
            A float32 array, or tensor, of `size` pixels squared, of whole numbers in [0, 255] like
            those of the image libraries that the published figures were measured with.
        """
        import tensorflow as tf

        size = self.size if size is None else size
        resize = round(self.resize * size / self.size)
        cropped = tf.cast(images, tf.float32)
        height, width = tf.unstack(tf.shape(cropped)[-3:-1])
        shorter = tf.minimum(height, width)
        new_height, new_width = resize * height // shorter, resize * width // shorter
        # one axis after the other, to whole numbers each time, as the image libraries do
        for shape in ((height, new_width), (new_height, new_width)):
            cropped = tf.image.resize(cropped, shape, self.interpolation, antialias=True)
            cropped = tf.clip_by_value(tf.floor(cropped + 0.5), 0, 255)
        top, left = _half(new_height - size), _half(new_width - size)
        cropped = tf.image.crop_to_bounding_box(cropped, top, left, size, size)
        return cropped if _is_of_tensorflow(images) else cropped.numpy()


def _is_of_tensorflow(images):
    """Whether these are TensorFlow's, also in a `tf.data` pipeline beside another backend."""
    return type(images).__module__.startswith("tensorflow.")


def _half(extra):
    """Returns half of a number of pixels, rounded to the even one as torchvision does."""
    return extra // 2 + extra % 2 * (extra // 2 % 2)


# of ImageNet networks in general
IMAGENET = Preprocessing()
