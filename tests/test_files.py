import json
import os
import pathlib
import stat

import pytest

from keraslight.files import atomic_file, new_folder, write_json, write_whole


def test_writing_a_file_touches_no_other_file(tmp_path):
    others = {f"{prefix}model.tflite" for prefix in ("new_", ".part-", "tmp_")}
    for name in others:
        (tmp_path / name).write_text("a user's own")
    write_whole(tmp_path / "model.tflite", b"content")
    assert (tmp_path / "model.tflite").read_bytes() == b"content"
    assert {path.name for path in tmp_path.iterdir()} == {*others, "model.tflite"}
    assert all((tmp_path / name).read_text() == "a user's own" for name in others)


def test_a_symlink_in_the_folder_is_not_followed(tmp_path):
    target = tmp_path / "precious"
    target.write_text("a user's own")
    (tmp_path / "new_model.tflite").symlink_to(target)
    write_whole(tmp_path / "model.tflite", b"content")
    assert target.read_text() == "a user's own"


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")

    def fail():
        with atomic_file(path) as temporary:
            assert temporary.parent == path.parent and temporary.suffix == ".keras"
            temporary.write_text("half")
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_the_usual_permissions_and_an_old_one_keeps_its_own(tmp_path):
    def permissions(path: pathlib.Path):
        return stat.S_IMODE(path.stat().st_mode)

    (tmp_path / "plain").write_text("")
    write_whole(tmp_path / "new", b"")
    assert permissions(tmp_path / "new") == permissions(tmp_path / "plain")
    os.chmod(tmp_path / "new", 0o600)
    write_whole(tmp_path / "new", b"more")
    assert permissions(tmp_path / "new") == 0o600


def test_a_link_is_replaced_and_its_target_stays_as_it_was(tmp_path):
    (tmp_path / "target").write_text("a user's own")
    (tmp_path / "model.tflite").symlink_to(tmp_path / "target")
    write_whole(tmp_path / "model.tflite", b"content")
    assert (tmp_path / "target").read_text() == "a user's own"
    assert not (tmp_path / "model.tflite").is_symlink()


def test_the_mask_of_the_process_is_left_alone(tmp_path, monkeypatch):
    """It belongs to all threads: one that wrote in the meantime would make a file for everyone."""
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("os.umask was called"))
    write_whole(tmp_path / "new", b"")


def test_names_of_any_length_can_be_written(tmp_path):
    path = tmp_path / ".".join(["model", *["x" * 20] * 11, "tflite"])
    write_whole(path, b"content")
    assert path.read_bytes() == b"content"


def test_a_folder_is_made_whole_or_not_at_all(tmp_path):
    with new_folder(tmp_path / "a" / "new") as folder:
        (folder / "file").write_text("content")
        assert not (tmp_path / "a" / "new").exists()
    assert (tmp_path / "a" / "new" / "file").read_text() == "content"
    (tmp_path / "empty").mkdir()
    with pytest.raises(KeyError), new_folder(tmp_path / "empty") as folder:
        (folder / "file").write_text("content")
        raise KeyError
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "empty"]
    assert not any((tmp_path / "empty").iterdir())
    with pytest.raises(ValueError, match="must be new or empty"), new_folder(tmp_path / "a"):
        pytest.fail("the block must not run")


def test_json_is_written_whole_into_a_new_folder(tmp_path):
    write_json(tmp_path / "new" / "result.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "new" / "result.json", {"a": object()})
    assert json.loads((tmp_path / "new" / "result.json").read_text()) == {"a": 1}
