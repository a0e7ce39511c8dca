"""Lightning's callback: of a LightningModule that says its posteriors, and of scvi-tools' models as they are."""

import logging

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import termwise as tw
from helpers.short_runs import weights
from termwise.callbacks import lightning_callback
from termwise.callbacks.lightning import NoAccount
from termwise.errors import Refused

lightning = pytest.importorskip("lightning")
pytestmark = pytest.mark.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
X = torch.randn(120, 5, generator=torch.Generator().manual_seed(0))


class Module(lightning.LightningModule):
    def __init__(self, says: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.says = says
        self.encoder, self.decoder = nn.Linear(5, 4), nn.Linear(2, 5)

    def encode(self, x):
        return self.encoder(x).chunk(2, 1)

    def losses(self, x):
        mean, log_variance = self.encode(x)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        return mean, log_variance, z, 0.5 * (x - self.decoder(z)).square().sum(1)

    def training_step(self, batch, index):
        mean, log_variance, _, distortion = self.losses(batch[0])
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        return (distortion + kl).mean()

    def validation_step(self, batch, index):
        mean, log_variance, z, distortion = self.losses(batch[0])
        self.log("val_rate", 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean())
        return {"posterior": (mean, log_variance), "z": z, "log_likelihood": -distortion} if self.says else None

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-2)


def fitted(module, callbacks, epochs=2, **options):
    lightning.seed_everything(0, verbose=False)
    given = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    trainer = lightning.Trainer(max_epochs=epochs, enable_model_summary=False, callbacks=callbacks, **(given | options))
    trainer.fit(module, DataLoader(TensorDataset(X), 32), DataLoader(TensorDataset(X[:50]), 20))
    return trainer


def test_readings_are_in_the_trainers_own_logs_at_the_right_steps(tmp_path):
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    logger = lightning.pytorch.loggers.TensorBoardLogger(tmp_path)
    terms = lightning_callback(every=2)
    fitted(Module(), [terms], epochs=4, logger=logger, log_every_n_steps=1)
    events = event_accumulator.EventAccumulator(logger.log_dir)
    events.Reload()
    ours, theirs = events.Scalars("val/rate"), events.Scalars("val_rate")
    assert [one.step for one in ours] == [7, 15]  # four steps an epoch, of which the second and the fourth
    assert [one.value for one in ours] == pytest.approx([one.value for one in theirs][1::2], rel=1e-4)
    assert events.Scalars("val/elbo")[-1].value == pytest.approx(terms.account["elbo"].value, rel=1e-5)
    assert terms.account.data["n"] == 50


def test_a_function_says_the_posteriors_of_a_module_that_does_not():
    says, function = lightning_callback(), lightning_callback(posterior=lambda module, batch: module.encode(batch[0]))
    fitted(Module(), [says])
    trainer = fitted(Module(says=False), [function])
    assert function.account["rate"].value == pytest.approx(says.account["rate"].value, rel=1e-6)
    assert "elbo" not in function.account and float(trainer.callback_metrics["val/rate"]) > 0
    with pytest.raises(Refused, match='"posterior"'):
        fitted(Module(says=False), [lightning_callback()])


def test_a_module_is_measured_by_adapt_and_trains_as_without():
    plain, watched = Module(), Module()
    fitted(plain, [])
    model = tw.adapt(watched.encode, watched.decoder, likelihood="normal:1")
    terms = lightning_callback(model, X[:50])
    trainer = fitted(watched, [terms])
    assert all(map(torch.equal, weights(plain), weights(watched)))
    assert dict(terms.account) == dict(tw.measure(model, X[:50]))
    assert float(trainer.callback_metrics["val/elbo"]) == pytest.approx(terms.account["elbo"].value, rel=1e-5)


def test_the_last_epoch_has_an_account_however_many_there_are():
    for terms in (lightning_callback(every=5), lightning_callback(tw.adapt(Module().encode), X[:50], every=5)):
        fitted(Module(), [terms], epochs=2)
        assert terms.account.data["n"] == 50
    terms = lightning_callback(every=5)
    fitted(Module(), [terms], epochs=9, max_steps=8)
    assert terms.account is not None
    terms = lightning_callback(every=5)
    loader = DataLoader(TensorDataset(X[:50]), 20)
    lightning.Trainer(logger=False, enable_progress_bar=False, callbacks=[terms]).validate(
        Module(), loader, verbose=False
    )
    assert terms.account is not None


def test_a_training_without_an_account_says_why():
    trainer = (
        {"limit_val_batches": 0},
        {"check_val_every_n_epoch": 3},
        {"num_sanity_val_steps": 0, "limit_val_batches": 0},
    )
    for options in trainer:
        with pytest.warns(NoAccount, match="no account was made, because the Trainer validated nothing"):
            fitted(Module(), [lightning_callback()], **options)
    with pytest.warns(NoAccount, match="no validation fell on an epoch that every=5 takes"):
        fitted(Module(), [lightning_callback(every=5)], epochs=4, check_val_every_n_epoch=3)


def test_posteriors_that_no_function_says_are_refused():
    with pytest.raises(Refused, match=r"posterior=lambda module, batch.*got 'x'"):
        lightning_callback(posterior="x")


def test_scvi_trains_with_it_and_has_the_terms_in_its_history():
    scvi = pytest.importorskip("scvi")
    anndata = pytest.importorskip("anndata")
    counts = torch.poisson(torch.rand(80, 12, generator=torch.Generator().manual_seed(1)) * 6).numpy() + 1
    cells = anndata.AnnData(counts)
    scvi.settings.verbosity = 40
    models = []
    for watched in (False, True):
        scvi.settings.seed = 0
        scvi.model.SCVI.setup_anndata(cells)
        model = scvi.model.SCVI(cells, n_hidden=8, n_latent=2)
        terms = lightning_callback(model, every=2)
        model.train(max_epochs=4, accelerator="cpu", enable_progress_bar=False, callbacks=[terms] if watched else [])
        models.append(model)
    history = models[1].history["val/rate"]
    assert len(history) == 2
    after = tw.measure(tw.adapt(models[1]))
    assert terms.account["rate"].value == pytest.approx(after["rate"].value, rel=1e-6)
    assert float(history.to_numpy()[-1, 0]) == pytest.approx(after["rate"].value, rel=1e-5)
    assert all(map(torch.equal, weights(models[0].module), weights(models[1].module)))
