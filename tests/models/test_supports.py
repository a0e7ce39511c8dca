"""Where laws live: every law of torch's says what its own samples are, and a rate asks for two over the same values."""

import math

import pytest
import torch
from torch.distributions import (
    AffineTransform,
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    Cauchy,
    Chi2,
    ContinuousBernoulli,
    Dirichlet,
    Distribution,
    Exponential,
    ExpTransform,
    FisherSnedecor,
    Gamma,
    Geometric,
    Gumbel,
    HalfCauchy,
    HalfNormal,
    Independent,
    InverseGamma,
    Kumaraswamy,
    Laplace,
    LogisticNormal,
    LogNormal,
    MixtureSameFamily,
    Multinomial,
    MultivariateNormal,
    NegativeBinomial,
    Normal,
    OneHotCategorical,
    Pareto,
    Poisson,
    RelaxedBernoulli,
    RelaxedOneHotCategorical,
    StudentT,
    TanhTransform,
    TransformedDistribution,
    Uniform,
    VonMises,
    Weibull,
)

from termwise.api import log_likelihood, measure, train
from termwise.errors import BadData, Refused
from termwise.models import VAE, adapt
from termwise.models.distributions import values_of
from termwise.models.flat_codes import flat
from termwise.models.supports import ONE_HOT, WHOLE, Support, support_of

D, N = 3, 64
ZERO, ONE = torch.zeros(D), torch.ones(D)
X = torch.randn(N, D, generator=torch.Generator().manual_seed(0))

REALS = {
    "normal": lambda x: Normal(x, ONE),
    "laplace": lambda x: Laplace(x, ONE),
    "gumbel": lambda x: Gumbel(x, ONE),
    "student": lambda x: StudentT(5 * ONE, x),
    "cauchy": lambda x: Cauchy(x, ONE),
    "full normal": lambda x: MultivariateNormal(x, torch.eye(D)),
    "shifted": lambda x: TransformedDistribution(Normal(x, ONE), [AffineTransform(1.0, -2.0)]),
    "mixture": lambda x: MixtureSameFamily(
        Categorical(torch.ones(*x.shape[:-1], 2)), Independent(Normal(torch.stack([x, -x], -2), 1.0), 1)
    ),
}
BOUNDED = {
    "uniform": lambda x: Uniform(x.sigmoid() / 2, x.sigmoid() / 2 + 0.5),
    "shifted uniform": lambda x: TransformedDistribution(Uniform(0 * x, 0 * x + 1), [AffineTransform(2.0, -2.0)]),
    "tanh": lambda x: TransformedDistribution(Normal(x, ONE), [TanhTransform()]),
    "beta": lambda x: Beta(x.exp(), ONE),
    "kumaraswamy": lambda x: Kumaraswamy(1 + x.exp(), 1 + ONE),
    "continuous bernoulli": lambda x: ContinuousBernoulli(logits=x),
    "relaxed bernoulli": lambda x: RelaxedBernoulli(torch.tensor(1.0), logits=x),
    "von mises": lambda x: VonMises(x, ONE),
    "exponential": lambda x: Exponential(x.exp()),
    "gamma": lambda x: Gamma(x.exp(), ONE),
    "chi2": lambda x: Chi2(x.exp()),
    "log-normal": lambda x: LogNormal(x, ONE),
    "exp": lambda x: TransformedDistribution(Laplace(x, ONE / 4), [ExpTransform()]),
    "weibull": lambda x: Weibull(x.exp(), ONE),
    "half-normal": lambda x: HalfNormal(x.exp()),
    "half-cauchy": lambda x: HalfCauchy(x.exp()),
    "pareto": lambda x: Pareto(x.exp(), 4 * ONE),
    "inverse gamma": lambda x: InverseGamma(4 * ONE, x.exp()),
    "fisher": lambda x: FisherSnedecor(6 + 0 * x, 6 + 0 * x),
}
SHARES = {
    "dirichlet": lambda x: Dirichlet(x.exp()),
    "relaxed one-hot": lambda x: RelaxedOneHotCategorical(torch.tensor(1.0), logits=x),
    "logistic normal": lambda x: LogisticNormal(x[..., 1:], ONE[1:]),
}
MASSES = {
    "bernoulli": lambda x: Bernoulli(logits=x),
    "poisson": lambda x: Poisson(x.exp()),
    "geometric": lambda x: Geometric(logits=x),
    "binomial": lambda x: Binomial(4, logits=x),
    "negative binomial": lambda x: NegativeBinomial(3.0, logits=x),
    "categorical": lambda x: Categorical(logits=torch.stack([x, 0 * x, -x], -1)),
    "one-hot": lambda x: OneHotCategorical(logits=x),
    "multinomial": lambda x: Multinomial(4, logits=x),
}
EVERY = REALS | BOUNDED | SHARES | MASSES


def rate(posterior, prior: Distribution | None, samples: int = 1):
    return measure(adapt(posterior, prior=prior), X, samples=samples)["rate"]


