"""Which variable of a model each tensor of a checkpoint belongs to, and how it gets there."""

import warnings
from typing import NamedTuple

import keras
import numpy as np

from keraslight.layers.fixed_depthwise_conv2d import FixedDepthwiseConv2D
from keraslight.models.light_model import NO_STAGES
from keraslight.text import listed
from keraslight.weights.messages import say
from keraslight.weights.registry import FAMILIES

CLASSIFIER = "predictions"
# how far a fixed kernel in a checkpoint may be from the one that the layer computes
KERNEL_TOLERANCE = 1e-4

OIHW_TO_HWIO = (2, 3, 1, 0)
DEPTHWISE_TO_KERAS = (2, 3, 0, 1)
OI_TO_IO = (1, 0)


class Entry(NamedTuple):
    """A variable, and the axes of the published tensor in the variable's order.

    Attributes:
        variable: the variable of the model.
        axes: optional axes; `None` if the tensor has the variable's order.
    """

    variable: keras.Variable
    axes: tuple[int, ...] | None = None

    @property
    def published_shape(self) -> tuple[int, ...]:
        """The shape of the published tensor."""
        shape = tuple(self.variable.shape)
        if self.axes is None:
            return shape
        return tuple(shape[axis] for axis in np.argsort(self.axes))

    def to_keras(self, value: np.ndarray) -> np.ndarray:
        """Returns a published tensor in the variable's order."""
        return value if self.axes is None else value.transpose(self.axes)

    def to_published(self, value: np.ndarray) -> np.ndarray:
        """Returns the variable's value in the order of the published tensor."""
        return value if self.axes is None else value.transpose(np.argsort(self.axes))


def classifier_of(model: keras.Model) -> keras.layers.Layer | None:
    """Returns the classifier of a model, or `None` if it has none."""
    return next((layer for layer in model.layers if layer.name == CLASSIFIER), None)


class TensorMap(dict):
    """A dict from published tensor names to `Entry`s. Its methods add the tensors of a layer.

    Args:
        weight: suffix of a kernel.
        bias: suffix of a bias.
        norm: the four suffixes of a batch normalization: gamma, beta, mean, variance.

    Attributes:
        classifier_names: the names of the classifier's tensors, also if the model has none.
        fixed: dict from the names of kernels that are computed, not trained, to their layers.
        unused: prefixes of tensors that a checkpoint may hold and that the model has no use for.
    """

    def __init__(
        self,
        weight: str = ".weight",
        bias: str = ".bias",
        norm: tuple[str, ...] = (".weight", ".bias", ".running_mean", ".running_var"),
    ):
        super().__init__()
        self.weight, self.bias, self.norm_suffixes = weight, bias, norm
        self.classifier_names: set[str] = set()
        self.fixed: dict[str, FixedDepthwiseConv2D] = {}
        self.unused: tuple[str, ...] = ()

    def conv(self, name: str, layer) -> None:
        """Adds the kernel of a convolution and its bias, if it has one."""
        self._linear(name, layer, OIHW_TO_HWIO)

    def depthwise(self, name: str, layer) -> None:
        """Adds the kernel of a depthwise convolution and its bias, if it has one."""
        self._linear(name, layer, DEPTHWISE_TO_KERAS)
        if isinstance(layer, FixedDepthwiseConv2D):
            self.fixed[name + self.weight] = layer

    def dense(self, name: str, layer) -> None:
        """Adds the kernel and the bias of a dense layer."""
        self._linear(name, layer, OI_TO_IO)

    def classifier(self, name: str, model) -> None:
        """Adds the classifier of a model, if it has one."""
        self.classifier_names = {name + self.weight, name + self.bias}
        if (layer := classifier_of(model)) is not None:
            self.dense(name, layer)

    def norm(self, name: str, layer) -> None:
        """Adds a batch normalization."""
        variables = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
        for suffix, variable in zip(self.norm_suffixes, variables, strict=True):
            self._add(name + suffix, Entry(variable))

    def conv_norm(self, name: str, norm: str, layer) -> None:
        """Adds a `ConvNormAct`: its convolution, depthwise or not, and its normalization."""
        (self.depthwise if layer.filters is None else self.conv)(name, layer.conv)
        self.norm(norm, layer.conv_norm)

    def _linear(self, name, layer, axes):
        self._add(name + self.weight, Entry(layer.kernel, axes))
        if getattr(layer, "bias", None) is not None:
            self._add(name + self.bias, Entry(layer.bias))

    def _add(self, name, entry):
        if name in self:
            raise ValueError(f"Two variables have the same tensor name. Received: name={name!r}")
        self[name] = entry


