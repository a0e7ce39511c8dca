"""The card of a hub: the model card, with the readings in its metadata."""

import json
import re
import subprocess
import sys

from termwise.report.hub_card import hub_card
from termwise.report.model_card import model_card


def test_every_finite_reading_is_in_the_index_with_its_error(config, account):
    account["readings"]["gap"] = account["readings"]["rate"] | {"value": None}
    card = hub_card(config, account, "me/digits")
    matter = card.split("---\n")[1]
    (index,) = json.loads(re.search(r"^model-index: (.*)$", matter, flags=re.MULTILINE)[1])
    (results,) = index["results"]
    metrics = {one["type"]: one for one in results["metrics"]}
    scalars = {name for name, one in account["readings"].items() if isinstance(one["value"], float)}
    assert index["name"] == "digits" and set(metrics) == scalars and results["dataset"]["name"] == "digits"
    assert metrics["rate"]["value"] == 10.2104 and metrics["rate"]["args"]["stderr"] == 0.0712
    assert "marginal_kl" not in metrics  # withheld


def test_the_card_is_the_model_s_but_for_its_metadata_and_how_to_fetch_it(config, account):
    card, plain = hub_card(config, account, "me/digits"), model_card(config, account)
    assert card.startswith("---\nlibrary_name: termwise\ntags: ") and 'tw.from_hub("me/digits")' in card
    assert plain.split("---\n", 2)[2] in card


def test_without_huggingface_hub_it_is_named():
    code = """
import sys
sys.modules["huggingface_hub"] = None
import termwise as tw
for ask in (lambda: tw.push_to_hub("runs/a", "me/a"), lambda: tw.from_hub("me/a")):
    try:
        ask()
    except tw.TermwiseError as error:
        print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["A hub is reached by huggingface_hub: pip install 'termwise[hub]'."] * 2
