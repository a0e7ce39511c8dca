"""Every plot, by what it draws: the numbers of its artists are those of the account."""

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

import termwise as tw
from termwise.account.interval import NORMAL_95
from termwise.models.code_paths import Traversals
from termwise.models.data_pass import DataPass
from termwise.report.term_colours import TERM_COLOURS


def errors_up(container):
    """The half-heights of a container's vertical error bars."""
    return [float(np.ptp(segment[:, 1]) / 2) for segment in container.lines[2][0].get_segments()]


def test_dimensions_are_the_account_s_with_errors_the_costliest_first(accounts):
    account = accounts[0]
    ax = tw.plot.dimensions(account)
    rates = account.by_dimension["rate_by_dimension"]
    order = sorted(range(3), key=lambda j: -rates.value[j])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [f"z{j}" for j in order]
    bars = {bar.get_label(): bar for bar in ax.containers if hasattr(bar, "patches")}
    assert list(bars) == ["rate", "index-code MI", "dimension-wise KL"] and ax.get_ylabel() == "nats"
    for title, name in zip(bars, account.by_dimension, strict=True):
        reading = account.by_dimension[name]
        assert [p.get_height() for p in bars[title].patches] == pytest.approx([reading.value[j] for j in order])
        assert errors_up(bars[title].errorbar) == pytest.approx([reading.stderr[j] for j in order])
    assert to_hex(bars["rate"].patches[0].get_facecolor()) == TERM_COLOURS["rate"].light


def test_dimensions_of_several_are_by_rank(accounts):
    ax = tw.plot.dimensions({"a": accounts[0], "b": accounts[1]})
    bars = [bar for bar in ax.containers if hasattr(bar, "patches")]
    assert [bar.get_label() for bar in bars] == ["a", "b"]
    for bar, account in zip(bars, accounts, strict=False):
        sorted_ = sorted(account.by_dimension["rate_by_dimension"].value, reverse=True)
        assert [patch.get_height() for patch in bar.patches] == pytest.approx(sorted_)
    with pytest.raises(tw.TermwiseError, match="Did you mean 'rate_by_dimension'"):
        tw.plot.dimensions(accounts[0], "rate_by_dimensoin")
    with pytest.raises(tw.TermwiseError, match="has no reading by dimension"):
        tw.plot.dimensions(tw.Account({}))


def test_curves_are_the_lines_of_the_metrics(run):
    ax = tw.plot.curves(run, ["rate"])
    lines = {line.get_label(): line for line in ax.lines}
    for split in ("train", "test"):
        taken = [(m["epoch"], m["terms"]["rate"]) for m in run.metrics() if m["split"] == split]
        assert lines[f"rate, {split}"].get_xydata() == pytest.approx(np.array(taken))
    assert to_hex(lines["rate, test"].get_color()) == TERM_COLOURS["rate"].light
    every = tw.plot.curves(run.folder.path)
    assert {"distortion, test", "rate, train"} <= {line.get_label() for line in every.lines}
    several = tw.plot.curves({"a": run, "b": run})
    assert {line.get_label() for line in several.lines} == {"a, train", "b, train", "a, test", "b, test"}
    assert several.get_ylabel() == "loss (nats)"
    assert all(place == round(place) for place in every.get_xticks())


def test_curves_refuse_what_cannot_be_drawn(run, accounts):
    with pytest.raises(tw.TermwiseError, match="Did you mean 'rate'"):
        tw.plot.curves(run, "ratee")
    with pytest.raises(tw.TermwiseError, match="Of several runs one term"):
        tw.plot.curves([run, run], ["rate", "distortion"])
    with pytest.raises(tw.TermwiseError, match="recorded more than once"):
        tw.plot.curves(run.metrics()[:1])
    with pytest.raises(tw.TermwiseError, match="Curves are drawn of a Run"):
        tw.plot.curves(accounts[0])
    mixed = [{"epoch": k, "step": k, "split": "train", "terms": {"rate": 1.0, "marginal_mmd2": 2.0}} for k in (1, 2)]
    with pytest.raises(tw.TermwiseError, match="of each unit into its own ax"):
        tw.plot.curves(mixed, ["rate", "marginal_mmd2"])


