"""Anyone's model: every form that its two functions may take, and one clear error for each that they may not."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    ExpTransform,
    Independent,
    Laplace,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Poisson,
    TransformedDistribution,
    kl_divergence,
)

from helpers.agreement import account_and_codes, assert_terms_agree
from helpers.two_functions import DOWN, Theirs, X, encode, logits, mean_of, posterior, rate_of
from termwise.api import measure
from termwise.errors import BadData, Refused, TermwiseError, UnknownName
from termwise.models import Draw, adapt
from termwise.terms.link import Distortion

HALVED = nn.Linear(16, 8).half()


def expected_rate(law: Distribution) -> torch.Tensor:
    flat = law.event_shape.numel()
    return kl_divergence(law, MultivariateNormal(torch.zeros(flat), torch.eye(flat)))


def test_a_mean_and_a_log_variance_make_a_diagonal_normal():
    mean, log_variance = encode(X)
    law = MultivariateNormal(mean, torch.diag_embed(log_variance.exp()))
    assert torch.allclose(rate_of(adapt(encode)), expected_rate(law), rtol=1e-4)


@pytest.mark.parametrize(
    "give",
    [
        lambda x: posterior(),
        lambda x: posterior().base_dist,
        lambda x: list(encode(x)),
        lambda x: (*encode(x), "a context"),
        lambda x: (posterior(), "a context"),
        lambda x: tuple(part.view(-1, 4, 1, 1) for part in encode(x)),
        lambda x: tuple(part.view(-1, 2, 2) for part in encode(x)),
        lambda x: Independent(Normal(mean_of(x).view(-1, 2, 2), (mean_of(x) - 1).exp().sqrt().view(-1, 2, 2)), 2),
    ],
)
def test_every_form_of_the_same_posterior_has_the_same_rate(give):
    model = adapt(give)
    law, _ = model.infer(X)
    assert (law.batch_shape, law.event_shape) == ((12,), (4,))
    assert torch.allclose(rate_of(model), rate_of(adapt(encode)), rtol=1e-5)


def test_covariances_are_taken_as_they_are():
    factor, diagonal = torch.randn(12, 4, 2), torch.rand(12, 4) + 0.1
    low_rank = LowRankMultivariateNormal(mean_of(X), factor, diagonal)
    full = MultivariateNormal(mean_of(X), factor @ factor.mT + torch.diag_embed(diagonal))
    expected = expected_rate(full)
    assert torch.allclose(rate_of(adapt(lambda x: low_rank)), expected, rtol=1e-4)
    assert torch.allclose(rate_of(adapt(lambda x: full)), expected, rtol=1e-4)


def test_the_context_goes_to_the_decoder_and_only_where_there_is_one():
    given = []

    def decode(z, *rest):
        given.append((tuple(z.shape), rest))
        return Independent(Bernoulli(logits=logits(z)), 3)

    with_context = adapt(lambda x: (*encode(x), x.sum((1, 2, 3))), decode)
    draw = Draw(with_context, X)
    _ = draw.likelihood
    _ = Draw(adapt(encode, decode), X).likelihood
    assert given[0][0] == given[1][0] == (12, 4)
    assert torch.equal(given[0][1][0], X.sum((1, 2, 3)))
    assert given[1][1] == ()


def test_the_decoder_gets_codes_in_the_shape_in_which_the_encoder_gave_them():
    seen = []
    model = adapt(
        lambda x: tuple(part.view(-1, 2, 2) for part in encode(x)),
        lambda z: seen.append(z) or logits(z.flatten(1)),
        "bernoulli-logits",
    )
    draw = Draw(model, X)
    _ = draw.likelihood
    assert seen[0].shape == (12, 2, 2)
    assert torch.equal(seen[0].flatten(1), draw.z)


def test_a_code_of_one_number_may_come_without_a_dimension_of_its_own():
    model = adapt(lambda x: (x.mean((1, 2, 3)), torch.zeros(len(x))), lambda z: z.view(-1, 1, 1, 1) + 0 * X, "normal:1")
    assert model.infer(X)[0].event_shape == (1,)
    assert torch.allclose(rate_of(model), 0.5 * X.mean((1, 2, 3)).square())
    assert Distortion()(Draw(model, X)).shape == (12,)


@pytest.mark.parametrize(
    ("likelihood", "decode", "law"),
    [
        ("bernoulli", lambda z: logits(z).sigmoid(), lambda z: Bernoulli(logits=logits(z))),
        ("bernoulli-logits", logits, lambda z: Bernoulli(logits=logits(z))),
        ("normal:0.1", logits, lambda z: Normal(logits(z), 0.1)),
        ("laplace:2", logits, lambda z: Laplace(logits(z), 2.0)),
        (None, lambda z: Bernoulli(logits=logits(z)), lambda z: Bernoulli(logits=logits(z))),
        (None, lambda z: Independent(Poisson(logits(z).exp()), 2), lambda z: Poisson(logits(z).exp())),
        (
            "categorical:2",
            lambda z: torch.stack([logits(z), -logits(z)], 1),
            lambda z: Categorical(logits=torch.stack([logits(z), -logits(z)], -1)),
        ),
    ],
)
def test_the_distortion_is_the_sum_over_an_example_of_the_law_that_was_meant(likelihood, decode, law):
    draw = Draw(adapt(encode, decode, likelihood), X)
    expected = -law(draw.z).log_prob(X).sum((1, 2, 3))
    assert torch.allclose(Distortion()(draw), expected, rtol=1e-4, atol=1e-4)


def test_a_law_of_the_users_own_that_declares_no_shape_is_taken_at_its_word():
    class Counts(Distribution):
        arg_constraints = {}  # noqa: RUF012

        def __init__(self, log_mean):
            self.log_mean = log_mean
            super().__init__(validate_args=False)

        def log_prob(self, value):
            return Poisson(self.log_mean.exp()).log_prob(value)

    x = X.flatten(1)
    draw = Draw(adapt(encode, lambda z: Counts(z @ DOWN.T)), x)
    expected = -Poisson((draw.z @ DOWN.T).exp()).log_prob(x)
    assert torch.allclose(Distortion()(draw), expected)


def test_a_prior_of_ones_own_is_flattened_like_the_codes():
    def square(x):
        return tuple(part.view(-1, 2, 2) for part in encode(x))

    prior = Independent(Normal(torch.full((2, 2), 0.5), 2.0), 2)
    wide = MultivariateNormal(torch.full((4,), 0.5), 4 * torch.eye(4))
    law = MultivariateNormal(mean_of(X), torch.diag_embed((mean_of(X) - 1).exp()))
    assert torch.allclose(rate_of(adapt(square, prior=prior)), kl_divergence(law, wide), rtol=1e-4)


def test_without_a_decoder_the_links_of_the_rate_alone_are_measured():
    account = measure(adapt(encode), X)
    assert {"rate", "index_code_mi", "total_correlation", "marginal_kl", "dimension_wise_kl"} <= set(account)
    assert not {"distortion", "elbo"} & set(account)
    assert account["rate"].value == pytest.approx(rate_of(adapt(encode)).mean().item(), rel=1e-5)
    with pytest.raises(Refused, match=r"no decoder: pass adapt\(decode="):
        _ = Draw(adapt(encode), X).likelihood


def test_a_prior_without_a_closed_form_is_measured_by_monte_carlo():
    components = Independent(Normal(torch.tensor([[-1.0] * 4, [1.0] * 4]), 1.0), 1)
    account = measure(adapt(encode, prior=MixtureSameFamily(Categorical(torch.ones(2)), components)), X, samples=50)
    assert account["rate"].estimator == "Monte Carlo, control variates"
    assert "dimension_wise_kl" not in account
    with torch.no_grad():
        codes = posterior().sample((20_000,))
        mixed = torch.logsumexp(components.log_prob(codes.unsqueeze(-2)), -1) - torch.log(torch.tensor(2.0))
        expected = (posterior().log_prob(codes) - mixed).mean().item()
    assert account["rate"].value == pytest.approx(expected, abs=0.3)  # 600 codes, each within about 1.5: 5 errors


def test_codes_that_are_moved_one_to_one_tell_as_much_of_the_example():
    """exp of normal codes, number by number, has the same index-code MI and total correlation, which no law names."""
    x = torch.randn(200, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    law = lambda x: Independent(Normal(mean_of(x), (0.5 * (mean_of(x) - 1)).exp()), 1)  # noqa: E731
    plain = measure(adapt(law), x)
    skewed = measure(adapt(lambda x: Independent(TransformedDistribution(law(x).base_dist, [ExpTransform()]), 1)), x)
    together = measure(adapt(lambda x: TransformedDistribution(law(x), [ExpTransform()])), x)
    for name in ("index_code_mi", "total_correlation"):
        error = 4 * math.hypot(plain[name].stderr, skewed[name].stderr)
        assert abs(skewed[name].value - plain[name].value) < error, name
    assert abs(together["index_code_mi"].value - skewed["index_code_mi"].value) < 4 * skewed["index_code_mi"].stderr
    assert "total_correlation" not in together  # of which no one knows the marginals


@pytest.mark.parametrize(
    ("give", "reason"),
    [
        (lambda x: x, r"must give \(mean, log_var\) or a torch Distribution.*got a Tensor"),
        (lambda x: {"mean": x}, r"'log_var': .*; got 'mean'"),
        (lambda x: (1.0, 2.0), "got a tuple of 2"),
        (lambda x: (*encode(x), 1, 2), "got a tuple of 4"),
        (lambda x: (mean_of(x), mean_of(x)[:, :1]), r"mean of shape \(12, 4\) and a log variance of shape \(12, 1\)"),
        (lambda x: (mean_of(x)[:1], mean_of(x)[:1]), "one code per example: 12 went in"),
        (lambda x: MultivariateNormal(mean_of(x).view(3, 4, 4), torch.eye(4)), "one code per example"),
        (lambda x: Laplace(mean_of(x).view(12, 2, 2), 1.0), r"batch shape \(B,\) and event shape \(D,\)"),
    ],
)
def test_what_encode_may_not_give_is_refused_in_one_message(give, reason):
    with pytest.raises(Refused, match=reason):
        adapt(give).infer(X)


@pytest.mark.parametrize(
    ("decode", "likelihood", "reason"),
    [
        (logits, None, r"nothing says of which law.*adapt\(likelihood="),
        (lambda z: z @ DOWN.T, "bernoulli-logits", r"12 examples of shape \(1, 4, 4\).*event shape \(16,\)"),
        (lambda z: z[:, :1].view(-1, 1, 1, 1), "normal:1", r"event shape \(1, 1, 1\)"),
        (lambda z: logits(z)[:1], "normal:1", r"batch shape \(1,\)"),
        (lambda z: Independent(Normal(logits(z), 1.0), 4), None, r"batch shape \(\)"),
        (lambda z: None, "normal:1", "got a NoneType"),
        (lambda z: z.sum(), "normal:1", "got a single number"),
        (lambda z: logits(z).unsqueeze(1).expand(-1, 3, -1, -1, -1), "categorical:4", "4 classes needs logits"),
    ],
)
def test_what_decode_may_not_give_is_refused_in_one_message(decode, likelihood, reason):
    with pytest.raises(Refused, match=reason):
        _ = Draw(adapt(encode, decode, likelihood), X).likelihood


@pytest.mark.parametrize("spec", ["normal", "normal:learned", "normal:optimal"])
def test_a_sigma_that_only_the_user_knows_is_asked_for(spec):
    with pytest.raises(Refused, match=r"names no sigma.*'normal:0.1'"):
        adapt(encode, logits, spec)


def test_an_unknown_likelihood_is_told_which_are_near():
    with pytest.raises(UnknownName, match="Did you mean 'bernoulli'"):
        adapt(encode, logits, "bernouli")


def test_data_outside_of_the_likelihoods_range_is_refused():
    with pytest.raises(BadData, match=r"values in \[0, 1\]; these run -1 to 1"):
        measure(adapt(encode, lambda z: logits(z).sigmoid(), "bernoulli"), 2 * X - 1)


@pytest.mark.parametrize("prior", [Normal(torch.zeros(5), 1.0), Normal(0.0, 1.0)])
def test_a_prior_of_another_size_is_refused(prior):
    with pytest.raises(Refused, match="The codes have 4 dimensions"):
        measure(adapt(encode, prior=prior), X)


def test_the_default_prior_needs_a_code_to_take_its_size_from():
    with pytest.raises(TermwiseError, match="infer a batch first"):
        adapt(encode).prior_law()


def test_a_normal_that_comes_in_half_precision_is_widened():
    narrow = Normal(mean_of(X).half(), torch.full((12, 4), 0.01).half())
    law = MultivariateNormal(narrow.mean.double(), torch.diag_embed(narrow.stddev.double().square()))
    wide = MultivariateNormal(torch.zeros(4).double(), torch.eye(4).double())
    assert torch.allclose(rate_of(adapt(lambda x: narrow)).double(), kl_divergence(law, wide), rtol=1e-5)


@pytest.mark.parametrize(
    ("calls", "reason"),
    [
        (
            (lambda x: HALVED(x.flatten(1)).chunk(2, 1),),
            r"encode\(\) failed on a batch of shape \(12, 1, 4, 4\), torch.flo",
        ),
        ((lambda x: HALVED(x.flatten(1)).chunk(2, 1),), "its parameters are torch.float16 on cpu: RuntimeError: "),
        ((lambda x, y: (x, y),), "TypeError: .*missing 1 required positional argument: 'y'"),
        ((encode, lambda z, y: z), r"decode\(\) failed on codes of shape \(12, 4\)"),
        (
            (lambda x: (mean_of(x) / 0, mean_of(x)),),
            "gives means that are not finite.*12 of 12 examples, the first of them number 0",
        ),
        (
            (lambda x: (mean_of(x), mean_of(x) - 1e5),),
            r"standard deviations \(or log variances\) that are not finite, or",
        ),
        (
            (encode, None, None, Normal(torch.zeros(4, device="meta"), 1.0, validate_args=False)),
            "on cpu, and the prior is not",
        ),
    ],
)
def test_what_goes_wrong_in_the_users_functions_is_one_message(calls, reason):
    with pytest.raises(Refused, match=reason):
        measure(adapt(*calls), X)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (3, r"Expected a function encode\(x\), or one of pythae's .*got a int. Pass two functions"),
        ("a path", "got a str"),
        ((encode, logits), "got a tuple"),
        (Theirs(), r"got a Theirs. Pass two functions: adapt\(encode=model.encode, decode=model.decode"),
        (adapt(encode), r"This Adapted can be measured as it is: measure\(model, data\)"),
    ],
)
def test_what_is_no_function_is_refused_with_what_would_do(what, reason):
    with pytest.raises(Refused, match=reason):
        adapt(what)


def test_inputs_in_tuples_are_refused():
    with pytest.raises(BadData, match="got tuple"):
        measure(adapt(encode), (X, X))


def test_every_term_of_two_functions_is_brute_forces_at_the_same_codes():
    account, z = account_and_codes(adapt(encode, logits, likelihood="bernoulli-logits"), X, batch_size=5)
    mean, log_variance = encode(X)
    own = -Bernoulli(logits=logits(z)).log_prob(X).flatten(1).sum(1).mean()
    assert account["distortion"].value == pytest.approx(float(own), rel=1e-5)
    assert_terms_agree(account, z, mean, (0.5 * log_variance).exp())
