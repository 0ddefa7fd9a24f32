"""The tables of what runtimes compute on Arm and x86 processors."""

from docs.made_tables import read_csv
from keraslight.report import markdown_table
from keraslight.verification.runtimes import TITLES

HERE = "this machine"
FILES = ("arm_operations.csv",)


def arm() -> str:
    """How many values are equal, by runtime and processor, to those of x86 and of Keras."""
    found = {}
    for row in (row for name in FILES for row in read_csv(name)):
        place = TITLES[row["runtime"]], row["processor"], row["instructions"]
        found.setdefault(place, []).append(row)
    rows = [
        {
            "runtime": runtime,
            "processor": processor,
            "instructions": instructions,
            "files": sum(row["values"] != "0" for row in rows),
            "values": _sum(rows, "values"),
            "as on x86": _sum(rows, "equal_to_x86"),
            "as in Keras": _sum(rows, "equal_to_keras"),
        }
        for (runtime, processor, instructions), rows in found.items()
    ]
    counts = ("files", "values", "as on x86", "as in Keras")
    return markdown_table(rows, dict.fromkeys(counts, ",d"))


def arm_operations() -> str:
    """For every operation and runtime, whether all processors compute what Keras does."""
    return _by_runtime(FILES[0], "operation")


def arm_networks() -> str:
    """How many values of networks are equal, by runtime, to those of x86 and of Keras."""
    found = {}
    for row in read_csv("arm_networks.csv"):
        if row["processor"] != HERE:
            found.setdefault((row["network"], row["runtime"]), []).append(row)
    rows = [
        {
            "network": f"`{network}`",
            "runtime": TITLES[runtime],
            "processors": len(rows),
            "values": _sum(rows, "values"),
            "as on x86": _sum(rows, "equal_to_x86"),
            "outputs as in Keras": _sum(rows, "equal_to_keras"),
        }
        for (network, runtime), rows in found.items()
    ]
    return markdown_table(rows, dict.fromkeys(("values", "as on x86"), ",d"))


def _by_runtime(name, title):
    found = {}
    for row in read_csv(name):
        found.setdefault(row["network"], {}).setdefault(row["runtime"], []).append(row)
    rows = [
        {title: f"`{network}`", **{TITLES[r]: _cell(r, rows) for r, rows in runtimes.items()}}
        for network, runtimes in found.items()
    ]
    return markdown_table(rows)


def _cell(runtime, rows):
    """Says what the processors have in common."""
    if all(row["values"] == "0" for row in rows):
        return "no kernel"
    column, text = "equal_to_keras", "equal"
    if runtime == "builtin":  # no exact model: only the processors are compared
        column, text = "equal_to_x86", "as on x86"
    if any(row[column] == "" for row in rows):
        return "not known"
    share = min(int(row[column]) / int(row["values"]) for row in rows)
    return text if share == 1 else f"{share:.2%} {text}"


def _sum(rows, key):
    """Returns a sum of counts, `None` if there are none."""
    counts = [int(row[key]) for row in rows if row[key] != ""]
    return sum(counts) if counts else None


TABLES = {function.__name__: function for function in (arm, arm_operations, arm_networks)}
