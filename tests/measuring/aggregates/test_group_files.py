"""What is written of every example under the laws of groups: the same in every kind of file."""

import csv
import sys

import numpy as np
import pyarrow.parquet
import pytest
import torch

import termwise as tw
from termwise.errors import Refused
from termwise.measuring.aggregates.group_files import GroupRatio, write_aggregates

WORLD = tw.worlds.ConditionalLinearGaussian.random(seed=0, separation=3.0)


@pytest.fixture(scope="module")
def laws():
    kinds = [["a, b", "c"][int(kind)] for kind in WORLD.side(60)]
    data = tw.load_data(WORLD.data(60), test=0.5).with_side({"kind": kinds})
    return tw.group_aggregates(WORLD, data.test)


def test_every_kind_of_file_has_a_row_an_example(laws, tmp_path):
    for ending in ("csv", "parquet", "npz"):
        ratio = GroupRatio(["a, b"], ["c"], laws.log_ratio(["a, b"], ["c"]))
        write_aggregates(laws, tmp_path / f"x.{ending}", [ratio])
    with (tmp_path / "x.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    table = pyarrow.parquet.read_table(tmp_path / "x.parquet").to_pydict()
    arrays, densities = np.load(tmp_path / "x.npz"), laws.log_density_of_data()
    assert [*rows[0]] == [*table] and len(rows) == len(densities) == 30
    assert [*table][-3:] == ["log_density_a, b", "log_density_c", "log_ratio"]
    assert [row["group"] for row in rows] == table["group"] == [laws.names[group] for group in laws.groups]
    for place, name in enumerate(laws.names):
        column = [float(row[f"log_density_{name}"]) for row in rows]
        assert column == table[f"log_density_{name}"] == densities[:, place].tolist()
    assert np.array_equal(arrays["log_density"], densities.numpy()) and arrays["names"].tolist() == [*laws.names]
    assert [float(row["log_ratio"]) for row in rows] == (densities[:, 0] - densities[:, 1]).tolist()
    assert table["z0"] == arrays["code"][:, 0].tolist() == laws.codes[:, 0].tolist()
    assert [int(row["position"]) for row in rows] == arrays["position"].tolist()


def test_positions_are_those_of_the_source(laws):
    codes = WORLD.infer(WORLD.data(60)[laws.positions])[0].mean.double()
    assert len(set(laws.positions.tolist())) == 30 and torch.allclose(codes, laws.codes)


def test_several_ratios_are_numbered_and_their_errors_stand_beside(tmp_path):
    torch.manual_seed(0)
    vae = tw.VAE.build((3,), latent=2, likelihood="normal", options={"hidden": [4]})
    laws = tw.group_aggregates(vae, torch.randn(40, 3), side={"sample": [f"s{n % 4}" for n in range(40)]})
    two = [GroupRatio([*a], [*b], laws.log_ratio(a, b)) for a, b in ((("s0", "s1"), ("s2", "s3")), (("s0",), ("s1",)))]
    write_aggregates(laws, tmp_path / "x.csv", two)
    head, *rows = (tmp_path / "x.csv").read_text().splitlines()
    assert head.split(",")[-3:] == ["log_ratio_1", "log_ratio_1_stderr", "log_ratio_2"]
    assert [float(row.split(",")[-2]) for row in rows] == two[0].found.stderr.tolist()


def test_what_cannot_be_written_is_refused(laws, tmp_path, monkeypatch):
    with pytest.raises(Refused, match=r"\.csv, \.npz or \.parquet; got 'x.h5ad'"):
        write_aggregates(laws, tmp_path / "x.h5ad")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Refused, match=r"pip install 'termwise\[tables\]'"):
        write_aggregates(laws, tmp_path / "x.parquet")
    assert not list(tmp_path.iterdir())
