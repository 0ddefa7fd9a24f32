"""Puts together what several results in JSON say of the same models."""

import base64
import contextlib
import json
import os
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from keraslight.text import printable

COLUMNS = (
    "model",
    "quantization",
    "size MB",
    "M MACs",
    "top-1 %",
    "top-5 %",
    "mAP %",
    "mAP50 %",
    "device",
    "threads",
    "delegate",
    "ms",
    "tail ms",
    "spread %",
    "ratio",
    "init ms",
    "peak MB",
)
# how the numbers of a column are written
FORMATS = {
    "size MB": ".2f",
    "M MACs": ".1f",
    "top-1 %": ".2f",
    "top-5 %": ".2f",
    "mAP %": ".2f",
    "mAP50 %": ".2f",
    "ms": ".3f",
    "spread %": ".1f",
    "ratio": ".3f",
    "init ms": ".1f",
    "peak MB": ".1f",
}
JPEG = b"\xff\xd8\xff"
INCOMPLETE = "not complete: the benchmark ended before everything was measured"


@dataclass
class Report:
    """All results.

    Attributes:
        models: list of dicts, one for each file: its `name`, `facts`, `evaluation`, `detection`,
            `conversion` and `card`.
        devices: list of dicts, one for each run: its `name`, `facts`, `warnings` and `results`.
        comparisons: list of dicts, as `keraslight evaluate --compare` writes them.
    """

    models: list[dict] = field(default_factory=list)
    devices: list[dict] = field(default_factory=list)
    comparisons: list[dict] = field(default_factory=list)


def read_result(path: str | os.PathLike) -> dict:
    """Reads a result that another command wrote as JSON.

    Raises:
        ValueError: if the file is not one.
    """
    try:
        values = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, RecursionError, ValueError) as error:
        raise ValueError(f"The file cannot be read as JSON: {error}. Received: '{path}'") from error
    if not isinstance(values, dict) or "kind" not in values:
        raise ValueError(
            "The file must be a result of evaluate, benchmark or convert, with the key `kind`. "
            f"Received: '{path}'"
        )
    return values


@contextlib.contextmanager
def _complete(what):
    """Tells of results that lack something, or hold something else, in one message."""
    try:
        yield
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{what} not complete, or of another version: {error!r}") from error


def collect(documents: Sequence[dict]) -> Report:
    """Returns a report of results, as the programs write them.

    Raises:
        ValueError: if one is of a kind that is not known or not complete, or no model is in them.
    """
    report, models = Report(), {}
    for document in documents:
        kind = document["kind"]
        if not isinstance(kind, str) or kind not in _READERS:
            raise ValueError(f"A result must be one of {list(_READERS)}. Received: kind={kind!r}")
        with _complete(f"A result of kind {kind!r} is"):
            _READERS[kind](report, models, document)
    if not models:
        raise ValueError(
            "The results hold no model: a conversion shows the files that were kept. "
            f"Received: kind={[document['kind'] for document in documents]}, without one"
        )
    report.models = list(models.values())
    for model in report.models:
        with _complete(f"The results of {printable(model['name'])} are"):
            model["card"] = _card(model)
    return report


def _model(models, facts):
    """Returns the entry of a file, which its content identifies."""
    entry = models.setdefault(
        facts["sha256"],
        {
            "name": facts["name"],
            "facts": facts,
            "evaluation": None,
            "detection": None,
            "conversion": None,
        },
    )
    entry["facts"] = {**facts, **entry["facts"]}
    return entry


