"""Bodies: their shapes for images of any size, and one clear refusal where they cannot fit."""

import math

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from termwise.errors import Refused, UnknownName
from termwise.models.networks import CropTo, PadTo, build_bodies, checked_bodies, convolutional, mlp, network_builder
from termwise.models.vae import VAE

SIZES = [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64), (3, 37, 50)]


def shapes_of(bodies, shape, latent):
    encoder, decoder = bodies
    return tuple(encoder(torch.rand(2, *shape)).shape), tuple(decoder(torch.randn(2, latent)).shape)


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_bodies_turn_images_into_features_and_codes_into_images(network, shape):
    options = {"hidden": [16]} if network == "mlp" else {"channels": 4, "hidden": 16}
    bodies = network_builder(network)(shape, 7, 3, shape, **options)
    assert shapes_of(bodies, shape, 3) == ((2, 7), (2, *shape))


@settings(deadline=None, max_examples=30)
@given(planes=st.integers(1, 3), height=st.integers(1, 70), width=st.integers(1, 70))
def test_convolutions_fit_images_of_any_size(planes, height, width):
    shape = (planes, height, width)
    bodies = convolutional(shape, 5, 2, shape, channels=2, hidden=4)
    assert shapes_of(bodies, shape, 2) == ((2, 5), (2, *shape))


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_a_categorical_decoder_gives_its_classes_first(network):
    shape, decoded = (3, 10, 12), (5, 3, 10, 12)
    bodies = network_builder(network)(shape, 4, 2, decoded)
    assert shapes_of(bodies, shape, 2) == ((2, 4), (2, *decoded))
    model = VAE.build(shape, 2, network, likelihood="categorical:5")
    assert model.decode(torch.randn(2, 2)).event_shape == shape


def test_the_convolutional_body_halves_until_the_larger_side_is_four():
    for height, width, expected in ((8, 8, 1), (28, 28, 3), (32, 32, 3), (64, 64, 4), (20, 60, 4), (60, 20, 4)):
        shape = (1, height, width)
        encoder, decoder = convolutional(shape, 4, 2, shape, channels=2, hidden=4)
        assert sum(isinstance(layer, nn.Conv2d) for layer in encoder) == expected
        assert sum(isinstance(layer, nn.ConvTranspose2d) for layer in decoder) == expected


def test_the_mlp_decoder_mirrors_the_encoder():
    encoder, decoder = mlp((1, 4, 4), 6, 3, (1, 4, 4), hidden=(20, 10))
    sizes = [[(m.in_features, m.out_features) for m in body if isinstance(m, nn.Linear)] for body in (encoder, decoder)]
    assert sizes == [[(16, 20), (20, 10), (10, 6)], [(3, 10), (10, 20), (20, 16)]]
    assert all(map(isinstance, list(decoder)[-2:], (nn.Linear, nn.Unflatten)))  # no ReLU on the output


