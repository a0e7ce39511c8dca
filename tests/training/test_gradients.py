"""Players who move at once: every total's own gradient, and each shared term differentiated once."""

import pytest
import torch
from torch import nn

from termwise.models.draw import Draw
from termwise.objectives import Objective, gap
from termwise.objectives.objective import Weighted
from termwise.objectives.shapes import Opposed
from termwise.training.gradients import backward


class Product:
    """A term that all players' parameters have a say in, and that counts how often it is differentiated."""

    unit, label, bias, memory = "nats", "given", "none", None

    def __init__(self, name: str, *parameters: nn.Parameter) -> None:
        self.name, self.parameters, self.differentiated = name, parameters, 0

    def __call__(self, draw: Draw) -> torch.Tensor:
        value = torch.stack([parameter.sin().sum() for parameter in self.parameters]).prod().exp()
        value.register_hook(lambda gradient: setattr(self, "differentiated", self.differentiated + 1))
        return value.expand(3)


@pytest.fixture
def parameters() -> list[nn.Parameter]:
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(4, dtype=torch.float64)) for _ in range(4)]


def test_each_player_gets_the_gradient_of_its_own_total_and_a_shared_term_is_differentiated_once(parameters):
    a, b, c, d = parameters
    shared, alone, silent = Product("shared", a, b, c), Product("alone", a, b), Product("silent", c)
    objectives = {
        "first": Objective((2.0 * Weighted(shared), 0.5 * Weighted(alone), 0.0 * Weighted(silent))),
        "second": Objective(((0.3 * Weighted(shared)).shaped(Opposed()),)),
        "third": Objective((Weighted(shared).shaped(gap(100.0)), Weighted(silent))),
    }
    owned = {"first": [a], "second": [b, d], "third": [c]}
    draw = Draw(None, torch.zeros(1, 1))
    found = {name: objective(draw) for name, objective in objectives.items()}
    wanted = {
        name: torch.autograd.grad(found[name].total, own, retain_graph=True, allow_unused=True)
        for name, own in owned.items()
    }
    shared.differentiated = alone.differentiated = silent.differentiated = 0
    backward([(found[name], own) for name, own in owned.items()])
    for name, own in owned.items():
        for parameter, gradient in zip(own, wanted[name], strict=True):
            if gradient is None:
                assert parameter.grad is None
            else:
                torch.testing.assert_close(parameter.grad, gradient)
    assert (shared.differentiated, alone.differentiated, silent.differentiated) == (1, 1, 1)


def test_a_player_whose_terms_weigh_nothing_moves_nothing(parameters):
    term = Product("term", parameters[0])
    draw = Draw(None, torch.zeros(1, 1))
    backward([(Objective((0.0 * Weighted(term),))(draw), parameters)])
    assert all(parameter.grad is None for parameter in parameters)
