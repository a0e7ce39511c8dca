"""f-divergences of two normals in one dimension, their log ratio exact: the textbook's formulas by quadrature."""

import math

import pytest
import torch
from torch.distributions import Normal

from termwise.errors import Refused, UnknownName
from termwise.terms.adversarial.density_ratio import DensityRatio
from termwise.terms.adversarial.divergences import DIVERGENCES, divergence_from, divergence_of

NODES = torch.linspace(-14, 14, 28_001, dtype=torch.float64)
STEP = float(NODES[1] - NODES[0])
LEFT, RIGHT = (0.6, math.log(0.9)), (0.1, math.log(1.05))


def kl(p, q):
    return p * (p / q).log()


def jensen_shannon(p, q):
    return 0.5 * kl(p, (p + q) / 2) + 0.5 * kl(q, (p + q) / 2)


TEXTBOOK = {
    "kl": kl,
    "reverse-kl": lambda p, q: kl(q, p),
    "pearson": lambda p, q: (p - q).square() / q,
    "neyman": lambda p, q: (p - q).square() / p,
    "hellinger": lambda p, q: (p.sqrt() - q.sqrt()).square(),
    "jensen-shannon": jensen_shannon,
    "gan": lambda p, q: 2 * jensen_shannon(p, q) - math.log(2) * (p + q),
    "non-saturating": lambda p, q: 2 * kl((p + q) / 2, q),
    "total-variation": lambda p, q: 0.5 * (p - q).abs(),
    "jeffreys": lambda p, q: kl(p, q) + kl(q, p),
}
OWN = {
    "kl": lambda r: r * r.log(),
    "reverse-kl": lambda r: -r.log(),
    "pearson": lambda r: (r - 1).square(),
    "neyman": lambda r: (r - 1).square() / r,
    "hellinger": lambda r: (r.sqrt() - 1).square(),
    "jensen-shannon": lambda r: 0.5 * (r * r.log() - (r + 1) * ((r + 1) / 2).log()),
    "non-saturating": lambda r: (r + 1) * ((r + 1) / 2).log() - r + 1,
    "jeffreys": lambda r: (r - 1) * r.log(),
}
ALL = [
    *((name, DIVERGENCES[name], formula) for name, formula in TEXTBOOK.items()),
    *((f"{n}, swapped", DIVERGENCES[n].swapped(), lambda p, q, f=f: f(q, p)) for n, f in TEXTBOOK.items()),
    *((f"{name}, own f", divergence_of(f), TEXTBOOK[name]) for name, f in OWN.items()),
]
each = pytest.mark.parametrize(("divergence", "formula"), [row[1:] for row in ALL], ids=[row[0] for row in ALL])
moving = pytest.mark.parametrize(
    ("divergence", "formula"),
    [row[1:] for row in ALL if "total" not in row[0]],
    ids=[row[0] for row in ALL if "total" not in row[0]],
)


def law(at):
    return Normal(at[0], at[1].exp())


def density(at, z=NODES):
    return law(at).log_prob(z).exp()


