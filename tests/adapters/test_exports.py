"""Accounts and codes in the hands of other packages, which then draw and summarise them."""

import matplotlib
import numpy as np
import pytest
import torch

import termwise as tw
from termwise.models.distributions import centre

matplotlib.use("agg")


@pytest.fixture(scope="module")
def account():
    world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
    return tw.measure(world, world.data(400, seed=0))


def test_an_xarray_dataset_has_values_by_example_and_by_dimension(account):
    pytest.importorskip("xarray")
    data = account.to_xarray()
    assert data["rate"].dims == ("example",) and data.sizes["example"] == 400
    assert float(data["rate"].mean()) == pytest.approx(account["rate"].value, rel=1e-6)
    assert data["rate"].attrs["stderr"] == account["rate"].stderr and data["rate"].attrs["unit"] == "nats"
    by = account.by_dimension["rate_by_dimension"]
    assert data["rate_by_dimension"].sel(dimension="z1") == by.value[1]
    assert data["rate_by_dimension_stderr"].values.tolist() == by.stderr
    assert data["active_units"].dims == () and float(data["active_units"]) == account["active_units"].value
    drawn = data["rate_by_dimension"].plot()
    assert drawn[0].get_ydata() == pytest.approx(by.value)
    matplotlib.pyplot.close("all")


def test_arviz_gives_back_means_and_errors_and_draws_them(account):
    arviz = pytest.importorskip("arviz")
    summary = arviz.summary(account.to_arviz(), group="examples", round_to="none")
    for name in ("rate", "distortion", "elbo"):
        assert summary.loc[name, "mean"] == pytest.approx(account[name].value, rel=1e-5)
        # examples are independent, so that the error of a mean over a chain is theirs, by an effective size near 400
        assert summary.loc[name, "mcse_mean"] == pytest.approx(account[name].stderr, rel=0.25)
    (ax,) = arviz.plot_forest(account.to_arviz()["examples"], var_names=["rate", "elbo"], combined=True)
    assert ax.has_data()
    matplotlib.pyplot.close("all")


def test_codes_stand_in_anndata_s_obsm_and_scanpy_uses_them():
    anndata, scanpy = pytest.importorskip("anndata"), pytest.importorskip("scanpy")
    x = np.random.default_rng(0).poisson(2.0, (60, 5)).astype("float32")
    cells = anndata.AnnData(x)
    cells.obs["batch"] = ["a", "b"] * 30
    data = tw.load_data(torch.from_numpy(x), test=0.0)
    model = tw.VAE.build((5,), latent=2, likelihood="poisson", options={"hidden": [8]}).eval()
    assert tw.export_latents(model, data, cells) is cells
    law = model.encode(torch.from_numpy(x))
    assert np.asarray(cells.obsm["X_termwise"]) == pytest.approx(centre(law).detach().numpy(), abs=1e-6)
    assert np.asarray(cells.obsm["X_termwise_stddev"]) == pytest.approx(law.variance.sqrt().detach().numpy(), abs=1e-6)
    scanpy.pp.neighbors(cells, use_rep="X_termwise", n_neighbors=5, method="gauss", transformer="sklearn")
    assert cells.obsp["distances"].shape == (60, 60)
    ax = scanpy.pl.embedding(cells, basis="X_termwise", color="batch", show=False)
    assert np.sort(np.concatenate([np.asarray(c.get_offsets()) for c in ax.collections])[:, 0]) == pytest.approx(
        np.sort(np.asarray(cells.obsm["X_termwise"])[:, 0])
    )
    matplotlib.pyplot.close("all")
    with pytest.raises(tw.TermwiseError, match="60 observations, and the data 59"):
        tw.export_latents(model, data.subset(torch.arange(59)), cells)
