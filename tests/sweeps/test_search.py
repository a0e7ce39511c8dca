"""Settings are drawn by Optuna, from a journal that outlives its writers."""

import json
from importlib.util import find_spec
from typing import get_args

import pytest

import termwise as tw
from termwise.errors import Refused
from termwise.sweeps import SweepFolder, sweep_config_from
from termwise.sweeps.plan import Plan
from termwise.sweeps.search import check_optuna
from termwise.sweeps.sweep_config import Sampler

BASE = {
    "data": {"source": "four-points"},
    "model": {"latent": 2, "options": {"hidden": [4]}},
    "objective": {"recipe": "beta-vae"},
    "training": {"epochs": 2},
}
SPACE = {
    "objective.beta": {"low": 0.5, "high": 20.0, "log": True},
    "model.latent": {"low": 1, "high": 4},
    "model.options.hidden": [[4], [4, 4]],
}


def test_without_optuna_it_says_what_to_install_and_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("termwise.sweeps.search.find_spec", lambda name: None)
    with pytest.raises(Refused, match=r"pip install 'termwise\[sweep\]'"):
        swept(tmp_path / "s")
    assert not (tmp_path / "s").exists()
    monkeypatch.setattr("termwise.sweeps.search.find_spec", lambda name: None if name == "cmaes" else name)
    with pytest.raises(Refused, match="pip install cmaes"):
        check_optuna("cma-es")


def swept(out, seeds=1, space=SPACE, **search):
    search = {"space": space, "settings": 3, "sampler": "random"} | search
    return tw.sweep(base=BASE, search=search, seeds=seeds, out=out, progress=False)


optuna = pytest.importorskip("optuna")


def test_settings_are_of_the_space_and_the_study_is_optunas(tmp_path):
    found = swept(tmp_path / "s", seeds=2)
    assert found.states == {"finished": 6} and len(found.settings) == 3
    for setting in found.settings:
        assert 0.5 <= setting["objective.beta"] <= 20 and setting["model.options.hidden"] in ([4], [4, 4])
        assert isinstance(setting["model.latent"], int)
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "s" / "search.log"))
    study = optuna.load_study(study_name="sweep", storage=optuna.storages.JournalStorage(backend))
    means = [one.value for one in found.of("elbo")]
    assert [trial.value for trial in study.trials] == pytest.approx(means, rel=1e-12)


def test_a_search_that_was_cut_short_draws_what_it_would_have_drawn(tmp_path, monkeypatch):
    whole = swept(tmp_path / "whole")
    run = tw.training.Trainer.run
    calls = []

    def cut_short(trainer):
        calls.append(trainer)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run(trainer)

    monkeypatch.setattr(tw.training.Trainer, "run", cut_short)
    with pytest.raises(KeyboardInterrupt):
        swept(tmp_path / "cut")
    monkeypatch.undo()
    journal = tmp_path / "cut" / "search.log"
    journal.write_bytes(journal.read_bytes() + b'{"op_code": 4, "worker')  # as a kill in the middle of a line leaves it
    again = swept(tmp_path / "cut")
    assert again.settings == whole.settings
    assert [str(a) for a in again.of("elbo")] == [str(b) for b in whole.of("elbo")]


def test_a_process_that_died_while_it_drew_leaves_no_setting(tmp_path):
    folder = SweepFolder(tmp_path / "s")
    tables = {"base": BASE, "sweep": {"search": {"space": SPACE, "settings": 2, "sampler": "random"}}}
    folder.begin(sweep_config_from(tables))
    plan = Plan(folder)
    plan.search.study.ask()  # and no word of which setting it is
    assert plan.search.ask() and len(plan.search.asked()) == 1
    assert [trial.state.name for trial in plan.search.study.trials] == ["FAIL", "RUNNING"]


def test_what_is_behind_is_pruned_and_its_other_seeds_are_not_run(tmp_path, monkeypatch):
    report = "termwise.sweeps.search.Search.report"
    monkeypatch.setattr(report, lambda self, trial, epoch, value: trial == 1 and epoch == 1)
    found = swept(tmp_path / "s", seeds=2, prune="median")
    assert found.states == {"finished": 4, "pruned": 1}
    (pruned,) = (run for run in found.runs if run.state == "pruned")
    assert pruned.reason.startswith("after epoch 1 its elbo on test data was -")
    assert [line["epoch"] for line in tw.training.RunFolder(pruned.folder).metrics()] == []
    states = [trial.state.name for trial in Plan(SweepFolder(found.folder)).search.study.trials]
    assert states == ["COMPLETE", "PRUNED", "COMPLETE"]


def test_the_pruner_is_optunas(tmp_path):
    """After five settings the median has the say: a value below all of theirs is ended, one above them is not."""
    folder = SweepFolder(tmp_path / "s")
    search = {"space": SPACE, "settings": 9, "sampler": "random", "prune": "median"}
    folder.begin(sweep_config_from({"base": BASE, "sweep": {"search": search}}))
    opened = Plan(folder).search
    for number in range(5):
        assert opened.ask() and not opened.report(number, 1, float(number))
        opened.study.tell(number, float(number))
    assert opened.ask() and opened.report(5, 1, -1.0)
    assert opened.report(5, 1, 99.0)  # told before a kill: what was said first stays
    assert opened.ask() and not opened.report(6, 1, 9.0)


def test_a_space_that_has_no_more_settings_ends_the_search(tmp_path):
    found = swept(tmp_path / "s", space={"model.latent": [1, 2]}, settings=9)
    assert found.states == {"finished": 2} and {s["model.latent"] for s in found.settings} == {1, 2}
    assert swept(tmp_path / "s", space={"model.latent": [1, 2]}, settings=9).states == {"finished": 2}


def test_a_failed_setting_that_is_tried_again_is_told(tmp_path):
    missing = tmp_path / "late.csv"
    space = {"data.source": [str(missing), "four-points"]}
    search = {"space": space, "settings": 2, "sampler": "random"}
    given = {"base": BASE, "search": search, "out": tmp_path / "s", "progress": False}
    assert tw.sweep(**given).states == {"finished": 1, "failed": 1}
    missing.write_text("a,b\n" + "\n".join(f"{k},{k * k % 7}" for k in range(20)))
    assert tw.sweep(**given, retry_failed=True).states == {"finished": 2}
    trials = Plan(SweepFolder(tmp_path / "s")).search.study.trials
    assert sorted(trial.state.name for trial in trials if trial.user_attrs) == ["COMPLETE", "COMPLETE", "FAIL"]


@pytest.mark.parametrize("sampler", [name for name in get_args(Sampler) if name != "cma-es" or find_spec("cmaes")])
def test_every_sampler_draws(tmp_path, sampler):
    folder = SweepFolder(tmp_path / sampler)
    sought = ["elbo", "rate"] if sampler.startswith("nsga") else "elbo"
    tables = {"maximize": sought, "search": {"space": SPACE, "settings": 3, "sampler": sampler}}
    folder.begin(sweep_config_from({"base": BASE, "sweep": tables}))
    search = Plan(folder).search
    for number in range(3):
        assert search.ask()
        search.study.tell(number, [float(number), 1.0] if sampler.startswith("nsga") else float(number))
    assert len({json.dumps(asked.setting) for asked in search.asked()}) == 3 and not search.ask()
