import matplotlib.pyplot as plt
import numpy as np
import pytest

import termwise as tw
from termwise.account.rounding import with_error
from termwise.report.walks import standard_links


def whiskers(ax):
    """The middle and the half-width of each horizontal error bar."""
    found = [bar for container in ax.containers for bar in getattr(container, "lines", [None] * 3)[2] or ()]
    ends = [bar.get_segments()[0][:, 0] for bar in found]
    return [(float(end.mean()), float(np.ptp(end) / 2)) for end in ends]


def test_arcs_are_as_thick_as_their_nats(accounts):
    ax = tw.plot.walk(accounts[0])
    thick = {patch.get_gid(): patch for patch in ax.patches if patch.get_gid()}
    assert set(thick) == {"rate", "marginal_kl", "index_code_mi", "total_correlation", "dimension_wise_kl"}
    longest = accounts[0]["rate"].value
    for name, patch in thick.items():
        foot = np.unique(patch.get_xy()[np.abs(patch.get_xy()[:, 1]) < 1e-9][:, 0])  # where it stands on its stops
        thickness = 22 * accounts[0][name].value / longest
        assert np.diff(foot)[[0, 2]] == pytest.approx([thickness, thickness])


def test_labels_say_the_readings_and_the_distortion_stands_beside(accounts):
    ax = tw.plot.walk(accounts[0])
    words = " ".join(text.get_text() for text in ax.texts)
    for link in standard_links(accounts[0].to_json()):
        assert with_error(link["value"], link["stderr"]) in words
    assert "posterior" in words and "reconstruction" in words and "$_{j}$" in words
    assert [line.get_gid() for line in ax.lines if line.get_gid()] == ["distortion"]


def test_the_ruler_has_the_links_end_to_end_with_their_errors(accounts):
    ax = tw.plot.walk(accounts)
    names = ("index_code_mi", "total_correlation", "dimension_wise_kl")
    bars = [bar.patches[0] for bar in ax.containers if hasattr(bar, "patches")]
    assert len(bars) == 9 and ax.get_xlabel() == "nats"
    for k, account in enumerate(accounts):
        start = 0.0
        for name, bar in zip(names, bars[3 * k : 3 * k + 3], strict=True):
            assert (bar.get_x(), bar.get_width()) == pytest.approx((start, account[name].value))
            start += account[name].value
        assert start == pytest.approx(account["rate"].value, rel=1e-6)
    assert sorted(half for _, half in whiskers(ax)) == pytest.approx(
        sorted(account[name].stderr for account in accounts for name in names)
    )


def test_an_account_without_a_link_is_refused_and_one_with_the_rate_alone_is_not(accounts):
    with pytest.raises(tw.TermwiseError, match="no link of the walk"):
        tw.plot.walk(tw.Account({}))
    alone = tw.Account({"rate": accounts[0]["rate"]})
    assert [patch.get_gid() for patch in tw.plot.walk(alone).patches if patch.get_gid()] == ["rate"]
    assert len(tw.plot.walk([alone, alone]).containers) == 4  # a bar and its error, twice


def test_words_shrink_with_an_axes_that_is_smaller(accounts):
    own = tw.plot.walk(accounts[0])
    _, small = plt.subplots(figsize=(3, 2))
    tw.plot.walk(accounts[0], ax=small)
    sizes = [[text.get_size() for text in ax.texts] for ax in (own, small)]
    share = small.get_window_extent().width / small.figure.dpi / own.figure.get_size_inches()[0]
    assert np.divide(sizes[1], sizes[0]) == pytest.approx(share, rel=0.05)
