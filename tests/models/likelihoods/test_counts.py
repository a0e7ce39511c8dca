"""Likelihoods of counts: densities against scipy and mpmath for counts of any size, totals that x tells, refusals."""

import math

import mpmath
import numpy as np
import pytest
import torch
from scipy import stats

import termwise as tw
from termwise.data import ValueRange
from termwise.errors import BadData, Refused, UnknownName
from termwise.measuring.quality.examples import reconstruction_batches
from termwise.models import VAE
from termwise.models.distributions import expected_example
from termwise.models.likelihoods import likelihood_from
from termwise.models.likelihoods.negative_binomial import NegativeBinomialCounts
from termwise.models.likelihoods.poisson import PoissonCounts
from termwise.models.likelihoods.stirling import log_beta, log_negative_binomial, log_poisson
from termwise.report.pictures import pictures_of

COUNTS = torch.tensor([0, 1, 2, 3, 7, 15, 16, 17, 300, 10**4, 10**6, 2**24], dtype=torch.float64)
LOG_MEANS = torch.linspace(-12, 18, 21, dtype=torch.float64)
LOG_THETAS = torch.linspace(-8, 14, 12, dtype=torch.float64)


def test_poisson_densities_are_those_of_scipy_for_counts_of_any_size():
    count, log_mean = torch.meshgrid(COUNTS, LOG_MEANS, indexing="ij")
    expected = stats.poisson(log_mean.exp()).logpmf(count)
    np.testing.assert_allclose(log_poisson(count, log_mean), expected, rtol=1e-9, atol=1e-9)


def exact_negative_binomial(count: float, log_mean: float, log_theta: float) -> float:
    """By mpmath, of the plain formula: scipy's own is off by 1e-6 where theta is large."""
    with mpmath.workdps(40):
        k, m, theta = mpmath.mpf(count), mpmath.exp(log_mean), mpmath.exp(log_theta)
        chosen = mpmath.loggamma(theta + k) - mpmath.loggamma(theta) - mpmath.loggamma(k + 1)
        return float(chosen - theta * mpmath.log1p(m / theta) + k * mpmath.log(m / (theta + m)))


def test_negative_binomial_densities_are_those_of_scipy_and_of_the_plain_formula_in_many_digits():
    grids = torch.meshgrid(COUNTS, LOG_MEANS[::2], LOG_THETAS[::2], indexing="ij")
    got = log_negative_binomial(*grids).flatten()
    expected = [exact_negative_binomial(*(float(one) for one in point)) for point in torch.stack(grids, -1).view(-1, 3)]
    np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-8)
    count, log_mean, log_theta = torch.meshgrid(COUNTS[:9], LOG_MEANS[6:15], LOG_THETAS[2:7], indexing="ij")
    scipys = stats.nbinom(log_theta.exp(), (log_theta - log_mean).sigmoid()).logpmf(count)
    np.testing.assert_allclose(log_negative_binomial(count, log_mean, log_theta), scipys, rtol=1e-6)


@pytest.mark.parametrize("count", [1e3, 1e5, 1e6, 2**24])
def test_float32_tells_a_large_count_from_another_to_a_hundredth_of_a_nat(count):
    """The plain formula is off by a nat at 1e6, for log k! there is 1.3e7."""
    near = torch.tensor(count).log() + torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0]) / math.sqrt(count)
    k, theta = torch.full((5,), count), torch.tensor(3.0)
    for of_float, of_double in (
        (log_poisson(k, near), stats.poisson(near.double().exp()).logpmf(k)),
        (log_negative_binomial(k, near, theta), log_negative_binomial(k.double(), near.double(), theta.double())),
    ):
        # a rounding of the log of the mean moves it by 3 sd k^-1/2 x k x 1e-6, which no formula can know
        assert (of_float.double() - torch.as_tensor(of_double)).abs().max() < 0.01 + 6e-6 * math.sqrt(count)


