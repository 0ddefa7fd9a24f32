"""RepSO: FalconNet's spatial operation, seven depthwise branches in training."""

import keras

from keraslight.layers.branch import Branch
from keraslight.layers.linear_branches import LinearBranches

__all__ = ["RepSO"]

EXTRA_BRANCHES = ("row", "column", "point", "identity")


@keras.saving.register_keras_serializable("keraslight")
class RepSO(LinearBranches):
    """Sum of depthwise 3x3, 1x3, 3x1 and 1x1 convolutions and the identity, each normalized.

    At inference the branches are one depthwise 3x3 convolution with bias.

    Args:
        squares: int, how many 3x3 branches there are.
        extra_branches: tuple of the other branches: `"row"` (1x3), `"column"` (3x1), `"point"`
            (1x1) and `"identity"`, by default all.
        **kwargs: the arguments of `LinearBranches` but `filters` and `groups`, and of every Keras
            layer, such as `name`. The identity is there only at `strides` 1.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input, at `strides` 1.

    Raises:
        ValueError: if `squares` is less than 1, a branch is unknown, or `filters` or `groups` is
            given.

    Example:
    >>> tuple(keraslight.layers.RepSO()(np.random.rand(1, 9, 9, 8)).shape)
    (1, 9, 9, 8)

    Reference:
        FalconNet: Factorization for the Light-weight ConvNets, 2023
        (https://arxiv.org/abs/2306.06365), where the branches and their number are stated.
    """

    def __init__(
        self, squares: int = 3, extra_branches: tuple[str, ...] = EXTRA_BRANCHES, **kwargs
    ):
        super().__init__(**kwargs)
        if self.filters is not None:
            raise ValueError(
                "RepSO takes no `filters`: it is depthwise, as many as its input has channels. "
                f"Received: filters={self.filters!r}"
            )
        if squares < 1:
            raise ValueError(f"`squares` must be at least 1. Received: squares={squares!r}")
        if not set(extra_branches) <= set(EXTRA_BRANCHES):
            raise ValueError(
                f"`extra_branches` must be some of {EXTRA_BRANCHES}. "
                f"Received: extra_branches={tuple(extra_branches)!r}"
            )
        self.squares = squares
        self.extra_branches = tuple(extra_branches)

    def branches_of(self, channels):
        squares = [Branch(f"square{index}", 3) for index in range(self.squares)]
        extra = [Branch("row", (1, 3)), Branch("column", (3, 1)), Branch("point", 1)]
        extra += [Branch("identity")] if self.keeps_shape(channels) else []
        return [*squares, *(branch for branch in extra if branch.name in self.extra_branches)]

    def track(self, layers):
        # two lists, as in files of earlier versions
        norms = {name: layer for name, layer in layers.items() if name.endswith("_norm")}
        self.branches = [layer for name, layer in layers.items() if name not in norms]
        self.norms = list(norms.values())

    def get_config(self):
        return {
            **super().get_config(),
            "squares": self.squares,
            "extra_branches": self.extra_branches,
        }
