"""What stands beside x, of every source, format and kind of object: by name, in all parts alike, and loaded again."""

import struct
from types import SimpleNamespace

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import scipy.io
import scipy.io.wavfile
import torch
from PIL import Image
from torch.utils.data import Dataset as TorchDataset, TensorDataset

from helpers.celeba_folder import write_celeba
from helpers.hugging_face import RowsOfFaces
from termwise.data import FORMATS, OBJECTS, SOURCES, Dataset, Side, load_data
from termwise.errors import BadData, UnknownName

N = 12
X = np.random.default_rng(0).normal(size=(N, 3))
BATCH = np.array(["u", "v", "w"] * 4)
DONOR = np.arange(N) % 2
AGE = np.linspace(20.5, 60.0, N)
PICTURES = [Image.fromarray(np.full((9, 8), 20 * n, dtype=np.uint8)) for n in range(N)]
COLUMNS = {"a": X[:, 0], "b": X[:, 1], "batch": BATCH, "donor": DONOR, "age": AGE}
SIDE = {"batch": ("u", "v", "w"), "donor": ("0", "1"), "age": ()}


class Items(TorchDataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, position):
        return self.items[position]


def npz(folder):
    np.savez(folder / "x.npz", x=X, batch=BATCH, donor=DONOR.reshape(-1, 1), age=AGE)
    return folder / "x.npz"


def mat(folder):
    scipy.io.savemat(folder / "x.mat", {"X": X, "donor": DONOR, "age": AGE})
    return folder / "x.mat"


def csv(folder):
    head, cells = ",".join(COLUMNS), [",".join(map(str, row)) for row in zip(*COLUMNS.values(), strict=True)]
    (folder / "x.csv").write_text("\n".join([head, *cells]))
    return folder / "x.csv"


def arrow(folder):
    pyarrow.parquet.write_table(pyarrow.table(COLUMNS), folder / "x.parquet")
    return folder / "x.parquet"


def arff(folder):
    head = "@relation r\n@attribute a numeric\n@attribute b numeric\n@attribute batch {u,v,w}\n@attribute age numeric\n"
    rows = "".join(f"{a},{b},{batch},{age}\n" for a, b, batch, _, age in zip(*COLUMNS.values(), strict=True))
    (folder / "x.arff").write_text(head + "@data\n" + rows)
    return folder / "x.arff"


def h5ad(folder):
    with h5py.File(folder / "x.h5ad", "w") as file:
        file["X"], file["var/_index"] = np.random.default_rng(0).poisson(2.0, (N, 3)), ["a", "b", "c"]
        file["obs/batch/codes"], file["obs/batch/categories"] = np.arange(N) % 3, np.array(list("uvw"), dtype="S1")
        file["obs/donor"], file["obs/age"] = DONOR, AGE
    return folder / "x.h5ad"


def images(folder):
    for number, image in enumerate(PICTURES):
        image.save(folder / f"{number:02d}.png")
    rows = [f"{n:02d}.png,{BATCH[n]},{DONOR[n]},{AGE[n]}" for n in range(N)]
    (folder / "metadata.csv").write_text("\n".join(["file_name,batch,donor,age", *rows]))
    return folder


def idx(folder):
    pixels = np.stack([np.asarray(image) for image in PICTURES])
    images = struct.pack(">HBB", 0, 8, 3) + struct.pack(">3I", *pixels.shape) + pixels.tobytes()
    (folder / "train-images-idx3-ubyte").write_bytes(images)
    labels = struct.pack(">HBB", 0, 8, 1) + struct.pack(">I", N) + DONOR.astype(np.uint8).tobytes()
    (folder / "train-labels-idx1-ubyte").write_bytes(labels)
    return folder


def wav(folder):
    for number, sound in enumerate(X.astype(np.float32)):
        (folder / "ab"[number % 2]).mkdir(exist_ok=True)
        scipy.io.wavfile.write(folder / "ab"[number % 2] / f"{number}.wav", 8000, sound)
    return folder


