"""What every source, format and kind of object owes: each row of the tables is tested by being there."""

import gzip
import inspect
import json
import struct
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pyarrow.parquet
import pytest
import scipy.io.wavfile
import scipy.sparse
import torch
from PIL import Image
from torch.utils.data import TensorDataset

from helpers.celeba_folder import write_celeba
from helpers.hugging_face import RowsOfFaces
from termwise import cli, registry
from termwise.data import FORMATS, OBJECTS, SOURCES, Dataset, Format, Source, load_data
from termwise.data.load import COMMON_OPTIONS
from termwise.data.options import check_options
from termwise.errors import BadData, UnknownName
from termwise.training import config_from

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (12, 9, 8), dtype=np.uint8)


def npy(folder):
    np.save(folder / "x.npy", RNG.normal(size=(20, 3)))
    return folder / "x.npy"


def npz(folder):
    np.savez(folder / "x.npz", x=RNG.normal(size=(20, 3)), labels=np.arange(20) % 3)
    return folder / "x.npz"


def csv(folder):
    np.savetxt(folder / "x.csv", RNG.normal(size=(20, 3)), delimiter=",")
    return folder / "x.csv"


def idx(folder):
    header = struct.pack(">HBB", 0, 8, 3) + struct.pack(">3I", *PIXELS.shape)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + PIXELS.tobytes()))
    return folder


def images(folder):
    for number, image in enumerate(PIXELS):
        Image.fromarray(image).save(folder / f"{number}.png")
    return folder


def celeba(folder):
    write_celeba(folder, count=16)
    return folder


def arrow(folder):
    pyarrow.parquet.write_table(pyarrow.table(TABLE), folder / "x.parquet")
    return folder / "x.parquet"


def mtx(folder):
    scipy.io.mmwrite(folder / "x.mtx", scipy.sparse.random(20, 5, 0.5, random_state=0))
    return folder / "x.mtx"


def h5ad(folder):
    with h5py.File(folder / "x.h5ad", "w") as file:
        file["X"], file["obs/age"], file["var/_index"] = RNG.poisson(2.0, (20, 3)), np.arange(20), ["a", "b", "c"]
    return folder / "x.h5ad"


def mat(folder):
    scipy.io.savemat(folder / "x.mat", {"X": RNG.normal(size=(20, 3)), "y": np.arange(20) % 3})
    return folder / "x.mat"


def wav(folder):
    for number, sound in enumerate(RNG.normal(size=(12, 30)).astype(np.float32)):
        scipy.io.wavfile.write(folder / f"{number}.wav", 8000, sound)
    return folder


def arff(folder):
    rows = "".join(f"{x},{y},{'ab'[int(y > 0)]}\n" for x, y in RNG.normal(size=(20, 2)))
    head = "@relation r\n@attribute x numeric\n@attribute y numeric\n@attribute class {a,b}\n@data\n"
    (folder / "x.arff").write_text(head + rows)
    return folder / "x.arff"


def ts(folder):
    rows = "".join(",".join(map(str, row)) + ":a\n" for row in RNG.normal(size=(20, 4)))
    (folder / "x.ts").write_text("@classLabel true a\n@data\n" + rows)
    return folder / "x.ts"


def ucr(folder):
    for part in ("TRAIN", "TEST"):
        np.savetxt(folder / f"Made_{part}.tsv", np.c_[np.arange(10) % 2, RNG.normal(size=(10, 5))], delimiter="\t")
    return folder


FILES = {"npy": npy, "npz": npz, "csv": csv, "idx": idx, "images": images, "celeba": celeba, "mtx": mtx, "h5ad": h5ad}
FILES |= {"mat": mat, "wav": wav, "arff": arff, "ts": ts, "ucr": ucr, "arrow": arrow}
THINGS = {"array": RNG.normal(size=(20, 3)), "torch dataset": TensorDataset(torch.rand(20, 3), torch.arange(20))}
THINGS["anndata"] = SimpleNamespace(
    X=RNG.poisson(2.0, (20, 2)), obs=SimpleNamespace(columns=()), var_names=["a", "b"], n_obs=20, n_vars=2
)
TABLE = {"a": RNG.normal(size=20), "b": RNG.normal(size=20)}
THINGS |= {"table": pyarrow.table(TABLE), "hugging face dataset": RowsOfFaces(TABLE)}
THINGS["sparse"] = scipy.sparse.random(20, 7, 0.4, random_state=0)