def test_padding_is_centred_and_of_zeros():
    padded = PadTo((5, 6))(torch.ones(1, 1, 2, 3))
    assert padded[0, 0].tolist() == [
        [0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0, 0],
        [0, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]


@given(height=st.integers(1, 9), width=st.integers(1, 9), down=st.integers(0, 9), across=st.integers(0, 9))
def test_cropping_takes_back_what_padding_added(height, width, down, across):
    x = torch.arange(float(height * width)).view(1, 1, height, width)
    padded = PadTo((height + down, width + across))(x)
    assert padded.shape == (1, 1, height + down, width + across)
    assert torch.equal(CropTo((height, width))(padded), x)


@pytest.mark.parametrize("shape", [(16,), (8, 8)])
def test_convolutions_refuse_what_is_no_image(shape):
    with pytest.raises(Refused, match=r"needs images \(C, H, W\).*Choose 'mlp'"):
        convolutional(shape, 4, 2, shape)


OWN = """
import math
from torch import nn

def build(shape, features, latent, decoded, width=5):
    size = math.prod(shape)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(size, width), nn.Linear(width, features))
    return encoder, nn.Sequential(nn.Linear(latent, math.prod(decoded)), nn.Unflatten(1, decoded))

def narrow(shape, features, latent, decoded):
    return nn.Linear(math.prod(shape), features - 1), nn.Linear(latent, math.prod(decoded))

def transposed(shape, features, latent, decoded):
    encoder, decoder = build(shape, features, latent, decoded)
    return encoder, nn.Sequential(decoder, nn.Unflatten(1, (1, -1)))

def alone(shape, features, latent, decoded):
    return nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1))

def recurrent(shape, features, latent, decoded):
    return nn.LSTM(math.prod(shape), features), nn.Linear(latent, math.prod(decoded))

def broken(shape, features, latent, decoded):
    raise ValueError("an odd number of things")

a_number = 5
"""


@pytest.fixture
def own_networks(tmp_path, monkeypatch):
    (tmp_path / "networks_of_mine.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    return "networks_of_mine"


def test_a_network_of_ones_own_is_built_by_module_and_function(own_networks):
    model = VAE.build((6,), 2, f"{own_networks}:build", options={"width": 9})
    assert model.encoder[1].out_features == 9
    assert model.encode(torch.rand(3, 6)).event_shape == (2,)
    assert model.decode(torch.rand(3, 2)).event_shape == (6,)


@pytest.mark.parametrize(
    ("function", "options", "reason"),
    [
        ("biuld", {}, "Expected a function 'biuld' in a module 'networks_of_mine'.*Check both names"),
        ("build", {"widht": 3}, "'widht'"),
        ("build", {"width": -3}, "cannot be built with options"),
        ("narrow", {}, r"encoder must turn \(2, 6\) into \(2, 4\); it gave \(2, 3\)"),
        ("transposed", {}, r"decoder must turn \(2, 2\) into \(2, 6\); it gave \(2, 1, 6\)"),
        ("alone", {}, r"must give two modules, \(encoder, decoder\)"),
        ("recurrent", {}, r"encoder must turn \(2, 6\) into \(2, 4\); it gave a tuple"),
        ("broken", {}, "an odd number of things"),
        ("a_number", {}, "not callable"),
    ],
)
def test_a_network_of_ones_own_that_does_not_fit_is_refused_in_one_message(own_networks, function, options, reason):
    with pytest.raises(Refused, match=reason):
        VAE.build((6,), 2, f"{own_networks}:{function}", options=options)


@pytest.mark.parametrize("name", ["no_such_module:build", ":build", ".relative:build"])
def test_a_module_that_cannot_be_imported_is_refused(name):
    with pytest.raises(Refused, match="Check both names"):
        network_builder(name)


def test_an_unknown_network_is_told_which_are_near():
    with pytest.raises(UnknownName, match="Did you mean 'conv'"):
        network_builder("convv")


def test_a_body_that_fails_is_refused_with_its_own_words():
    with pytest.raises(Refused, match=r"encoder failed on a batch of shape \(2, 6\): .*shapes cannot be multiplied"):
        VAE(nn.Linear(5, 4), nn.Linear(2, 6), shape=(6,), latent=2)


def test_checking_bodies_leaves_their_modes_and_statistics_alone():
    encoder = nn.Sequential(nn.BatchNorm1d(6), nn.Dropout(), nn.Linear(6, 4))
    encoder[0].eval()
    statistics = encoder[0].running_mean.clone()
    checked_bodies((encoder, nn.Linear(2, 6)), (6,), 4, 2, (6,))
    assert [layer.training for layer in encoder] == [False, True, True]
    assert torch.equal(encoder[0].running_mean, statistics)
    assert math.isclose(float(encoder[0].num_batches_tracked), 0)


def test_a_network_of_a_grid_keeps_places():
    """A pixel moves the features of the positions around it alone; and a position, the pixels around its place."""
    torch.manual_seed(0)
    shape, sizes = (1, 32, 32), {"features": 64 * 3, "latent": 64 * 2, "decoded": (1, 32, 32)}
    encoder, decoder = build_bodies("conv", shape, **sizes, options={"grid": 2, "channels": 8})
    x, z = torch.rand(1, *shape), torch.randn(1, 64 * 2)
    one, other = x.clone(), z.clone()
    one[..., 3, 29] += 1  # in the corner at the right, above
    other.view(8, 8, 2)[0, 7] += 1
    moved = (encoder(one) - encoder(x)).view(8, 8, 3).abs().sum(-1) > 0
    assert moved[0, 7] and not moved[4:].any() and not moved[:, :4].any()
    drawn = (decoder(other) - decoder(z)).abs().squeeze() > 0
    assert drawn[:4, 28:].any() and not drawn[20:].any() and not drawn[:, :12].any()
    with pytest.raises(Refused, match="8 x 8 positions, and features are 7, no multiple of 64"):
        build_bodies("conv", shape, 7, 64, shape, options={"grid": 2})
