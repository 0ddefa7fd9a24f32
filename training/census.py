r"""Which depthwise kernels training made like fixed ones, and what replacing them costs.

    python -m training.census --model=runs/vgnetg/best.keras --recipe=imagenette_vgnetg \
        --data_dir=imagenette160 --output_dir=results

Counts the kernels of a trained model and of the same model before training, and measures the
accuracy of the trained one with its kernels replaced by the fixed ones they resemble. The folder
gets kernel_census.md, .csv (every layer) and .png, and kernel_replacement.csv.
"""

import pathlib

import keras
import matplotlib
from absl import app, flags

import keraslight
from keraslight.canvas import canvas
from keraslight.commands.program import command
from keraslight.files import write_whole
from keraslight.report import markdown_table
from keraslight.visualize.census import ALL_KINDS, KernelCensus
from training import common_flags, evaluate
from training.files import to_csv

matplotlib.use("Agg")

# those of training.evaluate, --model and --batch_size, among them
FLAGS = flags.FLAGS
_THRESHOLDS = flags.DEFINE_multi_float(
    "threshold", [0.9, 0.8, 0.7, 0.6], "Least cosine similarity of what counts as near."
)
_PICTURE_THRESHOLD = flags.DEFINE_float("picture_threshold", 0.8, "That of the picture.")


def untrained(model: keras.Model) -> keras.Model:
    """Returns the same model with new initial weights."""
    keras.utils.set_random_seed(0)
    return type(model).from_config(model.get_config())


def shares(census: KernelCensus) -> dict:
    """Returns the percentages of learned kernels of every kind."""
    return {
        kind: round(100 * census.share(kind, learned_only=True), 2)
        for kind in ALL_KINDS
        if kind != "zero"
    }


def replacement(model: keras.Model, thresholds: list[float], accuracy_of) -> list[dict]:
    """Returns the accuracy of a model with its kernels replaced, for every threshold.

    Args:
        model: the trained model.
        thresholds: cosine similarities; the first row is the model as it is.
        accuracy_of: callable that gets a model and returns its accuracy.
    """
    rows = [{"threshold": None, "replaced": 0.0, "accuracy": accuracy_of(model)}]
    for threshold in thresholds:
        replaced, report = keraslight.replace_kernels(model, threshold)
        rows.append(
            {
                "threshold": threshold,
                "replaced": round(100 * report.share, 2),
                "accuracy": accuracy_of(replaced),
            }
        )
    return rows


def plot(censuses: dict[str, KernelCensus], path: pathlib.Path) -> None:
    """Draws censuses side by side."""
    height = 0.19 * max(len(census.layers) for census in censuses.values()) + 1.4
    with canvas(11, height) as figure:
        columns = figure.subplots(1, len(censuses), sharey=True)
        for axes, (name, census) in zip(columns, censuses.items(), strict=True):
            census.plot(axes)
            axes.set_title(name, fontsize=10)
        handles, labels = columns[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize=9)
    figure.savefig(path)


def main(argv):
    """Counts, replaces, prints and writes."""
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments. Received: {argv[1:]}")
    recipe = common_flags.recipe()
    model = keras.models.load_model(FLAGS.model)
    models = {"trained": model, "untrained": untrained(model)}
    source = common_flags.source(recipe, "eval")
    folder = pathlib.Path(common_flags.OUTPUT_DIR.value)
    folder.mkdir(parents=True, exist_ok=True)

    thresholds = _THRESHOLDS.value
    censuses = {
        (name, threshold): keraslight.visualize.kernel_census(models[name], threshold)
        for threshold in thresholds
        for name in models
    }
    counts = markdown_table(
        [
            {"model": name, "threshold": threshold, **shares(census)}
            for (name, threshold), census in censuses.items()
        ]
    )
    layers = [
        {"model": name, "threshold": threshold, **row}
        for (name, threshold), census in censuses.items()
        for row in census.as_dicts()
    ]
    verbose = int(common_flags.VERBOSE.value == 1)

    def accuracy_of(network):
        scores = evaluate.score(network, source, recipe, FLAGS.batch_size, verbose)
        return round(100 * scores.accuracy, 2)

    accuracies = replacement(model, thresholds, accuracy_of)
    text = (
        f"`{command()}`\n\n{model.name}: learned kernels near a fixed one, in percent, by the "
        f"least cosine similarity.\n\n{counts}\n\nTop-1 accuracy in percent on {len(source)} "
        f"pictures, those kernels replaced.\n\n{markdown_table(accuracies)}\n"
    )
    write_whole(folder / "kernel_census.md", text.encode())
    write_whole(folder / "kernel_census.csv", to_csv(layers))
    write_whole(folder / "kernel_replacement.csv", to_csv(accuracies))
    drawn = {
        name: keraslight.visualize.kernel_census(network, _PICTURE_THRESHOLD.value)
        for name, network in models.items()
    }
    plot(drawn, folder / "kernel_census.png")
    print(text)


if __name__ == "__main__":
    app.run(main)
