"""A trainer that stops anywhere, and another that goes on from its checkpoint, are one trainer."""

import random
from collections import OrderedDict

import numpy as np
import pytest
import torch

import termwise as tw
from helpers.killed_runs import unlike
from helpers.short_runs import StopAt, Stopped, examples, trainer
from termwise import fast_paths
from termwise.errors import BadData
from termwise.fast_paths import SWITCH, FastPath
from termwise.objectives import distortion, marginal_kl, solo, total_correlation
from termwise.terms import Bank, Critic, DensityRatio
from termwise.training.checkpoint import TrainerState
from termwise.training.random_state import random_state, restore_random_state
from termwise.training.run_folder import RunFolder

SCHEDULE = {"schedule": "cosine", "start": 0.02, "end": 0.001, "steps": 12}
BANK = {"name": "bank", "size": 40}


def outcome(path, stops, recipe, options, build=None, splitting=None, **settings):
    """The last checkpoint, the metrics and the weights kept, of a training stopped at each of `stops`."""
    data = examples(**(splitting or {}))
    for number, stop in enumerate([*stops, 10**9]):
        game = recipe(**options) if callable(recipe) else tw.recipe(recipe, **options)
        one = trainer(path, game, data, watcher=StopAt(stop), build=build, **settings)
        if number:
            forget(one.model)
            for network in one.game.networks.values():
                forget(network)
            one.resume()
        else:
            one.start()
        try:
            kept = one.run()
        except Stopped:
            continue
        return (
            vars(TrainerState.load(one.folder.checkpoint_file)),
            one.folder.metrics_file.read_bytes(),
            dict(kept.state_dict()),
        )
    raise AssertionError("never ended")


def forget(model) -> None:
    """What a new process holds before it resumes must not matter."""
    torch.manual_seed(12345)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()


def steep_critics() -> tw.objectives.Game:
    """Two critics, one with buffers of its own that every look at it moves, one whose gradient is penalised."""
    spectral = DensityRatio("gan", Critic((5,), spectral_norm=True), moves=2, optimizer={"learning_rate": 0.01})
    penalised = DensityRatio("kl", Critic((4,), gradient_penalty=1.0))
    return solo(distortion() + marginal_kl(spectral) + total_correlation(penalised))


def three_at_once() -> tw.objectives.Game:
    """Players who move from one draw, one with running means, one who sits rounds out."""
    torch.manual_seed(0)  # of the body, which is made before the trainer seeds anything
    layers = {"inner": torch.nn.Linear(6, 5), "norm": torch.nn.BatchNorm1d(5), "logit": torch.nn.Linear(5, 1)}
    body = torch.nn.Sequential(OrderedDict(layers))
    return tw.recipe("vae-gan", body=body, layer="norm", gamma=0.1, learning_rate=0.05, equilibrium=True)


FALLING = {"gradient": "relaxed", "temperature": {"schedule": "linear", "start": 1.0, "end": 0.2, "share": 0.9}}
CATEGORIES = [
    {"name": "soft", "latent": 3, "posterior": "categorical", "posterior_options": FALLING},
    {"name": "hard", "latent": 3, "posterior": "categorical", "posterior_options": {"gradient": "score-function"}},
]
CASES = {
    "bank of all": ("beta-tcvae", {}, {"audit": True}),
    "bank of some": ("beta-tcvae", {"aggregate": BANK}, {"build": {"posterior": "full-normal"}}),
    "full aggregate": ("mi-floor", {"aggregate": "full"}, {}),
    "learning rate, clip and average": (
        "vae", {}, {"optimizer": {"learning_rate": SCHEDULE}, "gradient_clip": 0.5, "average": {"decay": 0.9}},
    ),
    "early stopping": (
        "beta-vae", {},
        {"splitting": {"validation": 0.3}, "patience": 2, "epochs": 30, "optimizer": {"learning_rate": 0.1}},
    ),
    "optimal sigma": ("wae-mmd", {}, {"build": {"likelihood": "normal:optimal"}, "average": {"decay": 0.5}}),
    "momentum": ("vae", {}, {"optimizer": {"name": "rmsprop", "momentum": 0.9}}),
    "a game of two": (
        "factor-vae", {"hidden": [6], "moves": 2}, {"audit": True, "average": {"decay": 0.9}, "gradient_clip": 1.0},
    ),
    "a game of three": (steep_critics, {}, {}),
    "three players at once": (three_at_once, {}, {"build": {"likelihood": "normal:optimal"}}),
    "data drawn anew": ("vae", {}, {"splitting": {"binarize": "dynamic"}}),
    "rare evaluations": ("vae", {}, {"evaluate_every": 2, "epochs": 3, "checkpoint_steps": None}),
    "a temperature that falls": ("beta-tcvae", {}, {"build": {"code": CATEGORIES}}),
    "double precision": ("beta-tcvae", {}, {"precision": "64-true", "optimizer": {"learning_rate": 0.05}}),
}  # fmt: skip


RARER = ("rare evaluations", "a game of two", "momentum")
"""Cases of which others have every part."""
ON_A_LATTICE = [case for case in CASES if CASES[case][0] == "beta-tcvae" and case != "bank of all"]


