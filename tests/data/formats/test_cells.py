"""Cells by genes: .h5ad as AnnData writes it today and did before, objects in memory, .mtx as 10x writes it."""

import gzip
import io
import sys
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
import torch

from termwise import main_memory
from termwise.data import load_data
from termwise.errors import BadData, Refused, UnknownName

RNG = np.random.default_rng(0)
COUNTS = RNG.poisson(0.7, (20, 6)).astype(np.float32)
COUNTS[0, 0] = 5
TYPES, DEPTH = np.array(["B", "T", "NK"] * 7)[:20], COUNTS.sum(1)
CODES = np.array([{"B": 0, "NK": 1, "T": 2}[kind] for kind in TYPES], dtype=np.int8)
GENES = ["CD3", "CD8", "MS4A1", "NKG7", "GAPDH", "CD8"]
TEXT = h5py.string_dtype()


def sparse_group(file, place, matrix, old=False):
    group = file.create_group(place)
    for name in ("data", "indices", "indptr"):
        group[name] = getattr(matrix, name)
    group.attrs["h5sparse_format" if old else "encoding-type"] = matrix.format + ("" if old else "_matrix")
    group.attrs["h5sparse_shape" if old else "shape"] = matrix.shape


def h5ad(path, x=COUNTS, layers=(), raw=None):
    """As AnnData 0.8 and later write it."""
    with h5py.File(path, "w") as file:
        if scipy.sparse.issparse(x):
            sparse_group(file, "X", x)
        else:
            file["X"] = x
        file["obs/_index"] = np.array([f"cell {n}" for n in range(20)], dtype=object)
        file["obs"].attrs["_index"] = "_index"
        file["obs/depth"] = DEPTH
        file["obs/type/codes"], file["obs/type/categories"] = CODES, np.array(["B", "NK", "T"], dtype=object)
        gaps = CODES.copy()
        gaps[3] = -1
        file["obs/gaps/codes"], file["obs/gaps/categories"] = gaps, np.array(["B", "NK", "T"], dtype=object)
        file["var/gene"] = np.array(GENES, dtype=object)
        file["var"].attrs["_index"] = "gene"
        file["obsm/X_pca"], file["uns/anything"] = np.zeros((20, 2)), np.zeros(3)
        for name, values in layers:
            file[f"layers/{name}"] = values
        if raw is not None:
            sparse_group(file, "raw/X", raw)
            file["raw/var/_index"] = np.array([f"raw {n}" for n in range(raw.shape[1])], dtype=object)
    return path


def old_h5ad(path):
    """As AnnData wrote it before 0.7: tables are arrays of records, and categories lie elsewhere."""
    with h5py.File(path, "w") as file:
        sparse_group(file, "X", scipy.sparse.csr_matrix(COUNTS), old=True)
        obs = np.zeros(20, dtype=[("index", "S7"), ("depth", "f4"), ("type", "i1")])
        obs["index"], obs["depth"], obs["type"] = b"cell", DEPTH, CODES
        file["obs"] = obs
        file["var"] = np.array([(gene.encode(), 1.0) for gene in GENES], dtype=[("index", "S7"), ("mean", "f4")])
        file["raw.X"], file["raw.var"] = COUNTS + 1, np.array([(b"only",)] * 6, dtype=[("index", "S7")])
        file["uns/type_categories"] = np.array([b"B", b"NK", b"T"])
    return path


def in_memory(x=COUNTS):
    """An object with what AnnData's has."""
    category = SimpleNamespace(cat=SimpleNamespace(codes=CODES, categories=np.array(["B", "NK", "T"])))

    class Obs(dict):
        columns = ("depth", "type")

    names = np.array(GENES, dtype=object)
    return SimpleNamespace(X=x, obs=Obs(depth=DEPTH, type=category), var_names=names, n_obs=20, n_vars=6, raw=None)


