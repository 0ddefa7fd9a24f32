"""Int8 files of keras.applications are read bit for bit and written again."""

import pytest

from tests.exhaustive import exhaustive_but
from tflite.studies.imported.command import CONVERTERS, NETWORKS, measure

FILES = [(name, converter) for name in NETWORKS for converter in CONVERTERS]


@pytest.mark.parametrize(
    ("name", "converter"), exhaustive_but([("MobileNetV3Small", "TensorFlow")], FILES)
)
def test_a_file_is_read_and_written_bit_for_bit(name, converter):
    row = measure(name, converter, CONVERTERS[converter], size=75, pictures=4)
    if not row.problem.startswith("not converted"):
        assert not row.problem
        assert row.equal == row.equal_again == 1
        assert abs(row.size_again - 1) < 0.02
