"""A likelihood of each column: densities against scipy, missing cells, what a table is taken for, what is refused."""

import math

import numpy as np
import pandas
import pytest
import torch
from scipy import stats

import termwise as tw
from termwise.errors import BadData, Refused
from termwise.models import VAE
from termwise.models.distributions import expected_example
from termwise.models.law_rows import rows
from termwise.models.likelihoods import likelihood_from, likelihood_of_columns
from termwise.models.missing import observed

SPEC = "columns:category*3,number*2,binary,count,category*2"
X = torch.tensor([[0.0, 1, 0, 31e3, -2.5, 1, 7, 1, 0], [1, 0, 0, 28e3, 0.5, 0, 0, 0, 1]], dtype=torch.float64)


def likelihood():
    made = likelihood_from(SPEC).double()
    with torch.no_grad():
        made.means.copy_(torch.tensor([3e4, 0.0]))
        made.stddevs.copy_(torch.tensor([2e3, 1.5]))
        made.log_sigma.copy_(torch.tensor([-1.0, 0.3]))
        made.log_theta.fill_(0.7)
    return made


def by_scipy(decoded: torch.Tensor) -> np.ndarray:
    """log p of each column, (B, 6), in the order of the table."""
    d, x, made = decoded.numpy(), X.numpy(), likelihood()
    sigma = made.log_sigma.detach().exp().numpy() + made.FLOOR
    theta = math.exp(0.7)
    first, last = decoded[:, :3].log_softmax(1).numpy(), decoded[:, 7:].log_softmax(1).numpy()
    return np.stack(
        [
            (x[:, :3] * first).sum(1),
            stats.norm(3e4 + 2e3 * d[:, 3], 2e3 * sigma[0]).logpdf(x[:, 3]),
            stats.norm(1.5 * d[:, 4], 1.5 * sigma[1]).logpdf(x[:, 4]),
            stats.bernoulli(1 / (1 + np.exp(-d[:, 5]))).logpmf(x[:, 5]),
            stats.nbinom(theta, theta / (theta + np.exp(d[:, 6]))).logpmf(x[:, 6]),
            (x[:, 7:] * last).sum(1),
        ],
        axis=1,
    )


def test_each_column_has_the_density_of_its_kind_and_missing_ones_are_left_out():
    decoded = torch.randn(2, 9, dtype=torch.float64)
    law, expected = likelihood()(decoded), by_scipy(decoded)
    np.testing.assert_allclose(law.log_prob(X).detach(), expected.sum(1))
    gaps, entries = X.clone(), {0: [0, 1, 2], 1: [3], 4: [6]}
    for column, own in entries.items():
        gaps[0, own] = torch.nan
        expected[0, column] = 0
    decoded.requires_grad_()
    value = observed(likelihood()(decoded)).log_prob(gaps)
    np.testing.assert_allclose(value.detach(), expected.sum(1))
    value.sum().backward()
    assert decoded.grad.isfinite().all() and (decoded.grad[0, [0, 1, 2, 3, 6]] == 0).all()


def test_samples_are_rows_whose_mean_is_the_expected_example():
    torch.manual_seed(0)
    law = likelihood()(torch.randn(2, 9, dtype=torch.float64))
    x = law.sample(torch.Size([20_000]))
    assert ((x.mean(0) - expected_example(law)).abs() < 4.5 * x.std(0) / math.sqrt(len(x))).all()
    for own in ([0, 1, 2], [7, 8]):
        assert (x[..., own].sum(-1) == 1).all() and set(x[..., own].unique().tolist()) == {0.0, 1.0}
    assert law.log_prob(x[:5]).isfinite().all()
    torch.testing.assert_close(rows(law, slice(1, 2)).log_prob(X[1:]), law.log_prob(X)[1:])


def table(missing: bool = False) -> pandas.DataFrame:
    random = np.random.default_rng(0)
    kind = random.integers(0, 3, 150)
    frame = pandas.DataFrame(
        {
            "price": 3e4 + 8e3 * kind + 1e3 * random.normal(size=150),
            "year": 1990 + random.integers(0, 20, 150),
            "visits": random.poisson(random.gamma(1.0, 3.0, 150)),
            "colour": np.array(["red", "green", "blue"])[kind],
            "member": random.integers(0, 2, 150),
        }
    )
    if missing:
        frame.loc[::7, "price"] = np.nan
        frame.loc[::9, "colour"] = None
    return frame


def test_a_table_says_what_its_columns_hold_and_years_are_no_counts():
    data = tw.load_data(table(), labels=False)
    assert likelihood_of_columns(data) == "columns:number*2,count,category*3,binary"
    with pytest.raises(Refused, match="'columns' is of a table"):
        likelihood_of_columns(tw.load_data(torch.rand(20, 3)))


@pytest.mark.parametrize("missing", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_table_is_trained_measured_saved_and_loaded_with_it(tmp_path, missing):
    data = tw.load_data(table(missing), labels=False, missing="mask" if missing else None)
    run = tw.train(data=data, likelihood="columns", epochs=30, latent=2, out=tmp_path / "run", progress=False)
    assert run.config.model.likelihood.startswith("columns:number*2,count")
    assert run.model.scaler is None and run.account["distortion"].value < 30  # in dollars: 9 nats of price alone
    law = run.model.decode(torch.zeros(1, 2))
    assert 2e4 < float(law.mean.detach()[0, 0]) < 6e4
    z = torch.randn(4, 2)
    again = tw.load_run(tmp_path / "run", data=data).model
    assert torch.equal(again.generate_examples(z), run.model.generate_examples(z))


def test_what_a_column_does_not_hold_is_refused_by_its_name(tmp_path):
    data = tw.load_data(table(), labels=False)
    for spec, name in (("count,number*6", "price"), ("number*2,binary,number*4", "visits")):
        with pytest.raises(BadData, match=f"Column '{name}' is for .*Say 'number' of it"):
            tw.train(data=data, likelihood=f"columns:{spec}", epochs=1, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("layout", ["numbers", "number*0", "number*x", "number,", "number*-2"])
def test_a_layout_that_is_none_is_refused_with_one_that_is(layout):
    with pytest.raises(Refused, match=r"Expected a likelihood of columns as 'columns:number\*2,count"):
        likelihood_from(f"columns:{layout}")


def test_columns_alone_need_a_table_and_examples_their_shape():
    with pytest.raises(Refused, match="needs to know what they hold: train it on a table"):
        likelihood_from("columns")
    with pytest.raises(
        Refused, match=r"2 entries in columns is of examples of shape \(2,\); the model's are of shape \(3,\)"
    ):
        VAE.build((3,), 1, likelihood="columns:number*2")
