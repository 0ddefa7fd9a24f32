r"""Measures the accuracy of any image classifier in a .tflite file.

    python -m tflite.evaluate --tflite=model.tflite --data_dir=pictures/val --json=accuracy.json

The folder holds a sub-folder of pictures for each class. Its name must be one of the model's
labels: those in the file's metadata, or the lines of --labels. Two files are compared by

    python -m tflite.evaluate --compare=float.tflite,int8.tflite --data_dir=pictures/val \
        --sheet=disagreements.png
"""

import os
import time
from typing import NamedTuple

from absl import flags

from keraslight.benchmark.results import write_json
from keraslight.commands import program
from keraslight.pictures.preprocessing import list_pictures
from keraslight.tflite.accuracy import (
    accuracy,
    agreement,
    outputs_of_labels,
    read_labels,
    require_same_outputs,
)
from keraslight.tflite.classify import TOP, classify, preprocessing_of
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import TFLiteRunner
from keraslight.tflite.sheet import draw_sheet
from tflite import preprocessing_flags

BACKGROUND = "background"  # the first of the 1001 outputs that TensorFlow's older networks have

FLAGS = flags.FLAGS
flags.DEFINE_string("tflite", None, "The .tflite file: float, int8 or uint8; made by anyone.")
flags.DEFINE_list("compare", None, "Two .tflite files to compare with each other.")
flags.DEFINE_string("data_dir", None, "Image folder; with --tfds, the folder of its data sets.")
flags.DEFINE_string("tfds", None, "Name of a TensorFlow Datasets set in place of a folder.")
flags.DEFINE_string("split", "validation", "Split of the TensorFlow Datasets set.")
flags.DEFINE_string(
    "labels",
    None,
    "Text file of the labels in the order of the outputs, one a line; or imagenet, for folders "
    "named by WordNet ids, and 1000 outputs or 1001.",
)
flags.DEFINE_integer("limit", None, "Take only so many pictures, spread over all.", lower_bound=1)
flags.DEFINE_integer(
    "workers", None, "Number of processes; by default one for each core.", lower_bound=1
)
flags.DEFINE_boolean("skip_unreadable", False, "Go on without pictures that cannot be read.")
flags.DEFINE_string("json", None, "File to write the result to.")
flags.DEFINE_string("sheet", None, "PNG file to draw the pictures to that two files differ on.")


class Classifier(NamedTuple):
    """A file, ready to run, and the labels of its outputs, empty if they are not known."""

    model: ModelFile
    runner: TFLiteRunner
    labels: tuple[str, ...]


def main():
    """Runs one file, or two, over the pictures."""
    paths = FLAGS.compare or ([FLAGS.tflite] if FLAGS.tflite else [])
    if len(paths) != (2 if FLAGS.compare else 1):
        raise ValueError(
            "Pass --tflite=FILE, or --compare=FILE,FILE. "
            f"Received: tflite={FLAGS.tflite!r}, compare={FLAGS.compare}"
        )
    classifiers = [_open(path) for path in paths]
    if FLAGS.compare:
        require_same_outputs([(c.runner.classes, c.labels) for c in classifiers])
    pictures = _pictures()
    results, predictions = [], []
    for classifier in classifiers:
        result, of_file = _evaluate(classifier, pictures)
        results.append(result)
        predictions.append(of_file)
        print(_summary(result))
    if FLAGS.compare:
        results = {"kind": "comparison", "files": results, **agreement(*predictions)}
        print(
            f"the same best class on {results['top1']:.2%} of {results['pictures']} pictures, "
            f"{results[f'top{TOP}']:.2%} of the best {TOP} shared, "
            f"best scores {results['score_drift']:.3g} apart"
        )
        if FLAGS.sheet:
            names = classifiers[0].labels or sorted({picture.label for picture in pictures})
            files = tuple(classifier.model.path.name for classifier in classifiers)
            count = draw_sheet(FLAGS.sheet, *predictions, names, files)
            program.note(f"{count} pictures the two differ on: {FLAGS.sheet}")
    else:
        results = results[0]
    if FLAGS.json:
        write_json(FLAGS.json, results)


def _pictures():
    if FLAGS.tfds:
        from keraslight.pictures.tfds import read_split

        return read_split(FLAGS.tfds, FLAGS.split, FLAGS.data_dir, FLAGS.limit)
    if not FLAGS.data_dir:
        raise ValueError("Pass --data_dir=FOLDER or --tfds=NAME. Received neither")
    return list_pictures(FLAGS.data_dir, FLAGS.limit)


def _open(path):
    model, runner = ModelFile(path), TFLiteRunner(path)
    if runner.dynamic_batch:
        program.note(f"note: {path} leaves the batch open; it runs with 1 here")
    return Classifier(model, runner, _labels(model, runner.classes))


def _evaluate(classifier, pictures):
    model, runner, labels = classifier
    places = outputs_of_labels(sorted({p.label for p in pictures}), labels, runner.classes)
    preprocessing = preprocessing_of(model, runner, preprocessing_flags.given())
    start = time.perf_counter()
    predictions = classify(
        model.path, pictures, preprocessing, FLAGS.workers or os.cpu_count(), FLAGS.skip_unreadable
    )
    result = {
        "kind": "evaluation",
        "model": model.facts(),
        "data": {
            "source": FLAGS.tfds or str(FLAGS.data_dir),
            "classes": len(places),
            "unreadable": len(predictions.unreadable),
        },
        "preprocessing": preprocessing.describe(),
        **accuracy(predictions, places),
        "seconds": round(time.perf_counter() - start, 1),
    }
    return result, predictions


def _labels(model, outputs):
    if FLAGS.labels == "imagenet":
        from keraslight.weights.inference import imagenet_classes  # takes seconds to import

        labels = tuple(wordnet_id for wordnet_id, _ in imagenet_classes())
        return (BACKGROUND, *labels) if outputs == len(labels) + 1 else labels
    if FLAGS.labels:
        return read_labels(FLAGS.labels)
    return model.metadata.labels if model.metadata is not None else ()


def _summary(result):
    unreadable = result["data"]["unreadable"]
    return (
        f"{result['model']['file']}: top-1 {result['top1']:.2%}, top-{TOP} "
        f"{result[f'top{TOP}']:.2%} of {result['pictures']} pictures"
        + (f", {unreadable} unreadable" if unreadable else "")
    )


if __name__ == "__main__":
    program.run(main)
