"""The comparison as Markdown."""

from keraslight.report import markdown_table
from tflite.studies.peers.networks import PAIRS, SIZE

FORMATS = {
    "M MACs": ".0f",
    "float ratio": ".3f",
    "float x bound": ".2f",
    "int8 ratio": ".3f",
    "int8 x bound": ".2f",
}


def suite_table(result: dict) -> str:
    """Returns the comparison as Markdown: a table for each number of threads."""
    lines = []
    entries = {(e["name"], e["kind"]): e for e in result["suite"]}
    names = list(dict.fromkeys(name for name, _ in entries))
    counts = list(next(iter(entries.values()))["threads"])
    peaks = result["peaks"]
    lines += [
        f"Latency of one picture of {SIZE}x{SIZE} on {result['runs'][0]['device']['name']}, "
        f"{result['runs'][0]['device']['runtime']}, all files in one interleaved run. Ratios are "
        f"to {names[0]} float in the same round. Weights are random; accuracies are published. "
        "The bound is the least time a file needs on one thread: the greater of its multiply-adds "
        "at the peak of their kind of kernel (of 1x1 "
        f"{peaks['macs']['float']['pointwise'] / 1e9:.1f}, in int8 "
        f"{peaks['macs']['int8']['pointwise'] / 1e9:.0f} G/s) and its traffic at "
        f"{peaks['bytes'] / 1e9:.0f} GB/s, as measured here; below 1.00 those peaks are too low.",
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
            f"\n* int8 of {entry['name']} is by TensorFlow's converter: "
            f"{entry['written_by'].removeprefix('tensorflow: ')}."
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
            f"{kind} x bound": figures.get("over_bound"),
        }
    sizes = f"{as_float['size_bytes'] / 1e6:.2f} / {as_int8['size_bytes'] / 1e6:.2f}"
    return {**row, "MB float / int8": sizes, "top-1 from": as_float["source"]}
