"""Categories that hardly ever come are in every reading by their share: whether one of the codes has one or none."""

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, OneHotCategorical

import termwise as tw
from helpers.sized_worlds import Table
from termwise.account.guard import unguarded
from termwise.measuring.elbo.rare_categories import Strata
from termwise.models.block_law import BlockLaw, Conditional
from termwise.models.categories import Categories
from termwise.models.chained_law import ChainedLaw
from termwise.models.draw import Draw, InDouble

RARE = 7e-4
TABLES = {
    "all alike": [[1 - RARE, RARE]] * 2,
    "each wrong in a way of its own": [[1 - RARE, *(RARE * float(k == s) for k in range(3))] for s in range(3)],
    "told apart": [[1 - RARE, RARE, 0.0], [1e-3, 0.0, 1 - 1e-3]],
    "rarer still beside rare": [[1 - RARE - 1e-6, RARE, 1e-6], [0.5, 0.5, 0.0]],
}
CODES = 600


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("seed", range(8))
def test_a_category_that_no_code_or_one_has_makes_no_difference(name, seed):
    """Of 600 codes none has a category of 7e-4, or one: MI would be off by 0.005 nats, with an error of 0, or 0.013."""
    world = Table(0, len(TABLES[name]), 1, len(TABLES[name][0]))
    world.logits = torch.tensor(TABLES[name]).clamp(min=1e-12).log().unsqueeze(1)
    truth, by_dimension = world.truth()
    with unguarded():
        account = tw.measure(world, world.examples(CODES), seed=seed)
    for of, value in truth.items():
        reading = account[of]
        assert abs(reading.value - value) < 4 * reading.stderr + 1e-6, of
    told = account.by_dimension["index_code_mi_by_dimension"]
    assert abs(told.value[0] - by_dimension["index_code_mi_by_dimension"][0]) < 4 * told.stderr[0] + 1e-6
    if name != "rarer still beside rare":
        assert account["index_code_mi"].stderr < 2e-4


B = 10_000
P = torch.tensor([0.98, 0.015, 0.005])


def sure(*shape):
    return P.log().expand(*shape, 3)


def numbers(given, features):
    """A number at the place of its category."""
    return Independent(Normal(given @ torch.tensor([[0.0], [5.0], [-9.0]]).to(given), 1.0), 1)


LAWS = {
    "one position": lambda: Categories(sure(B, 1)),
    "several positions": lambda: Categories(sure(B, 3)),
    "one-hot": lambda: OneHotCategorical(logits=sure(B)),
    "0 or 1": lambda: Independent(Bernoulli(torch.tensor([0.01, 0.5, 0.98]).expand(B, 3)), 1),
    "beside a number": lambda: BlockLaw([Categories(sure(B, 1)), Independent(Normal(torch.zeros(B, 1), 1.0), 1)]),
    "a number given it": lambda: ChainedLaw([Categories(sure(B, 1)), Conditional(numbers, [0], 1)]),
    "nothing rare": lambda: Categories(torch.zeros(B, 2, 50)),
}


@pytest.mark.parametrize("name", LAWS)
def test_codes_of_both_kinds_by_their_shares_have_the_law_s_moments(name):
    law = LAWS[name]()

    class Model:
        generates = False

        def infer(self, x):
            return law, None

        def prior_law(self):
            return Independent(Normal(torch.zeros(law.event_shape), 1.0), 1)

    draw = InDouble(Draw(Model(), torch.zeros(B, 1), torch.arange(B), B))
    strata = Strata.of(draw)
    assert torch.allclose(strata.mean(torch.ones(len(strata.share))), torch.ones(B).double())
    z = strata.draw.z.double()
    if name == "nothing rare":
        assert torch.equal(z, draw.z.double())
        return
    assert B < len(z) <= 2 * B and strata.draw.index.equal(strata.example)
    pairs = (z[:, :, None] * z[:, None, :]).flatten(1)  # second moments, of rare categories at two positions too
    exact = law.sample((20,)).double().flatten(0, 1)
    expected = torch.cat([exact, (exact[:, :, None] * exact[:, None, :]).flatten(1)], 1)
    found = strata.mean(torch.cat([z, pairs], 1))
    error = (found.var(0) / B + expected.var(0) / len(expected)).sqrt()
    assert bool(((found.mean(0) - expected.mean(0)).abs() <= 4.5 * error + 1e-12).all())
    kinds = z[:, :3] if name != "0 or 1" else 1 - z
    assert float(strata.mean(kinds).var(0)[0]) < 0.2 * float(P[0] * (1 - P[0]))  # the share of a kind is no chance