def ts(folder):
    rows = "".join(f"{','.join(map(str, row))}:{'ab'[n % 2]}\n" for n, row in enumerate(X))
    (folder / "x.ts").write_text("@classLabel true a b\n@data\n" + rows)
    return folder / "x.ts"


def ucr(folder):
    for part in ("TRAIN", "TEST"):
        np.savetxt(folder / f"Made_{part}.tsv", np.c_[DONOR, X], delimiter="\t")
    return folder


def celeba(folder):
    write_celeba(folder, count=N)
    return folder


def anndata(folder):
    codes = SimpleNamespace(codes=np.arange(N) % 3, categories=np.array(["u", "v", "w"]))
    columns = {"batch": SimpleNamespace(cat=codes), "donor": DONOR, "age": AGE}

    class Obs(dict):
        columns = ("batch", "donor", "age")

    x = np.random.default_rng(0).poisson(2.0, (N, 2))
    return SimpleNamespace(X=x, obs=Obs(columns), var_names=["a", "b"], n_obs=N, n_vars=2)


def dictionaries(folder):
    return Items([{"x": torch.tensor(x), "batch": BATCH[n], "donor": n % 2, "age": AGE[n]} for n, x in enumerate(X)])


def pictures_of_hugging_face(folder):
    columns = {"image": PICTURES, "batch": BATCH.tolist(), "donor": DONOR.tolist(), "age": AGE.tolist()}
    return RowsOfFaces(columns, images={"image"})


TABLES = {
    "npz": (npz, SIDE),
    "csv": (csv, SIDE),
    "arrow": (arrow, SIDE),
    "h5ad": (h5ad, SIDE),
    "anndata": (anndata, SIDE),
    "images": (images, SIDE),
    "table": (lambda folder: COLUMNS, SIDE),
    "hugging face dataset": (lambda folder: RowsOfFaces(COLUMNS), SIDE),
    "hugging face dataset of pictures": (pictures_of_hugging_face, SIDE),
    "torch dataset": (dictionaries, SIDE),
    "mat": (mat, {"donor": ("0", "1"), "age": ()}),
    "arff": (arff, {"batch": ("u", "v", "w"), "age": ()}),
    "torch dataset of tensors": (
        lambda folder: TensorDataset(*map(torch.tensor, (X, DONOR, AGE))),
        {"labels": ("0", "1"), "2": ()},
    ),
    "torch dataset of tuples": (
        lambda folder: Items(list(zip(X, BATCH, AGE, strict=True))),
        {"labels": ("u", "v", "w"), "2": ()},
    ),
    "idx": (idx, {"labels": ("0", "1")}),
    "wav": (wav, {"labels": ("a", "b")}),
    "ts": (ts, {"labels": ("a", "b")}),
    "ucr": (ucr, {"labels": ("0", "1")}),
    "celeba": (celeba, {"attributes": None}),
    "digits": (lambda folder: "digits", {"labels": tuple("0123456789")}),
    "sprites-colour": (lambda folder: "sprites-colour", {"attributes": None}),
}
NOTHING_BESIDE = {"four-points", "npy", "mtx", "array", "sparse"}


@pytest.fixture(params=TABLES)
def case(request, tmp_path):
    make, expected = TABLES[request.param]
    return make(tmp_path), expected


def test_every_row_of_the_tables_is_tried_or_has_nothing_beside():
    tried = {"sprites", *(name.partition(" of ")[0] for name in TABLES)}
    assert tried | NOTHING_BESIDE == {*SOURCES, *FORMATS, *OBJECTS} and not tried & NOTHING_BESIDE


def test_what_stands_beside_x_is_found_by_name(case):
    source, expected = case
    data = load_data(source, side=list(expected))
    if None in expected.values():
        assert data.side.names == data.attribute_names
        assert {one.categories for one in data.side.variables} <= {("no", "yes"), ("yes",), ("no",)}
        return
    assert {one.name: one.categories for one in data.side.variables} == expected
    truth = {"batch": np.arange(N) % 3, "donor": DONOR, "age": AGE}
    for column, name in enumerate(expected):
        if name in truth:
            assert data.side.values[:, column].tolist() == pytest.approx(truth[name].tolist())


