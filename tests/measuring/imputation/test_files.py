"""The files of an imputation: a table again, what was there untouched, its spread and draws beside it; or arrays."""

import csv

import numpy as np
import pytest
import torch

import termwise as tw
from termwise.errors import Refused
from termwise.measuring.imputation.files import write_imputation

TEXT = """draw,size,sold,cut,day
x1,1.25,yes,Ideal,2020-01-01
x2,,no,,2020-01-02
x3,0.1,,Good,
x4,-2.5,no,Fair,2020-03-01
x5,0.30000000000000004,yes,"Good, or fair",2020-03-02
"""


def rows_of(path, separator=","):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=separator))


@pytest.fixture
def found(tmp_path):
    (tmp_path / "table.csv").write_text(TEXT)
    model = tw.VAE.build((7,), 2, likelihood="columns:number,binary,category*4,number", options={"hidden": [8]})
    data = tw.load_data(tmp_path / "table.csv", missing="mask", index="draw", labels=False, test=0.0)
    return tw.impute(model, data, draws=3, samples=50)


@pytest.mark.parametrize(("suffix", "separator"), [(".csv", ","), (".tsv", "\t")])
def test_a_table_comes_back_with_its_columns_and_cells(found, tmp_path, suffix, separator):
    files = write_imputation(found, tmp_path / f"filled{suffix}")
    assert [file.name for file in files] == [f"filled{suffix}", f"filled-spread{suffix}", f"filled-draws{suffix}"]
    given = list(csv.DictReader(TEXT.splitlines()))
    filled, spread, draws = (rows_of(file, separator) for file in files)
    assert list(filled[0]) == list(given[0]) and list(draws[0]) == ["draw_", *given[0]]
    assert [row["draw_"] for row in draws] == ["1"] * 5 + ["2"] * 5 + ["3"] * 5
    for own, one, beside, *drawn in zip(
        given, filled, spread, *(draws[5 * k : 5 * k + 5] for k in range(3)), strict=True
    ):
        for name, cell in own.items():
            if cell:
                assert one[name] == cell and all(row[name] == cell for row in drawn) and not beside.get(name)
            else:
                assert one[name] and float(beside[name]) > 0 and all(row[name] for row in drawn)
    assert filled[1]["cut"] in {"Ideal", "Good", "Fair", "Good, or fair"} and filled[2]["sold"] in {"yes", "no"}
    float(filled[1]["size"])
    np.datetime64(filled[2]["day"])


def test_arrays_come_back_as_arrays(tmp_path):
    x = torch.rand(6, 1, 4, 4).where(torch.rand(6, 1, 4, 4) > 0.2, torch.nan)
    model = tw.VAE.build((1, 4, 4), 2, options={"hidden": [8]})
    found = tw.impute(model, x, draws=2, samples=20)
    (file,) = write_imputation(found, tmp_path / "filled.npz")
    with np.load(file) as arrays:
        assert set(arrays) == {"x", "mean", "stddev", "missing", "draws", "effective_sample_size"}
        assert arrays["draws"].shape == (2, 6, 1, 4, 4) and (arrays["missing"] == x.isnan().numpy()).all()
        assert (arrays["x"][~arrays["missing"]] == x.numpy()[~arrays["missing"]]).all()
    with pytest.raises(Refused, match=r"is no table.*\.npz"):
        write_imputation(found, tmp_path / "filled.csv")
    with pytest.raises(Refused, match=r"written to \.csv, \.tsv or \.npz; got 'filled\.xlsx'"):
        write_imputation(found, tmp_path / "filled.xlsx")
