import io
import json
import math
from dataclasses import asdict

import pytest
import torch
from rich.console import Console
from torch.distributions import Distribution

import termwise as tw
from helpers.short_runs import small
from termwise.account import Account, Reading, compare
from termwise.errors import NoDensity, Refused
from termwise.report.comparison_table import comparison_table
from termwise.worlds import LinearGaussian


class InLayers(Distribution):
    """A diagonal normal law in two layers, each of half its variance, whose density is hidden."""

    has_rsample = True

    def __init__(self, law: Distribution) -> None:
        self.middle, self.last_scale = law.mean, (law.variance / 2).sqrt()
        super().__init__(law.batch_shape, law.event_shape, validate_args=False)

    def centres(self, count):
        return self.middle + self.last_scale * torch.randn(count, *self.middle.shape, dtype=self.middle.dtype)

    def rsample(self, sample_shape=()):
        z = self.centres(math.prod(sample_shape)).view(*sample_shape, *self.middle.shape)
        return z + self.last_scale * torch.randn_like(z)

    def log_prob(self, value):
        raise NoDensity("hidden")


def test_accounts_of_the_same_examples_are_paired_and_others_are_not():
    world, x = LinearGaussian.random(0), LinearGaussian.random(0).data(400)
    worse = LinearGaussian(**{**vars(world), "decoder_offset": world.decoder_offset + 0.1})
    a, b = tw.measure(world, x), tw.measure(worse, x)
    row = {r.name: r for r in tw.compare(a, b)}["distortion"]
    differences = b.per_example["distortion"] - a.per_example["distortion"]
    assert row.paired and row.difference == pytest.approx(float(differences.mean()))
    assert row.difference_stderr == pytest.approx(float(differences.std()) / math.sqrt(400))
    assert row.z == pytest.approx(row.difference / row.difference_stderr)
    apart = {r.name: r for r in tw.compare(a, tw.measure(worse, world.data(400, seed=1)))}["distortion"]
    assert not apart.paired and apart.difference_stderr > row.difference_stderr
    assert apart.difference_stderr == pytest.approx(math.hypot(*apart.stderrs))


def test_an_account_survives_its_files(tmp_path):
    world = LinearGaussian.random(0)
    account = tw.measure(world, world.data(100))
    account.save(tmp_path / "account.json", tmp_path / "account.npz")
    again = tw.Account.load(tmp_path / "account.json", tmp_path / "account.npz")
    assert dict(again) == dict(account) and again.diagnosis == account.diagnosis
    assert all(torch.equal(again.per_example[name], held) for name, held in account.per_example.items())


def test_one_account_cannot_be_compared():
    with pytest.raises(Refused, match="two accounts"):
        tw.compare(tw.measure(LinearGaussian.random(0), torch.randn(10, 6)))


def by_hand(value: float, bias: str = "unbiased", **about) -> Reading:
    fields = {"stderr": 0.1, "interval": None, "lower": None, "upper": None} | about
    return Reading("rate", value, unit="nats", estimator="by hand", bias=bias, n=100, **fields)


EXACT = by_hand(5.0, interval=[4.8, 5.2])
BRACKETS = {
    "a bracket": (by_hand(9.0, interval=[7.0, 9.0], lower=7.0, upper=9.0), (7.0, 9.0), (1.8, 4.2)),
    "a bracket out of sight": (
        by_hand(8.0, stderr=None, interval=[7.0, 9.0], lower=7.0, upper=9.0),
        (7, 9),
        (1.8, 4.2),
    ),
    "from below": (by_hand(9.0, "a lower bound in expectation", lower=9.0), (9.0, None), (3.8, None)),
    "from above": (by_hand(9.0, upper=9.3), (None, 9.3), (None, 4.5)),
    "by its bias": (by_hand(9.0, "a LOWER bound, as samples grow", interval=[8.5, 9.5]), (8.5, None), (3.3, None)),
    "from above by its bias": (by_hand(9.0, "upper bound; loose"), (None, 9.0), (None, 4.2)),
    "two bounds": (by_hand(8.0, "a lower bound in expectation", lower=7.0, upper=9.0), (7.0, 9.0), (1.8, 4.2)),
}


@pytest.mark.parametrize(("bound", "ends", "between"), BRACKETS.values(), ids=BRACKETS)
def test_a_bound_is_compared_by_what_it_bounds_and_has_no_standard_error(bound, ends, between):
    assert bound.bounds == ends and EXACT.bounds is None
    (row,) = compare([Account({"rate": EXACT}), Account({"rate": bound})])
    assert row.bounds == (None, ends) and row.values == (5.0, bound.value)
    assert row.between == pytest.approx(between)
    assert (row.difference, row.difference_stderr, row.z, row.paired) == (None, None, None, False)
    (back,) = compare([Account({"rate": bound}), Account({"rate": EXACT})])
    assert back.between == pytest.approx(tuple(None if end is None else -end for end in reversed(between)))


