"""The program `python -m training.data`."""

import pathlib

import click

from keraslight.commands.program import Command, note, run
from keraslight.commands.progress import progress_bar
from keraslight.files import write_json
from keraslight.pictures.imagenette import ARCHIVES, archived_pictures, fetch_archive
from keraslight.record import record
from training.data.prepare import VAL, chosen, expected_counts, tfds_pictures, write_set

TFDS = {"160px": "160px-v2", "320px": "320px-v2", "full": "full-size-v2"}


@click.command(
    "training.data",
    cls=Command,
    examples=[
        "python -m training.data --output_dir=imagenette160",
        "python -m training.data --archive=imagenette2-160.tgz --output_dir=imagenette160",
        "python -m training.data --source=tfds --val=all --output_dir=imagenette160",
    ],
)
@click.option(
    "--output_dir",
    required=True,
    type=click.Path(file_okay=False),
    help="Folder to make; it must not hold anything yet.",
)
@click.option(
    "--source",
    type=click.Choice(["archive", "tfds"]),
    default="archive",
    help="fast.ai's archive, downloaded once, or TensorFlow Datasets.",
)
@click.option(
    "--kind",
    type=click.Choice(list(ARCHIVES)),
    default="160px",
    help="Size of the original pictures: their shorter side, or full as in ImageNet (1.6 GB).",
)
@click.option(
    "--archive",
    type=click.Path(exists=True, dir_okay=False),
    help="The archive, if it was downloaded already.",
)
@click.option(
    "--val",
    type=click.Choice(VAL),
    default="selected",
    help="Which validation pictures: the 1,975 that accuracies are reported on, the rest, or all.",
)
@click.option(
    "--size",
    type=click.IntRange(min=0),
    default=160,
    help="Height and width to squash the pictures to; 0 keeps them as they are.",
)
@click.option("--data_dir", type=click.Path(file_okay=False), help="Folder of TFDS.")
def command(output_dir, source, kind, archive, val, size, data_dir):
    """Makes the Imagenette folder that the recipes were measured with.

    train/ gets the 9,469 training pictures of Imagenette version 2, val/ the 1,975 of its 3,925
    validation pictures that accuracies are reported on, all squashed to 160x160. record.json says
    how the folder was made.

    The pictures are ImageNet's: for research, not for redistribution.
    """
    _refuse_ignored(source, archive, data_dir)
    if source == "tfds":
        if val != "all":
            raise ValueError(
                "TensorFlow Datasets keeps no names of files, by which the validation pictures are "
                f"told: pass --val=all, or --source=archive. Received: --val={val}"
            )
        facts = {"tfds": f"imagenette/{TFDS[kind]}"}
        pictures = tfds_pictures(facts["tfds"], data_dir)
    else:
        path = archive or fetch_archive(kind, progress_bar)
        facts = {"archive": pathlib.Path(path).name}
        pictures = archived_pictures(path)
    counts = write_set(chosen(pictures, val), output_dir, size or None)
    facts |= {"val": val, "size": size, "pictures": counts}
    write_json(pathlib.Path(output_dir) / "record.json", {"record": record(data=facts)})
    if counts != expected_counts(val):
        note(f"warning: Imagenette version 2 has {expected_counts(val)} pictures")
    numbers = " and ".join(f"{count} {split}" for split, count in counts.items())
    click.echo(f"{output_dir}: {numbers} pictures")


def _refuse_ignored(source, archive, data_dir):
    """Refuses options that would change nothing."""
    given = click.get_current_context().get_parameter_source("kind")
    kind = given is click.core.ParameterSource.COMMANDLINE
    ignored = {
        "--archive with --source=tfds": source == "tfds" and archive,
        "--data_dir with --source=archive": source == "archive" and data_dir,
        "--kind with --archive, which has one kind": source == "archive" and archive and kind,
    }
    together = [names for names, given in ignored.items() if given]
    if together:
        raise ValueError(
            f"Options that do not go together: leave one of them out. Received: {together}"
        )


if __name__ == "__main__":
    run(command)
