"""Optimizers by name: each moves as its paper says, given the settings; one row makes one more known."""

import math

import pytest
import torch
from pydantic import ValidationError

from termwise.errors import Refused
from termwise.objectives.optimizers import OPTIMIZERS, OptimizerSettings, optimizer_for
from termwise.registry import Row

RATE, DECAY, MOMENTUM, START, SLOPE = 0.1, 0.5, 0.9, 2.0, 3.0
GRADIENT = SLOPE + DECAY * START
AFTER = {  # a first step down a constant slope from 2, by rules written out by hand; decay joins the gradient
    "adam": lambda: START - RATE,  # the first step is the rate, whatever the gradient
    "adamw": lambda: START * (1 - RATE * DECAY) - RATE,
    "rmsprop": lambda: START - RATE * GRADIENT / math.sqrt(0.01 * GRADIENT**2),
    "sgd": lambda: START - RATE * GRADIENT,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_first_step_is_that_of_its_rule(name):
    parameter = torch.nn.Parameter(torch.tensor([START]))
    settings = OptimizerSettings(name=name, learning_rate=RATE, weight_decay=DECAY, momentum=MOMENTUM)
    move = optimizer_for([parameter], settings)
    (SLOPE * parameter).sum().backward()
    move.step()
    assert parameter.item() == pytest.approx(AFTER[name](), abs=1e-5)


@pytest.mark.parametrize("name", ["rmsprop", "sgd"])
def test_momentum_carries_a_step_on_where_there_is_no_slope(name):
    parameter = torch.nn.Parameter(torch.tensor([START]))
    move = optimizer_for([parameter], OptimizerSettings(name=name, learning_rate=RATE, momentum=MOMENTUM))
    (SLOPE * parameter).sum().backward()
    move.step()
    first = START - parameter.item()
    parameter.grad.zero_()
    move.step()
    assert START - parameter.item() == pytest.approx((1 + MOMENTUM) * first, rel=1e-5)


def test_settings_that_no_optimizer_can_have_are_refused():
    parameters = [torch.nn.Parameter(torch.zeros(1))]
    with pytest.raises(Refused, match="learning rate must be 0 or more; this one would be -1"):
        optimizer_for(parameters, OptimizerSettings(learning_rate={"schedule": "linear", "end": -1.0, "steps": 3}))
    with pytest.raises(ValidationError, match=r"betas\.1\n.*less than 1"):
        OptimizerSettings(betas=(0.9, 1.0))
    with pytest.raises(ValidationError, match=r"Unknown optimizer 'adma'. Did you mean 'adam'"):
        OptimizerSettings(name="adma")


def test_a_row_makes_one_more_known():
    def signed(parameters, rate, settings):
        return torch.optim.Rprop(parameters, lr=rate)

    row = OPTIMIZERS.add(Row("signed", signed, "by the sign of the gradient"))
    try:
        parameters = [torch.nn.Parameter(torch.zeros(1))]
        made = optimizer_for(parameters, OptimizerSettings(name="signed", learning_rate=0.25))
        assert isinstance(made, torch.optim.Rprop) and made.defaults["lr"] == 0.25
    finally:
        del OPTIMIZERS._rows[row.name]
