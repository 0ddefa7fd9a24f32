"""Why some layers and operations of Keras have no int8 form."""

import keras

from keraslight.compat import operation_classes

L = keras.layers

VOLUMES = "LiteRT has no int8 kernels for volumes"
RECURRENT = "int8 has no loops over the steps of a sequence; convolutions and attention have a form"
OF_INTEGERS = "its outputs are integers; take it out of the model and apply it to the outputs"
BY_NAME = {
    VOLUMES: (
        "AdaptiveAveragePooling3D",
        "AdaptiveMaxPooling3D",
        "AveragePooling3D",
        "Conv3D",
        "Conv3DTranspose",
        "Cropping3D",
        "GlobalAveragePooling3D",
        "GlobalMaxPooling3D",
        "MaxPooling3D",
        "UpSampling3D",
        "ZeroPadding3D",
    ),
    RECURRENT: (
        "Bidirectional",
        "ConvLSTM1D",
        "ConvLSTM2D",
        "ConvLSTM3D",
        "GRU",
        "LSTM",
        "RNN",
        "SimpleRNN",
        "StackedRNNCells",
    ),
}
# the reason, by the class of the layer or the operation
REASONS = {
    getattr(L, name): reason
    for reason, names in BY_NAME.items()
    for name in names
    if hasattr(L, name)
}
REASONS |= dict.fromkeys(operation_classes("Argmax", "Argmin", "Argsort", "TopK"), OF_INTEGERS)
