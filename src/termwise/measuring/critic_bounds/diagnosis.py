"""What a fresh critic's reading means, in words: how much it bounds, whom it learnt from, and when to beware."""

import math
from collections.abc import Mapping, Sequence

import torch

from termwise.account.reading import Reading
from termwise.measuring.critic_bounds.critic_outputs import CriticOutputs, stops_of
from termwise.terms.adversarial.critic_loss import accuracy, cross_entropy, separation
from termwise.terms.link_names import link_name


def diagnose(outputs: Sequence[CriticOutputs], readings: Mapping[str, Reading], steps: int, examples: int) -> str:
    """What a critic of one link says, and what follows.

    Args:
        outputs: Of the critics of one link, each on examples that it was not trained on.
        readings: By name, the link's NWJ bound among them.
        steps: How long each critic was trained.
        examples: On how many.
    """
    link = outputs[0].link
    left, right = (torch.cat([getattr(one, side).flatten() for one in outputs]) for side in ("left", "right"))
    terms = {"accuracy": float(accuracy(left, right).mean()), "cross_entropy": float(cross_entropy(left, right).mean())}
    bound = readings[link_name(*stops_of(link), "NWJ")]
    critic = f"A critic trained anew, {steps:,} steps on {examples:,} other examples,"
    if not all(map(math.isfinite, (bound.value, *terms.values()))):
        return (
            f"{critic} gave no finite numbers: the {link.replace('_', ' ')} could not be judged by it. Look for codes "
            "that are not finite, or ask for fewer steps (critic_steps)."
        )
    sentence = (
        f"{critic} reads the {link.replace('_', ' ')} at "
        f"{bound.value:.2f} nats or more (NWJ; {bound.lower:.2f} with room for chance)"
    )
    if link == "rate":
        alone = float(torch.cat([one.exact.flatten() for one in outputs]).mean())
        sentence += f"; a normal of the posterior's moments alone reads {alone:.2f}"
        if "elbo_upper_nwj" in readings:
            sentence += f". So the ELBO for new data is at most {readings['elbo_upper_nwj'].upper:.2f}"
    sentence += (
        f". It calls {terms['accuracy']:.0%} of codes by their law, and cannot say how much it misses: more steps may "
        "raise the bound."
    )
    warning = separation(terms)
    return sentence if warning is None else f"{sentence} Beware: {warning}"
