"""The preprocessing of images, the same in training, tests and export."""

import dataclasses

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """The evaluation preprocessing of a network.

    Attributes:
        size: height and width of the center crop in pixels.
        resize: length of the shorter side before the center crop in pixels.
        mean: mean of each channel, red first, of pixels in [0, 1].
        std: standard deviation of each channel, of pixels in [0, 1].
        interpolation: `"bilinear"` or `"bicubic"`, both antialiased.
    """

    size: int = 224
    resize: int = 256
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: str = "bilinear"

    def normalize(self, images):
        """Subtracts the mean from pixels in [0, 255] and divides by the standard deviation."""
        mean, std = np.float32(self.mean) * 255, np.float32(self.std) * 255
        if isinstance(images, np.ndarray):
            return (images.astype("float32") - mean) / std
        if _is_of_tensorflow(images):
            import tensorflow as tf

            return (tf.cast(images, tf.float32) - mean) / std
        images = keras.ops.subtract(keras.ops.cast(images, "float32"), mean)
        return keras.ops.divide(images, std)

    def crop(self, images, size: int | None = None):
        """Resizes the shorter side and takes the center crop.

        Args:
            images: array or TensorFlow tensor of shape `(height, width, channels)`, or a batch of
                them, with values in [0, 255].
            size: optional int, height and width of the crop. The shorter side is resized in
                proportion.

        Returns:
            A float32 array or tensor of `size` x `size` pixels. The values are whole numbers in
            [0, 255], as in the image libraries that the published accuracies were measured with.
        """
        import tensorflow as tf

        size = self.size if size is None else size
        resize = round(self.resize * size / self.size)
        cropped = tf.cast(images, tf.float32)
        height, width = tf.unstack(tf.shape(cropped)[-3:-1])
        shorter = tf.minimum(height, width)
        new_height, new_width = resize * height // shorter, resize * width // shorter
        # one axis after the other, rounded to whole numbers each time, as the image libraries do
        for shape in ((height, new_width), (new_height, new_width)):
            cropped = tf.image.resize(cropped, shape, self.interpolation, antialias=True)
            cropped = tf.clip_by_value(tf.floor(cropped + 0.5), 0, 255)
        top, left = _half(new_height - size), _half(new_width - size)
        cropped = tf.image.crop_to_bounding_box(cropped, top, left, size, size)
        return cropped if _is_of_tensorflow(images) else cropped.numpy()


def _is_of_tensorflow(images):
    """Tells whether images are TensorFlow tensors, whatever the backend of Keras."""
    return type(images).__module__.startswith("tensorflow.")


def _half(extra):
    """Returns half of a number of pixels, rounded half to even as torchvision does."""
    return extra // 2 + extra % 2 * (extra // 2 % 2)


# the preprocessing of most ImageNet networks
IMAGENET = Preprocessing()
