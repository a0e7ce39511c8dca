"""Codes that are said to be codewords: the law that they are, its prior, and what a decoder takes."""

import math

import pytest
import torch

import termwise as tw
from termwise.errors import Refused
from termwise.models import Draw, adapt
from termwise.models.codewords import Codebook
from termwise.models.codewords_in_order import CodewordsInOrder

BOOK = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
X = torch.rand(200, 4, generator=torch.Generator().manual_seed(1))


def indices_of(x, count=5):
    return (x * count).long().clamp(max=count - 1)


def test_one_codebook_costs_log_k_at_every_position_and_its_decoder_takes_the_codewords():
    taken = []

    def decode(z):
        taken.append(z)
        return z.sum(-1)

    model = adapt(lambda x: {"indices": indices_of(x), "codebook": BOOK}, decode, "normal:1")
    account = tw.measure(model, X)
    assert account["rate"].value == pytest.approx(4 * math.log(5), rel=1e-6)
    assert taken[0].shape == (200, 4, 3)
    assert torch.equal(taken[0], BOOK[indices_of(X)])
    assert account["codes_used"].value == 5
    expected = 0.5 * (BOOK[indices_of(X)].sum(-1) - X).square().sum(1) + 2 * math.log(2 * math.pi)
    assert account["distortion"].value == pytest.approx(float(expected.mean()), rel=1e-5)


def test_what_the_codes_tell_is_the_entropy_of_whole_rows_of_codewords():
    x = X[:, :1]  # one position of five codewords, so that rows are counted well
    account = tw.measure(adapt(lambda x: {"indices": indices_of(x), "codebook": BOOK}), x)
    shares = torch.bincount(indices_of(x).flatten(), minlength=5).double() / len(x)
    entropy = float(-torch.xlogy(shares, shares).sum())
    assert account["index_code_mi"].value == pytest.approx(entropy, rel=1e-6)
    assert account["marginal_kl"].value == pytest.approx(math.log(5) - entropy, rel=1e-4)


def test_several_codebooks_are_blocks_and_their_decoder_takes_them_one_after_another():
    books = torch.stack([BOOK, 0.1 * BOOK])
    taken = []

    def encode(x):
        return {"indices": torch.stack([indices_of(x), indices_of(1 - x)], -1), "codebook": books}

    def decode(z):
        taken.append(z)
        return z.sum((1, 3))

    account = tw.measure(adapt(encode, decode, "normal:1"), X)
    assert account["rate"].value == pytest.approx(8 * math.log(5), rel=1e-6)
    assert taken[0].shape == (200, 2, 4, 3)
    assert torch.equal(taken[0][:, 1], books[1][indices_of(1 - X)])
    assert account.by_dimension["codes_used_by_block"].value == [5, 5]
    assert account.data["blocks"] == ["codebook 1", "codebook 2"]


def test_codebooks_of_other_sizes_are_taken_too():
    books = [BOOK, BOOK[:2]]
    account = tw.measure(
        adapt(lambda x: {"indices": torch.stack([indices_of(x), indices_of(x, 2)], -1), "codebook": books}), X
    )
    assert account["rate"].value == pytest.approx(4 * (math.log(5) + math.log(2)), rel=1e-6)


def test_a_code_of_one_position_may_have_indices_without_a_dimension_for_it():
    model = adapt(lambda x: {"indices": indices_of(x)[:, 0], "codebook": BOOK}, lambda z: z[:, :1] + 0 * X, "normal:1")
    draw = Draw(model, X)
    assert draw.likelihood.mean.shape == (200, 4)
    assert tw.measure(model, X)["rate"].value == pytest.approx(math.log(5), rel=1e-6)


def test_a_codebook_of_half_precision_is_widened_and_known_again():
    model = adapt(
        lambda x: {"indices": indices_of(x).to(torch.int32), "codebook": BOOK.bfloat16()},
        lambda z: z.sum(-1),
        "normal:1",
    )
    assert tw.measure(model, X)["rate"].value == pytest.approx(4 * math.log(5), rel=1e-6)


def test_a_prior_of_ones_own_takes_the_place_of_the_uniform_one():
    shares = torch.tensor([0.1, 0.1, 0.2, 0.2, 0.4])
    prior = CodewordsInOrder(Codebook(BOOK), 4, lambda before: shares.log().expand(len(before), before.shape[1] + 1, 5))
    account = tw.measure(adapt(lambda x: {"indices": indices_of(x), "codebook": BOOK}, prior=prior), X)
    assert account["rate"].value == pytest.approx(float(-shares.log()[indices_of(X)].sum(1).mean()), rel=1e-5)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            {"indices": X, "codebook": BOOK},
            r"as 'indices' whole numbers, some for each example; got a tensor of torch.fl",
        ),
        ({"indices": "0", "codebook": BOOK}, "got a str"),
        (
            {"indices": indices_of(X) + 1, "codebook": BOOK},
            "from 1 to 5, of a codebook of 5 codewords: expected 0 to 4",
        ),
        ({"indices": indices_of(X) - 1, "codebook": BOOK}, "from -1 to 3"),
        ({"indices": indices_of(X), "codebook": BOOK[0]}, r"as 'codebook' a tensor \(K, d\), or several.*shape \(3,\)"),
        ({"indices": indices_of(X), "codebook": 3}, "got a int"),
        (
            {"indices": indices_of(X), "codebook": [BOOK, BOOK]},
            r"2 codebooks, so 'indices' must be of shape \(B, ..., 2\)",
        ),
        ({"indices": indices_of(X)[:3], "codebook": BOOK}, "one code per example: 200 went in"),
    ],
)
def test_what_is_no_codeword_is_refused_in_words(given, reason):
    with pytest.raises(Refused, match=reason):
        tw.measure(adapt(lambda x: given), X)
