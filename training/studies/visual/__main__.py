"""The program `python -m training.studies.visual`."""

import dataclasses
import io
import pathlib

import click
import keras
import matplotlib

from keraslight.canvas import canvas
from keraslight.commands.program import Command, note, run
from keraslight.files import write_whole
from keraslight.record import record, write_result
from keraslight.report import markdown_table
from training import evaluate, options, run_file
from training.data.batches import eval_batches
from training.data.data import load_source
from training.files import to_csv
from training.recipe import Recipe, load_recipe
from training.studies.visual.looks import LOOKS, limited, network, reports

matplotlib.use("Agg")

IMAGES = 16
# what of a recipe evaluation needs
EVALUATED = ("image_size", "eval_crop", "mean", "std")


@click.command(
    "training.studies.visual",
    cls=Command,
    examples=[
        "python -m training.studies.visual --model=runs/imagenette_vgnetg_0 "
        "--model=runs/imagenette_falconnet_0 --data_dir=imagenette160",
        "python -m training.studies.visual --model=network.keras --output_dir=looks",
    ],
)
@click.option(
    "--model",
    "paths",
    required=True,
    multiple=True,
    type=click.Path(exists=True),
    help="Folder of a run, or path of a .keras file. Repeat it to compare networks.",
)
@click.option(
    "--recipe", help="How .keras files take images. The folder of a run has its own recipe."
)
@options.images
@click.option("--output_dir", default="results", help="Folder to write to.")
@click.option(
    "--share",
    "shares",
    type=click.FloatRange(0, 1, min_open=True),
    multiple=True,
    default=[0.5, 0.25, 0.125],
    help="Width of the window of pointwise convolutions over their channels.",
)
@options.batch_size
def command(paths, recipe, data_dir, cache_gb, download, output_dir, shares, batch_size, verbose):
    """Looks at what trained networks learned and what they cost.

    Writes a table and a picture of each look, with the networks side by side: visual_costs
    (pointwise and depthwise convolutions in parameters and multiply-adds), visual_magnitude (the
    mean magnitude of kernels), visual_ranges (how many channels pointwise convolutions mix) and
    visual_mixtures (mixtures of Gaussians of kernels, by strides). With images, --data_dir, also
    visual_repeats (feature maps that repeat others) and visual_window.csv (the accuracy if
    pointwise convolutions see a window of channels only).
    """
    folder = pathlib.Path(output_dir)
    networks, windows, fingerprint = [], [], None
    for path in map(pathlib.Path, paths):
        file = path / run_file.MODEL if path.is_dir() else path
        model = keras.models.load_model(file)
        name = path.name.removesuffix(".keras")
        if data_dir is None:
            networks.append(network(name, model))
            continue
        settings = recipe_of(path, recipe)
        source = load_source(settings, "eval", data_dir, cache_gb, download, int(verbose == 1))
        fingerprint = source.fingerprint()
        images, *_ = next(iter(eval_batches(source, settings, min(IMAGES, len(source)))))
        networks.append(network(name, model, keras.ops.convert_to_numpy(images)))

        def accuracy_of(model, source=source, settings=settings):
            scores = evaluate.score(model, source, settings, batch_size, int(verbose == 1))
            return round(100 * scores.accuracy, 2)

        windows += limited(networks[-1], shares, accuracy_of)
    made = record(data=fingerprint, model=[str(path) for path in paths])
    for what, look in LOOKS.items():
        if what == "repeats" and data_dir is None:
            continue
        found = reports(look, networks, note)
        if not found:
            continue
        rows = [
            {"model": name, **row} for name, report in found.items() for row in report.as_dicts()
        ]
        write_result(folder / f"visual_{what}.csv", to_csv(rows), made)
        write_whole(folder / f"visual_{what}.png", picture(look, found))
        click.echo(f"{what}: {len(rows)} rows of {', '.join(found)}")
    if windows:
        write_result(folder / "visual_window.csv", to_csv(windows), made)
        click.echo(markdown_table(windows))
    click.echo(f"Written to {folder}")


def recipe_of(path: pathlib.Path, given: str | None) -> Recipe:
    """Returns how a network takes images: as its run did, or as a given recipe says.

    Args:
        path: folder of a run, or a .keras file.
        given: optional name of a recipe.

    Raises:
        ValueError: if neither says it.
    """
    ran = run_file.read(path) if path.is_dir() else None
    if ran is None:
        if given is None:
            raise ValueError(
                "A .keras file does not say how it takes images: give --recipe, or leave out "
                f"--data_dir. Received: model='{path}'"
            )
        return load_recipe(given)
    recipe = load_recipe(given or ran["recipe_name"])
    settings = {key: ran["recipe"][key] for key in EVALUATED}
    settings = {key: tuple(v) if isinstance(v, list) else v for key, v in settings.items()}
    if settings["image_size"] != recipe.image_size:
        settings["train_sizes"] = ()
    return dataclasses.replace(recipe, **settings)


def picture(look, found: dict) -> bytes:
    """Returns a PNG with what is found in each network, side by side."""
    rows = max(len(report.as_dicts()) for report in found.values())
    file = io.BytesIO()
    with canvas(5 * len(found), look.height(rows)) as figure:
        columns = figure.subplots(1, len(found), squeeze=False)[0]
        for axes, (name, report) in zip(columns, found.items(), strict=True):
            look.draw(report, axes)
            axes.set_title(name, fontsize=10)
        figure.savefig(file, format="png")
    return file.getvalue()


if __name__ == "__main__":
    run(command)
