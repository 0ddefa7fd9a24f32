"""Rounds activations to the 256 values that an int8 tensor of TFLite can hold."""

import keras

RANGES = ("frozen", "average", "learned")
# The converter replaces the scale of a smaller range by 1. Such a tensor counts as zeros, which any
# range represents.
SMALLEST_RANGE = 1e-12
RANGE_OF_ZEROS = (0.0, 1.0)


@keras.saving.register_keras_serializable("keraslight")
class FakeQuantize(keras.layers.Layer):
    """Rounds its input to 256 evenly spaced values, one of which is zero.

    Tensors that must share one range, such as the inputs of a concatenation, share one layer.

    Args:
        fixed_range: optional `(minimum, maximum)` for a range that does not depend on data, such as
            that of a sigmoid. By default `keraslight.calibrate` sets the range.
        ranges: what training does to the range. `"frozen"` keeps it, `"average"` updates it by an
            exponential moving average of the ranges of the batches, `"learned"` trains it.
        momentum: float, the momentum of the moving average.
        covers: `(minimum, maximum)` that the range always contains.
        clips: bool, whether calibration may clip outliers to lower the squared error.
        calls: int, how often one run of the model calls the layer. One step of the moving average
            takes the union of the ranges of all these calls.
        margin: float, how far the range reaches below the lowest value, for a mask.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: any.

    Output shape: that of the input, and `(2,)`: the range.

    Raises:
        ValueError: if `ranges` is unknown.
    """

    def __init__(
        self,
        fixed_range: tuple[float, float] | None = None,
        ranges: str = "frozen",
        momentum: float = 0.99,
        covers: tuple[float, float] = (0.0, 0.0),
        clips: bool = True,
        calls: int = 1,
        margin: float = 0.0,
        **kwargs,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        if ranges not in RANGES:
            raise ValueError(f"`ranges` must be one of {RANGES}. Received: ranges={ranges!r}")
        self.fixed_range = None if fixed_range is None else tuple(fixed_range)
        self.ranges = ranges
        self.momentum = momentum
        self.covers = tuple(covers)
        self.clips = clips
        self.calls = calls
        self.margin = margin

    @property
    def averages(self) -> bool:
        """Whether training updates the range by a moving average, unless the layer is frozen."""
        return self.ranges == "average" and self.fixed_range is None

    def build(self, input_shape):
        low, high = self.fixed_range or (0.0, 0.0)
        learned = self.ranges == "learned" and self.fixed_range is None
        self.minimum = self._scalar("minimum", low, trainable=learned)
        self.maximum = self._scalar("maximum", high, trainable=learned)
        if self.averages:
            # what the calls since the last step of the moving average saw
            self.seen_minimum = self._scalar("seen_minimum")
            self.seen_maximum = self._scalar("seen_maximum")
            self.seen_calls = self._scalar("seen_calls")

    def _scalar(self, name, value=0.0, trainable=False):
        return self.add_weight(
            name=name,
            shape=(),
            initializer=keras.initializers.Constant(value),
            trainable=trainable,
            dtype="float32",
            autocast=False,
            aggregation="mean",
        )

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        # stacked, because float() cannot read a variable that a strategy mirrors
        ends = keras.ops.stack([self.minimum.value, self.maximum.value])
        return tuple(keras.ops.convert_to_numpy(ends).tolist())

    @property
    def is_calibrated(self) -> bool:
        """Whether the range was set."""
        low, high = self.range
        return high > low

    def measures(self, follows: bool) -> bool:
        """Tells whether calibration and reports look at a call of the layer.

        What is masked lies far below the range.
        """
        return follows or not self.margin

    def set_range(self, minimum: float, maximum: float) -> None:
        """Sets the range, extended to zero and to `covers`."""
        low = min(minimum, self.covers[0], 0.0) - self.margin
        high = max(maximum, self.covers[1], 0.0)
        if high - low < SMALLEST_RANGE:
            low, high = RANGE_OF_ZEROS
        self.minimum.assign(low)
        self.maximum.assign(high)

    def call(self, inputs, training=None, follows=True):
        if training and follows and self.averages and self.trainable:
            self.follow(inputs)
        outputs = keras.quantizers.fake_quant_with_min_max_vars(inputs, self.minimum, self.maximum)
        return outputs, keras.ops.stack([self.minimum.value, self.maximum.value])

    def follow(self, inputs):
        """Updates the moving average, at the last of the calls in one run of the model."""
        is_first = self.seen_calls == 0
        low = keras.ops.cast(keras.ops.min(inputs), "float32")
        high = keras.ops.cast(keras.ops.max(inputs), "float32")
        low = keras.ops.minimum(low, keras.ops.where(is_first, self.covers[0], self.seen_minimum))
        high = keras.ops.maximum(high, keras.ops.where(is_first, self.covers[1], self.seen_maximum))
        calls = self.seen_calls + 1
        is_last = calls == self.calls
        keep = keras.ops.where(is_last, self.momentum, 1.0)
        self.minimum.assign(keep * self.minimum + (1 - keep) * (low - self.margin))
        self.maximum.assign(keep * self.maximum + (1 - keep) * high)
        self.seen_minimum.assign(low)
        self.seen_maximum.assign(high)
        self.seen_calls.assign(keras.ops.where(is_last, 0.0, calls))

    def save_own_variables(self, store):
        """Saves the range; the rest has no meaning between two runs of the model."""
        store["0"] = keras.ops.convert_to_numpy(self.minimum.value)
        store["1"] = keras.ops.convert_to_numpy(self.maximum.value)

    def load_own_variables(self, store):
        self.minimum.assign(store["0"])
        self.maximum.assign(store["1"])

    def compute_output_spec(self, inputs, training=None, follows=True):
        return (
            keras.KerasTensor(inputs.shape, dtype=inputs.dtype),
            keras.KerasTensor((2,), dtype="float32"),
        )

    def get_config(self):
        return {
            **super().get_config(),
            "fixed_range": self.fixed_range,
            "ranges": self.ranges,
            "momentum": self.momentum,
            "covers": self.covers,
            "clips": self.clips,
            "calls": self.calls,
            "margin": self.margin,
        }
