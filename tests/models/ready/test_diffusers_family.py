"""Every autoencoder of diffusers that gives a latent_dist, of pictures, videos and sound, against its own law."""

import pytest
import torch
from torch import nn
from torch.distributions import Normal

import termwise as tw
from helpers.agreement import account_and_codes, assert_terms_agree, unchanged
from helpers.tiny_autoencoders import PICTURES, SOUNDS, VIDEOS
from termwise.errors import Refused

diffusers = pytest.importorskip("diffusers")

ALL = {**PICTURES, **VIDEOS, **SOUNDS}


def made(name):
    if not hasattr(diffusers, name):
        pytest.skip(f"this diffusers has no {name}")
    options, shape = ALL[name]
    torch.manual_seed(3)
    x = torch.rand(6, *shape)
    return getattr(diffusers, name)(**options).eval(), x


def kl_of(law):
    """The KL to N(0, I) of a diagonal normal, from its own mean and log variance, in float64, shape (B,)."""
    mean, log_variance = law.mean.double(), law.logvar.double()
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).flatten(1).sum(1)


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_term_is_its_own_at_the_same_codes(name):
    model, x = made(name)
    with unchanged(model):
        account, z = account_and_codes(tw.adapt(model, likelihood="normal:0.5"), x, batch_size=4)
    with torch.no_grad():
        law = model.encode(x).latent_dist
        frames = {"num_frames": 1} if "Temporal" in name else {}
        decoded = model.decode(z.view_as(law.mean), **frames).sample
    assert account["rate"].value == pytest.approx(float(kl_of(law).mean()), rel=1e-5)
    distortion = -Normal(decoded, 0.5).log_prob(x).flatten(1).sum(1)
    assert account["distortion"].value == pytest.approx(float(distortion.mean()), rel=1e-5)
    assert_terms_agree(account, z, law.mean, law.logvar.mul(0.5).exp())


@pytest.mark.parametrize("name", ["AutoencoderKL", "AutoencoderKLCogVideoX", "AutoencoderOobleck"])
def test_its_own_kl_is_the_rate_but_for_what_it_is_summed_over(name):
    model, x = made(name)
    rate = tw.measure(tw.adapt(model), x)["rate"].value
    with torch.no_grad():
        law = model.encode(x).latent_dist
    own = law.kl()
    if law.mean.dim() == 5:  # of videos the columns are left
        assert own.shape == (6, law.mean.shape[-1])
        own = own.sum(-1)
    if name == "AutoencoderOobleck":  # without the half, and the mean over places
        own = 0.5 * own * law.mean.shape[-1]
    assert rate == pytest.approx(float(own.mean()), rel=1e-5)


def test_two_functions_whose_output_has_a_latent_dist_are_the_same():
    model, x = made("AutoencoderKL")
    whole = tw.measure(tw.adapt(model, likelihood="normal:0.5"), x)
    parts = tw.measure(tw.adapt(model.encode, model.decode, "normal:0.5"), x)
    assert parts.to_json() == whole.to_json()
    bare = tw.adapt(
        lambda x: model.encode(x, return_dict=False), lambda z: model.decode(z, return_dict=False), "normal:0.5"
    )
    assert tw.measure(bare, x)["elbo"].value == whole["elbo"].value


def test_a_model_made_like_them_is_taken_by_two_functions():
    class Output:
        def __init__(self, law):
            self.latent_dist = law

    class Theirs(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.Linear(4, 4)

        def encode(self, x):
            mean, log_scale = self.down(x).chunk(2, 1)
            return Output(Normal(mean, log_scale.exp()))

        def decode(self, z):
            return z

    model, x = Theirs(), torch.rand(9, 4)
    with torch.no_grad():
        law = model.encode(x).latent_dist
    rate = torch.distributions.kl_divergence(law, Normal(0.0, 1.0)).sum(1).mean()
    assert tw.measure(tw.adapt(model.encode), x)["rate"].value == pytest.approx(float(rate), rel=1e-5)
    with pytest.raises(Refused, match=r"where encode gives .* or what has a latent_dist"):
        tw.adapt(model)


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        (
            "AutoencoderTiny",
            {
                "encoder_block_out_channels": (8,),
                "decoder_block_out_channels": (8,),
                "num_encoder_blocks": (1,),
                "num_decoder_blocks": (1,),
            },
            (3, 8, 8),
        ),
        (
            "AutoencoderDC",
            {
                "latent_channels": 4,
                "encoder_block_out_channels": (8, 8),
                "decoder_block_out_channels": (8, 8),
                "encoder_layers_per_block": (1, 1),
                "decoder_layers_per_block": (1, 1),
                "encoder_qkv_multiscales": ((), ()),
                "decoder_qkv_multiscales": ((), ()),
            },
            (3, 8, 8),
        ),
        (
            "AutoencoderKLCosmos",
            {
                "latent_channels": 4,
                "encoder_block_out_channels": (8, 8, 8, 8),
                "decode_block_out_channels": (8, 8, 8, 8),
                "num_layers": 1,
                "attention_resolutions": (),
            },
            (3, 1, 32, 32),
        ),
    ],
)
def test_codes_that_are_points_are_refused_in_words(name, options, shape):
    torch.manual_seed(0)
    model = getattr(diffusers, name)(**options)
    with pytest.raises(Refused, match=r"points and no law. A code that is a point has an infinite rate"):
        tw.measure(tw.adapt(model), torch.rand(2, *shape))


def test_a_law_that_was_made_deterministic_is_refused():
    model, x = made("AutoencoderKL")

    def encode(x):
        law = model.encode(x).latent_dist
        return (type(law)(law.parameters, deterministic=True),)

    with pytest.raises(Refused, match=r"is deterministic. A code that is a point"):
        tw.measure(tw.adapt(encode), x)


def test_what_is_no_autoencoder_is_refused():
    network = diffusers.UNet2DModel(
        block_out_channels=(8,), down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",), norm_num_groups=2
    )
    with pytest.raises(Refused, match="Expected one of diffusers' autoencoders; got its UNet2DModel"):
        tw.adapt(network)


def test_a_decoder_that_draws_is_refused_and_its_rate_is_measured():
    options = {
        "encoder_block_out_channels": (8,),
        "encoder_down_block_types": ("DownEncoderBlock2D",),
        "encoder_norm_num_groups": 2,
        "decoder_block_out_channels": (32, 32, 32, 32),
        "decoder_layers_per_block": 1,
    }
    torch.manual_seed(0)
    model, x = diffusers.ConsistencyDecoderVAE(**options).eval(), torch.rand(5, 3, 8, 8)
    with torch.no_grad():
        rate = kl_of(model.encode(x).latent_dist).mean()
    assert tw.measure(tw.adapt(model), x)["rate"].value == pytest.approx(float(rate), rel=1e-5)
    with pytest.raises(Refused, match="draws its pictures"):
        tw.adapt(model, likelihood="normal:1")