CASES = {
    "dense file": lambda folder: h5ad(folder / "x.h5ad"),
    "by rows": lambda folder: h5ad(folder / "x.h5ad", scipy.sparse.csr_matrix(COUNTS)),
    "by columns": lambda folder: h5ad(folder / "x.h5ad", scipy.sparse.csc_matrix(COUNTS)),
    "old file": lambda folder: old_h5ad(folder / "old.h5ad"),
    "object": lambda _: in_memory(),
    "sparse object": lambda _: in_memory(scipy.sparse.csr_matrix(COUNTS)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_cells_are_rows_genes_name_columns_and_what_is_known_of_cells_is_offered(tmp_path, case):
    source = case(tmp_path)
    data = load_data(source, test=0.0)
    assert torch.equal(data.tensor(), torch.from_numpy(COUNTS))
    assert [(column.name, column.kind) for column in data.columns] == [
        (name, "count") for name in ("CD3", "CD8", "MS4A1", "NKG7", "GAPDH", "CD8-1")
    ]
    assert data.labels is None
    assert data.notes[-2].startswith(
        "x holds counts. Where cells differ in depth alone, likelihood negative-binomial:observed"
    )
    assert "type" in data.notes[-1] and "labels=NAME" in data.notes[-1]
    assert {column.name: (column.use, column.offered) for column in data.table}["type"] == ("beside", True)
    assert ": 20 rows of 6 columns; train 20" in data.describe().headline.replace(" (h5ad)", "").replace(
        " (python)", ""
    )
    assert "off x" not in str(data.describe())
    known = load_data(source, labels="type", attributes=["depth"], test=0.0)
    assert [known.label_names[label] for label in known.labels] == TYPES.tolist()
    assert torch.equal(known.attributes[:, 0], torch.from_numpy(DEPTH))
    logs = load_data(source, log1p=True, test=0.0)
    assert torch.allclose(logs.tensor(), torch.from_numpy(np.log1p(COUNTS)))
    assert {column.kind for column in logs.columns} == {"number"}
    with pytest.raises(UnknownName, match=r"'typ'.*Did you mean 'type'"):
        load_data(source, labels="typ")
    if str(source).endswith("old.h5ad"):
        assert torch.equal(load_data(source, layer="raw", test=0.0).tensor(), torch.from_numpy(COUNTS + 1))
        return
    with pytest.raises(BadData, match="expected a matrix 'raw' beside X, got none"):
        load_data(source, layer="raw")


def test_other_matrices_of_the_cells_are_said_and_can_be_taken(tmp_path):
    raw = scipy.sparse.random(20, 9, 0.5, random_state=0, format="csr")
    path = h5ad(tmp_path / "x.h5ad", COUNTS - 0.5, layers=[("scaled", -COUNTS)], raw=raw)
    assert "x is X; there is scaled, raw, too: layer=NAME takes it." in load_data(path).notes
    assert torch.equal(load_data(path, layer="scaled", test=0.0).tensor(), torch.from_numpy(-COUNTS))
    data = load_data(path, layer="raw", test=0.0)
    assert torch.allclose(data.tensor(), torch.from_numpy(raw.toarray()).float())
    assert data.columns[8].name == "raw 8"
    with pytest.raises(UnknownName, match=r"'scald'.*Did you mean 'scaled'"):
        load_data(path, layer="scald")
    with pytest.raises(BadData, match="log1p"):
        load_data(path, layer="scaled", log1p=True)


def test_gaps_beside_x_are_no_missing_cells_of_it(tmp_path):
    assert "missing" not in load_data(h5ad(tmp_path / "x.h5ad")).describe().about_x()


def test_columns_that_may_lack_values_are_read_as_pandas_has_them(tmp_path):
    path, mask = h5ad(tmp_path / "x.h5ad"), np.arange(20) == 4
    with h5py.File(path, "a") as file:
        for name, values in {"lane": np.arange(20) % 3, "smoker": np.arange(20) % 2 == 0, "site": TYPES}.items():
            for gaps, missing in (("", 0 * mask), ("_gaps", mask)):
                stored = values.astype(object) if values.dtype.kind == "U" else values
                file[f"obs/{name}{gaps}/values"] = stored
                file[f"obs/{name}{gaps}/mask"] = missing.astype(bool)
        file["obs/wrong/values"], file["obs/wrong/mask"] = np.zeros(20), np.zeros(3, bool)
    with pytest.raises(BadData, match="a mask of column 'wrong'"):
        load_data(path)
    with h5py.File(path, "a") as file:
        del file["obs/wrong"]
    categories = {"lane": ("0", "1", "2"), "smoker": ("no", "yes"), "site": ("B", "NK", "T")}
    for name, words in categories.items():
        assert load_data(path, side=name).side.variables[0].categories == words
        with pytest.raises(BadData, match=f"missing are '{name}_gaps' of 1"):
            load_data(path, side=f"{name}_gaps")
        assert len(load_data(path, side=f"{name}_gaps:known")) == 19


def test_names_that_may_lack_are_names(tmp_path):
    with h5py.File(h5ad(tmp_path / "x.h5ad"), "a") as file:
        del file["var/gene"]
        file["var/gene/values"], file["var/gene/mask"] = np.array(GENES, dtype=object), np.zeros(6, bool)
    assert [column.name for column in load_data(tmp_path / "x.h5ad").columns][:2] == ["CD3", "CD8"]


@pytest.mark.parametrize("null", [True, False])
def test_without_x_what_is_there_is_named(tmp_path, null):
    with h5py.File(h5ad(tmp_path / "x.h5ad", layers=[("counts", COUNTS)]), "a") as file:
        del file["X"]
        if null:
            file["X"] = h5py.Empty("f4")
            file["X"].attrs["encoding-type"] = "null"
    cells = in_memory(None)
    cells.layers = {"counts": COUNTS}
    for source in (tmp_path / "x.h5ad", cells):
        with pytest.raises(BadData, match=r"with X, got none, and counts beside it: layer=counts"):
            load_data(source)
        assert torch.equal(load_data(source, layer="counts", test=0.0).tensor(), torch.from_numpy(COUNTS))


def test_labels_with_gaps_are_refused(tmp_path):
    with pytest.raises(BadData, match="a label for every example in 'gaps', and 1 have none"):
        load_data(h5ad(tmp_path / "x.h5ad"), labels="gaps")


def spoilt(path, change):
    with h5py.File(h5ad(path, scipy.sparse.csr_matrix(COUNTS)), "a") as file:
        change(file)
    return path


def replaced(place, values):
    def change(file):
        del file[place]
        file[place] = values

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replaced("X", np.zeros(5)), "X to be a matrix of numbers"),
        (replaced("X", np.array([["a"]], dtype=object)), "X to be a matrix of numbers"),
        (replaced("X/indices", np.full(10**3, 99)), "cannot be read|indices"),
        (replaced("X/indptr", np.arange(21)[::-1]), "cannot be read|ind"),
        (replaced("obs/type/codes", np.full(20, 7)), "codes of 3 categories"),
        (replaced("var/gene", np.array(GENES[:3], dtype=object)), "one name a gene"),
        (lambda file: file["X"].attrs.__setitem__("encoding-type", "dia_matrix"), "by rows or columns, got 'dia'"),
        (lambda file: file.__delitem__("X"), "expected an AnnData file, with X, got obs"),
    ],
)
def test_a_file_that_cannot_be_is_refused_by_name(tmp_path, change, message):
    with pytest.raises(BadData, match=rf"x\.h5ad: .*({message})"):
        load_data(spoilt(tmp_path / "x.h5ad", change))


