"""diffusers' VQModel, against what it rounds to, decodes and loses itself."""

import math

import pytest
import torch
from torch.distributions import Normal

import termwise as tw
from helpers.agreement import unchanged
from termwise.terms.quantization import QuantizationError

diffusers = pytest.importorskip("diffusers")

X = tw.load_data("digits").test.tensor(limit=64)


def made(**options):
    torch.manual_seed(2)
    model = diffusers.VQModel(
        in_channels=1, out_channels=1, block_out_channels=(32,), norm_num_groups=4, latent_channels=3,
        num_vq_embeddings=32, **options,
    )  # fmt: skip
    with torch.no_grad():  # codewords where the encoder's outputs are, and not near 0, where they begin
        outputs = model.encode(X).latents.movedim(1, -1).flatten(0, -2)
        model.quantize.embedding.weight.copy_(outputs[torch.randperm(len(outputs))[:32]])
    return model


@pytest.mark.parametrize("options", [{}, {"norm_type": "spatial"}, {"vq_embed_dim": 2}])
def test_it_rounds_and_decodes_as_it_does_itself(options):
    model = made(**options)
    with unchanged(model):
        account = tw.measure(tw.adapt(model, likelihood="normal:0.5"), X, batch_size=40)
    with torch.no_grad():
        decoded = model(X).sample
        indices = model.quantize(model.encode(X).latents)[2][2]
    assert account["rate"].value == pytest.approx(64 * math.log(32), rel=1e-6)
    distortion = -Normal(decoded, 0.5).log_prob(X).flatten(1).sum(1).mean()
    assert account["distortion"].value == pytest.approx(float(distortion), rel=1e-5)
    assert account["codes_used"].lower == len(indices.unique()) > 3


def test_its_loss_is_the_mean_of_the_commitment_error_with_both_its_weights():
    model = made().eval()
    adapted = tw.adapt(model)
    with torch.no_grad():
        error = QuantizationError("commitment")(tw.Draw(adapted, X))
        own = model.decode(model.encode(X).latents).commit_loss
    assert float(own) == pytest.approx(1.25 * float(error.mean()) / (64 * 3), rel=1e-5)
