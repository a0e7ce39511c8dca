"""Series and tables as the archives of time series have them: .ts and .arff, train and test in a file each."""

import numpy as np
import pytest
import torch

from termwise.data import load_data
from termwise.errors import BadData, UnknownName

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 6)).round(3)
KINDS = np.array(["up", "down"] * 5)


def ts(path, x, labels, channels=1, head="@classLabel true up down\n"):
    lines = [
        ":".join([*(",".join(map(str, part)) for part in np.split(row, channels)), *([label] if head else [])])
        for row, label in zip(x, labels, strict=True)
    ]
    path.write_text("# made\n@problemName Made\n@timeStamps false\n" + head + "@data\n" + "\n".join(lines) + "\n")
    return path


def arff(path, x, labels, kinds="{up,down}"):
    head = "".join(f"@attribute at{n} numeric\n" for n in range(x.shape[1]))
    rows = "".join(",".join([*map(str, row), label]) + "\n" for row, label in zip(x, labels, strict=True))
    path.write_text(f"@relation made\n{head}@attribute target {kinds}\n@data\n{rows}")
    return path


def ucr(path, x, labels):
    rows = ["\t".join(map(str, (KINDS.tolist().index(label), *row))) for row, label in zip(x, labels, strict=True)]
    path.write_text("\n".join(rows) + "\n")
    return path


WRITERS = {".ts": ts, ".arff": arff}


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_file_gives_series_and_their_classes(tmp_path, suffix):
    data = load_data(WRITERS[suffix](tmp_path / f"Made{suffix}", X, KINDS), test=0.0)
    assert torch.equal(data.tensor(), torch.from_numpy(X).float())
    assert [data.label_names[label] for label in data.labels] == KINDS.tolist()
    assert not any("beside" in note for note in data.notes)


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_pair_in_a_folder_keeps_its_split_and_one_of_it_names_the_other(tmp_path, suffix):
    write = WRITERS[suffix]
    train, _ = (
        write(tmp_path / f"Made_TRAIN{suffix}", X[:6], KINDS[:6]),
        write(tmp_path / f"Made_TEST{suffix}", X[6:], KINDS[6:]),
    )
    data = load_data(tmp_path)
    assert torch.equal(data.train.tensor(), torch.from_numpy(X[:6]).float())
    assert torch.equal(data.test.tensor(), torch.from_numpy(X[6:]).float())
    assert [data.label_names[label] for label in data.test.labels] == KINDS[6:].tolist()
    assert f"Made_TEST{suffix} lies beside it, and is left out: pass their folder" in load_data(train).notes[0]
    for name in ("Other_TRAIN", "Other_TEST"):
        write(tmp_path / f"{name}{suffix}", X, KINDS)
    with pytest.raises(BadData, match="one pair of files, NAME_TRAIN and NAME_TEST, got those of Made, Other"):
        load_data(tmp_path)


def test_channels_of_a_series_come_first_and_whole_labels_stay_numbers(tmp_path):
    data = load_data(ts(tmp_path / "x.ts", X, ["1", "2"] * 5, channels=2), test=0.0)
    assert torch.equal(data.tensor(), torch.from_numpy(X.reshape(10, 2, 3)).float())
    assert (data.labels[:2].tolist(), data.label_names) == ([1, 2], ())
    assert load_data(ts(tmp_path / "x.ts", X, KINDS, head="")).labels is None
    data = load_data(ts(tmp_path / "x.ts", X, ["0.5"] * 10, head="@targetLabel true\n"))
    assert (data.shape, data.notes) == ((6,), ("x.ts has numbers to predict, which are left out.",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "@classLabel true a\n@data\n1,2:a\n1,2,3:a\n",
            r"line 4: expected series of one shape, \(1, 2\), got \(1, 3\)",
        ),
        ("@classLabel true a\n@data\n1,?:a\n1,2:a\n", r"nan in example 0 at \(1,\).*missing=\"mean\""),
        ("@classLabel true a\n@data\n1,!:a\n1,2:a\n", r"line 3: expected numbers, '!' is none"),
        ("@data\n1,nan\n1,2\n", "finite"),
        ("@data\n1,2:1\n1,2:1\n", "channels of one length"),
        ("@timeStamps true\n@data\n(0,1),(1,2)\n", "time stamps"),
        ("@classLabel true a\n1,2:a\n", "below a line @data"),
        ("@classLabel true a\n@data\na\n", "channels of one length"),
    ],
)
def test_a_ts_file_that_cannot_be_used_says_where(tmp_path, text, message):
    (tmp_path / "x.ts").write_text(text)
    with pytest.raises(BadData, match=rf"x\.ts.*{message}"):
        load_data(tmp_path / "x.ts")


