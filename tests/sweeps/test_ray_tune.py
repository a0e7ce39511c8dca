"""Ray Tune carries a sweep out as workers do: the same runs, once each, also where a trial dies in the middle."""

import pytest

import termwise as tw
from helpers.swept import carry_out_one_that_dies_once, differences_without_paths
from termwise.errors import Refused
from termwise.fast_paths import SWITCH
from termwise.sweeps import SweepFolder, load_sweep, sweep_config_from
from termwise.sweeps.plan import Plan
from termwise.sweeps.ray_tune import sweep_by_ray

BASE = {
    "data": {"source": "four-points"},
    "model": {"latent": 2, "options": {"hidden": [4]}},
    "objective": {"recipe": "beta-vae"},
    "training": {"epochs": 2},
}
GRID = {"objective.beta": [1, 4]}


def test_without_ray_it_says_what_to_install_and_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("termwise.sweeps.ray_tune.find_spec", lambda name: None)
    with pytest.raises(Refused, match=r"pip install 'termwise\[ray\]'"):
        tw.sweep(base=BASE, grid=GRID, out=tmp_path / "s", ray="local", progress=False)
    assert not (tmp_path / "s").exists()


@pytest.mark.slow
def test_a_sweep_by_ray_tune_is_the_same_and_outlives_a_trial(tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv(SWITCH, "off")  # else a trial of speed says in each process how sums are rounded
    alone = tw.sweep(base=BASE, grid=GRID, seeds=2, workers=2, threads=1, out=tmp_path / "alone", progress=False)
    folder = SweepFolder(tmp_path / "by-ray")
    folder.begin(sweep_config_from({"base": BASE, "sweep": {"grid": GRID, "seeds": 2}}))
    sweep_by_ray(Plan(folder), carry_out_one_that_dies_once, "local", workers=2, threads=1)
    rows = folder.record().runs
    assert load_sweep(folder.path).states == {"finished": 4} and sum(row.starts for row in rows) == 5
    for run in alone.runs:
        assert differences_without_paths(run.folder, folder.runs / run.folder.name) == []
