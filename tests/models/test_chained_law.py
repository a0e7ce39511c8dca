"""Laws of blocks that are given others: density, samples, moments and KL against sums and torch's own."""

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

import termwise as tw
from termwise.errors import Refused, TermwiseError
from termwise.models.block_law import BlockLaw, Conditional, dimensions_of_code, has_categories
from termwise.models.categories import Categories
from termwise.models.chained_law import MOST_VALUES, ChainedLaw
from termwise.models.codes import Codes, log_density_at
from termwise.models.law_rows import joined_laws, rows
from termwise.terms.closed_form import has_closed_form, kl, kl_by_block, kl_given_codes

K, N = 4, 5
KIND = {"name": "kind", "latent": K, "posterior": "categorical"}
STYLE = {"name": "style", "latent": 2, "given": ["kind"], "prior": "conditional"}
LADDER = [{"name": "top", "latent": 2}, {"name": "low", "latent": 3, "given": ["top"], "prior": "conditional"}]


def model(code, seed=0):
    torch.manual_seed(seed)
    made = tw.VAE.build((6,), code=code, likelihood="normal:0.5", options={"hidden": [8]}).eval()
    for weight in made.parameters():
        weight.data.mul_(2)
    return made


def laws(code, seed=0):
    vae = model(code, seed)
    return vae.encode(torch.randn(N, 6)), vae.prior_law()


def under_each(law, value):
    """The law of the second block, given a category."""
    z = torch.zeros(N, law.event_shape[0])
    z[:, value] = 1
    return law.at(z).blocks[1]


def test_density_samples_and_moments_are_sums_over_categories():
    posterior, _ = laws([KIND, STYLE])
    assert isinstance(posterior, ChainedLaw) and has_categories(posterior)
    assert [one.name for one in dimensions_of_code(posterior)] == ["kind", "style 0", "style 1"]
    probs = posterior.blocks[0].probs.squeeze(1)
    mean = sum(probs[:, k, None] * under_each(posterior, k).mean for k in range(K))
    square = sum(
        probs[:, k, None] * (under_each(posterior, k).variance + under_each(posterior, k).mean ** 2) for k in range(K)
    )
    assert torch.allclose(posterior.mean[:, K:], mean, atol=1e-6) and torch.allclose(posterior.mean[:, :K], probs)
    assert torch.allclose(posterior.variance[:, K:], square - mean**2, atol=1e-5)
    entropy = posterior.blocks[0].entropy() + sum(probs[:, k] * under_each(posterior, k).entropy() for k in range(K))
    assert torch.allclose(posterior.entropy(), entropy, atol=1e-5)
    torch.manual_seed(1)
    z = posterior.sample((20_000,))
    assert z.shape == (20_000, N, K + 2) and not z.requires_grad
    error = (posterior.variance / 20_000).sqrt()
    assert ((z.mean(0) - posterior.mean).abs() < 4.5 * error).all()
    assert torch.allclose(-posterior.log_prob(z).mean(0), entropy, atol=0.05)
    category = z[0, :, :K].argmax(1)
    own = torch.stack([under_each(posterior, int(k)).log_prob(z[0, :, K:])[n] for n, k in enumerate(category)])
    expected = posterior.blocks[0].log_prob(z[0, :, :K]) + own
    assert torch.allclose(posterior.log_prob(z[0]), expected, atol=1e-5)
    assert torch.allclose(log_density_at(posterior, Codes.at(z[0])).float(), expected, atol=1e-5)


@pytest.mark.parametrize("code", [[KIND, STYLE], LADDER])
def test_rows_and_joined_batches_are_the_same_laws(code):
    posterior, prior = laws(code)
    z = posterior.sample()
    again = joined_laws([rows(posterior, slice(0, 2)), rows(posterior, torch.tensor([2, 3, 4]))])
    assert torch.allclose(again.log_prob(z), posterior.log_prob(z), atol=1e-5)
    assert prior.sample((7,)).shape == (7, z.shape[1]) and prior.log_prob(z).shape == (N,)


