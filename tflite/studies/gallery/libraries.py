"""Small networks of other public Keras 3 libraries than Keras itself."""

import functools
import importlib
import importlib.util
from collections.abc import Callable

import keras

CLASSES = 10
SMALLEST = 32


class NotInstalled(ImportError):
    """A network's library is not installed."""


def _library(name: str, *modules: str):
    """Imports a module of a library."""
    if importlib.util.find_spec(name) is None:
        raise NotInstalled(f"it needs pip install {name.replace('_', '-')}")
    return importlib.import_module(".".join((name, *modules)))


def _classifier(backbone: keras.Model) -> keras.Model:
    """Returns a classifier on a backbone whose output are feature maps or tokens."""
    *_, x = keras.tree.flatten(backbone.output)
    pool = {4: keras.layers.GlobalAveragePooling2D, 3: keras.layers.GlobalAveragePooling1D}
    if len(x.shape) in pool:
        x = pool[len(x.shape)]()(x)
    return keras.Model(backbone.input, keras.layers.Dense(CLASSES, name="logits")(x))


def _hub(name: str, shape="image_shape", size=SMALLEST, **arguments) -> keras.Model:
    backbone = getattr(_library("keras_hub").models, f"{name}Backbone")
    return _classifier(backbone(**{shape: (size, size, 3)}, **arguments))


def _kimm(name: str, size=SMALLEST) -> keras.Model:
    return getattr(_library("kimm").models, name)(
        weights=None,
        input_shape=(size, size, 3),
        include_preprocessing=False,
        classes=CLASSES,
        classifier_activation="linear",
    )


def _k3im(name: str, module: str, **arguments) -> keras.Model:
    return getattr(_library("k3im", module), name)(**arguments)


def _zero(name: str, module: str, size=SMALLEST, **arguments) -> keras.Model:
    network = getattr(_library("zeromodels", "models", module), f"{name}ImageClassify")
    return network(image_size=size, num_classes=CLASSES, **arguments)


