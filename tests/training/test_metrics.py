"""metrics.jsonl: unweighted terms, an audit, and nothing that depends on the clock."""

import math

import pytest
import torch

import termwise as tw
from helpers.short_runs import examples, small, trainer
from termwise.models.data_pass import DataPass, evaluating
from termwise.terms import Full
from termwise.terms.link import by_example
from termwise.training.engine import Engine
from termwise.training.evaluate import evaluate_held_out, standard_terms


def lines(path, game, **settings):
    one = trainer(path, game, **{"audit": True, "epochs": 3} | settings)
    one.start()
    model = one.run()
    return model, one.folder.metrics(), one.train


def plain_errors(model, data):
    """Standard errors of the terms at one code of every example, without the control variates of an account."""
    full, passes = Full(), DataPass(model, data, len(data))
    full.prepare(passes)
    with evaluating(model):
        (draw,) = passes()
        values = {term.name: by_example(term(draw)) for term in standard_terms(passes, full)}
    values["elbo"] = values["distortion"] + values["rate"]
    return {name: float(torch.std(held)) / len(held) ** 0.5 for name, held in values.items()}


def test_terms_are_unweighted_and_the_loss_is_their_weighted_sum(tmp_path):
    _, found, _ = lines(tmp_path / "run", tw.recipe("beta-vae", beta=7.0))
    for line in found:
        terms = line["terms"]
        assert line["loss"] == pytest.approx(terms["distortion"] + 7 * terms["rate"], rel=1e-5)
    test = found[-1]["terms"]
    assert test["elbo"] == pytest.approx(-(test["distortion"] + test["rate"]))


def test_the_last_held_out_line_is_what_measuring_the_model_finds(tmp_path):
    """The rate is exact; what has a code's noise in it may differ by four standard errors of the difference."""
    data = examples(600)
    learning = {"build": {"likelihood": "normal:0.2"}, "optimizer": {"learning_rate": 0.01}}
    model, found, _ = lines(tmp_path / "run", tw.recipe("beta-tcvae"), data=data, **learning)
    test = next(line for line in reversed(found) if line["split"] == "test")["terms"]
    account, errors = tw.measure(model, data.test, seed=3), plain_errors(model, data.test)
    assert test["rate"] == pytest.approx(account["rate"].value, rel=1e-5)
    assert account["rate"].value > 0.1, "a collapsed code would make the rest of this test empty"
    for name in ("distortion", "elbo", "index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl"):
        assert abs(test[name] - account[name].value) < 4 * 2**0.5 * errors[name], name


def test_the_audit_holds_the_estimators_that_remember_against_the_full_aggregate(tmp_path):
    model, found, data = lines(tmp_path / "run", tw.recipe("beta-tcvae"), data=examples(600))
    audits = [line["terms"] for line in found if line["split"] == "audit"]
    assert len(audits) == 3
    for audit in audits:
        assert set(audit) == {"index_code_mi", "total_correlation", "dimension_wise_kl"}
        for entry in audit.values():
            assert entry["difference"] == pytest.approx(entry["estimate"] - entry["full"])
            assert entry["stderr"] > 0
    account, errors = tw.measure(model, data), plain_errors(model, data)
    for name, entry in audits[-1].items():  # a third of the examples was audited
        assert abs(entry["full"] - account[name].value) < 4 * 3**0.5 * errors[name], name


def test_what_remembers_nothing_is_not_audited(tmp_path):
    _, found, _ = lines(tmp_path / "run", tw.recipe("vae"))
    assert {line["split"] for line in found} == {"train", "test"}
    _, found, _ = lines(tmp_path / "other", tw.recipe("mi-floor", aggregate="full"))
    assert {line["split"] for line in found} == {"train", "test"}


def test_a_training_line_holds_the_standard_terms_only_where_an_audit_took_them(tmp_path):
    _, found, _ = lines(tmp_path / "a", tw.recipe("vae"), audit=False)
    assert set(found[0]["terms"]) == {"distortion", "rate"}
    _, found, _ = lines(tmp_path / "b", tw.recipe("vae"))
    assert {"total_correlation", "marginal_kl"} < set(found[0]["terms"])


def test_lines_come_at_each_epoch_and_evaluations_when_asked_and_last(tmp_path):
    _, found, _ = lines(tmp_path / "run", tw.recipe("vae"), evaluate_every=2)
    assert [(line["epoch"], line["step"], line["split"]) for line in found] == [
        (1, 8, "train"), (2, 16, "train"), (2, 16, "test"), (3, 24, "train"), (3, 24, "test"),
    ]  # fmt: skip


def test_the_same_training_writes_the_same_bytes_at_another_time(tmp_path):
    for name in ("a", "b"):
        lines(tmp_path / name, tw.recipe("beta-tcvae"))
    assert (tmp_path / "a" / "metrics.jsonl").read_bytes() == (tmp_path / "b" / "metrics.jsonl").read_bytes()


def test_validation_is_looked_at_where_there_is_one(tmp_path):
    _, found, _ = lines(tmp_path / "run", tw.recipe("vae"), data=examples(validation=0.2), model=small())
    assert {line["split"] for line in found} == {"train", "validation"}


def test_a_limited_look_at_held_out_data_is_at_examples_of_every_kind():
    """A third of zeros, then ones: half a nat a pixel more. The first forty alone would give the zeros' distortion."""
    model = small(likelihood="normal:1")
    torch.nn.init.zeros_(model.decoder[-2].weight)
    torch.nn.init.zeros_(model.decoder[-2].bias)
    ones = torch.arange(300) >= 100
    x = ones.float().view(-1, *[1] * len(model.shape)).expand(-1, *model.shape).contiguous()
    data = tw.load_data(x).subset(torch.arange(300))
    objective = tw.recipe("vae").players[0].objective
    terms, _ = evaluate_held_out(model, data, objective, Engine("cpu", "32-true"), limit=40)
    pixels = x[0].numel()
    dark = 0.5 * pixels * math.log(2 * math.pi)
    bright = (terms["distortion"] - dark) / (0.5 * pixels)  # the share of ones
    assert abs(bright - 2 / 3) < 4 * (2 / 9 / 40) ** 0.5
