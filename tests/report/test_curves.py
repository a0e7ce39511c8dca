import math

import numpy as np

from helpers.played_games import avb
from termwise.report.curves import MOST_POINTS, constant_values, run_charts


def by_name(group):
    return {chart["name"]: {curve["name"]: curve for curve in chart["curves"]} for chart in group}


def test_train_and_held_out_share_a_chart_for_each_term(metrics):
    terms = by_name(run_charts(metrics)["terms"])
    assert terms["distortion"]["train"]["y"] == [29.0, 28.0, 27.0, 26.0]
    assert terms["distortion"]["test"]["y"] == [30.5, 29.5, 28.5, 27.5]
    assert set(terms["marginal_kl"]) == {"test"} and set(terms["loss"]) == {"train"}


def test_what_is_not_finite_becomes_a_gap(metrics):
    terms = by_name(run_charts(metrics)["terms"])
    assert terms["total_correlation"]["train"]["y"] == [0.5, None, 1.5, 2.0]


def test_the_audit_is_the_difference_with_a_band_of_two_standard_errors(metrics):
    (curve,) = by_name(run_charts(metrics)["audit"])["index_code_mi"].values()
    assert curve["y"] == [-0.5] * 4 and curve["band"] == [0.25] * 4


def test_settings_that_move_are_told_from_those_that_do_not(metrics):
    settings = {chart["name"]: chart for chart in run_charts(metrics)["settings"]}
    assert constant_values(settings["learning_rate"]) == {"train": 1e-3}
    assert constant_values(settings["total_correlation"]) is None


def test_several_lines_in_an_epoch_are_drawn_by_step(metrics):
    assert run_charts(metrics)["x"] == "epoch"
    again = [*metrics, metrics[0] | {"step": 21}]
    assert run_charts(again)["x"] == "step"


def test_a_long_run_is_thinned_but_keeps_its_spikes_and_its_ends():
    rng = np.random.default_rng(0)
    values = rng.normal(size=20_000).tolist()
    values[12_345] = 99.0
    values[777] = -99.0
    metrics = [
        {"epoch": i, "step": i, "split": "train", "terms": {"rate": v if i != 5000 else math.nan}}
        for i, v in enumerate(values)
    ]
    curve = by_name(run_charts(metrics)["terms"])["rate"]["train"]
    assert len(curve["x"]) <= 1.1 * MOST_POINTS
    assert curve["x"] == sorted(curve["x"]) and (curve["x"][0], curve["x"][-1]) == (0, 19_999)
    assert {99.0, -99.0, None} <= set(curve["y"])


def test_no_metrics_give_no_charts():
    assert run_charts([]) == {"x": "epoch", "terms": [], "audit": [], "settings": []}


def test_what_a_critic_minimises_is_left_to_the_game_and_its_settings_are_not():
    found = run_charts(avb([1.0, 2.0]))
    assert {chart["name"] for chart in found["terms"]} == {"loss", "distortion"}
    settings = {chart["title"]: chart for chart in found["settings"]}
    assert constant_values(settings["learning rate"]) == {"train": 1e-3}
    assert constant_values(settings["learning rate of the critic of rate"]) == {"critic of rate": 2e-3}
    assert not any("accuracy" in title or "logit" in title for title in settings)