@pytest.fixture(params=[*SOURCES, *FORMATS, *OBJECTS])
def case(request, tmp_path):
    """A row, and what to load of its kind."""
    if request.param in SOURCES:
        return SOURCES[request.param], request.param
    if request.param in FORMATS:
        return FORMATS[request.param], FILES[request.param](tmp_path)
    return OBJECTS[request.param], THINGS[request.param]


FEWER = {"sprites-colour": {"count": 400}}
"""Options of the sources that take long to be made twice."""


def few(data: Dataset) -> Dataset:
    return data.random_subset(300, seed=0)


def test_it_loads_and_says_what_it_holds(case):
    row, source = case
    data = load_data(source)
    assert row.summary
    assert len(data) >= 2 and all(size >= 1 for size in data.shape)
    assert f"examples of shape {data.shape}" in repr(data)
    x = few(data).tensor()
    assert x.dtype == torch.float32 and x.shape == (len(few(data)), *data.shape)
    assert bool(torch.isfinite(x).all())
    for rows, names in ((data.factors, data.factor_names), (data.attributes, data.attribute_names)):
        assert (rows is None and names == ()) or rows.shape == (len(data), len(names))
    assert data.labels is None or data.labels.shape == (len(data),)


def test_its_parts_cover_it_and_do_not_overlap_unless_its_own_do(case):
    row, source = case
    own = row.load(0, {}).splits if isinstance(row, Source) else row.load(source, {}).splits
    data = load_data(source)
    parts = torch.cat(list(data.splits.values()))
    assert {"train", "test"} <= set(data.splits)
    assert torch.equal(parts.unique(), torch.arange(len(data)))
    if set(own) - {"train"}:  # a lone training part is what load_data(..., test=0.0) gives: no split of its own
        assert all(torch.equal(data.splits[name], positions) for name, positions in own.items())
    else:
        assert len(parts) == len(data)


def test_the_same_seed_gives_the_same_examples(case):
    row, source = case
    data, again = (load_data(source, seed=3, **FEWER.get(row.name, {})) for _ in range(2))
    assert data.fingerprint() == again.fingerprint()
    for name in data.splits:
        assert data.split(name).fingerprint() == again.split(name).fingerprint()
    assert torch.equal(few(data.train).tensor(), few(again.train).tensor())


def test_its_batches_in_order_are_its_tensor(case):
    _, source = case
    data = few(load_data(source).train)
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
    batches = list(data.batches(7, order))
    assert torch.equal(torch.cat([batch.index for batch in batches]), order)
    assert torch.equal(torch.cat([batch.x for batch in batches]), data.tensor()[order])


def test_its_value_range_is_that_of_its_numbers(case):
    _, source = case
    data = few(load_data(source))
    x, values = data.tensor(), data.value_range()
    assert (values.minimum, values.maximum) == (x.min().item(), x.max().item())
    assert values.integer == bool((x % 1 == 0).all())
    assert values.binary == (set(x.unique().tolist()) <= {0.0, 1.0})


def test_its_options_are_refused_by_name_and_by_type_and_each_says_what_it_means(case):
    row, source = case
    with pytest.raises((BadData, UnknownName), match="nonesuch"):
        load_data(source, nonesuch=1)
    assert all(row.meanings.values())
    for name, parameter in row.options.items():
        assert parameter.default is not parameter.empty
        if parameter.annotation is not Any:
            with pytest.raises(BadData, match=rf"{row.name}: {name} = .* cannot be: .*\({name}: "):
                row.load(0 if isinstance(row, Source) else source, {name: object()})


@pytest.mark.parametrize("name", COMMON_OPTIONS)
def test_what_any_source_takes_is_refused_by_type_and_says_what_it_means(name):
    assert COMMON_OPTIONS[name]
    error = UnknownName if name == "split" else BadData
    with pytest.raises(error, match=name):
        load_data(torch.rand(5, 2), **{name: object() if name != "split" else "nonesuch"})


