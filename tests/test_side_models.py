"""What stands beside x, from a configuration to a report: trained, resumed, loaded, measured, sampled."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import termwise as tw
from helpers.side_worlds import shifted
from termwise.data.side import Side
from termwise.errors import BadData, Refused, TermwiseError
from termwise.models.side_input import SIDE_TO

TRAINING = {"device": "cpu", "batch_size": 100, "audit": False}
SMALL = {"model": {"latent": 2, "options": {"hidden": [16]}}, "training": TRAINING}


def train(out, config=SMALL, **arguments):
    return tw.train(config, out=out, progress=False, **{"recipe": "cvae", "epochs": 2, **arguments})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A cvae of digits, and of their labels."""
    return train(tmp_path_factory.mktemp("side") / "run", data="digits", side="labels")


@pytest.mark.slow
def test_a_code_that_is_given_what_x_is_made_of_has_nothing_left_to_tell():
    x, s = shifted()
    data = tw.load_data(x, test=0.3).with_side({"s": s})
    values, objective = data.train.side.values, tw.recipe("cvae").players[0].objective
    accounts = {}
    for given in (True, False):
        side = data.train.side if given else None
        model = tw.VAE.build((3,), 2, options={"hidden": [16]}, likelihood="normal:0.3", side=side)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(300):
            optimizer.zero_grad()
            objective(model.draw(data.train.tensor(), side=values)).total.backward()
            optimizer.step()
        accounts[given] = tw.measure(model, data)
        if given:
            for value in (0, 1):
                mean = x[s == value].mean(0)
                assert torch.allclose(model.sample(500, side={"s": value}).mean(0), mean, atol=0.2)
    best = -3 * (0.5 * np.log(2 * np.pi * np.e) + np.log(0.3))  # minus the entropy of the noise
    told, alone = accounts[True], accounts[False]
    error = told["elbo"].stderr
    assert best - 0.15 - 4 * error < told["elbo"].value < best + 4 * error
    assert told["rate"].value < 0.1
    assert alone["rate"].value > 0.5 and alone["elbo"].value < told["elbo"].value - 0.3


def test_the_decoder_alone_may_take_it(tmp_path):
    x, s = shifted()
    data = tw.load_data(x, test=0.3).with_side({"s": s})
    run = train(tmp_path, data=data, recipe="vae", side_to=["decoder"], likelihood="normal:0.3", epochs=1)
    assert run.model.side.parts == ("decoder",) and run.config.model.side_to == ["decoder"]
    assert run.model.encode(x[:2]).mean.shape == (2, 2)


def test_a_column_that_stands_beside_leaves_a_table_that_is_trained_on(call, tmp_path):
    x, s = shifted()
    table = {"a": x[:, 0].numpy(), "b": x[:, 1].numpy(), "batch": [f"batch {int(one)}" for one in s]}
    run = train(tmp_path / "python", data=table, side="batch", epochs=1)
    assert run.model.columns == ("a", "b") and run.model.side.variables[0].categories == ("batch 0", "batch 1")
    rows = "\n".join(f"{a},{b},{batch}" for a, b, batch in zip(*table.values(), strict=True))
    (tmp_path / "x.csv").write_text(f"a,b,batch\n{rows}\n")
    run = train(tmp_path / "file", data=str(tmp_path / "x.csv"), side="batch", epochs=1)
    loaded = tw.load_run(run.folder.path)
    assert loaded.data.side.variables == run.model.side.variables and loaded.data.shape == (2,)
    few = tw.load_data({name: values[:3] for name, values in table.items()}, side="batch", test=0.0)
    assert tw.measure(loaded, few)["elbo"].n == 3
    assert tw.measure(loaded, {name: values[:30] for name, values in table.items()})["elbo"].n == 30
    status, out, _ = call("measure", str(run.folder.path), "--data", str(tmp_path / "x.csv"), "--json")
    assert status == 0 and json.loads(out)["readings"]["elbo"]["n"] == len(x)
    plain = train(tmp_path / "plain", data={"a": table["a"], "b": table["b"]}, recipe="vae", epochs=1)
    told = tw.measure(plain, str(tmp_path / "x.csv"), side="batch")
    assert told["side_information"].n == len(x)
    new = tw.load_data({**table, "batch": ["batch 7", *table["batch"][1:]]}, side="batch", test=0.0)
    with pytest.raises(BadData, match=r"batch: expected one of the categories .*\['batch 7'\] too, for 1 of"):
        tw.measure(loaded, new)


