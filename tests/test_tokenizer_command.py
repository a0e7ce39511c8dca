"""`termwise tokenizer`: a table, or JSON, of what `tw.tokenizer_report` says."""

import json

import pytest
from typer.testing import CliRunner

import termwise as tw
from termwise.cli.commands import app
from termwise.errors import TermwiseError

SOURCE = """
import torch
import termwise as tw


def model():
    mean = torch.nn.Conv2d(1, 2, 2, 2)
    torch.nn.init.constant_(mean.weight, 0.5)
    torch.nn.init.zeros_(mean.bias)
    return tw.adapt(
        lambda x: (mean(x), torch.full_like(mean(x), -2.0)),
        lambda z: z[:, :1].repeat_interleave(2, 2).repeat_interleave(2, 3),
        "normal:0.1",
    )


def pixels(x):
    return x.flatten(1)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "tiny_tokenizer.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    return "tiny_tokenizer:model"


def call(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_it_shows_channels_places_and_what_was_measured(module):
    done = call("tokenizer", module, "--data", "digits", "--limit", "250", "--features", "tiny_tokenizer:pixels")
    assert done.exit_code == 0, done.output
    for words in ("rate in bits", "channel total correlation", "scaling factor", "SSIM", " c1 ", " 3,3 ", "Fréchet"):
        assert words in done.output, done.output
    assert "250 of" in done.output


def test_json_is_that_of_the_function(module):
    done = call("tokenizer", module, "--data", "digits", "--limit", "100", "--json")
    assert done.exit_code == 0, done.output
    account = tw.tokenizer_report(module, "digits", limit=100)
    assert json.loads(done.stdout) == json.loads(json.dumps(account.to_json()))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--channels", "middle"), "--channels is first or last; got 'middle'"),
        (("--features", "pixels"), "--features is a function of yours as module:function; got 'pixels'"),
    ],
)
def test_what_cannot_be_is_refused_in_words(module, options, reason):
    done = call("tokenizer", module, "--data", "digits", *options)
    assert isinstance(done.exception, TermwiseError)
    assert reason in str(done.exception)


def test_a_run_of_termwise_has_one_place_and_its_codes_for_channels(tmp_path):
    run = tw.train(data="digits", epochs=1, latent=3, out=tmp_path / "run", progress=False)
    account = tw.tokenizer_report(run, limit=100)
    assert len(account.by_dimension["rate_by_channel"].value) == 3
    assert "rate_by_position" not in account
    measured = tw.measure(run, limit=100)
    assert account["rate"].value == pytest.approx(measured["rate"].value, rel=1e-6)
