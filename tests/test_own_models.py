"""Runs of models that were made in Python come back: loaded, measured, reported, resumed, and as their cards say."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

import termwise as tw
from helpers.short_runs import examples
from termwise.api import load_model
from termwise.errors import BadData, Refused
from termwise.models.likelihoods import Likelihood, NormalLikelihood, over_examples
from termwise.models.posteriors import DiagonalNormal


class Sharp(Likelihood):
    """One with a parameter, and without a name."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.3))

    def forward(self, decoded):
        return over_examples(Normal(decoded, self.scale.abs() + 0.1))


class Wider(NormalLikelihood):
    """One that has the name of another, and is not that."""

    def forward(self, decoded):
        return over_examples(Normal(decoded, 3.0))


class Steep(DiagonalNormal):
    """A posterior that is not what its name says."""


def of_ones_own(**parts):
    encoder = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
    return tw.VAE(encoder, nn.Linear(2, 6), shape=(6,), latent=2, **parts)


CASES = {
    "modules": dict,
    "likelihood": lambda: {"likelihood": Sharp()},
    "likelihood with another's name": lambda: {"likelihood": Wider(0.1)},
    "posterior": lambda: {"posterior": Steep(2)},
    "prior": lambda: {"prior": Independent(Normal(torch.zeros(2), 1.5), 1)},
    "all": lambda: {"likelihood": Sharp(), "posterior": Steep(2), "prior": Independent(Normal(torch.zeros(2), 2.0), 1)},
}


@dataclass
class Trained:
    run: tw.api.Run
    parts: object

    def again(self):
        """The parts as the user makes them again, with weights of no matter."""
        torch.manual_seed(77)
        model = of_ones_own(**self.parts())
        return {"encoder": model.encoder, "decoder": model.decoder, **self.parts()}


@pytest.fixture(scope="module", params=CASES)
def trained(request, tmp_path_factory):
    torch.manual_seed(0)
    model = of_ones_own(**CASES[request.param]())
    folder = tmp_path_factory.mktemp("own") / "run"
    run = tw.train(data=examples(), recipe="vae", model=model, epochs=1, out=folder, progress=False)
    return Trained(run, CASES[request.param])


def same(model, other):
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in model.state_dict().items())


def test_it_is_not_loaded_as_another_and_what_lacks_is_named(trained):
    with pytest.raises(
        Refused, match=r"modules of your own, which are not saved.*encoder=\.\.\., decoder=\.\.\."
    ) as told:
        load_model(trained.run.folder)
    for name in trained.parts():
        assert f"{name}=..." in str(told.value)


def test_it_is_loaded_into_a_whole_model_and_into_parts(trained):
    torch.manual_seed(5)
    whole = load_model(trained.run.folder, model=of_ones_own(**trained.parts()))
    parts = load_model(trained.run.folder, **trained.again())
    for model in (whole, parts):
        assert same(model, trained.run.model)
        again = tw.measure(model, trained.run.data)
        assert again == trained.run.account


def test_the_card_says_how_and_it_is_so(trained, monkeypatch):
    card = (trained.run.folder.model_folder / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", card, flags=re.S)
    names = {**trained.again(), "x": trained.run.data.tensor(limit=3)}
    for name in trained.again():
        assert f"{name}={name}" in code
    exec(code.replace("PATH", str(trained.run.folder.model_folder)), names)
    assert same(names["model"], trained.run.model)


def test_a_run_is_read_where_the_data_can_be_had_and_reported_and_resumed(tmp_path):
    file = tmp_path / "data.npy"
    np.save(file, examples().tensor().numpy())
    given = {"data": str(file), "recipe": "vae", "out": tmp_path / "run", "progress": False}
    run = tw.train(model=of_ones_own(likelihood=Sharp()), epochs=1, **given)
    read = tw.load_run(tmp_path / "run", model=of_ones_own(likelihood=Sharp()))
    assert same(read.model, run.model)
    assert tw.measure(read) == run.account
    held = run.folder.report_file.read_bytes()
    run.folder.report_file.unlink()
    assert tw.write_report(read).read_bytes() == held
    longer = tw.train(model=of_ones_own(likelihood=Sharp()), epochs=2, resume=True, **given)
    assert [line["epoch"] for line in longer.metrics() if line["split"] == "train"] == [1, 2]
    with pytest.raises(Refused, match="Pass it again"):
        tw.train(resume=True, **given)


def test_commands_take_a_function_that_makes_it(tmp_path, call, monkeypatch):
    np.save(tmp_path / "data.npy", examples().tensor().numpy())
    monkeypatch.chdir(tmp_path)
    maker = "from test_own_models import *\ndef make(): return of_ones_own(likelihood=Sharp())\ndef other(): return 5\n"
    (tmp_path / "maker_of_mine.py").write_text(maker)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    tw.train(model=of_ones_own(likelihood=Sharp()), data="data.npy", recipe="vae", epochs=1, out="run", progress=False)
    assert call("measure", "run")[0] == 2
    status, out, _ = call("measure", "run", "--model", "maker_of_mine:make")
    assert status == 0 and "rate" in out
    assert call("report", "run", "--model", "maker_of_mine:make")[0] == 0
    status, _, err = call("report", "run", "--model", "maker_of_mine:other")
    assert status == 2 and "must return a VAE" in err
    assert call("report", "run", "--model", "maker_of_mine")[0] == 2


def test_a_model_of_other_sizes_and_one_whose_code_was_changed_are_told_in_one_message(trained, tmp_path):
    shutil.copytree(trained.run.folder.path, tmp_path / "run")
    other = tw.VAE(nn.Linear(6, 6), nn.Linear(3, 6), shape=(6,), latent=3)
    with pytest.raises(BadData, match="2 latent dimensions; the one to take its weights has"):
        load_model(tmp_path / "run", model=other)
    changed = tw.VAE(nn.Linear(6, 4), nn.Linear(2, 6), shape=(6,), latent=2, **trained.parts())
    with pytest.raises(BadData, match="or their code was changed since") as told:
        load_model(tmp_path / "run", model=changed)
    assert "\n" not in str(told.value)
    with pytest.raises(Refused, match="whole model, or parts of one; got both"):
        load_model(tmp_path / "run", model=changed, encoder=changed.encoder)
