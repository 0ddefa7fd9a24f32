"""RepSO: FalconNet's spatial operation, seven depthwise branches in training."""

import keras

from keraslight.graph.kernels import centred, norm_scale_shift
from keraslight.graph.reparam_layer import ReparamLayer, call_with_weights
from keraslight.layers.initializers import depthwise_initializer
from keraslight.layers.parts import batch_normalization

__all__ = ["RepSO"]

# height and width of the skeleton's kernels: row, column, point
SKELETON = {"row": (1, 3), "column": (3, 1), "point": (1, 1)}


@keras.saving.register_keras_serializable("keraslight")
class RepSO(ReparamLayer):
    """Depthwise 3x3, 1x3, 3x1, 1x1 and identity in parallel, each normalized, summed.

    At inference the branches are one depthwise 3x3 convolution with bias.

    Args:
        squares: int, how many 3x3 branches there are.
        **kwargs: the arguments of every Keras layer, such as `name`.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Raises:
        ValueError: if `squares` is less than 1.

    Example:
    >>> tuple(keraslight.layers.RepSO()(np.random.rand(1, 9, 9, 8)).shape)
    (1, 9, 9, 8)

    Reference:
        FalconNet: Factorization for the Light-weight ConvNets, 2023
        (https://arxiv.org/abs/2306.06365), where the branches and their number are stated.
    """

    def __init__(self, squares: int = 3, **kwargs):
        super().__init__(**kwargs)
        if squares < 1:
            raise ValueError(f"`squares` must be at least 1. Received: squares={squares!r}")
        self.squares = squares
        shapes = {f"square{i}": (3, 3) for i in range(squares)} | SKELETON
        self.branches = [self._depthwise(shape, name) for name, shape in shapes.items()]
        self.norms = [self._norm(name) for name in [*shapes, "identity"]]

    def _depthwise(self, kernel_size, name, **kwargs):
        return keras.layers.DepthwiseConv2D(
            kernel_size,
            padding="same",
            data_format="channels_last",
            name=f"{self.name}_{name}",
            **{
                "use_bias": False,
                "depthwise_initializer": depthwise_initializer(*kernel_size),
                "dtype": self.dtype_policy,
                **kwargs,
            },
        )

    def _norm(self, name):
        return batch_normalization(dtype=self.dtype_policy, name=f"{self.name}_{name}_norm")

    def build(self, input_shape):
        for layer in (*self.branches, *self.norms):
            layer.build(input_shape)

    def call(self, inputs, training=None):
        x = self.norms[-1](inputs, training=training)
        for branch, norm in zip(self.branches, self.norms[:-1], strict=True):
            x = x + norm(branch(inputs), training=training)
        return x

    def fused_weights(self):
        """Returns kernel and bias of the one depthwise convolution the branches amount to."""
        kernel, bias = 0, 0
        kernels = [branch.get_weights()[0] for branch in self.branches]
        for branch_kernel, norm in zip([*kernels, 1.0], self.norms, strict=True):
            scale, shift = norm_scale_shift(norm)
            scaled = branch_kernel * scale[None, None, :, None]
            kernel = kernel + centred(scaled, 3, 3)
            bias = bias + shift
        return kernel, bias

    def deploy(self, inputs, policy):
        conv = self._depthwise((3, 3), "conv", use_bias=True)
        return call_with_weights(conv, inputs, *self.fused_weights())

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "squares": self.squares}
