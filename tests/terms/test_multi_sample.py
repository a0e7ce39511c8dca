"""The bound of several codes: its order on worlds where log p(x) is known, and its three gradients."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Laplace, MultivariateNormal, Normal

from termwise.errors import Refused
from termwise.models import VAE
from termwise.models.draw import Draw
from termwise.terms import MultiSampleBound
from termwise.worlds import LinearGaussian


def near_the_posterior(seed, latent):
    """A world whose q(z|x) is the true posterior, moved a little and widened, so that weights are bounded."""
    world = LinearGaussian.random(seed, latent=latent, dimension=3)
    precision = world.decoder.T @ world.decoder / world.sigma**2 + torch.eye(latent, dtype=torch.float64)
    slope = torch.linalg.solve(precision, world.decoder.T) / world.sigma**2
    inferred = {
        "encoder": 0.9 * slope,
        "offset": -0.9 * slope @ world.decoder_offset + 0.1,
        "posterior_covariance": 1.8 * torch.linalg.inv(precision),
    }
    return type(world)(**{**vars(world), **inferred})


@pytest.mark.parametrize(("seed", "latent"), [(0, 1), (1, 2), (2, 3)])
def test_bounds_rise_with_the_codes_from_the_elbo_to_log_p(seed, latent):
    near = near_the_posterior(seed, latent)
    x = near.data(4000, seed=seed)
    truth, exact = near.truth(), near.log_likelihood(x)
    bounds = {}
    with torch.no_grad():
        for codes in (1, 4, 32, 256):
            bounds[codes] = -MultiSampleBound(codes)(Draw(near, x)).double()
    elbo = bounds[1]
    assert abs(float(elbo.mean()) - truth["elbo"]) < 4 * float(elbo.std()) / math.sqrt(len(x))
    for fewer, more in ((1, 4), (4, 32), (32, 256)):
        gain = bounds[more] - bounds[fewer]
        assert float(gain.mean()) > -4 * float(gain.std()) / math.sqrt(len(x)), (fewer, more)
    gap = exact - bounds[256]
    assert abs(float(gap.mean())) < 0.02 * truth["inference_gap"] + 4 * float(gap.std()) / math.sqrt(len(x))
    assert float((exact - elbo).mean()) > 10 * abs(float(gap.mean()))


class OneExample:
    """q(z) = N(mean, scale^2) of one example seen many times, p(z) = N(0, 1), p(x|z) = N(slope z, 1)."""

    def __init__(self, family=Normal):
        self.family = family
        self.mean, self.log_scale, self.slope = (
            torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (0.8, -0.3, 1.2)
        )

    @property
    def parameters(self):
        return [self.mean, self.log_scale, self.slope]

    def infer(self, x):
        ones = torch.ones(len(x), 1, dtype=torch.float64)
        return Independent(self.family(self.mean * ones, self.log_scale.exp() * ones), 1), None

    def generate(self, z, context):
        return Independent(Normal(self.slope * z, 1.0), 1)

    def prior_law(self):
        return Independent(Normal(torch.zeros(1, dtype=torch.float64), 1.0), 1)


@pytest.mark.parametrize("gradient", ["plain", "stl", "dreg"])
@pytest.mark.parametrize("family", [Normal, Laplace])
def test_the_gradient_of_a_sample_is_its_paper_s_formula(gradient, family):
    model, x = OneExample(family), torch.tensor([[0.5], [2.0]], dtype=torch.float64)
    torch.manual_seed(3)
    got = torch.autograd.grad(MultiSampleBound(4, gradient)(Draw(model, x)).sum(), model.parameters)
    torch.manual_seed(3)
    law = model.infer(x)[0]
    noise = (law.rsample((4,)) - model.mean) / model.log_scale.exp()
    noise = noise.detach()
    if family is Normal:
        torch.manual_seed(3)
        noise = torch.randn(4, 2, 1, dtype=torch.float64)
    wanted = [0.0, 0.0, 0.0]
    for n in range(2):
        mean, scale, slope = float(model.mean), float(model.log_scale.exp()), float(model.slope)
        log_w, slopes, scores, of_decoder = [], [], [], []
        for k in range(4):
            e = float(noise[k, n, 0])
            z = mean + scale * e
            log_q = (
                family(*torch.tensor([mean, scale], dtype=torch.float64))
                .log_prob(torch.tensor(z, dtype=torch.float64))
                .item()
            )
            log_w.append(-0.5 * (float(x[n]) - slope * z) ** 2 - 0.5 * z**2 - math.log(2 * math.pi) - log_q)
            steep = e / scale if family is Normal else math.copysign(1, e) / scale  # -d log q/dz
            slopes.append(slope * (float(x[n]) - slope * z) - z + steep)  # d log w/dz
            size = e**2 if family is Normal else abs(e)
            scores.append((steep, size - 1))  # of log q in mean and log scale, the code fixed
            of_decoder.append(z * (float(x[n]) - slope * z))
        total = sum(math.exp(one) for one in log_w)
        for k in range(4):
            v, e = math.exp(log_w[k]) / total, float(noise[k, n, 0])
            weight = v**2 if gradient == "dreg" else v
            score = scores[k] if gradient == "plain" else (0.0, 0.0)
            wanted[0] -= weight * slopes[k] - v * score[0]
            wanted[1] -= weight * slopes[k] * scale * e - v * score[1]
            wanted[2] -= v * of_decoder[k]
    for ours, should in zip(got, wanted, strict=True):
        assert float(ours) == pytest.approx(should, rel=1e-6, abs=1e-9)


def gradients(model, x, codes, gradient, rounds):
    """Of the mean over the rounds' copies of x in the encoder's parameters, round by round, (rounds, 2)."""
    found = []
    for _ in range(rounds):
        bound = MultiSampleBound(codes, gradient)(Draw(model, x)).mean()
        found.append(torch.stack(torch.autograd.grad(bound, model.parameters[:2])))
    return torch.stack(found)


def apart(one, other):
    """How many standard errors of their difference two means lie apart, at the most over the parameters."""
    error = (one.var(0) / len(one) + other.var(0) / len(other)).sqrt()
    return float(((one.mean(0) - other.mean(0)).abs() / error).max())


@pytest.mark.parametrize("codes", [1, 3, 10])
def test_dreg_has_the_plain_gradient_s_mean_at_any_k_and_stl_at_one(codes):
    torch.manual_seed(codes)
    model, x = OneExample(), torch.full((1000, 1), 2.0, dtype=torch.float64)
    plain, stl, dreg = (gradients(model, x, codes, how, 60) for how in ("plain", "stl", "dreg"))
    assert apart(dreg, plain) < 4
    assert apart(stl, plain) < 4 if codes == 1 else apart(stl, plain) > 8
    if codes > 1:
        assert bool((dreg.var(0) < 0.5 * plain.var(0)).all())


def test_a_context_is_handed_on_code_by_code_and_a_learned_prior_has_its_gradient():
    world = LinearGaussian.random(0)

    class WithContext:
        prior_scale = torch.tensor(1.0, requires_grad=True)

        def infer(self, x):
            return world.infer(x)[0], x

        def generate(self, z, context):
            assert len(z) == len(context) == 7
            return world.generate(z, None)

        def prior_law(self):
            return Independent(Normal(torch.zeros(4), self.prior_scale.expand(4)), 1)

    model, x = WithContext(), world.data(7)
    torch.manual_seed(0)
    with_context = MultiSampleBound(3)(Draw(model, x))
    torch.manual_seed(0)
    assert torch.allclose(with_context, MultiSampleBound(3)(Draw(world, x)), atol=1e-5)
    (slope,) = torch.autograd.grad(with_context.sum(), model.prior_scale)
    assert float(slope.abs()) > 0


def test_a_full_covariance_keeps_its_own_gradient_and_dreg_holds_it_still():
    class Full(OneExample):
        def infer(self, x):
            factor = torch.tensor([[1.0, 0.0], [0.7, 0.4]], dtype=torch.float64) * self.log_scale.exp()
            return MultivariateNormal(self.mean.expand(len(x), 2), scale_tril=factor), None

        def prior_law(self):
            return Independent(Normal(torch.zeros(2, dtype=torch.float64), 1.0), 1)

        def generate(self, z, context):
            return Independent(Normal(self.slope * z[:, :1], 1.0), 1)

    torch.manual_seed(0)
    x = torch.full((3000, 1), 2.0, dtype=torch.float64)
    plain, dreg = (gradients(Full(), x, 4, how, 40) for how in ("plain", "dreg"))
    assert apart(dreg, plain) < 4


def test_codes_without_a_pathwise_gradient_have_the_plain_one_alone():
    class Binary(OneExample):
        def infer(self, x):
            return Independent(Bernoulli(logits=self.mean.expand(len(x), 1)), 1), None

        def prior_law(self):
            return Independent(Bernoulli(probs=torch.full((1,), 0.5)), 1)

    draw = Draw(Binary(), torch.zeros(3, 1))
    assert MultiSampleBound(2)(draw).shape == (3,)
    with pytest.raises(Refused, match=r"'dreg' goes through the codes.*Take gradient = 'plain'"):
        MultiSampleBound(2, "dreg")(draw)
    with pytest.raises(Refused, match="codes = 0 cannot be"):
        MultiSampleBound(0)
    with pytest.raises(Refused, match="gradient = 'dregs' cannot be"):
        MultiSampleBound(2, "dregs")


def test_all_codes_are_decoded_in_one_pass():
    model = VAE.build((4,), 3)
    passes = []
    model.decoder.register_forward_hook(lambda *of: passes.append(len(of[1][0])))
    MultiSampleBound(6)(Draw(model, torch.rand(5, 4).round()))
    assert passes == [30]