def test_beta_densities_are_those_of_scipy_for_any_concentrations():
    x, log_a, log_b = torch.meshgrid(
        torch.tensor([1e-6, 0.01, 0.3, 0.5, 0.9, 1 - 1e-6], dtype=torch.float64),
        torch.linspace(-6, 12, 10, dtype=torch.float64),
        torch.linspace(-6, 12, 10, dtype=torch.float64),
        indexing="ij",
    )
    expected = stats.beta(log_a.exp(), log_b.exp()).logpdf(x)
    np.testing.assert_allclose(log_beta(x, log_a, log_b), expected, rtol=1e-8, atol=1e-8)
    single = log_beta(x.float(), log_a.float(), log_b.float()).double()
    moved = log_beta(x.float().double(), log_a.float().double(), log_b.float().double())
    assert ((single - moved).abs() / (1 + moved.abs())).max() < 1e-4


def test_gradients_are_those_of_the_closed_forms_and_finite_at_the_ends():
    count, log_mean, log_theta = (t.clone() for t in torch.meshgrid(COUNTS, LOG_MEANS, LOG_THETAS, indexing="ij"))
    log_negative_binomial(count, log_mean.requires_grad_(), log_theta.requires_grad_()).sum().backward()
    mean, theta = log_mean.detach().exp(), log_theta.detach().exp()
    torch.testing.assert_close(log_mean.grad, theta * (count - mean) / (theta + mean), rtol=1e-7, atol=1e-7)
    by_theta = (theta + count).digamma() - theta.digamma() - (mean / theta).log1p() + (mean - count) / (theta + mean)
    torch.testing.assert_close(log_theta.grad, theta * by_theta, rtol=1e-5, atol=1e-4)
    log_mean = torch.tensor([-torch.inf, -200.0, 40.0], dtype=torch.float64, requires_grad=True)
    log_poisson(torch.zeros(3, dtype=torch.float64), log_mean).sum().backward()
    torch.testing.assert_close(log_mean.grad, -log_mean.detach().exp())


@pytest.mark.parametrize("spec", ["poisson", "negative-binomial", "zero-inflated-negative-binomial"])
@pytest.mark.parametrize("logit", [-1e30, -1e3, 1e3, 1e30])
def test_extreme_outputs_of_a_decoder_have_finite_densities_and_gradients(spec, logit):
    likelihood = likelihood_from(spec)
    decoded = torch.full((4, *likelihood.decoded_shape((3,))), logit, requires_grad=True)
    value = likelihood(decoded).log_prob(torch.zeros(4, 3))
    value.sum().backward()
    assert value.isfinite().all() and decoded.grad.isfinite().all()


def test_zero_inflation_mixes_zeros_with_the_counts():
    likelihood = likelihood_from("zero-inflated-negative-binomial").double()
    decoded = torch.randn(4, 2, 6, dtype=torch.float64)
    x = torch.tensor([0.0, 0, 1, 5, 0, 40]).double().expand(4, 6)
    zero, mean = decoded[:, 1].sigmoid(), decoded[:, 0].exp()
    plain = (1 - zero) * torch.as_tensor(stats.nbinom(1.0, 1 / (1 + mean)).pmf(x))
    expected = torch.where(x == 0, zero + plain, plain).log().sum(1)
    law = likelihood(decoded)
    np.testing.assert_allclose(law.log_prob(x).detach(), expected)
    torch.testing.assert_close(expected_example(law), (1 - zero) * mean)


@pytest.mark.parametrize("law", [PoissonCounts, lambda m: NegativeBinomialCounts(m, torch.full(m.shape[1:], 0.7))])
def test_samples_have_the_law_s_mean_and_variance_and_its_probabilities(law):
    law = law(torch.tensor([[-1.0, 0.5, 3.0]]))
    x = law.sample(torch.Size([40_000]))[:, 0]
    error = 4 * (law.variance[0] / len(x)).sqrt()
    assert ((x.mean(0) - law.mean[0]).abs() < error).all()
    fourth = (x - law.mean[0]).pow(4).mean(0)
    assert ((x.var(0) - law.variance[0]).abs() < 4 * (fourth / len(x)).sqrt()).all()
    for k in (0.0, 1.0, 3.0):
        p = law.log_prob(torch.full((1, 3), k)).exp()[0]
        assert (((x == k).float().mean(0) - p).abs() < 4 * (p * (1 - p) / len(x)).sqrt()).all()


