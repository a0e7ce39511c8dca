"""Every network of the table: bodies of the shapes that are asked for, of images of any size, all of which learns."""

import pytest
import torch

from termwise.errors import Refused, UnknownName
from termwise.models import VAE
from termwise.models.networks import NETWORKS, build_bodies

NAMES = list(NETWORKS)
SHAPES = [(1, 8, 8), (3, 10, 13)]
SHAPE = (1, 16, 16)


def small(name: str) -> dict:
    """Options that make the network small: an integer where its default is one, else as many as its default has."""
    options = {}
    for option, parameter in NETWORKS[name].options.items():
        if option in ("hidden", "channels"):
            many = isinstance(parameter.default, tuple)
            options[option] = [8] * len(parameter.default) if many else 8
    return options


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("classes", [(), (3,)])
def test_bodies_are_of_the_shapes_that_are_asked_for(name, shape, classes):
    encoder, decoder = build_bodies(name, shape, 7, 2, (*classes, *shape), small(name))
    assert encoder(torch.rand(4, *shape)).shape == (4, 7)
    assert decoder(torch.randn(4, 2)).shape == (4, *classes, *shape)


@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_reaches_every_weight(name):
    encoder, decoder = build_bodies(name, SHAPE, 7, 2, SHAPE, small(name))
    (encoder(torch.rand(16, *SHAPE)).square().sum() + decoder(torch.randn(16, 2)).square().sum()).backward()
    for parameter in (*encoder.parameters(), *decoder.parameters()):
        assert parameter.grad is not None and parameter.grad.isfinite().all() and (parameter.grad != 0).any()


@pytest.mark.parametrize("name", NAMES)
def test_examples_do_not_see_each_other_in_evaluation(name):
    encoder, decoder = (body.eval() for body in build_bodies(name, SHAPE, 7, 2, SHAPE, small(name)))
    x, z = torch.rand(5, *SHAPE), torch.randn(5, 2)
    torch.testing.assert_close(encoder(x)[2:3], encoder(x[2:3]))
    torch.testing.assert_close(decoder(z)[2:3], decoder(z[2:3]))


@pytest.mark.parametrize("name", NAMES)
def test_a_model_with_it_is_loaded_as_it_was_saved(tmp_path, name):
    model, x = VAE.build(SHAPE, 2, name, options=small(name)).eval(), torch.rand(3, *SHAPE)
    model.save_pretrained(tmp_path)
    loaded = VAE.from_pretrained(tmp_path)
    options = NETWORKS[name].with_defaults(small(name))
    assert loaded.config() == model.config() and model.config()["network"] == {"name": name, "options": options}
    assert torch.equal(loaded.reconstruct(x), model.reconstruct(x))


@pytest.mark.parametrize("name", NAMES)
def test_options_are_checked_before_anything_is_built(name):
    with pytest.raises(UnknownName, match=f"option of network '{name}' 'hiden'. Did you mean 'hidden'"):
        build_bodies(name, SHAPE, 7, 2, SHAPE, {"hiden": 3})
    with pytest.raises(Refused, match=f"Network '{name}': hidden = 'wide' cannot be"):
        build_bodies(name, SHAPE, 7, 2, SHAPE, {"hidden": "wide"})
