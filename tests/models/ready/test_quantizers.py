"""Autoencoders with a quantizer of vector-quantize-pytorch's between, against what they give themselves."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal

import termwise as tw
from helpers.agreement import unchanged
from termwise.errors import Refused

vq = pytest.importorskip("vector_quantize_pytorch")

X = tw.load_data("digits").test.tensor(limit=64)
torch.manual_seed(0)
CONV = nn.Conv2d(1, 6, 2, 2), nn.ConvTranspose2d(6, 1, 2, 2)
DOWN, UP = nn.Linear(64, 24), nn.Linear(24, 64)


def in_a_row(x):
    return DOWN(x.flatten(1)).view(-1, 4, 6)


def from_a_row(z):
    return UP(z.flatten(1)).view(-1, 1, 8, 8)


def at_once(x):
    return DOWN(x.flatten(1))


ROW, ONE = (in_a_row, from_a_row), (at_once, from_a_row)

CASES = {  # encoder and decoder, a quantizer, and how many codewords at how many positions it has of a digit
    "pictures": (CONV, lambda: vq.VectorQuantize(6, codebook_size=16, accept_image_fmap=True), 16 * math.log(16)),
    "projected, by cosine": (
        CONV,
        lambda: vq.VectorQuantize(6, codebook_size=16, codebook_dim=3, use_cosine_sim=True, accept_image_fmap=True),
        16 * math.log(16),
    ),
    "a row": (ROW, lambda: vq.VectorQuantize(6, codebook_size=16), 4 * math.log(16)),
    "one codeword": (ONE, lambda: vq.VectorQuantize(24, codebook_size=16), math.log(16)),
    "heads": (ROW, lambda: vq.VectorQuantize(6, codebook_size=16, heads=2), 8 * math.log(16)),
    "heads of their own": (
        CONV,
        lambda: vq.VectorQuantize(
            6, codebook_size=16, heads=2, separate_codebook_per_head=True, accept_image_fmap=True
        ),
        32 * math.log(16),
    ),
    "residual": (ROW, lambda: vq.ResidualVQ(dim=6, num_quantizers=3, codebook_size=16), 12 * math.log(16)),
    "residual, projected": (
        ROW,
        lambda: vq.ResidualVQ(dim=6, codebook_dim=4, num_quantizers=3, codebook_size=16),
        12 * math.log(16),
    ),
    "residual, of sizes": (ROW, lambda: vq.ResidualVQ(dim=6, codebook_size=(16, 8)), 4 * math.log(128)),
    "scalars": (CONV, lambda: vq.FSQ([5, 5, 3], dim=6), 16 * math.log(75)),
    "scalars of two books": (ROW, lambda: vq.FSQ([8, 5, 3], num_codebooks=2), 8 * math.log(120)),
    "residual scalars": (ROW, lambda: vq.ResidualFSQ(dim=6, levels=[5, 5, 3], num_quantizers=2), 8 * math.log(75)),
    "signs": (CONV, lambda: vq.LFQ(dim=6, codebook_size=64), 16 * math.log(64)),
    "sim": (ROW, lambda: vq.SimVQ(dim=6, codebook_size=16), 4 * math.log(16)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_rate_counts_codewords_and_the_distortion_is_of_what_it_decodes_itself(case):
    (encode, decode), make, rate = CASES[case]
    torch.manual_seed(1)
    quantizer = make()
    with unchanged(quantizer):
        account = tw.measure(tw.adapt(encode, decode, "normal:0.5", quantizer=quantizer), X, batch_size=40)
    assert account["rate"].value == pytest.approx(rate, rel=1e-5)
    with torch.no_grad():
        decoded = decode(quantizer(encode(X))[0])
    distortion = -Normal(decoded, 0.5).log_prob(X).flatten(1).sum(1).mean()
    assert account["distortion"].value == pytest.approx(float(distortion), rel=1e-4)
    assert 0 <= account["index_code_mi"].value <= math.log(64) + 1e-6


def test_codewords_used_are_those_that_it_says():
    torch.manual_seed(1)
    quantizer = vq.VectorQuantize(6, codebook_size=16, accept_image_fmap=True).eval()
    account = tw.measure(tw.adapt(CONV[0], quantizer=quantizer), X)
    with torch.no_grad():
        indices = quantizer(CONV[0](X))[1]
    assert account["codes_used"].lower == len(indices.unique())
    shares = torch.bincount(indices.flatten(), minlength=16).double() / indices.numel()
    plain = float((-torch.xlogy(shares, shares).sum()).exp())
    assert account["perplexity"].value == pytest.approx(plain, rel=0.05)  # which is off by the jackknife's correction


def test_one_that_has_not_begun_is_refused_and_left_so():
    quantizer = vq.VectorQuantize(6, codebook_size=16, kmeans_init=True)
    with pytest.raises(Refused, match=r"no codewords yet: they begin at the first batch \(kmeans_init\)"):
        tw.adapt(*ROW, "normal:1", quantizer=quantizer)
    assert not quantizer._codebook.initted


@pytest.mark.parametrize("what", [nn.Identity(), 3, lambda x: x])
def test_what_is_no_quantizer_is_refused(what):
    with pytest.raises(Refused, match="Expected a quantizer with a codebook, codebooks or implicit_codebook"):
        tw.adapt(*ROW, "normal:1", quantizer=what)


def test_one_whose_indices_do_not_say_what_it_gave_is_refused():
    class Off(vq.VectorQuantize):
        def forward(self, x):
            rounded, indices, loss = super().forward(x)
            return rounded + 0.1, indices, loss

    with pytest.raises(Refused, match="is not what its indices, of shape"):
        tw.measure(tw.adapt(*ROW, "normal:1", quantizer=Off(6, codebook_size=16)), X)


def test_what_a_sum_of_its_codewords_decodes_is_generated_from_the_prior():
    torch.manual_seed(1)
    model = tw.adapt(*ROW, "normal:1", quantizer=vq.ResidualVQ(dim=6, num_quantizers=2, codebook_size=16).eval())
    model.infer(X)
    drawn = model.generate(model.prior_law().sample((5,)), None)
    assert drawn.mean.shape == (5, 1, 8, 8)
