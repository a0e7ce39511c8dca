import re

import numpy as np
import pytest
from scipy.stats import ks_2samp

from helpers.html import Tags
from termwise.data.columns import Column
from termwise.report.galleries import reconstruction_gallery, sample_gallery, traversal_gallery
from termwise.report.pictures import Pictures, is_image, is_series
from termwise.report.table_pictures import (
    MOST_COLUMNS,
    TableOfExamples,
    distributions_section,
    histograms,
    misses_section,
)


def table(columns=3, kind="number", seed=0):
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(400, columns)) * 10.0 ** np.arange(columns).clip(max=5)
    if kind == "count":
        real = rng.poisson(np.linspace(0.1, 300, columns), (400, columns)).astype(float)
    share = np.linspace(0.1, 0.9, columns)  # of each column's spread that is lost
    off = real.std(0) * share * rng.choice([-1.0, 1.0], real.shape)
    moved = real + real.std(0) * np.linspace(0, 2, columns)
    return TableOfExamples(tuple(Column(f"column {j}", kind) for j in range(columns)), real, real + off, moved), share


def names(html):
    return re.findall(r"column \d+", re.sub(r'aria-label="[^"]*"', "", html))


def test_misses_are_shares_of_a_column_s_spread_whatever_its_unit():
    one, share = table()
    assert one.misses() == pytest.approx(share, rel=1e-6)
    html = misses_section(one)
    assert names(html) == ["column 2", "column 1", "column 0"]
    assert [text for text in Tags(html).text if re.fullmatch(r"0\.\d\d", text)] == ["0.90", "0.50", "0.10"]
    widths = [float(w) for w in re.findall(r"width:([\d.]+)%", html)]
    assert widths == pytest.approx([100, 55.56, 11.11], abs=0.01)


def test_distances_are_those_of_kolmogorov_and_smirnov_and_the_worst_come_first():
    one, _ = table()
    by_hand = [ks_2samp(one.real[:, j], one.drawn[:, j]).statistic for j in range(3)]
    assert one.distances() == pytest.approx(by_hand) and by_hand[0] == 0
    html = distributions_section(one)
    assert names(html) == ["column 2", "column 1", "column 0"] and f">{by_hand[2]:.2f}<" in html


def test_a_histogram_has_the_shares_of_the_values():
    svg, low, high = histograms(np.array([0.0] * 30 + [1.0] * 10), np.array([0.0] * 20 + [1.0] * 20))
    assert (low, high) == ("0", "1")
    held, drawn = re.findall(r'd="([^"]*)"', svg)
    heights = [[60 - float(y) for y in re.findall(r"(?:M0 |V)([\d.]+)H", path)] for path in (held, drawn)]
    assert heights[0][1] / heights[0][0] == pytest.approx(1 / 3, abs=0.01)
    assert heights[1][0] / heights[0][0] == pytest.approx(2 / 3, abs=0.01) and heights[1][0] == heights[1][1]


def test_a_count_is_drawn_over_a_logarithm_and_a_constant_or_broken_column_too():
    _, low, high = histograms(np.array([0.0] * 50 + [9999.0] * 50), np.array([5.0] * 100), logarithmic=True)
    assert (low, high) == ("0", "9999")
    assert histograms(np.zeros(10), np.zeros(10))[0].startswith("<svg")
    counts = np.array([0.0] * 60 + [1.0] * 39 + [13.0])
    svg, low, high = histograms(counts, counts, logarithmic=True)  # each whole number has a bar, and ends are values
    assert (low, high, svg.split('class="drawn"')[1].count("H")) == ("0", "13", 14)
    _, low, high = histograms(np.arange(200.0), np.arange(200.0), logarithmic=True)
    assert (low, high) == ("1", "198")
    assert histograms(np.zeros(10), np.full(10, np.nan))[0].startswith("<svg")
    assert histograms(np.full(10, np.nan), np.full(10, np.nan))[0] == ""


