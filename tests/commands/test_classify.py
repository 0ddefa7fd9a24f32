import json
import shutil

import pytest
from PIL import Image


def test_the_best_classes_of_a_picture(command, float_file, picture_folder, tmp_path):
    out = tmp_path / "out.json"
    picture = picture_folder / "red/1.png"
    done = command("classify", float_file, picture, "--top=2", f"--json={out}")
    assert done.exit_code == 0, done.output
    name, first, second = done.stdout.splitlines()
    assert name == str(picture)
    assert first.split()[1] == "red" and second.split()[1] in ("blue", "green")
    assert "the scores are the softmax" in done.stderr
    found = json.loads(out.read_text())
    (entry,) = found["pictures"]
    assert entry["picture"] == str(picture)
    best = entry["classes"][0]
    assert (best["output"], best["label"], best["name"]) == (2, "red", "red")
    assert first.split()[0] == f"{best['score']:.2%}"
    assert 0.9 < best["score"] < 1


def test_a_folder_with_a_broken_picture_and_names(command, float_file, picture_folder, tmp_path):
    folder = tmp_path / "pictures"
    shutil.copytree(picture_folder / "blue", folder)
    (folder / "broken.png").write_text("no picture")
    (folder / "names.txt").write_text("blue = like the sky\n")
    done = command("classify", float_file, folder, "--top=1", "--workers=1")
    assert done.exit_code == 1 and "broken.png" in done.stderr
    arguments = ("classify", float_file, folder, "--top=1", "--skip_unreadable")
    done = command(*arguments)
    assert done.exit_code == 0, done.output
    assert done.stdout.count("like the sky") == 7 and "not read: " in done.stderr
    done = command(*arguments, "--limit=3")
    assert done.stdout.count("%") == 3


def test_wordnet_ids_are_shown_as_words(command, float_file, picture_folder, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("n01440764\nn01443537\nn01484850\n")
    picture = picture_folder / "red/1.png"
    done = command("classify", float_file, picture, f"--labels={labels}")
    assert done.stdout.splitlines()[1].endswith("%  great white shark")


def test_classes_without_names(command, plain_file, picture_folder):
    given = ("--mean=120,110,100", "--std=60,55,50")
    done = command("classify", plain_file, picture_folder / "red/1.png", *given)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[1].endswith("%  class 2")
    assert "the classes have no names" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["{file}"], 2, "Missing argument"),
        (["{file}", "missing.png"], 2, "does not exist"),
        (["{picture}", "{picture}"], 1, "Not a .tflite file"),
        (["{file}", "{empty}"], 1, "no picture in the folder"),
        (["{file}", "{picture}", "--labels={two}"], 1, "2 labels for 3 outputs"),
    ],
)
def test_mistakes_end_with_a_message(command, float_file, tmp_path, arguments, exit_code, message):
    picture, two, empty = tmp_path / "a.png", tmp_path / "two.txt", tmp_path / "empty"
    Image.new("RGB", (40, 40)).save(picture)
    two.write_text("a\nb\n")
    empty.mkdir()
    places = {"file": float_file, "picture": picture, "two": two, "empty": empty}
    done = command("classify", *(a.format(**places) for a in arguments))
    assert done.exit_code == exit_code, done.output
    assert message in done.stderr
