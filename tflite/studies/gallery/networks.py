"""Networks that others wrote."""

import importlib
import inspect
from collections.abc import Callable

import keras

CLASSES = 10
SMALLEST = 32
# applications that take no picture of 32x32
SIZES = {"InceptionResNetV2": 75, "InceptionV3": 75, "Xception": 71}


class NotInstalled(ImportError):
    """A network's library is not installed."""


def _application(name: str) -> keras.Model:
    size = SIZES.get(name, SMALLEST)
    return getattr(keras.applications, name)(
        weights=None,
        input_shape=(size, size, 3),
        classes=CLASSES,
        classifier_activation=None,
    )


def _library(name: str):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NotInstalled(
            f"{name} is not installed: pip install {name.replace('_', '-')}. Received: {error}"
        ) from error


def _classifier(backbone: keras.Model) -> keras.Model:
    """Returns a classifier on a backbone whose output are feature maps or tokens."""
    x = backbone.output
    pool = {4: keras.layers.GlobalAveragePooling2D, 3: keras.layers.GlobalAveragePooling1D}
    if len(x.shape) in pool:
        x = pool[len(x.shape)]()(x)
    return keras.Model(backbone.input, keras.layers.Dense(CLASSES, name="logits")(x))


def _hub(name: str, size: int = SMALLEST, **arguments) -> keras.Model:
    backbone = getattr(_library("keras_hub").models, name)
    return _classifier(backbone(image_shape=(size, size, 3), **arguments))


def _kimm(name: str, size: int = SMALLEST) -> keras.Model:
    return getattr(_library("kimm").models, name)(
        weights=None,
        input_shape=(size, size, 3),
        include_preprocessing=False,
        classes=CLASSES,
        classifier_activation="linear",
    )


_STACKS = {"stackwise_num_filters": [16, 32], "stackwise_num_blocks": [2, 2]}
# small ones of each architecture; the arguments are those of the constructors
HUB = {
    "ResNetBackbone": {
        **_STACKS,
        "input_conv_filters": [16],
        "input_conv_kernel_sizes": [3],
        "stackwise_num_strides": [1, 2],
        "block_type": "basic_block",
    },
    "MiTBackbone": {
        "num_layers": 2,
        "max_drop_path_rate": 0.0,
        "layerwise_num_heads": [1, 2],
        "layerwise_sr_ratios": [2, 1],
        "layerwise_patch_sizes": [7, 3],
        "layerwise_strides": [4, 2],
        "layerwise_depths": [1, 1],
        "hidden_dims": [16, 32],
    },
    "ViTBackbone": {
        "patch_size": 8,
        "num_layers": 2,
        "num_heads": 2,
        "hidden_dim": 32,
        "mlp_dim": 64,
    },
    "CSPNetBackbone": {
        "stem_filters": 16,
        "stem_kernel_size": 3,
        "stem_strides": 1,
        "stackwise_depth": [1, 2],
        "stackwise_strides": [1, 2],
        "stackwise_num_filters": [32, 64],
        "block_type": "dark_block",
    },
    "DenseNetBackbone": {
        "stackwise_num_repeats": [2, 2],
        "compression_ratio": 0.5,
        "growth_rate": 8,
    },
    "VGGBackbone": {
        "stackwise_num_repeats": [1, 1],
        "stackwise_num_filters": [16, 32],
    },
}
KIMM = (
    *("ConvMixer736D32", "ConvNeXtAtto", "EfficientNetLiteB0", "GhostNetW100", "HGNetV2B0"),
    *("InceptionNeXtTiny", "LCNet050", "MobileNetV3W050Small", "MobileOneS0", "MobileViTV2W050"),
    *("MobileViTS", "RegNetX002", "RepVGGA0", "TinyNetE", "VisionTransformerTiny16"),
)
KIMM_SIZES = {"VisionTransformerTiny16": 32, "MobileViTS": 64, "MobileViTV2W050": 64}


def networks() -> dict[str, Callable[[], keras.Model]]:
    """Returns the networks of the gallery: functions that build them, by name.

    Those of other libraries than Keras have the library before a colon. They raise `NotInstalled`
    where the library is not installed.
    """
    applications = vars(keras.applications)
    found = {
        name: lambda name=name: _application(name)
        for name in sorted(applications)
        if inspect.isfunction(applications[name])
    }
    for name, arguments in HUB.items():
        found[f"keras_hub:{name}"] = lambda name=name, a=arguments: _hub(name, **a)
    for name in KIMM:
        size = KIMM_SIZES.get(name, SMALLEST)
        found[f"kimm:{name}"] = lambda name=name, size=size: _kimm(name, size)
    return found
