"""The tables of what is read from files of others."""

from docs.made_tables import read_csv, read_json
from keraslight.report import markdown_table


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


def imported_files() -> str:
    """Files of keras.applications, read and written again."""
    rows = [
        {
            "network": row["network"],
            "converter": row["converter"],
            "operators": int(row["operators"]),
            "equal (%)": 100 * float(row["equal"]),
            "size again (%)": 100 * float(row["size_again"]),
            "equal again (%)": 100 * float(row["equal_again"]),
        }
        for row in read_csv("imported_files.csv")
        if not row["problem"]
    ]
    return markdown_table(rows, dict.fromkeys(list(rows[0])[3:], ".1f"))


def imported_fuzz() -> str:
    """What came of damaged files."""
    rows = [
        {
            "kind": kind,
            "files": found["files"],
            "read": found["read"],
            "refused": found["refused"],
            "failures": len(found["failures"]),
            "slowest (s)": found["slowest_seconds"],
            "memory (MiB)": found["peak_memory_mib"],
        }
        for kind, found in read_json("fuzz_import.json")["kinds"].items()
    ]
    return markdown_table(rows, {})


TABLES = {
    function.__name__: function for function in (imported_training, imported_files, imported_fuzz)
}
