"""The modules that a user's two functions reach: how they are found, run, moved, and left as they were."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.distributions import Normal

from helpers.two_functions import Theirs, X, encode, rate_of
from termwise.api import measure
from termwise.errors import Refused
from termwise.models import Draw, adapt
from termwise.terms.link import Distortion

HELD = nn.ModuleDict()


def by_methods(theirs):
    return theirs.encode, theirs.decode


def by_closures(theirs):
    return lambda x: theirs.encode(x), lambda z: theirs.decode(z)


def by_defaults(theirs):
    def decode(z, *, model=theirs):
        return model.decode(z)

    return lambda x, model=theirs: model.encode(x), decode


def by_partials(theirs):
    return partial(Theirs.encode, theirs), partial(lambda model, z: model.decode(z), theirs)


def by_globals(theirs):
    HELD["theirs"] = theirs
    return lambda x: HELD["theirs"].encode(x), lambda z: torch.cat([HELD["theirs"].decode(part) for part in (z,)])


def by_an_object(theirs):
    wrapper = SimpleNamespace(nets={"one": [theirs]})
    return lambda x: wrapper.nets["one"][0].encode(x), lambda z: wrapper.nets["one"][0].decode(z)


def by_another_function(theirs):
    @torch.no_grad()
    def inner(z):
        return theirs.decode(z)

    return theirs.encode, lambda z: inner(z)


@pytest.mark.parametrize(
    "calls", [by_methods, by_closures, by_defaults, by_partials, by_globals, by_an_object, by_another_function]
)
def test_modules_are_measured_in_evaluation_mode_however_a_function_holds_them(calls):
    theirs = Theirs()
    theirs.eval()
    expected = measure(adapt(theirs.encode, theirs.decode, likelihood="bernoulli"), X)["distortion"]
    theirs.train()
    assert measure(adapt(*calls(theirs), likelihood="bernoulli"), X)["distortion"] == expected
    assert all(part.training for part in theirs.modules())


@pytest.mark.parametrize("wrapped", [False, True])
def test_measuring_leaves_the_users_model_as_it_was(wrapped):
    theirs = Theirs().train()
    theirs.up[1].eval()
    theirs.down.bias.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in theirs.state_dict().items()}
    calls = (lambda x: theirs.encode(x), lambda z: theirs.decode(z)) if wrapped else (theirs.encode, theirs.decode)
    measure(adapt(*calls, likelihood="bernoulli"), X)
    assert [part.training for part in (theirs, theirs.down, theirs.up[0], theirs.up[1])] == [True, True, True, False]
    assert [parameter.requires_grad for parameter in theirs.parameters()] == [True, False, True, True]
    assert all(parameter.grad is None for parameter in theirs.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in theirs.state_dict().items())


def test_statistics_of_a_batch_norm_in_a_closure_are_left_alone():
    encoder = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(16), nn.Linear(16, 8))
    before = encoder[1].running_mean.clone()
    measure(adapt(lambda x: encoder(x).chunk(2, dim=1)), X)
    assert torch.equal(encoder[1].running_mean, before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_module_in_another_precision_gets_its_own_and_is_scored_in_float32_or_better(dtype):
    theirs = Theirs().eval().to(dtype)
    model = adapt(theirs.encode, theirs.decode, likelihood="normal:0.1")
    draw = Draw(model, X)
    mean, log_variance = (part.double() for part in theirs.encode(X.to(dtype)))
    expected = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
    assert torch.allclose(rate_of(model).double(), expected, rtol=1e-5)
    assert torch.promote_types(draw.z.dtype, torch.float32) == draw.z.dtype
    decoded = theirs.decode(draw.z.to(dtype)).double()
    expected = -Normal(decoded, 0.1).log_prob(X.double()).sum((1, 2, 3))
    assert torch.allclose(Distortion()(draw).double(), expected, rtol=1e-5)


class Moving(nn.Linear):
    """Keeps account of where it was sent; there is one device to test on."""

    def __init__(self):
        super().__init__(16, 8)
        self.sent = []

    def to(self, *args, **kwargs):
        self.sent.append(args[0])
        return super().to(*args, **kwargs)


def test_networks_go_to_the_device_asked_for_and_home_again_also_after_an_error():
    net = Moving()
    model = adapt(lambda x: net(x.flatten(1)).chunk(2, dim=1))
    measure(model, X, device="cpu")
    home = torch.device("cpu")
    assert net.sent == ["cpu", home]
    with pytest.raises(Refused, match="encode"):
        measure(model, X[:, :, :2], device="cpu")
    assert net.sent == ["cpu", home] * 2
    for functions in ((lambda x: net(x.flatten(1)).chunk(2, dim=1),), (encode,)):
        for device in ("warp", "meta"):  # the second is there, and holds no numbers
            with pytest.raises(Refused, match=f"device '{device}' cannot be used"):
                measure(adapt(*functions), X, device=device)


def test_networks_spread_over_devices_are_left_where_they_are():
    spread = nn.Sequential(Moving(), nn.Linear(1, 1, device="meta"))
    measure(adapt(lambda x: spread[0](x.flatten(1)).chunk(2, dim=1)), X)
    assert spread[0].sent == []
