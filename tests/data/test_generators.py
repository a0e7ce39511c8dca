"""Shared generators: one thread at a time, as they were afterwards, whatever is measured, trained or read."""

import os
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint

import numpy as np
import pytest
import torch

import termwise as tw
from termwise import registry
from termwise.data.generators import generators_as_they_were, turn
from termwise.errors import Refused
from termwise.registry import Registry
from termwise.verify import CHECK_FAMILIES

WORLD = tw.worlds.LinearGaussian.random(seed=0, latent=2)
X, MANY = WORLD.data(60), WORLD.data(420)
SPRITES = tw.load_data("sprites", fraction=0.01, test=0.1)


def numbers(account):
    return {name: reading.value for name, reading in account.readings.items()}


def state():
    kind, keys, *rest = np.random.get_state()
    return torch.get_rng_state().tolist(), (kind, keys.tolist(), *rest), random.getstate()


def noisy(x):
    """A user's encoder, which draws from numpy and Python."""
    shift = 0.1 * np.random.standard_normal() + 0.1 * random.random()
    return x[:, :2] + shift, torch.zeros(len(x), 2)


MEASURED = {
    "measure": lambda: numbers(tw.measure(WORLD, X, seed=3)),
    "an encoder with noise of its own": lambda: numbers(tw.measure(tw.adapt(encode=noisy), X)),
    "log_likelihood": lambda: numbers(tw.log_likelihood(WORLD, X, method="iwae", samples=20)),
    "disentanglement": lambda: numbers(
        tw.disentanglement(
            tw.adapt(encode=lambda x: (x.flatten(1)[:, 100:104], torch.zeros(len(x), 4))),
            SPRITES,
            metrics=["mig", "mig_binned"],
        )
    ),
    "sample_quality": lambda: numbers(tw.sample_quality(MANY, WORLD.data(420, seed=1), features=torch.nn.Flatten())),
    "critics": lambda: numbers(tw.measure(WORLD, X, critic=True, critic_steps=3)),
    "fingerprint": lambda: tw.load_data(Noisy(), test=0.0).fingerprint(),
    "verify": lambda: [(check.left, check.right) for check in CHECK_FAMILIES["decomposition"](1)],
}


class Noisy(torch.utils.data.Dataset):
    """Examples that are drawn anew at every visit."""

    def __len__(self):
        return 20

    def __getitem__(self, index):
        return torch.rand(4)


SLOW = ("disentanglement", "critics", "sample_quality")


@pytest.mark.parametrize(
    "measured",
    [pytest.param(of, id=name, marks=pytest.mark.slow if name in SLOW else ()) for name, of in MEASURED.items()],
)
def test_what_is_measured_in_four_threads_is_what_is_measured_in_one(measured):
    before = state()
    alone = measured()
    assert state() == before
    drawing = threading.Event()

    def draws():  # a thread of the caller's own, which draws in between from a generator that is not shared
        own = torch.Generator().manual_seed(0)
        while not drawing.is_set():
            torch.randn(100, generator=own)

    with ThreadPoolExecutor(5) as pool:
        pool.submit(draws)
        found = [future.result() for future in [pool.submit(measured) for _ in range(4)]]
        drawing.set()
    assert found == [alone] * 4
    assert state() == before


def test_training_leaves_the_callers_random_state_and_is_the_same_from_any_thread(tmp_path):
    def weights(name):
        run = tw.train(data=X, latent=2, epochs=1, out=tmp_path / name, progress=False, likelihood="normal:0.5")
        return [parameter.tolist() for parameter in run.model.parameters()], numbers(run.account)

    before = state()
    alone = weights("alone")
    assert state() == before
    with pytest.raises(Refused):
        weights("alone")  # there is a run already
    assert state() == before
    torch.manual_seed(99), np.random.seed(99), random.seed(99)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(weights, ("one", "other")))
    assert found == [alone] * 2


def test_the_turn_is_one_threads_at_a_time_and_may_be_asked_for_again():
    inside, order = threading.Event(), []

    def other():
        inside.wait(5)
        with turn():
            order.append("other")

    thread = threading.Thread(target=other)
    thread.start()
    with generators_as_they_were(seed=0), generators_as_they_were(seed=1):
        inside.set()
        thread.join(0.2)
        order.append("first")
    thread.join(5)
    assert order == ["first", "other"]


FORK = """
import os, torch, termwise as tw
torch.set_num_threads(2)
world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
x = world.data(100)
(torch.randn(600, 600) @ torch.randn(600, 600)).exp().sum()
before = tw.measure(world, x)["index_code_mi"].value
if os.fork() == 0:
    try:
        after = tw.measure(world, x)["index_code_mi"].value
        print(torch.get_num_threads(), abs(after - before) < 1e-6, flush=True)
    finally:
        os._exit(0)
os.wait()
print(torch.get_num_threads())
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes fork on POSIX systems")
def test_a_fork_after_a_measuring_measures_too():
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | {
        "OMP_WAIT_POLICY": "passive"
    }
    ran = subprocess.run(
        [sys.executable, "-c", FORK], capture_output=True, text=True, timeout=120, env=environment, check=True
    )
    assert ran.stdout.splitlines() == ["1 True", "2"]


def test_a_registrys_plugins_are_there_for_every_thread_that_asks(monkeypatch):
    started, go = threading.Event(), threading.Event()

    def slow(point):
        started.set()
        go.wait(5)
        return tw.Row("outside", dict, "brought by a package")

    monkeypatch.setattr(registry, "_entry_points", lambda group: [EntryPoint("outside", "none:none", group)])
    monkeypatch.setattr(EntryPoint, "load", slow)
    rows = Registry("thing", "termwise.things", [])
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(lambda: list(rows))
        started.wait(5)
        others = [pool.submit(lambda: list(rows)) for _ in range(2)]
        go.set()
        assert [one.result(10) for one in (first, *others)] == [["outside"]] * 3
