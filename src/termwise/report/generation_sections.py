"""What a run makes, judged: sections of the page that are there once `quality` or `attributes` has been asked for."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from termwise.account import glossary
from termwise.report import attributes as edited, quality as judged
from termwise.report.markup import hue, quiet, section, typeset

Account = Mapping[str, Any]


def quality(accounts: Sequence[Account]) -> str:
    """How good samples and reconstructions are, a table each; "" where none was judged."""
    parts = []
    for account in accounts:
        rows = "".join(
            f'<tr {hue(row.name)}><th scope="row"><span class="name">{escape(row.title)}</span>'
            f'<span class="meaning">{escape(glossary.reading(row.name).meaning)}</span></th>'
            f'<td class="number" data-label="made"><strong>{typeset(row.made)}</strong></td>'
            f'<td class="number" data-label="real">{typeset(row.real)}</td>'
            f'<td data-label="unit">{escape(row.unit)}</td><td data-label="bias">{escape(row.bias)}</td></tr>'
            for row in judged.rows(account)
        )
        heads = "".join(f'<th scope="col">{title}</th>' for title in ("reading", "made", "real", "unit", "bias"))
        parts.append(
            f"<h3>{escape(str(account['data'].get('made', 'samples')).capitalize())}</h3>"
            f'<table class="account"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
            + quiet(judged.note(account))
            + _diagnosis(account)
        )
    return section("quality", "Quality of what is made", "".join(parts)) if parts else ""


def attributes(account: Account | None, figures: Mapping[str, bytes]) -> str:
    """How edits by attribute vectors were judged, and how they look; "" where none was made.

    Args:
        account: As `measuring.attributes.attribute_account` gives it, as JSON; or None.
        figures: A PNG by method, where there is one.
    """
    if account is None:
        return ""
    parts = [f"<p>{escape(edited.note(account))}</p>"]
    for method in account["data"]["methods"]:
        parts.append(f"<h3>{escape(edited.edit_title(account, method).capitalize())}</h3>")
        parts.append(_table(edited.by_attribute(account, method)))
        if method in figures:
            source = base64.b64encode(figures[method]).decode("ascii")
            label = f"images edited in every attribute, by {escape(method)}"
            parts.append(
                '<div class="figure-scroll figure" tabindex="0" role="group" aria-label="Edits">'
                f'<img src="data:image/png;base64,{source}" alt="{label}"></div>'
            )
    parts += ["<h3>For the model as a whole</h3>", _table(edited.overall(account)), _diagnosis(account)]
    return section("attributes", "Edits by attribute", "".join(parts))


def _table(rows: Iterator[list[str]]) -> str:
    first, *others = next(rows)
    heads = f'<th scope="col">{escape(first)}</th>' + "".join(
        f'<th scope="col" class="number">{escape(title)}</th>' for title in others
    )
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f'<td class="number">{typeset(cell)}</td>' for cell in cells)
        + "</tr>"
        for name, *cells in rows
    )
    table = f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="table-scroll" tabindex="0"><table class="plain">{table}</table></div>'


def _diagnosis(account: Account) -> str:
    sentences = "".join(f"<li>{escape(str(one))}</li>" for one in account.get("diagnosis") or [])
    return f'<ul class="diagnosis">{sentences}</ul>' if sentences else ""
