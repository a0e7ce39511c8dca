"""Pixels given those before: probabilities that sum to one, samples that have them, an order that is kept."""

import itertools
import math

import pytest
import torch
from torch import nn

import termwise as tw
from termwise.data import ValueRange
from termwise.errors import BadData, Refused
from termwise.models import VAE, expected_example
from termwise.models.law_rows import rows
from termwise.models.likelihoods import AutoregressiveLikelihood, likelihood_from
from termwise.models.likelihoods.pixel_cnn import PixelCNN


def law_of(levels: int, shape: tuple[int, int, int], batch: int = 1):
    torch.manual_seed(0)
    likelihood = likelihood_from(f"autoregressive:{levels}")
    likelihood.network = PixelCNN(shape[0], levels, features=4, width=8, layers=2)
    likelihood.for_examples(shape)
    for parameter in likelihood.parameters():
        nn.init.normal_(parameter, 0, 0.4)  # as it is begun, pixels are nearly independent
    return likelihood.double().eval()(torch.randn(batch, 4, *shape[1:], dtype=torch.float64))


def all_images(levels: int, shape: tuple[int, int, int]) -> torch.Tensor:
    pixels = itertools.product(range(levels), repeat=math.prod(shape))
    return torch.tensor(list(pixels), dtype=torch.float64).view(-1, *shape) / (levels - 1)


@pytest.mark.parametrize(("levels", "shape"), [(2, (1, 3, 3)), (3, (1, 2, 3)), (2, (2, 2, 2))])
def test_the_probabilities_of_all_images_sum_to_one_and_samples_have_them(levels, shape):
    law, images = law_of(levels, shape), all_images(levels, shape)
    with torch.no_grad():
        p = law.log_prob(images).exp()
    assert float(p.sum()) == pytest.approx(1, abs=1e-9)
    x = law.sample(torch.Size([2_000]))[:, 0]
    assert x.shape == (2_000, *shape)
    code = (x * (levels - 1)).flatten(1) @ (levels ** torch.arange(math.prod(shape) - 1, -1, -1).double())
    seen = torch.bincount(code.round().long(), minlength=len(images)) / len(x)
    assert ((seen - p).abs() < 4.5 * (p * (1 - p) / len(x)).sqrt() + 1e-4).all()


def test_no_pixel_s_logits_look_at_it_or_at_later_ones_and_all_look_at_the_code():
    network = PixelCNN(2, levels=3, features=4, width=8).double()
    x = torch.rand(1, 2, 9, 9, dtype=torch.float64, requires_grad=True)
    features = torch.randn(1, 4, 9, 9, dtype=torch.float64, requires_grad=True)
    for row, column in ((0, 0), (4, 3), (8, 8)):
        by_x, by_code = torch.autograd.grad(network(x, features)[..., row, column].square().sum(), (x, features))
        reached = by_x.abs().sum((0, 1)).flatten()
        place = 9 * row + column
        assert (reached[place:] == 0).all() and (place == 0 or reached[place - 1] > 0)
        assert by_code[..., row, column].abs().sum() > 0


def test_samples_made_of_what_each_pixel_sees_are_those_of_the_whole_image():
    law = law_of(2, (1, 10, 17), batch=3)
    whole = law_of(2, (1, 10, 17), batch=3)
    whole.network = nn.Sequential()  # of no reach that is known: each pass sees all
    whole.network.forward = law.network.forward
    torch.manual_seed(1)
    x = law.sample()
    torch.manual_seed(1)
    assert torch.equal(whole.sample(), x)


def test_some_of_a_batch_are_those_of_the_same_codes():
    law = law_of(2, (1, 4, 4), batch=5)
    x = law.sample()
    torch.testing.assert_close(rows(law, slice(1, 3)).log_prob(x[1:3]), law.log_prob(x)[1:3])
    assert expected_example(law).shape == (5, 1, 4, 4) and set(x.unique().tolist()) <= {0.0, 1.0}


