"""A discriminator is told what the decoder is told: T(x, s), so that what is made is of the kind that was asked for."""

import pytest
import torch
from torch import nn

import termwise as tw
from termwise.data import Side
from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms.adversarial.data_laws import RealExamples
from termwise.terms.adversarial.discriminator import Discriminator
from termwise.training import Config, RunFolder, Trainer
from termwise.training.config import TrainingSection

KINDS = Side.of({"kind": ["a", "b", "c", "b"], "age": [0.5, 1.5, 2.5, 3.5]})


class OfBoth(nn.Module):
    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner = inner

    def forward(self, x, side):
        return self.inner(torch.cat([x, side], 1))


def images(side_to):
    torch.manual_seed(0)
    model = tw.VAE.build((1, 8, 8), 2, options={"hidden": [8]}, side=KINDS, side_to=side_to)
    return Draw(model, torch.rand(4, 1, 8, 8), side=KINDS.values)


def test_the_numbers_of_s_are_further_channels_the_same_in_every_place():
    draw, judge = images(("decoder",)), Discriminator((4, 8), 16, "conv2").eval()
    judge.build(draw)
    kinds = torch.eye(3)[[0, 1, 2, 1]]
    numbers = torch.cat([kinds, torch.tensor([[-1.5], [-0.5], [0.5], [1.5]]) / 1.25**0.5], 1)  # standardised ages
    planes = torch.stack([numbers] * 64, -1).view(4, 4, 8, 8)
    expected = judge.body(torch.cat([draw.x, planes], 1))[:, 0]
    torch.testing.assert_close(judge.at(RealExamples(), draw).logit, expected)
    judge.train()
    together = judge.body(
        torch.cat([torch.cat([law.sample(draw) for law in judge.laws]), planes.repeat(3, 1, 1, 1)], 1)
    )
    torch.testing.assert_close(judge.at(RealExamples(), draw.again()).logit.shape, torch.Size([4]))
    torch.testing.assert_close(judge.at(judge.laws[2], draw).logit, together[8:, 0], rtol=1e-5, atol=1e-6)


def test_one_is_told_nothing_that_the_decoder_is_not_told():
    draw, judge = images(("encoder",)), Discriminator((4, 8), 16, "conv2").eval()
    judge.build(draw)
    assert torch.equal(judge.at(RealExamples(), draw).logit, judge.body(draw.x)[:, 0])


def gan(body, layer):
    options = {"features": False, "encode": False, "saturating": False, "learning_rate": 3e-3}
    return tw.recipe("vae-gan", layer=layer, body=body, **options)


def test_a_body_that_sees_x_alone_is_refused_beside_a_decoder_that_is_told():
    data = tw.load_data(torch.randn(40, 1), test=0.2).with_side({"kind": ["a", "b"] * 20})
    with pytest.raises(Refused, match=r"forward\(self, x, side\), with side of shape \(B, 2\)"):
        tw.train(data=data, objective=gan(nn.Sequential(nn.Linear(1, 1)), "0"), side_to=["decoder"], progress=False)


@pytest.mark.parametrize("swapped", [False, True])
def test_what_is_made_of_each_kind_is_of_that_kind(tmp_path, swapped):
    """Kind 0 lies about -2, kind 1 about 2, or the other way about: one that sees x alone makes the same of both."""
    torch.manual_seed(0)
    right = torch.randint(2, (512,))
    x = (4.0 * right - 2 + 0.3 * torch.randn(512)).unsqueeze(1)
    data = tw.load_data(x, test=0.1).with_side({"kind": 1 - right if swapped else right})
    network = {"likelihood": "normal:0.3", "options": {"hidden": [32]}, "side_to": ["decoder"]}
    model = tw.VAE.build((1,), 1, side=data.side, **network)
    judge = OfBoth(nn.Sequential(nn.Linear(3, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1)))
    section = TrainingSection(epochs=25, batch_size=64, audit=False, evaluate_every=25, device="cpu")
    folder = RunFolder(tmp_path / "run")
    folder.create(Config())
    Trainer(model, gan(judge, "inner"), data, section, folder).run()
    made = [model.eval().generate_examples(torch.randn(500, 1), side={"kind": kind}) for kind in (0, 1)]
    signs = (1, -1) if swapped else (-1, 1)
    assert all(bool((one.sign() == sign).float().mean() > 0.99) for one, sign in zip(made, signs, strict=True))
