"""Copies of laws: of some examples, of several batches, however torch has been told to copy a transform."""

import pytest
import torch
from torch.distributions import (
    AffineTransform,
    ExpTransform,
    Gumbel,
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
)
from torch.distributions.transforms import Transform

from termwise.models.law_rows import joined_laws, rows
from termwise.models.law_tensors import law_tensors, with_law_tensors

AT = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
LAWS = {
    "gumbel": lambda at: Gumbel(at, torch.ones(3)),
    "there and back": lambda at: TransformedDistribution(
        Normal(at, 1.0), [forth := ExpTransform(), forth.inv, AffineTransform(at, 2.0)]
    ),
}


@pytest.mark.parametrize("kind", LAWS)
@pytest.mark.parametrize("keeps", [False, True], ids=["as torch copies", "a copy keeps its inverse"])
def test_batches_are_joined_whose_transforms_know_their_inverses(kind, keeps, monkeypatch):
    if keeps:  # as packages do that patch torch to copy transforms with their caches, for everyone who imports them
        monkeypatch.setattr(Transform, "__getstate__", lambda self: self.__dict__.copy())
    whole = LAWS[kind](AT)
    parts = [rows(whole, slice(0, 2)), rows(whole, torch.tensor([2, 3, 4, 5]))]
    for law in (whole, *parts):  # which makes the circle of a transform and its inverse
        law.log_prob(torch.zeros(3))
    again = joined_laws(parts)
    assert again.log_prob(AT / 2).equal(whole.log_prob(AT / 2))
    assert whole.log_prob(AT[:1]).isfinite().all()  # and what was copied is as it was


SHARED = torch.tensor([[1.0, 0.0, 0.0], [0.5, 2.0, 0.0], [-0.3, 0.2, 0.7]])
ONE_FOR_ALL = {
    "covariance": lambda at: MultivariateNormal(at, scale_tril=SHARED),
    "factors": lambda at: LowRankMultivariateNormal(at, SHARED[:, :2], SHARED.diagonal()),
    "transform": lambda at: TransformedDistribution(
        Independent(Normal(at, 1.0), 1), [AffineTransform(SHARED[2], SHARED.diagonal(), event_dim=1)]
    ),
}


@pytest.mark.parametrize("kind", ONE_FOR_ALL)
def test_what_is_one_for_all_stays_whole_where_there_are_as_many_examples_as_dimensions(kind):
    whole = ONE_FOR_ALL[kind](AT[:3])
    right = whole.log_prob(AT[3:])
    assert rows(whole, slice(1, 3)).log_prob(AT[4:]).allclose(right[1:], atol=1e-6)
    assert joined_laws([whole, whole]).log_prob(AT[3:].repeat(2, 1)).allclose(right.repeat(2), atol=1e-6)
    moved = with_law_tensors(whole, [one[1:] for one in law_tensors(whole)])
    assert moved.log_prob(AT[4:]).allclose(right[1:], atol=1e-6)
