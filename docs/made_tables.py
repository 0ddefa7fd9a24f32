"""The tables of the documentation, each made from files in results/."""

import csv
import inspect
import json
import pathlib

from keraslight.quantization.runtimes import RUNTIMES, XNNPack
from keraslight.report import markdown_table
from training.studies.census.shares import shares

RESULTS = pathlib.Path(__file__).parent.parent / "results"
# what the study of training speed measures before its rounds
FIRST = "first_step_seconds"
# the tier of the claims that are ablations
ABLATIONS = 3
MODELS_IN_README = (
    *("vgnetg_1_0mp", "vgnetg_1_0mp_se", "vgnetg_1_5mp", "vgnetg_2_0mp", "vgnetg_2_5mp_se"),
    *("vgnetf_1_5mp", "repvgg_a0", "repvgg_b0", "igcv3_d_1_0"),
)


def read_csv(path: str | pathlib.Path) -> list[dict]:
    """Returns the rows of a CSV file, of results/ if only its name is given."""
    with (RESULTS / path).open(newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def read_json(name: str) -> dict:
    """Returns what a JSON file of results/ holds."""
    return json.loads((RESULTS / name).read_text())


def models() -> str:
    """The networks and what they cost."""
    found = {row["model"]: row for row in read_csv("models.csv")}
    rows = [
        {
            "model": f"`{name}`",
            "parameters (M)": _millions(found[name]["parameters"]),
            "fused (M)": _millions(found[name]["fused_parameters"]),
            "multiply-adds (M)": _millions(found[name]["fused_macs"]),
            "top-1, published (%)": float(found[name]["top1"]),
            "licence of the weights": found[name].get("licence"),
        }
        for name in MODELS_IN_README
    ]
    formats = {
        "parameters (M)": ".2f",
        "fused (M)": ".2f",
        "multiply-adds (M)": ".0f",
        "top-1, published (%)": ".1f",
    }
    return markdown_table(rows, formats, missing="")


def licences() -> str:
    """The licences of the published weights."""
    found = {}
    for row in read_csv("models.csv"):
        if row["licence"]:
            found.setdefault(row["licence"], []).append(f"`{row['model']}`")
    rows = [{"licence": name, "weights of": ", ".join(models)} for name, models in found.items()]
    return markdown_table(rows)


def imagenette() -> str:
    """The accuracy of networks trained alike on Imagenette."""
    costs = {row["recipe"]: row for row in read_csv("imagenette_cost.csv")}
    rows = [
        {
            "recipe": f"`{row['run']}`",
            "epochs": int(row["epochs"]),
            "top-1 (%)": 100 * float(row["accuracy"]),
            "parameters (M)": _millions(costs[row["run"]]["parameters"]),
            "fused (M)": _millions(costs[row["run"]]["fused_parameters"]),
            "multiply-adds (M)": _millions(costs[row["run"]]["fused_macs"]),
            "images/s": float(row["images_per_second"]),
        }
        for row in read_csv("imagenette.csv")
    ]
    formats = {
        "top-1 (%)": ".1f",
        "parameters (M)": ".2f",
        "fused (M)": ".2f",
        "multiply-adds (M)": ".0f",
        "images/s": ".0f",
    }
    return markdown_table(rows, formats)


def detection() -> str:
    """What is left of a trained detector's precision in each of its forms."""
    percents = {
        "mAP (%)": "mAP",
        "mAP50 (%)": "mAP50",
        "small (%)": "mAP_small",
        "medium (%)": "mAP_medium",
        "large (%)": "mAP_large",
        "of the trained (%)": "kept",
    }
    rows = []
    for row in read_csv("detection.csv"):
        size = row["file_bytes"]
        rows.append(
            {
                "detector": f"`{row['detector']}`",
                "form": row["form"],
                **{title: _percent_of(row[name]) for title, name in percents.items()},
                "file (kB)": int(size) / 1000 if size else None,
            }
        )
    formats = {**dict.fromkeys(percents, ".1f"), "file (kB)": ".0f"}
    return markdown_table(rows, formats, missing="")


def detection_cost() -> str:
    """What SSDLite costs on backbones of ours, beside published ones."""
    rows = [
        {
            "detector": f"`{row['detector']}`" if row["form"] else row["detector"],
            "parameters, fused (M)": float(row["fused_parameters"] or row["parameters"]) / 1e6,
            "multiply-adds (M)": float(row["macs"]) / 1e6,
            "int8 here (ms)": float(row["int8_ms"]) if row["int8_ms"] else None,
            "float on a Pixel 1, published (ms)": row["pixel1_ms"],
            "mAP on COCO, published (%)": _percent_of(row["mAP"]),
            "source": row["source"],
        }
        for row in read_csv("detection_cost.csv")
    ]
    formats = {
        "parameters, fused (M)": ".2f",
        "multiply-adds (M)": ".0f",
        "int8 here (ms)": ".1f",
        "mAP on COCO, published (%)": ".1f",
    }
    return markdown_table(rows, formats, missing="")


def _percent_of(value):
    return 100 * float(value) if value else None


def claims() -> str:
    """The papers' claims and what our trainings say of them."""
    rows = [
        {
            "network": row["paper"],
            "claim": row["claim"],
            "published": row["published"],
            "ours": f"`{row['network']}`",
            "peer": f"`{row['peer']}`" if row["peer"] else "",
            "expected": ", ".join(filter(None, (row["expected"], row["why"]))),
            "seeds": "+".join(filter(None, (row["network_seeds"], row["peer_seeds"]))),
            "difference (%)": _percent(row["difference"]),
            "in spreads": _number(row["spreads"]),
            "verdict": row["verdict"],
        }
        for row in read_csv("claims_verdicts.csv")
        if int(row["tier"]) < ABLATIONS
    ]
    return markdown_table(rows, {"difference (%)": "+.1f", "in spreads": "+.1f"}, missing="")


def ablations() -> str:
    """The papers' ablations, with a table for each."""
    costs = {row["recipe"]: row for row in read_csv("claims_runs.csv")}
    groups = {}
    for row in read_csv("claims_verdicts.csv"):
        if int(row["tier"]) == ABLATIONS:
            groups.setdefault((row["paper"], row["claim"], row["published"]), []).append(row)
    parts = []
    for (paper, claim, published), pairs in groups.items():
        networks = dict.fromkeys(name for row in pairs for name in (row["network"], row["peer"]))
        verdicts = {
            row["peer"]: f"`{row['network']}` {row['expected']}: {row['verdict']}" for row in pairs
        }
        rows = [
            {
                "recipe": f"`{name}`",
                "seeds": len(costs[name]["seeds"].split()) or "not trained yet",
                "top-1 (%)": _percent(costs[name]["accuracy"]),
                "parameters (M)": _millions(costs[name]["parameters"]),
                "fused (M)": _millions(costs[name]["fused_parameters"]),
                "fused multiply-adds (M)": _millions(costs[name]["fused_macs"]),
                "verdict": verdicts.get(name, ""),
            }
            for name in networks
        ]
        formats = {"top-1 (%)": ".1f", "parameters (M)": ".2f", "fused (M)": ".2f"}
        formats["fused multiply-adds (M)"] = ".1f"
        text = f"**{paper}: {claim}** Published: {published}."
        parts.append(f"{text}\n\n{markdown_table(rows, formats, missing='')}")
    return "\n\n".join(parts)


def claims_runs() -> str:
    """The recipes that decide the claims: accuracy over seeds, and cost."""
    rows = [
        {
            "recipe": f"`{row['recipe']}`",
            "seeds": len(row["seeds"].split()) or "not trained yet",
            "top-1 (%)": _percent(row["accuracy"]),
            "least": _percent(row["least"]),
            "greatest": _percent(row["greatest"]),
            "parameters (M)": _millions(row["parameters"]),
            "fused (M)": _millions(row["fused_parameters"]),
            "multiply-adds (M)": _millions(row["macs"]),
            "fused multiply-adds (M)": _millions(row["fused_macs"]),
        }
        for row in read_csv("claims_runs.csv")
    ]
    formats = dict.fromkeys(("top-1 (%)", "least", "greatest"), ".1f")
    formats |= dict.fromkeys(("parameters (M)", "fused (M)"), ".2f")
    formats |= dict.fromkeys(("multiply-adds (M)", "fused multiply-adds (M)"), ".1f")
    return markdown_table(rows, formats, missing="")


def claims_int8() -> str:
    """What int8 keeps of the accuracy of the same networks."""
    columns = {
        "float": "float",
        "calibrated": "calibrated",
        "qat": "QAT",
        "control": "control, float",
        "control_int8": "control, calibrated",
    }
    rows = [
        {
            "recipe": f"`{row['recipe']}`",
            **{title: _percent(row[name]) for name, title in columns.items()},
            "calibrated >= 0.99 float": row["calibrated_keeps"],
            "QAT >= 0.99 float": row["qat_keeps"],
            "QAT >= control - 1 spread": row["qat_against_control"],
        }
        for row in read_csv("claims_int8.csv")
    ]
    if not rows:
        return "No network was quantized yet."
    return markdown_table(rows, dict.fromkeys(columns.values(), ".1f"), missing="")


def int8() -> str:
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
    for row in read_json("int8_imagenette.json")["models"]:
        percents = {title: 100 * row[key] if key in row else None for key, title in columns.items()}
        name = pathlib.Path(row["model"]).name
        rows.append({"recipe": f"`{name}`", **percents, "SNR (dB)": row.get("file_db")})
    return markdown_table(rows, dict.fromkeys(rows[0], ".1f") | {"recipe": ""}, missing="")


def int8_exact() -> str:
    """How the Keras models compare with the int8 file, in percent of logits or of pictures."""
    columns = {
        "exact": "`exact_model` = file (%)",
        "builtin": "builtin kernels = XNNPACK (%)",
        "simulation_top1": "simulation: top-1 as the file (%)",
        "simulation_one_step": "simulation within one step (%)",
    }
    rows = [
        {
            "recipe": f"`{pathlib.Path(row['model']).name}`",
            **{title: 100 * row[key] for key, title in columns.items()},
            "SNR of the file (dB)": row["same_pictures_file_db"],
            "SNR of the simulation (dB)": row["simulation_db"],
        }
        for row in read_json("int8_imagenette.json")["models"]
    ]
    formats = dict.fromkeys(rows[0], ".2f") | {"recipe": ""}
    formats |= {title: ".1f" for title in rows[0] if title.endswith("(dB)")}
    return markdown_table(rows, formats)


def devices() -> str:
    """What `keraslight verify` says of devices that do one thing wrong."""
    rows = read_csv("devices.csv")
    return markdown_table([{"planted": row["planted"], "said": row["said"]} for row in rows])


# on Arm there is another softmax, nothing else
ROUNDINGS = [runtime for name, runtime in RUNTIMES.items() if name != "xnnpack_arm"]


def runtime_rules() -> str:
    """How each runtime rounds, from the docstrings of its methods."""
    operations = [name for name in vars(XNNPack) if inspect.isfunction(getattr(XNNPack, name))]
    rows = [
        {
            "operation": name,
            **{r.title: _first_line(getattr(r, name)) for r in ROUNDINGS},
        }
        for name in operations
        if not name.startswith("_")
    ]
    return markdown_table(rows)


def _first_line(function):
    return inspect.getdoc(function).splitlines()[0].rstrip(".")


def replacement() -> str:
    """What it costs to replace learned kernels by fixed ones."""
    rows = [
        {
            "cosine similarity of at least": row["threshold"] or "nothing replaced",
            "kernels replaced (%)": float(row["replaced"]),
            "top-1 (%)": float(row["accuracy"]),
        }
        for row in read_csv("kernel_replacement.csv")
    ]
    return markdown_table(rows, {"kernels replaced (%)": ".2f", "top-1 (%)": ".2f"})


def census() -> str:
    """The percentages of learned kernels near fixed ones, before and after training."""
    rows = [
        {
            "model": row["model"],
            "cosine similarity of at least": row["threshold"],
            **{f"{kind} (%)": row[kind] for kind in ("identity", "gaussian", "edge", "none")},
        }
        for row in shares(read_csv("kernel_census.csv"))
    ]
    formats = {title: ".2f" for title in rows[0] if title.endswith("(%)")}
    return markdown_table(rows, formats)


def runtimes() -> str:
    """One network in several runtimes."""
    rows = [
        {
            "runtime": row["model"],
            "latency (ms)": row["latency_ms"],
            "p90 (ms)": row["p90_ms"],
            "spread of the rounds (%)": 100 * row["spread"],
            "ratio": row["ratio"],
        }
        for row in read_json("runtimes.json")["results"]
    ]
    formats = dict.fromkeys(rows[0], ".2f") | {"runtime": "", "spread of the rounds (%)": ".1f"}
    return markdown_table(rows, formats)


def training_speed() -> str:
    """Training steps of VGNetG-1.0MP in Keras and in PyTorch."""
    rows = []
    files = [read_json(f"training_speed{threads}.json") for threads in ("", "_1_thread")]
    # files of an earlier version of the program do not have it
    timed = all(FIRST in found for found in files)
    for found in files:
        for form, rates in found["images_per_second"].items():
            ratios = found["ratio_of_keras_to"].get(form)
            rows.append(
                {
                    "threads": found["threads"],
                    "framework": form,
                    "images/s": rates["median"],
                    "of all rounds": f"{rates['min']:.0f} to {rates['max']:.0f}",
                    "Keras is faster by": ratios and ratios["median"],
                    "of the rounds": ratios and f"{ratios['min']:.2f} to {ratios['max']:.2f}",
                    **({"first step (s)": found[FIRST][form]} if timed else {}),
                }
            )
    formats = {"images/s": ".0f", "Keras is faster by": ".2f", "first step (s)": ".1f"}
    return markdown_table(rows, formats, missing="")


def quantization_cost() -> str:
    """What a training step of quantized networks costs."""
    rows = [
        {
            "model": f"`{row['model']}`",
            "parameters (M)": _millions(row["parameters"]),
            "layers": int(row["layers"]),
            "quantize (s)": float(row["quantize_seconds"]),
            "step, fused (ms)": _number(row["fused_ms"]),
            "step, quantized (ms)": _number(row["quantized_ms"]),
            "ratio": _number(row["ratio"]),
            "least": _number(row["least_ratio"]),
            "greatest": _number(row["greatest_ratio"]),
        }
        for row in read_csv("quantization_cost.csv")
    ]
    formats = dict.fromkeys(rows[0], ".2f") | {"model": "", "layers": ""}
    formats |= {"step, fused (ms)": ".1f", "step, quantized (ms)": ".1f"}
    return markdown_table(rows, formats, missing="")


def hard_cases() -> str:
    """What brings back networks that int8 breaks."""
    cases = {}
    for row in read_csv("hard_cases.csv"):
        text = f"{_percent(row['same_class']):.1f} %, {float(row['db']):.0f} dB"
        cases.setdefault(row["case"], {"network": row["case"]})[row["way"]] = text
    return markdown_table(list(cases.values()))


def formats() -> str:
    """Size, error and, where it was timed, latency of a file in each number format."""
    found = read_csv("formats.csv")
    timed = any(row["ms"] for row in found)
    rows = [
        {
            "network": f"`{row['network']}`" if row["ms"] else row["network"],
            "format": f"`{row['format']}`",
            "size (KB)": int(row["bytes"]) / 1000,
            "operators": int(row["operators"]),
            "outside XNNPACK": int(row["outside_xnnpack"]),
            "same class (%)": _percent(row["same_class"]) if row["same_class"] else None,
            "dB": _number(row["db"]),
            **({"latency (ms)": _number(row["ms"])} if timed else {}),
        }
        for row in found
    ]
    formats = {"size (KB)": ".0f", "same class (%)": ".1f", "dB": ".1f", "latency (ms)": ".1f"}
    return markdown_table(rows, formats, missing="")


def gallery() -> str:
    """Networks that others wrote: what fuse, int8 and export make of them."""
    rows = [
        {
            "network": f"`{row['network']}`",
            "fuse error": row["fuse_error"],
            "layers in float32": row["float_layers"],
            "file (dB)": _number(row["db"]),
            "exact_model = file": _number(row["exact"]),
            "within one step": _number(row["one_step"]),
            "outside XNNPACK": row["outside_xnnpack"].replace(" ", ", "),
            "quantize (s)": _number(row["quantize_seconds"]),
            "export (s)": _number(row["export_seconds"]),
            "failure": row["failure"],
        }
        for row in read_csv("gallery.csv")
    ]
    formats = {
        "file (dB)": ".1f",
        "exact_model = file": ".3f",
        "within one step": ".3f",
        "quantize (s)": ".1f",
        "export (s)": ".1f",
    }
    return markdown_table(rows, formats, missing="")


def refco() -> str:
    """What a training step of one RefCO layer costs."""
    rows = [
        {
            "form": row["form"],
            "channels": f"{row['channels']} to {row['filters']}",
            "size": f"{row['side']}x{row['side']}",
            "step (ms)": float(row["ms"]),
            "peak memory (MB)": float(row["peak_mb"]),
        }
        for row in read_csv("refco_training.csv")
    ]
    return markdown_table(rows, {"step (ms)": ".1f", "peak memory (MB)": ".0f"})


def _millions(text):
    return int(text) / 1e6


def _number(text):
    return float(text) if text else None


def _number(text):
    return float(text) if text else None


def _percent(text):
    return 100 * float(text) if text else None