def test_an_estimate_with_an_interval_and_a_wider_bracket_is_no_bound():
    assert by_hand(8.0, interval=[7.8, 8.2], lower=7.0, upper=9.0).bounds is None


def test_two_bounds_from_one_side_have_no_difference_and_it_is_said():
    lower = by_hand(9.0, "a lower bound in expectation", lower=9.0)
    (row,) = compare([Account({"rate": lower}), Account({"rate": lower})])
    assert (row.difference, row.between, row.z) == (None, None, None)
    assert "bounds from one side" in row.why


def test_a_rate_between_bounds_and_an_exact_one_differ_by_a_range_that_holds_the_truth():
    # A normal posterior, and the same one passed as one whose density is hidden: the truth is no difference.
    world = LinearGaussian.random(0)
    exact = tw.measure(world, world.data(300))
    hidden = tw.measure(tw.adapt(encode=lambda x: InLayers(world.infer(x)[0])), world.data(300), noises=2)
    rows = {row.name: row for row in tw.compare(exact, hidden)}
    assert hidden["rate"].value - exact["rate"].value > 0.2
    for name in ("rate", "index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl"):
        assert (rows[name].difference, rows[name].z) == (None, None)
        assert rows[name].between[0] < 0 < rows[name].between[1]


def test_population_readings_are_paired_and_their_error_covers_that_of_fresh_examples():
    world = LinearGaussian.random(0, latent=2, mutual_information=1.0)
    other = LinearGaussian(**{**vars(world), "posterior_covariance": 1.3 * world.posterior_covariance})
    rows = [
        {row.name: row for row in tw.compare(tw.measure(world, x), tw.measure(other, x))}["population_mi"]
        for x in (world.data(160, seed=seed) for seed in range(10))
    ]
    assert all(row.paired for row in rows)
    truth = other.truth()["index_code_mi"] - world.truth()["index_code_mi"]
    misses = [abs(row.difference - truth) / row.difference_stderr for row in rows]
    assert max(misses) < 4
    for row in rows:  # the difference is far better known than either
        assert row.difference_stderr < math.hypot(*row.stderrs) / 5


def test_accounts_are_paired_only_where_they_are_of_the_same_examples_and_it_is_said_why_not():
    world = LinearGaussian.random(0)
    x, other = world.data(200), world.data(150, seed=1)
    row = {r.name: r for r in tw.compare(tw.measure(world, x), tw.measure(world, other))}["rate"]
    assert not row.paired and row.why.endswith("of other examples: 200 of tensor and 150 of tensor")
    unknown = Account({"rate": EXACT})
    (row,) = compare([unknown, unknown])
    assert row.difference == 0 and "not known which examples" in row.why
    # Some of the data only has values by example: nothing of other lengths is paired.
    values = {"rate": torch.arange(3.0)}
    one, two = (Account({"rate": EXACT}, (), {"rate": values["rate"][:n]}, {"fingerprint": "f"}) for n in (2, 3))
    (row,) = compare([one, two])
    assert not row.paired and "no values by example" in row.why


def test_likelihoods_of_other_units_have_no_difference():
    x = torch.rand(120, 6, generator=torch.Generator().manual_seed(0))
    grey, density, binary = (small(likelihood=name) for name in ("bernoulli", "normal:0.5", "bernoulli"))
    accounts = [tw.measure(grey, x), tw.measure(density, x), tw.measure(binary, x.round())]
    assert [account.data["likelihood"] for account in accounts] == ["cross-entropies", "densities", "probabilities"]
    rows = {row.name: row for row in tw.compare(accounts[0], accounts[1])}
    for name in ("distortion", "elbo"):
        assert rows[name].difference is None and rows[name].z is None
        assert "of cross-entropies in one and of densities in the other" in rows[name].why
    assert rows["rate"].paired
    found = tw.log_likelihood(density, x, method="iwae", samples=3)
    assert found.data["likelihood"] == "densities"


def test_a_comparison_with_bounds_is_told_in_words():
    lower = by_hand(9.0, "a lower bound in expectation", lower=9.0)
    bracket = BRACKETS["a bracket"][0]
    for pair, words in (
        ((EXACT, bracket), ["7.00 to 9.00", "1.80 to 4.20", "of bounds: from and to"]),
        ((EXACT, lower), ["at least 9.00", "at least 3.80"]),
        ((lower, lower), ["Both are bounds from one side, which say nothing of a difference (rate)."]),
    ):
        rows = compare([Account({"rate": one}) for one in pair])
        console = Console(width=150, record=True, file=io.StringIO())
        console.print(comparison_table(["one", "other"], [asdict(row) for row in rows]))
        text = console.export_text()
        assert all(each in text for each in words)
        json.dumps([asdict(row) for row in rows], allow_nan=False)
