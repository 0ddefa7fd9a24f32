r"""Writes the tables of README.md from what is in results/.

    python -m docs.tables            # README.md, from the files
    python -m docs.tables --measure  # results/models.csv first, in some minutes

A table stands between `<!-- table NAME -->` and `<!-- end -->`; a test compares.
"""

import csv
import json
import pathlib
import re

from absl import app, flags

_MEASURE = flags.DEFINE_bool("measure", False, "Count parameters and multiply-adds anew.")

ROOT = pathlib.Path(__file__).parent.parent
MODELS = ROOT / "results" / "models.csv"
REPLACEMENT = ROOT / "results" / "kernel_replacement.csv"
LATENCY = ROOT / "results" / "latency_amd_epyc.json"
IMAGENETTE = ROOT / "results" / "imagenette.csv"
INT8 = ROOT / "results" / "int8_imagenette.json"
README = ROOT / "README.md"
MODELS_IN_README = (
    *("vgnetg_1_0mp", "vgnetg_1_0mp_se", "vgnetg_1_5mp", "vgnetg_2_0mp", "vgnetg_2_5mp_se"),
    *("vgnetf_1_5mp", "repvgg_a0", "repvgg_b0", "igcv3_d_1_0"),
)
# those a desktop builds in seconds
MOST_PARAMETERS = 20e6
COMMENT = "# python -m docs.tables --measure\n"
TABLE = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def measure(names: list[str] | None = None) -> list[dict]:
    """Counts what networks with published weights cost, as built and fused.

    Args:
        names: optional names of the networks; by default all that are not large.
    """
    import keraslight
    from keraslight.weights.registry import published_for

    rows = []
    for name in names or keraslight.list_models():
        if published_for({"name": name}) is None:
            continue
        model = keraslight.create_model(name)
        if model.count_params() > MOST_PARAMETERS:
            continue
        fused = model.fuse()
        info = keraslight.model_info(model)
        rows.append(
            {
                "model": name,
                "parameters": info["parameters"],
                "fused_parameters": fused.count_params(),
                "macs": info["macs"],
                "fused_macs": keraslight.count_macs(fused),
                "top1": info["top1"],
                "top1_source": info["top1_source"],
            }
        )
    return rows


def read_csv(path: pathlib.Path) -> list[dict]:
    """Returns the rows of a CSV file, without the lines that begin with #."""
    lines = path.read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def write_models(rows: list[dict]) -> None:
    """Writes results/models.csv."""
    with MODELS.open("w", newline="") as file:
        file.write(COMMENT)
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def models_table() -> str:
    """The networks and what they cost."""
    rows = {row["model"]: row for row in read_csv(MODELS)}
    lines = [
        "| model | parameters (M) | fused (M) | multiply-adds (M) | top-1, published (%) |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name in MODELS_IN_README:
        row = rows[name]
        parameters, fused, macs = (
            int(row[column]) / 1e6 for column in ("parameters", "fused_parameters", "fused_macs")
        )
        top1 = float(row["top1"])
        lines.append(f"| `{name}` | {parameters:.2f} | {fused:.2f} | {macs:.0f} | {top1:.1f} |")
    return "\n".join(lines)


def replacement_table() -> str:
    """What it costs to replace learned kernels by fixed ones."""
    lines = [
        "| cosine similarity of at least | kernels replaced (%) | top-1 (%) |",
        "| --- | ---: | ---: |",
    ]
    lines += [
        f"| {row['threshold'] or 'nothing replaced'} | {row['replaced']} | {row['accuracy']} |"
        for row in read_csv(REPLACEMENT)
    ]
    return "\n".join(lines)


def latency_table() -> str:
    """What our networks and those people use today take on one thread, in one run."""
    lines = [
        "| network | top-1, published (%) | float (ms) | int8 (ms) | float ratio | int8 ratio |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    found = {}
    for entry in json.loads(LATENCY.read_text())["suite"]:
        found.setdefault(entry["name"], {})[entry["kind"]] = entry
    for name, kinds in found.items():
        figures = [kinds[kind]["threads"]["1"] for kind in ("float", "int8")]
        top1 = kinds["float"]["top1"]
        cells = [name, "" if top1 is None else f"{top1:.1f}"]
        cells += [f"{figure['median_ms']:.2f}" for figure in figures]
        cells += [f"{figure['ratio']:.2f}" for figure in figures]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def imagenette_table() -> str:
    """What our networks reach on Imagenette, trained alike."""
    lines = [
        "| recipe | epochs | top-1 (%) | parameters (M) | multiply-adds (M) | images/s |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in read_csv(IMAGENETTE):
        cells = (
            f"`{row['run']}`",
            row["epochs"],
            f"{100 * float(row['accuracy']):.1f}",
            f"{int(row['parameters']) / 1e6:.2f}",
            f"{int(row['macs']) / 1e6:.0f}",
            f"{float(row['images_per_second']):.0f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def int8_table() -> str:
    """What int8 costs the networks trained on Imagenette."""
    columns = {
        "float": "float",
        "int8": "int8, calibrated",
        "int8_by_tensorflow": "int8 by TensorFlow",
        "control": "float, trained on",
        "control_int8": "int8 of that",
        "qat_int8": "int8, trained on",
        "file_db": "SNR (dB)",
    }
    lines = [
        "| recipe | " + " | ".join(columns.values()) + " |",
        "| --- |" + " ---: |" * len(columns),
    ]
    for row in json.loads(INT8.read_text())["models"]:
        cells = [
            f"{row[key] * (1 if key == 'file_db' else 100):.1f}" if key in row else ""
            for key in columns
        ]
        lines.append(f"| `{pathlib.Path(row['model']).name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


TABLES = {
    "models": models_table,
    "replacement": replacement_table,
    "latency": latency_table,
    "imagenette": imagenette_table,
    "int8": int8_table,
}


def with_tables(text: str) -> str:
    """Returns a page with its tables as the files in results/ have them."""
    return TABLE.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}\n{found[3]}", text)


def main(argv):
    """Writes the tables."""
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments. Received: {argv[1:]}")
    if _MEASURE.value:
        write_models(measure())
    README.write_text(with_tables(README.read_text()))


if __name__ == "__main__":
    app.run(main)
