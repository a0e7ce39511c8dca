"""A meter is what it was when its state is loaded, wherever it is."""

import io

import pytest
import torch
from torch.distributions import Laplace, MultivariateNormal, Normal

import termwise as tw


def laws(mean, log_variance):
    scale = (0.5 * log_variance).exp()
    return {
        "pair": (mean, log_variance),
        "normal": Normal(mean, scale),
        "laplace": Laplace(mean, scale),
        "full": MultivariateNormal(mean, scale_tril=torch.diag_embed(scale)),
    }


def saved_and_loaded(state, weights_only):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=weights_only)


@pytest.mark.parametrize("kind", ["pair", "normal", "laplace", "full"])
def test_a_loaded_meter_goes_on_where_the_saved_one_was(kind):
    mean, log_variance = torch.randn(200, 3), torch.full((200, 3), -2.0)
    meter = tw.Meter(dataset_size=200)
    for part in (torch.arange(0, 100), torch.arange(100, 180)):
        side = {"kind": [("a", "b")[one % 2] for one in part.tolist()]}
        meter.update(laws(mean[part], log_variance[part])[kind], index=part, side=side)
        meter.compute()
    state = saved_and_loaded(meter.state_dict(), weights_only=kind in ("pair", "normal"))
    other = tw.Meter(dataset_size=200)
    other.load_state_dict(state)
    assert other.history == meter.history
    rest = torch.arange(170, 200)
    for one in (meter, other):
        one.update(laws(mean[rest], log_variance[rest])[kind], index=rest, side={"kind": ["c"] * 30})
    account, again = meter.compute(), other.compute()
    assert account.diagnosis == again.diagnosis and account.data == again.data
    assert {name: account[name] for name in account} == {name: again[name] for name in again}


def test_the_state_of_another_data_set_is_refused():
    with pytest.raises(tw.errors.Refused, match="dataset_size=200"):
        tw.Meter(dataset_size=100).load_state_dict(tw.Meter(dataset_size=200).state_dict())


@pytest.mark.parametrize(
    ("state", "words"), [({}, "without dataset_size"), ({"size": 3}, "example"), (None, "NoneType")]
)
def test_what_is_no_state_is_refused(state, words):
    with pytest.raises(tw.errors.Refused, match=rf"state_dict\(\) gave; got .*{words}"):
        tw.Meter(dataset_size=100).load_state_dict(state)


def test_a_moved_meter_holds_what_it_held():
    meter = tw.Meter(dataset_size=50).to("cpu")
    meter.update((torch.randn(50, 2), torch.zeros(50, 2)))
    before = meter.compute()["rate"]
    assert meter.to("cpu").compute()["rate"] == before and len(meter) == 50
