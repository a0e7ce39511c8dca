"""pythae's callback: the terms of its evaluation set, in what its trainers log."""

import pytest
import torch

import termwise as tw
from termwise.callbacks import pythae_callback

pytest.importorskip("pythae")
pytestmark = pytest.mark.filterwarnings("ignore")


def test_what_is_logged_has_the_terms_of_the_model_as_it_is(tmp_path):
    from pythae.models import VAE, VAEConfig
    from pythae.pipelines import TrainingPipeline
    from pythae.trainers import BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    class Keeps(TrainingCallback):
        logs: list = []  # noqa: RUF012

        def on_log(self, training_config, logs, **given):
            Keeps.logs.append({**logs, "epoch": given["global_step"], "expected": rate(given["model"])})

    x = torch.rand(60, 1, 3, 2, generator=torch.Generator().manual_seed(0)).round()

    def rate(model):
        return tw.measure(tw.adapt(model), x[40:])["rate"].value

    vae = VAE(VAEConfig(input_dim=(1, 3, 2), latent_dim=2, reconstruction_loss="bce"))
    trainer = BaseTrainerConfig(output_dir=str(tmp_path), num_epochs=4, no_cuda=True, seed=0)
    terms = pythae_callback(every=3)
    TrainingPipeline(vae, trainer)(x[:40], eval_data=x[40:], callbacks=[terms, Keeps()])
    told = [(line["epoch"], line["eval_rate"], line["expected"]) for line in Keeps.logs if "eval_rate" in line]
    assert [epoch for epoch, *_ in told] == [3, 4]
    assert [ours for _, ours, _ in told] == pytest.approx([theirs for *_, theirs in told], rel=1e-5)
    assert terms.account.data["n"] == 20 and "elbo" in terms.account
