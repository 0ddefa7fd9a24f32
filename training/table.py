r"""Makes one table of finished runs, the best first.

    python -m training.table runs/imagenette_* --output=results/imagenette.csv

Every row tells a run's accuracy, size, cost and speed, its seed and the command that made it.
"""

import json
import pathlib

from absl import app, flags

from keraslight.files import write_whole
from training.files import to_csv

_OUTPUT = flags.DEFINE_string("output", None, "CSV file to write.", required=True)

COLUMNS = (
    *("run", "model", "accuracy", "top5", "best_accuracy", "parameters", "macs", "image_size"),
    *("epochs", "train_seconds", "images_per_second", "seed", "command"),
)


def row(folder: pathlib.Path) -> dict:
    """Returns what the table tells of one run."""
    path = folder / "summary.json"
    if not path.is_file():
        raise ValueError(f"The run is not finished. Received: '{folder}' without {path.name}")
    found = {"run": folder.name, **json.loads(path.read_text())}
    return {
        name: round(found[name], 4) if isinstance(found[name], float) else found[name]
        for name in COLUMNS
    }


def main(argv):
    """Reads the summaries and writes the table."""
    if not argv[1:]:
        raise app.UsageError("Name the folders of one run or several. Received none")
    rows = [row(pathlib.Path(folder)) for folder in argv[1:]]
    rows.sort(key=lambda found: -found["accuracy"])
    write_whole(pathlib.Path(_OUTPUT.value), to_csv(rows))
    for found in rows:
        print(f"{found['accuracy']:.2%}  {found['run']}")


if __name__ == "__main__":
    app.run(main)