def test_codes_pass_on_the_gradient_of_the_blocks_that_they_are_given():
    posterior, _ = laws(LADDER)
    codes = Codes.of(posterior, 3)
    assert codes.z.shape == (3, N, 5)
    (to_features,) = torch.autograd.grad(codes.z[..., 2:].sum(), posterior.links[0].base_dist.loc, retain_graph=True)
    assert to_features.abs().sum() > 0


@pytest.mark.parametrize("conditional", [True, False], ids=["conditional prior", "standard prior"])
def test_kl_over_categories_is_the_sum_of_torchs(conditional):
    style = STYLE if conditional else {**STYLE, "prior": "standard-normal"}
    posterior, prior = laws([KIND, style])
    p_k = Categories(torch.zeros(1, K))
    expected = kl_divergence(posterior.blocks[0], p_k)
    probs = posterior.blocks[0].probs.squeeze(1)
    for k in range(K):
        other = under_each(prior, k) if conditional else Independent(Normal(torch.zeros(N, 2), 1.0), 1)
        expected = expected + probs[:, k] * kl_divergence(under_each(posterior, k), other)
    found = kl(posterior, prior)
    assert found.shape == (N, 3) and torch.allclose(found.sum(1), expected, atol=1e-5)
    assert torch.allclose(kl_by_block(posterior, prior, posterior.sample()).sum(1), expected, atol=1e-5)


def test_a_prior_alone_may_be_given_the_categories():
    style = {**STYLE, "given": ["kind"]}
    _, prior = laws([KIND, style])
    flat = BlockLaw([Categories(torch.randn(N, 1, K)), Independent(Normal(torch.randn(N, 2), 1.0), 1)])
    probs = flat.blocks[0].probs.squeeze(1)
    each = [kl_divergence(flat.blocks[1], under_each(prior, k)) for k in range(K)]
    expected = kl_divergence(flat.blocks[0], Categories(torch.zeros(1, K))) + (probs.T * torch.stack(each)).sum(0)
    assert torch.allclose(kl(flat, prior).sum(1), expected, atol=1e-5)


def test_kl_given_codes_is_unbiased_for_the_kl():
    posterior, prior = laws([KIND, STYLE])
    torch.manual_seed(0)
    found = torch.stack([kl_given_codes(posterior, prior, posterior.sample()).sum(1) for _ in range(1000)])
    error = found.std(0) / 1000**0.5
    assert ((found.mean(0) - kl(posterior, prior).sum(1)).abs() < 4.5 * error).all()
    numbers = laws(LADDER)
    assert not has_closed_form(*numbers) and kl_by_block(*numbers, numbers[0].sample()).shape == (N, 2)


def test_too_many_values_are_not_summed_over():
    many = Categories(torch.zeros(3, 2, 17))  # 289 pairs of categories
    style = Conditional(lambda given, _: Independent(Normal(given[..., :2], 1.0), 1), given=[0], size=2)
    law = ChainedLaw([many, style])
    assert MOST_VALUES < 17**2 and law.values() is None
    with pytest.raises(NotImplementedError):
        _ = law.mean


RUNGS = [{"name": "top", "latent": 2, "posterior": "ladder"}, {**LADDER[1], "posterior": "ladder"}]


def test_a_ladders_posterior_is_the_product_of_what_x_says_and_of_the_prior():
    """N(m, v) N(p, w) is in proportion to N((m w + p v) / (v + w), v w / (v + w))."""
    vae = model(RUNGS)
    x = torch.randn(N, 6)
    posterior, prior = vae.encode(x), vae.prior_law()
    z = posterior.sample()
    features = vae.encoder(x).split(vae.family.sizes, -1)
    for block, its in enumerate(features):
        m, v = its.chunk(2, -1)[0], its.chunk(2, -1)[1].exp()
        p, w = prior.at(z).blocks[block].mean, prior.at(z).blocks[block].variance
        found = posterior.at(z).blocks[block]
        assert torch.allclose(found.mean, (m * w + p * v) / (v + w), atol=1e-5)
        assert torch.allclose(found.variance, v * w / (v + w), rtol=1e-4)


