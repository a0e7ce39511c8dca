"""How well a block that observes what stands beside x foretells it: readings of q(y|x), where y is known.

In measuring nothing is observed: the terms are of q(z|x), as if no y were known, and y is held against q(y|x).
"""

from dataclasses import replace

from torch.distributions import Categorical

from termwise.measuring.elbo.target_account import Foretold, foretelling_readings
from termwise.measuring.elbo.term_readings import TermReadings
from termwise.models.data_pass import DataPass
from termwise.models.drawable import observed_variables
from termwise.terms.class_cross_entropy import observed_law

OF_CATEGORIES = ("prediction_accuracy", "prediction_cross_entropy")
"""The readings of it."""


def with_observed(terms: TermReadings, batches: DataPass) -> TermReadings:
    """The terms of a model, and how well a block of its code foretells what it observes, where one does.

    Args:
        terms: Its terms.
        batches: The data through the model.
    """
    observed = observed_variables(batches.model)
    if not observed:
        return terms
    foretold: list[Foretold] = []
    for draw in batches():
        law = observed_law(draw)
        known = ~law.values.isnan()
        if known.any():
            foretold.append((Categorical(logits=law.own.log_probs.squeeze(-2)[known]), law.values[known]))
    n = sum(len(truth) for _, truth in foretold)
    if n < 2:
        none = f"{observed[0].name} is known of {n} of the examples measured"
        return replace(terms, withheld={**terms.withheld, **dict.fromkeys(OF_CATEGORIES, none)})
    readings, values = foretelling_readings(foretold, f"q({observed[0].name}|x)")
    return terms.and_also(readings, values if n == len(batches) else {})
