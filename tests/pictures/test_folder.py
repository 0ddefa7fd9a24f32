import pytest

from keraslight.pictures.folder import list_classes, list_files, list_pictures, spread


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


def test_hidden_files_and_folders_are_left_out(tmp_path):
    for name in ("cat/1.JPG", "cat/deeper/2.webp", "cat/._1.jpg", ".trash/3.png", "dog/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "cat" / "folder.png").mkdir()
    assert list_classes(tmp_path) == ["cat", "dog"]
    assert [(p.label, p.source) for p in list_pictures(tmp_path)] == [
        ("cat", str(tmp_path / "cat/1.JPG")),
        ("cat", str(tmp_path / "cat/deeper/2.webp")),
    ]