@pytest.mark.parametrize("kind", EVERY)
def test_a_law_s_samples_are_where_it_says_and_it_is_within_itself(kind):
    torch.manual_seed(1)
    law = EVERY[kind](X)
    support, z = support_of(law), law.sample((200,)).double()
    assert support is not None and support.holds(support) and support.discrete == (kind in MASSES)
    assert ((z >= support.lower - 1e-6) & (z <= support.upper + 1e-6)).all()
    assert (support.lower.isinf() & support.upper.isinf()).all() == (kind in (*REALS, *SHARES, "multinomial"))


@pytest.mark.parametrize("kind", [kind for kind in EVERY if kind not in ("cauchy", *REALS)])
def test_a_normal_posterior_has_no_rate_under_a_prior_over_other_values(kind):
    with pytest.raises(Refused, match=r"Pass a prior over the same values, such as prior=Independent\(Normal\("):
        rate(lambda x: (x, 0 * x), EVERY[kind](ZERO))


@pytest.mark.parametrize("kind", [kind for kind in REALS if kind != "cauchy"])
def test_a_prior_over_all_numbers_takes_a_normal_posterior(kind):
    prior, law = flat(REALS[kind](ZERO), batch=0), Independent(Normal(X, 1.0), 1)
    z = law.sample((4000,))
    ratio = (law.log_prob(z) - prior.log_prob(z)).mean(1)  # over examples
    reading = rate(lambda x: (x, 0 * x), REALS[kind](ZERO), samples=8)
    error = float(ratio.std()) / 4000**0.5
    error = math.hypot(error, reading.stderr if reading.estimator.startswith("Monte Carlo") else 0.0)
    assert reading.value == pytest.approx(float(ratio.mean()), abs=4 * error + 1e-4)


@pytest.mark.parametrize("kind", [*MASSES, *SHARES])
def test_a_mass_function_or_shares_under_the_default_prior_are_told_which_prior_would_do(kind):
    with pytest.raises(Refused, match=r"there is no KL between the two. Pass a prior over the same values"):
        rate(EVERY[kind], None)


@pytest.mark.parametrize("kind", [kind for kind in EVERY if kind not in ("multinomial", "cauchy", "inverse gamma")])
def test_the_prior_that_is_named_does(kind):
    support = support_of(EVERY[kind](X))
    names = {law.__name__: law for law in (Independent, Normal, Exponential, Uniform, Poisson, VonMises, Categorical)}
    names |= {"torch": torch, "Bernoulli": Bernoulli, "OneHotCategorical": OneHotCategorical, "Dirichlet": Dirichlet}
    prior = eval(support.example_prior(D), names)
    assert support_of(prior).holds(support)
    reading = rate(EVERY[kind], prior)
    assert math.isfinite(reading.value) and reading.value >= -4 * (reading.stderr or 0)


def test_the_rate_of_a_one_hot_code_is_that_of_its_logits():
    logits = X.log_softmax(1)
    expected = (logits.exp() * (logits + math.log(D))).sum(1).mean()
    assert rate(MASSES["one-hot"], OneHotCategorical(logits=ZERO)).value == pytest.approx(float(expected), rel=1e-5)
    of_coins = Independent(Bernoulli(logits=ZERO), 1)  # one-hot vectors are zeros and ones: D log 2 - H(q)
    expected = D * math.log(2) + (logits.exp() * logits).sum(1).mean()
    reading = rate(MASSES["one-hot"], of_coins, samples=50)
    assert reading.value == pytest.approx(float(expected), abs=4 * reading.stderr)


@pytest.mark.parametrize("inside", [True, False])
def test_a_uniform_posterior_under_a_uniform_prior_is_exact_or_infinite(inside):
    prior = Uniform(-2 * ONE, 2 * ONE if inside else ONE / 2)
    if inside:
        assert rate(BOUNDED["uniform"], prior).value == pytest.approx(D * math.log(4 / 0.5), rel=1e-5)
    else:
        with pytest.raises(Refused, match="The rate is infinite"):
            rate(BOUNDED["uniform"], prior)


@pytest.mark.parametrize("kind", ["cauchy", "half-cauchy"])
def test_a_posterior_without_a_variance_has_no_rate_under_a_normal(kind):
    with pytest.raises(Refused, match=r"infinite: .* has no finite variance"):
        rate(EVERY[kind], None)
    with pytest.raises(Refused, match=r"infinite: .* has no finite mean"):
        rate(EVERY[kind], Laplace(ZERO, ONE))
    assert math.isfinite(rate(EVERY[kind], Cauchy(ZERO, ONE)).value)


def test_a_prior_of_parameters_that_are_none_is_refused():
    for prior in (Normal(ZERO, -ONE, validate_args=False), Laplace(ZERO / 0, ONE, validate_args=False)):
        with pytest.raises(Refused, match=r"The prior \((Normal|Laplace)\) has .* none that such a law can have"):
            rate(lambda x: (x, 0 * x), prior)


