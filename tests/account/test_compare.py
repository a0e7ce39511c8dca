import math

import pytest
import torch

import termwise as tw
from termwise.errors import Refused
from termwise.worlds import LinearGaussian


def test_accounts_of_the_same_examples_are_paired_and_others_are_not():
    world, x = LinearGaussian.random(0), LinearGaussian.random(0).data(400)
    worse = LinearGaussian(**{**vars(world), "decoder_offset": world.decoder_offset + 0.1})
    a, b = tw.measure(world, x), tw.measure(worse, x)
    row = {r.name: r for r in tw.compare(a, b)}["distortion"]
    differences = b.per_example["distortion"] - a.per_example["distortion"]
    assert row.paired and row.difference == pytest.approx(float(differences.mean()))
    assert row.difference_stderr == pytest.approx(float(differences.std()) / math.sqrt(400))
    assert row.z == pytest.approx(row.difference / row.difference_stderr)
    apart = {r.name: r for r in tw.compare(a, tw.measure(worse, world.data(400, seed=1)))}["distortion"]
    assert not apart.paired and apart.difference_stderr > row.difference_stderr
    assert apart.difference_stderr == pytest.approx(math.hypot(*apart.stderrs))


def test_an_account_survives_its_files(tmp_path):
    world = LinearGaussian.random(0)
    account = tw.measure(world, world.data(100))
    account.save(tmp_path / "account.json", tmp_path / "account.npz")
    again = tw.Account.load(tmp_path / "account.json", tmp_path / "account.npz")
    assert dict(again) == dict(account) and again.diagnosis == account.diagnosis
    assert all(torch.equal(again.per_example[name], held) for name, held in account.per_example.items())


def test_one_account_cannot_be_compared():
    with pytest.raises(Refused, match="two accounts"):
        tw.compare(tw.measure(LinearGaussian.random(0), torch.randn(10, 6)))
