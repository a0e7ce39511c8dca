"""q(z) of points, from counts: against every point held against every code, under any weights."""

import math

import pytest
import torch

import termwise as tw
from termwise.errors import Refused
from termwise.models import Draw
from termwise.models.block_law import BlockLaw
from termwise.models.categories import LEAST
from termwise.models.codes import Codes
from termwise.models.codewords import Codebook, Codewords
from termwise.models.law_rows import rows
from termwise.terms import MonteCarlo
from termwise.terms.aggregate.gaussians import LogWeights
from termwise.terms.aggregate.mixture import log_density, marginal_log_density
from termwise.terms.aggregate.posterior_components import components_of

N, POSITIONS, K = 60, 3, 4


def points():
    torch.manual_seed(0)
    book = Codebook(torch.randn(K, 2, dtype=torch.float64))
    return Codewords(torch.randint(K, (N, POSITIONS)) // torch.randint(1, 3, (N, POSITIONS)), book)


def weightings():
    place = torch.arange(N)
    return [
        LogWeights.uniform(N),
        LogWeights.stratified(place, N, 500),
        LogWeights(0.0, -math.inf, torch.where(place % 2 == 0, place, -1)),  # half of them without their own
    ]


def brute(indices, weights):
    """log of the weights of all points that a code is, one code after the other."""
    result = []
    for n, code in enumerate(indices):
        mass = 0.0
        for m, point in enumerate(indices):
            own = weights.index is not None and int(weights.index[n]) == m
            log_weight = weights.own if own else weights.other
            mass += math.exp(log_weight) * bool((point == code).all())
        result.append(math.log(mass) if mass else LEAST + weights.other)
    return torch.tensor(result, dtype=torch.float64)


@pytest.mark.parametrize("weights", weightings(), ids=["uniform", "stratified", "without own"])
def test_log_q_is_that_of_brute_force_jointly_and_by_position(weights):
    law = points()
    components, codes = components_of(law), Codes.of(law)
    torch.testing.assert_close(log_density(codes, components, weights), brute(law.indices, weights))
    by_position = torch.stack([brute(law.indices[:, p : p + 1], weights) for p in range(POSITIONS)], 1)
    torch.testing.assert_close(marginal_log_density(codes, components, weights), by_position)


@pytest.mark.parametrize("weights", weightings(), ids=["uniform", "stratified", "without own"])
def test_beside_other_blocks_every_point_is_asked(weights):
    law = points()
    normal = torch.distributions.Independent(torch.distributions.Normal(torch.randn(N, 2).double(), 1.0), 1)
    both = BlockLaw([law, normal])
    codes = Codes.of(both)
    at_codes = torch.stack([both.expand((N,)).log_prob(z.expand(N, -1)) for z in codes.z])  # (codes, components)
    logits = torch.full((N, N), weights.other, dtype=torch.float64)
    if weights.index is not None:
        own = weights.index >= 0
        logits[own, weights.index[own]] = weights.own
    exact = (at_codes + logits).logsumexp(1)
    found = log_density(codes, components_of(both), weights)
    seen = exact.isfinite()
    torch.testing.assert_close(found[seen], exact[seen], rtol=1e-6, atol=1e-6)
    assert (found[~seen] < LEAST / 2).all()


def test_rows_joined_and_what_is_no_codeword():
    law = points()
    parts = [components_of(rows(law, slice(0, 20))), components_of(rows(law, slice(20, N)))]
    joined, codes, weights = type(parts[0]).joined(parts), Codes.of(law), LogWeights.uniform(N)
    assert torch.equal(log_density(codes, joined, weights), log_density(codes, components_of(law), weights))
    nowhere = Codes.at(codes.z + 0.5)
    assert (log_density(nowhere, joined, weights) < LEAST + 1).all()


def test_terms_of_q_are_refused_in_training_and_samples_alone_are_not():
    model = tw.VAE.build((4,), 6, posterior="vector-quantized:8", prior="uniform", options={"hidden": [8]})
    draw = Draw(model, torch.rand(9, 4), torch.arange(9), 9)
    kl = MonteCarlo(aggregate="full")
    for left, right in (("posterior", "aggregate"), ("aggregate", "prior"), ("aggregate", "marginals")):
        with pytest.raises(Refused, match="a function of counts, which has no gradient to train by"):
            tw.terms.Link(left, right, kl).check(draw)
    tw.terms.Link("posterior", "prior", kl).check(draw)
    mmd = tw.terms.Link("aggregate", "prior", tw.terms.Kernel())
    mmd.check(draw)
    mmd(draw).sum().backward()
    assert any(parameter.grad.any() for parameter in model.encoder.parameters())


def test_a_walk_that_cannot_be_trained_says_so_and_what_to_do(tmp_path):
    with pytest.raises(Refused, match=r"no gradient to train by.*recipe vq-vae"):
        tw.train(
            data="four-points", recipe="beta-tcvae", aggregate="full", latent=4, posterior="vector-quantized",
            prior="uniform", epochs=1, out=tmp_path / "run", progress=False,
        )  # fmt: skip
