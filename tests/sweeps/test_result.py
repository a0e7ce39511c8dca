"""The best setting, those that nothing beats, and what a folder says that cannot be right."""

import json

import pytest

import termwise as tw
from helpers.swept import made_up_sweep
from termwise.errors import BadData, Refused, TermwiseError, UnknownName
from termwise.sweeps import SweepFolder, sweep_config_from


@pytest.fixture
def found(tmp_path):
    return made_up_sweep(tmp_path / "s", betas=(1, 4, 16), latents=(2, 8), seeds=(0, 1))


def seeking(found, **sought):
    tables = found.config.to_json()
    return tw.Sweep(found.folder, sweep_config_from({**tables, "sweep": {**tables["sweep"], **sought}}), found.runs)


def test_the_best_is_the_one_with_the_best_mean(found):
    means = {str(one.setting): one.value for one in found.of("elbo")}
    assert found.best().value == max(means.values())
    assert seeking(found, minimize="rate").best().value == min(one.value for one in found.of("rate"))
    assert found.best("rate", highest=True).value == max(one.value for one in found.of("rate"))


def test_of_two_readings_those_stay_that_nothing_beats(found):
    both = seeking(found, minimize=["rate", "distortion"])
    points = [(both.at(one, "rate").value, both.at(one, "distortion").value) for one in both.settings]
    kept = [one for one, (r, d) in zip(both.settings, points, strict=True)
            if not any(a <= r and b <= d and (a, b) != (r, d) for a, b in points)]  # fmt: skip
    assert both.pareto() == kept and 1 <= len(kept) <= 6
    with pytest.raises(Refused, match=r"rate and distortion: name one of them, or ask for pareto"):
        both.best()


def test_an_unknown_reading_is_said(found):
    with pytest.raises(UnknownName, match="Did you mean 'rate'"):
        found.of("rte")


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("{", "no record of a sweep that can be read"),
        ('{"runs": [{"folder": "runs/a", "settings": {}, "seed": 0, "state": "done"}]}', r"runs\.0\.state"),
        ('{"runs": [{"folder": "../../etc", "settings": {}, "seed": 0}]}', "no folder within the sweep's"),
        ('{"runs": [{"folder": "/etc", "settings": {}, "seed": 0}]}', "no folder within the sweep's"),
    ],
)
def test_a_record_that_is_damaged_is_one_message(tmp_path, record, said):
    folder = SweepFolder(tmp_path / "s")
    folder.begin(sweep_config_from({"sweep": {"grid": {"model.latent": [1, 2]}}}))
    folder.record_file.write_text(record)
    with pytest.raises(BadData, match=said):
        tw.load_sweep(folder.path)


def test_an_account_that_is_lost_is_told_of_its_run_alone(tmp_path):
    base = {"data": {"source": "four-points"}, "model": {"options": {"hidden": [4]}}, "training": {"epochs": 1}}
    found = tw.sweep(base=base, grid={"model.latent": [1, 2]}, out=tmp_path / "s", progress=False)
    (found.runs[0].folder / "account.json").unlink()
    again = tw.load_sweep(found.folder)
    assert again.states == {"finished": 1, "failed": 1} and "no account at" in again.runs[0].reason


def test_the_order_is_the_grids_and_a_searchs_own(tmp_path):
    folder = SweepFolder(tmp_path / "s")
    tables = {"search": {"space": {"model.latent": [1, 2, 3]}, "settings": 2000}}
    folder.begin(sweep_config_from({"sweep": tables}))
    names = ["1000,latent=3,seed=0", "002,latent=2,seed=0", "999,latent=1,seed=0"]
    runs = [{"folder": f"runs/{name}", "settings": {"model.latent": 1}, "seed": 0, "state": "pruned"} for name in names]
    folder.record_file.write_text(json.dumps({"runs": runs}))
    found = tw.load_sweep(folder.path)
    assert [run.folder.name[:3] for run in found.runs] == ["002", "999", "100"]


def test_a_billion_seeds_are_refused():
    with pytest.raises(TermwiseError, match=r"sweep\.seeds"):
        sweep_config_from({"sweep": {"seeds": 10**9}})
