"""Programs of NumPyro and functions of JAX's, against NumPyro's ELBO and the same written for torch."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Gamma, MultivariateNormal, Normal, kl_divergence

import termwise as tw
from termwise.errors import Refused

if find_spec("numpyro") is None:
    pytest.skip("NumPyro is not installed", allow_module_level=True)

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from numpyro.infer import Trace_ELBO

from termwise.models.programs.arrays import JaxLaw, known_law, to_jax, to_torch

X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
UP = 0.3 * np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
DOWN = np.random.default_rng(1).normal(size=(2, 4)).astype(np.float32)


def model(x):
    noise = numpyro.sample("noise", dist.LogNormal(0.0, 1.0))
    with numpyro.plate("data", len(x)):
        z = numpyro.sample("z", dist.Normal(jnp.zeros(2), 1.0).to_event(1))
        kind = numpyro.sample("kind", dist.Categorical(logits=jnp.zeros(3)))
        numpyro.sample("x", dist.Normal(z @ DOWN + 0.1 * kind[..., None], noise).to_event(1), obs=x)


def guide(x):
    sharp = numpyro.param("sharp", 1.0)
    numpyro.sample("noise", dist.LogNormal(0.1, 0.02))
    with numpyro.plate("data", len(x)):
        mean, log_sigma = jnp.split(x @ UP, 2, axis=1)
        numpyro.sample("z", dist.Normal(mean, jnp.exp(log_sigma - sharp)).to_event(1))
        numpyro.sample("kind", dist.Categorical(logits=x[:, :3] * sharp))


def test_a_numpyro_guide_and_its_model_have_numpyros_elbo_by_site():
    params = {"sharp": jnp.array(0.5)}
    account = tw.measure(tw.adapt(guide=guide, model=model, params=params), X, samples=8, batch_size=60)
    assert account.data["blocks"] == ["z", "kind"]
    assert account["shared_rate"].value == pytest.approx(float(kl_divergence(Normal(0.1, 0.02), Normal(0.0, 1.0))))
    mean, log_sigma = (X @ torch.from_numpy(UP)).chunk(2, 1)
    probs = Categorical(logits=0.5 * X[:, :3])
    expected = [
        kl_divergence(Normal(mean, (log_sigma - 0.5).exp()), Normal(0.0, 1.0)).sum(1).mean(),
        kl_divergence(probs, Categorical(logits=torch.zeros(60, 3))).mean(),
    ]
    assert account.by_dimension["rate_by_block"].value == pytest.approx([float(one) for one in expected], rel=1e-4)
    loss = jax.jit(lambda key, x: Trace_ELBO().loss(key, params, model, guide, x))
    theirs = -np.array([loss(jax.random.PRNGKey(seed), to_jax(X)) for seed in range(100)])
    own = len(X) * account["elbo"].value - account["shared_rate"].value
    assert abs(own - theirs.mean()) < 4 * theirs.std() / 10 * (1 + 100 / 8) ** 0.5


def test_a_guide_of_numpyros_without_its_parameters_takes_those_that_it_begins_with():
    account = tw.measure(tw.adapt(guide=guide, model=model), X, batch_size=60)
    mean, log_sigma = (X @ torch.from_numpy(UP)).chunk(2, 1)
    expected = kl_divergence(Normal(mean, (log_sigma - 1).exp()), Normal(0.0, 1.0)).sum(1).mean()
    assert account.by_dimension["rate_by_block"].value[0] == pytest.approx(float(expected), rel=1e-4)


def test_functions_of_jaxs_have_the_account_of_the_same_in_torch():
    up, down = torch.from_numpy(UP), torch.from_numpy(DOWN)

    def encode(x):
        return jnp.split(jnp.dot(x, UP), 2, axis=1)

    ours = tw.measure(tw.adapt(jax.jit(encode), lambda z: jnp.dot(z, DOWN), "normal:0.3"), X, batch_size=60)
    same = tw.measure(tw.adapt(lambda x: (x @ up).chunk(2, 1), lambda z: z @ down, "normal:0.3"), X, batch_size=60)
    assert ours.overall.keys() == same.overall.keys()
    for name, reading in same.overall.items():
        assert ours[name].value == pytest.approx(reading.value, rel=1e-3, abs=1e-3), name


def test_laws_and_contexts_of_jaxs_functions_are_taken_too():
    def encode(x):
        mean, log_variance = jnp.split(x @ UP, 2, axis=1)
        return {"posterior": dist.Normal(mean, jnp.exp(0.5 * log_variance)), "context": x.sum(1)}

    def decode(z, context):
        return dist.ZeroInflatedPoisson(0.1, jnp.exp(z @ DOWN * 0.1 + context[:, None] * 0)).to_event(1)

    counts = (3 * X.abs()).round()
    account = tw.measure(tw.adapt(encode, decode), counts, batch_size=60)
    mean, log_variance = (counts @ torch.from_numpy(UP)).chunk(2, 1)
    rate = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(1).mean()
    assert account["rate"].value == pytest.approx(float(rate), rel=1e-4)
    assert account["elbo"].value < 0


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (lambda: dist.Normal(jnp.zeros(3), 2.0), lambda: Normal(torch.zeros(3), 2.0)),
        (lambda: dist.Gamma(2.0, jnp.array([1.0, 3.0])), lambda: Gamma(2.0, torch.tensor([1.0, 3.0]))),
        (lambda: dist.Normal(0.0, 1.0).expand([4, 2]).to_event(1), lambda: Normal(torch.zeros(4, 2), 1.0)),
        (
            lambda: dist.MultivariateNormal(jnp.zeros(2), scale_tril=jnp.array([[1.0, 0.0], [0.5, 2.0]])),
            lambda: MultivariateNormal(torch.zeros(2), scale_tril=torch.tensor([[1.0, 0.0], [0.5, 2.0]])),
        ),
    ],
)
def test_a_law_of_numpyros_is_torchs_own(theirs, ours):
    law, own = known_law(theirs()), ours()
    value = own.sample().abs() + 0.1
    assert law.log_prob(value).sum() == pytest.approx(float(own.log_prob(value).sum()), rel=1e-5)
    asked = JaxLaw(theirs())
    assert asked.log_prob(value).sum() == pytest.approx(float(own.log_prob(value).sum()), rel=1e-5)
    assert asked.event_shape == law.event_shape


def test_arrays_go_over_and_back_and_keep_to_themselves():
    x = torch.arange(6.0).view(2, 3)
    array = to_jax(x)
    back = to_torch({"a": (array, 3), "b": [array]})
    back["a"][0].zero_()
    assert torch.equal(to_torch(array), x) and back["a"][1] == 3
    assert to_jax(x.double()).dtype == jnp.float32


def test_a_function_that_fails_on_both_says_why_it_fails_on_its_own():
    with pytest.raises(Refused, match=r"encode\(\) failed.*shape"):
        tw.measure(tw.adapt(lambda x: jnp.dot(x, jnp.zeros((7, 2)))), X)
    with pytest.raises(Refused, match=r"encode\(\) failed.*mat1 and mat2"):
        tw.measure(tw.adapt(lambda x: x @ torch.zeros(7, 2)), X)
