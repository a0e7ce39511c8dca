"""The walks from the posterior to the prior, by the names of their links; and the links of them that an account has."""

from collections.abc import Iterator
from typing import Any

from termwise.report.account_json import AccountJson, overall
from termwise.terms.link_names import LINK_NAMES

BESIDE = {"data", "reconstruction", "generated"}
"""What is compared in the space of x, and so stands beside the walk."""


def _walks_from(stop: str) -> Iterator[tuple[str, ...]]:
    """Every walk from a stop to the prior, as the names of its links, in the order of the links' table."""
    if stop == "prior":
        yield ()
    for (start, end), link in LINK_NAMES.items():
        if start == stop:
            yield from ((link, *others) for others in _walks_from(end))


WALKS = tuple(_walks_from("posterior"))
"""Every walk, as the names of its links: their values add up to the rate, if each is the KL."""


def standard_links(account: AccountJson) -> list[dict[str, Any]]:
    """The links of the plain and the disentangled walk, and the distortion, as far as an account has them.

    Example:
        >>> reading = {"value": 2.0, "stderr": 0.1, "unit": "nats"}
        >>> [(link["name"], link["from"], link["to"]) for link in standard_links({"readings": {"rate": reading}})]
        [('rate', 'posterior', 'prior')]
    """
    readings = overall(account)
    links = {} if "target" in account.get("data", {}) else {"distortion": ("data", "reconstruction")}
    links |= {name: laws for laws, name in LINK_NAMES.items() if "reference" not in laws}
    return [
        {"name": name, "from": left, "to": right, **{k: readings[name].get(k) for k in ("value", "stderr", "unit")}}
        for name, (left, right) in links.items()
        if name in readings
    ]