def test_a_table_in_an_arff_file_takes_the_options_of_tables(tmp_path):
    path = tmp_path / "x.arff"
    path.write_text(
        "@relation r\n@attribute size numeric\n@attribute hue {red,blue}\n@attribute class {a,b}\n@data\n"
        "1.5,red,a\n?,blue,b\n3.5,blue,a\n4,red,b\n"
    )
    with pytest.raises(BadData, match="size"):
        load_data(path)
    data = load_data(path, missing="drop", test=0.0)
    assert data.columns[0].name == "size"
    assert (len(data), data.label_names) == (3, ("a", "b"))
    only = load_data(path, labels=False, columns="hue", test=0.0)
    assert all(column.source == "hue" for column in only.columns) and only.labels is None
    with pytest.raises(UnknownName, match="'hu'"):
        load_data(path, drop="hu")


@pytest.mark.parametrize(("suffix", "separator"), [(".tsv", "\t"), (".txt", "  "), (".txt", ",")])
def test_a_pair_of_the_ucr_archive_is_series_with_the_label_first(tmp_path, suffix, separator):
    for part, rows in (("TRAIN", slice(6)), ("TEST", slice(6, 10))):
        path = ucr(tmp_path / f"Made_{part}{suffix}", X[rows], KINDS[rows])
        path.write_text(path.read_text().replace("\t", separator))
    data = load_data(tmp_path)
    assert torch.equal(data.train.tensor(), torch.from_numpy(X[:6]).float())
    assert torch.equal(data.test.tensor(), torch.from_numpy(X[6:]).float())
    assert (data.train.labels.tolist(), data.columns) == ([0, 1] * 3, ())
    one = load_data(tmp_path / f"Made_TEST{suffix}", test=0.0)
    assert torch.equal(one.tensor(), torch.from_numpy(X[6:]).float())
    assert f"Made_TRAIN{suffix} lies beside it" in one.notes[1]


def test_of_short_series_what_is_nan_is_missing_as_asked(tmp_path):
    gap = np.where(np.eye(6)[None, 4], np.nan, X)
    for part in ("TRAIN", "TEST"):
        ucr(tmp_path / f"Made_{part}.tsv", gap, KINDS)
    with pytest.raises(BadData, match=r"nan in example 0 at \(4,\)"):
        load_data(tmp_path)
    assert load_data(tmp_path, missing="mask").tensor().isnan()[:, 4].all()
    path = ts(tmp_path / "x.ts", X, KINDS)
    path.write_text(path.read_text().replace(str(X[2, 3]), "?"))
    with pytest.raises(BadData, match=r"nan in example 2 at \(3,\)"):
        load_data(path)
    filled = load_data(path, missing="mean", test=0.0).tensor()[2, 3].item()
    assert filled == pytest.approx(np.delete(X[:, 3], 2).mean(), abs=1e-6)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ("1\t2\t3\n1\t2\n", "1\t2\t3\n", "rows of as many numbers"),
        ("1\t2\t3\n", "1\t2\t3\t4\n", "series of one length, got 2 and 3"),
        ("0.5\t2\t3\n", "1\t2\t3\n", "a whole number, the label, first"),
        ("nan\t2\t3\n", "1\t2\t3\n", "a whole number, the label, first"),
        ("1\t2\t3\n", "1\t2\tx\n", r"got a folder of another kind. In it, Made_TEST.tsv and Made_TRAIN.tsv can be"),
    ],
)
def test_a_pair_that_is_no_series_with_labels_is_refused(tmp_path, train, test, message):
    (tmp_path / "Made_TRAIN.tsv").write_text(train)
    (tmp_path / "Made_TEST.tsv").write_text(test)
    with pytest.raises(BadData, match=message):
        load_data(tmp_path)


def test_a_pair_of_tables_with_a_header_is_no_series(tmp_path):
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"Made_{part}.tsv").write_text("a\tb\tc\n1\t2\t3\n2\t3\t4\n")
    with pytest.raises(BadData, match=r"In it, Made_TEST.tsv and Made_TRAIN.tsv can be read: pass one of them"):
        load_data(tmp_path)
    assert [column.name for column in load_data(tmp_path / "Made_TRAIN.tsv").columns] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@relation r\n@attribute a string\n@data\nx\ny\n", "a string one"),
        ("@relation r\n@attribute a numeric\n@data\nx\ny\n", "cannot be read"),
        ("@relation r\n@attribute a {p,q}\n@data\nz\ny\n", "cannot be read"),
        ("@relation r\n@attribute a numeric\n@data\n", "expected rows|cannot be read"),
        ("nothing", "cannot be read|expected"),
        ("@relation r\n@attribute b relational\n@attribute c numeric\n@end b\n@data\n'1\\n2'\n", "a relational one"),
    ],
)
def test_an_arff_file_that_cannot_be_used_is_refused(tmp_path, text, message):
    (tmp_path / "x.arff").write_text(text)
    with pytest.raises(BadData, match=rf"x\.arff.*({message})"):
        load_data(tmp_path / "x.arff")
