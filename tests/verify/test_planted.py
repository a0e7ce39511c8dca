"""A fault planted in a check, or in what it is about, makes that check fail."""

import inspect
from functools import cache

import pytest

from termwise.measuring.elbo import side_account
from termwise.terms.aggregate import memory
from termwise.terms.references.moments import Reference
from termwise.verify import adaptive_contrast, equilibrium, side_information

SIDE_LINKS = ("index-code-mi-given-side", "side-information")

STEP_11 = ("algorithm-2-step-11", "algorithm-2-prior", "algorithm-2-phi")

PLANTED = [
    (adaptive_contrast, "+ 0.5 * code.square()", "- 0.5 * code.square()", (*STEP_11, "algorithm-2-log-sigma")),
    (adaptive_contrast, "+ unit.log().sum(1)", "- unit.log().sum(1)", STEP_11),
    (equilibrium, "torch.tensor([1, 0])", "torch.tensor([0, 1])", ("best-response-not-strict",)),
    (equilibrium, "law(mean[order], share[order])", "law(mean[order], share)", ("best-response-not-strict",)),
]


@cache
def failing(code: str) -> set[str]:
    module = type(inspect)("planted")
    exec(compile(code, "planted", "exec"), module.__dict__)
    return {one.name for one in module.checks(0) if not one.passed}


@pytest.mark.parametrize(("module", "right", "wrong", "names"), PLANTED)
def test_a_wrong_line_in_a_check_makes_it_fail(module, right, wrong, names):
    code = inspect.getsource(module)
    assert code.count(right) == 1
    assert failing(code) == set()
    assert failing(code.replace(right, wrong)) == set(names)


def test_a_reference_whose_two_forms_are_exchanged_fails(monkeypatch):
    build = Reference.__init__

    def exchanged(self, noises=None, full=False, fixed=True):
        build(self, noises, full, not fixed)

    monkeypatch.setattr(Reference, "__init__", exchanged)
    found = {one.name for one in adaptive_contrast.library_reference(0) if not one.passed}
    assert found == {"algorithm-2-reference-moving", "algorithm-2-reference-fixed"}


def rolled_in_the_instrument(monkeypatch):
    conditional = side_account.SideDensities._conditional

    def rolled(self, groups, seen, samples):
        return conditional(self, groups.roll(1), seen, samples)

    monkeypatch.setattr(side_account.SideDensities, "_conditional", rolled)
    world = side_information.normal_world(0)
    data = side_information._beside(world, 0)
    found = side_information.instrument("conditional", world, data, world.truth(), 0)
    return found, [f"measured-beside-conditional-{name}" for name in SIDE_LINKS]


def rolled_in_training(monkeypatch):
    monkeypatch.setattr(memory, "groups_of", lambda draw: draw.groups.roll(1))
    found = side_information.by_training(side_information.normal_world(0), 0)
    return found, [f"{name}-{kind}" for kind in side_information.MEMORIES for name in SIDE_LINKS]


def a_group_of_which_each_weighs_as_of_all(monkeypatch):
    every = memory.LogWeights.uniform(side_information.EXAMPLES)
    monkeypatch.setattr(memory.Memory, "weights_within", lambda self, own, count, size: every)
    found = side_information.by_training(side_information.normal_world(0), 0)
    return found, [f"{name}-full" for name in SIDE_LINKS]


def another_s_component_as_a_code_s_own(monkeypatch):
    within = memory.Memory.weights_within

    def wrong(self, own, count, size):
        return within(self, (own + 1) % count, count, size)

    monkeypatch.setattr(memory.Memory, "weights_within", wrong)
    found = [side_information.from_a_batch(side_information.normal_world(0), 0)]
    return found, ["conditional-density-minibatch-stratified"]


@pytest.mark.parametrize(
    "plant",
    [
        rolled_in_the_instrument,
        rolled_in_training,
        a_group_of_which_each_weighs_as_of_all,
        another_s_component_as_a_code_s_own,
    ],
)
def test_a_fault_in_the_conditional_law_is_seen(plant, monkeypatch):
    found, expected = plant(monkeypatch)
    assert {one.name for one in found if not one.passed} >= set(expected)
