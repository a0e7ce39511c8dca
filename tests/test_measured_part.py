"""Which examples are measured of each kind of data: all of what has no parts of its own; else a part, which is said."""

import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset as TorchDataset, TensorDataset

import termwise as tw
from termwise.errors import BadData
from termwise.report.account_json import measured_on

N = 119
X = (torch.rand(N, 6, generator=torch.Generator().manual_seed(0)) > 0.5).float()


class Items(TorchDataset):
    """A dataset of torch's that makes its items one by one."""

    def __len__(self):
        return N

    def __getitem__(self, position):
        return X[position]


def csv(folder):
    np.savetxt(folder / "x.csv", X, delimiter=",", header="a,b,c,d,e,f", comments="")
    return folder / "x.csv"


def npy(folder):
    np.save(folder / "x.npy", X)
    return str(folder / "x.npy")


def npz(folder):
    np.savez(folder / "own.npz", x_train=X[:80], x_test=X[80:])
    return folder / "own.npz"


WHOLE = {
    "tensor": lambda folder: X,
    "array": lambda folder: X.numpy(),
    "tensors of torch's": lambda folder: TensorDataset(X),
    "items of torch's": lambda folder: Items(),
    "csv": csv,
    "npy": npy,
    "without a test part": lambda folder: tw.load_data(X, test=0.0),
    "a part": lambda folder: tw.load_data(X).subset(torch.arange(N)),
}
IN_PARTS = {
    "npz with parts": (npz, 39),
    "data set": (lambda folder: tw.load_data(X), 24),
    "data set with validation": (lambda folder: tw.load_data(X, validation=0.2), 24),
}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return tw.VAE.build((6,), 2, options={"hidden": [8]}).eval()


MEASURES = {
    "measure": tw.measure,
    "log_likelihood": lambda *arguments, **options: tw.log_likelihood(*arguments, method="iwae", samples=2, **options),
    "disentanglement": lambda *arguments, **options: tw.disentanglement(*arguments, metrics=["gaussian_tc"], **options),
    "sample_quality": lambda *arguments, **options: tw.sample_quality(
        *arguments, features=nn.Identity(), neighbours=1, **options
    ),
}


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("kind", WHOLE)
def test_what_has_no_parts_is_measured_whole(tmp_path, model, kind, name):
    account = MEASURES[name](model, WHOLE[kind](tmp_path))
    assert (account.data["n"], account.data["part"], account.data["of"]) == (N, "all", N)


@pytest.mark.parametrize("kind", IN_PARTS)
def test_what_has_parts_is_measured_on_its_test_part_and_says_so(tmp_path, model, kind):
    make, count = IN_PARTS[kind]
    account = tw.measure(model, make(tmp_path))
    assert account["elbo"].n == account.data["n"] == count
    assert (account.data["part"], account.data["of"]) == ("test", N)


def test_a_source_by_name_has_its_parts():
    model = tw.VAE.build((1, 8, 8), 2, options={"hidden": [8]}).eval()
    account = tw.measure(model, "digits")
    assert (account.data["n"], account.data["part"], account.data["of"]) == (359, "test", 1797)
    assert account["elbo"] == tw.measure(model, tw.load_data("digits").test)["elbo"]


@pytest.mark.parametrize("kind", ["tensor", "tensors of torch's", "csv"])
def test_a_part_that_is_asked_for_is_drawn_as_training_draws_it(tmp_path, model, kind):
    data = WHOLE[kind](tmp_path)
    for part, count in (("test", 24), ("train", 95)):
        account = tw.measure(model, data, split=part)
        assert (account.data["n"], account.data["part"], account.data["of"]) == (count, part, N)
        assert account["elbo"].n == count
        assert account.data["fingerprint"] == tw.load_data(X).split(part).fingerprint()


def test_a_part_that_is_not_there_is_told(model):
    for data, split in ((X, "validation"), (tw.load_data(X, test=0.0, validation=0.2), None)):
        with pytest.raises(BadData, match=r"has no (validation|test) part \(it has train"):
            tw.measure(model, data, split=split)


def test_attributes_say_what_they_are_judged_on(model):
    data = tw.load_data(X, attributes=(torch.arange(N) % 2)[:, None], test=0.3)
    account = tw.attributes(model, data, classifier_steps=1)
    assert (account.data["part"], account.data["of"], account.data["n"]) == ("test", N, 36)


def test_a_run_is_measured_on_its_own_test_part_and_on_all_of_another_file(tmp_path, call):
    run = tw.train(data=csv(tmp_path), epochs=1, out=tmp_path / "run", progress=False, recipe="vae")
    assert (run.account.data["part"], run.account.data["n"], run.account.data["of"]) == ("test", 24, N)
    assert tw.measure(run) == run.account
    assert tw.measure(run).data == run.account.data
    for arguments, sentence in (
        ([], "Measured on 24 of the 119 examples of x: its test part."),
        (["--split", "train"], "Measured on 95 of the 119 examples of x: its train part."),
        (["--data", npy(tmp_path)], "Measured on all 119 examples of x."),
    ):
        status, out, _ = call("measure", run.folder, *arguments)
        assert status == 0 and sentence in out
    assert json.loads(call("measure", run.folder, "--json")[1])["data"]["part"] == "test"


def test_in_words():
    assert measured_on({"data": {"name": "x", "n": 5, "part": "all", "of": 9}}) == "Measured on 5 of 9 of x."
    assert measured_on({"data": {"name": "x"}}) == measured_on({}) == ""
