"""The program `python -m training.studies.census`."""

import pathlib

import click
import keras

import keraslight
from keraslight.commands.program import Command, run
from keraslight.record import record, write_result
from keraslight.report import markdown_table
from training import evaluate, options
from training.data.data import load_source
from training.files import to_csv
from training.recipe import load_recipe
from training.studies.census import counts
from training.studies.census.shares import shares


@click.command(
    "training.studies.census",
    cls=Command,
    examples=[
        "python -m training.studies.census --model=runs/vgnetg/model.keras "
        "--recipe=imagenette_vgnetg_long --data_dir=imagenette160"
    ],
)
@click.option(
    "--model", "file", required=True, type=click.Path(exists=True), help="Path of a .keras file."
)
@options.recipe
@options.changes
@options.images
@click.option("--output_dir", default="results", help="Folder to write to.")
@click.option(
    "--threshold",
    "thresholds",
    type=float,
    multiple=True,
    default=[0.9, 0.8, 0.7, 0.6],
    help="Least cosine similarity of what counts as near.",
)
@click.option("--picture_threshold", type=float, default=0.8, help="That of the picture.")
@options.batch_size
def command(
    file,
    recipe,
    changes,
    data_dir,
    cache_gb,
    download,
    output_dir,
    thresholds,
    picture_threshold,
    batch_size,
    verbose,
):
    """Counts depthwise kernels that training made like fixed ones, and replaces them.

    Counts the kernels of a trained model and of the same model before training, and measures the
    accuracy of the trained one with its kernels replaced by the fixed ones they resemble. Writes
    kernel_census.csv, kernel_census.png and kernel_replacement.csv.
    """
    settings = load_recipe(recipe, list(changes))
    model = keras.models.load_model(file)
    models = {"trained": model, "untrained": counts.untrained(model)}
    source = load_source(settings, "eval", data_dir, cache_gb, download, int(verbose == 1))
    folder = pathlib.Path(output_dir)
    made = record(
        seeds={"untrained": 0},
        data={"data_dir": data_dir, "pictures": len(source), **source.fingerprint()},
        model={"file": file, "name": model.name, "recipe": recipe},
    )

    censuses = {
        (name, threshold): keraslight.visualize.kernel_census(models[name], threshold)
        for threshold in thresholds
        for name in models
    }
    layers = [
        {"model": name, "threshold": threshold, **row}
        for (name, threshold), census in censuses.items()
        for row in census.as_dicts()
    ]
    write_result(folder / "kernel_census.csv", to_csv(layers), made)

    def accuracy_of(network):
        scores = evaluate.score(network, source, settings, batch_size, int(verbose == 1))
        return round(100 * scores.accuracy, 2)

    accuracies = counts.replacement(model, list(thresholds), accuracy_of)
    write_result(folder / "kernel_replacement.csv", to_csv(accuracies), made)
    drawn = {
        name: keraslight.visualize.kernel_census(network, picture_threshold)
        for name, network in models.items()
    }
    counts.plot(drawn, folder / "kernel_census.png")
    click.echo(markdown_table(shares(layers)))
    click.echo(f"\nTop-1 accuracy in percent on {len(source)} pictures, those kernels replaced.\n")
    click.echo(markdown_table(accuracies))


if __name__ == "__main__":
    run(command)