def test_a_run_keeps_what_it_takes(run):
    tables = run.config.to_json()
    assert tables["data"]["side"] == ["labels"] and tables["model"]["side_to"] == ["encoder", "decoder"]
    loaded = tw.load_run(run.folder.path)
    model = tw.VAE.from_pretrained(run.folder.model_folder)
    assert model.side.variables == run.data.side.variables
    labels = run.data.train.labels
    assert dict(zip(model.side.rows[:, 0].tolist(), model.side.counts.tolist(), strict=True)) == {
        float(digit): float((labels == digit).sum()) for digit in range(10)
    }
    x, side = run.data.test.tensor(8), run.data.test.side.at(torch.arange(8))
    assert torch.equal(model.reconstruct(x, side), run.model.reconstruct(x, side))
    for again in (tw.measure(run.folder.path), tw.measure(loaded), tw.measure(model, "digits")):
        assert {name: one.value for name, one in again.items()} == {
            name: one.value for name, one in run.account.items()
        }
    for side in ({"labels": 3}, {"labels": "3"}, {"labels": list(range(6))}, None):
        assert model.sample(6, side=side).shape == (6, 1, 8, 8)
    assert "of x given labels" in run.account["elbo"].bias
    assert "model.encode(x, side={'labels': ...})" in (Path(run.folder.model_folder) / "README.md").read_text()


def test_the_recipe_without_anything_beside_x_says_the_line_that_does_it(tmp_path):
    with pytest.raises(Refused, match=r"--set data.side=labels"):
        train(tmp_path / "a", data="digits")
    with pytest.raises(TermwiseError, match=r"'lables'\. Did you mean 'labels'"):
        train(tmp_path / "b", data="digits", side="lables")
    assert not (tmp_path / "a").exists()


def test_a_training_is_resumed_bit_for_bit(tmp_path):
    def files(folder):
        return [(folder / name).read_bytes() for name in ("model/model.safetensors", "metrics.jsonl", "config.toml")]

    x, s = shifted(300)
    data = tw.load_data(x, test=0.3).with_side({"s": s, "age": torch.rand(300)})
    whole = train(tmp_path / "whole", data=data, epochs=3, likelihood="normal:1")
    train(tmp_path / "parts", data=data, epochs=1, likelihood="normal:1")
    tw.train(out=tmp_path / "parts", data=data, resume=True, epochs=3, progress=False)
    assert files(tmp_path / "parts") == files(whole.folder.path)


def test_a_training_is_not_resumed_with_other_values_beside_x(tmp_path):
    x, s = shifted(200)
    data = tw.load_data(x, test=0.3)
    run = train(tmp_path, data=data.with_side({"s": s}), epochs=1)
    tw.train(run.config, data=data.with_side({"s": s}), out=tmp_path, resume=True, epochs=2, progress=False)
    with pytest.raises(BadData, match=r"not those that .* was trained on"):
        tw.train(run.config, data=data.with_side({"s": 1 - s}), out=tmp_path, resume=True, epochs=3, progress=False)


def test_a_model_made_in_python_takes_up_the_frequencies_of_what_trains(tmp_path):
    x, s = shifted(300)
    data = tw.load_data(x, test=0.3).with_side({"s": s, "age": torch.randn(300) * 5 + 40})
    model = tw.VAE.build((3,), 2, options={"hidden": [8]}, likelihood="normal:1", side=data.side.variables)
    run = train(tmp_path, data=data, model=model, recipe="vae", epochs=1)
    assert run.config.model.side_to == ["encoder", "decoder"]
    ages = data.train.side.values[:, 1]
    assert len(run.model.side.rows) == len(ages)
    for body in (run.model.encoder, run.model.decoder):
        assert torch.allclose(body.numbers.mean[1].double(), ages.mean())
        assert torch.allclose(body.numbers.scale[1].double(), ages.std(correction=0))
    assert run.model.sample(5, {"s": 1}).shape == (5, 3)


