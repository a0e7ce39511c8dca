"""The information bottleneck, from a configuration to a report: of labels, of a column, of a number; beside a vae."""

import json
import tomllib

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import termwise as tw
from termwise.cli.commands import app
from termwise.errors import BadData, TermwiseError
from termwise.training.config import config_from

SMALL = {
    "model": {"latent": 2, "options": {"hidden": [16]}},
    "training": {
        **{"device": "cpu", "batch_size": 100, "audit": False, "epochs": 2, "evaluate_every": 20},
        "optimizer": {"learning_rate": 0.02},
    },
}


def train(out, config=SMALL, **arguments):
    return tw.train(config, out=out, progress=False, **{"recipe": "vib", **arguments})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A bottleneck of digits and their labels."""
    return train(tmp_path_factory.mktemp("vib") / "run", data="digits", epochs=10)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A table in which `score` is 3 a - b and noise, and `kind` whether it is above 0."""
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, 400))
    score = 20 + 10 * (3 * a - b + 0.3 * generator.normal(size=400))
    path = tmp_path_factory.mktemp("people") / "people.csv"
    kind = np.where(score > 20, "high", "low")
    rows = [f"{x:.4f},{y:.4f},{s:.3f},{k}" for x, y, s, k in zip(a, b, score, kind, strict=True)]
    path.write_text("\n".join(["a,b,score,kind", *rows]))
    return path


def test_a_run_says_its_target_and_no_elbo_of_x(run):
    assert run.model.target.name == "labels" and run.data.side.names == ("labels",)
    assert run.account["prediction_accuracy"].value > 0.5
    assert "ELBO" not in repr(run)
    assert all("elbo" not in line["terms"] for line in run.metrics())
    page = run.folder.report_file.read_text()
    assert "how poorly the decoder says labels" in page and page.count("The decoder says labels, and not x.") == 1
    assert 'id="traversals"' not in page and 'href="#pictures"' in page
    assert "bounds no log p(x)" in page and "p(x|<wbr>z)" not in page
    card = (run.folder.model_folder / "README.md").read_text()
    assert "model.predict(x)" in card and "model.sample" not in card


def test_a_run_is_loaded_and_predicts_as_it_was_measured(run):
    model = tw.VAE.from_pretrained(run.folder.model_folder)
    x, labels = run.data.test.tensor(), run.data.test.labels
    torch.manual_seed(0)
    right = (model.predict(x, codes=64).probs.argmax(-1) == labels).double().mean()
    accuracy = run.account["prediction_accuracy"]
    assert abs(float(right) - accuracy.value) < 2 * accuracy.stderr
    again = tw.measure(run.folder.path)  # the labels of the test part are found by name
    assert again["target_information"].value == pytest.approx(run.account["target_information"].value, abs=1e-6)
    assert tw.load_run(run.folder.path).account == run.account


def test_resumed_it_goes_on_as_if_it_had_not_stopped(tmp_path):
    whole = train(tmp_path / "whole", data="digits", epochs=2)
    train(tmp_path / "part", data="digits", epochs=1)
    part = tw.train(resume=True, epochs=2, out=tmp_path / "part", progress=False)
    weights = [one.model.state_dict() for one in (whole, part)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize(("target", "likelihood"), [("kind", "categorical:2"), ("score", "normal:learned")])
def test_a_column_of_a_table_is_the_target_and_no_part_of_x(tmp_path, people, target, likelihood):
    other = "score" if target == "kind" else "kind"
    run = train(tmp_path / "run", data=str(people), target=target, side=other, epochs=30)
    assert run.data.shape == (2,) and run.config.model.likelihood == likelihood
    assert set(run.data.side.names) == {"kind", "score"}
    if target == "kind":
        assert run.account["prediction_accuracy"].value > 0.8
        return
    # R2 is at most 1 - 0.09 / 10.09, and the density is of the score in its own unit
    assert 0.7 < run.account["prediction_r2"].value < 0.991 + 3 * run.account["prediction_r2"].stderr
    rmse = run.account["prediction_rmse"].value
    normal = 0.5 * np.log(2 * np.pi * np.e * rmse**2)
    assert abs(run.account["prediction_cross_entropy"].value - normal) < 0.5
    x = run.data.test.tensor()
    truth = run.data.test.side.chosen(["score"]).values.flatten()
    torch.manual_seed(0)
    errors = run.model.predict(x).mean - truth
    assert abs(float(errors.square().mean().sqrt()) - rmse) < 0.1 * rmse


def test_a_target_from_python_is_kept_as_it_was_handed_in(tmp_path):
    x = torch.rand(300, 4)
    data = tw.load_data(x, test=0.3).with_side({"big": (x[:, 0] > 0.5).tolist()})
    run = train(tmp_path / "run", data=data, target="big", epochs=20)
    assert run.account["prediction_accuracy"].value > 0.8
    model = tw.VAE.build((4,), 2, target=data.side.variables[0])
    own = tw.train(SMALL, data=data, model=model, recipe="vae", out=tmp_path / "own", progress=False)
    assert own.config.model.target == "big:category" and "prediction_accuracy" in own.account


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"data": torch.rand(40, 3)}, TermwiseError, "nothing called 'labels'"),
        ({"data": "digits", "target": "lables"}, TermwiseError, "Did you mean 'labels'"),
        ({"data": "digits", "likelihood": "bernoulli"}, TermwiseError, "say 'categorical:10'"),
        (
            {"data": tw.load_data(torch.rand(40, 3)).with_side({"t": ["a"] * 40}), "target": "t"},
            BadData,
            "same for all",
        ),
        ({"data": "digits", "side_to": ["encoder"]}, TermwiseError, "nothing does"),
    ],
)
def test_a_target_that_cannot_be_is_refused(tmp_path, arguments, error, said):
    with pytest.raises(error, match=said):
        train(tmp_path / "run", **arguments)


def test_the_target_stands_beside_x_in_a_configuration():
    of = {"objective": {"recipe": "vib"}}
    assert config_from(of).data.side == ["labels"] and config_from(of).model.target == "labels"
    both = config_from({**of, "data": {"side": "site, labels"}})
    assert both.data.side == "site, labels"
    assert config_from({**of, "data": {"side": ["site"]}, "model": {"target": "age:number"}}).data.side == [
        "site",
        "age:number",
    ]
    assert config_from(both.tables()) == both == config_from(tomllib.loads(both.toml()))


def test_the_commands_show_it_and_compare_says_what_is_no_difference(run, tmp_path):
    vae = train(tmp_path / "vae", data="digits", recipe="vae")
    shown = CliRunner().invoke(app, ["measure", str(run.folder.path)])
    assert "of labels, and not of x" in " ".join(shown.stdout.split()) and "accuracy of predictions" in shown.stdout
    folders = [str(run.folder.path), str(vae.folder.path)]
    rows = {
        row["name"]: row
        for row in json.loads(CliRunner().invoke(app, ["compare", *folders, "--json"]).stdout)["comparison"]
    }
    assert rows["distortion"]["difference"] is None and "of labels" in rows["distortion"]["why"]
    assert rows["rate"]["difference"] is not None
    assert rows["elbo"]["withheld"][0].startswith("the distortion is of labels")
