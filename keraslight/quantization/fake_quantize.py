"""Rounds activations to the 256 values an int8 tensor of TFLite can take."""

import keras

RANGES = ("frozen", "average", "learned")


@keras.saving.register_keras_serializable("keraslight")
class FakeQuantize(keras.layers.Layer):
    """Rounds its input to 256 evenly spaced values that include zero.

    Tensors that must share one range (those that meet in a concatenation) go through one and the
    same layer.

    Args:
        fixed_range: optional `(minimum, maximum)` where the range is no matter of data, as after a
            sigmoid. Otherwise `keraslight.calibrate` sets it.
        ranges: what training does to the range: `"frozen"` leaves it; `"average"` follows the data
            by an exponential moving average; `"learned"` trains it.
        momentum: float, of the moving average.
        covers: `(minimum, maximum)` that the range must contain, whatever the calibration finds.
        clips: bool, whether calibration may cut off outliers to lower the squared error.
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
        **kwargs,
    ):
        super().__init__(**kwargs)
        if ranges not in RANGES:
            raise ValueError(f"`ranges` must be one of {RANGES}. Received: ranges={ranges!r}")
        self.fixed_range = None if fixed_range is None else tuple(fixed_range)
        self.ranges = ranges
        self.momentum = momentum
        self.covers = tuple(covers)
        self.clips = clips

    def build(self, input_shape):
        start = self.fixed_range or (0.0, 0.0)
        learned = self.ranges == "learned" and self.fixed_range is None
        self.minimum, self.maximum = (
            self.add_weight(
                name=name,
                shape=(),
                initializer=keras.initializers.Constant(value),
                trainable=learned,
                dtype="float32",
                autocast=False,
                aggregation="mean",
            )
            for name, value in zip(("minimum", "maximum"), start, strict=True)
        )

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        # stacked, as a variable that a strategy mirrors cannot be read by float()
        ends = keras.ops.stack([self.minimum.value, self.maximum.value])
        return tuple(keras.ops.convert_to_numpy(ends).tolist())

    @property
    def is_calibrated(self) -> bool:
        """Whether the range was set."""
        low, high = self.range
        return high > low

    def set_range(self, minimum: float, maximum: float) -> None:
        """Sets the range, widened to what it must contain."""
        self.minimum.assign(min(minimum, self.covers[0], 0.0))
        self.maximum.assign(max(maximum, self.covers[1], 0.0))

    def call(self, inputs, training=False):
        if training and self.ranges == "average" and self.fixed_range is None:
            self._follow(inputs)
        outputs = keras.quantizers.fake_quant_with_min_max_vars(inputs, self.minimum, self.maximum)
        return outputs, keras.ops.stack([self.minimum.value, self.maximum.value])

    def _follow(self, inputs):
        for variable, of_batch in (
            (self.minimum, keras.ops.minimum(keras.ops.min(inputs), self.covers[0])),
            (self.maximum, keras.ops.maximum(keras.ops.max(inputs), self.covers[1])),
        ):
            of_batch = keras.ops.cast(of_batch, "float32")
            variable.assign(self.momentum * variable + (1 - self.momentum) * of_batch)

    def compute_output_spec(self, inputs, training=False):
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
        }
