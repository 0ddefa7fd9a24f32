"""The tables of latency and of forms, for each machine that was measured."""

import functools
from collections.abc import Callable

from docs.made_tables import read_json
from keraslight.graph.policy import TARGETS, measured_kinds, measured_policy
from keraslight.report import markdown_table

# the end of the names of the results of a machine, by its kind (see `keraslight.machine.KINDS`)
MACHINES = {"avx2": "amd_epyc_avx2", "avx512_vnni": "amd_epyc", "amx": "intel_xeon"}
IN_SUMMARY = (
    *("MobileNetV2 0.75", "VGNetG-1.0MP", "VGNetG-1.0MP SE", "MobileNetV2 1.0", "VGNetG-2.0MP"),
    *("RepVGG-A0", "MobileNetV3-Large", "MobileNetV4-Conv-S", "MobileOne-S1", "RepViT-M0.9"),
    "LCNetV2-B",
)
BUDGETS_MS = (1.5, 2, 3, 4, 6, 10, 15)


def latency_result(kind: str) -> dict:
    """Returns the result of the comparison of networks on a kind of machine."""
    return read_json(f"latency_{MACHINES[kind]}.json")


def title(kind: str) -> str:
    """Returns the name of the machine of a kind that was measured, with its features."""
    device = latency_result(kind)["record"]["device"]
    processor = device["processor"].replace("(R)", "").removesuffix(" Processor")
    return f"{processor} ({', '.join(device['features'])})"


def suite(kind: str) -> dict[str, dict[str, dict]]:
    """Returns what was measured on a kind of machine, by network and `"float"` or `"int8"`."""
    found = {}
    for entry in latency_result(kind)["suite"]:
        found.setdefault(entry["name"], {})[entry["kind"]] = entry
    return found


def milliseconds(entry: dict) -> float:
    """Returns the latency of a file on one thread."""
    return entry["threads"]["1"]["median_ms"]


def summary() -> str:
    """Networks of ours beside those in common use, in int8 on every machine measured."""
    suites = {kind: suite(kind) for kind in MACHINES}
    newest = next(iter(suites.values()))
    rows = [
        {
            "network": name,
            "top-1 on ImageNet, published (%)": newest[name]["float"]["top1"],
            "int8 file (MB)": newest[name]["int8"]["size_bytes"] / 1e6,
            **{
                f"{title(kind)}, int8 (ms)": (
                    milliseconds(found[name]["int8"]) if name in found else None
                )
                for kind, found in suites.items()
            },
        }
        for name in IN_SUMMARY
    ]
    formats = dict.fromkeys(rows[0], ".2f") | {"network": "", "int8 file (MB)": ".1f"}
    return markdown_table(rows, formats | {"top-1 on ImageNet, published (%)": ".1f"}, missing="")


def budgets() -> str:
    """The most accurate network within a time, by machine."""
    rows = []
    for most in BUDGETS_MS:
        row = {"within (ms)": most}
        for kind in MACHINES:
            row[title(kind)] = _within(suite(kind), most)
        rows.append(row)
    return markdown_table(rows, {"within (ms)": "g"}, missing="none")


def _within(networks, most):
    """Returns the most accurate network that is fast enough, in float or in int8."""
    found = [
        (entry["top1"], -milliseconds(entry), name, kind)
        for name, kinds in networks.items()
        for kind, entry in kinds.items()
        if entry["top1"] is not None and milliseconds(entry) <= most
    ]
    if not found:
        return None
    top1, negative, name, kind = max(found)
    return f"{name}, {kind}: {top1:.1f} % in {-negative:.2f} ms"


def latency(kind: str) -> str:
    """The latency of networks on one thread of a machine, all in one run."""
    rows = []
    for name, kinds in suite(kind).items():
        row = {
            "network": name,
            "top-1 (%)": kinds["float"]["top1"],
            "multiply-adds (M)": kinds["float"]["macs"] / 1e6,
        }
        for arithmetic, entry in kinds.items():
            figures = entry["threads"]["1"]
            row[f"{arithmetic} (ms)"] = figures["median_ms"]
            row[f"{arithmetic} p90 (ms)"] = figures["p90_ms"]
            row[f"{arithmetic} ratio"] = figures["ratio"]
            if "over_bound" in figures:
                row[f"{arithmetic} over bound"] = figures["over_bound"]
            row[f"{arithmetic} file (MB)"] = entry["size_bytes"] / 1e6
        rows.append({**row, "top-1 from": kinds["float"]["source"]})
    formats = dict.fromkeys(rows[0], ".2f")
    formats |= {"network": "", "top-1 from": "", "multiply-adds (M)": ".0f", "top-1 (%)": ".1f"}
    return markdown_table(rows, formats, missing="")


def forms(kind: str) -> str:
    """The latency of fused networks beside others, from one run."""
    rows = [
        {
            "file": figure["file"],
            "beside": figure["reference"],
            "ratio": figure["ratio"],
            "latency (ms)": figure["median_ms"],
        }
        for figure in read_json(f"forms_{MACHINES[kind]}.json")["figures"]
        if figure["threads"] == 1
    ]
    return markdown_table(rows, {"ratio": ".3f", "latency (ms)": ".2f"})


def forms_by_choice() -> str:
    """The latency of every form over that of the plain network, on each machine measured."""
    return _forms_table([_form_row(*case, ratios) for case, ratios in _form_ratios().items()])


def forms_worst() -> str:
    """The defaults beside the best of the other forms that were measured on as many machines."""
    cases = {}
    for (network, target, form), ratios in _form_ratios().items():
        cases.setdefault((network, target), []).append((form, ratios))
    rows = []
    for (network, target), forms in cases.items():
        default = [f for f in forms if _is_default(f[0], target)]
        others = [f for f in forms if not _is_default(f[0], target)]
        others.sort(key=lambda f: (-len(f[1]), max(f[1].values())))
        shown = default + others[:1]
        rows += [_form_row(network, target, form, ratios) for form, ratios in shown]
    return _forms_table(rows)


def _form_row(network, target, form, ratios):
    return {
        "network": network,
        "computes in": target,
        "form": _form_text(form) or "fused",
        "default": "yes" if _is_default(form, target) else None,
        **{kind: ratios.get(kind) for kind in measured_kinds()},
        "worst": max(ratios.values()),
    }


def _forms_table(rows):
    return markdown_table(rows, dict.fromkeys([*measured_kinds(), "worst"], ".2f"), missing="")


def _form_ratios():
    """Returns the ratios by machine of each network, arithmetic and form."""
    found = {}
    for kind in measured_kinds():
        for target in TARGETS:
            for figure in measured_policy(target, kind)["figures"]:
                key = (figure["network"], target, tuple(figure["policy"].items()))
                found.setdefault(key, {})[kind] = figure["ratio"]
    order = {key: number for number, key in enumerate(dict.fromkeys(k[:2] for k in found))}
    return dict(sorted(found.items(), key=lambda item: order[item[0][:2]]))


def _form_text(form):
    return ", ".join(f"`{name}={value}`" for name, value in form)


def _is_default(form, target):
    import keraslight

    policy = keraslight.Policy(target)
    return all(policy[name] == value for name, value in form)


# every table by its name on a page
TABLES: dict[str, Callable[[], str]] = {
    "summary": summary,
    "budgets": budgets,
    "forms_by_choice": forms_by_choice,
    "forms_worst": forms_worst,
    **{f"latency_{kind}": functools.partial(latency, kind) for kind in MACHINES},
    **{f"forms_{kind}": functools.partial(forms, kind) for kind in MACHINES},
}
