import json

import pytest

from keraslight.download import DownloadError
from keraslight.pictures import sample


def test_a_sample_and_what_comes_next(command, tmp_path):
    done = command("sample", "my pictures", "--train=2", "--val=1", "--size=16")
    assert done.exit_code == 0, done.output
    assert "pictures of 8 classes: 16 in my pictures/train and 8 in my pictures/val" in done.stdout
    assert "--data_dir='my pictures'" in done.stderr
    made = json.loads((tmp_path / "my pictures/record.json").read_text())["record"]
    assert made["seeds"] == 0 and made["pictures"] == {"train": 16, "val": 8}


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        ([], 2, "Missing argument"),
        (["x", "--from=cats"], 2, "is not one of 'shapes', 'digits', 'imagenette'"),
        (["x", "--train=0"], 2, "x>=1"),
        (["."], 1, "must be new or empty"),
        (["x", "--from=imagenette", "--size=32"], 1, "keep their size"),
        (["x", "--from=imagenette"], 1, "no network"),
    ],
)
def test_mistakes_end_with_a_message(command, tmp_path, monkeypatch, arguments, exit_code, message):
    def fail(progress):
        raise DownloadError("no network")

    monkeypatch.setattr(sample, "fetch_archive", fail)
    (tmp_path / "file").write_text("")
    done = command("sample", *arguments)
    assert done.exit_code == exit_code, done.output
    assert message in " ".join(done.stderr.split())
    assert not (tmp_path / "x").exists()
