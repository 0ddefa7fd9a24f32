"""Files of detectors: int8 outputs apart, suppression inside, metadata; beside the Keras ones."""

import keras
import numpy as np
import pytest

import keraslight
from keraslight.boxes.suppression import detections_of
from keraslight.tflite import ModelFile, TFLiteDetector, flatbuffer
from keraslight.tflite.metadata_schema import unpack
from keraslight.tflite.postprocessing import with_postprocessing
from tests.detection.test_ssdlite import CLASSES, SIZE, vgnet_detector
from tests.helpers import images, randomize

LABELS = ["cat", "dog", "cow"]
NORMALIZATION = (127.5, 60.0)
EXPORT = {"labels": LABELS, "normalization": NORMALIZATION}


@pytest.fixture(scope="module")
def detector():
    keras.utils.set_random_seed(0)
    detector = randomize(vgnet_detector())
    # without the small start of the heads, so that boxes and scores differ
    for layer in detector.layers:
        if layer.name.startswith(("boxes", "classes")) and isinstance(layer, keras.layers.Conv2D):
            rng = np.random.default_rng(len(layer.name))
            kernel, bias = layer.get_weights()
            layer.set_weights([rng.normal(0, 0.15, kernel.shape), 0 * bias])
    return detector


@pytest.fixture(scope="module")
def fused(detector):
    return keraslight.fuse(detector)


@pytest.fixture(scope="module")
def quantized(fused):
    quantized = keraslight.quantize_model(fused)
    return keraslight.calibrate(quantized, [images(8, SIZE, SIZE, 3)], verbose=0)


@pytest.fixture(scope="module")
def folder(detector, quantized, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    anchors = detector.anchor_boxes
    for name, inside in (("raw", False), ("decoded", True)):
        keraslight.export_detector(
            quantized,
            folder / f"{name}.tflite",
            "int8",
            anchors=anchors,
            postprocessing=inside,
            **EXPORT,
        )
    return folder


def pictures(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, SIZE, SIZE, 3), dtype="uint8")


def assert_same(found, expected):
    assert len(found) == len(expected) > 10
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
    np.testing.assert_array_equal(found.classes, expected.classes)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-5)


def test_int8_outputs_are_apart_and_those_of_the_exact_model(quantized, folder):
    raw = TFLiteDetector(folder / "raw.tflite")
    outputs = {output["name"]: output for output in raw.session.outputs}
    assert set(outputs) == {"boxes", "classes"}
    assert all(output["dtype"] == np.int8 for output in outputs.values())
    assert outputs["boxes"]["quantization"] != outputs["classes"]["quantization"]
    exact = keraslight.exact_model(quantized)
    for picture in pictures(3):
        image = raw.preprocessing(picture)
        expected = exact(image[None])
        for output, values in zip(raw.session.outputs, raw.session.run_all(image), strict=True):
            scale, zero_point = output["quantization"]
            codes = np.rint(np.asarray(expected[output["name"]]) / scale) + zero_point
            np.testing.assert_array_equal(values, codes)


def test_suppression_inside_gives_the_boxes_of_keras(detector, quantized, folder):
    raw, decoded = (TFLiteDetector(folder / f"{name}.tflite") for name in ("raw", "decoded"))
    assert decoded.decoded and not raw.decoded
    exact = keraslight.exact_model(quantized)
    for picture in pictures(3, seed=1):
        outputs = exact(raw.preprocessing(picture)[None])
        arrays = [keras.ops.convert_to_numpy(outputs[name]) for name in ("boxes", "classes")]
        (expected,) = detections_of(*arrays, detector.anchor_boxes)
        assert_same(raw.detect(picture), expected)
        assert_same(decoded.detect(picture), expected)


def test_float_file_and_limits(detector, fused, tmp_path):
    path = keraslight.export_detector(
        fused,
        tmp_path / "float.tflite",
        anchors=detector.anchor_boxes,
        postprocessing=True,
        max_detections=7,
        score_threshold=0.3,
        iou_threshold=0.2,
        **EXPORT,
    )
    picture = pictures(1)[0]
    file = TFLiteDetector(path)
    outputs = fused(file.preprocessing(picture)[None])
    arrays = [keras.ops.convert_to_numpy(outputs[name]) for name in ("boxes", "classes")]
    (expected,) = detections_of(
        *arrays, detector.anchor_boxes, max_detections=7, score_threshold=0.3, iou_threshold=0.2
    )
    found = file.detect(picture)
    assert len(found) == len(expected) == 7
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-3)


@pytest.mark.parametrize("name", ["raw", "decoded"])
def test_metadata(folder, name, detector):
    path = folder / f"{name}.tflite"
    file = ModelFile(path)
    assert file.metadata.labels == tuple(LABELS)
    assert file.metadata.mean == (127.5,) and file.metadata.std == (60.0,)
    np.testing.assert_array_equal(
        np.float32(file.metadata.detector["anchors"]), detector.anchor_boxes
    )
    values = unpack(flatbuffer.entry(path.read_bytes(), "TFLITE_METADATA"))
    (graph,) = values["subgraph_metadata"]
    names = [output["name"] for output in graph["output_tensor_metadata"]]
    if name == "raw":
        assert names == ["boxes", "classes"]
        return
    # what Google's libraries look for
    assert names == ["location", "category", "score", "number of detections"]
    content = graph["output_tensor_metadata"][0]["content"]
    assert content["content_properties"][1] == {
        "index": [1, 0, 3, 2],
        "type": 1,
    }
    assert content["range"] == {"min": 2, "max": 2}
    assert graph["output_tensor_groups"][0]["tensor_names"] == names[:3]
    assert graph["output_tensor_metadata"][1]["associated_files"][0]["type"] == 3


def test_files_of_others_are_read_by_their_operation(folder, tmp_path):
    """Outputs in another order, no metadata: as other converters write them."""
    model = flatbuffer.read((folder / "decoded.tflite").read_bytes())
    graph = model.subgraphs[0]
    graph.outputs = list(graph.outputs)[::-1]
    model.signatureDefs, model.metadata = [], []
    path = tmp_path / "foreign.tflite"
    path.write_bytes(flatbuffer.write(model))
    given = {"mean": (127.5,), "std": (60.0,)}
    foreign = TFLiteDetector(path, preprocessing=given)
    assert foreign.preprocessing.resize == (SIZE, SIZE) and foreign.labels == ()
    picture = pictures(1)[0]
    assert_same(foreign.detect(picture), TFLiteDetector(folder / "decoded.tflite").detect(picture))


def test_what_cannot_be_exported_is_refused(detector, fused, folder, tmp_path):
    path = tmp_path / "no.tflite"
    anchors = detector.anchor_boxes
    for model, given in (
        (fused, {}),
        (fused, {"anchors": anchors[:-1]}),
        (fused, {"anchors": anchors * np.nan}),
        (fused, {"anchors": anchors, "labels": ["cat"]}),
        (fused, {"anchors": anchors, "iou_threshold": 0}),
        (fused, {"anchors": anchors, "max_detections": 0}),
        (keras.Sequential([keras.Input((8, 8, 3)), keras.layers.ReLU()]), {}),
    ):
        with pytest.raises(ValueError, match="Received: "):
            keraslight.export_detector(model, path, **given)
    assert not path.exists()
    content = (folder / "decoded.tflite").read_bytes()
    with pytest.raises(ValueError, match="Received: "):
        with_postprocessing(content, anchors)
    assert len(LABELS) == CLASSES
