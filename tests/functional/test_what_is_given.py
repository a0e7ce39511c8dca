"""What a function of terms cannot take is refused in the words of one who called it."""

import numpy as np
import pytest
import torch

from termwise import functional as F, terms
from termwise.errors import Refused

MEAN = torch.zeros(64, 4)
PAIR, Z = (MEAN, MEAN), torch.ones(64, 4)
SIDE, INDEX = torch.arange(80) % 2, torch.arange(64)


def bank(size=256):
    one = F.SteppedBank(dataset_size=size)
    one.step(PAIR, INDEX)
    return one


@pytest.mark.parametrize("size", [10, 63, 0, -5, "1000", 64.0, True, None, [64]])
@pytest.mark.parametrize("aggregate", ["minibatch-stratified", "minibatch-weighted"])
def test_the_number_of_examples_is_a_whole_one_and_no_smaller_than_the_batch(size, aggregate):
    options = {"dataset_size": size, "aggregate": aggregate}
    asked = [
        lambda: F.total_correlation(PAIR, Z, **options),
        lambda: F.group_correlation(PAIR, Z, 2, **options),
        lambda: F.objective("beta-tcvae", PAIR, Z, MEAN[:, 0], **options),
    ]
    for ask in asked:
        with pytest.raises(Refused, match=r"dataset_size=len\(data\)"):
            ask()
    for right in (64, np.int64(1000)):
        assert F.total_correlation(PAIR, Z, dataset_size=right).isfinite()


def test_the_number_of_examples_is_the_banks_where_there_is_one():
    one, said = bank(), r"bank is of a data set of 256 examples, and dataset_size=.*Leave dataset_size out"
    for ask in (
        lambda: F.marginal_kl(PAIR, Z, dataset_size=999, aggregate=one, index=INDEX),
        lambda: F.objective("beta-tcvae", PAIR, Z, MEAN[:, 0], dataset_size="256", aggregate=one, index=INDEX),
        lambda: F.side_information(PAIR, Z, SIDE, INDEX, aggregate=one),
    ):
        with pytest.raises(Refused, match=said):
            ask()
    known, given = (F.marginal_kl(PAIR, Z, aggregate=one, index=INDEX, **more) for more in ({}, {"dataset_size": 256}))
    assert torch.equal(known, given)
    with pytest.raises(Refused, match=r"Expected side of shape \(100,\)"):
        F.objective("cvae", PAIR, Z, MEAN[:, 0], side=SIDE, index=INDEX, dataset_size=100)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: F.total_correlation(PAIR, Z, aggregate=bank()), r"give index=\.\.\."),
        (lambda: F.total_correlation(PAIR, Z, aggregate=terms.Bank(), index=INDEX, dataset_size=64), "SteppedBank"),
        (lambda: F.total_correlation(PAIR, Z, aggregate=terms.Full(), index=INDEX, dataset_size=64), "SteppedBank"),
        (lambda: F.rate(MEAN), r"Tensors \(mean, log variance\), or a torch Dist.*a Tensor of shape \(64, 4\)"),
        (lambda: F.rate((MEAN.numpy(), MEAN.numpy())), r"two torch Tensors .* got a tuple of ndarray, ndarray"),
        (lambda: F.rate((MEAN, MEAN, Z)), r"two torch Tensors .* got a tuple of Tensor, Tensor, Tensor"),
        (lambda: F.rate((MEAN, MEAN[:, :2])), r"of one shape \(B, D\); got \(64, 4\) and \(64, 2\)"),
        (lambda: F.rate(PAIR, Z, "flow"), "Expected prior as a torch Distribution .* got a str"),
        (lambda: F.rate(PAIR, Z.numpy()), "codes of 64 posteriors of 4 dimensions; got a ndarray"),
        (lambda: F.rate(PAIR, torch.tensor(1.0)), r"64 posteriors of 4 dimensions; got a Tensor of shape \(\)"),
        (lambda: F.elbo(MEAN[:10, 0], PAIR), r"of shape \(64,\).*got a Tensor of shape \(10,\)"),
        (lambda: F.elbo(PAIR, MEAN[:, 0]), r"elbo\(log_likelihood, posterior, z\).*got a tuple of Tensor, Tensor"),
        (lambda: F.mmd2(Z, torch.ones(64, 3)), r"of one width D; got a Tensor of shape \(64, 4\) and .*3\)"),
        (lambda: F.mmd2(Z[:, 0], Z[:, 0]), r"of one width D; got a Tensor of shape \(64,\) and .*unsqueeze\(1\)"),
        (lambda: F.marginal_mmd2(Z[:, 0]), r"Expected codes of shape \(B, D\)"),
        (lambda: F.mmd2(PAIR, Z), "of one width D; got a tuple of Tensor, Tensor"),
        (lambda: F.objective("vae", PAIR, Z, MEAN.mean()), r"Sum the logarithms .*flatten\(1\)\.sum\(1\)"),
        (lambda: F.SteppedBank("many"), "SteppedBank: dataset_size = 'many' cannot be"),
        (lambda: F.SteppedBank(64).load_state_dict({}), "Expected what a bank's state_dict"),
        (lambda: F.hsic(Z[:, 0]), r"Expected codes of shape \(B, D\)"),
        (lambda: bank().step((MEAN[:, :3], MEAN[:, :3]), INDEX), "holds posteriors of 4 dimensions; these are of 3"),
        (lambda: bank().step(PAIR, INDEX.float()), "Expected index as whole numbers"),
        (lambda: bank().step(PAIR, list(range(64))), r"Expected index as a Tensor of shape \(64,\).*got a list"),
        (lambda: F.side_information(PAIR, Z, list(range(64)), INDEX), r"Expected side of shape \(N,\)"),
        (lambda: F.side_information(PAIR, Z, SIDE, list(range(64))), "Expected index as a Tensor"),
        (lambda: F.side_information(PAIR, Z, SIDE, INDEX - 1), "index from -1 to 62"),
        (lambda: F.side_information(PAIR, Z, SIDE, INDEX[:0]), "got none"),
    ],
)  # fmt: skip
def test_what_does_not_fit_says_what_does(ask, words):
    with pytest.raises(Refused, match=words):
        ask()


@pytest.mark.parametrize("shape", [(64,), (64, 4), (1,)])
def test_shapes_of_a_batch_mean_take_one_number(shape):
    value = torch.ones(shape)
    for ask in (lambda: F.gap(value, 2.0), lambda: F.floor(value, 2.0), lambda: F.capacity(value, 1, end=2.0, steps=4)):
        with pytest.raises(Refused, match=r'a batch mean of shape \(\).*reduction="mean"'):
            ask()


def test_free_bits_are_of_dimensions():
    for value in (F.rate(PAIR), torch.ones(64, 4), 0.5):
        with pytest.raises(Refused, match=r'by dimension, shape \(D,\).*reduction="dimension"'):
            F.free_bits(value, 0.25)
    assert float(F.free_bits(F.rate(PAIR, reduction="dimension"), 0.25)) == 1.0
