"""Hands a quantized model to tensorflow-model-optimization."""

from typing import TYPE_CHECKING

from keraslight.quantization.quantized_model import QuantizedModel

if TYPE_CHECKING:
    from keraslight.quantization.tfmot_model import TfmotModel


def to_tfmot(quantized: QuantizedModel) -> "TfmotModel":
    """Returns a quantized model as a tf_keras model of tensorflow-model-optimization's wrappers.

    For programs that train with tf_keras. Calling it switches `tf.keras` to tf_keras in the whole
    process. The moving averages of ranges that several tensors share stay as calibrated; biases are
    not rounded in training; frozen layers are trained.

    Args:
        quantized: a model of `keraslight.quantize_model` with images of one size. Calibrate it
            first.

    Returns:
        A `tf_keras.Model`. Its method `to_keras` returns the Keras 3 model with the present weights
        and ranges, for `keraslight.export_tflite` and everything else.

    Raises:
        ValueError: if the model holds something that tf_keras or tfmot does not have. The message
            names it.
        ImportError: if tensorflow-model-optimization or tf_keras is not installed:
            `pip install keraslight[tfmot]`.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keraslight.layers.RepVGGBlock(4)])
    >>> quantized = keraslight.quantize_model(keraslight.fuse(model))
    >>> quantized = keraslight.calibrate(quantized, [np.random.rand(4, 8, 8, 3)], verbose=0)
    >>> twin = keraslight.to_tfmot(quantized)  # doctest: +SKIP
    >>> twin.compile("sgd", "mse")  # doctest: +SKIP
    >>> history = twin.fit(images, labels)  # doctest: +SKIP
    >>> path = keraslight.export_tflite(twin.to_keras(), "int8.tflite")  # doctest: +SKIP
    """
    if not isinstance(quantized, QuantizedModel):
        raise ValueError(
            "Only a model made by keraslight.quantize_model can be handed to tfmot. "
            f"Received: quantized={quantized!r}"
        )
    learned = [q.name for q in quantized.quantizers if q.ranges == "learned"]
    if learned:
        raise ValueError(
            "tfmot cannot learn ranges: quantize with ranges='frozen' or 'average'. "
            f"Received: quantized={quantized!r} with ranges='learned'"
        )
    if quantized.float_layers:
        raise ValueError(
            "Layers that are kept in float32 cannot be handed to tfmot: quantize all of them. "
            f"Received: quantized={quantized!r} with the float layers {quantized.float_layers}"
        )
    try:
        from keraslight.quantization.tfmot_model import tfmot_model
    except ImportError as error:
        raise ImportError(
            "keraslight.to_tfmot needs tensorflow-model-optimization and tf_keras: "
            f"pip install keraslight[tfmot]. Received: {error}"
        ) from error
    return tfmot_model(quantized)
