"""The callback of Hugging Face's Trainer, and values in a script of Accelerate's."""

import pytest
import torch
from torch import nn

import termwise as tw
from termwise.callbacks import hugging_face_callback, values_to_log

transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")
pytestmark = pytest.mark.filterwarnings("ignore")
X = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder, self.drop = nn.Linear(5, 4), nn.Linear(2, 5), nn.Dropout()

    def encode(self, x):
        return self.encoder(self.drop(x)).chunk(2, 1)

    def forward(self, x, labels=None):
        mean, log_variance = self.encode(x)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        return {"loss": (0.5 * (x - self.decoder(z)).square().sum(1) + kl).mean()}


def test_its_metrics_and_history_have_the_terms_of_the_evaluation_set(tmp_path):
    arguments = transformers.TrainingArguments(
        str(tmp_path), num_train_epochs=3, eval_strategy="epoch", report_to="none", use_cpu=True, disable_tqdm=True,
        save_strategy="no", remove_unused_columns=False,
    )  # fmt: skip
    examples = [{"x": x, "labels": torch.zeros(1)} for x in X]
    trainer = transformers.Trainer(Model(), arguments, train_dataset=examples[:40], eval_dataset=examples[40:])
    terms = hugging_face_callback(trainer, lambda model, batch: model.encode(batch["x"]), every=2)
    trainer.add_callback(terms)
    trainer.train()
    logged = [line for line in trainer.state.log_history if "eval_rate" in line]
    assert [line["epoch"] for line in logged] == [2.0, 3.0]
    returned = trainer.evaluate()
    model = trainer.model.eval()
    expected = tw.measure(tw.adapt(model.encode), X[40:])
    assert terms.account.data["n"] == 20
    for values in (returned, logged[-1]):
        assert values["eval_rate"] == pytest.approx(expected["rate"].value, rel=1e-5)


def test_a_script_of_accelerates_logs_the_values_of_a_meter(tmp_path):
    import accelerate

    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    accelerator = accelerate.Accelerator(cpu=True, log_with="tensorboard", project_dir=tmp_path)
    accelerator.init_trackers("run")
    meter = tw.Meter(dataset_size=60)
    meter.update(Model().eval().encode(X))
    account = meter.compute()
    accelerator.log(values_to_log(account, "eval/"), step=7)
    accelerator.end_training()
    events = event_accumulator.EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    (point,) = events.Scalars("eval/rate")
    assert (point.step, point.value) == (7, pytest.approx(account["rate"].value, rel=1e-5))
