"""What a person wants to know of a Keras model."""

import math

import keraslight
from keraslight.conversion.keras_model import Source
from keraslight.export.softmax import ends_in_logits
from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.reparam.fuse import NothingToFuse


class KerasInfo(dict):
    """Facts about a Keras model: a dict, fit for JSON, that prints as a card."""

    def __str__(self) -> str:
        rows = [(name, text) for name, text in _rows(self) if text]
        width = max(len(name) for name, _ in rows)
        return "\n".join([self["file"], *(f"  {name:{width}}  {text}" for name, text in rows)])


def inspect_model(source: Source, file: str) -> KerasInfo:
    """Returns the facts about a Keras model.

    Args:
        source: the model, see `keraslight.conversion.keras_model.load_model`.
        file: str, what to call it.

    Returns:
        A `KerasInfo`. It has `name`, `input_shape`, `output_shape`, `layers`, `parameters`,
        `trainable_parameters`, `macs` (`None` if the size of the input is open), `form`
        (`"quantized"`, `"to fuse"`, or `"fused"` if there is nothing to fuse), `fused` (parameters
        and multiply-adds after fusing, `None` where that does not apply), `logits`, `labels`,
        `recipe` of a run of training and `licence` of published weights.
    """
    model = source.model
    quantized = isinstance(model, QuantizedModel)
    fused = None if quantized else _fused(model)
    return KerasInfo(
        file=file,
        name=model.name,
        input_shape=model.input_shape,
        output_shape=model.output_shape,
        layers=len(model.layers),
        **_cost(model),
        trainable_parameters=sum(math.prod(weight.shape) for weight in model.trainable_weights),
        form="quantized" if quantized else "fused" if fused is None else "to fuse",
        fused=fused and {**_cost(fused), "layers": len(fused.layers)},
        logits=ends_in_logits(model),
        labels=source.labels,
        recipe=source.recipe,
        licence=_licence(model),
    )


def _cost(model):
    shape = model.input_shape
    is_fixed = isinstance(shape, tuple) and None not in shape[1:]
    return {
        "parameters": model.count_params(),
        "macs": keraslight.count_macs(model) if is_fixed else None,
    }


def _fused(model):
    try:
        return keraslight.fuse(model)
    except NothingToFuse:
        return None


def _licence(model):
    if not isinstance(model, keraslight.LightModel) or not getattr(model, "architecture", None):
        return None
    return keraslight.model_info(model)["licence"]


def _rows(info):
    """Yields the lines of the card: a name, and a text that is empty if it does not apply."""
    yield "network", info["name"]
    yield "input", str(info["input_shape"])
    yield "output", f"{info['output_shape']}{': logits' if info['logits'] else ''}"
    yield "layers", str(info["layers"])
    yield "parameters", f"{info['parameters']:,}, {info['trainable_parameters']:,} trainable"
    yield "multiply-adds", _macs(info)
    yield "form", info["form"] + _after(info["fused"])
    yield (
        "labels",
        info["labels"] and f"{len(info['labels'])}: {', '.join(info['labels'][:3])}, ...",
    )
    yield "recipe", ", ".join(f"{name} {value}" for name, value in (info["recipe"] or {}).items())
    yield "licence", info["licence"] or ""


def _macs(facts):
    return "" if facts["macs"] is None else f"{facts['macs']:,}"


def _after(fused):
    if fused is None:
        return ""
    macs = _macs(fused)
    return (
        f"; after keraslight.fuse: {fused['layers']} layers, {fused['parameters']:,} parameters"
        + (macs and f", {macs} multiply-adds")
    )
