import pytest

from keraslight.conversion.pictures import choose_pictures, require_calibration
from keraslight.pictures.preprocessing import Preprocessing
from tests.colours import SIZE


def test_calibration_needs_pictures(tmp_path):
    require_calibration([], None, False)
    require_calibration(["int8"], None, True)
    with pytest.raises(ValueError, match="Calibration needs --calibration_dir=FOLDER"):
        require_calibration(["int8"], None, False)
    with pytest.raises(ValueError, match="There is no picture in the folder"):
        choose_pictures(Preprocessing(SIZE, SIZE), str(tmp_path), 8, 8)


def test_pictures_to_calibrate_and_others_to_check_with(picture_folder):
    found = choose_pictures(Preprocessing(SIZE, SIZE), str(picture_folder), 9, 6)
    assert (len(found.calibration), len(found.check), found.real) == (9, 6, True)
    assert not any((a == b).all() for a in found.calibration for b in found.check)
    # each colour is the strongest in some of either
    for pixels in (found.calibration, found.check):
        assert set(pixels.mean(axis=(1, 2)).argmax(axis=1)) == {0, 1, 2}
    few = choose_pictures(Preprocessing(SIZE, SIZE), str(picture_folder / "red"), 100, 100)
    assert (len(few.calibration), len(few.check)) == (4, 4)
    assert not choose_pictures(Preprocessing(SIZE, SIZE), None, 8, 8).real