def test_a_broken_file_is_refused_by_name(tmp_path):
    whole = h5ad(tmp_path / "x.h5ad").read_bytes()
    for content in (whole[:900], b"no hdf", whole[:200] + bytes(600) + whole[800:]):
        (tmp_path / "x.h5ad").write_bytes(content)
        with pytest.raises(BadData, match=r"x\.h5ad: (cannot be read|expected)"):
            load_data(tmp_path / "x.h5ad")


def test_what_memory_does_not_hold_is_refused_before_it_is_read(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "x.h5ad", "w") as file:
        file.create_dataset("X", shape=(10**6, 10**6), dtype="f4", chunks=(1000, 1000))
    with pytest.raises(Refused, match=r"X, dense, of shape \(1000000, 1000000\) would take 8000000000000 bytes"):
        load_data(tmp_path / "x.h5ad")
    path = h5ad(tmp_path / "y.h5ad", scipy.sparse.csr_matrix(COUNTS))
    monkeypatch.setattr(main_memory, "available", lambda: 100)
    with pytest.raises(Refused, match="X, sparse"):
        load_data(path)


def test_without_h5py_the_extra_is_named(tmp_path, monkeypatch):
    path = h5ad(tmp_path / "x.h5ad")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(Refused, match=r"pip install 'termwise\[science\]'"):
        load_data(path)


