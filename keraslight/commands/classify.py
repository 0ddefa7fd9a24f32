"""`keraslight classify`: what a classifier says of pictures."""

import pathlib

import click

from keraslight.commands import classifiers, options
from keraslight.commands.program import Command, note, show
from keraslight.files import require_place, write_json
from keraslight.pictures.folder import Picture, list_files, spread
from keraslight.pictures.names import display_names, read_names
from keraslight.record import record
from keraslight.tflite.classify import TOP


@click.command(
    "classify",
    cls=Command,
    examples=[
        "keraslight classify model.tflite cat.jpg",
        "keraslight classify repvgg_a0 cat.jpg",
        "keraslight classify model.tflite holiday/ --top=1 --json=found.json",
    ],
)
@click.argument("model")
@click.argument("pictures", nargs=-1, required=True, type=click.Path(exists=True))
@click.option(
    "--top", type=options.COUNT, default=TOP, show_default=True, help="How many classes to show."
)
@options.labels
@classifiers.weights
@options.input_size
@options.preprocessing
@options.limit
@classifiers.workers
@classifiers.skip_unreadable
@options.json_file
def command(
    model,
    pictures,
    top,
    labels,
    weights,
    input_size,
    preprocessing,
    limit,
    workers,
    skip_unreadable,
    json_file,
):
    """Classify PICTURES, files or folders, with a .tflite file or a Keras model.

    MODEL is an image classifier: a .tflite file, a .keras file, the folder of a run of training, or
    a network of keraslight with published weights, by its name. Size, resizing, normalization and
    labels come from there; options replace them.
    """
    if json_file:
        require_place(json_file)  # before the work
    classifier, assumed = classifiers.open_classifier(
        model, labels, preprocessing, weights, input_size
    )
    files, names = [], {}
    for path in pictures:
        is_folder = pathlib.Path(path).is_dir()
        files += list_files(path) if is_folder else [path]
        names.update(read_names(path) if is_folder else {})
    chosen = [Picture(file, "") for file in spread(files, limit)]
    # a process takes longer to start than a few pictures to classify
    workers = min(workers, -(-len(chosen) // 16))
    predictions = classifier.predict(chosen, workers, skip_unreadable, top)
    if classifier.softmax:
        note("note: the outputs are logits: the scores are the softmax of them")
    if not classifier.labels:
        note("note: the classes have no names: pass --labels=FILE")
    labels = classifier.labels or [f"class {index}" for index in range(classifier.outputs)]
    shown = display_names(labels, names)
    found = []
    for picture, classes, scores in zip(
        predictions.pictures, predictions.classes, predictions.scores, strict=True
    ):
        show(picture.source)
        best = [
            {"output": int(c), "label": labels[c], "name": shown[labels[c]], "score": float(s)}
            for c, s in zip(classes, scores, strict=True)
        ]
        for entry in best:
            show(f"  {entry['score']:7.2%}  {entry['name']}")
        found.append({"picture": picture.source, "classes": best})
    for message in predictions.unreadable:
        note(f"not read: {message}")
    if json_file:
        write_json(
            json_file,
            {
                "kind": "classification",
                "record": record(),
                "model": classifier.facts(),
                "preprocessing": classifier.preprocessing.describe(),
                "assumed": assumed,
                "scores": "softmax of the outputs" if classifier.softmax else "outputs",
                "pictures": found,
                "unreadable": predictions.unreadable,
            },
        )
