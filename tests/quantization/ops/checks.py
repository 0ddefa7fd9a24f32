"""What every operation in int8 is tested for."""

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter

import keraslight
from tests.export.files import operations, tensor_types
from tests.helpers import images, outputs, signal_to_noise

SHAPE = (7, 7, 8)


def model_of(*makes, shape=SHAPE):
    """Returns a model with an output for each function, which gets the output of a convolution."""
    start = keras.Input(shape)
    # what a layer reads is no input of the model, which is rounded in another way
    ends = [make(keras.layers.Conv2D(8, 1)(start)) for make in makes]
    return keras.Model(start, ends if len(ends) > 1 else ends[0])


def randomize_biases(model, low=-0.3, high=0.3):
    for weight in model.weights:
        if weight.path.endswith("bias"):
            weight.assign(np.linspace(low, high, np.prod(weight.shape)).reshape(weight.shape))


def quantized_of(model, **kwargs):
    quantized = keraslight.quantize_model(model, **kwargs)
    x = images(6, *model.input_shape[1:])
    return keraslight.calibrate(quantized, [x], bias_correction=False, verbose=0)


def run_file(path, x):
    """Returns the outputs of a file of several, dequantized."""
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    details = interpreter.get_output_details()
    scale, zero_point = source["quantization"]
    codes = np.floor(x / np.float32(scale) + np.float32(0.5)) + zero_point
    codes = np.clip(codes, -128, 127).astype("int8")
    results = []
    for image in codes:
        interpreter.set_tensor(source["index"], image[None])
        interpreter.invoke()
        results.append([interpreter.get_tensor(output["index"]) for output in details])
    scales = [output["quantization"] for output in details]
    return [
        (np.concatenate(codes).astype("float32") - zero_point) * np.float32(scale)
        for codes, (scale, zero_point) in zip(zip(*results, strict=True), scales, strict=True)
    ]


def assert_exact(model, path):
    """Checks that integers and file are equal, and that the file is near to the float model.

    Args:
        model: the float model.
        path: where to write the file.

    Returns:
        The names of the operations in the file.
    """
    quantized = quantized_of(model)
    keraslight.export_tflite(quantized, path)
    assert tensor_types(path) <= {"INT8", "INT32"}
    x = images(6, *model.input_shape[1:])
    names = [output.name for output in model.outputs]
    received = run_file(path, 1.2 * x)  # so that values are clipped
    for exact in (keraslight.exact_model(quantized), quantized):
        for name, one, other in zip(names, outputs(exact, 1.2 * x), received, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)
    in_training = keras.tree.flatten(quantized(1.2 * x, training=True))
    for name, one, other in zip(names, in_training, received, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=name)
        assert len(np.unique(other)) > 2, name
    for name, one, other in zip(names, outputs(model, x), run_file(path, x), strict=True):
        assert signal_to_noise(one, other) > 25, name
    return operations(path)


def assert_trains(model):
    """Checks that one step of training changes all weights."""
    quantized = quantized_of(model)
    x = images(4, *model.input_shape[1:])
    before = [np.asarray(weight).copy() for weight in quantized.trainable_weights]
    loss = ["mse"] * len(model.outputs)
    quantized.compile(keras.optimizers.Adam(epsilon=1e-20), loss, run_eagerly=True)
    quantized.fit(x, [1 + output for output in outputs(model, x)], verbose=0)
    for weight, old in zip(quantized.trainable_weights, before, strict=True):
        assert np.abs(np.asarray(weight) - old).max() > 0, weight.path
