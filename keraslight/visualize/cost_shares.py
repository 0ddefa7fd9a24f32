"""Where the parameters and the multiply-adds of a network are."""

from dataclasses import asdict, dataclass
from typing import ClassVar

import keras

from keraslight.models.cost import macs_of_calls
from keraslight.report import Report, name_rows

L = keras.layers
POINTWISE, DEPTHWISE, GROUPED = "pointwise", "depthwise", "grouped"
DENSE, CONNECTED, OTHER = "dense convolution", "fully connected", "other"
KINDS = (POINTWISE, DEPTHWISE, GROUPED, DENSE, CONNECTED, OTHER)


@dataclass(frozen=True)
class KindCost:
    """What one kind of layer costs.

    Attributes:
        kind: str: `"pointwise"`, a 1x1 convolution that is not grouped; `"depthwise"`; `"grouped"`;
            `"dense convolution"`, larger than 1x1; `"fully connected"`; `"other"`, such as
            normalizations.
        parameters: int.
        macs: int, the multiply-adds of one example.
        parameter_share: float, of the parameters of the model.
        mac_share: float, of its multiply-adds.
    """

    kind: str
    parameters: int
    macs: int
    parameter_share: float
    mac_share: float


class CostShares(Report):
    """The parameters and multiply-adds of a model by kind of layer.

    Attributes:
        model: str, the name of the model.
        kinds: list of `KindCost`, in the order of `KINDS`, those that the model has.
    """

    formats: ClassVar = {
        "parameters": ",",
        "macs": ",",
        "parameter_share": ".1%",
        "mac_share": ".1%",
    }

    def __init__(self, model: str, kinds: list[KindCost]):
        self.model = model
        self.kinds = kinds

    def as_dicts(self) -> list[dict]:
        """Returns the kinds as dicts of plain values, ready for JSON or CSV."""
        return [asdict(kind) for kind in self.kinds]

    def _draw(self, ax) -> None:
        """Draws the two shares of each kind as bars."""
        places = range(len(self.kinds))
        for shift, name, color in ((-0.2, "parameter", "#3a86c8"), (0.2, "mac", "#e69f00")):
            shares = [100 * getattr(kind, f"{name}_share") for kind in self.kinds]
            label = {"parameter": "parameters", "mac": "multiply-adds"}[name]
            ax.barh([place + shift for place in places], shares, 0.4, color=color, label=label)
        ax.set_xlim(0, 100)
        ax.set_xlabel("share (%)")
        name_rows(ax, [kind.kind for kind in self.kinds])


def cost_shares(model: keras.Model, input_shape: tuple[int, ...] | None = None) -> CostShares:
    """Tells how many parameters and multiply-adds are in pointwise and in depthwise convolutions.

    Args:
        model: a functional or Sequential model with one input. Fuse it first to see what runs on
            the device.
        input_shape: `(height, width, channels)`, needed if the model takes any size.

    Returns:
        A `CostShares`: print it, or call its methods `table`, `as_dicts` and `plot`.

    Raises:
        ValueError: if the size of the input is not known.

    Example:
    >>> model = keraslight.LightNet(input_shape=(64, 64, 3)).fuse()
    >>> costs = keraslight.visualize.cost_shares(model)
    >>> shares = {kind.kind: kind.mac_share for kind in costs.kinds}
    >>> shares["pointwise"] > 0.5 > shares["depthwise"]
    True

    Reference:
        FalconNet: Factorization for the Light-weight ConvNets, 2023, figure 1
        (https://arxiv.org/abs/2306.06365), by which pointwise convolutions are what to factorize.
    """
    parameters, macs = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    seen = set()
    for call, count in macs_of_calls(model, input_shape):
        kind = _kind(call.operation)
        macs[kind] += count
        if isinstance(call.operation, L.Layer) and id(call.operation) not in seen:
            seen.add(id(call.operation))
            parameters[kind] += call.operation.count_params()
    parameters[OTHER] += model.count_params() - sum(parameters.values())
    totals = max(1, sum(parameters.values())), max(1, sum(macs.values()))
    return CostShares(
        model.name,
        [
            KindCost(
                kind,
                parameters[kind],
                macs[kind],
                parameters[kind] / totals[0],
                macs[kind] / totals[1],
            )
            for kind in KINDS
            if parameters[kind] or macs[kind]
        ],
    )


def _kind(layer) -> str:
    if isinstance(layer, L.DepthwiseConv2D):
        return DEPTHWISE
    if isinstance(layer, L.Dense):
        return CONNECTED
    if not isinstance(layer, L.Conv2D):
        return OTHER
    if layer.groups > 1:
        return DEPTHWISE if layer.groups == layer.kernel.shape[2] * layer.groups else GROUPED
    return POINTWISE if set(layer.kernel_size) == {1} else DENSE
