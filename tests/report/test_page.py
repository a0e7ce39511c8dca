import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from helpers.played_games import avb
from termwise.errors import BadData
from termwise.report.page import page
from termwise.report.pictures import Pictures

SECTIONS = {
    "headline", "walk", "account", "diagnosis", "dimensions", "curves", "reconstructions", "samples", "traversals",
    "configuration",
}  # fmt: skip
VOID = {"meta", "img", "br", "link", "input"}


class Reader(HTMLParser):
    """Collects elements and text, and fails where tags do not nest."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open, self.text, self.scripts = [], [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif not self.open or self.open[-1] != "style":
            self.text.append(data)

    def ids(self):
        return [attrs["id"] for _, attrs in self.elements if "id" in attrs]

    def words(self):
        return re.sub(r"\s+", " ", " ".join(self.text))


@pytest.fixture
def run(config, metrics, account, links, pictures):
    return {
        "title": "a run", "config": config, "metrics": metrics, "account": account, "links": links,
        "pictures": pictures,
    }  # fmt: skip


EMPTY = {"title": "", "config": {}, "metrics": [], "account": {}, "links": [], "pictures": Pictures()}


def test_every_section_is_there_and_every_anchor_leads_to_one(run):
    read = Reader(page(**run))
    ids = read.ids()
    assert set(ids) >= SECTIONS and len(ids) == len(set(ids))
    anchors = {a["href"] for tag, a in read.elements if tag == "a"}
    assert {anchor.removeprefix("#") for anchor in anchors} <= set(ids)


def test_it_asks_the_network_for_nothing(run):
    html = page(**run)
    for _, attrs in Reader(html).elements:
        for name in ("src", "href", "srcset", "poster", "action"):
            assert attrs.get(name, "#").startswith(("#", "data:"))
    assert "@import" not in html and "url(" not in html and "default-src 'none'" in html
    assert set(re.findall(r"https?://[^\"' )]+", html)) <= {"http://www.w3.org/2000/svg"}


def test_the_numbers_given_are_the_numbers_shown(run):
    words = Reader(page(**run)).words()
    for shown in ("3.214 ± 0.012", "10.210 ± 0.071", "−33.62 ± 0.20", "0.00123 ± 0.00031", "6.250 ± 0.031"):
        assert shown in words
    assert "aggregate mmd" in words and "2 of 3 dimensions are active." in words
    assert "trained on digits by the recipe beta-tcvae for 4 epochs, seed 7" in words


def test_the_curves_are_strict_json_with_gaps_for_what_is_not_finite(run):
    def refuse(constant):
        raise AssertionError(constant)

    data = json.loads(Reader(page(**run)).scripts[0], parse_constant=refuse)
    charts = {chart["name"]: chart["curves"] for chart in data["terms"]}
    assert charts["total_correlation"][0]["y"] == [0.5, None, 1.5, 2.0]
    assert [c["name"] for c in data["settings"]] == ["total_correlation"]


def test_a_game_is_read_out_and_drawn_and_what_its_charts_show_is_said(run):
    assert "The game" not in Reader(page(**run)).words()
    read = Reader(page(**(run | {"metrics": avb([3.0] * 12, accuracy=[0.97] * 12)})))
    drawn = {chart["name"] for chart in json.loads(read.scripts[0])["game"]}
    assert {"accuracy", "cross_entropy", "left_logit", "rate_kl_by_critic", "elbo"} == drawn
    words = read.words()
    assert "accuracy is near 1: 0.97" in words and "1/2 where the laws are alike" in words
    assert ("div", "game") in {(tag, attrs.get("data-charts")) for tag, attrs in read.elements}


def test_names_from_outside_stay_text(run):
    bad = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    run["title"] = bad
    run["config"] = {"data": {"name": bad}, bad: {bad: bad}}
    run["account"]["readings"][bad] = {"value": 1.0, "stderr": None, "unit": bad, "estimator": bad, "bias": bad}
    run["account"]["readings"][bad + "2"] = {"value": [1.0, 2.0, 3.0], "stderr": None, "unit": bad}
    run["account"]["diagnosis"] = [bad]
    run["metrics"] += [{"epoch": 9, "step": 9, "split": bad, "terms": {bad: 1.0}, "weights": {bad: 1.0}}]
    run["links"] += [{"name": bad, "from": "aggregate", "to": bad, "value": 1.0, "stderr": None, "unit": bad}]
    plain = Reader(page(**(run | {"title": "t"})))
    read = Reader(page(**run))
    assert len(read.scripts) == len(plain.scripts) == 2
    assert not any("onerror" in attrs for _, attrs in read.elements)
    assert bad in read.words()


def test_the_diagnosis_stands_before_every_number(run):
    words = Reader(page(**run)).words()
    assert words.index("2 of 3 dimensions are active.") < words.index("−33.62 ± 0.20")
    assert Reader(page(**run)).ids()[:3] == ["headline", "diagnosis", "diagnosis-heading"]


def test_what_was_recorded_once_is_a_table_and_no_chart_of_dots(run, metrics):
    once = Reader(page(**(run | {"metrics": [line for line in metrics if line["epoch"] == 1]})))
    assert {group: charts for group, charts in json.loads(once.scripts[0]).items() if group != "x" and charts} == {}
    words = once.words()
    assert "Recorded at epoch 1 alone, and so not drawn." in words
    assert "distortion nats 29 30.5" in words and "−0.50 ± 0.12 (training − Full)" in words
    assert not {a["data-charts"] for _, a in once.elements if "data-charts" in a}


def test_a_game_of_one_epoch_keeps_what_is_said_of_it(run):
    read = Reader(page(**(run | {"metrics": avb([3.0], accuracy=[0.97])})))
    assert json.loads(read.scripts[0])["game"] == []
    assert "The game" in read.words() and "0.97 (critic of rate)" in read.words()


def test_no_rule_for_another_section_reaches_the_numbers_of_the_bars(run):
    html = page(**run)
    bars = {c for tag, a in Reader(html).elements if tag == "span" for c in a.get("class", "").split()} & {
        "track",
        "figure",
    }
    selectors = re.findall(r"([^{},/]+)(?:,[^{}]*)?\{", re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1])
    alike = {one.strip() for one in selectors if any(re.search(rf"\.{name}\b(?!-)", one) for name in bars)}
    assert bars == {"track", "figure"} and alike and all(" " in one for one in alike)


def test_each_bar_says_what_it_is_of_for_a_screen_without_heads(run):
    labels = [a["data-label"] for tag, a in Reader(page(**run)).elements if tag == "td" and "track" not in a]
    assert labels.count("dimension-wise KL") == 3


def test_a_page_of_nothing_still_has_every_section():
    read = Reader(page(**EMPTY))
    assert set(read.ids()) >= SECTIONS
    assert "No metrics were recorded." in read.words() and "No readings were taken." in read.words()


@pytest.mark.parametrize("missing", ["rate", "distortion", "rate_by_dimension", "dimension_wise_kl_by_dimension"])
def test_a_reading_may_be_missing(run, missing):
    del run["account"]["readings"][missing]
    assert set(Reader(page(**run)).ids()) >= SECTIONS


def test_readings_without_a_number_are_shown_as_such(run):
    run["account"]["readings"]["rate"] |= {"value": None, "stderr": None, "interval": None}
    run["account"]["readings"]["rate_by_dimension"] |= {"value": [None, float("nan"), 1.0], "stderr": [None] * 3}
    assert "—" in Reader(page(**run)).words()


def test_the_rate_and_the_distortion_join_a_walk_that_lacks_them(run):
    desc = re.search("<desc[^>]*>(.*?)</desc>", page(**run)).group(1)
    assert "rate, posterior to prior: 10.210 ± 0.071 nats." in desc
    assert "distortion, data to reconstruction: 23.41 ± 0.19 nats." in desc


def test_dimensions_come_by_rate_and_their_bars_are_in_proportion(run):
    html = page(**run)
    table = html[html.index('<table class="bars">') : html.index("</table>", html.index('<table class="bars">'))]
    rows = table.split("<tr>")[2:]
    assert [re.search(r"<sub>(\d)", row).group(1) for row in rows] == ["1", "2", "0"]
    widths = [float(re.search(r"<b style=\"width:([\d.]+)%", row).group(1)) for row in rows]
    assert widths[1] / widths[0] == pytest.approx(3.46 / 6.25, rel=1e-3)
    assert widths[0] == pytest.approx(100 * 6.25 / (6.25 + 0.031), abs=0.01)  # its whisker ends at the edge


def test_images_are_sheets_that_hold_the_pixels(run, pictures):
    sources = re.findall(r'<img class="sheet" src="data:image/png;base64,([^"]+)"', page(**run))
    assert len(sources) == 2 + 1 + 3
    first = np.asarray(Image.open(io.BytesIO(base64.b64decode(sources[0]))))
    assert first.shape == (8, 5 * 8 + 4, 2)
    np.testing.assert_array_equal(first[:, 9:17, 0], np.rint(255 * pictures.originals[1, 0]))
    assert not first[:, 8, 1].any() and first[:, 9:17, 1].all()


def test_traversals_come_by_rate(run):
    html = page(**run)
    part = html[html.index('<section id="traversals"') : html.index('<section id="configuration"')]
    assert re.findall(r"<figcaption>z<sub>(\d)", part) == ["1", "2", "0"]


@pytest.mark.parametrize("shape", [(1,), (12,), (900,), (6, 5), (3, 6, 5), (1, 200, 200)])
def test_vectors_and_images_of_any_size_are_drawn(run, shape):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, *shape))
    walks = rng.normal(size=(2, 4, *shape))
    html = page(**(run | {"pictures": Pictures(x, x, x, walks, [0, 2])}))
    Reader(html)
    drawn = 'class="line"' if len(shape) == 1 else "data:image/png"
    assert html.count(drawn) == {1: 3 + 3 + 2}.get(len(shape), 2 + 1 + 2)


def test_pictures_that_do_not_fit_are_refused():
    with pytest.raises(BadData, match="images of shape"):
        Pictures(samples=np.zeros((2, 4, 8, 8)))
    with pytest.raises(BadData, match="one shape"):
        Pictures(samples=np.zeros((2, 8)), originals=np.zeros((2, 9)), reconstructions=np.zeros((2, 9)))
    with pytest.raises(BadData, match="one reconstruction for each original"):
        Pictures(originals=np.zeros((2, 8)), reconstructions=np.zeros((3, 8)))
    with pytest.raises(BadData, match="2 traversals and 1 dimension"):
        Pictures(traversals=np.zeros((2, 5, 8)), traversal_dimensions=[0])


def judged(made: str = "samples") -> dict:
    def reading(value, unit):
        return {"value": value, "stderr": 0.5, "unit": unit, "bias": "unbiased", "estimator": "by features of a net"}

    readings = {
        name + end: reading(k, "FD") for k, end in ((40.0, ""), (2.0, "_of_real")) for name in ["frechet_distance"]
    }
    return {"readings": readings, "diagnosis": ["Half <of it> was left out."], "data": {"made": made}}


def edited(method: str) -> dict:
    share = {"value": [0.75], "stderr": [0.1], "interval": [[0.5, 0.9]]}
    ending = {"mean-difference": "", "regression": "_by_regression"}[method]
    names = ["classifier_accuracy", "attribute_reconstructed_lacking", "attribute_reconstructed_having"]
    names += [f"attribute_{name}{ending}" for name in ("added", "removed", "generated")]
    readings = {f"{name}_by_attribute": share for name in (*names, "attribute_generated_before")}
    readings[f"attribute_success{ending}"] = {"value": 0.625, "stderr": 0.03125}
    data = {"attributes": ["<b>hat</b>"], "methods": [method], "strength": 2.0, "n": 70}
    return {"readings": readings, "diagnosis": ["The code loses hats."], "data": data}


def test_what_is_made_has_sections_once_it_was_judged(run):
    plain = Reader(page(**run))
    assert not {"quality", "attributes"} & set(plain.ids())
    png = b"\x89PNG and so on"
    more = {
        "quality": [judged(), judged("reconstructions")],
        "attributes": edited("regression"),
        "figures": {"regression": png},
    }
    html = page(**run, **more)
    read, words = Reader(html), Reader(html).words()
    assert {"quality", "attributes"} <= set(read.ids())
    assert {"#quality", "#attributes"} <= {attrs.get("href") for tag, attrs in read.elements if tag == "a"}
    for told in (
        "Samples",
        "Reconstructions",
        "Fréchet distance",
        "40.00 ± 0.50",
        "2.00 ± 0.50",
        "<of it>",
        "of a net",
    ):
        assert told in words
    for told in (
        "Regression, strength 2",
        "<b>hat</b>",
        "50–90",
        "0.625 ± 0.031",
        "The code loses hats.",
        "70 held-out",
    ):
        assert told in words
    sources = [attrs["src"] for tag, attrs in read.elements if tag == "img"]
    assert f"data:image/png;base64,{base64.b64encode(png).decode()}" in sources
    assert len(sources) == 1 + len([tag for tag, _ in plain.elements if tag == "img"])


def test_a_method_without_a_figure_has_its_table(run):
    assert "Mean-difference, strength 2" in Reader(page(**run, attributes=edited("mean-difference"))).words()
