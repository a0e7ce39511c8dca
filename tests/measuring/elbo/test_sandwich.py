"""Posteriors without a density: every bound against quadrature or a closed form, from its own side."""

import math
import re

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, Normal

import termwise as tw
from termwise.account import Account
from termwise.account.bracket import Bracket
from termwise.account.reading import reading_without_error
from termwise.data import Dataset, load_data
from termwise.errors import NoDensity, Refused
from termwise.measuring.elbo import implicit_account as implicit, sandwich as sandwiched, smoothing
from termwise.measuring.elbo.diagnosis import LAST_LAYER, diagnose
from termwise.measuring.elbo.implicit_account import _Round
from termwise.measuring.elbo.sandwich import last_layer, sandwich
from termwise.measuring.elbo.smoothing import Smoothed, chosen_scales
from termwise.measuring.elbo.term_readings import Bounding, Smoothing
from termwise.models import Draw
from termwise.models.data_pass import DataPass
from termwise.worlds import Grid, LinearGaussian, TriangularMap, implicit_world
from termwise.worlds.discrete import DiscreteWorld

TERMS = ("rate", "elbo", "index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl")
BY_DIMENSION = ("rate_by_dimension", "index_code_mi_by_dimension", "dimension_wise_kl_by_dimension")


class Layered(Distribution):
    """A triangular map with a last Gaussian layer; its exact density is the map's, convolved on the grid."""

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True

    def __init__(self, inner: TriangularMap, scale: Tensor, grid: Grid) -> None:
        self.inner, self.scale, self.grid = inner, scale, grid
        self.last_scale = scale.expand(inner.location.shape)
        super().__init__(inner.batch_shape, inner.event_shape, validate_args=False)

    def centres(self, count: int) -> Tensor:
        return self.inner.rsample((count,))

    def rsample(self, sample_shape=()) -> Tensor:
        z = self.inner.rsample(sample_shape)
        return z + self.last_scale * torch.randn_like(z)

    def log_prob(self, value: Tensor) -> Tensor:
        raise NoDensity("hidden")

    def hidden_log_prob(self, nodes: Tensor) -> Tensor:
        axis, n = self.grid.axis, len(self.grid.axis)
        mass = (self.inner.hidden_log_prob(nodes).exp() * self.grid.weights.unsqueeze(1)).T.reshape(-1, n, n)
        down, across = (Normal(axis.unsqueeze(1), s).log_prob(axis).exp() for s in self.scale)
        return (down @ mass @ across.T).clamp(min=1e-300).log().reshape(-1, n * n).T


BASE = implicit_world(3)


def world(scale: tuple[float, float] | None = (0.3, 0.25)) -> DiscreteWorld:
    """Sixteen examples of equal weight; with a last Gaussian layer, or without."""
    layer = None if scale is None else torch.tensor(scale, dtype=torch.float64)

    def encode(x: Tensor) -> Distribution:
        inner = BASE.encode(x)
        return inner if layer is None else Layered(inner, layer, BASE.grid)

    return DiscreteWorld(examples=BASE.examples, encode=encode, decode=BASE.decode)


def copies(count: int) -> Dataset:
    """The sixteen, so many times: the aggregate stays the same."""
    whole = load_data(BASE.examples.float().repeat(count, 1))
    return whole.subset(torch.arange(len(whole)))


def above(differences: Tensor) -> bool:
    """Whether their mean is over zero, by more than four standard errors."""
    return bool(differences.mean() > 4 * differences.std() / math.sqrt(len(differences)))


def test_the_bounds_lie_on_either_side_of_the_exact_density_and_close_as_noises_grow():
    exact = world()
    log_q = exact.log_posterior
    truth = exact.grid.mean(log_q, log_q).repeat(256)
    posterior = last_layer(exact.encode(exact.examples.double().repeat(256, 1)))
    widths = []
    for noises in (3, 30, 300):
        found = sandwich(posterior, noises)
        assert found.codes.z.shape == (4096, 2)
        if noises < 300:
            assert above(found.above - truth) and above(truth - found.below)
        assert not above(truth - found.above) and not above(found.below - truth)
        widths.append(found.above - found.below)
    assert above(widths[0] - widths[1] - 0.5) and above(widths[1] - widths[2])
    assert widths[2].mean() < 0.15