def test_latents_are_the_posteriors_means_in_the_costliest_dimensions(run):
    ax = tw.plot.latents(run)
    rates = run.account.by_dimension["rate_by_dimension"].value
    first, second = sorted(range(3), key=lambda j: -rates[j])[:2]
    assert (ax.get_xlabel(), ax.get_ylabel()) == (f"z{first}", f"z{second}")
    data = run.data.test
    means = torch.cat([draw.posterior.mean for draw in DataPass(run.model, data, 512)()])[:, [first, second]]
    assert len(ax.collections) == 10
    for digit, points in enumerate(ax.collections):
        assert np.asarray(points.get_offsets()) == pytest.approx(means[data.labels == digit].numpy(), abs=1e-6)
        assert points.get_label() == str(digit)


def test_latents_have_one_colour_where_asked_and_what_cannot_be_is_refused(run):
    ax = tw.plot.latents(run.model, run.data.test.subset(torch.arange(40)), dimensions=[0, 1], by=None)
    assert len(ax.collections) == 1 and len(ax.collections[0].get_offsets()) == 40
    with pytest.raises(tw.TermwiseError, match="Unknown label, factor or attribute"):
        tw.plot.latents(run, by="colour")
    with pytest.raises(tw.TermwiseError, match="Two dimensions of 3"):
        tw.plot.latents(run, dimensions=[0, 3])
    with pytest.raises(tw.TermwiseError, match=r"pass tw\.load_run"):
        tw.plot.latents(str(run.folder.path))
    with pytest.raises(tw.TermwiseError, match="pass the data too"):
        tw.plot.latents(run.model)


def test_latents_of_a_factor_of_many_values_have_a_bar_of_colours():
    x, many = torch.rand(30, 4), torch.arange(30)
    model = tw.VAE.build((4,), latent=2, options={"hidden": [4]}).eval()
    data = tw.load_data(x, labels=many, test=0.0)
    ax = tw.plot.latents(model, data)
    assert ax.figure.axes[-1].get_ylabel() == "labels"
    assert np.asarray(ax.collections[0].get_array()) == pytest.approx(many.numpy())


