"""What a detector finds on compositions that nobody owns."""

import pathlib
import tempfile

from keraslight.boxes import read_coco
from keraslight.commands.detectors import detection_sheet
from keraslight.pictures import make_sample
from keraslight.tflite import TFLiteDetector
from training.detection.compose import compose_set

PICTURES = 12
SEED = 7  # other compositions than those of the training and the table


def picture_of(path: pathlib.Path, size: int) -> bytes:
    """Returns a JPEG file of new compositions with the boxes that a file finds.

    Their photos are the drawn shapes of `keraslight sample`, so the picture can be given away.

    Args:
        path: path of the detector's .tflite file.
        size: int, height and width of the compositions.
    """
    with tempfile.TemporaryDirectory() as temporary:
        files = pathlib.Path(temporary)
        make_sample(files / "shapes", train=2, val=4)
        composed = files / "composed"
        compose_set(files / "shapes", composed, {"train": 1, "val": PICTURES}, size, SEED)
        coco = read_coco(composed / "annotations" / "instances_val.json", composed / "val")
        detector = TFLiteDetector(path)
        found = [detector.detect(picture.source) for picture in coco.pictures]
        sheet = detection_sheet(coco.pictures, found, coco.class_names)
        sheet.save(files / "sheet.jpg", quality=85)
        return (files / "sheet.jpg").read_bytes()