def test_the_bound_above_is_that_of_its_own_noise_and_the_others_by_hand():
    class Known:
        last_scale = torch.tensor([[0.5]])
        held = iter([torch.tensor([[[0.2]]]), torch.tensor([[[1.0]], [[-1.0]]])])

        def centres(self, count: int) -> Tensor:
            return next(self.held)

    found = sandwich(Known(), 2)
    z = found.codes.z.item()
    own, first, second = (Normal(centre, 0.5).log_prob(torch.tensor(z)).exp().item() for centre in (0.2, 1.0, -1.0))
    assert found.above.item() == pytest.approx(math.log((own + first + second) / 3), rel=1e-5)
    assert found.below.item() == pytest.approx(math.log((first + second) / 2), rel=1e-5)
    assert found.above_by_dimension.item() == pytest.approx(found.above.item(), rel=1e-6)


def test_every_term_of_an_account_is_bracketed_about_the_truth_of_quadrature():
    exact = world()
    account, truth = tw.measure(exact, copies(128), noises=300), exact.truth()
    for name in TERMS:
        reading = account[name]
        assert reading.lower <= truth[name] <= reading.upper, f"{reading}; the truth is {truth[name]:.4f}"
        assert reading.lower <= reading.value <= reading.upper and reading.interval == [reading.lower, reading.upper]
        assert reading.upper - reading.lower < 0.4 and "300 noises" in reading.estimator
    assert abs(account["distortion"].value - truth["distortion"]) < 4 * account["distortion"].stderr
    assert "no density" in account.diagnosis[0]


def test_the_rate_is_reported_from_above_and_the_elbo_from_below():
    exact = world()
    values, truth = tw.measure(exact, copies(128), noises=5).per_example, exact.by_example()
    assert above(values["rate"] - truth["rate"].repeat(128)) and above(truth["elbo"].repeat(128) - values["elbo"])


def test_a_difference_of_brackets_takes_each_bound_from_the_other_side():
    one, two = (Bracket(*torch.tensor(bounds).double().unsqueeze(1).expand(3, 9)) for bounds in ([2, 1, 3], [5, 4, 7]))
    assert [part[0].item() for part in vars(two - one).values()] == [3.0, 1.0, 6.0]
    reading = (two - one).reading("rate", estimator="", bias="", most=5.5)
    assert (reading.value, reading.lower, reading.upper, reading.stderr) == (3.0, 1.0, 5.5, 0.0)


def test_a_reading_moves_its_bounds_out_by_what_chance_may_do():
    """By 2.576 standard errors, which the normal exceeds one time in 200, to either side."""
    values = torch.tensor([0.0, 2.0, 4.0, 6.0], dtype=torch.float64)
    reading = Bracket.above(values, values - 1).reading("rate", estimator="", bias="", least=-9.0)
    error = 2.5758 * math.sqrt(20 / 3) / 2
    assert (reading.value, reading.lower, reading.upper) == pytest.approx((3.0, 2.0 - error, 3.0 + error), rel=1e-4)


class SplitNormal:
    """A linear-Gaussian world whose posterior has three quarters of its variance by noise, the rest by a last layer."""

    def __init__(self, inner: LinearGaussian) -> None:
        self.inner = inner

    def infer(self, x: Tensor) -> tuple[Distribution, None]:
        normal = self.inner.infer(x)[0]

        class Split(type(normal)):
            last_scale = 0.5 * normal.stddev

            def centres(self, count: int) -> Tensor:
                return self.mean + math.sqrt(0.75) * self.stddev * torch.randn(count, *self.mean.shape)

            def log_prob(self, value: Tensor) -> Tensor:
                raise NoDensity("hidden")

        return Split(normal.base_dist, 1), None

    def generate(self, z: Tensor, context: None = None) -> Distribution:
        return self.inner.generate(z, context)

    def prior_law(self) -> Distribution:
        return self.inner.prior_law()


def test_a_normal_in_two_layers_is_bracketed_about_its_closed_form():
    inner = LinearGaussian.random(0, latent=3, mutual_information=1.5, diagonal=True)
    draw = Draw(SplitNormal(inner), inner.data(4000))
    for noises, width in ((16, 1.2), (256, 0.12)):
        found = sandwich(draw.posterior, noises)
        log_q = inner.infer(draw.x)[0].log_prob(found.codes.z)
        assert above(found.above - log_q) and above(log_q - found.below)
        assert (found.above - found.below).mean() < width


def test_the_terms_of_each_dimension_alone_are_those_of_quadrature_from_above():
    exact = world()
    account = tw.measure(exact, copies(128), noises=100)
    axis, weights = exact.grid.axis, exact.grid.axis_weights
    log_p = Normal(0.0, 1.0).log_prob(axis)
    for j in range(2):
        log_q = torch.stack([exact.grid.marginal(of_x, j) for of_x in exact.log_posterior])  # (16, n)
        log_q_j = exact.log_marginals[j]
        truths = {
            "rate": (log_q.exp() * (log_q - log_p) * weights).sum(1).mean(),
            "index_code_mi": (log_q.exp() * (log_q - log_q_j) * weights).sum(1).mean(),
            "dimension_wise_kl": (log_q_j.exp() * (log_q_j - log_p) * weights).sum(),
        }
        for name, truth in truths.items():
            reading = account[f"{name}_by_dimension"]
            assert reading.value[j] == pytest.approx(float(truth), abs=4 * reading.stderr[j] + 0.02), name


