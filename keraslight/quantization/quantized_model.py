"""The class of quantized models."""

import keras

from keraslight.compat import standardized_inputs
from keraslight.graph.graph import trace
from keraslight.quantization.fake_quantize import FakeQuantize
from keraslight.quantization.interpreter import Interpreter


@keras.saving.register_keras_serializable("keraslight")
class QuantizedModel(keras.Model):
    """A functional Keras model that computes with the values that int8 TFLite can represent.

    `keraslight.quantize_model` makes it and `keraslight.calibrate` sets its ranges in place. From
    then on it is an ordinary Keras model to train, save and load.

    Attributes:
        float_layers: names of the layers that were kept in float32.
        is_unsigned: bool, whether it computes with uint8, as files of TensorFlow 1 do.

    Example:
    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keraslight.layers.RepVGGBlock(4)])
    >>> quantized = keraslight.quantize_model(keraslight.fuse(model))
    >>> isinstance(quantized, keraslight.quantization.QuantizedModel)
    True
    """

    is_unsigned = False

    def __init__(self, inputs, outputs, name=None, **kwargs):
        super().__init__(inputs, outputs, name=name, **kwargs)
        # what a layer computes in half precision is not what the file computes
        self.dtype_policy = keras.dtype_policies.DTypePolicy("float32")
        self.float_layers = []
        self._interpreter = None

    @property
    def quantizers(self) -> list[FakeQuantize]:
        """The layers that round activations."""
        return [layer for layer in self.layers if isinstance(layer, FakeQuantize)]

    @property
    def is_calibrated(self) -> bool:
        """Whether every range was set."""
        return all(quantizer.is_calibrated for quantizer in self.quantizers)

    def require_calibration(self) -> None:
        """Raises a `ValueError` if a range was not set."""
        missing = [quantizer.name for quantizer in self.quantizers if not quantizer.is_calibrated]
        if missing:
            raise ValueError(
                "The model was not calibrated: call keraslight.calibrate(model, batches) first. "
                f"Received: model={self!r} with {len(missing)} ranges not set, such as {missing[0]}"
            )

    def call(self, inputs, training=None, mask=None):
        """Computes with the integers of the int8 file, in training too."""
        if any(isinstance(x, keras.KerasTensor) for x in keras.tree.flatten(inputs)):
            return super().call(inputs, training=training, mask=mask)
        if self._interpreter is None:
            self._interpreter = Interpreter(trace(self), self.float_layers)
        inputs = keras.tree.flatten(standardized_inputs(self, inputs))
        return self._interpreter.run(inputs, training=bool(training))

    def fit(self, *args, **kwargs):
        """Trains the model, see `keras.Model.fit`. Raises an error if it was not calibrated."""
        self.require_calibration()
        return super().fit(*args, **kwargs)

    def evaluate(self, *args, **kwargs):
        """Evaluates the model, see `keras.Model.evaluate`. Raises an error as `fit` does."""
        self.require_calibration()
        return super().evaluate(*args, **kwargs)

    def predict(self, *args, **kwargs):
        """Predicts, see `keras.Model.predict`. Raises an error as `fit` does."""
        self.require_calibration()
        return super().predict(*args, **kwargs)

    def get_config(self):
        return {**super().get_config(), "float_layers": list(self.float_layers)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        float_layers = config.pop("float_layers", [])
        model = super().from_config(config, custom_objects=custom_objects)
        model.float_layers = float_layers
        return model
