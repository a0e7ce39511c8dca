"""A folder's metadata.csv, as imagefolder has it: what it says of each file is offered as labels and attributes."""

import numpy as np
import pytest
from PIL import Image

from termwise.data import load_data
from termwise.errors import BadData, UnknownName

NAMES = [f"train/{n}.png" for n in range(4)] + [f"test/{n}.png" for n in range(3)]
KINDS, AGES = ["cat", "dog", "dog", "ant", "cat", "cat", "dog"], [3.5, 1, 2, 0.25, 9, 4, 7]


@pytest.fixture(params=["one table", "a table a part"])
def folder(request, tmp_path):
    for position, name in enumerate(NAMES):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 4), position, np.uint8)).save(tmp_path / name)
    rows = [f'"{kind}, said with a comma",{name},{age}' for name, kind, age in zip(NAMES, KINDS, AGES, strict=True)]
    head = "kind,file_name,age"
    if request.param == "one table":
        (tmp_path / "metadata.csv").write_text("\n".join([head, *rows[::-1]]))
    else:
        for part, own in (("train", rows[:4]), ("test", rows[4:])):
            (tmp_path / part / "metadata.csv").write_text("\n".join([head, *own]).replace(f"{part}/", ""))
    return tmp_path


def test_what_it_says_is_offered_and_the_parts_are_kept(folder):
    data = load_data(folder)
    assert (len(data.train), len(data.test)) == (4, 3)
    assert data.labels is None and data.attributes is None
    assert [(column.name, column.use) for column in data.table] == [("kind", "beside"), ("age", "beside")]
    assert "7 examples of shape (1, 4, 4); train 4, test 3" in data.describe().headline
    assert "7 examples of shape (1, 4, 4)" in load_data(folder, labels="kind").describe().headline
    assert data.notes[-1] == (
        "metadata.csv says of each file kind and age, too: labels=NAME makes labels of one, and attributes=[NAME, ...] "
        "attributes of those that are numbers."
    )


def test_what_is_asked_for_becomes_labels_and_attributes(folder):
    data = load_data(folder, labels="kind", attributes=["age"])
    pixels = (data.tensor()[:, 0, 0, 0] * 255).round().int().tolist()
    assert [data.label_names[label].split(",")[0] for label in data.labels] == [KINDS[pixel] for pixel in pixels]
    assert data.attributes[:, 0].tolist() == [AGES[pixel] for pixel in pixels]
    assert {column.name: column.use for column in data.table} == {"kind": "labels", "age": "attributes"}
    with pytest.raises(UnknownName, match=r"'kin'.*Did you mean 'kind'"):
        load_data(folder, labels="kin")
    with pytest.raises(BadData, match=r"a number for every example in 'kind', got text\. .* labels=kind"):
        load_data(folder, attributes=["kind"])
    with pytest.raises(BadData, match="whole numbers"):
        load_data(folder, labels="age")


def test_labels_without_a_table_are_refused_and_subfolders_stay_labels_beside_one(tmp_path):
    for name in ("cat/0.png", "dog/1.png", "dog/2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / name)
    with pytest.raises(BadData, match=r"expected a table of labels or attributes, metadata\.csv, in the folder"):
        load_data(tmp_path, labels="kind")
    (tmp_path / "metadata.csv").write_text("file_name,tame\ncat/0.png,1\ndog/1.png,0\ndog/2.png,1\n")
    data = load_data(tmp_path)
    assert data.label_names == ("cat", "dog")
    assert (data.attribute_names, data.attributes.tolist()) == (("tame",), [[1], [0], [1]])
