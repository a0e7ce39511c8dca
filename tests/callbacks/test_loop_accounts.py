"""What a callback takes of a loop, whichever package runs it."""

import pytest
import torch

import termwise as tw
from termwise.callbacks import LoopAccounts, hugging_face_callback, lightning_callback, pythae_callback, values_to_log
from termwise.errors import Refused


def test_batches_that_a_loop_says_are_the_meters_account():
    x = torch.randn(90, 3)
    accounts, meter = LoopAccounts(prefix="val/"), tw.Meter(90, size=10_000)
    for batch in x.split(40):
        said = {"posterior": (batch, torch.zeros_like(batch)), "z": batch + 0.1, "log_likelihood": -batch[:, 0]}
        accounts.take({**said, "loss": torch.zeros(())}, dataset_size=90)
        meter.update(**said)
    expected = values_to_log(meter.compute(), "val/")
    assert accounts.of_batches() == expected and "val/elbo" in expected
    assert accounts.of_batches() == {}  # they are forgotten


def test_a_posterior_by_itself_is_one():
    accounts = LoopAccounts()
    accounts.take(torch.distributions.Normal(torch.randn(50, 2), 1.0), 50)
    assert "rate" in accounts.of_batches()


@pytest.mark.parametrize("said", [None, torch.zeros(()), {"loss": 1.0}])
def test_a_loop_that_says_no_posterior_is_told_how(said):
    with pytest.raises(Refused, match=r'"posterior": \(mean, log_variance\).*posterior=lambda module, batch'):
        LoopAccounts().take(said, 10)


@pytest.mark.parametrize(
    ("slip", "meant"),
    [("loglikelihood", "log_likelihood"), ("log_likelyhood", "log_likelihood"), ("Z", "z"), ("index_", "index")],
)
def test_a_name_that_is_nearly_one_of_the_meters_is_refused_and_others_are_the_loops_own(slip, meant):
    x = torch.randn(50, 2)
    own = {"loss": 0.0, "neg_log_likelihood": 0.0, "likelihood": 0.0, "posterior_mean": x, "z_mean": x, "x": x}
    said = {"posterior": (x, x), **own}
    LoopAccounts().take(said, 50)
    with pytest.raises(Refused, match=f"'{slip}'.*did you mean '{meant}'"):
        LoopAccounts().take({**said, slip: x}, 50)
    LoopAccounts().take({**said, meant: {"z": x, "index": torch.arange(50)}.get(meant, x[:, 0]), slip: x}, 50)


def test_names_in_a_log_begin_with_the_prefix_and_what_is_no_account_is_refused():
    meter = tw.Meter(dataset_size=50)
    meter.update((torch.randn(50, 2), torch.zeros(50, 2)))
    account = meter.compute()
    begins = {"": "rate", "val": "val/rate", "val/": "val/rate", "eval_": "eval_rate", "val.": "val.rate"}
    assert {prefix: next(iter(values_to_log(account, prefix))) for prefix in begins} == begins
    with pytest.raises(Refused, match=r"meter\.compute\(\).*got a NoneType"):
        values_to_log(None)


def test_a_model_is_measured_on_the_part_that_is_held_out():
    data, model = tw.load_data("digits", test=0.2, validation=0.1), tw.VAE.build((1, 8, 8), latent=2)
    accounts = LoopAccounts(model, data)
    values = accounts.of_model()
    assert values == values_to_log(tw.measure(model, data, split="validation"))
    assert LoopAccounts(model, data, limit=50).of_model() != values
    with pytest.raises(Refused, match="data="):
        LoopAccounts(model).of_model()


@pytest.mark.parametrize(("every", "limit"), [(0, 100), (1, 1)])
def test_numbers_that_cannot_be_are_refused(every, limit):
    with pytest.raises(Refused, match="every=1 or more"):
        LoopAccounts(every=every, limit=limit)


@pytest.mark.parametrize(
    ("make", "extra"),
    [
        (lightning_callback, "lightning"),
        (lambda: hugging_face_callback(None, lambda model, batch: batch), "transformers"),
        (pythae_callback, "pythae"),
    ],
)
def test_a_package_that_is_absent_is_named(make, extra, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr("termwise.callbacks.loop_accounts.import_module", absent)
    with pytest.raises(Refused, match=rf"pip install 'termwise\[{extra}\]'"):
        make()