@pytest.mark.parametrize(
    "spec", ["poisson", "negative-binomial", "zero-inflated-poisson", "zero-inflated-negative-binomial"]
)
@pytest.mark.parametrize("low, high, whole", [(-1, 3, True), (0, 2.5, False), (0, 1, False), (-1e6, -1, True)])
def test_what_is_no_count_is_refused_with_what_to_do(spec, low, high, whole):
    for name in (spec, f"{spec}:observed"):
        with pytest.raises(
            BadData, match=f"'{name}' is of counts, whole numbers from 0; the data has .*normal:optimal"
        ):
            likelihood_from(name).check(ValueRange(low, high, whole))
        likelihood_from(name).check(ValueRange(0, 1e7, True))


def test_other_totals_than_the_two_are_unknown_and_means_are_no_shares():
    with pytest.raises(UnknownName, match=r"'poisson:seen'\. Did you mean 'poisson:observed'"):
        likelihood_from("poisson:seen")
    with pytest.raises(Refused, match="Means are of counts whose total is modelled"):
        type(likelihood_from("poisson"))("observed", given="means")


def test_given_its_total_an_entry_has_its_share_of_it():
    likelihood = likelihood_from("poisson:observed").double()
    decoded = torch.randn(5, 7, dtype=torch.float64)
    x = torch.poisson(torch.linspace(0, 30, 35).double()).view(5, 7)
    x[0] = 0  # nothing was counted: that is certain, given the total
    expected = stats.poisson(x.sum(1, keepdim=True) * decoded.softmax(1)).logpmf(x).sum(1)
    law = likelihood(decoded)
    np.testing.assert_allclose(law.log_prob(x), expected, atol=1e-300)
    likelihood.fit([(decoded[:2], x[:2]), (decoded[2:], x[2:])])
    torch.testing.assert_close(law.mean, x.sum(1).mean() * decoded.softmax(1))
    assert abs(float(law.sample(torch.Size([2000])).sum(-1).mean() - x.sum(1).mean())) < 4 * math.sqrt(15 / 1000)
    # that many counts in all are a Poisson's, whatever the shares: of x given its total a multinomial is what is left
    total = stats.poisson(x.sum(1)).logpmf(x.sum(1))
    shares = decoded.softmax(1).numpy()
    multinomial = [stats.multinomial(n.sum(), p).logpmf(n) for n, p in zip(x.numpy().astype(int), shares, strict=True)]
    np.testing.assert_allclose(law.log_prob(x) - torch.as_tensor(total), multinomial, atol=1e-9)


def test_readings_of_x_given_its_total_say_so_and_no_certificate_is_of_simulated_data():
    x = torch.poisson(torch.rand(60, 5) * 9)
    model = VAE.build((5,), 1, likelihood="poisson:observed", options={"hidden": [8]}).eval()
    account = tw.measure(model, x)
    assert account.data["likelihood"] == "probabilities given the total of each example"
    assert all("of x given the total of each example" in account[name].bias for name in ("distortion", "elbo"))
    plain = tw.measure(VAE.build((5,), 1, likelihood="poisson", options={"hidden": [8]}).eval(), x)
    with pytest.raises(
        Refused, match="of probabilities given the total of each example in one and of probabilities in"
    ):
        account["elbo"] - plain["elbo"]
    with pytest.raises(Refused, match=r'given the total of each example, which only x tells\. Say method="iwae"'):
        tw.log_likelihood(model, x)
    evidence = tw.log_likelihood(model, x, method="iwae", samples=50)
    assert "of x given the total" in evidence["log_likelihood"].bias


def test_dispersion_is_of_each_entry_of_a_model_s_examples_and_another_shape_is_refused():
    model = VAE.build((4,), 2, likelihood="negative-binomial", options={"hidden": [8]})
    assert model.likelihood.log_theta.shape == (4,)
    with torch.no_grad():
        model.likelihood.log_theta.copy_(torch.arange(4.0))
    law, x = model.decode(torch.zeros(1, 2)), torch.tensor([[3.0, 0.0, 2.0, 9.0]])
    mean = law.mean.detach().double()
    theta = np.exp(np.arange(4.0))
    expected = stats.nbinom(theta, theta / (theta + mean.numpy())).logpmf(x).sum()
    assert float(law.log_prob(x).detach()) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(Refused, match=r"examples of shape \(4,\), and the model's are of shape \(3,\)"):
        VAE(torch.nn.Linear(3, 4), torch.nn.Linear(2, 3), shape=(3,), latent=2, likelihood=model.likelihood)