def mtx(matrix):
    written = io.BytesIO()
    scipy.io.mmwrite(written, matrix, field="integer")
    return written.getvalue()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(("genes", "prefix"), [("features.tsv", ""), ("genes.tsv", "GSM1_")])
def test_a_10x_folder_has_cells_as_examples_and_genes_as_columns(tmp_path, zipped, genes, prefix):
    files = {
        "matrix.mtx": mtx(scipy.sparse.coo_matrix(COUNTS.T.astype(int))),
        "barcodes.tsv": "".join(f"ACGT-{n}\n" for n in range(20)).encode(),
        genes: "".join(f"ENSG{n}\t{gene}\tGene Expression\n" for n, gene in enumerate(GENES)).encode(),
    }
    for name, content in files.items():
        path = tmp_path / f"{prefix}{name}{'.gz' * zipped}"
        path.write_bytes(gzip.compress(content) if zipped else content)
    data = load_data(tmp_path, test=0.0)
    assert torch.equal(data.tensor(), torch.from_numpy(COUNTS))
    assert [column.name for column in data.columns[:2]] == ["CD3", "CD8"]
    assert data.notes[0] == "Its columns, 20 cells, are the examples; its rows are genes."
    assert data.notes[1].startswith("x holds counts.")


@pytest.mark.parametrize("suffix", [".mtx", ".mtx.gz"])
def test_a_matrix_market_file_has_examples_as_rows(tmp_path, suffix):
    content = mtx(scipy.sparse.coo_matrix(COUNTS.astype(int)))
    (tmp_path / f"x{suffix}").write_bytes(gzip.compress(content) if suffix.endswith(".gz") else content)
    assert torch.equal(load_data(tmp_path / f"x{suffix}", test=0.0).tensor(), torch.from_numpy(COUNTS))
    transposed = load_data(tmp_path / f"x{suffix}", transpose=True, test=0.0)
    assert torch.equal(transposed.tensor(), torch.from_numpy(COUNTS.T.copy()))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello", "begins %%MatrixMarket, got 'hello'"),
        (b"%%MatrixMarket matrix coordinate real general\n3 3\n", "cannot be read"),
        (b"%%MatrixMarket matrix coordinate real general\n3 3 2\n1 1 5\n", "cannot be read"),
        (b"%%MatrixMarket matrix coordinate real general\n3 3 1\n4 1 5\n", "cannot be read"),
        (b"%%MatrixMarket matrix coordinate real general\n% only\n", "cannot be read"),
        (b"%%MatrixMarket matrix coordinate complex general\n3 3 1\n1 1 5 1\n", "complex"),
        (b"%%MatrixMarket matrix coordinate real general\n3 3 1\n1 1 nan\n", "finite"),
    ],
)
def test_a_matrix_market_file_that_cannot_be_is_refused(tmp_path, content, message):
    (tmp_path / "x.mtx").write_bytes(content)
    with pytest.raises(BadData, match=rf"x\.mtx: .*{message}"):
        load_data(tmp_path / "x.mtx")


def test_a_matrix_that_memory_does_not_hold_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(scipy.io, "mmread", lambda _: pytest.fail("read"))
    for sizes in ("10 10 1000000000000", "100000000 100000000"):
        kind = "coordinate" if sizes.count(" ") == 2 else "array"
        (tmp_path / "x.mtx.gz").write_bytes(
            gzip.compress(f"%%MatrixMarket matrix {kind} real general\n{sizes}\n".encode())
        )
        with pytest.raises(Refused, match="entries would take"):
            load_data(tmp_path / "x.mtx.gz")


def test_a_folder_whose_tables_do_not_fit_is_refused(tmp_path):
    (tmp_path / "matrix.mtx").write_bytes(mtx(scipy.sparse.coo_matrix(COUNTS.T.astype(int))))
    (tmp_path / "genes.tsv").write_text("a\tA\nb\tB\n")
    with pytest.raises(BadData, match=r"a gene for each of 20 columns, got 2 .*transpose=true or false"):
        load_data(tmp_path)
