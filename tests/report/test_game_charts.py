"""A game's charts, and what is rigorous in them beside what is claimed."""

import pytest

from helpers.played_games import CRITIC, account, avb
from termwise.account.glossary import reading
from termwise.report.game_charts import claimed, game_charts


def curves(metrics, taken=None):
    return {
        chart["title"]: {one["name"]: one for one in chart["curves"]} for chart in game_charts(metrics, taken or {})
    }


def test_a_run_without_critics_has_no_game(metrics, account):
    assert game_charts(metrics, account) == [] and game_charts([], {}) == []


def test_the_claimed_elbo_stands_beside_the_accounts_and_its_bounds():
    found = curves(avb([3.0, 4.0]), account(-15.0, -15.5, -14.25))["ELBO, claimed and rigorous"]
    assert list(found) == ["train, claimed", "test, claimed", "account"]
    assert found["train, claimed"]["y"] == [-12.5, -13.5] and found["test, claimed"]["y"] == [-13.0, -14.0]
    assert (found["account"]["x"], found["account"]["y"], found["account"]["band"]) == ([2], [-15.0], [[-15.5, -14.25]])


def test_an_account_without_bounds_shows_two_standard_errors():
    found = curves(avb([3.0]), account(-15.0))["ELBO, claimed and rigorous"]["account"]
    assert found["band"] == [[-15.2, -14.8]]


def test_where_the_posterior_has_a_density_its_terms_stand_beside_the_critics():
    found = curves(avb([3.0, 4.0], more={"rate": [5.0, 6.0], "elbo": [-15.0, -16.0]}))
    assert found["ELBO, claimed and rigorous"]["test, rigorous"]["y"] == [-15.0, -16.0]
    ratio = found["rate KL, by critic"]
    assert {name: one["y"] for name, one in ratio.items()} == {
        "train": [2.5, 3.5],
        "test": [3.0, 4.0],
        "test, rigorous": [5.0, 6.0],
    }


def test_the_critics_accuracy_and_its_logits_on_either_law_are_drawn():
    found = curves(avb([3.0, 4.0], accuracy=[0.6, 0.8]))
    assert found["critic's accuracy"][CRITIC]["y"] == [0.6, 0.8]
    logits = found[f"mean logit of the {CRITIC}"]
    assert {name: one["y"] for name, one in logits.items()} == {"on posterior": [1.5, 1.5], "on prior": [-2.5, -2.5]}


@pytest.mark.parametrize(
    ("weighed", "elbo"),
    [
        (["distortion", "rate_kl_by_critic"], -11.0),
        (["distortion", "reference_kl_by_critic", "reference_to_prior"], -16.0),
        (["distortion", "index_code_mi", "total_correlation_kl_by_critic", "dimension_wise_kl"], -67.0),
        (["distortion", "rate", "total_correlation_kl_by_critic"], None),  # the rate is no critic's
        (["distortion", "marginal_gan_by_critic"], None),  # no walk to the prior
        (["distortion", "rate"], None),
    ],
)
def test_a_claim_is_made_of_a_walk_to_the_prior_in_which_a_critic_has_a_say(weighed, elbo):
    terms = {
        "distortion": 10.0, "rate": 0.5, "rate_kl_by_critic": 1.0, "reference_kl_by_critic": 2.0,
        "reference_to_prior": 4.0, "index_code_mi": 8.0, "total_correlation_kl_by_critic": 16.0,
        "dimension_wise_kl": 33.0, "marginal_gan_by_critic": 99.0,
    }  # fmt: skip
    assert claimed(terms, weighed) == elbo


@pytest.mark.parametrize(
    ("name", "title", "term"),
    [
        ("rate_kl_by_critic", "rate KL, by critic", "rate"),
        ("total_correlation_jensen_shannon_by_critic", "total correlation Jensen-Shannon, by critic", "tc"),
        ("marginal_gan_by_critic", "marginal GAN, by critic", "marginal"),
        ("marginal_squared_hellinger_by_critic", "marginal squared Hellinger, by critic", "marginal"),
        ("rate_nwj", "rate NWJ", "rate"),
        ("rate_dv", "rate DV", "rate"),
        ("elbo_upper_nwj", "ELBO from above, NWJ", "elbo"),
    ],
)
def test_a_critics_quantities_are_named_and_say_that_they_are_no_exact_ones(name, title, term):
    entry = reading(name)
    assert (entry.title, entry.term) == (title, term)
    assert "bound" in entry.meaning
    assert ("upper" in entry.meaning) == name.startswith("elbo_upper")
