r"""Writes the tables of README.md from the files in results/.

    python -m docs.tables            # README.md, from the files
    python -m docs.tables --measure  # first results/models.csv, in some minutes

A table is between `<!-- table NAME -->` and `<!-- end -->`. A test compares README.md with the
files.
"""

import csv
import json
import pathlib
import re

from absl import app, flags

from keraslight.report import markdown_table

_MEASURE = flags.DEFINE_bool("measure", False, "Count parameters and multiply-adds again.")

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
COMMENT = "# python -m docs.tables --measure\n"
TABLE = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def measure(names: list[str] | None = None) -> list[dict]:
    """Counts the cost of networks, as built and fused, and what was published of them.

    Args:
        names: optional names of the networks. By default all.
    """
    import keras

    import keraslight

    rows = []
    for name in names or keraslight.list_models():
        keras.backend.clear_session(free_memory=True)
        model = keraslight.create_model(name)
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
                "licence": info["licence"],
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
    found = {row["model"]: row for row in read_csv(MODELS)}
    rows = [
        {
            "model": f"`{name}`",
            "parameters (M)": int(found[name]["parameters"]) / 1e6,
            "fused (M)": int(found[name]["fused_parameters"]) / 1e6,
            "multiply-adds (M)": int(found[name]["fused_macs"]) / 1e6,
            "top-1, published (%)": float(found[name]["top1"]),
        }
        for name in MODELS_IN_README
    ]
    formats = {
        "parameters (M)": ".2f",
        "fused (M)": ".2f",
        "multiply-adds (M)": ".0f",
        "top-1, published (%)": ".1f",
    }
    return markdown_table(rows, formats)


def replacement_table() -> str:
    """What it costs to replace learned kernels by fixed ones."""
    rows = [
        {
            "cosine similarity of at least": row["threshold"] or "nothing replaced",
            "kernels replaced (%)": float(row["replaced"]),
            "top-1 (%)": float(row["accuracy"]),
        }
        for row in read_csv(REPLACEMENT)
    ]
    return markdown_table(rows, {"kernels replaced (%)": ".2f", "top-1 (%)": ".2f"})


def latency_table() -> str:
    """The latency of our networks and of those in common use, on one thread, in one run."""
    found = {}
    for entry in json.loads(LATENCY.read_text())["suite"]:
        found.setdefault(entry["name"], {})[entry["kind"]] = entry
    rows = []
    for name, kinds in found.items():
        float_, int8 = (kinds[kind]["threads"]["1"] for kind in ("float", "int8"))
        rows.append(
            {
                "network": name,
                "top-1, published (%)": kinds["float"]["top1"],
                "float (ms)": float_["median_ms"],
                "int8 (ms)": int8["median_ms"],
                "float ratio": float_["ratio"],
                "int8 ratio": int8["ratio"],
            }
        )
    formats = dict.fromkeys(rows[0], ".2f") | {"network": "", "top-1, published (%)": ".1f"}
    return markdown_table(rows, formats, missing="")


def imagenette_table() -> str:
    """The accuracy of our networks on Imagenette, trained alike."""
    rows = [
        {
            "recipe": f"`{row['run']}`",
            "epochs": int(row["epochs"]),
            "top-1 (%)": 100 * float(row["accuracy"]),
            "parameters (M)": int(row["parameters"]) / 1e6,
            "multiply-adds (M)": int(row["macs"]) / 1e6,
            "images/s": float(row["images_per_second"]),
        }
        for row in read_csv(IMAGENETTE)
    ]
    formats = {
        "top-1 (%)": ".1f",
        "parameters (M)": ".2f",
        "multiply-adds (M)": ".0f",
        "images/s": ".0f",
    }
    return markdown_table(rows, formats)


def int8_table() -> str:
    """What int8 costs the networks trained on Imagenette."""
    columns = {
        "float": "float",
        "int8": "int8, calibrated",
        "int8_by_tensorflow": "int8 by TensorFlow",
        "control": "float, trained on",
        "control_int8": "int8 of that",
        "qat_int8": "int8, trained on",
    }
    rows = []
    for row in json.loads(INT8.read_text())["models"]:
        percents = {title: 100 * row[key] if key in row else None for key, title in columns.items()}
        name = pathlib.Path(row["model"]).name
        rows.append({"recipe": f"`{name}`", **percents, "SNR (dB)": row.get("file_db")})
    return markdown_table(rows, dict.fromkeys(rows[0], ".1f") | {"recipe": ""}, missing="")


TABLES = {
    "models": models_table,
    "replacement": replacement_table,
    "latency": latency_table,
    "imagenette": imagenette_table,
    "int8": int8_table,
}


def with_tables(text: str) -> str:
    """Returns a page with its tables made from the files in results/."""
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
