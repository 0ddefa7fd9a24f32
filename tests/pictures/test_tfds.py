import io

import numpy as np
import pytest
from PIL import Image

from keraslight.pictures import Preprocessing
from keraslight.pictures.tfds import read_split

tfds = pytest.importorskip("tensorflow_datasets", reason="needs keraslight[tfds]")


class GreyPictures(tfds.core.GeneratorBasedBuilder):
    """Six pictures, each of one grey."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(8, 8, 3), encoding_format="png"),
            "label": tfds.features.ClassLabel(names=["dark", "light"]),
        }
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"test": self._generate_examples()}

    def _generate_examples(self):
        for number in range(6):
            file = io.BytesIO()
            Image.fromarray(np.full((8, 8, 3), 40 * number, "uint8")).save(file, "png")
            file.seek(0)
            yield number, {"image": file, "label": number // 3}


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_a_split_of_tensorflow_datasets(tmp_path, file_format):
    GreyPictures(data_dir=tmp_path).download_and_prepare(file_format=file_format)
    pictures = read_split("grey_pictures", "test", str(tmp_path))
    greys = [int(Preprocessing(8, 8, resize=8).pixels(p.source)[0, 0, 0]) for p in pictures]
    assert sorted(greys) == [0, 40, 80, 120, 160, 200]
    assert [p.label for p in pictures] == ["light" if grey > 100 else "dark" for grey in greys]
    assert len(read_split("grey_pictures", "test", str(tmp_path), limit=3)) == 3
    with pytest.raises(ValueError, match="must exist and have the features"):
        read_split("grey_pictures", "train", str(tmp_path))