def test_with_few_noises_a_dimension_s_rate_is_above_its_own():
    draw = Draw(SplitNormal(inner := LinearGaussian.random(0, latent=3, mutual_information=1.5)), inner.data(4000))
    found = sandwich(draw.posterior, 2)
    exact = inner.infer(draw.x)[0].base_dist.log_prob(found.codes.z)
    assert all(above(values) for values in (found.above_by_dimension - exact).T)


def test_the_links_sum_to_the_rate_for_every_example():
    values = tw.measure(world(), copies(8), noises=16, samples=2).per_example
    torch.testing.assert_close(values["index_code_mi"] + values["marginal_kl"], values["rate"])
    torch.testing.assert_close(values["total_correlation"] + values["dimension_wise_kl"], values["marginal_kl"])
    torch.testing.assert_close(-values["distortion"] - values["rate"], values["elbo"])


def test_the_aggregate_and_its_marginals_are_bracketed_by_few_noises_and_closely_by_many(monkeypatch):
    exact = world()
    aggregate, marginals = exact.log_aggregate, exact.log_marginals
    truths = {
        "log q(z)": exact.grid.mean(aggregate, aggregate),
        "sum log q(z_j)": exact.grid.mean(exact.grid.product(marginals), aggregate),
    }
    batches = DataPass(exact, copies(1))
    for mixed, rounds in ((1, 400), (40, 50)):
        monkeypatch.setattr(implicit, "COMPONENTS", 16 * mixed)
        with torch.no_grad():
            found = [_Round(batches, None, 1, lambda count: None) for _ in range(rounds)]
        assert found[0].mixed == mixed
        for name, truth in truths.items():
            upper, lower = (
                torch.stack([getattr(r.between[name], side).mean() for r in found]) for side in ("upper", "lower")
            )
            assert not above(truth - upper) and not above(lower - truth)
            if mixed == 1:
                assert above(upper - truth) and above(truth - lower)
            else:
                assert (upper - lower).mean() < 0.1


def test_the_smoothed_elbo_is_under_its_exact_one_and_bounds_that_of_the_posterior_itself():
    scale = (0.2, 0.2)
    rough, smooth = world(None), world(scale)
    draw = Draw(rough, rough.examples.repeat(256, 1))
    code = sandwich(Smoothed(draw.posterior, torch.tensor(scale).double().expand(4096, 2)), 100)
    log_joint = smoothing._log_joint
    floor, ceiling = log_joint(draw, code.codes.z) - code.above, log_joint(draw, code.codes.centre) - code.below
    assert above(smooth.elbo().repeat(256) - floor) and above(ceiling - rough.elbo().repeat(256))
    assert (ceiling - floor).mean() < 0.6 and above(smooth.log_evidence.repeat(256) - floor)


def test_a_posterior_without_a_last_layer_is_smoothed_a_little_and_the_account_says_so():
    rough = world(None)
    account, truth = tw.measure(rough, copies(64)), rough.truth()
    assert account["elbo"].lower < truth["log_likelihood"]
    assert abs(account["elbo"].value - truth["elbo"]) < 0.4 and "smoothed" in account["elbo"].estimator
    distortion, ceiling = map(
        float, re.search(r"distortion is ([\d.]+) nats.*at most (-[\d.]+)\.$", account.diagnosis[0]).groups()
    )
    assert distortion == pytest.approx(truth["distortion"], abs=4 * account["distortion"].stderr)
    assert truth["elbo"] < ceiling < truth["elbo"] + 0.7


def test_the_posterior_s_own_elbo_is_said_to_be_under_what_its_entropy_at_most_allows():
    tight = reading_without_error("rate", 1.2, estimator="", bias="", n=4)
    five = torch.full((4,), 5.0).double()
    density = Bracket(five - 6, five - 7, five - 6)  # E log q_h between -2 and -1
    exact = {"unsmoothed log p(x, z)": -five, "unsmoothed distortion": five - 2, "distortion": five}
    bounding = Bounding((1.0, 1.2), 256, implicit._smoothing(exact, density))
    assert bounding.smoothing == Smoothing(3.0, 5.0, -3.0)
    plain = Account({"rate": tight})
    first, *faults = diagnose(plain, bounding=bounding)
    assert first.endswith("distortion is 3.000 nats, where the smoothed one's is 5.000, and its ELBO at most -3.000.")
    assert tuple(faults) == diagnose(plain)


