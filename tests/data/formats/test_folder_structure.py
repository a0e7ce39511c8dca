"""What folders say of the files in them: classes, or the user's own parts with classes within."""

from pathlib import Path

import pytest

from termwise.data.formats.folder_structure import folder_structure


def structure(*names: str):
    return folder_structure(Path("f"), [Path("f") / name for name in names])


@pytest.mark.parametrize("spelt", [("train", "test"), ("Train", "TEST"), ("training", "testing")])
def test_train_and_test_are_parts_and_the_folders_within_classes(spelt):
    train, test = spelt
    found = structure(f"{test}/dog/a.png", f"{train}/cat/b.png", f"{train}/dog/far/c.png", f"{test}/cat/d.png")
    assert {split: positions.tolist() for split, positions in found.splits.items()} == {"train": [1, 2], "test": [0, 3]}
    assert (found.label_names, found.labels.tolist()) == (("cat", "dog"), [1, 0, 1, 0])
    assert set(found.part_folders) == set(spelt)
    assert found.notes == (f"The folders {', '.join(sorted(spelt))} are taken for parts, and not for classes.",)


@pytest.mark.parametrize("name", ["val", "valid", "validation", "dev"])
def test_validation_has_several_names(name):
    found = structure("train/a", f"{name}/b", "test/c")
    assert {split: positions.tolist() for split, positions in found.splits.items()} == {
        "train": [0], "validation": [1], "test": [2]
    }  # fmt: skip
    assert found.labels is None


def test_a_part_alone_is_no_split_and_no_class():
    found = structure("train/cat/a", "train/dog/b")
    assert found.splits == {}
    assert (found.label_names, found.notes) == (("cat", "dog"), ())


def test_a_part_without_classes_has_the_others_lose_theirs_and_that_is_said():
    found = structure("test/1.png", "train/cat/a.png", "train/dog/b.png")
    assert found.labels is None
    assert found.notes[1] == "There are no labels: test/1.png lies in no folder of a class."


@pytest.mark.parametrize(
    "names",
    [
        ("train/a", "test/b", "cat/c"),
        ("loose", "train/a", "test/b"),
        ("test/a", "validation/b"),
        ("trains/a", "test/b"),
    ],
)
def test_folders_that_are_not_all_parts_are_no_parts(names):
    assert structure(*names).splits == {}


def test_such_folders_are_classes_where_all_files_lie_in_them():
    assert structure("train/a", "test/b", "cat/c").label_names == ("cat", "test", "train")
