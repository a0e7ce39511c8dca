"""The modules that a function reaches."""

import sys
import weakref
from functools import partial
from types import ModuleType, SimpleNamespace

import pytest
from torch import nn

from termwise.models.reachable_modules import modules_of

NET, OTHER = nn.Linear(1, 1), nn.Linear(1, 1)
NESTED, KEPT = [[NET]], SimpleNamespace(a={"b": NET})
nets = ModuleType("nets")
nets.encoder, nets.decoder = NET, OTHER


class Caller:
    """An object that is called."""

    def __init__(self, net=None):
        self.net = net

    def __call__(self, x):
        return NET(x)

    def method(self, x):
        return self.net(x)


class Heir(Caller):
    """An object that is called by its class's parent."""


def endless(x):
    return endless(x) + NET(x)


@pytest.mark.parametrize(
    "function",
    [
        NET,
        NET.forward,
        lambda x: NET(x),
        lambda x: [NET(part) for part in x],
        lambda x: (lambda y: NET(y))(x),
        lambda x: nets.encoder(x),
        partial(NET),
        partial(lambda x, net: net(x), net=NET),
        Caller(),
        Heir(),
        Caller(NET).method,
        lambda x, kept=KEPT: kept.a["b"](x),
        lambda x: NESTED[0][0](x),
        endless,
    ],
)
def test_one_module_is_found_however_it_is_held_and_no_other(function):
    assert modules_of([function, None, function]) == [NET]


def test_a_variable_without_a_value_yet_is_passed_over():
    def function(x):
        return later(x)

    assert modules_of([function]) == []
    later = NET
    assert modules_of([function]) == [later]


def test_modules_more_than_four_steps_away_are_not_found():
    assert modules_of([lambda x, a=[[[NET]]]: x]) == [NET]
    assert modules_of([lambda x, a=[[[[NET]]]]: x]) == []


def test_a_proxy_of_a_module_is_none():
    lost = nn.Sequential(nn.Linear(1, 1))
    proxy = weakref.proxy(lost)
    assert isinstance(proxy, nn.Module)
    assert modules_of([lambda x: proxy(x)]) == []
    del lost
    assert modules_of([lambda x: proxy(x)]) == []


def test_data_is_not_searched():
    assert modules_of([lambda x, data=[0.0] * 2000 + [NET]: x, lambda x: sys.path, str.upper]) == []
