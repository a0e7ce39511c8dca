"""No diagnosis judges by what is withheld or is no number, and each says what it could not judge."""

import math
from dataclasses import replace

import pytest
import torch

from helpers.played_games import CRITIC, account as played_account, avb
from termwise.account import Account, Reading, ReadingByDimension, glossary
from termwise.account.guard import unguarded
from termwise.account.judging import listed, unfit, unjudged
from termwise.measuring.attributes import diagnosis as of_attributes
from termwise.measuring.critic_bounds import critic_bounds, diagnosis as of_critics
from termwise.measuring.critic_bounds.critic_outputs import CriticOutputs
from termwise.measuring.log_likelihood import diagnosis as of_log_likelihood
from termwise.measuring.log_likelihood.result import Procedure
from termwise.measuring.quality import diagnosis as of_quality
from termwise.report.game_diagnosis import diagnose_game

BROKEN = (math.nan, math.inf, -math.inf)


def one(name, value, n=4000):
    kind = ReadingByDimension if isinstance(value, list) else Reading
    return kind(name, value, None, None, None, None, "share", "", "", n)


def account_of(**values):
    return Account({name: one(name, value) for name, value in values.items()})


def test_unfit_are_the_withheld_and_the_broken_and_not_those_that_are_not_there():
    account = account_of(precision=1.5, recall=0.5)
    assert unfit(account, ["precision", "recall", "coverage"]) == ["precision"]
    with unguarded():
        assert unfit(account_of(recall=math.nan, mig=[1.0, math.inf]), ["recall", "mig"]) == ["recall", "mig"]


def test_the_sentence_lists_what_was_asked_and_of_what():
    assert unjudged({}) == []
    assert unjudged({"whether a": ["x"], "whether b": ["x", "y"], "whether c": ["z"]}) == [
        "It could not be judged whether a, whether b, or whether c: x, y, and z are no numbers that can be."
    ]
    assert [listed(["a"], "or"), listed(["a", "b"], "or")] == ["a", "a or b"]


QUALITY = {
    "frechet_distance": 1.0, "frechet_distance_of_real": 1.0, "classifier_accuracy": 0.9, "classifier_majority": 0.5,
    "precision": 0.5, "precision_of_real": 0.9, "recall": 0.5, "recall_of_real": 0.9,
}  # fmt: skip


def test_of_quality():
    assert len(of_quality.diagnose(account_of(**QUALITY), 9)) == 2
    for broken in (*BROKEN, 1.7):
        with unguarded():
            account = account_of(**QUALITY | {"precision": broken, "classifier_accuracy": broken})
        account = account if math.isnan(broken) else Account(account.readings)
        sentences = of_quality.diagnose(account, 9)
        assert len(sentences) == 2 and sentences[0].startswith("recall is 0.500")
        assert "whether the features learned anything or whether some of what is made is like no real" in sentences[1]
    assert of_quality.diagnose(account_of(**QUALITY | {"frechet_distance": -3.0}), 9)  # its n is not needed


def test_of_attributes():
    sound = {name: [0.9, 0.5] for name in of_attributes.NEEDED} | {of_attributes.NEEDED[1]: [0.5, 0.6]}
    assert "usual of b" in of_attributes.diagnose(account_of(**sound), ("a", "b"))[0]
    for name in of_attributes.NEEDED:
        for broken in BROKEN:
            with unguarded():
                account = account_of(**sound | {name: [0.9, broken]})
            (sentence,) = of_attributes.diagnose(account, ("a", "b"))
            assert sentence.startswith("It could not be judged which attributes")
            assert glossary.reading(name).title in sentence


PROCEDURE = Procedure(10, 4, 20, "prior", "posterior", None, 0.1, grey=False, given=False)


def test_of_the_log_likelihood():
    names = ("log_likelihood", "log_likelihood_jackknife", "effective_sample_size", "acceptance", "iwae")
    values = {name: torch.full((30,), 4.0) for name in names}
    assert not list(of_log_likelihood.diagnose(values, PROCEDURE))
    for name in names:
        for broken in BROKEN:
            moved = values[name].clone()
            moved[7] = broken
            (sentence,) = of_log_likelihood.diagnose({**values, name: moved}, replace(PROCEDURE, grey=True))
            assert "could not be judged" in sentence and f"{name} of 1 of 30 examples" in sentence


def test_of_critics():
    plain = torch.full((1, 4), 1.0).double()
    for broken in BROKEN:
        left = torch.tensor([[1.0, 1.0, broken, 1.0]]).double()
        found = [CriticOutputs("total_correlation", torch.arange(4), 0 * plain, left, -plain, None)]
        readings = {key: critic_bounds._reading(key, held) for key, held in critic_bounds._bounds(found).items()}
        sentence = of_critics.diagnose(found, readings, 10, 4)
        assert "gave no finite numbers: the total correlation could not be judged" in sentence
        assert "nan" not in sentence and "inf " not in sentence


@pytest.mark.parametrize("broken", [*BROKEN, None])
def test_of_a_game_whose_critic_broke(broken):
    account = played_account(-13.2, -13.4, -12.95)
    assert "The claim holds." in " ".join(diagnose_game(avb([3.0] * 12), account))
    for series in (
        {"accuracy": [0.7] * 11 + [broken]},
        {"entropy": [1.0] * 11 + [broken]},
        {"accuracy": [broken] * 12},
    ):
        sentences = diagnose_game(avb([3.0] * 12, **series), account)
        assert len(sentences) == 1 and sentences[0].startswith(f"The {CRITIC}'s ") and "could not be" in sentences[0]


def test_a_claim_is_held_against_no_reading_that_is_withheld():
    account = played_account(-13.2)
    del account["readings"]["elbo"]
    sentences = diagnose_game(avb([3.0] * 12), {**account, "withheld": {"elbo": "it reads nan nats"}})
    assert "That could not be judged: the account's own is withheld." in sentences[-1]


def test_why_one_reading_is_withheld_is_said_beside():
    (said,) = unjudged({"whether a": ["x"], "whether b": ["x"]}, {"x": "nobody knows y"})
    assert said == "It could not be judged whether a or whether b: x is withheld, as nobody knows y."
    assert unjudged({"whether a": ["x"]}, {"z": "why"}) == unjudged({"whether a": ["x"]})
