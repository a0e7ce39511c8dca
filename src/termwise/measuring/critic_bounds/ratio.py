"""What a critic says of a link, on samples that it never saw: its plug-in, and the two bounds that it gives.

    plug-in   E_left[f(e^T) / e^T]               NEITHER bound
    NWJ       E_left T - E_right e^T + 1         <= KL(left || right) in expectation; heavy tails
    DV        E_left T - log E_right e^T         <= KL as samples grow; on few of them it overshoots

A lower bound on the rate is an UPPER bound on the ELBO.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from termwise.account.reading import Reading, reading_of
from termwise.data.dataset import Dataset
from termwise.errors import Refused
from termwise.models.draw import Drawable
from termwise.models.passes import DataPass, evaluating
from termwise.models.randomness import own_randomness
from termwise.terms.adversarial.critic_loss import PerfectSeparation, accuracy, cross_entropy, separation
from termwise.terms.adversarial.density_ratio import DensityRatio
from termwise.terms.adversarial.divergences import DIVERGENCES
from termwise.terms.adversarial.ratio_bounds import donsker_varadhan, nwj
from termwise.terms.decomposition import link_name
from termwise.terms.link import Link

HEAVY = "a lower bound on the KL in expectation; heavy tails, so its standard error is not to be trusted at large KL"
ASYMPTOTIC = "a lower bound on the KL only as samples grow: on few it overshoots"


def ratio_readings(
    link: Link,
    model: Drawable,
    data: Dataset,
    *,
    divergences: Sequence[str] = (),
    samples: int = 1,
    seed: int = 0,
    batch_size: int = 512,
    device: torch.device | str = "cpu",
) -> dict[str, Reading]:
    """A link's plug-in, its NWJ and DV bounds on the KL, and the critic's accuracy; by name.

    Args:
        link: A link under a `DensityRatio`, whose critic was trained on other data.
        model: Whose codes the laws are made of.
        data: Examples that the critic never saw.
        divergences: Further plug-ins of the same T, by name; total variation can be read here alone.
        samples: Codes for every example.
        seed: Of the codes. The random state is left as it was.
        batch_size: Examples a time.
        device: Where the model is.

    Warns:
        PerfectSeparation: The critic tells the laws apart without fail, so that their ratio is unknown.
    """
    ratio = link.estimator
    if not isinstance(ratio, DensityRatio):
        raise Refused(f"The critic's readings need a link under DensityRatio; {link.name} is under {ratio.name!r}.")
    unknown = [name for name in divergences if name not in DIVERGENCES]
    if unknown:
        raise Refused(f"Unknown divergence {unknown[0]!r}; known: {', '.join(DIVERGENCES)}.")
    left, right = _logits(ratio, link, model, data, samples, seed, batch_size, device)
    terms = {
        "accuracy": float(accuracy(left, right).mean()),
        "cross_entropy": float(cross_entropy(left, right).mean()),
    }
    seen = separation(terms)
    if seen is not None:
        evidence = f"{seen} Its mean logits are {float(left.mean()):.1f} and {float(right.mean()):.1f}."
        warnings.warn(f"{link.name}: {evidence}", PerfectSeparation, stacklevel=2)

    readings = {}
    for divergence in (ratio.divergence, *(DIVERGENCES[name] for name in divergences)):
        name = link_name(link.left.name, link.right.name, f"{divergence.title} by critic")
        values = _by_example(divergence.value(left), samples)
        label = f"{divergence.title} plug-in of a critic"
        readings[name] = reading_of(values, name, unit=divergence.unit, estimator=label, bias=link.bias)
    upper = "; its negative bounds the ELBO's from ABOVE" if link.right.name == "prior" and link.left.given_x else ""
    bounds = {"NWJ": (nwj(left, right), HEAVY), "DV": (donsker_varadhan(left, right), ASYMPTOTIC)}
    for title, (values, bias) in bounds.items():
        name = link_name(link.left.name, link.right.name, title)
        label = f"{title} of a critic on fresh samples"
        reading = reading_of(_by_example(values, samples), name, estimator=label, bias=bias + upper)
        readings[name] = replace(reading, lower=float(values.mean())) if title == "NWJ" else reading
    readings["accuracy"] = reading_of(
        _by_example(accuracy(left, right), samples),
        "accuracy",
        unit="share",
        estimator="signs of T on fresh samples",
        bias="1/2 where the laws are equal, or where the critic has not learnt",
    )
    return readings


def _logits(
    ratio: DensityRatio,
    link: Link,
    model: Drawable,
    data: Dataset,
    samples: int,
    seed: int,
    batch_size: int,
    device: torch.device | str,
) -> tuple[Tensor, Tensor]:
    """T at samples of both laws, shape (samples * N,) each, float64, examples in order, sample by sample."""
    passes = DataPass(model, data, batch_size, device)
    found = []
    with own_randomness(seed), evaluating(model), evaluating(nn.ModuleList([ratio.critic])):
        for _ in range(samples):
            found += [ratio.logits(link.left, link.right, draw) for draw in passes()]
    lefts, rights = zip(*found, strict=True)
    return torch.cat(lefts).double(), torch.cat(rights).double()


def _by_example(values: Tensor, samples: int) -> Tensor:
    return values.view(samples, -1).mean(0)  # (N,)