def test_the_options_of_any_source_are_the_keywords_of_load_data():
    parameters = inspect.signature(load_data).parameters.values()
    assert list(COMMON_OPTIONS) == [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]


def load_ramp(*, n: int = 10, seed: int = 0) -> Dataset:
    """Numbers that grow.

    Args:
        n: The number of
            numbers.
        seed: Of nothing.
    """
    return load_data(torch.linspace(seed, seed + 1, n).unsqueeze(1), test=0.0, name="ramp")


def load_bits(path, *, invert: bool = False) -> Dataset:
    """A file of zeros and ones as text."""
    bits = torch.tensor([[float(bit) != invert] for bit in path.read_text().strip()]).float()
    return load_data(bits, test=0.0, name="bits")


RAMP = Source("ramp", load_ramp, "numbers that grow")
BITS = Format("bits", load_bits, "zeros and ones as text", fits=lambda path: path.suffix == ".bits")


@pytest.fixture(params=["python", "package"])
def outside(request, monkeypatch):
    """A source and a format that are not of this package, brought in either way; gone afterwards."""
    rows = {"termwise.sources": (SOURCES, RAMP), "termwise.formats": (FORMATS, BITS)}
    for table, row in rows.values():
        monkeypatch.setattr(table, "_rows", dict(table._rows))
        if request.param == "python":
            table.add(row)
            continue

        class Point(EntryPoint):
            def load(self):
                return {"ramp": RAMP, "bits": BITS}[self.name]

        points = [Point(row.name, "elsewhere:ROW", group) for group, (_, row) in rows.items()]
        monkeypatch.setattr(registry, "_entry_points", lambda group, p=points: EntryPoints(p).select(group=group))
        monkeypatch.setattr(table, "_plugged", False)


def test_a_source_from_outside_is_known_everywhere_by_its_row_alone(outside, tmp_path, monkeypatch, capsys):
    data = load_data("ramp", n=5, seed=2, test=0.4)
    assert data.tensor().flatten().tolist() == [2.0, 2.25, 2.5, 2.75, 3.0]
    assert {name: len(positions) for name, positions in data.splits.items()} == {"train": 3, "test": 2}
    section = config_from({"data": {"source": "ramp", "n": 5, "seed": 2}, "objective": {"recipe": "vae"}}).data
    assert load_data(**section.arguments()).fingerprint() == data.fingerprint()
    with pytest.raises(UnknownName, match="Did you mean 'ramp'"):
        load_data("rmap")
    with pytest.raises(BadData, match=r"ramp: n = '5' cannot be: .*valid integer \(n: the number of numbers\)"):
        load_data("ramp", n="5")
    path = tmp_path / "x.bits"
    path.write_text("0110")
    assert load_data(path, invert=True, test=0.0).tensor().flatten().tolist() == [1.0, 0.0, 0.0, 1.0]
    monkeypatch.setattr(sys, "argv", ["termwise", "data", "--json"])
    with pytest.raises(SystemExit):
        cli.main()
    listed = {row["name"]: row for row in json.loads(capsys.readouterr().out)["sources"]}
    assert listed["ramp"] == {
        "name": "ramp", "description": "numbers that grow", "options": {"n": "The number of numbers."}
    }  # fmt: skip
    assert listed["bits"]["options"] == {"invert": ""}
    (tmp_path / "x.other").write_text("?")
    with pytest.raises(BadData, match=r"a file of another kind.*bits, zeros and ones as text"):
        load_data(tmp_path / "x.other")


def test_the_tables_are_read_without_torch():
    code = (
        "import sys, termwise.data.sources as s; list(s.SOURCES), s.FORMATS.shown(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("row", [*SOURCES.values(), *FORMATS.values(), *OBJECTS.values()], ids=lambda row: row.name)
def test_no_amount_is_below_nothing(row):
    for name in {"memory_limit", "num_workers"} & set(row.options):
        with pytest.raises(BadData, match=rf"{name} = -1 cannot be"):
            check_options(row.name, row.maker, {name: -1}, row.options)
