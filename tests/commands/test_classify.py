import json
import shutil

import pytest
from PIL import Image

from keraslight.conversion import classifier
from keraslight.conversion.keras_model import Source
from keraslight.pictures import Picture
from tests.colours import MEAN, STD

RECIPE = {"image_size": 32, "eval_crop": 0.875, "mean": MEAN, "std": STD}


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


def test_a_terminal_gets_no_control_characters(command, float_file, picture_folder, tmp_path):
    labels, picture = tmp_path / "labels.txt", tmp_path / "\x1b[31mred.png"
    labels.write_text("\x1b]0;blue\x07\ngreen\n\x1b[31mred\n")
    shutil.copy(picture_folder / "red/1.png", picture)
    done = command("classify", float_file, picture, f"--labels={labels}")
    assert done.exit_code == 0 and "\\x1b[31mred" in done.stdout
    picture.write_text("no picture")
    failed = command("classify", float_file, picture, f"--labels={labels}")
    assert failed.exit_code == 1 and "cannot be read" in failed.stderr
    for output in (done.output, failed.output):
        assert "\x1b" not in output and "\x07" not in output


def test_classes_without_names(command, plain_file, picture_folder):
    given = ("--mean=120,110,100", "--std=60,55,50")
    done = command("classify", plain_file, picture_folder / "red/1.png", *given)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[1].endswith("%  class 2")
    assert "the classes have no names" in done.stderr


def test_a_network_by_its_name_has_the_published_weights(
    command, picture_folder, monkeypatch, model
):
    asked = []

    def load(name, weights, size):
        asked.append((name, weights, size))
        return Source(model, ("a", "b", "c"), RECIPE)

    monkeypatch.setattr(classifier, "load_model", load)
    done = command("classify", "repvgg_a0", picture_folder / "red/1.png", "--top=1")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[1].endswith("%  c")
    assert asked == [("repvgg_a0", "imagenet", None)]


def test_a_keras_model_says_what_it_does_not_know(command, picture_folder, model, tmp_path):
    model.save(tmp_path / "model.keras")
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    picture = picture_folder / "red/1.png"
    done = command("classify", tmp_path / "model.keras", picture)
    assert done.exit_code == 1 and "pass --mean and --std" in done.stderr
    given = ("--mean=120,110,100", "--std=60,55,50", "--labels=labels.txt")
    done = command("classify", tmp_path / "model.keras", picture, *given)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[1].endswith("%  c")


def test_pictures_are_skipped_in_a_keras_model_too(model, picture_folder, tmp_path):
    model.save(tmp_path / "model.keras")
    (tmp_path / "broken.png").write_text("no picture")
    found = classifier.KerasClassifier(
        str(tmp_path / "model.keras"), preprocessing={"mean": MEAN, "std": STD}
    )
    files = sorted(str(p) for p in picture_folder.rglob("*.png"))
    pictures = [Picture(file, "") for file in [files[0], str(tmp_path / "broken.png"), files[-1]]]
    with pytest.raises(ValueError, match="broken"):
        found.predict(pictures)
    predictions = found.predict(pictures, skip_unreadable=True)
    assert predictions.pictures == [pictures[0], pictures[2]]
    assert predictions.classes[:, 0].tolist() == [0, 2]


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
