"""How well a model foretells its target t, beside what its code costs and tells: the information plane.

    prediction_cross_entropy = -E log p(t|x),     p(t|x) the decoder's law, averaged over codes of q(z|x)
    target_information = H(t) + E log p(t|z)  <=  I(z; t),     H(t) that of the examples measured

for E log p(t|z) is -H(t|z) at the most. I(z; t) itself is `side_information`, of the same labels. A number has no
entropy that is known, and so no such bound.
"""

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution

from termwise.account.reading import Reading, reading_of
from termwise.data.side import SideVariable
from termwise.measuring.elbo.term_readings import TermReadings
from termwise.models.data_pass import DataPass
from termwise.models.target import PREDICTION_CODES, averaged_over_codes, law_at_codes

Foretold = tuple[Distribution, Tensor]
"""What is foretold of a batch, and what is true: a law of batch shape (B,) and event shape (), and values (B,)."""


def with_target(terms: TermReadings, batches: DataPass, target: SideVariable) -> TermReadings:
    """The terms of a model of a target, with how well it is foretold; and without an ELBO, which there is none of x.

    Args:
        terms: Its terms: the distortion is -log p(t|z), of a code of every example.
        batches: The data through the model.
        target: What its decoder says.
    """
    readings, values = _target_readings(batches, target, terms.values["distortion"])
    none = f"the distortion is of {target.name}, and not of x, so that with the rate it bounds no log p(x)"
    return replace(
        terms,
        readings={**{name: one for name, one in terms.readings.items() if name != "elbo"}, **readings},
        values={**{name: of for name, of in terms.values.items() if name != "elbo"}, **values},
        withheld={**terms.withheld, "elbo": none},
    )


def _target_readings(
    batches: DataPass, target: SideVariable, distortion: Tensor
) -> tuple[dict[str, Reading], dict[str, Tensor]]:
    foretold = list(_foretold(batches))
    readings, values = foretelling_readings(foretold, f"of {PREDICTION_CODES} codes an example, averaged")
    if not target.is_number:
        truth = torch.cat([true for _, true in foretold]).long().cpu()
        values["target_information"] = surprise(truth) - distortion
        readings["target_information"] = reading_of(
            values["target_information"],
            "target_information",
            estimator="entropy of counts less Monte Carlo",
            bias="at most I(z; t) of the examples measured, but for noise",
        )
    return readings, values


def foretelling_readings(foretold: Iterable[Foretold], how: str) -> tuple[dict[str, Reading], dict[str, Tensor]]:
    """How well categories or numbers are foretold, with standard errors over examples, and the values by example.

    Args:
        foretold: By batch, what is foretold, and what is true: of a Categorical the place of the category.
        how: How the laws were had, as the readings say it.

    Example:
        >>> law = Categorical(probs=torch.tensor([[0.5, 0.5], [0.9, 0.1]]))
        >>> readings, _ = foretelling_readings([(law, torch.tensor([1.0, 0.0]))], "by hand")
        >>> round(readings["prediction_cross_entropy"].value, 4)  # (log 2 - log 0.9) / 2
        0.3993
    """
    pairs = [(law, true.cpu().double()) for law, true in foretold]
    log_prob = torch.cat([law.log_prob(true.to(_device(law))).cpu().double() for law, true in pairs])
    values = {"prediction_cross_entropy": -log_prob}
    if all(isinstance(law, Categorical) for law, _ in pairs):
        hits = [law.probs.argmax(-1).cpu() == true for law, true in pairs]  # type: ignore[attr-defined]
        values["prediction_accuracy"] = torch.cat(hits).double()
        return {
            name: reading_of(of, name, estimator=how, bias="unbiased for this law") for name, of in values.items()
        }, values
    means, truth = torch.cat([law.mean.cpu().double() for law, _ in pairs]), torch.cat([true for _, true in pairs])
    squares, spread = (truth - means).square(), (truth - truth.mean()).square()
    mse, variance = float(squares.mean()), float(spread.mean())
    root, share = mse**0.5, 1 - mse / variance if variance else float("nan")
    # of a function of means, its first-order change with each example
    values["prediction_rmse"] = root + (squares - mse) / (2 * root) if root else squares
    values["prediction_r2"] = share - (squares - mse - (1 - share) * (spread - variance)) / variance
    return {
        name: reading_of(of, name, estimator=how, bias="unbiased for this law") for name, of in values.items()
    }, values


def surprise(truth: Tensor) -> Tensor:
    """-log of the share that every example's category has, shape (N,), nats: its mean is H(t) of the examples."""
    shares = truth.bincount().double() / len(truth)
    return -shares.log()[truth]


def _foretold(batches: DataPass) -> Iterable[Foretold]:
    for draw in batches():
        law = law_at_codes(draw.model, draw.posterior, draw.context, PREDICTION_CODES)
        yield averaged_over_codes(law, PREDICTION_CODES), draw.target.squeeze(1)


def _device(law: Distribution) -> torch.device:
    return law.logits.device if isinstance(law, Categorical) else law.mean.device
