"""`python -m training.data` makes the reported set, from archives whose reading is bounded."""

import gzip
import hashlib
import io
import json
import pathlib
import tarfile

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keraslight.pictures import imagenette
from keraslight.pictures.imagenette import Archive, ArchivedPicture, archived_pictures
from tests.weights.loopback import loopback, whole
from training.data import prepare
from training.data.__main__ import command

SELECTED = sorted(prepare.selected_names())[0]


def jpeg(width=24, height=16):
    pixels = np.random.default_rng(width).integers(0, 255, (height, width, 3), "uint8")
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def archive(path, members):
    """Writes an archive of bytes, or of `TarInfo` for members that are no files."""
    with tarfile.open(path, "w:gz") as file:
        for name, data in members:
            info = data if isinstance(data, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.name = name
            if isinstance(data, bytes):
                info.size = len(data)
                file.addfile(info, io.BytesIO(data))
            else:
                file.addfile(info)
    return path


@pytest.fixture
def small(tmp_path):
    """An archive with two training pictures, a selected validation picture and another one."""
    return archive(
        tmp_path / "small.tgz",
        [
            ("imagenette2-160/train/n01440764/n01440764_1.JPEG", jpeg()),
            ("imagenette2-160/train/n03888257/n03888257_2.JPEG", jpeg(16, 24)),
            (f"imagenette2-160/val/n02102040/{SELECTED}.JPEG", jpeg(20, 20)),
            ("imagenette2-160/val/n02102040/n02102040_999999.JPEG", jpeg(30, 20)),
            ("imagenette2-160/noisy_imagenette.csv", b"path,label"),
        ],
    )


def run(*arguments, code=0):
    result = CliRunner().invoke(command, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result.output


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_the_set_is_made_with_its_record(small, tmp_path):
    output = run("--archive", small, "--output_dir", tmp_path / "set", "--size", "32")
    assert "2 train and 1 val pictures" in output
    assert "9469" in output  # not the published set, and it says so
    assert files(tmp_path / "set") == [
        "record.json",
        "train/n01440764/n01440764_1.jpg",
        "train/n03888257/n03888257_2.jpg",
        f"val/n02102040/{SELECTED}.jpg",
    ]
    with Image.open(tmp_path / "set" / "train/n01440764/n01440764_1.jpg") as image:
        assert (image.size, image.mode) == ((32, 32), "RGB")
    record = json.loads((tmp_path / "set" / "record.json").read_text())["record"]
    assert record["data"]["pictures"] == {"train": 2, "val": 1}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set", "small.tgz"]


def test_the_rest_is_what_is_not_selected(small, tmp_path):
    run("--archive", small, "--output_dir", tmp_path / "rest", "--val=rest", "--size=0")
    run("--archive", small, "--output_dir", tmp_path / "all", "--val=all", "--size=0")
    assert [p.name for p in (tmp_path / "rest").glob("val/*/*")] == ["n02102040_999999.jpg"]
    assert len(list((tmp_path / "all").glob("val/*/*"))) == 2
    # as they are
    assert (tmp_path / "all/train/n01440764/n01440764_1.jpg").read_bytes() == jpeg()


def test_the_selection_is_of_the_size_that_is_reported():
    assert prepare.expected_counts("selected") == {"train": 9469, "val": 1975}
    assert prepare.expected_counts("rest")["val"] == 1950


def test_the_archive_is_downloaded_verified_and_kept(small, tmp_path, monkeypatch):
    data = small.read_bytes()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("KERASLIGHT_OFFLINE", raising=False)
    with loopback() as server:
        url = server.serve("/small.tgz", whole(data))
        found = Archive(url, len(data), hashlib.sha256(data).hexdigest())
        monkeypatch.setitem(imagenette.ARCHIVES, "160px", found)
        for name in ("a", "b"):
            run("--output_dir", tmp_path / name, "--size=16")
        assert server.requests == ["/small.tgz"]
        monkeypatch.setitem(imagenette.ARCHIVES, "160px", found._replace(sha256="0" * 64))
        output = run("--output_dir", tmp_path / "c", code=1)
    assert "should be 000" in output and not (tmp_path / "c").exists()


def test_a_folder_with_something_in_it_is_left_alone(small, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine").write_text("mine")
    assert "must be new" in run("--archive", small, "--output_dir", tmp_path / "set", code=1)
    assert files(tmp_path / "set") == ["mine"]


def test_tfds_has_no_names_to_select_by(tmp_path):
    output = run("--source=tfds", "--output_dir", tmp_path / "set", code=1)
    assert "--val=all" in output and not (tmp_path / "set").exists()


def test_pictures_of_tfds_become_a_folder(tmp_path, monkeypatch):
    from keraslight.pictures import tfds

    def read_split(name, split, data_dir):
        assert (name, data_dir) == ("imagenette/160px-v2", None)
        return [tfds.Picture(jpeg(), "n03888257")] * (2 if split == "train" else 1)

    monkeypatch.setattr(tfds, "read_split", read_split)
    run("--source=tfds", "--val=all", "--output_dir", tmp_path / "set", "--size=16")
    assert files(tmp_path / "set") == [
        "record.json",
        "train/n03888257/00000.jpg",
        "train/n03888257/00001.jpg",
        "val/n03888257/00000.jpg",
    ]


def link(target):
    info = tarfile.TarInfo()
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


def test_members_that_name_other_places_write_nothing(tmp_path):
    path = archive(
        tmp_path / "a.tgz",
        [
            ("../../train/n01440764/evil.JPEG", jpeg()),
            ("/x/train/n01440764/evil.JPEG", jpeg()),
            ("x/train/n01440764/../evil.JPEG", jpeg()),
            ("x/train/n01440764", link("/tmp")),
            ("x/train/n01440764/linked.JPEG", link("/etc/passwd")),
            ("x/train/n99999999/unknown.JPEG", jpeg()),
            ("x/train/n01440764/good.JPEG", jpeg()),
        ],
    )
    assert [p.name for p in archived_pictures(path)] == ["good"]


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.tgz"
    info = tarfile.TarInfo("x/noise")
    info.size = 1 << 30
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(info.tobuf())
        for _ in range(64):
            file.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ValueError, match="possible zip bomb"):
        list(archived_pictures(path))


def test_a_picture_that_claims_gigabytes_is_refused(tmp_path):
    info = tarfile.TarInfo("x/train/n01440764/a.JPEG")
    info.size = 1 << 33
    path = tmp_path / "large.tgz"
    path.write_bytes(gzip.compress(info.tobuf() + bytes(10240)))
    with pytest.raises(ValueError, match="A picture has more than"):
        list(archived_pictures(path))


@pytest.mark.parametrize(
    "options",
    [("--source=tfds", "--archive"), ("--data_dir=x", "--archive"), ("--kind=full", "--archive")],
)
def test_options_that_would_change_nothing_are_refused(small, tmp_path, options):
    output = run(*options, small, "--val=all", "--output_dir", tmp_path / "set", code=1)
    assert "Options that do not go together" in output


@pytest.mark.parametrize("damage", [lambda d: d[: len(d) // 2], lambda d: b"no archive"])
def test_a_damaged_archive_leaves_no_folder(small, tmp_path, damage):
    small.write_bytes(damage(small.read_bytes()))
    output = run("--archive", small, "--output_dir", tmp_path / "set", code=1)
    assert "The archive is damaged" in output
    assert [p.name for p in tmp_path.iterdir()] == ["small.tgz"]


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    pictures = [ArchivedPicture("train", "n01440764", "broken", b"no picture")]
    with pytest.raises(ValueError, match=r"cannot be read.*'broken'"):
        prepare.write_set(pictures, tmp_path / "set", 16)
    assert list(pathlib.Path(tmp_path).iterdir()) == []
