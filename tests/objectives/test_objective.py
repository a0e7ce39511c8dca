"""Objectives: weighted sums of batch means, shaped; what cannot be is refused when it is built."""

import pickle
from copy import deepcopy

import pytest
import torch

from termwise.errors import Refused
from termwise.models import VAE
from termwise.models.draw import Draw
from termwise.objectives import Linear, Objective, distortion, floor, free_bits, gap, link
from termwise.objectives.configured import ObjectiveSpec
from termwise.objectives.objective import (
    Weighted,
    dimension_wise_kl,
    index_code_mi,
    marginal_kl,
    rate,
    total_correlation,
)
from termwise.terms import Bank, ClosedForm, Full, Kernel, MonteCarlo


class Given:
    """A term whose values are given."""

    name, unit, label, bias, memory = "given", "nats", "given", "none", None

    def __init__(self, *values) -> None:
        self.values = torch.tensor(values, requires_grad=True)

    def __call__(self, draw):
        return self.values


def draw() -> Draw:
    return Draw(None, torch.zeros(1, 1))  # no term here looks at it


def deepcopy_of_codes(one: Draw) -> Draw:
    """Another draw of the same batch, at the same codes."""
    again = one.again()
    again.codes = one.codes
    return again


def total_of(term: Weighted, step: int = 0) -> float:
    return Objective((term,))(draw(), step).total.item()


def test_terms_of_objectives_that_are_gone_are_not_taken_for_those_that_are_made_in_their_place():
    """Python gives the identity of what is gone to what is made next: on one draw each term is still its own."""
    one = draw()
    numbers = [float(k) for k in range(50)]
    assert [Objective((Weighted(Given(k)),))(one).total.item() for k in numbers] == numbers


def test_an_objective_is_copied_and_saved_with_one_memory_for_the_terms_that_share_it():
    shared = MonteCarlo("minibatch-stratified")
    objective = distortion() + 2.0 * index_code_mi(shared) + 3.0 * marginal_kl(shared)
    model, x = VAE.build((4,), 2), torch.rand(6, 4)
    one = Draw(model, x, torch.arange(6), 6)
    expected = objective(one)
    for other in (deepcopy(objective), pickle.loads(pickle.dumps(objective))):
        assert len(other.memories) == 1 and other.memories[0] is not objective.memories[0]
        assert torch.equal(other(one).values, expected.values)
        assert torch.equal(other(deepcopy_of_codes(one)).values, expected.values)


def test_a_term_is_summed_over_dimensions_and_averaged_over_the_batch():
    assert total_of(Weighted(Given([1.0, 2.0], [3.0, 6.0], [0.0, 0.0]))) == pytest.approx(4.0)
    assert total_of(Weighted(Given(1.0, 2.0, 6.0))) == pytest.approx(3.0)
    assert total_of(Weighted(Given(*[7.0]))) == pytest.approx(7.0)


@pytest.mark.parametrize(
    ("target", "total", "slope"),
    [(3.0, 1.0, -1.0), (1.0, 1.0, 1.0), (2.5, 0.5, -1.0)],
)
def test_a_gap_is_of_the_batch_mean_and_pulls_it_to_its_target(target, total, slope):
    term = Given(0.0, 4.0)  # mean 2; the mean of |value - 3| would be 2
    objective = Objective((Weighted(term).shaped(gap(target)),))
    move = objective(draw())
    assert move.total.item() == pytest.approx(total)
    move.total.backward()
    assert term.values.grad.tolist() == [slope / 2, slope / 2]
    assert move.values.tolist() == [2.0]  # unshaped


@pytest.mark.parametrize(("target", "total", "slope"), [(3.0, 1.0, -1.0), (1.0, 0.0, 0.0)])
def test_a_floor_pushes_the_batch_mean_up_to_its_target_and_leaves_it_be_above(target, total, slope):
    term = Given(0.0, 4.0)  # the mean of max(0, 1 - value) would be 1/2
    move = Objective((Weighted(term).shaped(floor(target)),))(draw())
    assert move.total.item() == pytest.approx(total)
    move.total.backward()
    assert term.values.grad.tolist() == [slope / 2, slope / 2]


