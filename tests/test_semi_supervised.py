"""Labels that some have, from the command to the account: m2 on few labels, resumed, stacked, and measured without."""

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import termwise as tw
from termwise.cli.commands import app
from termwise.errors import Refused
from termwise.models.data_pass import DataPass
from termwise.terms import ClassCrossEntropy

SMALL = {
    "model": {"options": {"hidden": [16]}},
    "training": {"audit": False, "batch_size": 300, "device": "cpu", "held_out_limit": 100},
}


def few(each=5):
    """600 of the digits, 420 of which train, five each with a label."""
    digits = tw.load_data("digits")
    return tw.load_data(digits.tensor(600), labels=digits.labels[:600], test=0.3).with_side(f"labels:{each}-each")


def trained(out, **more):
    return tw.train(SMALL, data=few(), recipe="m2", out=out, progress=False, **more)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("m2") / "run", epochs=2)


@pytest.mark.slow
def test_a_command_trains_it_and_says_what_it_observes(tmp_path):
    """The configuration names the variable, and as many numbers as it has categories; the account has the accuracy."""
    more = ["--set", "model.options.hidden=[16]", "--set", "training.audit=false", "--epochs", "1"]
    more += ["--set", "training.measure_limit=100", "--set", "training.batch_size=700"]
    given = ["train", "--data", "digits", "--side", "labels:10-each", "--recipe", "m2", *more]
    done = CliRunner().invoke(app, [*given, "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    config = tw.load_run(tmp_path / "run").config
    assert config.data.side == ["labels:10-each"]
    assert (config.model.code[0]["observes"], config.model.code[0]["latent"]) == ("labels", 10)
    measured = CliRunner().invoke(app, ["measure", str(tmp_path / "run")])
    assert measured.exit_code == 0 and "accuracy of predictions" in measured.output


def test_the_run_has_the_loss_and_the_classifier_of_its_labels(run):
    """Held-out labels are all known, and held against q(y|x); the loss of the labelled is logged by its name."""
    lines = [line for line in run.metrics() if line["split"] == "train"]
    assert lines[-1]["weights"]["class_cross_entropy"] == 0.1
    assert lines[-1]["terms"]["class_cross_entropy"] < lines[0]["terms"]["class_cross_entropy"]
    test = run.data.test
    says = run.model.encode(test.tensor()).links[0].mean.argmax(1)
    accuracy = run.account["prediction_accuracy"]
    assert accuracy.value == pytest.approx(float((says == test.labels).double().mean())) and accuracy.n == len(test)
    assert run.account.data["observes"] == "labels"


def test_the_diagnosis_says_how_rightly_it_says_what_is_known(run):
    right = run.account["prediction_accuracy"]
    (said,) = (one for one in run.account.diagnosis if one.startswith("Where labels is known"))
    assert f"of {right.n} examples" in said and f"{run.account['prediction_cross_entropy'].value:.3f} nats" in said


MISSING = {"none": None, "nan": float("nan"), "numpy": np.nan}


@pytest.mark.parametrize("missing", MISSING.values(), ids=MISSING)
def test_a_category_that_is_missing_beside_an_example_is_left_to_the_encoder(run, missing):
    model, x = run.model, run.data.test.tensor()[:3]
    own = model.encode(x).links[0].log_probs.exp().squeeze(1)
    law = model.encode(x, side={"labels": [1, missing, 2]}).links[0].log_probs.exp().squeeze(1)
    assert torch.equal(law[1], own[1]) and law[0, 1] == law[2, 2] == 1
    assert torch.equal(model.encode(x, side={"labels": missing}).links[0].log_probs.exp().squeeze(1), own)
    z = torch.zeros(3, model.latent)
    held = model.decode(z, side={"labels": [1, missing, 2]}).log_prob(x)
    assert held[1] == model.decode(z).log_prob(x)[1] and held[0] != model.decode(z).log_prob(x)[0]
    assert model.sample(3, side={"labels": [1, missing, 2]}).shape == model.reconstruct(x).shape


def test_a_prediction_is_a_point_where_the_category_is_known(run):
    model, x = run.model, run.data.test.tensor()[:3]
    plain, told = model.predict(x).probs, model.predict(x, side={"labels": [1, None, 2]}).probs
    assert torch.allclose(told[1], plain[1]) and told[0].argmax() == 1 and told[0].max() == 1 and told[2, 2] == 1
    assert torch.allclose(model.predict(x, side={"labels": None}).probs, plain)
    with pytest.raises(tw.TermwiseError, match="Unknown category of labels 'cat'"):
        model.predict(x, side={"labels": ["cat", None, 2]})
    with pytest.raises(tw.TermwiseError, match="labelz"):
        model.predict(x, side={"labelz": [1, None, 2]})


def test_networks_that_need_all_labels_say_what_hidden_ones_ask_for(tmp_path):
    with pytest.raises(Refused, match=r"hidden, as by 'labels:10-each', side = \['labels'\] takes all.*recipe m2"):
        tw.train(SMALL, data=few(), recipe="cvae", out=tmp_path / "run", progress=False)


def test_every_step_has_the_labelled_at_hand(run):
    """Of a batch of any examples the loss in training is the mean over all fifty that are labelled, as they fit."""
    train = run.data.train
    known = ~train.side.values[:, 0].isnan()
    model = tw.VAE.from_pretrained(run.folder.model_folder)
    log_q = model.encode(train.subset(known).tensor()).links[0].log_probs.squeeze(1)
    truth = -log_q.gather(1, train.labels[known].unsqueeze(1)).mean()
    model.train()
    passes = DataPass(model, train)
    for index in ((~known).nonzero().squeeze(1)[:60], known.nonzero().squeeze(1)[:60]):
        batch = next(iter(train.batches(60, order=index)))
        torch.testing.assert_close(ClassCrossEntropy()(passes.draw(batch)).detach(), truth.detach())


@pytest.mark.slow
def test_a_run_that_was_resumed_is_the_same(run, tmp_path):
    """One epoch and another: weights to the last bit, though labelled batches are drawn at random."""
    trained(tmp_path / "run", epochs=1, batch_size=40)
    again = tw.train(data=few(), resume=True, epochs=2, out=tmp_path / "run", progress=False)
    whole = trained(tmp_path / "whole", epochs=2, batch_size=40)
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, again.model.state_dict()[name])


def test_a_run_is_measured_without_labels(run):
    """Of other images, a tensor: terms and no accuracy."""
    account = tw.measure(run, torch.rand(40, 1, 8, 8))
    assert "elbo" in account and "prediction_accuracy" not in account
    assert "known of 0" in account.withheld["prediction_accuracy"]


def test_where_nothing_is_known_of_what_trains_it_is_refused(tmp_path):
    """Labels of the test part alone."""
    digits = tw.load_data("digits").tensor(300)
    data = tw.load_data(digits, test=0.5)
    labels = np.array([None] * 300, dtype=object)
    labels[data.splits["test"].numpy()] = "a"
    with pytest.raises(Refused, match="Nothing is known of kind in what trains"):
        tw.train(SMALL, data=data.with_side({"kind:partly": labels}), recipe="m2", out=tmp_path, progress=False)


@pytest.mark.slow
def test_codes_are_data_of_the_same_parts_and_labels(tmp_path):
    """M1+M2: the codes of a vae, written as data, are what m2 is trained on; labels and parts are the images' own."""
    data = few()
    m1 = tw.train(SMALL, data=data, latent=6, epochs=1, out=tmp_path / "m1", progress=False)
    tw.export_latents(m1.model, m1.data, tmp_path / "codes.npz")
    codes = tw.load_data(tmp_path / "codes.npz", side="labels:5-each")
    for part in ("train", "test"):
        assert torch.equal(codes.split(part).labels, m1.data.split(part).labels)
        torch.testing.assert_close(codes.split(part).tensor(), m1.model.encode(m1.data.split(part).tensor()).mean)
    assert int((~codes.train.side.values.isnan()).sum()) == 50
    run = tw.train(
        SMALL, data=str(tmp_path / "codes.npz"), side="labels:5-each", recipe="m2", epochs=1, out=tmp_path / "m2",
        progress=False,
    )  # fmt: skip
    assert run.model.shape == (6,) and run.account["prediction_accuracy"].n == 180


@pytest.mark.slow
def test_unlabelled_examples_teach_it(tmp_path):
    """Two clouds, with one label each: all but a few of 400 held out are told right, each cloud by its label."""
    torch.manual_seed(0)
    kind = torch.arange(2000) % 2
    x = torch.randn(2000, 2) * 0.5 + 4.0 * (kind - 0.5).unsqueeze(1)
    data = tw.load_data(x, labels=kind.tolist()).with_side("labels:1-each")
    tables = {
        "model": {"options": {"hidden": [32]}},
        "training": {"audit": False, "optimizer": {"learning_rate": 3e-3}},
    }
    run = tw.train(tables, data=data, recipe="m2", epochs=20, out=tmp_path / "run", progress=False)
    assert run.account["prediction_accuracy"].value > 0.97
