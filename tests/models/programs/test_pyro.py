"""Guides of Pyro with their models, against Pyro's own ELBOs, and against the same model as two functions."""

from importlib.util import find_spec

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

import termwise as tw
from termwise.errors import Refused

if find_spec("pyro") is None:
    pytest.skip("Pyro is not installed", allow_module_level=True)

import pyro
import pyro.distributions as dist
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO
from pyro.infer.autoguide import AutoDiagonalNormal

X = torch.randn(90, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def networks():
    torch.manual_seed(0)
    pyro.clear_param_store()
    return nn.Linear(4, 4), nn.Linear(2, 4)


@pytest.fixture
def vae(networks):
    encoder, decoder = networks

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 0.5).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            mean, log_sigma = encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(mean, log_sigma.exp()).to_event(1))

    return guide, model


def elbo_of(loss, model, guide, times=40):
    with torch.no_grad():
        values = torch.tensor([-loss.loss(model, guide, X) for _ in range(times)])
    return float(values.mean()), float(values.std()) / times**0.5


def test_a_guide_and_its_model_have_the_account_of_the_same_two_functions(vae, networks):
    encoder, decoder = networks

    def encode(x):
        mean, log_sigma = encoder(x).chunk(2, -1)
        return mean, 2 * log_sigma

    account = tw.measure(tw.adapt(guide=vae[0], model=vae[1]), X, samples=4, batch_size=40)
    same = tw.measure(tw.adapt(encode, decoder, "normal:0.5"), X, samples=4, batch_size=40)
    assert account.keys() >= {"total_correlation", "marginal_kl", "dimension_wise_kl"}
    for name in ("rate", "index_code_mi", "total_correlation", "dimension_wise_kl", "distortion"):
        assert account[name].value == pytest.approx(same[name].value, abs=4 * account[name].stderr + 1e-6), name
    assert account["rate"].value == pytest.approx(same["rate"].value, rel=1e-6)
    mean, error = elbo_of(TraceMeanField_ELBO(), vae[1], vae[0])
    own = len(X) * account["elbo"].value
    assert abs(own - mean) < 4 * (error**2 * (1 + 40 / 4)) ** 0.5


def test_sites_that_are_given_others_and_shared_ones_sum_to_trace_elbo(networks):
    encoder, decoder = networks

    def model(x):
        noise = pyro.sample("noise", dist.LogNormal(0.0, 1.0))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            w = pyro.sample("w", dist.Normal(z.sum(-1), 1.0))
            pyro.sample("x", dist.Normal(decoder(z), noise).to_event(1), obs=x)
            pyro.sample("y", dist.Normal(w, 1.0), obs=x[:, 0])

    def guide(x):
        pyro.sample("noise", dist.LogNormal(0.1, 0.02))
        with pyro.plate("data", len(x)):
            mean, log_sigma = encoder(x).chunk(2, -1)
            z = pyro.sample("z", dist.Normal(mean, log_sigma.exp()).to_event(1))
            pyro.sample("w", dist.Normal(z[..., 0] * 0.5 + 0.3 * x[..., 0], 0.7))

    account = tw.measure(tw.adapt(guide=guide, model=model), X, samples=8, batch_size=45)
    assert account.data["blocks"] == ["z", "w"] and account.data["parts"] == ["x", "y"]
    shared = Normal(0.1, 0.02), Normal(0.0, 1.0)
    assert account["shared_rate"].value == pytest.approx(float(torch.distributions.kl_divergence(*shared)), rel=1e-5)
    mean, error = elbo_of(Trace_ELBO(), model, guide, 100)
    own = len(X) * account["elbo"].value - account["shared_rate"].value
    assert abs(own - mean) < 4 * error * (1 + 100 / 8) ** 0.5
    parts, rates = account.by_dimension["distortion_by_part"].value, account.by_dimension["rate_by_block"].value
    assert sum(parts) == pytest.approx(account["distortion"].value, rel=1e-5)
    assert sum(rates) == pytest.approx(account["rate"].value, rel=1e-4)
    mean_z, sigma = encoder(X).chunk(2, -1)
    kl = torch.distributions.kl_divergence(
        Independent(Normal(mean_z, sigma.exp()), 1), Independent(Normal(torch.zeros(2), 1.0), 1)
    )
    assert rates[0] == pytest.approx(float(kl.detach().mean()), rel=1e-5)


def test_a_model_that_tells_its_sites_in_another_order_than_the_guide_is_sampled():
    def model(x):
        with pyro.plate("data", len(x)):
            top = pyro.sample("top", dist.Normal(0.0, 1.0))
            low = pyro.sample("low", dist.Normal(top, 0.5))
            pyro.sample("x", dist.Normal(low[..., None].expand(len(x), 4), 1.0).to_event(1), obs=x)

    def guide(x):  # from below: q(low|x) q(top|low)
        with pyro.plate("data", len(x)):
            low = pyro.sample("low", dist.Normal(0.8 * x.mean(1), 0.4))
            pyro.sample("top", dist.Normal(0.8 * low, 0.45))

    account = tw.measure(tw.adapt(guide=guide, model=model), X, samples=8)
    assert account.data["blocks"] == ["low", "top"]
    mean, error = elbo_of(Trace_ELBO(), model, guide, 100)
    assert abs(len(X) * account["elbo"].value - mean) < 4 * error * (1 + 100 / 8) ** 0.5


