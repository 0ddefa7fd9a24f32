"""Builds popular networks and those of keraslight as .tflite files and times them in one run.

Weights are random, so that nothing is downloaded: what is timed is the structure. Accuracies are
those published, with their source.
"""

import json
import os
import pathlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras

import keraslight
from keraslight.benchmark import desktop, machine
from keraslight.benchmark.results import Case, Measurement, document, run_dict, write_json
from keraslight.commands import program
from keraslight.conversion.noise import settle
from keraslight.report import markdown_table
from keraslight.tflite.model_file import ModelFile
from tflite.studies.suite import floor_ms, machine_limits, publish, slug, write_int8

SIZE = 224
REFERENCE = "MobileNetV2 1.0"
# of about equal published accuracy
PAIRS = (("VGNetG-2.0MP", "MobileNetV2 1.0"), ("VGNetG-1.0MP", "MobileNetV2 0.75"))

SLIM = "table of TensorFlow-Slim's MobileNet checkpoints"
KERAS = "keras.io/api/applications"


@dataclass(frozen=True)
class Peer:
    """A network of the comparison.

    Attributes:
        name: str.
        build: returns the Keras model.
        top1: published ImageNet top-1 accuracy in percent; of our networks keraslight knows it.
        source: str, where it was published.
    """

    name: str
    build: Callable[[], keras.Model]
    top1: float | None = None
    source: str | None = None


def _applications(name, **arguments):
    def build():
        builder = getattr(keras.applications, name)
        return builder(weights=None, input_shape=(SIZE, SIZE, 3), **arguments)

    return build


def _ours(name):
    return lambda: keraslight.create_model(name, input_shape=(SIZE, SIZE, 3))


PEERS = (
    Peer(REFERENCE, _applications("MobileNetV2"), 71.8, SLIM),
    Peer("MobileNetV2 0.75", _applications("MobileNetV2", alpha=0.75), 69.8, SLIM),
    Peer("MobileNetV2 0.5", _applications("MobileNetV2", alpha=0.5), 65.4, SLIM),
    Peer("MobileNetV2 0.35", _applications("MobileNetV2", alpha=0.35), 60.3, SLIM),
    Peer("MobileNet 1.0", _applications("MobileNet"), 70.9, SLIM),
    Peer(
        "MobileNetV3-Small",
        _applications("MobileNetV3Small", include_preprocessing=False),
        67.5,
        SLIM,
    ),
    Peer(
        "MobileNetV3-Large",
        _applications("MobileNetV3Large", include_preprocessing=False),
        75.2,
        SLIM,
    ),
    Peer("EfficientNetB0", _applications("EfficientNetB0"), 77.1, KERAS),
    Peer("VGNetG-1.0MP", _ours("vgnetg_1_0mp")),
    Peer("VGNetG-1.0MP SE", _ours("vgnetg_1_0mp_se")),
    Peer("VGNetG-1.5MP", _ours("vgnetg_1_5mp")),
    Peer("VGNetG-2.0MP", _ours("vgnetg_2_0mp")),
    Peer("RepVGG-A0", _ours("repvgg_a0")),
    Peer("IGCV3-D 1.0", _ours("igcv3_d_1_0")),
    Peer("FalconNet", _ours("falconnet")),
)


def run_suite(
    folder: str | os.PathLike,
    threads: Sequence[int] = (1,),
    rounds: int = 5,
    json_path: str | os.PathLike | None = None,
    only: Sequence[str] = (),
    peers: Sequence[Peer] = PEERS,
) -> dict:
    """Builds what is not there yet, times float and int8 of all in one run, writes the results.

    Args:
        folder: folder of the .tflite files, which are taken as they are if they are there.
        threads: numbers of threads.
        rounds: int, how often each file is visited.
        json_path: file of the result; a table goes beside it, as Markdown. Defaults to
            results/latency_<processor>.json.
        only: names of the networks wanted, beside the first, to which ratios are taken; all if
            empty.
        peers: list of `Peer`.

    Returns:
        The result, as it is written.
    """
    unknown = set(only) - {peer.name for peer in peers}
    if unknown:
        raise ValueError(
            f"The suite has {[peer.name for peer in peers]}. Received: only={sorted(unknown)}"
        )
    peers = [peer for peer in peers if not only or peer.name in only or peer is peers[0]]
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = [entry for peer in peers for entry in _files(peer, folder)]
    program.note("measuring the peaks of this machine")
    limits = machine_limits(folder)
    cases = [
        (Case(f"{e['name']} {e['kind']}", count), e["path"]) for count in threads for e in files
    ]
    measurements, warnings = desktop.measure(cases, rounds, show=program.note)
    run = run_dict(machine.facts(), {"rounds": rounds}, measurements, warnings)
    entries = [_entry(e, measurements, limits) for e in files]
    models = [{**ModelFile(e["path"]).facts(), "name": f"{e['name']} {e['kind']}"} for e in files]
    result = document(models, [run], limits=limits, suite=entries)
    publish(result, suite_table(result), json_path, "latency")
    return result