@pytest.mark.parametrize("kind", ["number", "count"])
def test_of_a_wide_table_the_worst_columns_are_shown_how_many_is_said_and_all_means_are_drawn(kind):
    one, _ = table(200, kind)
    for html, worst in ((misses_section(one), one.misses()), (distributions_section(one), one.distances())):
        shown = names(html)
        assert (
            len(shown) == MOST_COLUMNS and shown[0] == f"column {worst.argmax()}" and f"{MOST_COLUMNS} of 200" in html
        )
    assert distributions_section(one).count("<circle") == 200
    assert distributions_section(table(3, kind)[0]).count("<circle") == 0


def test_a_column_s_name_stays_text():
    bad = "<script>alert(1)</script>"
    rows = np.random.default_rng(0).random((9, 1))
    one = TableOfExamples((Column(bad),), rows, rows, rows)
    for html in (misses_section(one), distributions_section(one)):
        assert "script" not in Tags(html).names and bad in "".join(Tags(html).text)


def test_a_table_s_rows_are_drawn_below_its_columns():
    one, _ = table()
    rows = one.real[:5]
    pictures = Pictures(rows, rows, rows, np.stack([rows]), [0], table=one)
    html = reconstruction_gallery(pictures)
    assert html.index("column 2") < html.index("Row by row") and "standard deviations" in html
    assert "held out" in sample_gallery(pictures) and "standard deviations" in traversal_gallery(pictures, {})


@pytest.mark.parametrize("channels", [1, 3, 20])
def test_a_series_is_a_drawing_for_each_channel_with_a_scale_of_its_own(channels):
    x = np.random.default_rng(0).normal(size=(4, channels, 100)) * 10.0 ** np.arange(channels)[:, None].clip(max=4)
    assert is_series(x.shape[1:]) and not is_image(x.shape[1:])
    pictures = Pictures(x, 0.5 * x, x, np.stack([x, x]), [0, 1])
    shown = min(channels, 6)
    html = reconstruction_gallery(pictures)
    assert html.count("<svg") == 4 * shown and sample_gallery(pictures).count("<svg") == 4 * shown
    assert traversal_gallery(pictures, {}).count("<svg") == 2 * shown
    assert ("the first 6 of its 20 channels" in html) == (channels == 20)
    tops = [
        min(float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)", svg)) for svg in re.findall(r'd="M([^"]*)"', html)
    ]
    assert min(tops) == pytest.approx(4, abs=0.1) and sum(top < 25 for top in tops) > 0.8 * len(tops)


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 28), (3, 8, 64), (16, 32)])
def test_an_image_is_no_series(shape):
    assert not is_series(shape) and is_image(shape)


def test_a_column_that_has_its_place_alone_is_called_a_column():
    one, _ = table()
    unnamed = TableOfExamples(tuple(Column(str(j)) for j in range(3)), one.real, one.reconstructions, one.drawn)
    assert names(misses_section(unnamed)) == names(distributions_section(unnamed)) == [f"column {j}" for j in (2, 1, 0)]


def test_a_cell_that_is_missing_counts_for_nothing():
    one, _ = table()
    gone = np.random.default_rng(1).random(one.real.shape) < 0.3
    with_gaps = TableOfExamples(one.columns, np.where(gone, np.nan, one.real), one.reconstructions, one.drawn)
    for j in range(3):
        kept = ~gone[:, j]
        whole = TableOfExamples(
            *((one.columns[j],), *(of[kept, j : j + 1] for of in (one.real, one.reconstructions, one.drawn)))
        )
        assert with_gaps.misses()[j] == pytest.approx(whole.misses()[0])
        assert with_gaps.distances()[j] == pytest.approx(ks_2samp(one.real[kept, j], one.drawn[:, j]).statistic)
    assert not {"nan", "inf"} & set(Tags(misses_section(with_gaps) + distributions_section(with_gaps)).text)
    empty = TableOfExamples(one.columns, np.full_like(one.real, np.nan), one.reconstructions, one.drawn)
    assert (empty.misses() == 0).all() and misses_section(empty)
    broken = TableOfExamples(one.columns, one.real, np.full_like(one.real, np.nan), one.drawn)
    assert np.isinf(broken.misses()).all()