@pytest.mark.slow
def test_a_model_is_trained_measured_saved_and_loaded_with_it(tmp_path):
    x = (tw.load_data("digits").tensor() > 0.5).float()[:200]
    run = tw.train(data=x, likelihood="autoregressive", epochs=25, latent=2, out=tmp_path / "run", progress=False)
    again = tw.load_run(tmp_path / "run", data=x).model
    z = torch.zeros(3, 2)
    assert torch.equal(again.decode(z).log_prob(x[:3]), run.model.decode(z).log_prob(x[:3]))
    assert run.account.data["likelihood"] == "probabilities" and run.account["distortion"].value < 64 * math.log(2)
    assert run.model.sample(2).shape == (2, 1, 8, 8)
    evidence = tw.log_likelihood(run.model, x, method="iwae", samples=20, limit=10)
    assert math.isfinite(evidence["log_likelihood"].value)


def test_a_model_is_saved_and_loaded_with_it_bit_for_bit(tmp_path):
    model = VAE.build((1, 4, 4), 2, likelihood="autoregressive:3", options={"hidden": [8]}).eval()
    loaded = VAE.from_pretrained(model.save_pretrained(tmp_path))
    x, z = torch.randint(0, 3, (5, 1, 4, 4)) / 2, torch.randn(5, 2)
    assert loaded.parts() == model.parts() and loaded.parts()["likelihood"] == "autoregressive:3"
    assert torch.equal(loaded.decode(z).log_prob(x), model.decode(z).log_prob(x))


class Sees(nn.Module):
    """A network of one's own that sees every pixel, or those before."""

    def __init__(self, own: bool) -> None:
        super().__init__()
        self.own, self.weight = own, nn.Parameter(torch.tensor(0.7))

    def forward(self, x: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        before = x.flatten(2).cumsum(-1) - (0 if self.own else x.flatten(2))
        logit = (self.weight * before.view_as(x) + features[:, :1]).unsqueeze(1)
        return torch.cat([torch.zeros_like(logit), logit], 1)


def test_a_network_of_one_s_own_is_taken_where_it_keeps_the_order():
    def model(network):
        likelihood = AutoregressiveLikelihood(2, network)
        bodies = VAE.build((1, 4, 4), 1, likelihood="autoregressive", options={"hidden": [8]})
        return VAE(bodies.encoder, bodies.decoder, shape=(1, 4, 4), latent=1, likelihood=likelihood)

    own = model(Sees(own=False)).eval()
    assert own.parts()["likelihood"] == "given"
    x = own.decode(torch.zeros(2, 1)).sample()
    assert own.decode(torch.zeros(2, 1)).log_prob(x).isfinite().all()
    with pytest.raises(Refused, match=r"pixel 0 change with that pixel or with later ones.*Mask"):
        model(Sees(own=True))
    with pytest.raises(Refused, match=r"logits of shape \(B, 2, 1, 4, 4\); got"):
        model(PixelsAlone())


class PixelsAlone(nn.Module):
    def forward(self, x: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        return features


def test_what_are_no_levels_is_refused():
    binary, bytes_ = likelihood_from("autoregressive"), likelihood_from("autoregressive:256")
    with pytest.raises(BadData, match=r"fractions in \[0, 1\]\. Binarise them .* 'autoregressive:256'"):
        binary.check(ValueRange(0, 1, integer=False))
    with pytest.raises(BadData, match=r"whole numbers in .0, 255.\. Divide pixels by 255"):
        bytes_.check(ValueRange(0, 255, integer=True))
    with pytest.raises(BadData, match="autoregressive likelihood of 2 levels needs multiples of 1/1"):
        law_of(2, (1, 2, 2)).log_prob(torch.full((1, 1, 2, 2), 0.4, dtype=torch.float64))
    with pytest.raises(Refused, match=r"is of images \(C, H, W\); the model's examples are \(5,\)"):
        VAE.build((5,), 1, likelihood="autoregressive")
    with pytest.raises(Refused, match="two levels or more; got 1"):
        likelihood_from("autoregressive:1")