def test_a_law_that_does_not_say_is_taken_at_its_word():
    class Mine(Distribution):
        arg_constraints = {}  # noqa: RUF012

        def __init__(self):
            super().__init__(torch.Size(), torch.Size([D]), validate_args=False)

        def log_prob(self, value):
            return Independent(Normal(ZERO, 1.0), 1).log_prob(value)

    assert support_of(Mine()) is None
    assert rate(lambda x: (x, 0 * x), Mine()).value == pytest.approx(
        rate(lambda x: (x, 0 * x), None).value, abs=4 * rate(lambda x: (x, 0 * x), Mine()).stderr
    )


def test_training_refuses_before_anything_is_begun(tmp_path):
    for prior, reason in ((Uniform(ZERO, ONE), "rate is infinite"), (Poisson(ONE), "no KL between the two")):
        linear = torch.nn.Linear(D, 2 * D), torch.nn.Linear(D, D)
        model = VAE(*linear, shape=(D,), latent=D, prior=Independent(prior, 1), likelihood="normal:1")
        with pytest.raises(Refused, match=reason):
            train(model=model, data=X, recipe="vae", out=tmp_path / "run", progress=False)
        assert not (tmp_path / "run").exists()


def test_training_under_a_prior_without_a_closed_form_is_evaluated_by_its_codes(tmp_path):
    linear = torch.nn.Linear(D, 2 * D), torch.nn.Linear(D, D)
    prior = Independent(StudentT(5 * ONE), 1)
    model = VAE(*linear, shape=(D,), latent=D, prior=prior, likelihood="normal:1")
    run = train(model=model, data=X, recipe="beta-tcvae", epochs=1, out=tmp_path / "run", progress=False)
    assert run.account["rate"].estimator == "Monte Carlo"
    assert {"rate", "elbo"} <= set(next(line for line in run.metrics() if line["split"] == "test")["terms"])


def test_codes_that_gradients_cannot_move_are_weighed_or_summed_and_not_annealed():
    weights = torch.randn(D, D)
    model = adapt(MASSES["one-hot"], lambda z: Normal(z @ weights, 1.0), prior=OneHotCategorical(logits=ZERO))
    codes = torch.eye(D)
    exact = torch.stack([Normal(code @ weights, 1.0).log_prob(X).sum(1) for code in codes]).logsumexp(0) - math.log(D)
    reading = log_likelihood(model, X, method="iwae", samples=2000)["log_likelihood"]
    assert reading.value == pytest.approx(float(exact.mean()), abs=0.02)  # 2000 codes of three kinds
    assert log_likelihood(model, X)["log_likelihood"].value == pytest.approx(float(exact.mean()), abs=1e-4)
    with pytest.raises(Refused, match=r"these are one-hot vectors. Take method='iwae'"):
        log_likelihood(model, X, limit=4, method="iwae", split_gap=True)
    with pytest.raises(Refused, match="these codes are one-hot vectors"):
        measure(model, X, critic=True, critic_steps=1)


@pytest.mark.parametrize(
    ("law", "x", "reason"),
    [
        (lambda z: Poisson(z.exp(), validate_args=False), X.sigmoid(), "whole numbers from 0; the data has fractions"),
        (lambda z: Exponential(z.exp(), validate_args=False), X, r"numbers from 0; the data has fractions in \[-"),
        (
            lambda z: Categorical(logits=z.unsqueeze(-1) + ONE),
            (X > 0) * 5.0,
            r"from 0 to 2; .* whole numbers in \[0, 5",
        ),
        (lambda z: LogNormal(z, 1.0), (X > 0).float(), "refuses values from 0 to 1"),
        (lambda z: Uniform(z - 1, z + 1), X, "refuses values from"),
        (lambda z: Independent(Bernoulli(logits=z), 1), X.sigmoid(), "refuses values from 0.*within the support"),
    ],
)
def test_data_that_are_no_values_of_the_likelihood_are_refused(law, x, reason):
    with pytest.raises(BadData, match=reason):
        measure(adapt(lambda x: (x, 0 * x), law), x)


def test_grey_values_pass_for_a_bernoulli_s_that_does_not_look():
    account = measure(adapt(lambda x: (x, 0 * x), lambda z: Bernoulli(logits=z, validate_args=False)), X.sigmoid())
    assert "cross-entropy" in account["distortion"].bias


def test_supports_in_words():
    zero, one, end = torch.tensor(0.0), torch.tensor(1.0), torch.tensor(math.inf)
    assert Support(WHOLE, zero, end).in_words == "whole numbers from 0"
    assert Support(ONE_HOT, zero, one).in_words == "one-hot vectors"
    assert support_of(Normal(0.0, 1.0)).in_words == "real numbers"
    assert support_of(Uniform(-1.0, 2.5)).in_words == "numbers from -1 to 2.5"


def test_values_that_are_none_are_refused_also_after_torchs_compiler_has_turned_that_off():
    torch.distributions.Distribution.set_default_validate_args(False)
    half = torch.full((2, 1), 0.5)
    law, free = (Independent(Poisson(torch.ones(2, 1), **its), 1) for its in ({}, {"validate_args": False}))
    with pytest.raises(BadData, match=r"refuses values from 0\.5 to 0\.5"), values_of(law, half, "the likelihood"):
        law.log_prob(half)
    with values_of(free, half, "the likelihood"):  # which says itself that it takes them
        assert free.log_prob(half).isfinite().all()
