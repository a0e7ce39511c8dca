import math

import numpy as np

from termwise.report.curves import MOST_POINTS, charts, constant


def by_name(group):
    return {chart["name"]: {curve["name"]: curve for curve in chart["curves"]} for chart in group}


def test_train_and_held_out_share_a_chart_for_each_term(metrics):
    terms = by_name(charts(metrics)["terms"])
    assert terms["distortion"]["train"]["y"] == [29.0, 28.0, 27.0, 26.0]
    assert terms["distortion"]["test"]["y"] == [30.5, 29.5, 28.5, 27.5]
    assert set(terms["marginal_kl"]) == {"test"} and set(terms["loss"]) == {"train"}


def test_what_is_not_finite_becomes_a_gap(metrics):
    terms = by_name(charts(metrics)["terms"])
    assert terms["total_correlation"]["train"]["y"] == [0.5, None, 1.5, 2.0]


def test_the_audit_is_the_difference_with_a_band_of_two_standard_errors(metrics):
    (curve,) = by_name(charts(metrics)["audit"])["index_code_mi"].values()
    assert curve["y"] == [-0.5] * 4 and curve["band"] == [0.25] * 4


def test_settings_that_move_are_told_from_those_that_do_not(metrics):
    settings = {chart["name"]: chart for chart in charts(metrics)["settings"]}
    assert constant(settings["learning_rate"]) == 1e-3
    assert constant(settings["total_correlation"]) is None


def test_several_lines_in_an_epoch_are_drawn_by_step(metrics):
    assert charts(metrics)["x"] == "epoch"
    again = [*metrics, metrics[0] | {"step": 21}]
    assert charts(again)["x"] == "step"


def test_a_long_run_is_thinned_but_keeps_its_spikes_and_its_ends():
    rng = np.random.default_rng(0)
    values = rng.normal(size=20_000).tolist()
    values[12_345] = 99.0
    values[777] = -99.0
    metrics = [
        {"epoch": i, "step": i, "split": "train", "terms": {"rate": v if i != 5000 else math.nan}}
        for i, v in enumerate(values)
    ]
    curve = by_name(charts(metrics)["terms"])["rate"]["train"]
    assert len(curve["x"]) <= 1.1 * MOST_POINTS
    assert curve["x"] == sorted(curve["x"]) and (curve["x"][0], curve["x"][-1]) == (0, 19_999)
    assert {99.0, -99.0, None} <= set(curve["y"])


def test_no_metrics_give_no_charts():
    assert charts([]) == {"x": "epoch", "terms": [], "audit": [], "settings": []}


def test_a_critic_has_curves_of_its_own_beside_the_autoencoders():
    metrics = []
    for epoch in (1, 2):
        at = {"epoch": epoch, "step": 10 * epoch, "split": "train"}
        weights = {"rate": 1.0, "marginal_gan_by_critic": 2.0}
        terms = {"rate": 3.0, "marginal_gan_by_critic": -1.2}
        metrics += [
            {**at, "player": "autoencoder", "loss": 5.0, "terms": terms, "weights": weights, "learning_rate": 1e-3},
            {
                **at,
                "player": "critic of marginal kl",
                "loss": 1.3,
                "terms": {"cross_entropy": 1.3, "accuracy": 0.6 + epoch / 10},
                "weights": {"cross_entropy": 1.0, "accuracy": 0.0},
                "learning_rate": 1e-4,
            },
            {**at, "split": "test", "loss": 6.0, "terms": {"rate": 3.5}},
        ]
    found = charts(metrics)
    terms, settings = by_name(found["terms"]), {chart["title"]: chart for chart in found["settings"]}
    assert found["x"] == "epoch"
    assert list(terms["loss"]) == ["train", "test"] and terms["loss"]["train"]["y"] == [5.0, 5.0]
    accuracy = terms["accuracy"]["critic of marginal kl"]
    assert list(terms["accuracy"]) == ["critic of marginal kl"]
    assert (accuracy["x"], accuracy["y"], accuracy["role"]) == ([1, 2], [0.7, 0.8], "train")
    (chart,) = [chart for chart in found["terms"] if chart["name"] == "marginal_gan_by_critic"]
    assert (chart["title"], chart["hue"], chart["unit"]) == ("marginal gan, by critic", "marginal", "nats")
    assert constant(settings["learning rate"]) == 1e-3
    assert constant(settings["learning rate of the critic of marginal kl"]) == 1e-4
    assert not any("accuracy" in title for title in settings)
