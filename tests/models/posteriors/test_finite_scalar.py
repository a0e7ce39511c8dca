"""Finite scalars: rounding against the nearest level by brute force, and the codebook that is their product."""

import pytest
import torch

from termwise.errors import Refused
from termwise.models.posteriors import FiniteScalar


@pytest.mark.parametrize("levels", [[2], [3], [5], [8], [8, 5, 4], [2, 2, 2]])
def test_every_number_goes_to_the_nearest_level_of_what_bounds_it(levels):
    torch.manual_seed(0)
    family = FiniteScalar(3 * len(levels), levels).double()
    law = family(4 * torch.randn(500, family.features, dtype=torch.float64))
    for place, count in enumerate(levels):
        own = torch.arange(count, dtype=torch.float64) - count // 2
        allowed = own / (count // 2)  # from -1, as Mentzer et al. (2024, appendix A.1) have them
        soft, hard = law.encoded[..., place], law.words[..., place]
        nearest = allowed[(soft.unsqueeze(-1) - allowed).abs().argmin(-1)]
        assert torch.equal(hard, nearest)
        assert hard.unique().tolist() == allowed.tolist()  # all of them come
        assert ((soft - hard).abs() <= 0.5 / (count // 2) + 2e-3).all()  # none is out of reach of its level


def test_the_codebook_is_the_product_of_the_levels_and_an_index_is_its_place_there():
    family = FiniteScalar(6, [4, 3, 2]).double()
    book = family.codebook().vectors
    assert len(book) == 24 == len(book.unique(dim=0))
    law = family(torch.randn(200, 6, dtype=torch.float64))
    assert torch.equal(law.codebook.index_of(law.words), law.indices)


def test_its_gradient_is_that_of_the_bound():
    features = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    family = FiniteScalar(4, [5, 5]).double()
    family(features).rsample().sum().backward()
    half = (5 - 1) * (1 + 1e-3) / 2
    torch.testing.assert_close(features.grad, half / 2 * (1 - features.detach().tanh().square()))


def test_a_zero_is_the_middle_level_and_one_number_stands_for_all():
    assert not FiniteScalar(6, [8, 5, 2])(torch.zeros(2, 6)).encoded.abs().max() > 1e-6
    assert FiniteScalar(6, 5).positions == 6 and FiniteScalar(6, [5, 5]).positions == 3
    with pytest.raises(Refused, match="7 numbers are not codewords of 2 each"):
        FiniteScalar(7, [5, 5])
