"""Codes are written of every kind of code."""

import numpy as np
import pytest
import torch

import termwise as tw


def test_codes_of_a_block_that_is_given_another_are_written(tmp_path):
    code = [
        {"name": "kind", "latent": 3, "posterior": "categorical"},
        {"name": "style", "latent": 2, "given": ["kind"]},
    ]
    model = tw.VAE.build((4,), code=code, options={"hidden": [4]})
    written = np.load(tw.export_latents(model, tw.load_data(torch.rand(20, 4)), tmp_path / "codes.npz"))
    assert written["mean"].shape == written["stddev"].shape == (20, 5) and np.isfinite(written["mean"]).all()


def test_codes_of_a_table_are_the_same_in_every_form(tmp_path):
    model = tw.VAE.build((4,), latent=2, options={"hidden": [4]}).eval()
    data = tw.load_data(torch.rand(20, 4), labels=[0, 1] * 10, test=0.0)
    arrays = np.load(tw.export_latents(model, data, tmp_path / "codes.npz"))
    text = np.genfromtxt(tw.export_latents(model, data, tmp_path / "codes.csv"), delimiter=",", names=True)
    table = pytest.importorskip("pyarrow.parquet").read_table(tw.export_latents(model, data, tmp_path / "c.parquet"))
    assert table.column_names == ["mean_0", "mean_1", "stddev_0", "stddev_1", "label"] == list(text.dtype.names)
    for name in ("mean", "stddev"):
        for j in range(2):
            assert table[f"{name}_{j}"].to_numpy().tolist() == arrays[name][:, j].tolist()
            assert text[f"{name}_{j}"] == pytest.approx(arrays[name][:, j], rel=1e-6)
    assert table["label"].to_pylist() == [0, 1] * 10 == text["label"].tolist()


@pytest.mark.parametrize(
    ("path", "message"), [("codes.xlsx", "into an AnnData, or are written to .npz, .csv or .parquet"), (3, "got a int")]
)
def test_where_codes_cannot_go_is_said(path, message):
    model = tw.VAE.build((4,), latent=2, options={"hidden": [4]})
    with pytest.raises(tw.TermwiseError, match=message):
        tw.export_latents(model, tw.load_data(torch.rand(5, 4)), path)
