import pytest

from keraslight.pictures.names import display_names, imagenet_classes, read_labels, read_names


def test_wordnet_ids_are_shown_as_words_and_other_labels_as_they_are():
    assert display_names(["n01484850", "my_dog"]) == {
        "n01484850": "great white shark",
        "my_dog": "my_dog",
    }


def test_given_names_are_preferred():
    assert display_names(["n01440764", "b"], {"n01440764": "a fish"}) == {
        "n01440764": "a fish",
        "b": "b",
    }


def test_names_that_would_look_the_same_differ():
    crane = [label for label, name in imagenet_classes() if name == "crane"]
    assert len(crane) == 2
    assert list(display_names(crane).values()) == [f"crane ({label})" for label in crane]
    assert display_names(["n01440764", "tench"])["tench"] == "tench"


def test_names_lie_in_the_folder_or_beside_it(tmp_path):
    folder = tmp_path / "val"
    folder.mkdir()
    assert read_names(folder) == {}
    (tmp_path / "names.txt").write_text("a = one = 1\n\n  b=Käse\n", encoding="utf-8")
    assert read_names(folder) == {"a": "one = 1", "b": "Käse"}
    (folder / "names.txt").write_text("a = other\n")
    assert read_names(folder) == {"a": "other"}


@pytest.mark.parametrize("line", ["a", "a =", "= b"])
def test_lines_that_are_no_names(tmp_path, line):
    (tmp_path / "names.txt").write_text(line)
    with pytest.raises(ValueError, match=r"must be `folder = name`\. Received"):
        read_names(tmp_path)


def test_labels_are_lines(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("a \n\nb\n\n\n", encoding="utf-8")
    assert read_labels(path) == ("a", "", "b")
    with pytest.raises(ValueError, match="one name a line"):
        read_labels(tmp_path / "none.txt")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not text in UTF-8"):
        read_labels(path)