def test_numbers_of_a_configuration_are_standardised_by_what_trains(tmp_path):
    x, s = shifted(300)
    data = tw.load_data(x, test=0.3).with_side({"s": s, "age": (torch.randn(300) * 5 + 40).double() * 1e6})
    run = train(tmp_path, data=data, likelihood="normal:1", epochs=1)
    ages = data.train.side.values[:, 1]
    for model in (run.model, tw.VAE.from_pretrained(run.folder.model_folder)):
        for body in (model.encoder, model.decoder):
            assert float(body.numbers.mean[1]) == pytest.approx(float(ages.mean()), rel=1e-6)
            assert float(body.numbers.scale[1]) == pytest.approx(float(ages.std(correction=0)), rel=1e-6)


def test_without_what_takes_it_a_run_is_as_if_nothing_stood_beside_x(tmp_path):
    with_side = train(tmp_path / "with", data="digits", recipe="vae", side="labels", epochs=1)
    without = train(tmp_path / "without", data="digits", recipe="vae", epochs=1)
    for name in ("model/model.safetensors", "model/config.json"):
        assert (with_side.folder.path / name).read_bytes() == (without.folder.path / name).read_bytes()
    assert "side" not in json.dumps(without.config.to_json())
    names = [reading for reading in without.account if reading in with_side.account]
    assert [with_side.account[name] for name in names] == [without.account[name] for name in names]


@pytest.mark.slow
def test_blocks_of_a_code_go_with_it(tmp_path):
    code = [{"name": "kind", "latent": 3, "posterior": "categorical"}, {"name": "style", "latent": 2}]
    tables = {"model": {"code": code, "options": {"hidden": [8]}}, "training": SMALL["training"]}
    run = tw.train(tables, data="digits", recipe="cvae", side="labels", epochs=1, out=tmp_path, progress=False)
    assert run.model.side.parts == ("encoder", "decoder")
    assert tw.VAE.from_pretrained(run.folder.model_folder).sample(3, {"labels": 1}).shape == (3, 1, 8, 8)


@pytest.mark.slow
@pytest.mark.parametrize(
    "read",
    [
        lambda run: tw.sample_quality(run, limit=300, steps=5),
        lambda run: tw.sample_quality(run, limit=300, steps=5, reconstructions=True),
        lambda run: tw.log_likelihood(run, method="iwae", samples=10, limit=20),
        lambda run: tw.disentanglement(run, limit=200),
        lambda run: tw.measure(run, critic=True, critic_steps=5, limit=100),
    ],
    ids=["samples", "reconstructions", "log p(x|s)", "disentanglement", "critic"],
)
def test_all_that_is_read_of_a_model_can_be_read_of_it(run, read):
    account = read(run)
    assert all(np.isfinite(one.value) for one in account.overall.values() if one.value is not None)


def test_what_is_asked_for_is_read_alone_whatever_the_model_takes(run):
    small = (run.data.test.labels < 3).long()
    account, own = tw.measure(run, side={"small": small}), tw.measure(run)
    assert account.data["side"] == ["small"] and own.data["side"] == ["labels"]
    share = float(small.double().mean())
    entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert account["side_entropy"].value == pytest.approx(entropy, abs=1e-9)
    assert "population_side_information" in account and "side_information_by_variable" not in account.by_dimension
    assert account["side_information"].value <= own["side_information"].value + 1e-9  # it is a function of the labels
    both = tw.measure(run, run.data.test.with_side({"small": small}), side=["labels"])
    assert both["side_information"].value == pytest.approx(own["side_information"].value, abs=1e-9)
    assert tw.group_aggregates(run, side={"small": small}).names == ("0", "1")


def test_its_report_has_pictures(run):
    page = run.folder.report_file.read_text()
    assert "No samples were drawn" not in page and "No reconstructions" not in page and "No traversals" not in page


