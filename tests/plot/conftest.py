"""A world's accounts, and a run of a second, of whose numbers plots are drawn."""

import matplotlib
import matplotlib.pyplot as plt
import pytest

import termwise as tw

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def accounts():
    """Three accounts of the same examples: of a world, and of two others with its sizes."""
    worlds = [tw.worlds.LinearGaussian.random(seed=seed, latent=3) for seed in range(3)]
    data = worlds[0].data(200, seed=0)
    return [tw.measure(world, data, seed=0) for world in worlds]


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("plots") / "small"
    tables = {"model": {"latent": 3, "options": {"hidden": [16]}}, "training": {"epochs": 3, "measure_limit": 100}}
    return tw.train(tables, data="digits", recipe="vae", likelihood="bernoulli", out=out, progress=False)