# The arguments are those of the constructors: narrow networks with few blocks.
HUB = {
    "CSPNet": {
        "stem_filters": 32,
        "stem_kernel_size": 3,
        "stem_strides": 1,
        "stackwise_depth": [1, 2],
        "stackwise_strides": [1, 2],
        "stackwise_num_filters": [32, 64],
        "block_type": "dark_block",
        "stage_type": "dark",
    },
    "DeiT": {
        "patch_size": 8,
        "num_layers": 2,
        "num_heads": 2,
        "hidden_dim": 32,
        "intermediate_dim": 64,
    },
    "DenseNet": {"stackwise_num_repeats": [2, 2], "growth_rate": 8},
    "EfficientNet": {
        "shape": "input_shape",
        "stackwise_kernel_sizes": [3, 5],
        "stackwise_num_repeats": [1, 2],
        "stackwise_input_filters": [16, 16],
        "stackwise_output_filters": [16, 24],
        "stackwise_expansion_ratios": [1, 4],
        "stackwise_squeeze_and_excite_ratios": [0.0, 0.25],
        "stackwise_strides": [1, 2],
        "stackwise_block_types": ["fused", "unfused"],
        "width_coefficient": 1.0,
        "depth_coefficient": 1.0,
        "num_features": 64,
    },
    "HGNetV2": {
        "depths": [1, 1],
        "embedding_size": 16,
        "hidden_sizes": [32, 64],
        "stem_channels": [3, 16, 16],
        "hidden_act": "relu",
        "use_learnable_affine_block": True,
        "stackwise_stage_filters": [(16, 16, 32, 1, 2, 3), (32, 16, 64, 1, 2, 3)],
        "apply_downsample": [False, True],
        "use_lightweight_conv_block": [False, True],
    },
    "MiT": {
        "num_layers": 2,
        "max_drop_path_rate": 0.0,
        "layerwise_num_heads": [1, 2],
        "layerwise_sr_ratios": [2, 1],
        "layerwise_patch_sizes": [7, 3],
        "layerwise_strides": [4, 2],
        "layerwise_depths": [1, 1],
        "hidden_dims": [16, 32],
    },
    "MobileNet": {
        "stackwise_expansion": [[16, 24], [32]],
        "stackwise_num_blocks": [2, 1],
        "stackwise_num_filters": [[8, 8], [16]],
        "stackwise_kernel_size": [[3, 3], [5]],
        "stackwise_num_strides": [[2, 1], [2]],
        "stackwise_se_ratio": [[None, None], [0.25]],
        "stackwise_activation": [["relu", "relu"], ["hard_swish"]],
        "stackwise_padding": [[1, 1], [2]],
        "output_num_filters": 64,
        "input_activation": "hard_swish",
        "output_activation": "hard_swish",
        "input_num_filters": 16,
        "depthwise_filters": 8,
        "depthwise_stride": 2,
        "depthwise_residual": False,
        "squeeze_and_excite": 0.5,
        "last_layer_filter": 64,
    },
    "MobileNetV5": {
        "stackwise_block_types": [["er"], ["uir", "uir"]],
        "stackwise_num_blocks": [1, 2],
        "stackwise_num_filters": [[16], [24, 24]],
        "stackwise_strides": [[2], [2, 1]],
        "stackwise_act_layers": [["relu"], ["relu", "relu"]],
        "stackwise_exp_ratios": [[4.0], [4.0, 4.0]],
        "stackwise_se_ratios": [[0.0], [0.0, 0.0]],
        "stackwise_dw_kernel_sizes": [[0], [5, 5]],
        "stackwise_dw_start_kernel_sizes": [[0], [0, 0]],
        "stackwise_dw_end_kernel_sizes": [[0], [0, 0]],
        "stackwise_exp_kernel_sizes": [[3], [0, 0]],
        "stackwise_pw_kernel_sizes": [[1], [0, 0]],
        "stackwise_num_heads": [[0], [0, 0]],
        "stackwise_key_dims": [[0], [0, 0]],
        "stackwise_value_dims": [[0], [0, 0]],
        "stackwise_kv_strides": [[0], [0, 0]],
        "stackwise_use_cpe": [[False], [False, False]],
        "use_msfa": False,
    },
    "ResNet": {
        "input_conv_filters": [64],
        "input_conv_kernel_sizes": [3],
        "stackwise_num_filters": [64, 64],
        "stackwise_num_blocks": [2, 2],
        "stackwise_num_strides": [1, 2],
        "block_type": "basic_block",
    },
    "SwinTransformer": {
        "embed_dim": 16,
        "depths": (2, 2),
        "num_heads": (1, 2),
        "window_size": 4,
    },
    "VGG": {"stackwise_num_repeats": [1, 1], "stackwise_num_filters": [16, 32]},
    "ViT": {"patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 32, "mlp_dim": 64},
    "Xception": {
        "stackwise_conv_filters": [[16, 24], [24, 32], [32, 32]],
        "stackwise_pooling": [True, True, False],
    },
}
_KIMM = (
    *("ConvMixer736D32", "ConvNeXtAtto", "EfficientNetLiteB0", "GhostNetW100", "HGNetV2B0"),
    *("InceptionNeXtTiny", "LCNet050", "MobileNetV3W050Small", "MobileOneS0", "RegNetX002"),
    *("RepVGGA0", "TinyNetE", "VisionTransformerTiny16"),
)
KIMM = {
    **{name: {} for name in _KIMM},
    "MobileViTS": {"size": 64},
    "MobileViTV2W050": {"size": 64},
}
_PATCHES = {"image_size": SMALLEST, "patch_size": 8, "num_classes": CLASSES}
_HEADS = {"dim": 32, "depth": 2, "heads": 2, "mlp_dim": 64}
K3IM = {
    "ConvMixer": {"module": "convmixer", "depth": 2, "filters": 32, "num_classes": CLASSES},
    "SimpleViT": {"module": "simple_vit", **_PATCHES, **_HEADS},
    "gMLPModel": {
        "module": "gmlp",
        **_PATCHES,
        "embedding_dim": 32,
        "num_blocks": 2,
        "dropout_rate": 0.0,
    },
}
ZERO = {
    "ConvNeXtV2": {
        "module": "convnextv2",
        "depths": (1, 1, 1, 1),
        "projection_dim": (8, 16, 24, 32),
    },
    "EfficientFormer": {
        "module": "efficientformer",
        "depths": (1, 1, 1, 2),
        "embed_dim": (16, 24, 32, 48),
    },
    "EfficientNetLite": {
        "module": "efficientnet_lite",
        "depth_coefficient": 0.1,
    },
    "InceptionNext": {
        "module": "inception_next",
        "depths": (1, 1, 1, 1),
        "num_filters": (16, 24, 32, 48),
    },
    "Levit": {
        "module": "levit",
        "size": 64,
        "hidden_sizes": (32, 48, 64),
        "num_attention_heads": (2, 3, 4),
        "depths": (1, 1, 1),
    },
    "MLPMixer": {"module": "mlp_mixer", "patch_size": 8, "embed_dim": 32, "depths": 2},
    "MobileNetV3": {"module": "mobilenetv3", "width_multiplier": 0.25, "config": "small"},
    "MobileNetV4": {"module": "mobilenetv4"},
    "MobileViT": {
        "module": "mobilevit",
        "size": 64,
        "head_dims": 64,
        "block_dims": (8, 16, 24, 32, 40),
        "attention_dims": (None, None, 24, 32, 40),
    },
    "NextViT": {
        "module": "nextvit",
        "depths": (1, 1, 5, 1),
        "stem_chs": (16, 16, 16),
        "head_dim": 16,
    },
    "PiT": {
        "module": "pit",
        "size": 64,
        "embed_dim": (16, 32, 64),
        "depth": (1, 1, 1),
        "heads": (1, 2, 4),
    },
    "PoolFormer": {
        "module": "poolformer",
        "embed_dim": (16, 24, 32, 48),
        "depths": (1, 1, 1, 1),
    },
    "PvtV2": {
        "module": "pvt_v2",
        "hidden_sizes": (16, 32, 40, 64),
        "depths": (1, 1, 1, 1),
    },
    "RegNet": {
        "module": "regnet",
        "embedding_size": 16,
        "hidden_sizes": (16, 32, 48, 64),
        "depths": (1, 1, 1, 1),
        "groups_width": 8,
    },
    "Res2Net": {"module": "res2net", "depth": (1, 1, 1, 1), "base_width": 8},
    "ResMLP": {"module": "resmlp", "patch_size": 8, "embed_dim": 32, "depth": 2},
    "SENet": {"module": "senet", "depths": (1, 1, 1, 1), "filters": (16, 32, 48, 64), "groups": 4},
    "Swin": {
        "module": "swin",
        "window_size": 4,
        "pretrain_size": SMALLEST,
        "embed_dim": 16,
        "depths": (2, 2),
        "num_heads": (1, 2),
    },
}
LIBRARIES = {
    "keras_hub": (_hub, HUB),
    "kimm": (_kimm, KIMM),
    "k3im": (_k3im, K3IM),
    "zeromodels": (_zero, ZERO),
}


def networks() -> dict[str, Callable[[], keras.Model]]:
    """Returns functions that build the networks, by the library and the name.

    They raise `NotInstalled` where the library is not installed.
    """
    return {
        f"{library}:{name}": functools.partial(build, name, **arguments)
        for library, (build, table) in LIBRARIES.items()
        for name, arguments in table.items()
    }
