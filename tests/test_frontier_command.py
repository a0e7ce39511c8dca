"""`termwise frontier` and `tw.frontier`: points over seeds, a sweep's record, a run's curve, pages and figures."""

import json
import math
import re
import statistics

import pytest
import torch
from typer.testing import CliRunner

import termwise as tw
from helpers.html import Tags
from termwise.cli.commands import app
from termwise.errors import BadData, Refused
from termwise.sweeps.frontier_points import pooled_account

SETTINGS = [(beta, seed) for beta in (1.0, 4.0) for seed in (0, 1)]


def call(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four runs of a second: two betas by two seeds."""
    out = tmp_path_factory.mktemp("frontier")
    for beta, seed in SETTINGS:
        tables = {
            "data": {"source": "four-points"},
            "model": {"latent": 2, "options": {"hidden": [8]}},
            "objective": {"recipe": "beta-vae", "beta": beta},
            "training": {"epochs": 2, "seed": seed},
        }
        tw.train(tables, out=out / f"b{beta:g}-s{seed}", progress=False)
    return out


@pytest.fixture(scope="module")
def accounts(folder):
    return {(beta, seed): tw.Account.load(folder / f"b{beta:g}-s{seed}" / "account.json") for beta, seed in SETTINGS}


def test_runs_that_differ_in_their_seed_alone_are_one_point_with_the_error_between_them(folder, accounts):
    found = tw.frontier(folder)
    assert {point.name for point in found.points} == {"beta=1", "beta=4"}
    for point in found.points:
        beta = point.settings["objective.beta"]
        for name in ("rate", "distortion", "elbo", "total_correlation"):
            values = [accounts[beta, seed][name].value for seed in (0, 1)]
            assert point.account[name].value == pytest.approx(statistics.mean(values))
            assert point.account[name].stderr == pytest.approx(statistics.stdev(values) / math.sqrt(2))
        assert point.seeds == 2
    rates = [point.account["rate"].value for point in found.points]
    assert rates == sorted(rates)
    same = tw.frontier([folder / f"b{beta:g}-s{seed}" for beta, seed in SETTINGS])
    assert same.to_json() == found.to_json()


def test_a_sweeps_record_says_the_settings_and_what_did_not_finish(folder, tmp_path):
    (tmp_path / "runs").mkdir()
    rows = []
    for beta, seed in SETTINGS:
        name = f"beta={beta:g},seed={seed}"
        (tmp_path / "runs" / name).symlink_to(folder / f"b{beta:g}-s{seed}")
        rows.append({"folder": f"runs/{name}", "settings": {"objective.beta": beta}, "seed": seed, "state": "finished"})
    rows[-1] |= {"state": "failed", "reason": "it ran out of memory"}
    (tmp_path / "sweep.json").write_text(json.dumps({"keys": ["objective.beta"], "runs": rows, "another": 1}))
    found = tw.frontier(tmp_path)
    assert {point.name: point.seeds for point in found.points} == {"beta=1": 2, "beta=4": 1}
    assert found.left_out == {"beta=4,seed=1": "it is failed, it ran out of memory"}
    assert "it ran out of memory" in call("frontier", tmp_path).stdout.replace("\n", " ").replace("  ", " ")
    rows[0]["folder"] = "../elsewhere"
    (tmp_path / "sweep.json").write_text(json.dumps({"runs": rows}))
    with pytest.raises(BadData, match="no folder within"):
        tw.frontier(tmp_path)


def test_a_run_has_the_curve_of_its_decoder_and_the_encoder_beside_it(folder, tmp_path):
    run = folder / "b1-s0"
    shown = call("frontier", run, "--betas", "0.5,1,2", "--temperatures", 6, "--json", "--out", tmp_path / "c.html")
    assert shown.exit_code == 0, shown.output
    said = json.loads(shown.stdout)
    direct = tw.frontier(tw.load_run(run), betas=[0.5, 1, 2], temperatures=6)
    assert said["curve"] == json.loads(json.dumps(direct.curve.to_json()))
    assert said["points"][0]["name"] == "encoder" and said["written"] == [str(tmp_path / "c.html")]
    high, middle, low = direct.curve["rate_by_beta"].value
    assert high > middle > low
    page = (tmp_path / "c.html").read_text()
    assert "The best codes for this decoder" in page and "BDMC gap" in page


def test_the_page_has_the_figure_and_the_numbers_and_asks_the_network_for_nothing(folder, tmp_path):
    found = tw.frontier(folder)
    page = tw.write_frontier(found, tmp_path / "f.html", title="A <b>title</b>").read_text()
    assert "<b>title" not in page and "A &lt;b&gt;title" in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    text = " ".join(Tags(page).text)
    for point in found.points:
        assert point.name in text
        for cell in point.cells():
            assert cell.replace("-", "−") in text.replace("-", "−")
    for ending in ("png", "svg", "pdf"):
        written = tw.write_frontier(found, tmp_path / f"f.{ending}").read_bytes()
        assert written == tw.write_frontier(found, tmp_path / f"again.{ending}").read_bytes()
    with pytest.raises(Refused, match=r"\.html, \.htm"):
        tw.write_frontier(found, tmp_path / "f.txt")
    with pytest.raises(Refused, match="file of the run"):
        tw.write_frontier(found, folder / "b1-s0" / "report.html")


def test_the_figure_of_a_curve_is_the_curve():
    torch.manual_seed(0)
    world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
    found = tw.frontier(world, world.data(12), betas=[0.5, 1, 2], temperatures=4, simulated=2)
    ax = tw.plot.frontier(found)
    (line,) = (one for one in ax.lines if len(one.get_xdata()) == 3)
    assert list(line.get_xdata()) == found.curve["rate_by_beta"].value
    assert list(line.get_ydata()) == found.curve["distortion_by_beta"].value
    assert "β = 1" in [text.get_text() for text in ax.texts]


def test_accounts_of_a_dict_are_points_by_their_names(accounts):
    found = tw.frontier({"first": accounts[1.0, 0], "second": accounts[1.0, 1]})
    assert sorted(point.name for point in found.points) == ["first", "second"]
    assert {point.seeds for point in found.points} == {1}
    assert pooled_account([accounts[1.0, 0]]) is accounts[1.0, 0]
    assert "first" in repr(found) and "<table>" in found._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "There is no folder"),
        (["."], "holds no run that has finished"),
        ([".", "--betas", "1,2"], "of the curve of one run"),
    ],
)
def test_what_cannot_be_is_said_in_words(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert words in str(call("frontier", *arguments).exception)


def test_betas_that_are_no_numbers_are_refused(folder):
    assert "--betas is of numbers" in str(call("frontier", folder / "b1-s0", "--betas", "a,b").exception)
    with pytest.raises(Refused, match="is of the curve of one run"):
        tw.frontier(folder, betas=[1, 2])
