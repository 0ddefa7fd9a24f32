"""`keraslight classify`: what a classifier says of pictures."""

import pathlib

import click

from keraslight.commands import options
from keraslight.commands.classifiers import open_classifier, skip_unreadable, workers
from keraslight.commands.program import Command, note
from keraslight.files import write_json
from keraslight.pictures.folder import Picture, list_files, spread
from keraslight.pictures.names import display_names, read_names
from keraslight.record import record
from keraslight.tflite.classify import TOP


@click.command(
    "classify",
    cls=Command,
    examples=[
        "keraslight classify model.tflite cat.jpg",
        "keraslight classify model.tflite holiday/ --top=1 --json=found.json",
    ],
)
@click.argument("model", type=options.FILE)
@click.argument("pictures", nargs=-1, required=True, type=click.Path(exists=True))
@click.option(
    "--top", type=options.COUNT, default=TOP, show_default=True, help="How many classes to show."
)
@options.labels
@options.preprocessing
@options.limit
@workers
@skip_unreadable
@options.json_file
def command(
    model, pictures, top, labels, preprocessing, limit, workers, skip_unreadable, json_file
):
    """Show the most probable classes of PICTURES, which are files or folders.

    MODEL is an image classifier in a .tflite file. Size, resizing, normalization and labels come
    from its metadata; options replace them.
    """
    classifier, assumed = open_classifier(model, labels, preprocessing)
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
        click.echo(picture.source)
        best = [
            {"output": int(c), "label": labels[c], "name": shown[labels[c]], "score": float(s)}
            for c, s in zip(classes, scores, strict=True)
        ]
        for entry in best:
            click.echo(f"  {entry['score']:7.2%}  {entry['name']}")
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