def test_its_pictures_are_at_its_own_values(run):
    from termwise.report.pictures import pictures_of

    held = run.data.test
    pictures = pictures_of(run.model, held, None, count=4)
    x, side = held.tensor(4), held.side.at(torch.arange(4))
    assert np.allclose(pictures.reconstructions, run.model.reconstruct(x, side).double().numpy(), atol=1e-6)
    wrong = Side(side.variables, (side.values + 1) % 10)
    assert not np.allclose(pictures.reconstructions, run.model.reconstruct(x, wrong).double().numpy(), atol=1e-4)


def test_the_command_takes_it(call, tmp_path):
    status, _, err = call(
        *("train", "--data", "digits", "--recipe", "cvae", "--side", "labels", "--epochs", "1", "--latent", "2"),
        *("--out", str(tmp_path / "run")),
    )
    assert status == 0, err
    assert tw.load_run(tmp_path / "run").model.side.names == "labels"
    for command in ("measure", "report"):
        status, _, err = call(command, str(tmp_path / "run"))
        assert status == 0, err
    status, _, err = call("train", "--data", "digits", "--recipe", "cvae", "--out", str(tmp_path / "other"))
    assert status == 2 and "data.side=labels" in err


ONE_PART = [[name, [part]] for name in ("vae", "iwae", "avb-ac", "factor-vae", "vq-vae") for part in SIDE_TO]
BOTH_PARTS = [
    [name, list(SIDE_TO)] for name in sorted(tw.RECIPES.keys() - {"vib", "m2"})
]  # whose target, or code, the labels are


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "to"), [*BOTH_PARTS, *ONE_PART], ids=lambda one: one if isinstance(one, str) else "-".join(one)
)
def test_every_recipe_trains_resumes_saves_and_measures_a_model_that_takes_it(recipe, to, tmp_path):
    digits = tw.load_data("digits")
    data = tw.load_data(digits.tensor(300), labels=digits.labels[:300], test=0.3)
    tables = {"training": TRAINING, "model": {"options": {"hidden": [8]}}}
    said = {"data": data, "recipe": recipe, "side": "labels", "side_to": to, "progress": False}
    run = tw.train(tables, out=tmp_path / "whole", epochs=2, **said)
    assert np.isfinite(run.account["distortion"].value)
    assert run.model.sample(3, side={"labels": 3}).isfinite().all()
    again = tw.measure(tw.VAE.from_pretrained(run.folder.model_folder), data.with_side("labels"))
    assert again["distortion"].value == run.account["distortion"].value
    if recipe not in ("capacity", "joint-vae", "ladder-vae"):  # whose schedules are as long as the run is meant to be
        parts = tw.train(tables, out=tmp_path / "parts", epochs=1, **said)
        tw.train(out=parts.folder.path, data=data, resume=True, epochs=2, progress=False)
        for name in ("model/model.safetensors", "metrics.jsonl"):
            assert (parts.folder.path / name).read_bytes() == (run.folder.path / name).read_bytes()


def test_the_parts_that_take_it_stand_in_one_word_and_no_curve_is_of_what_the_account_withholds(call, tmp_path):
    rng = np.random.default_rng(0)
    rows = "\n".join(f"{a:.3f},{b:.3f},{c:.3f}" for a, b, c in rng.normal(size=(60, 3)))
    (tmp_path / "x.csv").write_text(f"a,b,age\n{rows}\n")
    beside = ("--side", "age", "--side-to", "encoder, decoder,prior", "--prior", "conditional")
    little = ("--epochs", "1", "--latent", "2", "--set", "model.options.hidden=[8]", "--out", str(tmp_path / "run"))
    status, out, _ = call("train", "--data", str(tmp_path / "x.csv"), *beside, *little)
    assert status == 0 and "withheld, as the prior is given age, and q(z|s) is of bins of it." in " ".join(out.split())
    run = tw.load_run(tmp_path / "run")
    assert run.config.model.side_to == ["encoder", "decoder", "prior"]
    assert "marginal_kl_given_side" in run.account.withheld
    terms = {name for line in run.metrics() if line["split"] == "test" for name in line["terms"]}
    assert "index_code_mi_given_side" in terms and "marginal_kl_given_side" not in terms
