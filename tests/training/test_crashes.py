"""Wherever a process dies, the folder can be read, nothing that was finished is lost, and the run comes to its end."""

import shutil
from importlib import import_module
from pathlib import Path

import pytest
import torch

import termwise as tw
from helpers.dying import Died, dying
from helpers.killed_runs import differences
from helpers.short_runs import examples
from termwise.account import Account
from termwise.account.reading import reading_without_error
from termwise.errors import TermwiseError
from termwise.files import write_whole
from termwise.training import RunFolder, Trainer
from termwise.training.checkpoint import TrainerState

DATA = examples(40)


def weigh(model) -> float:
    """A number that tells models apart."""
    return sum(float(tensor.double().abs().sum()) for tensor in model.state_dict().values())


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The account is one number of the model, and the report that of the account."""

    def measure(model, data, **options):
        values = {"elbo": torch.full((len(data),), weigh(model))}
        reading = reading_without_error("elbo", weigh(model), estimator="weighing", bias="none", n=len(data))
        return Account({"elbo": reading}, ("Weighed.",), values, {"name": data.name, "n": len(data)})

    def write_page(run):
        write_whole(run.folder.report_file, str(run.account["elbo"].value).encode())

    monkeypatch.setattr(import_module("termwise.api.train"), "measure", measure)
    monkeypatch.setattr(import_module("termwise.api.train"), "write_page", write_page)


SETTINGS = {
    "training": {"audit": False, "batch_size": 16, "checkpoint_steps": 1},
    "model": {"options": {"hidden": [4]}},
}


def train(path, **options):
    return tw.train(SETTINGS, data=DATA, recipe="vae", out=path, progress=False, **({"latent": 2} | options))


SCENES = {
    "the first run": ([], {"epochs": 1}),
    "beyond the end": ([{"epochs": 1}], {"epochs": 2, "resume": True}),
    "anew": ([{"epochs": 1}], {"epochs": 1, "latent": 3, "overwrite": True}),
    "anew where one was cut short": ([{"epochs": 1}, Died], {"epochs": 1, "latent": 3, "overwrite": True}),
}


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=pytest.mark.slow if name == "anew" else ()) for name in SCENES]
)
def scene(request):
    return SCENES[request.param]


def prepared(path: Path, before: list) -> None:
    for step in before:
        if step is Died:
            with pytest.raises(Died), dying(path, 25):
                train(path, epochs=3, latent=4, overwrite=True)
        else:
            train(path, **step)


def state(path: Path) -> tuple[float, float, int] | None:
    """What the folder's model weighs, what its account says of it, and the epochs of its configuration; None where
    there is none."""
    if not RunFolder(path).exists:
        return None
    try:
        run = tw.load_run(path, data=DATA)
    except TermwiseError as error:
        assert "has no account" in str(error) or "is missing" in str(error)
        return None
    return weigh(run.model), run.account["elbo"].value, run.config.training.epochs


def deaths(tmp_path: Path, scene, moments) -> int:
    """Die at each moment, and look; returns how many there were."""
    before, last = scene
    prepared(tmp_path / "start", before)
    shutil.copytree(tmp_path / "start", tmp_path / "whole") if before else None
    with dying(tmp_path / "whole", 10**9) as life:
        train(tmp_path / "whole", **last)
    old, new = state(tmp_path / "start"), state(tmp_path / "whole")
    assert old != new
    for moment in range(life.count) if moments is None else moments(life.count):
        path = tmp_path / f"broken {moment}"
        shutil.copytree(tmp_path / "start", path) if before else None
        with pytest.raises(Died), dying(path, moment):
            train(path, **last)
        assert state(path) in (old, new), moment
        again(path, last)
        assert state(path) == new, f"MOMENT {moment} of {life.count}"
        assert differences(tmp_path / "whole", path) == [], moment
        shutil.rmtree(path)
    return life.count


def again(path: Path, last: dict) -> None:
    """What a user does: resume, or where there is nothing of it to resume, give the same command again."""
    asked = {name: value for name, value in last.items() if name not in ("resume", "overwrite")}
    try:
        train(path, **asked, resume=True)
    except TermwiseError:
        train(path, **last)


def test_a_process_may_die_at_any_dealing_with_the_disk(tmp_path, scene):
    """Here at some that are spread over all; at each of them in the slow suite."""
    count = deaths(tmp_path, scene, lambda count: sorted({*range(count - 12, count, 6), *range(0, count, 80)}))
    assert count > 40


@pytest.mark.slow
def test_a_process_may_die_at_each_dealing_with_the_disk(tmp_path, scene):
    deaths(tmp_path, scene, None)


def test_the_first_checkpoint_beyond_the_end_has_the_random_state_of_the_run_s_last(tmp_path, monkeypatch):
    train(tmp_path, epochs=1)

    def killed(trainer):
        raise Died

    monkeypatch.setattr(Trainer, "run", killed)
    with pytest.raises(Died):
        train(tmp_path, epochs=2, resume=True)
    folder = RunFolder(tmp_path)
    ended, begun = (TrainerState.last(one).random for one in (folder, folder.unfinished))
    assert torch.equal(ended["torch"], begun["torch"]) and torch.equal(ended["numpy"][1], begun["numpy"][1])
    assert ended["python"] == begun["python"]