def test_factors_stand_beside_where_they_are_computed():
    data = load_data("sprites", side="scale", factors={"shape": ["heart"], "orientation": [0], "pos_x": [3]})
    assert data.side.variables[0].categories == tuple("012345")
    assert torch.equal(data.side.values[:, 0].long(), data.factors[:, data.factor_names.index("scale")])


def test_parts_views_and_batches_have_the_same_variables_and_their_own_rows(case):
    source, expected = case
    whole = load_data(source, side=list(expected))
    data = whole.random_subset(300, seed=0)
    assert data.side.values.isfinite().all()
    batch = next(data.batches(3, order=torch.tensor([2, 0, 1])))
    assert torch.equal(batch.side, data.side.values[[2, 0, 1]])
    for part in (whole.train, whole.test):
        assert part.side.variables == whole.side.variables
        assert torch.equal(part.side.values, whole.side.values[part.positions])


def test_it_can_be_chosen_after_loading_where_it_is_no_part_of_x(case):
    source, expected = case
    loaded = load_data(source, side=list(expected))
    later = load_data(source).with_side(list(expected)) if loaded.shape == load_data(source).shape else None
    if later is not None:
        assert later.side.variables == loaded.side.variables and torch.equal(later.side.values, loaded.side.values)
        assert later.source == loaded.source


def test_a_run_can_load_it_again(case):
    source, expected = case
    data = load_data(source, side=list(expected))
    if data.source is None:
        return
    again = load_data(**data.train.source)
    assert again.side.variables == data.side.variables and torch.equal(again.side.values, data.train.side.values)


def test_columns_beside_leave_x_unless_they_are_named_in_columns_too(tmp_path):
    path = csv(tmp_path)
    data = load_data(path, side="batch,age")
    assert [column.name for column in data.columns] == ["a", "b", "donor"]
    assert {column.name: column.use for column in data.table if column.use != "x"} == {
        "batch": "beside", "age": "beside"
    }  # fmt: skip
    both = load_data(path, side=["age"], columns=["age", "a"])
    assert [column.name for column in both.columns] == ["age", "a"] and both.side.names == ("age",)
    assert torch.allclose(both.tensor()[:, 0].double(), both.side.values[:, 0])
    with pytest.raises(BadData, match=r"'age' is a column of x.*load_data\(..., side='age'\).*--set data.side=age"):
        load_data(path).with_side("age")


def test_a_column_taken_for_labels_stays_labels_and_stands_beside():
    flowers = {"width": X[:, 0], "species": BATCH}
    data = load_data({**flowers, "length": X[:, 1]}, labels="species", side="species")
    assert data.label_names == ("u", "v", "w") and data.side.names == ("species",)
    plain = load_data({"length": X[:, 1], **flowers}, side="species")
    assert plain.labels is not None and plain.shape == (2,) and plain.side.variables == data.side.variables
    many = load_data(
        {"length": np.r_[X[:, 0]] * 1.0, "of": np.arange(N)[::-1] * 2, "w": X[:, 1]}, labels="of", side="of"
    )
    assert len(many.side.variables[0].categories) == N  # labels are categories, however many