def has_names(model) -> bool:
    """Tells whether the tensors of a model's family have published names."""
    family = FAMILIES.get(model.architecture["family"])
    return family is not None and bool(family.namings)


def tensor_map(model, names=()) -> TensorMap:
    """Returns the map of a model's tensors.

    Args:
        model: a `keraslight.LightModel`, not fused.
        names: the names in a checkpoint. Of the family's namings, the one that has most of them is
            taken.

    Raises:
        ValueError: if the family has no namings, or the model does not know its stages.
    """
    if not has_names(model):
        known = sorted(name for name, other in FAMILIES.items() if other.namings)
        raise ValueError(
            f"Tensor names are known for the families {known}. Models of other families load files "
            f"that model.save_weights wrote. Received: model={model!r}"
        )
    if not model.stages:
        raise ValueError(f"{NO_STAGES} Received: model={model!r}")
    maps = [naming(model) for naming in FAMILIES[model.architecture["family"]].namings.values()]
    return max(maps, key=lambda tensors: len(tensors.keys() & set(names)))


def assign(
    model, tensors: TensorMap, values: dict[str, np.ndarray], path, skip_classifier: bool
) -> None:
    """Assigns the tensors of a checkpoint to the variables of a model: all of them, or none.

    Args:
        model: the model.
        tensors: where each tensor belongs.
        values: the tensors.
        path: the file they come from, for the message.
        skip_classifier: whether to leave out a classifier that the model does not have, or that has
            another number of classes.

    Raises:
        ValueError: if the tensors are not those of the model. The model is then unchanged.
    """
    values = {name: v for name, v in values.items() if not name.startswith(tensors.unused)}
    if skip_classifier:
        values = _without_other_classifier(model, tensors, values)
    _refuse_misfits(tensors, values, path)
    for name, value in values.items():
        tensors[name].variable.assign(tensors[name].to_keras(_float32(value)))


def _float32(value):
    with np.errstate(over="ignore"):
        return value.astype("float32", copy=False)


def _without_other_classifier(model, tensors, values):
    found = {name: values[name].shape for name in tensors.classifier_names & values.keys()}
    wanted = {
        name: tensors[name].published_shape for name in tensors.classifier_names & tensors.keys()
    }
    if not found or found == wanted:
        return values
    for name in wanted:
        del tensors[name]
    outcome = "keeps its initial values" if wanted else "does not exist"
    say(f"{model.name}: the checkpoint's classifier was left out; the model's {outcome}.")
    return {name: value for name, value in values.items() if name not in found}


def _refuse_misfits(tensors, values, path):
    missing = sorted(tensors.keys() - values.keys())
    unexpected = sorted(values.keys() - tensors.keys())
    misshaped, not_finite = {}, []  # the messages of those misshaped, by name
    for name in tensors.keys() & values.keys():
        found, expected = values[name].shape, tensors[name].published_shape
        if found != expected:
            misshaped[name] = f"{name} {found} instead of {expected}"
        elif not np.isfinite(_float32(values[name])).all():
            not_finite.append(name)
    lines = [
        f"{kind}: {names}"
        for kind, names in (
            ("missing", ", ".join(missing)),
            ("unexpected", listed(unexpected)),
            ("misshaped", ", ".join(sorted(misshaped.values()))),
            ("not finite", ", ".join(sorted(not_finite))),
        )
        if names
    ]
    misfits = {*missing, *unexpected, *misshaped}
    if misfits and misfits <= tensors.classifier_names:
        lines.append("Only the classifier does not fit: skip_classifier=True leaves it out.")
    if lines:
        raise ValueError(
            "The checkpoint does not fit the model, which was left as it was.\n"
            + "\n".join(lines)
            + f"\nReceived: path={str(path)!r}"
        )


def warn_of_other_kernels(model, tensors: TensorMap) -> None:
    """Warns if fixed kernels of a model are not those that its layers compute."""
    other = []
    for name, layer in tensors.fixed.items():
        kernel = keras.ops.convert_to_numpy(layer.kernel)
        if np.abs(kernel - layer.given_kernel(kernel.shape[2])).max() > KERNEL_TOLERANCE:
            other.append(name)
    if other:
        warnings.warn(
            f"{model.name}: the checkpoint has other fixed kernels than the layers compute. They "
            f"were loaded, because it was trained with them: {', '.join(other)}",
            stacklevel=2,
        )
