"""The program `python -m training.studies.imported`."""

import pathlib

import click

from keraslight.commands.options import COUNT
from keraslight.commands.program import Command, run
from keraslight.record import record, write_result
from training.files import to_csv
from training.studies.imported.ways import Study


@click.command(
    "training.studies.imported",
    cls=Command,
    examples=["python -m training.studies.imported --data_dir=imagenette160"],
)
@click.option("--data_dir", required=True, help="Folder with train/ and val/, of Imagenette.")
@click.option("--runs", default="runs/imported", help="Folder for what is trained.")
@click.option("--output", default="results/imported_training.csv", help="CSV file to write.")
@click.option("--size", type=COUNT, default=64, help="Height and width.")
@click.option("--epochs", type=COUNT, default=6, help="Epochs of the float network.")
@click.option("--seed", type=int, default=0, help="Of the training.")
def command(data_dir, runs, output, size, epochs, seed):
    """Trains an int8 file of TensorFlow for an epoch, beside quantization-aware training.

    The accuracy is top-1 on the pictures in val/, by LiteRT.
    """
    study = Study(pathlib.Path(data_dir), pathlib.Path(runs), size, epochs, seed)
    text = to_csv(study.rows())
    about = record(seeds=seed, data=study.fingerprint(), float_epochs=epochs, size=size)
    write_result(output, text, about)
    click.echo(text.decode())


if __name__ == "__main__":
    run(command)
