"""A fault planted in a check, or in what it is about, makes that check fail."""

import inspect
from functools import cache

import pytest

from termwise.terms.references.moments import Reference
from termwise.verify import adaptive_contrast, equilibrium

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
