import json

from termwise.account import glossary
from termwise.report.model_card import model_card


def test_the_front_matter_names_the_library_and_the_tags(config, account):
    head = model_card(config, account).split("---")[1].strip().splitlines()
    assert head[0] == "library_name: termwise"
    assert "beta-tcvae" in json.loads(head[1].removeprefix("tags: "))


def test_every_reading_is_there_with_its_error_and_estimator(config, account):
    card = model_card(config, account)
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in card.splitlines() if line.startswith("| ")}
    for name, reading in account["readings"].items():
        title = glossary.reading(name).title
        if isinstance(reading["value"], list):
            assert title.removesuffix(" by dimension") in rows["dimension"]
        else:
            assert reading["estimator"] in rows[title]
    assert "3.214 ± 0.012" in rows["total correlation"]
    assert "6.250 ± 0.031" in rows["z1"] and "0.900 ± 0.011" in rows["z1"]


def test_it_tells_how_to_load_and_what_was_found(config, account):
    card = model_card(config, account)
    assert 'tw.VAE.from_pretrained("PATH")' in card
    assert "- 2 of 3 dimensions are active." in card
    assert "`objective.beta`: `6.0`" in card and "`data.source`: `digits`" in card


def test_text_from_outside_breaks_neither_the_table_nor_the_front_matter(config, account):
    config["objective"]["recipe"] = 'mine"\n---\n<b>'
    account["readings"]["a | b"] = {"value": 1.0, "stderr": None, "unit": "nats", "estimator": "c\nd", "bias": None}
    card = model_card(config, account)
    head = card.split("\n---\n")[0].splitlines()
    assert json.loads(head[2].removeprefix("tags: "))[-1] == 'mine"\n---\n<b>'
    assert "| a \\| b | 1 | nats | c d | — |" in card


def test_a_run_that_says_nothing_has_a_card():
    card = model_card({}, {})
    assert "No readings were taken." in card and "The configuration does not name the data." in card