def test_targets_and_weights_follow_their_schedules():
    climb = Linear(start=0.0, end=10.0, steps=10)
    assert total_of(Weighted(Given(2.0)).shaped(gap(climb)), step=7) == pytest.approx(5.0)
    assert total_of(Weighted(Given(2.0)).shaped(floor(climb)), step=7) == pytest.approx(5.0)
    assert total_of(climb * Weighted(Given(2.0)), step=3) == pytest.approx(6.0)
    weighted = climb * Weighted(Given(2.0)).shaped(gap(climb))
    move = Objective((weighted,))(draw(), 6)
    assert move.total.item() == pytest.approx(6 * (6 - 2))
    assert move.weights == (6.0,)


def test_a_term_of_no_weight_is_reported_but_moves_nothing():
    silent, loud = Given(float("nan")), Given(2.0)
    silent.name = "silent"
    move = (0 * Weighted(silent) + 3 * Weighted(loud))(draw())
    assert move.total.item() == pytest.approx(6.0)
    move.total.backward()
    assert silent.values.grad is None
    assert move.names == ("silent", "given")
    assert move.weights == (0.0, 3.0)


def test_parts_keep_their_names_and_unweighted_values_in_order(sample):
    objective = 2 * distortion() + 5 * rate(ClosedForm())
    move = objective(sample.draw)
    assert move.names == ("distortion", "rate")
    assert move.values.tolist() == pytest.approx([sample.values["distortion"], sample.values["rate"]], rel=1e-5)
    assert not move.values.requires_grad
    assert move.total.item() == pytest.approx(2 * sample.values["distortion"] + 5 * sample.values["rate"], rel=1e-5)


def test_every_named_link_is_the_log_ratio_that_it_is_called_by_hand(sample):
    kl = MonteCarlo(Bank())
    links = [make(kl) for make in (index_code_mi, marginal_kl, total_correlation, dimension_wise_kl)]
    objective = sum(links[1:], Objective((links[0],)))
    sample.fill(objective)
    move = objective(sample.draw)
    assert move.values.tolist() == pytest.approx([sample.values[name] for name in move.names], abs=1e-5)


def test_the_terms_with_weight_one_and_one_memory_are_the_monte_carlo_elbo(sample):
    kl = MonteCarlo(Full())
    walk = distortion() + index_code_mi(kl) + total_correlation(kl) + dimension_wise_kl(kl)
    sample.fill(walk)
    elbo = distortion() + rate(MonteCarlo())
    whole = elbo(sample.draw)
    assert walk(sample.draw).total.item() == pytest.approx(whole.total.item(), rel=1e-5)
    assert whole.total.item() == pytest.approx(sample.values["distortion"] + sample.values["sampled_rate"], rel=1e-5)


def test_links_given_one_estimator_share_its_memory_and_others_keep_their_own():
    kl = MonteCarlo()
    shared = index_code_mi(kl) + total_correlation(kl) + dimension_wise_kl(kl)
    apart = index_code_mi(MonteCarlo()) + total_correlation(MonteCarlo())
    assert len(shared.memories) == 1
    assert len(apart.memories) == 2
    assert (distortion() + rate(MonteCarlo())).memories == []


@pytest.mark.parametrize("weight", [-1, -1e-9, Linear(start=1.0, end=-1.0, steps=10)])
def test_a_weight_that_is_ever_negative_is_refused(weight):
    with pytest.raises(Refused, match=r"The weight of rate would be -.*must be 0 or more"):
        weight * rate(ClosedForm())


def test_a_term_weighed_twice_is_refused_rather_than_guessed_at():
    with pytest.raises(Refused, match="weighted twice"):
        2 * (3 * rate(ClosedForm()))