def test_networks_see_logarithms_of_counts_and_the_likelihood_the_counts_themselves(tmp_path):
    x = 1000 * torch.poisson(torch.rand(40, 3) * 4)
    seen = []
    encoder = torch.nn.Linear(3, 2)
    encoder.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    model = VAE(encoder, torch.nn.Linear(1, 3), shape=(3,), latent=1, likelihood="negative-binomial")
    draw = model.draw(x)
    assert draw.posterior is not None
    torch.testing.assert_close(seen[-1], x.log1p())
    torch.testing.assert_close(draw.inputs, x.log1p())
    for standardize in (None, True):  # True: for the networks alone
        run = tw.train(
            data=tw.load_data(x, standardize=standardize), likelihood="negative-binomial", epochs=1, latent=1,
            out=tmp_path / str(standardize), progress=False,
        )  # fmt: skip
        assert not run.model.is_of_standardised
        z = torch.zeros(1, 1)
        law = run.model.decode(z)
        assert type(law.base_dist) is NegativeBinomialCounts and run.model.modelled(x) is x
        again = tw.load_run(tmp_path / str(standardize), data=x).model
        assert torch.equal(again.decode(z).log_prob(x[:1]), law.log_prob(x[:1]))


def test_a_tensor_under_poisson_is_the_mean_and_logs_are_said():
    encode, weights = lambda x: (x[:, :2], x[:, :2] * 0 - 2), torch.randn(2, 5)
    x = torch.poisson(torch.full((64, 5), 2.0))

    def distortion(decode, likelihood):
        return tw.measure(tw.adapt(encode, decode, likelihood), x)["distortion"].value

    logs = distortion(lambda z: 0.2 * z @ weights, "poisson-logs")
    for name in ("poisson", "poisson-means"):
        assert distortion(lambda z: (0.2 * z @ weights).exp(), name) == pytest.approx(logs, rel=1e-5)
        with pytest.raises(Refused, match=r"from 0; got numbers from -.* the likelihood is 'poisson-logs'"):
            distortion(lambda z: 0.2 * z @ weights - 0.5, name)
    law = tw.adapt(encode, lambda z: torch.zeros(len(z), 5), "poisson")
    law.infer(x)
    assert law.generate(torch.zeros(2, 2), None).log_prob(torch.tensor([[0.0] * 5, [0, 0, 0, 0, 1]])).tolist() == [
        0.0,
        -math.inf,
    ]


def test_reconstructions_have_the_totals_of_their_own_examples():
    torch.manual_seed(0)
    x = torch.poisson(torch.rand(20, 6) * torch.linspace(1, 40, 20)[:, None])
    model = VAE.build((6,), latent=2, likelihood="negative-binomial:observed", options={"hidden": [4]})
    with torch.no_grad():
        shares = model.decoder(model.encode(x).mean).softmax(1)
    expected = x.sum(1, keepdim=True) * shares
    assert torch.allclose(model.reconstruct(x), expected, rtol=1e-4)
    made = pictures_of(model, tw.load_data(x, test=0.0), None, count=20).reconstructions
    assert np.allclose(made, expected.numpy(), rtol=1e-4)
    (batch,) = reconstruction_batches(model, tw.load_data(x, test=0.0), False, 20, "cpu")
    assert torch.allclose(batch.sum(1), x.sum(1), rtol=1e-4)
    (batch,) = reconstruction_batches(model, tw.load_data(x, test=0.0), True, 20, "cpu")
    assert float(np.corrcoef(batch.sum(1), x.sum(1))[0, 1]) > 0.6  # 0 if totals were not its own
    assert torch.allclose(expected_example(likelihood_from("poisson")(torch.zeros(1, 4)), x[:1, :4]), torch.ones(1, 4))
