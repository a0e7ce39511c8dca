"""diffusers' AutoencoderKL, against its own KL."""

import pytest
import torch
from torch.distributions import Normal

import termwise as tw
from helpers.agreement import account_and_codes, assert_terms_agree, unchanged
from termwise.errors import BadData, Refused

diffusers = pytest.importorskip("diffusers")

X = tw.load_data("digits").test.tensor(limit=120)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(2)
    model = diffusers.AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        block_out_channels=(8, 16),
        norm_num_groups=4,
        latent_channels=2,
        sample_size=8,
    )
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(20):
        optimizer.zero_grad()
        law = model.encode(X).latent_dist
        residual = (model.decode(law.sample()).sample - X).square().flatten(1).sum(1)
        (residual / (2 * 0.05**2) + law.kl()).mean().backward()
        optimizer.step()
    return model


def test_every_term_is_its_own_at_the_same_codes(model):
    with unchanged(model):
        account, z = account_and_codes(tw.adapt(model, likelihood="normal:0.2"), X, batch_size=50)
    with torch.no_grad():
        law = model.encode(X).latent_dist
        decoded = model.decode(z.view_as(law.mean)).sample
    assert z.shape == (120, 2 * 4 * 4)
    assert account["rate"].value == pytest.approx(float(law.kl().mean()), rel=1e-5)
    assert account["rate"].value > 1
    distortion = -Normal(decoded, 0.2).log_prob(X).flatten(1).sum(1)
    assert account["distortion"].value == pytest.approx(float(distortion.mean()), rel=1e-5)
    assert_terms_agree(account, z, law.mean, law.std)


def test_without_a_likelihood_the_rate_alone_is_measured_and_the_scaling_factor_is_left_out(model):
    account = tw.measure(tw.adapt(model), X)
    assert "distortion" not in account
    model.register_to_config(scaling_factor=7.0, shift_factor=3.0)
    assert tw.measure(tw.adapt(model), X).to_json() == account.to_json()


def test_sigma_is_asked_for(model):
    with pytest.raises(Refused, match=r"as in 'normal:0\.1'"):
        tw.adapt(model, likelihood="normal")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_model_in_another_precision_is_measured_in_it_and_scored_in_float32_or_better(model, dtype):
    expected = tw.measure(tw.adapt(model, likelihood="normal:0.2"), X)
    other = diffusers.AutoencoderKL.from_config(model.config)
    other.load_state_dict(model.state_dict())
    account, z = account_and_codes(tw.adapt(other.to(dtype), likelihood="normal:0.2"), X)
    with torch.no_grad():
        law = other.encode(X.to(dtype)).latent_dist
        decoded = other.decode(z.view_as(law.mean).to(dtype)).sample
    assert next(other.parameters()).dtype == dtype
    mean, log_variance = law.mean.double(), law.logvar.double()
    rate = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).flatten(1).sum(1).mean()
    assert account["rate"].value == pytest.approx(float(rate), rel=1e-5)  # bfloat16 itself holds three digits
    distortion = -Normal(decoded.double(), 0.2).log_prob(X.double()).flatten(1).sum(1).mean()
    assert account["distortion"].value == pytest.approx(float(distortion), rel=1e-5)
    assert account["rate"].value == pytest.approx(expected["rate"].value, rel=0.02)


def test_images_that_it_cannot_take_are_one_message(model):
    with pytest.raises((Refused, BadData), match=r"encode\(\) failed on a batch of shape \(120, 3, 8, 8\)"):
        tw.measure(tw.adapt(model), X.expand(-1, 3, -1, -1))
