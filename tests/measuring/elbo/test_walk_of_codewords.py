"""The walk of codes that are codewords, against worlds whose entropies are in closed form."""

import math

import pytest
import torch

import termwise as tw
from termwise.models.codewords import Codebook, Codewords
from termwise.worlds import MarkovWorld

LINKS = ("index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl")


@pytest.mark.parametrize(("codewords", "positions", "count"), [(3, 4, 4000), (2, 3, 300), (5, 2, 1000), (4, 1, 500)])
@pytest.mark.parametrize("seed", range(2))
def test_every_link_is_that_of_the_chain(codewords, positions, count, seed):
    world = MarkovWorld.random(seed, codewords, positions)
    account, truth = tw.measure(world, world.data(count, seed)), world.truth()
    assert account["rate"].value == pytest.approx(positions * math.log(codewords), abs=1e-9)
    states = codewords**positions
    for name in LINKS:
        reading = account[name]
        assert abs(reading.value - truth[name]) < 4 * reading.stderr + states / count, name  # biased by half of that
        population = account[tw.account.glossary.of_population(name)]
        error = 4 * population.stderr if population.stderr is not None else math.inf
        assert abs(population.value - truth[name]) < error + 1e-5, name
        assert population.lower - 1e-5 <= truth[name] <= population.upper + 1e-5, name
    parts = [account[name].value for name in ("index_code_mi", "total_correlation", "dimension_wise_kl")]
    assert sum(parts) == pytest.approx(account["rate"].value, abs=1e-9)


def test_groups_of_positions_are_those_of_the_chain():
    """Between pairs of positions it is what the second pair knows of the first: by the chain, I(k_2; k_3)."""
    world = MarkovWorld.random(0, codewords=3, positions=4)
    account = tw.measure(world, world.data(4000), groups=2)
    m = world.marginals

    def entropy(law):
        return float(-torch.xlogy(law, law).sum())

    between = entropy(m[1]) + entropy(m[2]) - entropy(m[1].unsqueeze(1) * world.transition)
    reading = account["group_correlation"]
    assert reading.estimator == "entropies of counts"
    assert abs(reading.value - between) < 4 * reading.stderr + 81 / 4000
    assert (reading + account["within_group_correlation"]).value == pytest.approx(account["total_correlation"].value)


def test_of_the_points_themselves_the_links_are_entropies_of_counts():
    torch.manual_seed(0)
    indices = torch.randint(3, (200, 4)) * torch.randint(2, (200, 1))
    book = Codebook(torch.randn(3, 2))
    model = tw.adapt(lambda x: Codewords(x.long(), book), prior=tw.models.codewords.UniformCodewords(book, 4))
    account = tw.measure(model, indices.float())

    def entropy(rows):
        share = rows.unique(dim=0, return_counts=True)[1].double() / len(rows)
        return float(-(share * share.log()).sum())

    joint, each = entropy(indices), [entropy(indices[:, p : p + 1]) for p in range(4)]
    assert account["index_code_mi"].value == pytest.approx(joint, abs=1e-9)
    assert account["total_correlation"].value == pytest.approx(sum(each) - joint, abs=1e-9)
    assert account["dimension_wise_kl"].value == pytest.approx(4 * math.log(3) - sum(each), abs=1e-9)
    assert account.by_dimension["index_code_mi_by_dimension"].value == pytest.approx(each, abs=1e-9)


def test_a_block_of_codewords_beside_numbers_has_its_own_readings():
    code = [
        {"name": "tokens", "latent": 6, "posterior": "vector-quantized", "posterior_options": {"positions": 3}},
        {"name": "style", "latent": 2},
    ]
    model = tw.VAE.build((5,), code=code, options={"hidden": [8]}).eval()
    account = tw.measure(model, torch.rand(150, 5).round())
    tokens, style = account.by_dimension["rate_by_block"].value
    assert tokens == pytest.approx(3 * math.log(64), rel=1e-6) and style > 0
    assert len(account.by_dimension["rate_by_dimension"].value) == 5
    links = [account[name].value for name in ("index_code_mi", "total_correlation", "dimension_wise_kl")]
    assert sum(links) == pytest.approx(account["rate"].value, abs=1e-6)
    assert 1 <= account["perplexity"].value <= 64
    assert model.sample(2).shape == (2, 5)


def test_a_prior_over_other_values_is_refused_with_the_one_that_does():
    model = tw.VAE.build((5,), 4, posterior="finite-scalar", options={"hidden": [8]})
    with pytest.raises(tw.TermwiseError, match=r"mass function over codewords at each of 4.*prior=\"uniform\""):
        tw.measure(model, torch.rand(9, 5))
