import numpy as np
import pytest
from PIL import Image

from keraslight.pictures.preprocessing import IMAGENET, Preprocessing, shorter_side


def gradient(height, width):
    """A picture whose red tells the row and whose green tells the column."""
    pixels = np.zeros((height, width, 3), "uint8")
    pixels[..., 0] = np.arange(height)[:, None]
    pixels[..., 1] = np.arange(width)[None]
    return pixels


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


@pytest.mark.parametrize(
    "arguments",
    [
        {"mean": (1, 2)},
        {"std": (1, 2)},
        {"std": (0,)},
        {"mean": (float("nan"),)},
        {"interpolation": "cubic"},
        {"resize": 0},
        {"resize": (8, 0)},
        {"resize": (8, 8, 8)},
        {"resize": "8"},
        {"resize": 8.5},
        {"crop": "8"},
        {"crop": float("nan")},
        {"crop": 0},
        {"crop": 0.0},
        {"crop": 1.5},
    ],
)
def test_what_cannot_be_is_refused(arguments):
    with pytest.raises(ValueError, match="Received"):
        Preprocessing(8, 8, **arguments)


def test_floats_and_batches_are_taken_as_their_pixels():
    images = np.stack([gradient(50, 60), gradient(50, 60)[::-1]])
    preprocessing = Preprocessing(32, 32)
    batch = preprocessing.pixels(images)
    assert batch.shape == (2, 32, 32, 3) and batch.dtype == np.uint8
    for image, expected in zip(images, batch, strict=True):
        np.testing.assert_array_equal(preprocessing.pixels(image.astype("float32")), expected)
    assert preprocessing(images[:0]).shape == (0, 32, 32, 3)
    assert Preprocessing(8, 8, 1).pixels(np.zeros((1, 12, 1))).shape == (8, 8, 1)


def test_another_size_of_the_input_keeps_the_proportion():
    assert shorter_side(224, 224) == 256
    assert IMAGENET.for_size(112, 112).resize == 128
    assert Preprocessing(64, 64, resize=(64, 96), crop=32).for_size(32, 32) == Preprocessing(
        32, 32, resize=(32, 48), crop=16
    )
    assert Preprocessing(64, 64, crop=0.5).for_size(32, 32).crop == 0.5


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


def test_a_picture_like_a_thread_is_refused_before_it_takes_gigabytes():
    thread = np.zeros((1, 60_000, 3), "uint8")
    with pytest.raises(ValueError, match="too long and narrow"):
        Preprocessing(224, 224).pixels(thread)
    assert Preprocessing(224, 224, crop=0.5).pixels(thread).shape == (224, 224, 3)