def _files(peer, folder):
    """Writes the float and the int8 file of a network, if they are not there."""
    name = slug(peer.name)
    paths = {kind: folder / f"{name}_{kind}.tflite" for kind in ("float", "int8")}
    note = folder / f"{name}.json"
    if not all(path.is_file() for path in (*paths.values(), note)):
        program.note(f"building {peer.name}")
        write_json(note, _build(peer, paths))
    else:
        program.note(f"taking the files of {peer.name} as an earlier run left them")
    about = json.loads(note.read_text())
    return [
        {
            "name": peer.name,
            "kind": kind,
            "path": str(path),
            "top1": about["top1"],
            "source": about["source"],
            "written_by": about[kind],
        }
        for kind, path in paths.items()
    ]


def _build(peer, paths):
    """Writes the files of a network; returns its published accuracy and who wrote which."""
    model = settle(peer.build())
    about = {"top1": peer.top1, "source": peer.source}
    if isinstance(model, keraslight.LightModel):
        info = keraslight.model_info(model)
        about = {"top1": info["top1"], "source": info["top1_source"] or "not published"}
        keraslight.export_tflite(keraslight.fuse(model, target="float"), paths["float"])
        about["float"] = "keraslight"
    else:
        # what its users export: the converter folds the normalizations too
        keraslight.export_tflite(model, paths["float"])
        about["float"] = "tensorflow"
    return {**about, "int8": write_int8(keraslight.fuse(model, target="int8"), paths["int8"])}


def _entry(file, measurements, limits):
    """Returns what is known of a file, with the time it would take at the machine's limits."""
    model = ModelFile(file["path"])
    floor = floor_ms(model, file["kind"], limits)
    name = f"{file['name']} {file['kind']}"
    first = f"{measurements[0].case.model}"
    found = {m.case.threads: m for m in measurements if m.case.model == name}
    reference = {m.case.threads: m for m in measurements if m.case.model == first}
    return {
        **{key: value for key, value in file.items() if key != "path"},
        "macs": model.macs,
        "size_bytes": len(model.content),
        "floor_ms": floor,
        "threads": {
            count: _figures(m, reference[count], floor if count == 1 else None)
            for count, m in found.items()
        },
    }


def _figures(measurement: Measurement, reference: Measurement, floor: float | None):
    figures = {
        "median_ms": measurement.latency_ms,
        "p90_ms": measurement.tail()[1],
        "ratio": measurement.ratio(reference),
    }
    return figures if floor is None else {**figures, "over_floor": measurement.latency_ms / floor}


FORMATS = {
    "M MACs": ".0f",
    "float ratio": ".3f",
    "float x floor": ".2f",
    "int8 ratio": ".3f",
    "int8 x floor": ".2f",
}


def suite_table(result: dict) -> str:
    """Returns the comparison as Markdown: a table for each number of threads."""
    lines = []
    entries = {(e["name"], e["kind"]): e for e in result["suite"]}
    names = list(dict.fromkeys(name for name, _ in entries))
    counts = list(next(iter(entries.values()))["threads"])
    limits = result["limits"]
    lines += [
        f"Latency of one picture of {SIZE}x{SIZE} on {result['runs'][0]['device']['name']}, "
        f"{result['runs'][0]['device']['runtime']}, all files in one interleaved run. Ratios are "
        f"to {names[0]} float in the same round. Weights are random; accuracies are published. "
        f"Floor: multiply-adds at {limits['macs_float'] / 1e9:.1f} (int8 "
        f"{limits['macs_int8'] / 1e9:.0f}) G/s plus traffic at {limits['bytes'] / 1e9:.0f} GB/s, "
        "as measured here.",
    ]
    for count in counts:
        lines += [
            "",
            f"{count} thread{'s' * (count != 1)}:",
            "",
            markdown_table(
                [
                    _suite_row(name, entries[name, "float"], entries[name, "int8"], count)
                    for name in names
                ],
                FORMATS,
                missing="",
            ),
        ]
        for one, other in PAIRS:
            if one in names and other in names:
                shares = [
                    entries[one, kind]["threads"][count]["median_ms"]
                    / entries[other, kind]["threads"][count]["median_ms"]
                    for kind in ("float", "int8")
                ]
                lines.append(
                    f"\n{one} over {other}, of about equal accuracy: {shares[0]:.2f} float, "
                    f"{shares[1]:.2f} int8."
                )
    others = [e for e in result["suite"] if e["written_by"].startswith("tensorflow:")]
    for entry in others:
        lines.append(
            f"\n* int8 of {entry['name']} is by TensorFlow's converter, for keraslight's quantizer "
            f"does not take it ({entry['written_by'].removeprefix('tensorflow: ')})"
        )
    return "\n".join(lines)


def _suite_row(name, as_float, as_int8, count):
    row = {"network": name, "top-1 %": as_float["top1"], "M MACs": as_float["macs"] / 1e6}
    for kind, entry in (("float", as_float), ("int8", as_int8)):
        figures = entry["threads"][count]
        mark = "*" if entry["written_by"].startswith("tensorflow:") else ""
        row |= {
            f"{kind} ms (p90)": f"{figures['median_ms']:.2f}{mark} ({figures['p90_ms']:.2f})",
            f"{kind} ratio": figures["ratio"],
            f"{kind} x floor": figures.get("over_floor"),
        }
    sizes = f"{as_float['size_bytes'] / 1e6:.2f} / {as_int8['size_bytes'] / 1e6:.2f}"
    return {**row, "MB float / int8": sizes, "top-1 from": as_float["source"]}
