"""Builds the networks of the comparison, times them and writes the table."""

import json
import os
import pathlib
from collections.abc import Sequence

import click

import keraslight
from keraslight.benchmark import Case, machine
from keraslight.benchmark.desktop import time_here
from keraslight.benchmark.report import ResultFile
from keraslight.benchmark.results import Measurement
from keraslight.commands import options
from keraslight.commands.program import Command, note
from keraslight.conversion.noise import pictures, settle
from keraslight.files import write_json
from keraslight.tflite.model_file import ModelFile
from tflite.studies.peers.networks import PEERS, Peer
from tflite.studies.peers.table import suite_table
from tflite.studies.shared import options as study_options
from tflite.studies.shared.by_tensorflow import write_int8_by_tensorflow
from tflite.studies.shared.files import publish, result_path, slug, write_int8
from tflite.studies.shared.peaks import bound_warnings, highest, measure_peaks

KINDS = ("float", "int8")


@click.command(
    "peers",
    cls=Command,
    examples=["python -m tflite.benchmark --suite=peers --rounds=5 --json=peers.json"],
)
@study_options.suite_dir
@click.option(
    "--only",
    type=options.CommaList(),
    default=(),
    show_default="all",
    help="Names of the networks wanted.",
)
@options.threads
@study_options.rounds
@study_options.json_file
def command(suite_dir, only, threads, rounds, json_file):
    """Times popular networks beside those of keraslight, in float and int8, on this machine."""
    run_suite(suite_dir, threads, rounds, json_file, only)


def run_suite(
    folder: str | os.PathLike,
    threads: Sequence[int] = (1,),
    rounds: int = 5,
    json_file: str | os.PathLike | None = None,
    only: Sequence[str] = (),
    peers: Sequence[Peer] = PEERS,
) -> dict:
    """Builds what is not there yet, times float and int8 of all in one run, writes the results.

    Args:
        folder: folder of the .tflite files, which are taken as they are if they are there.
        threads: numbers of threads.
        rounds: int, how often each file is visited.
        json_file: file of the result; a table goes beside it, as Markdown. Defaults to
            latency_<processor>_<kind>.json in the folder.
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
    path = result_path(json_file, folder, "latency", machine.processor(), machine.kind())
    files = [entry for peer in peers for entry in _files(peer, folder)]
    result_file = ResultFile(path, [entry["model"] for entry in files])
    note("measuring the peaks of this machine")
    peaks = measure_peaks(folder)
    cases = [(Case(e["model"].name, count), e["model"]) for count in threads for e in files]
    report = time_here(
        cases, rounds, show=note, save=lambda report: result_file.save([report]), start=False
    )
    peaks = highest(peaks, measure_peaks(folder))
    entries = [_entry(e, report.measurements, peaks) for e in files]
    report.warnings += bound_warnings(
        {
            f"{e['name']} {e['kind']}": (e["threads"][1]["median_ms"], e["bound_ms"])
            for e in entries
            if 1 in e["threads"]
        }
    )
    result = result_file.save([report], complete=True, peaks=peaks.to_dict(), suite=entries)
    publish(result, suite_table(result), path)
    return result


def _files(peer, folder):
    """Writes the float and the int8 file of a network, if they are not there."""
    name = slug(peer.name)
    paths = {kind: folder / f"{name}_{kind}.tflite" for kind in KINDS}
    about_file = folder / f"{name}.json"
    if not all(path.is_file() for path in (*paths.values(), about_file)):
        note(f"building {peer.name}")
        write_json(about_file, _build(peer, paths))
    else:
        note(f"taking the files of {peer.name} as an earlier run left them")
    about = json.loads(about_file.read_text())
    entries = []
    for kind, path in paths.items():
        model = ModelFile(path)
        model.name = f"{peer.name} {kind}"
        facts = {"top1": about["top1"], "source": about["source"], "written_by": about[kind]}
        entries.append({"name": peer.name, "kind": kind, "model": model, **facts})
    return entries


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
    fused = keraslight.fuse(model, target="int8")
    if peer.int8_by == "keraslight":
        write_int8(fused, paths["int8"])
        return {**about, "int8": "keraslight"}
    write_int8_by_tensorflow(fused, paths["int8"], pictures(fused, seed=1))
    return {**about, "int8": "tensorflow: keraslight's quantizer has no form of one of its layers"}


def _entry(file, measurements, peaks):
    """Returns what is known of a file, with the least time that it needs."""
    model = file["model"]
    bound = peaks.bound_ms(model, file["kind"])
    found = {m.case.threads: m for m in measurements if m.case.model == model.name}
    first = measurements[0].case.model
    reference = {m.case.threads: m for m in measurements if m.case.model == first}
    return {
        **{key: value for key, value in file.items() if key != "model"},
        "macs": model.macs,
        "size_bytes": len(model.content),
        "bound_ms": bound,
        "threads": {
            count: _figures(m, reference[count], bound if count == 1 else None)
            for count, m in found.items()
        },
    }


def _figures(measurement: Measurement, reference: Measurement, bound: float | None):
    figures = {
        "median_ms": measurement.latency_ms,
        "p90_ms": measurement.tail()[1],
        "ratio": measurement.ratio(reference),
    }
    return figures if bound is None else {**figures, "over_bound": measurement.latency_ms / bound}