def test_traversals_are_what_the_decoder_says(run):
    moved = tw.traverse(run, dimensions=[2, 0], steps=4)
    ax = tw.plot.traversals(moved)
    pixels = np.asarray(ax.images[0].get_array())
    assert pixels.shape == (8 + 1 + 8, 4 * 8 + 3, 4)
    shown = moved.examples[1, 2, 0].numpy()
    assert pixels[9:17, 18:26, 0] == pytest.approx(np.rint(255 * shown.clip(0, 1)))
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["z2", "z0"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["−2.5", "−0.83", "0.83", "2.5"]
    assert tw.plot.traversals(run).images[0].get_array().shape[0] == 3 * 8 + 2


def test_traversals_of_vectors_are_curves_and_of_neither_are_refused():
    curves = Traversals(torch.rand(2, 3, 6), (0, 1), ("z0", "z1"), torch.tensor([[0.0, 1.0, 2.0], [0.0, 0.5, 1.0]]))
    ax = tw.plot.traversals(curves)
    assert len(ax.lines) == 6 and ax.lines[0].get_xdata() == pytest.approx(np.arange(6))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["low", "high"]
    colours = [handle.get_color() for handle in ax.get_legend().legend_handles]
    assert colours == [ax.lines[0].get_color(), ax.lines[2].get_color()]
    rise = np.ptp(ax.lines[4].get_ydata()) / np.ptp(ax.lines[0].get_ydata())
    assert rise == pytest.approx(
        np.ptp(curves.examples[1, 1].numpy()) / np.ptp(curves.examples[0, 0].numpy()), rel=1e-5
    )
    with pytest.raises(tw.TermwiseError, match="Images and vectors"):
        tw.plot.traversals(Traversals(torch.rand(1, 3, 2, 3, 4, 5), (0,), ("z0",), torch.zeros(1, 3)))


@pytest.mark.parametrize(("shape", "words"), [((13,), None), ((1, 32), None), ((2, 32), ["channel 0", "channel 1"])])
def test_traversals_of_a_model_of_tables_or_series_are_curves(shape, words):
    model, x = tw.VAE.build(shape, latent=3, options={"hidden": [4]}), torch.rand(5, *shape)
    ax = tw.plot.traversals(model, x)
    moved = tw.traverse(model, x).examples.flatten(3) if len(shape) == 2 else tw.traverse(model, x).examples[:, :, None]
    assert len(ax.lines) == 3 * 9 * moved.shape[2]
    drawn = np.array([line.get_ydata() for line in ax.lines]).reshape(moved.shape)
    span = float(moved.max() - moved.min())
    assert np.diff(drawn[0, 0]) == pytest.approx(-0.9 * np.diff(moved[0, 0].numpy()) / span, abs=1e-6)
    said = [tick.get_text() for tick in ax.get_xticklabels()]
    assert said == words if words else ax.get_xlabel() == "place in x" and all("." not in text for text in said)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["z0", "z1", "z2"]


def test_compare_draws_differences_with_their_intervals(accounts):
    ax = tw.plot.compare({"a": accounts[0], "b": accounts[1], "c": accounts[2]}, ["rate", "total_correlation"])
    drawn = [bar for bar in ax.containers if hasattr(bar, "has_xerr")]
    assert [bar.get_label() for bar in drawn if not bar.get_label().startswith("_")] == ["b", "c"]
    expected = []
    for other in accounts[1:]:
        rows = {row.name: row for row in tw.compare(accounts[0], other)}
        expected += [rows["rate"], rows["total_correlation"]]
        assert rows["rate"].paired
    for bar, row in zip(drawn, expected, strict=True):
        ends = bar.lines[2][0].get_segments()[0][:, 0]
        assert bar.lines[0].get_xdata() == pytest.approx([row.difference])
        assert np.ptp(ends) / 2 == pytest.approx(NORMAL_95 * row.difference_stderr)
    assert ax.get_xlabel() == "nats more than a"


def test_compare_draws_a_bound_without_a_middle():
    def bounded(value, lower):
        return tw.Account({"rate": tw.Reading("rate", value, 0.1, None, lower, None, "nats", "e", "a lower bound", 9)})

    estimate = tw.Account({"rate": tw.Reading("rate", 1.0, 0.1, [0.8, 1.2], None, None, "nats", "e", "unbiased", 9)})
    ax = tw.plot.compare([estimate, bounded(3.0, 2.0)])
    (bar, arrow) = ax.lines[1:]
    assert not ax.containers and bar.get_xdata() == pytest.approx([0.8, 0.8]) and arrow.get_marker() == ">"
    with pytest.raises(tw.TermwiseError, match="no difference to draw: both are bounds"):
        tw.plot.compare([bounded(3.0, 2.0), bounded(4.0, 2.0)])


def test_compare_refuses_what_has_no_difference(accounts):
    with pytest.raises(tw.TermwiseError, match="needs two accounts"):
        tw.plot.compare(accounts[0])
    with pytest.raises(tw.TermwiseError, match="Did you mean 'rate'"):
        tw.plot.compare(accounts, ["raet"])
    with pytest.raises(tw.TermwiseError, match="of each unit into its own ax"):
        tw.plot.compare(accounts, ["rate", "active_units"])


def test_frontier_has_rate_across_distortion_up_errors_and_total_correlation_as_colour(accounts):
    without = tw.Account({name: accounts[2][name] for name in ("rate", "distortion")})
    ax = tw.plot.frontier({"a": accounts[0], "b": accounts[1], "grey": without})
    grey, coloured = (one for one in ax.collections if len(one.get_offsets()) and hasattr(one, "get_sizes"))
    where = [[a["rate"].value, a["distortion"].value] for a in (*accounts[:2], without)]
    assert np.asarray(coloured.get_offsets()) == pytest.approx(np.array(where[:2])) and np.asarray(
        grey.get_offsets()
    ) == pytest.approx(np.array(where[2:]))
    assert np.asarray(coloured.get_array()) == pytest.approx([a["total_correlation"].value for a in accounts[:2]])
    assert ax.figure.axes[-1].get_ylabel() == "total correlation (nats)"
    for bars, account in zip(ax.containers, accounts, strict=True):
        across, up = bars.lines[2]
        assert np.ptp(across.get_segments()[0][:, 0]) / 2 == pytest.approx(account["rate"].stderr)
        assert np.ptp(up.get_segments()[0][:, 1]) / 2 == pytest.approx(account["distortion"].stderr)
    assert [text.get_text() for text in ax.texts] == ["a", "b", "grey"]
    slopes = [
        np.diff(line.get_ydata())[0] / np.diff(line.get_xdata())[0] for line in ax.lines if len(line.get_xdata()) == 2
    ]
    assert slopes == pytest.approx([-1.0] * len(slopes)) and len(slopes) == 6
    with pytest.raises(tw.TermwiseError, match="account 1 has no rate and no distortion"):
        tw.plot.frontier(tw.Account({}))


def test_frontier_leaves_out_no_account_and_knows_what_colours(accounts):
    lacking = tw.Account({"distortion": accounts[2]["distortion"]})
    with pytest.raises(tw.TermwiseError, match="mine has no rate: measure that too, or leave mine out"):
        tw.plot.frontier({"a": accounts[0], "mine": lacking})
    for option in ("colour", "x", "y"):
        with pytest.raises(tw.TermwiseError, match=r"Unknown reading 'ratee'. Did you mean 'rate'"):
            tw.plot.frontier(accounts, **{option: "ratee"})


@pytest.mark.parametrize("name", ["walk", "dimensions", "frontier", "compare", "curves"])
def test_several_are_passed_in_a_list(name, run):
    for other in (run, run.account, run.folder.path, str(run.folder.path)):
        with pytest.raises(tw.TermwiseError, match=rf"list, or of a dict by their names: {name}\(\[a, b\]\)"):
            getattr(tw.plot, name)(run, other)


@pytest.mark.parametrize("name", ["walk", "dimensions", "frontier", "curves", "latents", "traversals"])
def test_what_is_no_axes_is_named(name, run):
    figure, axes = plt.subplots(1, 2)
    for ax in (3, figure, axes):
        with pytest.raises(tw.TermwiseError, match="ax is one matplotlib Axes"):
            getattr(tw.plot, name)(run, ax=ax)


def test_runs_of_one_name_are_numbered(run):
    ax = tw.plot.dimensions([run, run])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["small (1)", "small (2)"]
    assert tw.compare(run, run).names == ("small (1)", "small (2)")


@pytest.mark.parametrize("name", ["walk", "dimensions", "frontier"])
def test_a_plot_draws_into_the_axes_that_it_is_given(name, accounts):
    _, (left, right) = plt.subplots(1, 2)
    size = left.figure.get_size_inches().copy()
    assert getattr(tw.plot, name)(accounts[0], ax=right) is right
    assert not left.has_data() and (left.figure.get_size_inches() == size).all() and len(plt.get_fignums()) == 1


def test_a_plot_that_is_refused_leaves_no_figure(run):
    with pytest.raises(tw.TermwiseError):
        tw.plot.latents(run, by="colour")
    with pytest.raises(tw.TermwiseError, match="which no one axis can show"):
        one = run.account["rate"]
        other = tw.Reading("rate", 1.0, None, None, None, None, "bits", "", "", 1)
        tw.plot.frontier([run, tw.Account({"rate": other, "distortion": one})])
    assert plt.get_fignums() == []


def test_nothing_to_draw_is_said(run):
    for draw in (
        lambda: tw.plot.curves([]),
        lambda: tw.plot.curves({}),
        lambda: tw.plot.traversals(run, rows=0),
        lambda: tw.plot.dimensions(run, []),
        lambda: tw.plot.dimensions(run, ["rate_by_dimension"]),
    ):
        with pytest.raises(tw.TermwiseError, match=r"no curves|One row or more|Unknown reading by dimension \["):
            draw()


def test_what_is_no_account_is_named(tmp_path):
    for given, said in ((3, "got 3"), ([], "nothing to draw"), (tmp_path, "no run folder")):
        with pytest.raises(tw.TermwiseError, match=said):
            tw.plot.walk(given)


def test_matplotlib_is_imported_when_something_is_drawn_and_named_where_it_is_lacking():
    code = """
import sys
import termwise as tw
tw.plot, tw.plot.walk, tw.plot.curves, tw.plot.frontier, tw.plot.traversals, tw.plot.latents, tw.plot.compare
assert not [name for name in sys.modules if name.startswith("matplotlib")]
sys.modules["matplotlib"] = sys.modules["matplotlib.pyplot"] = None
rate = tw.Reading("rate", 1.0, 0.1, None, None, None, "nats", "by hand", "none", 9)
try:
    tw.plot.walk(tw.Account({"rate": rate}))
except tw.TermwiseError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "To draw needs matplotlib: pip install 'termwise[plot]'.\n"
