"""`keraslight evaluate`: the accuracy of classifiers and detectors, and how two agree."""

import time

import click

from keraslight.commands import classifiers, detectors, options
from keraslight.commands.program import Command, Failure, note, show
from keraslight.files import require_place, write_json
from keraslight.pictures.folder import list_pictures
from keraslight.pictures.names import display_names, read_names
from keraslight.record import record
from keraslight.tflite.accuracy import accuracy_of, agreement
from keraslight.tflite.classify import TOP
from keraslight.tflite.labels import require_same_outputs
from keraslight.tflite.sheet import draw_sheet

HARDEST = 3  # classes that the summary names


@click.command(
    "evaluate",
    cls=Command,
    examples=[
        "keraslight evaluate --tflite=model.tflite --data_dir=pictures/val --json=accuracy.json",
        "keraslight evaluate --compare=float.tflite,int8.tflite --data_dir=pictures/val "
        "--sheet=disagreements.png",
        "keraslight evaluate --tflite=model.tflite --tfds=imagenette/160px-v2 --labels=imagenet",
        "keraslight evaluate --model=runs/first --data_dir=pictures/val",
        "keraslight evaluate --tflite=detector.tflite --annotations=instances_val.json "
        "--data_dir=pictures/val --sheet=boxes.png",
    ],
)
@click.option(
    "--annotations",
    type=options.FILE,
    help="COCO json of the pictures in --data_dir: measures the average precision of a detector.",
)
@click.option("--tflite", type=options.FILE, help="The .tflite file, made by anyone.")
@click.option(
    "--model",
    help="A Keras model in place of a file: a name of keraslight.list_models(), a .keras file, or "
    "the folder of a run of training.",
)
@click.option(
    "--compare",
    type=options.CommaList(lengths=(2,)),
    metavar="FILE,FILE",
    help="Two .tflite files or Keras models to compare with each other.",
)
@options.data_dir
@click.option("--tfds", help="Name of a TensorFlow Datasets set, downloaded if need be.")
@click.option(
    "--tfds_dir", type=click.Path(file_okay=False), help="Folder of TensorFlow Datasets' sets."
)
@click.option(
    "--split", default="validation", show_default=True, help="Split of the TensorFlow Datasets set."
)
@options.labels
@classifiers.weights
@options.input_size
@options.preprocessing
@options.limit
@classifiers.workers
@classifiers.skip_unreadable
@options.json_file
@click.option(
    "--sheet",
    type=options.NEW_FILE,
    help="PNG file to draw the pictures to that the two files of --compare differ on, or those "
    "of --annotations with the boxes found.",
)
@click.pass_context
def command(
    context,
    annotations,
    tflite,
    model,
    compare,
    data_dir,
    tfds,
    tfds_dir,
    split,
    labels,
    weights,
    input_size,
    preprocessing,
    limit,
    workers,
    skip_unreadable,
    json_file,
    sheet,
):
    """Measure the accuracy of classifiers and detectors: .tflite files or Keras models.

    The folder --data_dir holds a sub-folder of pictures for each class. Its name must be one of
    the labels: those in the file's metadata, or the lines of --labels. Size, resizing and
    normalization come from the metadata, or from the recipe of a Keras model's run; options replace
    them. What neither says is assumed and shown, or refused.

    With --compare, two of them are also compared with each other, picture by picture.

    With --annotations, --tflite is a detector: a file of keraslight.export_detector, or any that
    ends with TFLite_Detection_PostProcess. Its mean average precision is measured as COCO defines
    it; --sheet draws what it finds.
    """
    if annotations:
        if not (tflite and data_dir) or model or compare or tfds or weights or input_size:
            raise click.UsageError(
                "--annotations goes with --tflite=FILE and --data_dir=FOLDER, and with no other "
                "model or data set."
            )
        detectors.evaluate(
            tflite,
            annotations,
            data_dir,
            labels,
            preprocessing,
            limit,
            skip_unreadable,
            json_file,
            sheet,
        )
        return
    given = {"--tflite": tflite, "--model": model, "--compare": compare}
    given = {option: value for option, value in given.items() if value}
    if len(given) != 1:
        raise click.UsageError(
            "Pass one of --tflite=FILE, --model=MODEL and --compare=FILE,FILE. "
            f"Received: {' and '.join(given) or 'none'}"
        )
    if bool(data_dir) == bool(tfds):
        raise click.UsageError(
            f"Pass --data_dir=FOLDER or --tfds=NAME. Received: {'both' if tfds else 'neither'}"
        )
    if data_dir:
        options.refuse_ignored(context, ("tfds_dir", "split"), "--tfds")
    if sheet and not compare:
        raise click.UsageError("--sheet draws what two files differ on: pass --compare=FILE,FILE")
    if sheet and not sheet.endswith(".png"):
        raise click.UsageError(f"`sheet` must end in .png. Received: sheet={sheet!r}")
    for path in (json_file, sheet):
        if path:
            require_place(path)  # before the work
    opened = [
        classifiers.open_classifier(name, labels, preprocessing, weights, input_size)
        for name in compare or [tflite or model]
    ]
    if compare:
        require_same_outputs([(c.outputs, c.labels) for c, _ in opened])
    if tfds:
        from keraslight.pictures.tfds import read_split

        pictures, names = read_split(tfds, split, tfds_dir, limit), {}
    else:
        pictures, names = list_pictures(data_dir, limit), read_names(data_dir)
    folders = sorted({picture.label for picture in pictures})
    # labels that do not fit are found before the work
    places_of = [classifier.places(pictures) for classifier, _ in opened]
    results, predictions = [], []
    for (classifier, assumed), places in zip(opened, places_of, strict=True):
        if not classifier.labels:
            message = "there are no labels: the outputs are taken for the folders in order"
            assumed.append(message)
            note(f"note: {message}; --labels says otherwise")
        start = time.perf_counter()
        predictions.append(classifier.predict(pictures, workers, skip_unreadable))
        results.append(
            {
                "kind": "evaluation",
                "model": classifier.facts(),
                "data": {
                    "source": tfds or str(data_dir),
                    "classes": len(places),
                    "unreadable": len(predictions[-1].unreadable),
                },
                "preprocessing": classifier.preprocessing.describe(),
                "assumed": assumed,
                "scores": "softmax of the outputs" if classifier.softmax else "outputs",
                "names": display_names(folders, names),
                **accuracy_of(predictions[-1], places),
                "seconds": round(time.perf_counter() - start, 1),
            }
        )
        show(_summary(results[-1]))
    found = results[0]
    if compare:
        found = _compare(predictions, results)
    if json_file:
        write_json(json_file, {**found, "record": record()})
    if sheet:
        labels = opened[0][0].labels or folders
        files = tuple(classifier.file for classifier, _ in opened)
        count = draw_sheet(sheet, *predictions, labels, files, names)
        note(f"{count} pictures the two differ on: {sheet}")


def _summary(result):
    unreadable = result["data"]["unreadable"]
    text = (
        f"{result['model']['file']}: top-1 {result['top1']:.2%}, top-{TOP} "
        f"{result[f'top{TOP}']:.2%} of {result['pictures']} pictures"
        + (f", {unreadable} unreadable" if unreadable else "")
    )
    hardest = sorted(result["per_class"].items(), key=lambda item: item[1]["top1"])[:HARDEST]
    if hardest[0][1]["top1"] < 1:
        text += "\n  hardest classes: " + ", ".join(
            f"{result['names'][label]} {shares['top1']:.1%}" for label, shares in hardest
        )
    return text


def _compare(predictions, results):
    one, other = predictions
    if [p.source for p in one.pictures] != [p.source for p in other.pictures]:
        raise Failure("The two files did not classify the same pictures.")
    found = {"kind": "comparison", "files": results, **agreement(one, other)}
    show(
        f"the same best class on {found['top1']:.2%} of {found['pictures']} pictures, "
        f"{found[f'top{TOP}']:.2%} of the best {TOP} shared, "
        f"best scores {found['score_drift']:.3g} apart"
    )
    return found
