"""Data sets of TFDS with boxes, as coco/2017 and voc are."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from tests.training.detection.test_detection import RECIPE
from training.data.data import load_source, make_data

tfds = pytest.importorskip("tensorflow_datasets")


class Boxed(tfds.core.GeneratorBasedBuilder):
    """Pictures whose first pixel tells their number, with as many boxes, modulo 3."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        objects = {
            "bbox": tfds.features.BBoxFeature(),
            "label": tfds.features.ClassLabel(names=["cat", "dog"]),
            "is_crowd": np.bool_,
        }
        features = {
            "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
            "objects": tfds.features.Sequence(objects),
        }
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self.examples(20), "validation": self.examples(4)}

    def _generate_examples(self):
        raise NotImplementedError

    def examples(self, count):
        for number in range(count):
            file = io.BytesIO()
            Image.fromarray(np.full((20, 30, 3), 5 * number, "uint8")).save(file, "png")
            file.seek(0)
            boxes = [
                {
                    "bbox": tfds.features.BBox(0.1 * k, 0.2, 0.1 * k + 0.5, 0.9),
                    "label": k % 2,
                    "is_crowd": False,
                }
                for k in range(number % 3)
            ]
            # as COCO has some: no area
            boxes.append(
                {"bbox": tfds.features.BBox(0.5, 0.5, 0.5, 0.6), "label": 0, "is_crowd": False}
            )
            yield number, {"image": file, "objects": boxes}


def test_boxes_of_tfds(tmp_path):
    builder = Boxed(data_dir=tmp_path)
    builder.download_and_prepare(file_format="array_record")
    sources = [load_source(RECIPE, kind, str(builder.data_path)) for kind in ("train", "eval")]
    train = sources[0]
    assert train.class_names == ["cat", "dog"]
    for index in range(len(train)):
        picture, objects = train.read(index)
        number = picture[0, 0, 0] // 5
        assert picture.shape == (20, 30, 3) and len(objects) == number % 3
        if len(objects):
            np.testing.assert_allclose(objects.boxes[0], [0, 0.2, 0.5, 0.9], atol=1e-6)
    assert train.annotated(0).width == 30
    recipe = dataclasses.replace(RECIPE, minival=0.2)
    data = make_data(*sources, recipe, seed=0)
    assert len(data.train_source) == 16 and len(data.choose_source) == 4
    images, targets = next(iter(data.train(range(1), 32)))
    assert images.shape == (8, 32, 32, 3)
    assert targets["classes"].shape[-1] == 3
    assert len(data.train_source.sample(5, seed=0)) == 5


def test_other_data_sets_are_refused(tmp_path):
    from tests.training.test_tfds import Shades

    builder = Shades(data_dir=tmp_path)
    builder.download_and_prepare(file_format="array_record")
    with pytest.raises(ValueError, match="`objects`"):
        load_source(RECIPE, "train", str(builder.data_path))
