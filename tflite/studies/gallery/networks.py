"""Networks that others wrote."""

import functools
import inspect
from collections.abc import Callable

import keras

from tflite.studies.gallery import libraries

# applications that take no picture of 32x32
SIZES = {"InceptionResNetV2": 75, "InceptionV3": 75, "Xception": 71}


def _application(name: str) -> keras.Model:
    size = SIZES.get(name, libraries.SMALLEST)
    return getattr(keras.applications, name)(
        weights=None,
        input_shape=(size, size, 3),
        classes=libraries.CLASSES,
        classifier_activation=None,
    )


def networks() -> dict[str, Callable[[], keras.Model]]:
    """Returns the networks of the gallery: functions that build them, by name.

    Those of other libraries than Keras have the library before a colon.
    """
    applications = vars(keras.applications)
    found = {
        name: functools.partial(_application, name)
        for name in sorted(applications)
        if inspect.isfunction(applications[name])
    }
    return {**found, **libraries.networks()}