@pytest.mark.parametrize(
    ("case", "lattice_from"),
    [
        *(pytest.param(case, 10**9, marks=pytest.mark.slow if case in RARER else ()) for case in CASES),
        ("bank of all", 10),
        *(pytest.param(case, 10, marks=pytest.mark.slow) for case in CASES if case in ON_A_LATTICE),
    ],
)
def test_a_training_stopped_anywhere_goes_on_as_if_it_had_not_been(case, lattice_from, tmp_path, monkeypatch):
    recipe, options, settings = CASES[case]
    monkeypatch.setattr(Bank, "LATTICE_FROM", lattice_from)
    settings = {"checkpoint_steps": 1, "epochs": 2} | settings
    whole = outcome(tmp_path / "whole", [], recipe, options, **settings)
    broken = outcome(tmp_path / "broken", [3, 8, 9, -1, 13], recipe, options, **settings)
    assert list(unlike(whole[0], broken[0])) == []
    assert whole[1] == broken[1]
    assert list(unlike(whole[2], broken[2])) == []


def test_a_lattice_is_what_the_bank_reads(tmp_path, monkeypatch):
    """Else the cases above that mean to cover it do not."""
    monkeypatch.setattr(Bank, "LATTICE_FROM", 10)
    one = trainer(tmp_path / "run", tw.recipe("beta-tcvae"))
    one.start()
    ((_, _, lattice),) = one.game.memories[0]._slots.blocks
    assert lattice is not None
    assert lattice.fits


def test_a_checkpoint_holds_all_generators(tmp_path):
    torch.save(random_state(), tmp_path / "state.pt")
    drawn = [torch.rand(3), np.random.rand(3), random.random()]
    restore_random_state(torch.load(tmp_path / "state.pt", weights_only=True))
    again = [torch.rand(3), np.random.rand(3), random.random()]
    assert torch.equal(drawn[0], again[0])
    assert (drawn[1] == again[1]).all()
    assert drawn[2] == again[2]


def test_a_checkpoint_that_is_cut_short_is_bad_data(tmp_path):
    one = trainer(tmp_path / "run")
    one.start()
    file = one.folder.checkpoint_file
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(BadData, match=r"last\.pt is no checkpoint"):
        trainer(tmp_path / "run").resume()


def test_a_checkpoint_runs_no_code(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (print, ("boom",))

    torch.save({"model": Bomb()}, tmp_path / "bomb.pt")
    with pytest.raises(BadData, match="no checkpoint that can be read"):
        TrainerState.load(tmp_path / "bomb.pt")


def test_metrics_beyond_the_checkpoint_are_forgotten_and_missing_ones_refused(tmp_path):
    one = trainer(tmp_path / "run", epochs=1)
    one.start()
    one.run()
    held = one.folder.metrics_file.read_bytes()
    one.folder.metrics_file.write_bytes(held + b'{"epoch": 2, "st')
    trainer(tmp_path / "run", epochs=1).resume()
    assert one.folder.metrics_file.read_bytes() == held
    one.folder.metrics_file.unlink()
    with pytest.raises(BadData, match="--overwrite"):
        trainer(tmp_path / "run", epochs=1).resume()


def test_the_file_of_a_checkpoint_is_a_dictionary_with_the_names_of_the_state(tmp_path):
    """The names are those of runs that were begun by earlier versions, and must stay."""
    one = trainer(tmp_path / "run")
    one.start()
    entries = torch.load(one.folder.checkpoint_file, weights_only=True)
    names = "model game optimizers average sums random threads epoch step metrics_length waited best best_weights data"
    names += " ranks fast_paths"
    assert list(entries) == names.split()
    torch.save(entries | {"of a later version": 1}, one.folder.checkpoint_file)
    assert list(unlike(entries, vars(TrainerState.load(one.folder.checkpoint_file)))) == []


@pytest.mark.parametrize("taken", [True, False])
def test_who_goes_on_takes_the_fast_paths_that_were_taken_whatever_a_trial_says(tmp_path, monkeypatch, taken):
    monkeypatch.delenv(SWITCH, raising=False)
    monkeypatch.setattr(fast_paths, "_RECORDED", {})
    monkeypatch.setattr(FastPath, "_all", {})
    path = FastPath("told", works=lambda: True, pays=lambda: taken)
    assert path.taken is taken
    trainer(tmp_path / "run", epochs=1).start()
    assert TrainerState.last(RunFolder(tmp_path / "run")).fast_paths == {"told": taken}
    monkeypatch.setattr(FastPath, "_all", {})
    path = FastPath("told", works=lambda: True, pays=lambda: not taken)
    assert path.taken is not taken
    trainer(tmp_path / "run", epochs=1).resume()
    assert path.taken is taken


def test_a_file_that_lacks_a_part_of_the_state_says_which(tmp_path):
    torch.save({"model": {}, "epoch": 1}, tmp_path / "last.pt")
    with pytest.raises(
        BadData, match=r"no checkpoint that can be read: it lacks average, best, .*waited\. Train again"
    ):
        TrainerState.load(tmp_path / "last.pt")
