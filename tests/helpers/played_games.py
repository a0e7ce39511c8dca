"""The metrics of made-up games."""

from collections.abc import Sequence
from typing import Any

CRITIC = "critic of rate"


def avb(
    rates: Sequence[float],
    accuracy: Sequence[float] | None = None,
    entropy: Sequence[float] | None = None,
    more: dict[str, list[float]] | None = None,
) -> list[dict[str, Any]]:
    """Lines of a game under AVB, one epoch a rate: its critic's plug-in, the distortion being 10 throughout.

    Args:
        rates: Held-out, and less 0.5 in training.
        accuracy: The critic's; 0.7 where left out.
        entropy: The critic's cross-entropy; 1 where left out.
        more: Further held-out terms.
    """
    lines = []
    for i, rate in enumerate(rates):
        at = {"epoch": i + 1, "step": 10 * (i + 1)}
        terms = {"distortion": 10.0, "rate_kl_by_critic": rate - 0.5}
        seen = {"accuracy": accuracy[i] if accuracy else 0.7, "cross_entropy": entropy[i] if entropy else 1.0}
        seen |= {"left_logit": 1.5, "right_logit": -2.5}
        held_out = {"distortion": 10.0, "rate_kl_by_critic": rate} | {n: v[i] for n, v in (more or {}).items()}
        player = {"player": "autoencoder", "weights": dict.fromkeys(terms, 1.0), "learning_rate": 1e-3}
        critic = {"player": CRITIC, "weights": {"cross_entropy": 1.0}, "learning_rate": 2e-3}
        lines += [
            at | {"split": "train", "loss": 10 + rate, "terms": terms} | player,
            at | {"split": "train", "loss": seen["cross_entropy"], "terms": seen} | critic,
            at | {"split": "test", "loss": 10 + rate, "terms": held_out},
        ]
    return lines


def account(elbo: float, lower: float | None = None, upper: float | None = None, **others: float) -> dict[str, Any]:
    """An account's JSON: an ELBO with its bounds, and other readings; standard errors are 0.1."""
    values = {"elbo": elbo, **others}
    readings = {
        name: {"value": value, "stderr": 0.1, "lower": None, "upper": None, "unit": "nats"}
        for name, value in values.items()
    }
    readings["elbo"] |= {"lower": lower, "upper": upper}
    return {"readings": readings}
