"""A run's card as a hub shows it: the model card, whose metadata hold the readings as a `model-index`."""

import json
import math
from collections.abc import Mapping
from typing import Any

from termwise.account import glossary
from termwise.report.account_json import AccountJson, overall
from termwise.report.model_card import model_card
from termwise.report.run_summary import run_summary

TASK = {"type": "representation-learning", "name": "Variational autoencoder"}
"""What the readings are of, as an index of models has it."""


def hub_card(config: Mapping[str, Any], account: AccountJson, repo: str) -> str:
    """The card in Markdown, its front matter with every reading of one number that is finite.

    Args:
        config: The run's configuration.
        account: Its account.
        repo: Where it will lie, "owner/name".
    """
    said, fence = model_card(config, account), "---\n"
    opening, matter, text = said.split(fence, 2)
    index = [{"name": repo.rpartition("/")[2], "results": [_results(config, account)]}]
    call = f'import termwise as tw\n\nrun = tw.from_hub("{repo}")\nprint(run.account)'
    loading = f"\n## The whole run\n\n```python\n{call}\n```\n"
    return f"{opening}{fence}{matter}model-index: {json.dumps(index, ensure_ascii=False)}\n{fence}{text}{loading}"


def _results(config: Mapping[str, Any], account: AccountJson) -> dict[str, Any]:
    """The readings of the data that they were measured on."""
    data = account.get("data") or {}
    name = str(data.get("name") or run_summary(config).data or "data")
    metrics = [
        {
            "type": reading,
            "name": f"{glossary.reading(reading).title} ({one['unit']})",
            "value": one["value"],
            "args": {key: one[key] for key in ("stderr", "unit", "estimator", "bias", "n")},
        }
        for reading, one in overall(account).items()
        if one["value"] is not None and math.isfinite(one["value"])
    ]
    return {
        "task": TASK,
        "dataset": {"name": name, "type": name, "split": data.get("part", "test")},
        "metrics": metrics,
    }
