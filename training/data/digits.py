"""Scikit-learn's 1,797 pictures of handwritten digits."""

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SIZE = 16
CLASSES = 10


def load_data(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns pictures for training and held-out ones, 16x16 pixels in [-1, 1], and their labels.

    Args:
        seed: int, of the split.

    Returns:
        Training pictures, held-out pictures, training labels, held-out labels.
    """
    digits = load_digits()
    images = digits.images[..., None].astype("float32") / 8 - 1
    images = keras.ops.convert_to_numpy(keras.ops.image.resize(images, (SIZE, SIZE)))
    return train_test_split(
        images, digits.target, test_size=0.25, stratify=digits.target, random_state=seed
    )
