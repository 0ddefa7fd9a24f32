"""The tables of what is read from files of others."""

from docs.made_tables import read_csv, read_json
from keraslight.report import markdown_table


def imported_files() -> str:
    """Int8 files of known networks: how many outputs are equal."""
    rows = [
        {
            "network": row["network"],
            "converter": row["converter"],
            "operators": int(row["operators"]),
            "equal outputs (%)": 100 * float(row["equal"]),
            "equal when written again (%)": 100 * float(row["equal_again"]),
            "size written again (%)": 100 * float(row["size_again"]),
        }
        for row in read_csv("imported_files.csv")
        if row["equal"]
    ]
    return markdown_table(rows, dict.fromkeys(list(rows[0])[3:], ".1f"))


def imported_training() -> str:
    """An imported file beside its network, each trained for an epoch in int8."""
    rows = [
        {
            "start": row["start"],
            "top-1 before (%)": 100 * float(row["before"]),
            "after an epoch (%)": 100 * float(row["after"]),
            "pictures": int(row["pictures"]),
        }
        for row in read_csv("imported_training.csv")
    ]
    return markdown_table(rows, dict.fromkeys(list(rows[0])[1:3], ".1f"))


def damaged_files() -> str:
    """What came of damaged files."""
    rows = [
        {
            "file": kind,
            "damaged": row["files"],
            "refused": row["refused"],
            "read": row["read"],
            "failures": len(row["failures"]),
            "slowest (s)": row["slowest_seconds"],
            "peak memory (MiB)": row["peak_memory_mib"],
        }
        for kind, row in read_json("fuzz_import.json")["kinds"].items()
    ]
    return markdown_table(rows, {"slowest (s)": ".2f", "peak memory (MiB)": ".0f"})


TABLES = {
    function.__name__: function for function in (imported_files, imported_training, damaged_files)
}
