"""Attributes of a run from end to end: from the command line, and from Python."""

import importlib
import json

import numpy as np
import pytest
import torch
from PIL import Image

import termwise as tw
from termwise.account import Account
from termwise.api import attribute_vectors, attributes
from termwise.errors import BadData, Refused, UnknownName
from termwise.measuring.classifier.classifier import train_classifier


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Digits, whose labels stand for attributes."""
    config = {"model": {"options": {"hidden": [64]}, "latent": 8}, "training": {"epochs": 15, "batch_size": 32}}
    folder = tmp_path_factory.mktemp("attributes") / "run"
    return tw.train(config, data="digits", recipe="vae", out=folder, progress=False)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Digits need no thousand steps."""
    monkeypatch.setattr(
        importlib.import_module("termwise.api.attributes"),
        "train_classifier",
        lambda data, **said: train_classifier(data, **{**said, "steps": 150}),
    )


def test_the_command_prints_a_table_and_leaves_an_account_and_figures_in_the_run(run, call):
    chosen = ["--attribute", "0", "--attribute", "3", "--limit", "80", "--show", "-1", "--show", "0.5", "--show", "2"]
    status, out, err = call("attributes", run.folder, *chosen, "--strength", "1.5")
    assert (status, err) == (0, "")
    assert "mean-difference, strength 1.5" in out
    assert "each of its labels was taken as one" in out
    written = out.replace("\n", "")
    for name in ("attributes.json", "attributes-mean-difference.png", "attributes-regression.png"):
        assert str(run.folder.path / name) in written
        assert (run.folder.path / name).exists()
    account = Account.load(run.folder.path / "attributes.json", run.folder.path / "attributes.npz")
    assert account.data["attributes"] == ["0", "3"]
    assert account["attribute_success"].n == 80
    assert len(account.per_example["attribute_success"]) == 80
    with Image.open(run.folder.path / "attributes-regression.png") as figure:
        assert figure.width == 2 * 3 + 8 * 59 + 2 * 10 - 3  # gaps, 8 columns of 56 and a gap, groups apart


def test_json_is_the_account_that_python_gives(run, call):
    few = {"names": ["1"], "methods": ["regression"], "limit": 50, "seed": 2}
    status, out, err = call(
        "attributes", run.folder, "--json", "--attribute", "1", "--method", "regression", "--limit", 50, "--seed", 2
    )
    assert (status, err) == (0, "")
    account = attributes(run, **few)
    assert json.loads(out) == json.loads(json.dumps(account.to_json()))
    assert "attribute_success" not in account
    assert account["attribute_success_by_regression"].interval is not None


def test_on_digits_the_classifier_knows_real_images_and_an_edit_brings_zeros(run):
    account = attributes(run, names=["0", "6"], limit=200, strength=1.5)
    accuracy = np.array(account["classifier_accuracy_by_attribute"].value)
    assert (accuracy > np.array(account["classifier_majority_by_attribute"].value) + 0.03).all()
    edited = np.array(account["attribute_added_by_attribute"].interval)  # (A, 2)
    unedited = 1 - np.array(account["attribute_reconstructed_lacking_by_attribute"].value)
    assert (edited[:, 0] > unedited).all()


def test_vectors_can_be_had_alone_and_edit_codes(run):
    vectors = attribute_vectors(run, names=["0", "1"], method="regression")
    z = torch.zeros(3, 8)
    assert vectors.names == ("0", "1")
    assert vectors.n == len(run.data.train)
    torch.testing.assert_close(vectors.edit(z, "1", 2.0)[0], 2 * vectors["1"])


def test_what_cannot_be_is_refused_in_one_line(run, call, tmp_path):
    for arguments, words in (
        (["--attribute", "smile"], "Unknown attribute 'smile'"),
        (["--method", "median"], "Unknown way to find attribute vectors 'median'"),
        (["--split", "train"], "found in a training part and judged on another"),
        (["--limit", "1"], "Expected two examples or more to edit"),
        (["--strength", "nan"], "strength = nan cannot be"),
        (["--show", "inf"], "strengths = [inf] cannot be"),
        (["--device", "meet"], "The device 'meet' cannot be used"),
    ):
        status, out, err = call("attributes", run.folder, *arguments)
        assert (status, out) == (2, "")
        assert words in err
        assert err.startswith("termwise: ")
        assert err.count("\n") == 1
    status, _, err = call("attributes", tmp_path)
    assert status == 2
    assert "is no run folder" in err
    for data in (torch.rand(30, 1, 8, 8), tw.load_data(torch.rand(30, 1, 8, 8))):
        with pytest.raises(BadData, match="no attributes and no labels"):
            attributes(run.model, data)
    with pytest.raises(Refused, match="Give data with splits"):
        attributes(run, split="train")
    with pytest.raises(UnknownName, match="Unknown split"):
        attributes(run, split="tset")


@pytest.mark.slow
def test_a_model_that_is_told_the_labels_is_edited_by_them_too(run, call, tmp_path):
    config = {"model": {"options": {"hidden": [32]}, "latent": 4}, "training": {"epochs": 12, "batch_size": 32}}
    config["training"] |= {"audit": False, "evaluate_every": 12, "measure_limit": 50}
    told = tw.train(config, data="digits", side="labels", recipe="cvae", out=tmp_path / "told", progress=False)
    status, out, err = call("attributes", told.folder, "--attribute", "0", "--attribute", "3", "--limit", "120")
    assert (status, err) == (0, "") and "side, another value beside x" in out
    account = Account.load(told.folder.attributes_file, told.folder.edits_file)
    assert account.data["methods"] == ["mean-difference", "regression", "side"]
    low, _ = account["attribute_success_by_side"].interval
    _, high = account["attribute_success"].interval
    assert low > high  # the code knows little of what the decoder is told
    page = told.folder.report_file.read_text()
    assert "Side, another value beside x" in page and "edited in every attribute, by side" in page
    with Image.open(told.folder.edits_figure("side")) as figure:
        assert figure.width == 2 * 3 + 6 * 59 + 2 * 10 - 3
    alone = attributes(told, names=["3"], methods=["side"], limit=50)
    assert "attribute_success" not in alone and alone["attribute_success_by_side"].n == 50
    with pytest.raises(Refused, match="--side labels"):
        attributes(run, methods=["side"])