def _benchmark(report, models, document):
    by_name = {facts["name"]: _model(models, facts) for facts in document["models"]}
    for entry in document.get("suite", []):
        if entry["kind"] == "float":  # whose accuracy it is that was published
            published = {key: entry[key] for key in ("top1", "source")}
            by_name[f"{entry['name']} float"]["published"] = published
    for run in document["runs"]:
        device = dict(run["device"])
        settings = {k: v for k, v in run["settings"].items() if not isinstance(v, dict)}
        report.devices.append(
            {
                "name": device.pop("name"),
                "facts": {**_plain({**device, **settings}), "date": document["created"]},
                "states": {k: run["settings"].get(k) for k in ("before", "after")},
                "warnings": run["warnings"]
                + ([run["error"]] if "error" in run else [])
                + ([] if document.get("complete", True) else [INCOMPLETE]),
                "on_device": run.get("on_device", []),
                "command": document["command"],
                "results": [
                    {**result, "sha256": by_name[result["model"]]["facts"]["sha256"]}
                    for result in run["results"]
                ],
            }
        )


def _evaluation(report, models, document):
    _model(models, document["model"])["evaluation"] = document


def _detection(report, models, document):
    entry = _model(models, document["model"])
    entry["detection"] = {
        **document,
        "examples": [_picture(example) for example in document["examples"]],
    }


def _picture(example):
    """Returns a picture of a result as text that can hold nothing but a JPEG file."""
    content = base64.b64decode(example, validate=True)
    if not content.startswith(JPEG):
        raise ValueError("an example is not a JPEG file")
    return base64.b64encode(content).decode()


def _comparison(report, models, document):
    for evaluation in document["files"]:
        _evaluation(report, models, evaluation)
    report.comparisons.append(document)


def _conversion(report, models, document):
    for facts in document["files"]:
        if facts["kept"]:
            _model(models, facts)["conversion"] = {**facts, "made_from": document["model"]}


_READERS = {
    "benchmark": _benchmark,
    "evaluation": _evaluation,
    "comparison": _comparison,
    "detection": _detection,
    "conversion": _conversion,
}


def rows(report: Report) -> list[dict]:
    """Returns the table: a dict of `COLUMNS` for every file on every device.

    Values are numbers, text that is safe to print, or `None` for what is not known.

    Raises:
        ValueError: if a result is not complete.
    """
    timed = {model["facts"]["sha256"]: [] for model in report.models}
    for device in report.devices:
        for result in device["results"]:
            timed[result["sha256"]].append((device["name"], result))
    return [
        _row(model, device, result)
        for model in report.models
        for device, result in timed[model["facts"]["sha256"]] or [(None, {})]
    ]


def _row(model, device, result):
    with _complete(f"The results of {printable(model['name'])} are"):
        values = {**_of_model(model), **_of_result(device, result)}
    return {**dict.fromkeys(COLUMNS), **_printable(values)}


def columns_of(table: Sequence[dict]) -> list[str]:
    """Returns the columns in which any row has a value."""
    return [column for column in COLUMNS if any(row[column] is not None for row in table)]


def _printable(values):
    return {k: printable(v) if isinstance(v, str) else v for k, v in values.items()}


def _of_model(model):
    facts, evaluation = model["facts"], model["evaluation"]
    published = model.get("published") or {}
    values = {
        "model": model["name"],
        "quantization": facts["quantization"],
        "size MB": round(facts["size_bytes"] / 1e6, 2),
        "M MACs": round(facts["macs"] / 1e6, 1),
    }
    if evaluation is not None:
        values["top-1 %"] = round(100 * evaluation["top1"], 2)
        values["top-5 %"] = round(100 * evaluation["top5"], 2)
    elif published.get("top1") is not None:
        values["top-1 %"] = f"{published['top1']} (published)"
    if model["detection"] is not None:
        values["mAP %"] = round(100 * model["detection"]["mAP"], 2)
        values["mAP50 %"] = round(100 * model["detection"]["mAP50"], 2)
    return values


