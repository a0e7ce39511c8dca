"""Covariances of laws made of q(z), against the world's own, and their gradient against float64 autograd."""

import pytest
import torch
from torch.distributions import Independent, LowRankMultivariateNormal, MultivariateNormal, Normal

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms import Groups, Link, Moments
from termwise.terms.link_names import LINK_NAMES
from termwise.worlds import LinearGaussian

GROUPS = [[0, 2], [1, 3]]
ENDS = {name: ends for ends, name in LINK_NAMES.items() if {"posterior", "reference", "conditional"}.isdisjoint(ends)}


def links(of="codes"):
    own = {"groups": Groups(GROUPS)}
    return {name: Link(*(own.get(end, end) for end in ends), Moments(of)) for name, ends in ENDS.items()}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("of", ["codes", "means"])
def test_every_link_is_the_world_s_squared_distance_of_covariances(seed, diagonal, of):
    """Over 200 batches the mean of C is C within rounding of its noise, and the squares are off by Var C / batch."""
    world = LinearGaussian.random(seed, diagonal=diagonal)
    count = 20_000
    draw = Draw(world, world.data(count, seed=seed))
    a = world.encoder @ world.covariance @ world.encoder.T
    a = a + world.posterior_covariance if of == "codes" else a
    blocks = torch.zeros(4, 4, dtype=torch.float64)
    for group in GROUPS:
        blocks[torch.tensor(group).unsqueeze(1), group] = a[group][:, group]
    stops = {"aggregate": a, "groups": blocks, "marginals": a.diagonal().diag(), "prior": torch.eye(4).double()}
    for name, link in links(of).items():
        left, right = (stops[end] for end in ENDS[name])
        apart = (left - right).abs().sum()
        noise = float(2 * apart * 1.5 * a.diagonal().max() / count**0.5)  # of each entry, sqrt 2 A_ii / sqrt n at most
        assert abs(float(link(draw)) - float((left - right).square().sum())) < 4 * noise + 20 / count, name
        assert link.name == f"{name.removesuffix('_kl')}_covariance2" and link.unit == "covariance^2"


def test_the_links_of_every_walk_sum():
    world = LinearGaussian.random(2)
    draw = Draw(world, world.data(50))
    value = {name: float(link(draw)) for name, link in links().items()}
    whole = pytest.approx(value["marginal_kl"], rel=1e-5)
    assert value["total_correlation"] + value["dimension_wise_kl"] == whole
    assert value["group_correlation"] + value["group_wise_kl"] == whole
    assert value["group_correlation"] + value["within_group_correlation"] == pytest.approx(value["total_correlation"])


class Encoder:
    def __init__(self, law):
        self.law = law

    def infer(self, x):
        return self.law, None

    def prior_law(self):
        return Independent(Normal(torch.zeros(3), 1.0), 1)


@pytest.mark.parametrize("of", ["codes", "means"])
@pytest.mark.parametrize("diagonal", [True, False])
def test_the_gradient_is_that_of_dip_vae_s_formula_in_float64(of, diagonal):
    mean, spread = torch.randn(6, 3, requires_grad=True), (torch.rand(6, 3, 3).tril() + 0.5).requires_grad_()
    if diagonal:
        law = Independent(Normal(mean, spread.diagonal(dim1=1, dim2=2)), 1)
        within = spread.double().diagonal(dim1=1, dim2=2).square().mean(0).diag()
    else:
        law = MultivariateNormal(mean, scale_tril=spread.tril())
        within = (spread.double().tril() @ spread.double().tril().mT).mean(0)
    c = torch.cov(mean.double().T) + (within if of == "codes" else 0 * within)
    off = c - c.diagonal().diag()
    wanted = 7 * off.square().sum() + 3 * (c.diagonal() - 1).square().sum()
    estimator, draw = Moments(of), Draw(Encoder(law), torch.zeros(6, 1))
    ours = 7 * Link("aggregate", "marginals", estimator)(draw) + 3 * Link("marginals", "prior", estimator)(draw)
    assert ours.item() == pytest.approx(wanted.item(), rel=1e-5)
    for got, should in zip(
        *(torch.autograd.grad(f, [mean, spread], allow_unused=True, materialize_grads=True) for f in (ours, wanted)),
        strict=True,
    ):
        assert torch.allclose(got, should, rtol=1e-4, atol=1e-5)


def test_what_moments_cannot_be_of_is_said():
    with pytest.raises(Refused, match="of 'codes' or of 'means'; got 'mean'"):
        Moments("mean")
    law = LowRankMultivariateNormal(torch.zeros(6, 3), torch.ones(6, 3, 1), torch.ones(6, 3))
    with pytest.raises(Refused, match=r"LowRankMultivariateNormal cannot say its covariance.*Use MonteCarlo"):
        Link("aggregate", "marginals", Moments())(Draw(Encoder(law), torch.zeros(6, 1)))
    one = Draw(Encoder(Independent(Normal(torch.zeros(1, 3), 1.0), 1)), torch.zeros(1, 1))
    with pytest.raises(Refused, match="two examples or more; got one"):
        Link("aggregate", "marginals", Moments())(one)
