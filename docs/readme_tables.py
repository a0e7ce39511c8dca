"""The README's tables of names, written from the registries that know them.

    python docs/readme_tables.py           # writes them anew
    python docs/readme_tables.py --check   # ends with status 1 where the README's are others

A table stands between `<!-- table: NAME -->` and `<!-- end -->`.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import termwise as tw

README = Path(__file__).parents[1] / "README.md"
GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "lambda": "λ", "target": "C"}
LISTS = {
    "`--likelihood`": "LIKELIHOODS",
    "`--posterior`": "POSTERIORS",
    "`--prior`": "PRIORS",
    "`--network`": "NETWORKS",
    "estimator of a link": "ESTIMATORS",
    "`aggregate`, what q(z) is remembered from": "AGGREGATES",
    "`reference` of adaptive contrast": "REFERENCES",
    "f-divergence": "DIVERGENCES",
    "metric of disentanglement": "METRICS",
    "`--track`": "TRACKERS",
}
"""What a configuration or a call takes by name, and the registry that knows the names."""


def recipes() -> str:
    """A row a recipe: its name, its links with the defaults of their weights, and its source."""
    rows = []
    for recipe in tw.RECIPES.values():
        formula = _greek(recipe.formula)
        defaults = [
            f"{_greek(name)} = {option.default:g}".replace("e-0", "e-")
            for name, option in recipe.options.items()
            if isinstance(option.default, int | float) and re.search(rf"\b{_greek(name)}\b", formula)
        ]
        source = re.search(r"\(([^()]*?, \d{4})", recipe.source)
        last = recipe.source.rstrip(".").rpartition(": ")[2] if source is None else source[1]
        rows.append(f"| `{recipe.name}` | {', '.join([formula, *defaults])} | {last} |")
    return "\n".join(["| recipe | objective, beside the distortion | source |", "|---|---|---|", *rows])


def names() -> str:
    """A row for everything that is called by name, with the forms in which a configuration writes it."""
    rows = [
        f"| {what} | {', '.join(f'`{form}`' for form in getattr(tw, table).shown())} |" for what, table in LISTS.items()
    ]
    return "\n".join(["| what | names |", "|---|---|", *rows])


def sources() -> str:
    """A row for every source, and for every kind of path and of object that data come from."""
    rows = [f"| `{name}` | {row.summary} |" for name, row in tw.SOURCES.items()]
    rows += [f"| a path, {name} | {row.summary} |" for name, row in tw.FORMATS.items()]
    rows += [f"| from Python, {name} | {row.summary} |" for name, row in tw.OBJECTS.items()]
    return "\n".join(["| data | what they are |", "|---|---|", *rows])


TABLES: Mapping[str, Callable[[], str]] = {"recipes": recipes, "names": names, "sources": sources}


def _greek(text: str) -> str:
    text = re.sub(r"\b(alpha|beta|gamma|lambda|target)\b", lambda match: GREEK[match[0]], text)
    text = text.replace("index_code_mi", "MI").replace("total_correlation", "TC").replace("dimension_wise_kl", "DW")
    return text.replace("^2", "²").replace(" - ", " − ").replace("|", "\\|")


def written(text: str) -> str:
    """The text with its tables as the registries have them now."""

    def table(match: re.Match[str]) -> str:
        return f"<!-- table: {match[1]} -->\n\n{TABLES[match[1]]()}\n\n<!-- end -->"

    return re.sub(r"<!-- table: (\w+) -->.*?<!-- end -->", table, text, flags=re.DOTALL)


def main(arguments: list[str]) -> int:
    """Write or check; the status."""
    text: Any = README.read_text()
    if arguments == ["--check"]:
        return int(written(text) != text)
    README.write_text(written(text))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
