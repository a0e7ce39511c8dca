"""Runs side by side on one page: numbers, curves and pictures are those of the runs."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import termwise as tw
from termwise.account.rounding import with_error
from termwise.cli.commands import app


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    tables = {"model": {"latent": 2, "options": {"hidden": [16]}}, "training": {"epochs": 2, "measure_limit": 60}}
    return [
        tw.train(tables, data="digits", recipe=recipe, out=folder / recipe, progress=False)
        for recipe in ("vae", "beta-vae")
    ]


@pytest.fixture(scope="module")
def html(runs):
    return tw.write_comparison(
        [runs[0].folder.path, runs[1], runs[0].account], runs[0].folder.path / "c.html"
    ).read_text()


def section(html, name):
    return re.search(rf'<section id="{name}".*?</section>', html, flags=re.DOTALL)[0]


def test_values_and_differences_are_those_of_the_accounts(html, runs):
    table = section(html, "account")
    rows = {row.name: row for row in tw.compare(*runs)}
    (rate,) = (row for row in re.findall(r"<tr.*?</tr>", table) if '<span class="name">rate</span>' in row)
    cells = [re.sub(r"<[^>]+>", " ", cell).split("  ") for cell in re.findall(r"<td.*?</td>", rate)]
    first, second, again = (" ".join(cell).replace("−", "-").strip() for cell in cells)
    assert first == with_error(runs[0].account["rate"].value, runs[0].account["rate"].stderr)
    difference = with_error(rows["rate"].difference, rows["rate"].difference_stderr)
    value = with_error(runs[1].account["rate"].value, runs[1].account["rate"].stderr)
    assert second.split() == [*value.split(), *(difference if difference[0] == "-" else f"+{difference}").split()]
    assert again.split()[:3] == first.split() and "+0" in again
    assert ("difference clear" in rate) == (abs(rows["rate"].z) >= 2)


def test_walks_are_on_one_scale_of_nats(html, runs):
    widths = [float(w) for w in re.findall(r"width:([\d.]+)%", section(html, "walks"))]
    names = ("index_code_mi", "total_correlation", "dimension_wise_kl")
    steps = [[run.account[name].value for name in names] for run in (*runs, runs[0])]
    drawn = [[max(nats, 0.0) for nats in of] for of in steps]  # what noise puts below 0 has no length
    longest = max(map(sum, drawn))
    assert widths == pytest.approx([100 * one / longest for nats in drawn for one in nats], abs=0.006)


def test_curves_are_the_runs_own(html, runs):
    spec = json.loads(re.search(r'<script type="application/json" id="charts">(.*?)</script>', html)[1])
    (rate,) = (chart for chart in spec["terms"] if chart["name"] == "rate")
    assert spec["x"] == "epoch" and [curve["name"] for curve in rate["curves"]] == ["vae", "beta-vae"]
    for run, curve in zip(runs, rate["curves"], strict=True):
        held = [m["terms"]["rate"] for m in run.metrics() if m["split"] == "test"]
        assert curve["y"] == pytest.approx(held, rel=1e-6) and curve["role"] == "run"


def test_reconstructions_are_pairs_of_rows(html, runs):
    sheets = re.findall(r'src="data:image/png;base64,([^"]+)"', section(html, "reconstructions"))
    assert len(sheets) == 2
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(sheets[1]))))
    x = runs[1].data.test.tensor(limit=16)
    for at, images in ((0, x), (9, runs[1].model.reconstruct(x))):
        shown = np.rint(255 * images[3, 0].numpy().clip(0, 1))
        assert np.abs(pixels[at : at + 8, 27:35, 0] - shown).max() <= 1


def test_pictures_stand_in_a_column_a_run_and_settings_that_differ_are_told(html):
    for name in ("reconstructions", "samples", "traversals"):
        assert section(html, name).count('<div class="side-run">') == 3
    assert "No samples were drawn." in section(html, "samples")
    settings = section(html, "configuration")
    assert "objective.recipe" in settings and "training.epochs" in settings and "model.latent" in settings


def test_it_is_one_file_and_names_from_outside_stay_text(runs, tmp_path):
    bad = '"><script>alert(1)</script>'
    account = runs[0].account
    text = tw.write_comparison({bad: account, "other": account}, tmp_path / "c.html").read_text()
    assert "<script>alert" not in text and text.count("<script") == 2
    assert set(re.findall(r"https?://[^\"' )]+", text)) <= {"http://www.w3.org/2000/svg"}


def test_the_command_writes_the_page_and_says_where(runs, tmp_path):
    paths = [str(run.folder.path) for run in runs]
    done = CliRunner().invoke(app, ["compare", *paths, "--html", str(tmp_path / "c.html"), "--json"])
    assert json.loads(done.stdout)["page"] == str(tmp_path / "c.html") and (tmp_path / "c.html").exists()
    done = CliRunner().invoke(app, ["compare", *paths, "--html", str(tmp_path / "c.html")])
    assert "The page is" in done.stdout


@pytest.mark.parametrize(
    ("given", "message"),
    [("runs/a", "two runs or more; got 1"), ([], "got 0"), ([3, 4], "accounts; got 3"), (["a", "b"], "no run folder")],
)
def test_what_cannot_be_compared_is_said(given, message, tmp_path):
    with pytest.raises(tw.TermwiseError, match=message):
        tw.write_comparison(given, tmp_path / "c.html")
    assert not list(tmp_path.iterdir())
