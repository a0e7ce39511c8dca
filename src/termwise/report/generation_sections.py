"""How what a run generates was judged: sections of the page, once `quality` or `attributes` has been asked for."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from termwise.account import glossary
from termwise.report.account_json import AccountJson, withheld_sentences
from termwise.report.attribute_tables import attribute_note, attribute_rows, edit_title, model_rows
from termwise.report.markup import hue, quiet, section, typeset
from termwise.report.quality_tables import quality_note, quality_rows


def quality_section(accounts: Sequence[AccountJson]) -> str:
    """How good samples and reconstructions are, a table each; "" where none was judged."""
    parts = []
    for account in accounts:
        rows = "".join(
            f'<tr {hue(row.name)}><th scope="row"><span class="name">{escape(row.title)}</span>'
            f'<span class="meaning">{escape(glossary.reading(row.name).meaning)}</span></th>'
            f'<td class="number" data-label="made"><strong>{typeset(row.model)}</strong></td>'
            f'<td class="number" data-label="real">{typeset(row.real)}</td>'
            f'<td data-label="unit">{escape(row.unit)}</td><td data-label="bias">{escape(row.bias)}</td></tr>'
            for row in quality_rows(account)
        )
        heads = "".join(f'<th scope="col">{title}</th>' for title in ("reading", "made", "real", "unit", "bias"))
        parts.append(
            f"<h3>{escape(str(account['data'].get('made', 'samples')).capitalize())}</h3>"
            f'<table class="account"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
            + quiet(quality_note(account))
            + _diagnosis(account)
        )
    return section("quality", "Quality of what is made", "".join(parts)) if parts else ""


def attributes_section(account: AccountJson | None, figures: Mapping[str, bytes]) -> str:
    """How edits by attribute vectors were judged, and how they look; "" where none was made.

    Args:
        account: As `measuring.attributes.attribute_account` gives it, as JSON; or None.
        figures: A PNG by method, where there is one.
    """
    if account is None:
        return ""
    parts = [f"<p>{escape(attribute_note(account))}</p>"]
    for method in account["data"]["methods"]:
        parts.append(f"<h3>{escape(edit_title(account, method).capitalize())}</h3>")
        parts.append(_table(attribute_rows(account, method)))
        if method in figures:
            source = base64.b64encode(figures[method]).decode("ascii")
            label = f"images edited in every attribute, by {escape(method)}"
            parts.append(
                '<div class="figure-scroll edits" tabindex="0" role="group" aria-label="Edits">'
                f'<img src="data:image/png;base64,{source}" alt="{label}"></div>'
            )
    parts += ["<h3>For the model as a whole</h3>", _table(model_rows(account)), _diagnosis(account)]
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


def _diagnosis(account: AccountJson) -> str:
    said = [*withheld_sentences(account), *(account.get("diagnosis") or [])]
    sentences = "".join(f"<li>{escape(str(one))}</li>" for one in said)
    return f'<ul class="diagnosis">{sentences}</ul>' if sentences else ""