def test_whole_numbers_are_categories_where_few_come_often_and_a_word_says_otherwise():
    age = np.r_[np.arange(20, 50), np.arange(20, 50)]
    table = {
        "a": np.random.default_rng(0).normal(size=60),
        "age": age,
        "site": np.arange(60) % 30,
        "one": np.arange(60) * 3,
    }
    data = load_data(table, side=["age", "site", "one"])
    assert [one.is_number for one in data.side.variables] == [False, False, True]
    other = load_data(table, side="age:number, one:category")
    assert [one.is_number for one in other.side.variables] == [True, False]
    assert other.side.names == ("age", "one") and other.side.variables[1].categories[:2] == ("0", "3")
    assert load_data({**table, "age": age + 1.0 * (age > 48)}, side="age").side.variables[0].categories[-1] == "50"
    assert (
        load_data({"a": X[:, 0], "seldom": [3, 1, 9, 4, 8, 7, 2, 3, 0, 6, 5, 1]}, side="seldom")
        .side.variables[0]
        .is_number
    )
    assert load_data(table, side=["age:number, one:category"]).side.names == ("age", "one")
    assert load_data({"a": X[:, 0], "b, c": DONOR}, side="b, c:number").side.variables[0].is_number
    with pytest.raises(BadData, match="words: expected numbers, got words, such as 'u'"):
        load_data({"a": X[:, 0], "words": BATCH}, side="words:number")


def test_words_of_cells_stay_words_where_they_look_like_numbers(tmp_path):
    with h5py.File(tmp_path / "x.h5ad", "w") as file:
        file["X"], file["var/_index"] = np.ones((80, 2)), ["a", "b"]
        file["obs/cluster/codes"], file["obs/cluster/categories"] = np.arange(80) % 40, np.arange(40)
        file["obs/plate"] = np.array([f"{n % 40:02d}" for n in range(80)], dtype="S2")
    data = load_data(tmp_path / "x.h5ad", side=["cluster", "plate"])
    assert [len(one.categories) for one in data.side.variables] == [40, 40]
    assert data.side.variables[1].categories[:2] == ("00", "01") and data.side.variables[0].categories[9] == "9"


def test_what_a_frame_or_a_file_calls_categories_are_categories_however_many(tmp_path):
    codes = [str(n % 40) for n in range(80)]
    x = np.random.default_rng(0).normal(size=(80, 2))
    frame = pyarrow.table({"a": x[:, 0], "b": x[:, 1], "plate": pyarrow.array(codes).dictionary_encode()})
    nominal = ",".join(map(str, range(40)))
    rows = "".join(f"{a},{b},{code}\n" for (a, b), code in zip(x, codes, strict=True))
    head = f"@relation r\n@attribute a numeric\n@attribute b numeric\n@attribute plate {{{nominal}}}\n@data\n"
    (tmp_path / "x.arff").write_text(head + rows)
    for source in (frame, tmp_path / "x.arff"):
        (variable,) = load_data(source, side="plate", labels=False).side.variables
        assert variable.categories == tuple(map(str, range(40)))


def gaps():
    return {"a": X[:, 0], "b": X[:, 1], "donor": ["x", None, "y", "x"] * 3, "age": [None, 2.5, 3.5, 4.5] * 3}


def test_missing_values_are_refused_by_name_and_count_with_the_line_that_does_it():
    with pytest.raises(BadData, match=r"of 12; missing are 'donor' of 3 and 'age' of 3") as refused:
        load_data(gaps(), side=["donor", "age"])
    assert "--set data.side=donor:known,age:known" in str(refused.value) and "a category of them" in str(refused.value)
    with pytest.raises(BadData, match=r"--set data\.side=donor:category:known"):
        load_data(gaps(), drop="age", side="donor:category")
    known = load_data(gaps(), side="donor:known,age:known")
    assert len(known) == 6 and known.side.values.isfinite().all() and any("6 of 12 examples" in n for n in known.notes)
    missing = load_data(gaps(), drop="age", side="donor:missing")
    assert missing.side.variables[0].categories == ("x", "y", "missing") and len(missing) == 12
    assert missing.side.values[:4, 0].tolist() == [0, 2, 1, 0]
    with pytest.raises(BadData, match=r'age: expected categories.*"age:known"'):
        load_data(gaps(), drop="donor", side="age:missing")
    dropped = load_data(gaps(), side="donor,age", missing="drop")
    assert len(dropped) == 6 and torch.equal(dropped.side.values, known.side.values)
    with pytest.raises(BadData, match="of no example all of age and c is known"):
        load_data({**gaps(), "age": [1.5, None] * 6, "c": [None, 1.5] * 6}, drop="donor", side="age:known,c:known")


