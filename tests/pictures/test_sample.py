import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from keraslight.pictures import list_pictures, make_sample, read_names, sample
from keraslight.pictures.imagenette import CLASSES


def pixels_of(folder):
    return {
        str(path.relative_to(folder)): np.asarray(Image.open(path)).tobytes()
        for path in sorted(folder.rglob("*.png"))
    }


def test_shapes_of_eight_classes_in_two_splits(tmp_path):
    folder = tmp_path / "new" / "pictures"
    assert make_sample(folder, train=2, val=1, size=24) == {"train": 16, "val": 8}
    pictures = list_pictures(folder / "train")
    assert [p.label for p in pictures[::2]] == list(sample.SHAPES)
    assert Image.open(pictures[0].source).size == (24, 24)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_dir())[:2] == ["checks", "checks"]


def test_the_same_seed_makes_the_same_pictures_whatever_their_number(tmp_path):
    made = {}
    for name, arguments in (("few", (1, 1, 0)), ("many", (3, 2, 0)), ("other", (1, 1, 1))):
        train, val, seed = arguments
        make_sample(tmp_path / name, train=train, val=val, size=16, seed=seed)
        made[name] = pixels_of(tmp_path / name)
    assert made["few"].items() <= made["many"].items()
    assert not set(made["few"].values()) & set(made["other"].values())
    # no picture twice, neither in a split nor across splits
    assert len(set(made["many"].values())) == len(made["many"])


def test_every_shape_is_drawn_whole_and_differs_from_the_ground():
    areas = {}
    for shape in sample.SHAPES:
        image = np.asarray(sample.draw_shape(shape, 64, np.random.default_rng(5)), "float64")
        # with one generator's draws all shapes have the same ground, place and size
        areas[shape] = image
    ground = np.median(list(areas.values()), axis=0)
    shares = {s: (np.abs(image - ground).max(axis=-1) > 60).mean() for s, image in areas.items()}
    assert all(0.01 < share < 0.6 for share in shares.values()), shares


def test_digits(tmp_path):
    assert make_sample(tmp_path / "d", "digits", train=2, val=1) == {"train": 20, "val": 10}
    pictures = list_pictures(tmp_path / "d" / "val")
    assert [p.label for p in pictures] == [str(digit) for digit in range(10)]
    assert Image.open(pictures[0].source).size == (32, 32)
    with pytest.raises(ValueError, match="There are 174 digits of a class"):
        make_sample(tmp_path / "more", "digits", train=170, val=20)
    assert not (tmp_path / "more").exists()


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """An archive as fast.ai's, with three pictures of every class and split, small ones."""
    file = io.BytesIO()
    Image.new("RGB", (20, 16)).save(file, "JPEG")
    path = tmp_path / "imagenette2-160.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for split in ("train", "val"):
            for label in CLASSES:
                for number in range(3):
                    info = tarfile.TarInfo(f"imagenette2-160/{split}/{label}/{number}.JPEG")
                    info.size = len(file.getvalue())
                    archive.addfile(info, io.BytesIO(file.getvalue()))
    monkeypatch.setattr(sample, "fetch_archive", lambda progress: path)
    return path


def test_imagenette_with_names_of_its_classes(archive, tmp_path):
    folder = tmp_path / "photos"
    assert make_sample(folder, "imagenette", train=2) == {"train": 20, "val": 30}
    names = read_names(folder / "val")
    assert names["n02102040"] == "English springer"
    assert {p.label for p in list_pictures(folder / "train")} == set(names)


def test_a_failure_leaves_nothing_behind(archive, tmp_path):
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(ValueError, match="The archive is damaged"):
        make_sample(tmp_path / "photos", "imagenette")
    assert list(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize(
    "arguments",
    [
        {"source": "cats"},
        {"size": 8},
        {"train": 0},
        {"source": "imagenette", "size": 32},
    ],
)
def test_wrong_arguments(tmp_path, arguments):
    with pytest.raises(ValueError, match="Received: "):
        make_sample(tmp_path / "x", **arguments)
    assert not any(tmp_path.iterdir())


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="must be new or empty"):
        make_sample(tmp_path, train=1, val=1)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
