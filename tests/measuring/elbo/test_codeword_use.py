"""How codewords are used: perplexity, codewords that come and those that never do, as of endless data."""

import math

import pytest
import torch

import termwise as tw
from termwise.measuring.elbo.codeword_use import jackknifed_entropy, perplexity, richness
from termwise.worlds import MarkovWorld

K = 40


def shares(seed=0):
    """Laws of codewords of four positions, which differ, shape (4, K)."""
    return (1.5 * torch.randn(4, K, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)).softmax(1)


def drawn(laws, count, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.multinomial(laws, count, replacement=True, generator=generator).T


def entropy(law):
    return float(-torch.xlogy(law, law).sum())


def test_the_entropy_is_a_direct_count_less_what_one_example_at_a_time_tells():
    indices = drawn(shares(), 30, 0)

    def plug_in(some):
        counts = torch.bincount(some.flatten(), minlength=K).double()
        return entropy(counts / counts.sum())

    n = len(indices)
    without = [plug_in(torch.cat([indices[:i], indices[i + 1 :]])) for i in range(n)]
    pseudo = [n * plug_in(indices) - (n - 1) * one for one in without]
    torch.testing.assert_close(jackknifed_entropy(indices, K), torch.tensor(pseudo, dtype=torch.float64))


def test_of_many_examples_the_perplexity_is_that_of_the_counts():
    indices = drawn(shares(), 40_000, 1)
    counts = torch.bincount(indices.flatten(), minlength=K).double()
    assert perplexity(indices, K).value == pytest.approx(math.exp(entropy(counts / counts.sum())), rel=1e-3)


def test_the_perplexity_does_not_depend_on_how_many_examples_there_are_and_its_interval_holds():
    laws = shares()
    truth = math.exp(entropy(laws.mean(0)))
    for count in (50, 400):
        readings = [perplexity(drawn(laws, count, seed), K) for seed in range(200)]
        values = torch.tensor([one.value for one in readings])
        assert abs(float(values.mean()) - truth) < 4 * float(values.std()) / math.sqrt(len(values)) + 0.005 * truth
        held = sum(low <= truth <= high for low, high in (one.interval for one in readings)) / len(readings)
        assert held > 0.95 - 4 * math.sqrt(0.05 * 0.95 / len(readings))  # 4 standard errors


def test_examples_whose_positions_repeat_each_other_have_an_error_of_their_own():
    once = drawn(shares()[:1], 400, 0)
    one, four = perplexity(once, K), perplexity(once.expand(-1, 4), K)
    assert four.value == pytest.approx(one.value) and four.stderr == pytest.approx(one.stderr)


def test_codewords_that_few_examples_miss_are_made_up_for_and_dead_ones_are_not():
    alive = 30
    law = torch.zeros(1, K, dtype=torch.float64)
    law[0, :alive] = torch.linspace(1, 3, alive, dtype=torch.float64)
    law /= law.sum()
    seen, found, held = [], [], 0
    for seed in range(100):
        indices = drawn(law, 60, seed)
        low, value, high = richness(indices, K)
        seen.append(len(indices.unique()))
        found.append(value)
        held += low <= alive <= high
    mean, plain = sum(found) / len(found), sum(seen) / len(seen)
    assert abs(mean - alive) < 0.35 * (alive - plain) and held >= 85
    assert richness(drawn(law, 3000, 0), K) == (alive, alive, alive)


def test_an_account_has_them_and_they_sum_to_the_codebook():
    world = MarkovWorld.random(seed=1, codewords=6, positions=5)
    account = tw.measure(world, world.data(2000))
    truth = math.exp(entropy(world.marginals.mean(0)))
    reading = account["perplexity"]
    assert abs(reading.value - truth) < 4 * reading.stderr
    assert account["codes_used"].value + account["dead_codes"].value == 6
    assert not any("dead" in sentence for sentence in account.diagnosis)


def test_dead_codewords_are_named_by_the_diagnosis():
    world = MarkovWorld.random(seed=1, codewords=4, positions=3)
    model = tw.VAE.build((3,), 3, posterior="vector-quantized:20", posterior_options={"positions": 3}, prior="uniform")
    with torch.no_grad():
        model.family.vectors[4:] += 1e3  # where nothing comes
    account = tw.measure(model.eval(), world.data(500) / 4)
    assert account["dead_codes"].value >= 16
    (said,) = [sentence for sentence in account.diagnosis if "are dead" in sentence]
    assert said.startswith(f"{account['dead_codes'].value:.0f} of 20 codewords are dead") and "restarts" in said


def test_of_several_codebooks_each_block_has_its_own():
    torch.manual_seed(0)
    words = {"posterior": "vector-quantized:8", "latent": 6, "shape": [3]}
    scalars = {"posterior": "finite-scalar", "latent": 8, "posterior_options": {"levels": [5, 5]}, "shape": [2, 2]}
    code = [{"name": "coarse", **words}, {"name": "style", "latent": 2}, {"name": "fine", **scalars}]
    model, x = tw.VAE.build((5,), code=code, options={"hidden": [8]}).eval(), torch.rand(300, 5).round()
    account = tw.measure(model, x)
    laws = model.encode(tw.load_data(x, test=0.0).tensor()).blocks
    of_each = [perplexity(laws[at].indices, count).value for at, count in ((0, 8), (2, 25))]
    assert account.by_dimension["perplexity_by_block"].value == pytest.approx([of_each[0], 1.0, of_each[1]])
    used, dead = (account.by_dimension[f"{name}_by_block"].value for name in ("codes_used", "dead_codes"))
    assert [u + d for u, d in zip(used, dead, strict=True)] == pytest.approx([8, 0, 25])
    assert used[0] == richness(laws[0].indices, 8)[1] and "perplexity" not in account
    (said,) = [sentence for sentence in account.diagnosis if "are dead" in sentence]
    assert f"{dead[0]:.0f} of 8 in block coarse and {dead[2]:.0f} of 25 in block fine" in said