def test_examples_that_are_left_out_leave_the_parts_that_a_source_has(tmp_path):
    np.savez(tmp_path / "x.npz", x_train=X[:8], x_test=X[8:], age=np.r_[np.nan, np.arange(1.5, 11.5), np.nan])
    data = load_data(tmp_path / "x.npz", side="age:known")
    assert (len(data), len(data.train), len(data.test)) == (10, 7, 3)
    assert torch.allclose(data.test.tensor(), torch.tensor(X[8:11]).float())
    assert data.test.side.values[:, 0].tolist() == [8.5, 9.5, 10.5]


def test_values_of_ones_own_stand_beside_any_source():
    side = {"batch": BATCH, "age": AGE}
    data = load_data(X, side=side, test=0.25)
    assert data.side.names == ("batch", "age") and data.train.side.variables == data.side.variables
    assert torch.equal(load_data(X, side=Side.of(side)).side.values, data.side.values)
    with pytest.raises(BadData, match="expected 12 values beside x, one an example, got 3"):
        load_data(X, side={"batch": list("abc")})
    with pytest.raises(UnknownName, match=r"variable beside x of tensor 'batch'\..*labels"):
        load_data(X, labels=DONOR, side="batch")
    for wrong in (5.5, object(), [1.5], [], ""):
        with pytest.raises(BadData, match=r"beside x|side as names"):
            load_data(X, side=wrong)


def test_what_a_trained_model_knows_is_what_other_data_are_read_by():
    known = load_data(COLUMNS, side="batch,donor,age").side.variables
    few = {name: values[:3] for name, values in COLUMNS.items()}
    data = load_data(few, test=0.0, side="batch,donor,age").with_known_side(
        known
    )  # of three rows whole numbers are numbers
    assert data.side.variables == known and data.side.values[:, 1].tolist() == [0, 1, 0]
    with pytest.raises(
        BadData, match=r"batch: expected one of the categories .*got \['new'\] too, for 1 of 3 examples"
    ):
        load_data({**few, "batch": ["u", "new", "w"]}, test=0.0, side="batch").with_known_side(known[:1])
    with pytest.raises(UnknownName, match="nothing is known of the examples, and so nothing called 'batch'"):
        load_data(X).with_known_side(known)
    part = load_data(COLUMNS, side="batch").test.with_side({"batch": ["w", "v"]}).with_known_side(known[:1])
    assert part.side.values[:, 0].tolist() == [2.0, 1.0]


def test_missing_ones_of_other_data_are_of_the_category_that_training_had_for_them():
    known = load_data(gaps(), drop="age", side="donor:missing").side.variables
    other = load_data({**gaps(), "donor": [None, "y", "y", "x"] * 3}, drop="age,donor").with_known_side(known)
    assert other.side.values[:4, 0].tolist() == [2, 1, 1, 0]


def test_data_from_python_that_name_it_are_recorded_and_others_are_not(tmp_path):
    data = load_data(npz(tmp_path)).with_side("batch")
    assert data.source["side"] == "batch" and data.with_side({"mine": AGE}).source is None
    assert isinstance(load_data(**data.source), Dataset)


def test_what_was_handed_in_is_asked_for_by_name_alone_or_beside_what_is_known():
    digits = load_data("digits", test=0.0)
    small = (digits.labels < 5).long()
    data = digits.with_side({"small": small, "odd": digits.labels % 2})
    assert data.with_side("small").side.values[:, 0].tolist() == small.tolist()
    both = data.with_side(["labels", "small"])
    assert both.side.names == ("small", "labels")
    assert both.side.values[:, 1].tolist() == digits.labels.tolist()
    with pytest.raises(UnknownName, match="smal"):
        data.with_side(["smal", "labels"])
