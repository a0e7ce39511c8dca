"""Copies of laws: of some examples, of several batches, however torch has been told to copy a transform."""

import pytest
import torch
from torch.distributions import AffineTransform, ExpTransform, Gumbel, Normal, TransformedDistribution
from torch.distributions.transforms import Transform

from termwise.models.distributions import joined_laws, rows

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
