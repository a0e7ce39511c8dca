"""A report of what termwise did not train: of an account, and, by command, of a function that returns a model."""

import re
from html import unescape

import pytest
import torch

import termwise as tw
from termwise.account.rounding import rounded
from termwise.data import load
from termwise.errors import Refused

THEIRS = """
import torch, termwise as tw
from torch.distributions import Independent, Normal

W = torch.tensor([[1.0, 0.5, 0.0], [0.0, 0.0, 1.0]])

def model():
    return tw.adapt(
        encode=lambda x: {"posterior": Independent(Normal(x @ W.T, 0.5), 1)},
        decode=lambda z: Independent(Normal(z @ W, 1.0), 1),
    )
"""


def shown(path):
    return unescape(re.sub(r"<(style|script).*?</\1>|<[^>]*>", " ", path.read_text(), flags=re.DOTALL))


@pytest.fixture(scope="module")
def world():
    return tw.worlds.LinearGaussian.random(seed=0, latent=2, dimension=3)


def test_any_account_has_a_report(world, tmp_path):
    account = tw.measure(world, world.data(300))
    path = tw.write_report(account, tmp_path / "account.html")
    words = shown(path)
    error = rounded(account["rate"].value, account["rate"].stderr)[1]
    assert f"± {error} nats" in words and account.diagnosis[0] in words
    assert "No metrics were recorded." in words and "No reconstructions were drawn." in words


def test_with_its_model_and_data_the_report_has_pictures(world, tmp_path):
    x = world.data(300)
    path = tw.write_report(tw.measure(world, x), tmp_path / "account.html", model=world, data=x)
    assert "16 examples and their reconstructions" in path.read_text()


def test_an_account_is_written_where_it_is_told(world):
    with pytest.raises(Refused, match=r'write_report\(account, "report.html"\)'):
        tw.write_report(tw.measure(world, world.data(50)))


def test_a_run_s_report_can_go_elsewhere(tmp_path):
    run = tw.train(data="four-points", recipe="vae", epochs=1, out=tmp_path / "run", progress=False)
    path = tw.write_report(run, tmp_path / "copy.html")
    assert path.read_text() == run.folder.report_file.read_text()


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    (tmp_path / "their_models.py").write_text(THEIRS)
    monkeypatch.chdir(tmp_path)
    rows = torch.randn(60, 3, generator=torch.Generator().manual_seed(0)).tolist()
    lines = ["height,weight,age", *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "people.csv").write_text("\n".join(lines))
    return tmp_path


@pytest.mark.parametrize("command", [("report",), ("measure", "--log-likelihood", "iwae", "--limit", "10")])
@pytest.mark.parametrize("split", [(), ("--split", "test")])
def test_a_command_reads_the_data_once(call, theirs, monkeypatch, command, split):
    read, reads = load.format_of, []
    monkeypatch.setattr(load, "format_of", lambda path: reads.append(path) or read(path))
    status, _, err = call(*command, "their_models:model", "--data", "people.csv", *split)
    assert status == 0, err
    assert len(reads) == 1


def test_a_function_s_model_has_a_report_by_command(call, theirs):
    status, out, err = call("report", "their_models:model", "--data", "people.csv")
    assert (status, out.strip()) == (0, "report.html"), err
    words = shown(theirs / "report.html")
    assert all(name in words for name in ("height", "weight", "age", "Diagnosis", "held out"))
    status, out, _ = call("report", "their_models:model", "--data", "people.csv", "--out", "other.html")
    assert (status, (theirs / "other.html").read_text()) == (0, (theirs / "report.html").read_text())


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ("report their_models:model", "needs data: say --data"),
        ("report their_models:nobody --data people.csv", "nobody"),
        ("report none --data people.csv", "--data and --split are of MODULE:FUNCTION"),
    ],
)
def test_what_a_report_lacks_is_said(call, theirs, arguments, match):
    status, out, err = call(*arguments.split())
    assert (status, out) == (2, "") and match in err and "Traceback" not in err