def test_a_term_given_twice_is_refused():
    with pytest.raises(Refused, match="rate stands twice in the objective"):
        rate(ClosedForm()) + distortion() + rate(MonteCarlo())


@pytest.mark.parametrize("ends", [("posterior", "aggregate"), ("aggregate", "prior"), ("marginals", "prior")])
def test_no_closed_form_is_offered_for_the_aggregate(ends):
    with pytest.raises(Refused, match=r"no closed form.*MonteCarlo\(aggregate=Bank\(\)\)"):
        link(*ends, ClosedForm())


@pytest.mark.parametrize("right", ["prior", "aggregate"])
def test_a_kernel_does_not_compare_posteriors(right):
    with pytest.raises(Refused, match=r"posterior law is another for every x.*use MonteCarlo"):
        link("posterior", right, Kernel())


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        (("prior", "posterior"), "no link prior -> posterior. The links are: posterior -> prior"),
        (("posterior", "marginals"), "no link posterior -> marginals"),
        (
            ("posterior", "pior"),
            "stops at posterior, reference, conditional, aggregate, groups, marginals, prior; got 'pior'",
        ),
    ],
)
def test_a_link_that_is_no_step_of_a_walk_is_refused(ends, reason):
    with pytest.raises(Refused, match=reason):
        link(*ends, MonteCarlo())


@pytest.mark.parametrize(
    ("shape", "total"),
    [
        (gap(3.0, by="dimension"), 2.0 + 1.0),
        (gap(3.0), 2.0),
        (floor(3.0, by="dimension"), 2.0),
        (floor(3.0), 0.0),
        (free_bits(3.0), 3.0 + 4.0),
        (free_bits(3.0, by="total"), 5.0),
        (free_bits(9.0, by="total"), 9.0),
        (free_bits(Linear(start=0.0, end=6.0, steps=4)), 3.0 + 4.0),
    ],
)
def test_a_shape_is_of_the_total_or_of_each_dimension_s_mean(shape, total):
    """A term of two dimensions whose batch means are 1 and 4."""
    move = Objective((2 * Weighted(Given([0.5, 3.0], [1.5, 5.0])).shaped(shape),))(draw(), step=2)
    assert move.total.item() == pytest.approx(2 * total) and move.values.tolist() == [5.0]  # unshaped


def test_below_its_free_bits_a_dimension_has_no_gradient_and_above_it_its_own():
    model = VAE.build((6,), 3, options={"hidden": [8]})
    one = Draw(model, torch.rand(5, 6).round())
    posterior = one.posterior.base_dist
    by_dimension = 0.5 * (posterior.scale**2 + posterior.loc**2 - 1 - 2 * posterior.scale.log()).mean(0)
    target = float(by_dimension.detach().median())
    free = by_dimension.detach() <= target
    (got,) = torch.autograd.grad(
        Objective((rate(ClosedForm()).shaped(free_bits(target - 1e-6)),))(one).total, posterior.loc, retain_graph=True
    )
    wanted = posterior.loc.detach() / 5 * (by_dimension.detach() > target - 1e-6)
    assert torch.allclose(got, wanted, atol=1e-6) and bool(free.any())


def test_what_has_no_dimensions_cannot_be_shaped_by_them():
    with pytest.raises(Refused, match=r"given has no values by dimension here.*by = 'total'"):
        Objective((Weighted(Given(2.0)).shaped(free_bits(1.0)),))(draw())
    with pytest.raises(Refused, match=r"by = 'level' cannot be"):
        free_bits(1.0, by="level")


def test_a_file_says_by_what_a_link_is_shaped():
    one = {"from": "posterior", "to": "prior", "estimator": {"name": "closed-form"}}
    spec = ObjectiveSpec.model_validate(
        {"links": [{**one, "shape": {"name": "free-bits", "target": 0.5, "by": "dimension"}}]}
    )
    part = spec.build().players[0].objective.parts[1]
    assert part.by == "dimension" and part.at_end({"": torch.tensor([0.1, 2.0])}) == pytest.approx(2.5)
