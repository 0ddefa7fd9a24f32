"""Every family of keras.applications, small: narrow, one block per stage, or its first blocks."""

import inspect

import keras

A = keras.applications
CLASSES = 10
NO_WEIGHTS = {"weights": None, "classes": CLASSES, "classifier_activation": None}
SMALL = {"input_shape": (32, 32, 3), **NO_WEIGHTS}


def _builder(variant, name):
    """Returns the function that builds all variants of a family."""
    return getattr(inspect.getmodule(variant), name)


def _resnet(stack, preact):
    stack = _builder(A.ResNet50, stack)

    def stages(x):
        return stack(stack(x, 8, 2, stride1=1, name="conv2"), 8, 2, name="conv3")

    return _builder(A.ResNet50, "ResNet")(stages, preact, True, **SMALL)


def _first_blocks(variant, size, last, **arguments):
    """Returns a classifier on the maps of one of the first layers."""
    shape = (size, size, 3)
    model = variant(include_top=False, weights=None, input_shape=shape, **arguments)
    x = keras.layers.GlobalAveragePooling2D()(model.get_layer(last).output)
    return keras.Model(model.input, keras.layers.Dense(CLASSES)(x))


SMALL_APPLICATIONS = {
    "ConvNeXt": lambda: _builder(A.ConvNeXtTiny, "ConvNeXt")(
        depths=[1, 1, 1, 1], projection_dims=[8, 16, 24, 32], **SMALL
    ),
    "DenseNet": lambda: _builder(A.DenseNet121, "DenseNet")([2, 1, 1, 1], **SMALL),
    "EfficientNet": lambda: _builder(A.EfficientNetB0, "EfficientNet")(0.1, 0.1, 224, **SMALL),
    "EfficientNetV2": lambda: _builder(A.EfficientNetV2B0, "EfficientNetV2")(
        0.1, 0.1, 224, name="efficientnetv2-b0", **SMALL
    ),
    "InceptionV3": lambda: _first_blocks(A.InceptionV3, 75, "mixed0"),
    "MobileNet": lambda: _first_blocks(A.MobileNet, 32, "conv_pw_5_relu", alpha=0.25),
    "MobileNetV2": lambda: _first_blocks(A.MobileNetV2, 32, "block_5_add", alpha=0.35),
    "MobileNetV3": lambda: _first_blocks(A.MobileNetV3Small, 32, "expanded_conv_4_add", alpha=0.25),
    "NASNet": lambda: _builder(A.NASNetMobile, "NASNet")(
        penultimate_filters=96, num_blocks=1, stem_block_filters=8, **SMALL
    ),
    "ResNet": lambda: _resnet("stack_residual_blocks_v1", False),
    "ResNetV2": lambda: _resnet("stack_residual_blocks_v2", True),
    "VGG": lambda: _first_blocks(A.VGG16, 32, "block2_pool"),
    "Xception": lambda: _first_blocks(A.Xception, 71, "block4_pool"),
}