def test_a_level_of_which_x_says_nothing_is_as_the_prior_has_it_and_costs_nothing():
    vae = model(RUNGS)
    with torch.no_grad():
        x = torch.randn(N, 6)
        silent = torch.cat(
            [torch.zeros(N, 2), torch.full((N, 2), 40.0), torch.zeros(N, 3), torch.full((N, 3), 40.0)], 1
        )
        posterior = vae.family(silent, vae.prior())
    assert kl_by_block(posterior, vae.prior_law(), posterior.sample()).abs().max() < 1e-5
    assert vae.encode(x).log_prob(posterior.sample()).shape == (N,)


def test_a_ladder_is_saved_and_made_again_and_its_prior_learns_through_its_posterior(tmp_path):
    vae = model(RUNGS)
    again = tw.VAE.from_pretrained(vae.save_pretrained(tmp_path / "model"))
    x = torch.randn(N, 6)
    z = vae.encode(x).sample()
    assert torch.equal(again.encode(x).log_prob(z), vae.encode(x).log_prob(z))
    vae.encode(x).rsample().sum().backward()
    assert all(weight.grad is not None for weight in vae.prior.parameters())


def test_a_level_that_has_collapsed_is_named_and_its_rate_is_said_to_be_given_the_codes_before():
    vae = model(RUNGS)
    with torch.no_grad():
        weight = vae.encoder[-1] if isinstance(vae.encoder, torch.nn.Sequential) else list(vae.encoder.modules())[-1]
        weight.weight[-6:] = 0
        weight.bias[-3:] = 40.0
        weight.bias[2:4] = -6.0  # of the top level much is said
    account = tw.measure(vae, torch.randn(200, 6))
    assert any("low 0, low 1, low 2" in sentence for sentence in account.diagnosis)
    assert "given the codes before it" in account.by_dimension["rate_by_block"].estimator


def test_a_ladder_times_no_normal_is_refused():
    with pytest.raises(Refused, match="a normal times the prior's normal"):
        model([{"name": "top", "latent": 2, "posterior": "ladder", "prior": "mixture:3"}]).encode(torch.zeros(2, 6))


def test_what_the_decoder_does_not_see_it_does_not_follow(tmp_path):
    vae = model([{**KIND, "decoded": False}, STYLE])
    z = vae.prior_law().sample((6,))
    other = z.clone()
    other[:, :K] = other[:, :K].roll(1, 1)
    assert torch.equal(vae.generate_examples(z), vae.generate_examples(other))
    again = tw.VAE.from_pretrained(vae.save_pretrained(tmp_path / "model"))
    assert torch.equal(again.generate_examples(z), vae.generate_examples(z))
    x = torch.randn(3, 6)
    assert torch.equal(again.encode(x).mean, vae.encode(x).mean)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ([{"name": "a", "latent": 2, "given": ["b"]}, {"name": "b", "latent": 2}], "stand before it"),
        ([{"name": "a", "latent": 2, "given": ["a"]}], "stand before it"),
        ([{"name": "a", "latent": 2, "prior": "conditional"}], "given nothing"),
        ([KIND, {"name": "a", "latent": 2, "posterior": "vector-quantized", "given": ["kind"]}], "leave given out"),
        ([{"name": "a", "latent": 2, "decoded": False}], "sees no block"),
    ],
)
def test_a_block_that_is_given_what_it_cannot_be_is_refused(code, said):
    with pytest.raises(TermwiseError, match=said):
        tw.VAE.build((6,), code=code)


def test_a_conditional_prior_that_is_given_nothing_is_one_law_that_learns():
    law = tw.VAE.build((6,), 3, prior="conditional").prior_law()
    assert law.batch_shape == () and law.base_dist.loc.requires_grad
