"""A sweep's page shows the means, differences and shares of its runs, and leads to every run's report."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
from rich.console import Console

import termwise as tw
from helpers.html import Tags
from helpers.swept import made_up_sweep
from termwise.report.parallel_coordinates import HEIGHT, parallel_coordinates
from termwise.report.sweep_page import sweep_page
from termwise.report.sweep_table import sweep_table


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return made_up_sweep(tmp_path_factory.mktemp("sweep"), betas=(1, 4, 16), latents=(2, 8), seeds=(0, 1, 2))


@pytest.fixture(scope="module")
def html(found):
    return sweep_page(found)


def part(html, name):
    return re.search(rf'<section id="{name}".*?</section>', html, flags=re.DOTALL)[0]


def words(html):
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).replace("−", "-").split()) for cell in html]


def rows_of(html):
    return re.findall(r"<tr data-setting.*?</tr>", part(html, "settings"), flags=re.DOTALL)


def test_a_row_has_a_settings_means_and_its_differences_from_the_best(html, found):
    assert len(rows_of(html)) == 6
    best = found.best()
    for row, setting in zip(rows_of(html), found.settings, strict=True):
        cells = words(re.findall(r"<td.*?</td>", row, flags=re.DOTALL))
        assert cells[:2] == [str(setting["objective.beta"]), str(setting["model.latent"])] and cells[2] == "0 1 2"
        wanted = str(found.at(setting, "elbo").over_seeds)
        if setting == best.setting:
            assert cells[3] == wanted and "class=best" in row
        else:
            difference = found.difference("elbo", best.setting, setting)
            assert cells[3] == f"{wanted} {difference}" and "class=best" not in row
            assert ("difference clear" in re.findall(r"<td.*?</td>", row)[3]) == difference.sure


def test_every_runs_report_is_a_click_away(html, found):
    links = re.findall(r'href="([^"#]+)"', html)
    for run in found.finished:
        assert links.count(f"{run.folder.relative_to(found.folder).as_posix()}/report.html") == 2
    assert all((found.folder / unquote(link)).parent.is_dir() for link in links)


def test_it_asks_the_network_for_nothing(html):
    tags = Tags(html)
    assert "link" not in tags.names and "iframe" not in tags.names and "$" not in re.sub(r"\$\{", "", html)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html) and "default-src 'none'" in html


def test_shares_are_drawn_as_long_as_they_are(html, found):
    drawn = [float(width) for width in re.findall(r'<b style="width:([\d.]+)%', part(html, "importance"))]
    wanted = [100 * share for name in found.shown() for share in found.importance(name).shares.values()]
    assert drawn == pytest.approx(wanted, abs=0.051) and len(drawn) == 4 * len(found.shown())


def test_lines_go_through_values(found):
    svg = parallel_coordinates(found)
    lines = re.findall(r'<path d="M([\d. L]+)"/><g class="errors">', svg)
    assert len(lines) == 6 and svg.count("<title>") == 6
    heights = {}
    for title, line in zip(re.findall(r"<title>(.*?)</title>", svg), lines, strict=True):
        heights[title] = [float(point.split()[1]) for point in line.split("L")]
    by_elbo = sorted(heights, key=lambda title: -heights[title][2])  # y runs downwards
    values = [float(re.search(r"elbo (-?[\d.]+)", title)[1]) for title in by_elbo]
    assert values == sorted(values) and all(0 < y < HEIGHT for ys in heights.values() for y in ys)
    betas = {title.partition(",")[0]: ys[0] for title, ys in heights.items()}
    low, middle, high = betas["beta=1"], betas["beta=4"], betas["beta=16"]
    assert (low - middle) / (low - high) == pytest.approx(0.5, abs=0.01)  # in their logarithm, as 16 is 16 times 1
    latents = {title.partition(";")[0].rpartition("=")[2]: ys[1] for title, ys in heights.items()}
    assert latents["2"] > latents["8"]


def test_one_setting_and_no_setting_have_pages_too(tmp_path):
    alone = made_up_sweep(tmp_path / "one", betas=(4,), latents=(2,), seeds=(0,))
    assert "Lines are drawn of two settings or more" in sweep_page(alone)
    none = tw.Sweep(tmp_path, alone.config, ())
    assert "No run has finished yet" in sweep_page(none) and "0 runs" in sweep_page(none)


def test_what_did_not_finish_has_its_reason_and_texts_are_escaped(tmp_path):
    one = made_up_sweep(tmp_path / "s", betas=(1, 4), latents=(2,), seeds=(0,))
    hostile = "<script>alert(1)</script>"
    failed = tw.sweeps.SweptRun(Path(one.runs[0].folder), {**one.runs[0].setting}, 9, "failed", hostile, {})
    html = sweep_page(tw.Sweep(one.folder, one.config, (*one.runs, failed)))
    assert hostile not in html and "&lt;script&gt;alert(1)" in part(html, "runs") and "1 failed" in html


def test_the_terminal_shows_the_same_means(found):
    for width in (200, 70):
        with (console := Console(width=width)).capture() as taken:
            console.print(sweep_table(found))
        assert str(found.of("elbo")[0].over_seeds) in taken.get()
        assert max(map(len, taken.get().splitlines())) <= width
