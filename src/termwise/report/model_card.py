"""A model card in Markdown: what was trained, what was measured and how surely, how to load it, what it cannot tell."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from termwise.account import glossary
from termwise.account.rounding import MISSING, WITHHELD, with_error
from termwise.models.pretrained import GIVEN
from termwise.report.account_json import (
    AccountJson,
    ReadingJson,
    at,
    by_dimension,
    by_parts,
    dimension_name,
    dimension_title,
    measured_part,
    overall,
    units_in_words,
    withheld,
)
from termwise.report.run_summary import flattened, run_summary
from termwise.training.resolve import OWN


def model_card(config: Mapping[str, Any], account: AccountJson) -> str:
    """The card, with YAML front matter, for a run's configuration and its account."""
    summary = run_summary(config)
    tags = ["variational-autoencoder", "vae", "elbo", *([summary.recipe] if summary.recipe else [])]
    parts = [
        f"---\nlibrary_name: termwise\ntags: {json.dumps(tags, ensure_ascii=False)}\n---",
        f"# {_text(' '.join(p for p in (summary.recipe, 'VAE', summary.data and f'on {summary.data}') if p))}",
        _text(summary.sentence()),
        "## Diagnosis",
        "\n".join(f"- {_text(s)}" for s in account.get("diagnosis") or []) or "None was made.",
        "## Data",
        _settings(config, "data") or "The configuration does not name the data.",
        "## Model",
        _settings(config, "model") or "The configuration does not name the model.",
        "## Objective",
        _settings(config, "objective", "recipe") or "The configuration does not name the objective.",
        "## Account",
        "In nats unless said otherwise, summed over dimensions and averaged over examples; ± is one standard error.",
        *(sentence for sentence in (measured_part(account), units_in_words(account)) if sentence),
        _readings(account) or "No readings were taken.",
        *_dimensions(account),
        "## Loading it",
        *_loading(config.get("model", {}), config.get("data", {})),
        "## Limits",
        "- The numbers hold for the held-out examples that they were measured on, and for data like them.\n"
        "- An index-code mutual information on N examples cannot exceed log N; near that ceiling it, the marginal KL "
        "and the total correlation say more about N than about the model.\n"
        "- A reading's estimator may be biased on the quantity it reads; the table says how.\n"
        "- Samples and reconstructions repeat what is in the training data, its errors and omissions included.",
    ]
    return "\n\n".join(parts) + "\n"


def _loading(model: Mapping[str, Any], data: Mapping[str, Any]) -> list[str]:
    """How the model is read back: what names make is made again, and what Python made is given again."""
    network = str(model.get("network", ""))
    own = ["encoder", "decoder"] if network == OWN else []
    own += [name for name in ("posterior", "likelihood", "prior") if model.get(name) == GIVEN]
    given = [f"{name}={name}" for name in own]
    given += [f"trust=[{network.partition(':')[0]!r}]"] if ":" in network else []
    call = ", ".join(['"PATH"', *given])
    words = (
        [f"Made in Python, and not saved: {', '.join(own)}. Make these again as they were, and then:"] if own else []
    )
    names = [one for one in _named(data.get("side")) if one != model.get("target")]
    values = ", ".join(f"{name!r}: ..." for name in names)
    beside = f", side={{{values}}}" if "encoder" in (model.get("side_to") or []) else ""
    code = f"import termwise as tw\n\nmodel = tw.VAE.from_pretrained({call})\ncodes = model.encode(x{beside})"
    made = "samples = model.sample(64)" if model.get("target") is None else f"foretold = model.predict(x{beside})"
    return [*words, f"```python\n{code}\n{made}\n```"]


def _named(side: Any) -> list[str]:
    """The names of what stands beside x, as a configuration has them."""
    return [side] if isinstance(side, str) else side or []


def _readings(account: AccountJson) -> str:
    rows: list[tuple[object, ...]] = []
    for name, reading in overall(account).items():
        entry = glossary.reading(name)
        rows.append(
            (
                entry.title,
                with_error(reading.get("value"), reading.get("stderr")),
                reading.get("unit"),
                reading.get("estimator"),
                reading.get("bias"),
            )
        )
    rows += [(glossary.reading(n).title, WITHHELD, None, None, reason) for n, reason in withheld(account).items()]
    return _table(("reading", "value", "unit", "estimator", "bias"), rows) if rows else ""


def _dimensions(account: AccountJson) -> list[str]:
    return [
        *chain.from_iterable(
            _listed(readings, part, partial(dimension_name, account, of=part))
            for part, readings in by_parts(account).items()
        ),
        *_listed(by_dimension(account), "dimension", partial(dimension_name, account)),
    ]


def _listed(lists: Mapping[str, ReadingJson], what: str, name_of: Callable[[int], str]) -> list[str]:
    if not lists:
        return []
    heads = [what, *(dimension_title(name) for name in lists)]
    count = max(len(reading["value"]) for reading in lists.values())
    rows = [(name_of(j), *(_one(reading, j) for reading in lists.values())) for j in range(count)]
    how = "; ".join(
        f"{head}: {reading.get('estimator') or MISSING}, {reading.get('bias') or MISSING}"
        for head, reading in zip(heads[1:], lists.values(), strict=True)
    )
    return [f"### By {what}", _table(heads, rows), _text(how) + "."]


def _one(reading: ReadingJson, j: int) -> str:
    value = at(reading, "value", j, math.nan)
    return with_error(value, at(reading, "stderr", j, 0.0)) if math.isfinite(value) else MISSING


def _settings(config: Mapping[str, Any], *names: str) -> str:
    """The tables or values of these names, a line for each leaf."""
    leaves = [leaf for name in names if name in config for leaf in flattened(config[name], name)]
    return "\n".join(f"- {_code(key)}: {_code(value)}" for key, value in leaves)


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return MISSING if value is None or value == "" else _text(value)


def _text(value: object) -> str:
    """One line of text in which Markdown and HTML are inert."""
    line = " ".join(str(value).split())
    for mark in ("\\", "|", "`", "*", "_", "[", "]", "<", ">"):
        line = line.replace(mark, f"\\{mark}")
    return line


def _code(value: object) -> str:
    """One line of code, fenced by more backticks than it holds."""
    line = " ".join(str(value).split()) or " "
    fence = "`" * (max((len(run) for run in _runs(line)), default=0) + 1)
    return f"{fence} {line} {fence}" if "`" in line else f"`{line}`"


def _runs(line: str) -> list[str]:
    return [run for run in "".join(c if c == "`" else " " for c in line).split() if run]