def test_categories_and_independent_sites_are_blocks_of_a_product():
    def model(x):
        with pyro.plate("data", len(x)):
            kind = pyro.sample("kind", dist.Categorical(torch.tensor([0.5, 0.3, 0.2])))
            scale = pyro.sample("scale", dist.Gamma(2.0, 2.0))
            pyro.sample("x", dist.Normal(kind[..., None] * torch.ones(4), scale[..., None]).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("kind", dist.Categorical(logits=x[:, :3]))
            pyro.sample("scale", dist.Gamma(5.0 + x[:, 0].abs(), 4.0))

    account = tw.measure(tw.adapt(guide=guide, model=model), X, samples=10)
    assert account.data["blocks"] == ["kind", "scale"]
    probs = X[:, :3].softmax(1)
    kl = (probs * (probs / torch.tensor([0.5, 0.3, 0.2])).log()).sum(1).mean()
    of_scale = torch.distributions.kl_divergence(
        torch.distributions.Gamma(5.0 + X[:, 0].abs(), 4.0), torch.distributions.Gamma(2.0, 2.0)
    ).mean()
    assert account.by_dimension["rate_by_block"].value == pytest.approx([float(kl), float(of_scale)], rel=1e-4)
    assert "total_correlation" in account


def test_an_automatic_guide_of_shared_sites_is_said_once_and_together(networks):
    encoder, decoder = networks

    def model(x):
        bias = pyro.sample("bias", dist.Normal(torch.zeros(4), 1.0).to_event(1))
        noise = pyro.sample("noise", dist.LogNormal(0.0, 1.0))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z) + bias, noise).to_event(1), obs=x)

    shared = AutoDiagonalNormal(pyro.poutine.block(model, expose=["bias", "noise"]), init_scale=0.1)

    def guide(x):
        shared(x)
        with pyro.plate("data", len(x)):
            mean, log_sigma = encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(mean, log_sigma.exp()).to_event(1))

    guide(X)
    account = tw.measure(tw.adapt(guide=guide, model=model), X, samples=8, batch_size=30)
    assert account.data["shared"] == ["all"] and account["shared_rate"].value > 5
    assert account["shared_rate"].stderr > 0
    mean, error = elbo_of(Trace_ELBO(), model, guide, 100)
    own = len(X) * account["elbo"].value - account["shared_rate"].value
    assert abs(own - mean) < 4 * error * (1 + 100 / 8) ** 0.5


def programs(local=True, sizes=(90, 90), latent="z", prior=None, more=False):
    """A guide and a model, with one thing that may be wrong."""

    def model(x):
        with pyro.plate("data", min(sizes[0], len(x))):
            if local:
                pyro.sample("z", dist.Normal((prior or (lambda x: torch.zeros(len(x))))(x), 1.0))
            if more:
                pyro.sample("k", dist.Categorical(torch.ones(2)))
            pyro.sample("x", dist.Normal(0.0, 1.0), obs=x[: sizes[0], 0])

    def guide(x):
        if not local:
            pyro.sample("shared", dist.Normal(0.0, 1.0))
        with pyro.plate("data", min(sizes[1], len(x))):
            if local:
                pyro.sample(latent, dist.Normal(x[: sizes[1]].mean(1), 1.0))

    return {"guide": guide, "model": model}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"local": False}, "all are shared .*tw.bayes"),
        (
            {"sizes": (7, 7), "prior": lambda x: torch.zeros(7)},
            "a plate of the examples of a batch.*got data of 7 for 90",
        ),
        ({"sizes": (90, 7)}, r"The model failed on a batch of shape \(90, 4\): ValueError: .*"),
        ({"latent": "other"}, "model draws z, and the guide does not"),
        ({"more": True}, "model draws k, and the guide does not: what is summed over in Pyro"),
        ({"prior": lambda x: x.mean(1)}, "prior of 'z' is another for each example"),
    ],
)
def test_programs_that_cannot_be_an_account_are_refused_in_one_message(options, reason):
    with pytest.raises(Refused, match=reason):
        tw.measure(tw.adapt(**programs(**options)), X)


def test_what_is_no_pair_of_programs_is_refused(vae):
    for wrong in ({"guide": vae[0]}, {"model": vae[1]}, {"params": {}}):
        with pytest.raises(Refused, match=r"expected adapt\(guide=guide, model=model\)"):
            tw.adapt(**wrong)
    with pytest.raises(Refused, match="stand for all that"):
        tw.adapt(lambda x: x, guide=vae[0], model=vae[1])
    with pytest.raises(Refused, match=r"no site of Pyro's or NumPyro's when it is called as guide\(x\)"):
        tw.measure(tw.adapt(guide=lambda x: x, model=vae[1]), X)
    with pytest.raises(Refused, match=r"pyro: TypeError.*Pass what takes x alone"):
        tw.measure(tw.adapt(guide=lambda x, y: x, model=vae[1]), X)
