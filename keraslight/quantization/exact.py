"""Runs a quantized model in the integer arithmetic of the int8 file, bit for bit."""

import functools

import keras

from keraslight.compat import is_of_keras, standardized_inputs
from keraslight.graph.copies import clone_with_weights
from keraslight.graph.graph import trace
from keraslight.quantization.integers import Grid
from keraslight.quantization.interpreter import Interpreter
from keraslight.quantization.ops import op_of
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.quantization.runtimes import RUNTIMES, Reference, XNNPack


def exact_model(model: QuantizedModel, runtime: str = "xnnpack") -> keras.Model:
    """Returns a model whose outputs are those of the int8 file, bit for bit.

    It evaluates the int8 file with no runtime but Keras, on any backend and machine. The quantized
    model computes the same integers, and trains; the exact model is a snapshot, which later changes
    of the quantized model do not reach. It also holds where the quantized model gives up the last
    bit: on JAX, which computes ranges in single precision, and in training where a layer sums up
    more than 2 ** 24. Layers that were kept in float32 agree with the file within 1e-5, as two
    libraries in float32 do, and are rounded to int8 as the file rounds them.

    Args:
        model: a calibrated model of `keraslight.quantize_model`.
        runtime: whose rounding it is: `"xnnpack"`, what LiteRT uses on desktops and in browsers,
            `"xnnpack_arm"`, what it uses on phones, which differs in softmax only, `"reference"`,
            LiteRT's reference kernels, or `"tflm"`, TensorFlow Lite Micro on microcontrollers. They
            differ by a step here and there; all but the first need a backend with 64-bit numbers.

    Returns:
        A `keras.Model` that takes the same float inputs and returns the outputs of the file,
        dequantized to float32. It can predict, not train. Its attribute `float_layers` lists the
        layers that compute in float32.

    Raises:
        ValueError: if `model` was not quantized and calibrated, `runtime` is unknown, or the
            runtime cannot run one of the operations.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keraslight.layers.RepVGGBlock(4)])
    >>> quantized = keraslight.quantize_model(keraslight.fuse(model))
    >>> batches = [np.random.rand(4, 8, 8, 3)]
    >>> quantized = keraslight.calibrate(quantized, batches, verbose=0)
    >>> outputs = keraslight.exact_model(quantized).predict(batches[0], verbose=0)
    >>> outputs.shape
    (4, 8, 8, 4)
    """
    if not isinstance(model, QuantizedModel):
        raise ValueError(
            "Only a model made by keraslight.quantize_model has an integer form. "
            f"Received: model={model!r}"
        )
    model.require_calibration()
    if runtime not in RUNTIMES:
        raise ValueError(
            f"`runtime` must be one of {sorted(RUNTIMES)}. Received: runtime={runtime!r}"
        )
    _require_operators(model, RUNTIMES[runtime])
    return ExactModel(model, RUNTIMES[runtime])


def _require_operators(model, runtime):
    """Raises a `ValueError` if a runtime has no kernel for an operation of the file."""
    if model.is_unsigned and isinstance(runtime, Reference):
        raise ValueError(
            f"How {runtime.title} rounds a file of uint8 is not known: make one of int8 with "
            f"keraslight.uint8_to_int8. Received: runtime={runtime.name!r}"
        )
    for call in trace(model).calls:
        op = None if call.name in model.float_layers else op_of(call)
        if op is None:
            continue
        if not op.is_known(call, runtime):
            raise ValueError(
                f"How {runtime.title} rounds the layer '{call.name}' is not known: pass "
                f"runtime='xnnpack'. Received: runtime={runtime.name!r}"
            )
        rare = op.rare_operator(call)
        if rare in runtime.missing:
            raise ValueError(
                f"{runtime.title} has no working kernel for {rare}, as which the file holds the "
                f"layer '{call.name}'. Received: runtime={runtime.name!r}"
            )


class ExactModel(keras.Model):
    """The integer form of a quantized model, see `exact_model`.

    Attributes:
        runtime: whose rounding it is.
    """

    def __init__(self, model: QuantizedModel, runtime: XNNPack):
        super().__init__(name=f"{model.name}_exact", dtype="float32")
        self.runtime = runtime
        if keras.backend.backend() == "tensorflow":
            self.jit_compile = False  # XLA takes longer to compile than it saves
        # a variable, because graph optimizers replace the division by a constant by a product
        self.one = self.add_weight(name="one", shape=(), initializer="ones", trainable=False)
        # layers that are kept in float32 may be of classes that nobody registered
        others = {type(x).__name__: type(x) for x in model.layers if not is_of_keras(x)}
        with keras.saving.custom_object_scope(others):
            copy = clone_with_weights(model, None)
        self.float_layers = list(copy.float_layers)
        grids = {quantizer: Grid.of(*quantizer.range, runtime) for quantizer in copy.quantizers}
        # the interpreter keeps the layers of the copy out of this model, which has no graph
        self._interpreter = Interpreter(trace(copy), copy.float_layers, grids, self.one)

        self._standardized = functools.partial(standardized_inputs, copy)

    def call(self, inputs):
        return self._interpreter.run(keras.tree.flatten(self._standardized(inputs)))

    def get_config(self):
        raise ValueError(
            "An exact model is a snapshot and cannot be saved: save the quantized model and call "
            f"keraslight.exact_model again. Received: {self!r}"
        )
