"""Codewords: points at vectors of a codebook, looked up to the last bit, with a gradient straight through."""

import copy
import math

import pytest
import torch

from termwise.models.block_law import BlockLaw, dimensions_of_code
from termwise.models.codes import Codes
from termwise.models.codewords import Codebook, Codewords, UniformCodewords, key_of
from termwise.models.distributions import in_double
from termwise.models.law_rows import joined_laws, rows

K, WIDTH, POSITIONS = 7, 3, 4


def book(seed=0, count=K):
    return Codebook(torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed)))


def law(batch, seed=1):
    torch.manual_seed(seed)
    return Codewords(torch.randint(K, (batch, POSITIONS)), book(), torch.randn(batch, POSITIONS, WIDTH))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_nearest_codeword_is_that_of_brute_force(dtype):
    points = torch.randn(50, POSITIONS, WIDTH, dtype=dtype)
    brute = (points.unsqueeze(-2) - book().vectors.to(dtype)).square().sum(-1).argmin(-1)
    assert torch.equal(book().nearest(points), brute)


def test_a_codeword_is_found_to_the_last_bit_and_nothing_else_is():
    words = book(count=5000)
    index = torch.randperm(5000)
    assert torch.equal(words.index_of(words.vectors[index]), index)
    assert torch.equal(words.index_of(words.vectors[index].double()), index)
    off = words.vectors * (1 + torch.finfo(torch.float32).eps)
    assert (words.index_of(off) == -1).all()
    twice = Codebook(torch.tensor([[1.0], [2.0], [1.0], [-0.0], [0.0]]))
    assert twice.index_of(torch.tensor([[1.0], [0.0], [-0.0]])).tolist() == [0, 3, 3]  # of equal ones the first


def test_keys_tell_many_rows_apart():
    rows_ = torch.cartesian_prod(*[torch.arange(-8, 8)] * 4)
    assert len(key_of(rows_).unique()) == len(rows_)
    levels = torch.cartesian_prod(*[torch.linspace(-1, 1, 9)] * 5)
    assert len(key_of(levels).unique()) == len(levels)


def test_a_point_has_all_its_mass_at_its_own_codewords():
    one = law(5)
    assert torch.equal(one.log_prob(one.sample()), torch.zeros(5))
    other = one.sample().clone()
    other[:, 0] += 1
    assert (one.log_prob(other) == -math.inf).all()
    assert (one.log_prob_by_position(other)[:, 1:] == 0).all()
    assert not one.entropy().any() and not one.variance.any() and torch.equal(one.mode, one.sample())


def test_codes_are_codewords_to_the_last_bit_and_their_gradient_is_that_of_what_was_rounded():
    encoded = torch.randn(5, POSITIONS, WIDTH, requires_grad=True)
    one = Codewords(book().nearest(encoded), book(), encoded)
    weights = torch.randn(5, POSITIONS * WIDTH)
    z = one.rsample((2,))
    assert z.shape == (2, 5, POSITIONS * WIDTH) and torch.equal(z[0], one.words.flatten(1))
    (z * weights).sum().backward()
    assert torch.equal(encoded.grad.flatten(1), 2 * weights)


@pytest.mark.parametrize("batch", [K, 5])  # as many examples as there are codewords: the codebook is nobody's row
def test_rows_and_joined_laws_leave_the_codebook_whole(batch):
    one = law(batch)
    part = rows(one, torch.tensor([2, 0]))
    assert torch.equal(part.sample(), one.sample()[[2, 0]]) and len(part.codebook) == K
    whole = joined_laws([one, part])
    assert torch.equal(whole.sample(), torch.cat([one.sample(), part.sample()])) and len(whole.codebook) == K
    assert torch.equal(copy.deepcopy(one).sample(), one.sample())


def test_in_double_and_expanded_it_is_the_same_law():
    one = law(1)
    assert torch.equal(in_double(one).sample().float(), one.sample())
    assert torch.equal(in_double(one).log_prob(Codes.of(one).in_double().z), torch.zeros(1, dtype=torch.float64))
    assert torch.equal(one.expand((3,)).sample(), one.sample().expand(3, -1))


def test_the_uniform_law_is_that_of_its_samples():
    torch.manual_seed(0)
    prior = UniformCodewords(book(), POSITIONS)
    z = prior.sample((20_000,))
    assert torch.allclose(prior.log_prob(z), torch.full((20_000,), -POSITIONS * math.log(K)))
    assert prior.entropy().item() == pytest.approx(POSITIONS * math.log(K))
    often = torch.bincount(book().index_of(z.unflatten(1, (POSITIONS, WIDTH)))[:, 1], minlength=K) / len(z)
    assert ((often - 1 / K).abs() < 4.5 * math.sqrt(1 / K * (1 - 1 / K) / len(z))).all()
    assert ((z.mean(0) - prior.mean).abs() < 4.5 * z.std(0) / math.sqrt(len(z))).all()
    assert prior.log_prob(z[:1] + 1e-3).item() == -math.inf
    assert in_double(prior).log_prob(z.double()).dtype == torch.float64


def test_a_dimension_of_codewords_is_a_position():
    code = BlockLaw([law(2), law(2)], ["coarse", "fine"])
    found = dimensions_of_code(code)
    assert [one.name for one in found[:2]] == ["coarse 0", "coarse 1"] and len(found) == 2 * POSITIONS
    assert found[1].numbers == slice(WIDTH, 2 * WIDTH) and torch.equal(found[1].words, book().vectors)
