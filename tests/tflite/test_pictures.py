import numpy as np
import pytest
from PIL import Image

from keraslight.pictures.preprocessing import Preprocessing, list_files, list_pictures, spread


def gradient(height, width):
    """A picture whose red tells the row and whose green tells the column."""
    pixels = np.zeros((height, width, 3), "uint8")
    pixels[..., 0] = np.arange(height)[:, None]
    pixels[..., 1] = np.arange(width)[None]
    return pixels


def test_a_folder_is_listed_by_class(picture_folder):
    pictures = list_pictures(picture_folder)
    assert len(pictures) == 24
    assert {p.label for p in pictures} == {"blue", "green", "red"}
    few = list_pictures(picture_folder, limit=6)
    assert [p.label for p in few] == ["blue"] * 2 + ["green"] * 2 + ["red"] * 2
    assert len(list_files(picture_folder)) == 24


def test_folders_without_pictures(tmp_path):
    for read in (list_pictures, list_files):
        with pytest.raises(ValueError, match="no picture"):
            read(tmp_path)
    (tmp_path / "a.png").write_bytes(b"")  # beside the classes' folders
    with pytest.raises(ValueError, match="a sub-folder of pictures for each class"):
        list_pictures(tmp_path)
    with pytest.raises(ValueError, match="no such folder"):
        list_pictures(tmp_path / "missing")


def test_spread():
    assert spread("abcdefgh", 3) == ["a", "c", "f"]
    assert spread("abc", None) == spread("abc", 5) == ["a", "b", "c"]


def test_the_centre_is_cut_where_torchvision_cuts_it():
    """Resize(40) of 60x53 gives 45x40; CenterCrop(32) begins at round(13 / 2) and round(8 / 2)."""
    pixels = gradient(45, 40)
    found = Preprocessing(32, 32, resize=40).pixels(pixels)
    np.testing.assert_array_equal(found, pixels[6:38, 4:36])


def test_the_shorter_side_is_scaled():
    fitted = Preprocessing(32, 32, resize=40).fitted(Image.fromarray(gradient(100, 80)))
    assert fitted.size == (32, 32)
    wide = Preprocessing(40, 50, resize=40, crop=40).fitted(Image.fromarray(gradient(80, 200)))
    assert wide.size == (50, 40)


def test_squashing_and_shares():
    pixels = gradient(64, 128)
    squashed = Preprocessing(32, 32, resize=(32, 32), interpolation="nearest").pixels(pixels)
    np.testing.assert_array_equal(squashed[:, 0, 0], pixels[1::2, 0, 0])
    share = Preprocessing(32, 64, crop=0.5, interpolation="nearest").pixels(pixels)
    np.testing.assert_array_equal(share, pixels[16:48, 32:96])


def test_the_default_leaves_an_eighth_out():
    assert Preprocessing(224, 224).describe()["resize"] == 256


def test_normalization_and_channels():
    pixels = np.full((8, 8, 3), 100, "uint8")
    found = Preprocessing(8, 8, resize=8, mean=(90, 100, 110), std=(2, 4, 5))(pixels)
    np.testing.assert_array_equal(found[0, 0], [5, 0, -2])
    grey = Preprocessing(8, 8, 1, resize=8)(pixels)
    assert grey.shape == (8, 8, 1) and grey.dtype == np.float32
    for arguments in ({"mean": (1, 2)}, {"std": (1, 2)}, {"interpolation": "cubic"}):
        with pytest.raises(ValueError, match="Received"):
            Preprocessing(8, 8, **arguments)


def test_pictures_of_every_mode_are_read(tmp_path):
    for mode in ("L", "RGBA", "P", "CMYK"):
        path = tmp_path / f"{mode}.{'jpg' if mode == 'CMYK' else 'png'}"
        Image.new(mode, (12, 10)).save(path)
        assert Preprocessing(8, 8)(str(path)).shape == (8, 8, 3)


def test_a_picture_that_cannot_be_read(tmp_path, picture_folder):
    (tmp_path / "text.jpg").write_text("no picture")
    cut = next((picture_folder / "red").glob("*.jpg")).read_bytes()[:200]
    (tmp_path / "cut.jpg").write_bytes(cut)
    for name in ("text.jpg", "cut.jpg"):
        with pytest.raises(ValueError, match=rf"The picture cannot be read: .*{name}"):
            Preprocessing(8, 8)(str(tmp_path / name))