def parameters(values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def log_ratio(left, right):
    """t as a function of z whose parameters are constants."""
    left, right = left.detach(), right.detach()
    return lambda z: law(left).log_prob(z) - law(right).log_prob(z)


def expectation(function, at):
    """E of a function of z = mu + sigma eps, with its pathwise gradient in mu and log sigma."""
    eps = NODES[NODES.abs() < 9]
    weights = Normal(0.0, 1.0).log_prob(eps).exp() * STEP
    return (function(at[0] + at[1].exp() * eps) * weights).sum()


def test_every_divergence_of_the_table_is_held_against_the_textbook():
    assert set(TEXTBOOK) == set(DIVERGENCES)


@each
def test_the_value_under_the_left_law_is_the_textbooks(divergence, formula):
    left, right = parameters(LEFT).detach(), parameters(RIGHT).detach()
    truth = float((formula(density(left), density(right)) * STEP).sum())
    t = log_ratio(left, right)
    found = float((divergence.value(t(NODES)) * density(left) * STEP).sum())
    assert found == pytest.approx(truth, abs=1e-7)


@moving
def test_the_pathwise_gradient_is_the_divergences_own_when_the_left_law_moves(divergence, formula):
    left, right = parameters(LEFT), parameters(RIGHT)
    (truth,) = torch.autograd.grad((formula(density(left), density(right)) * STEP).sum(), left)
    t = log_ratio(left, right)
    (found,) = torch.autograd.grad(expectation(lambda z: divergence.pathwise(t(z)), left), left)
    assert truth.abs().min() > 1e-3
    assert torch.allclose(found, truth, atol=1e-6)


@moving
def test_the_pathwise_gradient_is_the_divergences_own_when_the_right_law_moves(divergence, formula):
    left, right = parameters(LEFT), parameters(RIGHT)
    (truth,) = torch.autograd.grad((formula(density(left), density(right)) * STEP).sum(), right)
    t = log_ratio(left, right)
    (found,) = torch.autograd.grad(-expectation(lambda z: divergence.conjugate(t(z)), right), right)
    assert truth.abs().min() > 1e-3
    assert torch.allclose(found, truth, atol=1e-6)


def test_the_gradient_of_the_value_would_not_do():
    """Which is why there are two: for Jensen-Shannon the plug-in's own gradient is another."""
    left, right = parameters(LEFT), parameters(RIGHT)
    chosen, t = DIVERGENCES["jensen-shannon"], log_ratio(left, right)
    (truth,) = torch.autograd.grad(expectation(lambda z: chosen.pathwise(t(z)), left), left)
    (naive,) = torch.autograd.grad(expectation(lambda z: chosen.value(t(z)), left), left)
    assert (naive - truth).abs().max() > 0.1


def test_where_the_left_law_is_far_out_one_gan_pushes_it_back_and_the_other_has_no_slope_left():
    t = torch.tensor([30.0], requires_grad=True)
    slopes = {n: float(torch.autograd.grad(DIVERGENCES[n].pathwise(t), t)[0]) for n in ("gan", "non-saturating")}
    assert slopes["non-saturating"] == pytest.approx(1.0) and slopes["gan"] < 1e-12


@pytest.mark.parametrize("name", ["jensen-shannon", "gan"])
def test_bounded_objectives_stay_finite_at_logits_beyond_any_exponential(name):
    t = torch.tensor([-1e4, -200.0, 200.0, 1e4], requires_grad=True)
    chosen = DIVERGENCES[name]
    assert chosen.pathwise(t).isfinite().all() and chosen.conjugate(t).isfinite().all()
    (slope,) = torch.autograd.grad(chosen.pathwise(t).sum(), t)
    assert slope.isfinite().all() and slope[0] > 0 and slope[-1] == 0
    assert DIVERGENCES["gan"].value(t.detach()).isfinite().all()


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda r: r.log(), "convex"),
        (lambda r: r * r.log() + 1, r"f\(1\) = 0.*got 1"),
        (lambda r: (r - 2).log(), "finite"),
        (lambda r: "f", "by torch's functions"),
        (lambda r: (r - 1).pow(4) - (r - 1).square(), "convex"),
    ],
)
def test_an_f_that_makes_no_divergence_is_refused(f, reason):
    with pytest.raises(Refused, match=reason):
        divergence_of(f)


def test_a_kinked_f_is_known_to_have_no_pathwise_gradient():
    assert not divergence_of(lambda r: 0.5 * (r - 1).abs()).differentiable
    assert all(divergence_of(f).differentiable for f in OWN.values())


def test_an_unknown_divergence_is_told_which_are_near():
    with pytest.raises(UnknownName, match="Did you mean 'pearson'"):
        divergence_from("pearsen")


@each
def test_the_conjugate_is_that_of_f_at_its_slope(divergence, formula):
    """f*(f'(r)) = r f'(r) - f(r), for a convex f."""
    t = torch.linspace(-3, 3, 14, dtype=torch.float64)  # without 0, where total variation has a kink
    r = t.exp()
    expected = r * divergence.pathwise(t) - r * divergence.value(t)
    assert torch.allclose(divergence.conjugate(t), expected, atol=1e-9)


def test_an_f_named_by_its_module_is_imported_when_it_is_asked_and_not_before(tmp_path, monkeypatch):
    (tmp_path / "f_of_mine.py").write_text(
        "import pathlib\npathlib.Path('was run').touch()\n\ndef pearson(r):\n    return (r - 1) ** 2\n\n"
        "def concave(r):\n    return 1 - r**2\n"
    )
    monkeypatch.chdir(tmp_path)
    ratio = DensityRatio("f_of_mine:pearson")
    assert ratio.quantity == "pearson by critic" and not (tmp_path / "was run").exists()
    t, known = torch.linspace(-2.0, 2.0, 9), DIVERGENCES["pearson"]
    for one, other in ((ratio.divergence, known), (ratio.divergence.swapped(), known.swapped())):
        for form in ("value", "pathwise", "conjugate"):
            assert torch.allclose(getattr(one, form)(t), getattr(other, form)(t), atol=1e-4)
    assert (tmp_path / "was run").exists()
    with pytest.raises(Refused, match="the slope of this one falls"):
        DensityRatio("f_of_mine:concave").divergence.loaded()
    with pytest.raises(Refused, match="function 'nothing' in a module 'f_of_mine'"):
        DensityRatio("f_of_mine:nothing").divergence.loaded()


def test_what_a_function_of_the_users_raises_is_told():
    with pytest.raises(Refused, match=r"f must turn ratios into numbers.*division by zero"):
        divergence_of(lambda r: 1 / 0)
    with pytest.raises(Refused, match="name = 3 cannot be"):
        divergence_of(lambda r: (r - 1) ** 2, name=3)
