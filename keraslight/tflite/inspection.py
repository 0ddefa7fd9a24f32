"""What a person wants to know of a .tflite file."""

import collections
import os
from dataclasses import asdict

from keraslight.text import printable
from keraslight.tflite.classify import PROBABILITIES
from keraslight.tflite.file_graph import FileGraph
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import LiteRTSession

SHOWN_LABELS = 3
SHOWN_NAME = 40  # characters of the name of a tensor


class FileInfo(dict):
    """Facts about a .tflite file: a dict, fit for JSON, that prints as a card."""

    def __str__(self) -> str:
        rows = [(name, text) for name, text in _rows(self) if text]
        width = max(len(name) for name, _ in rows)
        lines = [f"  {name:{width}}  {text}" for name, text in rows]
        lines += [f"  {_operator(row)}" for row in self.get("graph", ())]
        return "\n".join([self["file"], *lines])


def inspect_file(path: str | os.PathLike, graph: bool = False) -> FileInfo:
    """Returns the facts about a .tflite file.

    Args:
        path: path of the file.
        graph: bool, whether to add `graph`: a dict for each operator, in the order they run, with
            its place, its kind, the places of the operators that it reads, and the type, the shape
            and the range of what it computes.

    Returns:
        A `FileInfo`. It has what `ModelFile.facts` has; `inputs` and `outputs` with type, shape,
        scale, zero point and the range of real values; `computes`, the share of the multiply-adds
        in each type; `xnnpack`, the operators that XNNPACK does not run and the share of the
        multiply-adds that it runs, `None` if LiteRT is not installed or cannot run the file;
        `saturated_biases`, the number of int32 biases that did not fit; `last_operator`, by which
        scores are probabilities or logits; and `metadata`: name, description, mean, std, labels
        and preprocessing.

    Raises:
        ValueError: if there is no such file or it is no .tflite file.

    Example:
    ```python
    print(keraslight.tflite.inspect_file("model.tflite"))
    ```
    """
    model = ModelFile(path)
    metadata = model.metadata
    info = FileInfo(
        **model.facts(),
        inputs=[tensor.to_dict() for tensor in model.inputs],
        outputs=[tensor.to_dict() for tensor in model.outputs],
        computes=_shares(model),
        xnnpack=_delegation(model),
        saturated_biases=model.saturated_biases,
        last_operator=model.last_operator,
        metadata=None if metadata is None else asdict(metadata),
    )
    if graph:
        info["graph"] = _graph(FileGraph.read(path))
    return info


def _graph(graph):
    """Returns what every operator reads and computes."""
    rows = []
    for op in graph.operators:
        before = [graph.writer(tensor) for tensor in op.inputs if tensor is not None]
        tensor = op.outputs[0]
        rows.append(
            {
                "place": op.place,
                "operator": op.kind,
                "reads": [found.place for found in before if found is not None],
                "type": tensor.type.lower(),
                "shape": [-1 if side is None else side for side in tensor.shape],
                "range": tensor.range,
                "tensor": tensor.name,
            }
        )
    return rows


def _shares(model):
    """Returns the share of the multiply-adds that are computed in each type."""
    macs = collections.Counter()
    for op in model.operators:
        macs[op.computes] += op.macs
    return {kind: count / model.macs for kind, count in macs.most_common() if count}


def _delegation(model):
    try:
        places = LiteRTSession(model.path).places_outside_delegate()
    except (ImportError, ValueError):
        return None
    outside = [model.operators[place] for place in places]
    inside = model.macs - sum(op.macs for op in outside)
    return {
        "operators_outside": dict(collections.Counter(op.kind for op in outside).most_common()),
        "share_of_macs": inside / model.macs if model.macs else None,
    }


def _rows(info):
    """Yields the lines of the card: a name, and a text that is empty if it does not apply."""
    count = sum(info["operators"].values())
    shares = ", ".join(f"{share:.1%} in {kind}" for kind, share in info["computes"].items())
    yield "size", f"{info['size_bytes']:,} bytes"
    yield "quantization", info["quantization"]
    yield "multiply-adds", f"{info['macs']:,}" + (shares and f", {shares}")
    yield "operators", f"{count}: {_counted(info['operators'])}"
    yield "XNNPACK", _xnnpack(info, count)
    for end in ("input", "output"):
        for tensor in info[f"{end}s"]:
            yield end, _tensor(tensor)
    kind = "probabilities" if info["last_operator"] in PROBABILITIES else "no probabilities"
    yield "scores", f"{kind}: they come from {info['last_operator'] or 'no operator'}"
    if info["saturated_biases"]:
        yield "biases", f"{info['saturated_biases']} do not fit into int32: the file is wrong there"
    metadata = info["metadata"]
    if metadata is None:
        yield "metadata", "none: neither labels nor normalization"
        return
    labels = metadata["labels"]
    more = ", ..." if len(labels) > SHOWN_LABELS else ""
    yield "labels", labels and f"{len(labels)}: {', '.join(labels[:SHOWN_LABELS])}{more}"
    yield (
        "normalization",
        metadata["mean"]
        and (f"(pixel - {_numbers(metadata['mean'])}) / {_numbers(metadata['std'])}"),
    )
    yield (
        "preprocessing",
        ", ".join(
            f"{name} {value}"
            for name, value in metadata["preprocessing"].items()
            if value is not None
        ),
    )
    yield "description", metadata["description"]


def _xnnpack(info, count):
    found = info["xnnpack"]
    if found is None:
        return "not known: LiteRT is not installed, or cannot run the file"
    outside = found["operators_outside"]
    text = f"runs {count - sum(outside.values())} of {count} operators"
    if found["share_of_macs"] is not None:
        text += f", {found['share_of_macs']:.1%} of the multiply-adds"
    return text + (f"; not {_counted(outside)}" if outside else "")


def _counted(counts):
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def _tensor(tensor):
    text = f"{tensor['name']}: {tensor['type']} {'x'.join(map(str, tensor['shape']))}"
    if tensor["range"]:
        low, high = tensor["range"]
        text += (
            f", {low:.4g} to {high:.4g} (scale {tensor['scale']:.4g}, "
            f"zero point {tensor['zero_point']})"
        )
    return text


def _operator(row):
    reads = f" of {', '.join(map(str, row['reads']))}" if row["reads"] else ""
    text = f"{row['place']:4}  {row['operator']}{reads}: {row['type']} "
    text += "x".join(map(str, row["shape"]))
    if row["range"]:
        text += f", {row['range'][0]:.4g} to {row['range'][1]:.4g}"
    return f"{text}  {printable(row['tensor'], SHOWN_NAME)}"


def _numbers(values):
    return f"{values[0]:g}" if len(values) == 1 else f"[{', '.join(f'{x:g}' for x in values)}]"