def test_wide_bounds_of_the_rate_are_said_after_which_posterior_was_measured():
    plain = Account({"rate": reading_without_error("rate", 1.8, estimator="", bias="", n=4)})
    first, width, *faults = diagnose(plain, bounding=Bounding((1.0, 1.8), 256, None))
    assert first == LAST_LAYER and tuple(faults) == diagnose(plain)
    assert width.startswith("The rate is known only to lie between 1.00 and 1.80 nats") and "noises=1024" in width


def test_how_far_to_smooth_is_chosen_by_examples_of_the_other_half(monkeypatch):
    asked = []

    def best(draw: Draw, noises: int) -> Tensor:
        asked.append(set(draw.index.tolist()))
        return torch.full((2,), float(len(asked)))

    monkeypatch.setattr(smoothing, "_best_scale", best)
    scales = chosen_scales(DataPass(world(None), copies(2)), 7)
    assert scales.shape == (32, 2) and [len(half) for half in asked] == [16, 16]
    for number, half in enumerate(asked, 1):
        assert all(scales[index].tolist() != [number, number] for index in half)


def test_a_narrow_posterior_is_smoothed_in_proportion():
    rough = world(None)
    draw = Draw(rough, rough.examples)
    wide = smoothing._best_scale(draw, 128)
    draw.posterior.scale, draw.posterior.bend = 0.01 * draw.posterior.scale, 0.01 * draw.posterior.bend
    assert (smoothing._best_scale(draw, 128) < 0.05 * wide).all()


def test_bounds_far_apart_are_said_and_no_fault_is_found_in_what_is_not_known():
    account = tw.measure(world((0.1, 0.1)), copies(16), noises=2)
    assert account["rate"].upper - account["rate"].lower > 1
    assert all(account[name].lower == 0.0 for name in ("rate", "index_code_mi"))  # and not what B - log p(z) says
    assert "known only to lie between" in account.diagnosis[1]
    assert not any("ignores the code" in sentence for sentence in account.diagnosis)


def test_a_unit_is_active_where_its_mean_varies_and_not_where_its_noise_does():
    class Noisy(Layered):
        def __init__(self, x: Tensor) -> None:
            self.mean_of_x = torch.stack([x[:, 0], torch.zeros(len(x))], 1)
            self.last_scale = torch.ones(len(x), 2)
            Distribution.__init__(self, (len(x),), (2,), validate_args=False)

        def centres(self, count: int) -> Tensor:
            return self.mean_of_x + torch.randn(count, *self.mean_of_x.shape)

        def rsample(self, sample_shape=()) -> Tensor:
            return self.centres(1)[0]

    account = tw.measure(tw.adapt(encode=Noisy), torch.randn(2000, 2), noises=4)
    assert account["active_units"].value == 1.0
    assert "elbo" not in account and account["rate"].lower < account["rate"].value


def test_a_posterior_with_neither_density_nor_layer_nor_decoder_is_refused():
    model = tw.adapt(encode=lambda x: BASE.encode(x.double()))
    with pytest.raises(NoDensity, match="decode"):
        tw.measure(model, BASE.examples.float())
    with pytest.raises(Refused, match="noises"):
        tw.measure(world(), copies(1), noises=0)


@pytest.mark.parametrize("posterior", ["noise-basis", "noise-input+normal"])
def test_a_vae_is_measured_the_same_twice_and_left_as_it_was(posterior):
    model = tw.VAE.build((6,), 3, posterior=posterior, options={"hidden": [16]})
    x = (torch.rand(200, 6) > 0.5).float()
    state = torch.get_rng_state()
    first, second = (tw.measure(model, x, noises=32, seed=5) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state()) and model.training
    told = []
    tw.measure(model, x, noises=2, samples=2, batch_size=80, progress=lambda stage, part: told.append(part))
    assert told == pytest.approx([0.2, 0.4, 0.5, 0.7, 0.9, 1.0])
    assert first.to_json() == second.to_json()
    assert {"distortion", "code_use", "active_units", "marginal_mmd2", *TERMS, *BY_DIMENSION} == set(first)


def test_centres_come_in_blocks_and_are_as_many_as_were_asked_for(monkeypatch):
    class Law:
        last_scale = torch.ones(4, 2)

        def centres(self, count):
            return torch.zeros(count, 4, 2)

    monkeypatch.setattr(sandwiched, "BLOCK", 3 * 4 * sandwiched.WIDTH)
    assert [len(part) for part in sandwiched.in_blocks(Law(), 10)] == [3, 3, 3, 1]