def _of_result(device, result):
    if not result:
        return {}
    values = {key: result[key] for key in ("threads", "delegate")}
    values["device"] = device
    if "latency_ms" not in result:
        return {**values, "ms": f"failed: {result['error']}"}
    tail = next((n for n in ("p90", "p95") if result.get(f"{n}_ms") is not None), None)
    values["ms"] = round(result["latency_ms"], 3)
    values["spread %"] = round(100 * result["spread"], 1)
    if tail:
        values["tail ms"] = f"{result[f'{tail}_ms']:.3f} ({tail})"
    for column, key, digits in (
        ("ratio", "ratio", 3),
        ("init ms", "init_ms", 1),
        ("peak MB", "peak_memory_mb", 1),
    ):
        if result.get(key) is not None:
            values[column] = round(result[key], digits)
    return values


def _card(model):
    """Returns what there is to say of a model, by headings."""
    facts, card = model["facts"], {}
    height, width = facts["input_shape"][1:3] if len(facts["input_shape"]) == 4 else ("", "")
    card["file"] = f"{facts['file']}, {facts['size_bytes']:,} bytes, SHA-256 {facts['sha256']}"
    card["computes with"] = facts["quantization"]
    card["input"] = f"{height}x{width} pixels" if height else str(facts["input_shape"])
    card["cost"] = f"{facts['macs']:,} multiply-adds"
    card["operators"] = ", ".join(f"{n} {kind}" for kind, n in facts["operators"].items())
    if model["conversion"]:
        made, check = model["conversion"], model["conversion"]["check"]
        kind = "pictures" if check["real_pictures"] else "pictures of noise"
        card["made from"] = (
            f"{made['made_from']}; error against the Keras model {check['error']:.2g} of full "
            f"scale, the same best class on {check['top1']:.1%} of {check['images']} {kind}"
        )
    if model["evaluation"]:
        found = model["evaluation"]
        card["accuracy"] = (
            f"top-1 {found['top1']:.2%}, top-5 {found['top5']:.2%} of {found['pictures']} pictures "
            f"in {found['data']['source']}; one picture is {1 / found['pictures']:.2%}"
        )
        card["preprocessing"] = ", ".join(
            f"{key} {value}" for key, value in found["preprocessing"].items()
        )
        worst = sorted(found["per_class"].items(), key=lambda item: item[1]["top1"])[:3]
        names = found.get("names", {})
        card["hardest classes"] = ", ".join(
            f"{names.get(label, label)} {shares['top1']:.1%}" for label, shares in worst
        )
        if found.get("assumed"):
            card["assumed"] = "; ".join(found["assumed"])
    if model["detection"]:
        card |= _precision(model["detection"])
    if model.get("published"):
        top1, source = model["published"]["top1"], model["published"]["source"]
        card["published accuracy"] = f"{top1} % ({source})" if top1 else source
    return card


def _precision(found):
    """Returns what there is to say of a detector's precision."""
    by_size = ", ".join(
        f"{size} {found[f'mAP_{size}']:.2%}"
        for size in ("small", "medium", "large")
        if found[f"mAP_{size}"] is not None
    )
    known = {name: value for name, value in found["per_class"].items() if value is not None}
    worst = sorted(known.items(), key=lambda item: item[1])[:3]
    card = {
        "precision": (
            f"mAP {found['mAP']:.2%}, mAP50 {found['mAP50']:.2%} of {found['objects']} objects in "
            f"{found['pictures']} pictures of {found['data']['source']}"
        ),
        "mAP by size": by_size,
        "hardest classes": ", ".join(f"{name} {value:.1%}" for name, value in worst),
        "preprocessing": ", ".join(
            f"{key} {value}" for key, value in found["preprocessing"].items()
        ),
    }
    if found["assumed"]:
        card["assumed"] = "; ".join(found["assumed"])
    return card


def _plain(facts):
    """Returns facts as text: the processors of a phone take one line."""
    facts = {key: value for key, value in facts.items() if value is not None}
    if "cpus" in facts:
        facts["cpus"] = ", ".join(
            f"{cpu['number']}: {(cpu['top_khz'] or 0) / 1e6:.2f} GHz {cpu['governor'] or ''}"
            for cpu in facts["cpus"]
        )
    return facts
