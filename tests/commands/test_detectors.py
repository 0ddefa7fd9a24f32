"""`keraslight evaluate` of detectors, beside the same computed here."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

import keraslight
from keraslight.boxes import AnnotatedPicture, Objects, average_precision
from keraslight.tflite import TFLiteDetector
from tests.detection.test_ssdlite import SIZE, vgnet_detector
from tests.helpers import randomize

LABELS = ["cat", "dog", "cow"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A detector, and pictures whose objects are what it finds, but for the first."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("detector")
    detector = randomize(vgnet_detector())
    for name, inside in (("raw", False), ("decoded", True)):
        keraslight.export_detector(
            detector,
            folder / f"{name}.tflite",
            postprocessing=inside,
            labels=LABELS,
            normalization=(127.5, 60.0),
            score_threshold=0.005,
        )
    (folder / "val").mkdir()
    file = TFLiteDetector(folder / "raw.tflite")
    images, boxes = [], []
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (SIZE, 80, 3), dtype="uint8")
        name = f"{number}.png"
        Image.fromarray(pixels).save(folder / "val" / name)
        images.append({"id": number, "file_name": name, "height": SIZE, "width": 80})
        for box, place in list(zip(*_inside(file.detect(pixels)), strict=True))[: 4 * number]:
            top, left, bottom, right = (box * [SIZE, 80, SIZE, 80]).tolist()
            row = {"image_id": number, "category_id": 10 - int(place), "id": len(boxes) + 1}
            boxes.append({**row, "bbox": [left, top, right - left, bottom - top]})
    # their order is not the file's
    categories = [{"id": 10 - place, "name": name} for place, name in enumerate(LABELS)]
    content = {"images": images, "annotations": boxes, "categories": categories}
    (folder / "val.json").write_text(json.dumps(content))
    return folder


def _inside(found):
    kept = ((found.boxes >= 0) & (found.boxes <= 1)).all(axis=1)
    return found.boxes[kept], found.classes[kept]


@pytest.mark.parametrize("name", ["raw", "decoded"])
def test_average_precision(command, files, tmp_path, name):
    pytest.importorskip("pycocotools")
    out, sheet = tmp_path / "out.json", tmp_path / "boxes.png"
    done = command(
        "evaluate",
        f"--tflite={files / name}.tflite",
        f"--annotations={files / 'val.json'}",
        f"--data_dir={files / 'val'}",
        f"--json={out}",
        f"--sheet={sheet}",
    )
    assert done.exit_code == 0, done.output
    result = json.loads(out.read_text())
    content = json.loads((files / "val.json").read_text())
    detector, truth, found = TFLiteDetector(files / f"{name}.tflite"), [], []
    for image in content["images"]:
        source = files / "val" / image["file_name"]
        rows = [row for row in content["annotations"] if row["image_id"] == image["id"]]
        boxes = [
            [b[1] / SIZE, b[0] / 80, (b[1] + b[3]) / SIZE, (b[0] + b[2]) / 80]
            for b in (row["bbox"] for row in rows)
        ]
        classes = np.array([10 - row["category_id"] for row in rows], int)
        truth.append(AnnotatedPicture(source, SIZE, 80, Objects(boxes, classes)))
        found.append(detector.detect(source))
    expected = average_precision(truth, found, LABELS)
    assert result["mAP"] == pytest.approx(expected["mAP"]) and result["mAP"] > 0
    assert result["per_class"] == pytest.approx(expected["per_class"])
    assert result["objects"] == len(content["annotations"])
    assert f"mAP {result['mAP']:.2%}" in done.stdout
    assert Image.open(sheet).size == (1440, 240)
    done = command("report", str(out), f"--output_dir={tmp_path / 'report'}")
    assert done.exit_code == 0, done.output
    page = (tmp_path / "report" / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,/9j/") == 3
    assert f"{100 * result['mAP50']:.2f}" in page
    result["examples"] = ['" onerror="alert(1)']
    out.write_text(json.dumps(result))
    assert command("report", str(out), f"--output_dir={tmp_path / 'report'}").exit_code


def test_what_does_not_fit_is_refused(command, files, tmp_path, int8_file):
    given = [f"--annotations={files / 'val.json'}", f"--data_dir={files / 'val'}"]
    done = command("evaluate", f"--tflite={int8_file}", *given)
    assert done.exit_code and "TFLite_Detection_PostProcess" in done.output
    done = command("evaluate", "--model=vgnetg_1_0mp", *given)
    assert done.exit_code and "--annotations goes with" in done.output
    (tmp_path / "labels.txt").write_text("cat\ndog\nhorse\n")
    done = command(
        "evaluate",
        f"--tflite={files / 'raw.tflite'}",
        f"--labels={tmp_path / 'labels.txt'}",
        *given,
    )
    assert done.exit_code and "without ['cow']" in done.output
