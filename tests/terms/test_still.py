"""Links of which one end stands still: the value is the link's, and the gradients of both ends are its own."""

import pytest
import torch

import termwise as tw
from termwise.errors import Refused
from termwise.models import Draw
from termwise.terms import (
    HSIC,
    ClosedForm,
    ClosedOrSampled,
    Critic,
    DensityRatio,
    Kernel,
    Link,
    MinibatchStratified,
    Moments,
    MonteCarlo,
)

LATENT = 3


def model_of(posterior="diagonal-normal", prior="mixture:4", options=None):
    torch.manual_seed(0)
    return tw.VAE.build(
        (6,), LATENT, options={"hidden": [8]}, posterior=posterior, prior=prior, posterior_options=options or {}
    )


def gradients(link, model):
    """Of the encoder and of the prior, by a draw of the same codes each time."""
    torch.manual_seed(1)
    values = link(Draw(model, torch.randn(20, 6), torch.arange(20), 100))
    total = values.sum(1).mean() if values.dim() == 2 else values.mean()
    parts = list(model.encoder.parameters()), list(model.prior.parameters())
    if not total.requires_grad:
        return total.detach(), *[[torch.zeros_like(one) for one in part] for part in parts]
    found = torch.autograd.grad(total, [*parts[0], *parts[1]], allow_unused=True)
    found = [
        torch.zeros_like(of) if one is None else one for one, of in zip(found, [*parts[0], *parts[1]], strict=True)
    ]
    return total.detach(), found[: len(parts[0])], found[len(parts[0]) :]


CASES = {
    "closed form": (("posterior", "prior"), ClosedForm, ("full-normal", "standard-normal")),
    "closed form of means that learn": (("posterior", "prior"), ClosedOrSampled, ("diagonal-normal", "mixture:1")),
    "sampled": (("posterior", "prior"), lambda: MonteCarlo(MinibatchStratified()), ("diagonal-normal", "mixture:4")),
    "of full normals": (("posterior", "prior"), ClosedOrSampled, ("full-normal", "mixture:4")),
    "of flows": (("posterior", "prior"), ClosedOrSampled, ("diagonal-normal", "flow:2")),
    "marginal": (("aggregate", "prior"), lambda: MonteCarlo(MinibatchStratified()), ("diagonal-normal", "mixture:4")),
}


@pytest.mark.parametrize("case", CASES)
def test_the_value_stays_and_the_gradient_is_that_of_the_end_that_moves(case):
    ends, make, laws = CASES[case]
    model = model_of(*laws)
    whole, encoder, prior = gradients(Link(*ends, make()), model)
    value, left_encoder, left_prior = gradients(Link(*ends, make(), "from"), model)
    assert torch.allclose(value, whole, rtol=1e-5, atol=1e-6)
    assert all(not bool(one.any()) for one in left_encoder)
    for one, other in zip(left_prior, prior, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-5)
    value, right_encoder, right_prior = gradients(Link(*ends, make(), "to"), model)
    assert torch.allclose(value, whole, rtol=1e-5, atol=1e-6)
    assert all(not bool(one.any()) for one in right_prior)
    for one, other in zip(right_encoder, encoder, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-5)
    assert any(bool(one.any()) for one in right_encoder)


def test_samples_stand_still_too():
    model = model_of(prior="mixture:4")
    _, encoder, _ = gradients(Link("aggregate", "prior", Kernel("rbf"), "from"), model)
    assert not any(bool(one.any()) for one in encoder)
    _, encoder, _ = gradients(Link("aggregate", "prior", Kernel("rbf"), "to"), model)
    assert any(bool(one.any()) for one in encoder)
    for end, moves in (("from", False), ("to", True)):
        ratio = DensityRatio("kl", Critic((8,)))
        link = Link("posterior", "prior", ratio, end)
        ratio.critic.build(Draw(model, torch.zeros(2, 6)), given_x=True)
        _, encoder, prior = gradients(link, model)
        assert any(bool(one.any()) for one in encoder) == moves
        assert any(bool(one.any()) for one in prior) != moves


def test_samples_of_a_prior_that_learns_stand_still():
    model = model_of(prior="flow:2")
    for end, moves in (("from", True), ("to", False)):
        _, _, prior = gradients(Link("aggregate", "prior", Kernel("rbf"), end), model)
        assert any(bool(one.any()) for one in prior) == moves


def test_what_another_link_remembers_of_a_draw_moves_nothing():
    model, memory = model_of(), MinibatchStratified()
    second = Draw(model, torch.randn(20, 6), torch.arange(20, 40), 100)
    draw = Draw(model, torch.randn(20, 6), torch.arange(20), 100, independent=lambda: second)
    moving = Link("aggregate", "prior", MonteCarlo(memory))(draw)
    still = Link("aggregate", "prior", MonteCarlo(memory), "from")(draw)
    assert torch.equal(moving.detach(), still.detach())
    found = torch.autograd.grad(still.mean(), list(model.encoder.parameters()), allow_unused=True)
    assert all(one is None or not bool(one.any()) for one in found)
    ratio = DensityRatio("hellinger", Critic((8,)))
    ratio.critic.build(draw, given_x=False)
    link = Link("aggregate", "marginals", ratio)
    ratio.logits(link.left, link.right, draw)  # as the critic's own player asks for them
    both = [
        torch.autograd.grad(one.mean(), draw.z, retain_graph=True)[0]
        for one in (link(draw), Link("aggregate", "marginals", ratio, "to")(draw))
    ]
    ratio_alone = ratio.divergence.pathwise(ratio.critic(draw.z)).mean()
    assert torch.allclose(both[1], torch.autograd.grad(ratio_alone, draw.z, retain_graph=True)[0], atol=1e-7)
    ends = [torch.autograd.grad(one.mean(), second.z, retain_graph=True, allow_unused=True)[0]
            for one in (link(draw), Link("aggregate", "marginals", ratio, "to")(draw))]  # fmt: skip
    assert bool(ends[0].any()) and (ends[1] is None or not bool(ends[1].any()))  # the margins' own codes


def test_codes_without_a_path_get_no_reward_of_a_link_whose_left_end_stands_still():
    torch.manual_seed(0)
    model = tw.VAE.build(
        (6,), 6, posterior="categorical", prior="learned-categories", options={"hidden": [8]},
        posterior_options={"positions": 2, "gradient": "score-function"},
    )  # fmt: skip
    for end, moves in (("from", False), ("to", True)):
        part = tw.objectives.link("posterior", "prior", MonteCarlo(MinibatchStratified()), stop_gradient=end)
        total = tw.objectives.Objective((part,))(Draw(model, torch.randn(20, 6))).total
        parameters = list(model.encoder.parameters())
        found = torch.autograd.grad(total, parameters, allow_unused=True)
        assert any(one is not None and bool(one.any()) for one in found) == moves


def test_both_halves_of_a_balanced_kl_are_the_kl():
    model = model_of(prior="mixture:4")
    link = tw.objectives.link
    both = 0.5 * link("posterior", "prior", ClosedOrSampled(), "from")
    both = both + 0.5 * link("posterior", "prior", ClosedOrSampled(), "to")
    assert both.names == ("rate_posterior_still", "rate_prior_still")
    draw = Draw(model, torch.randn(20, 6))
    balanced = both(draw).total
    whole = Link("posterior", "prior", ClosedOrSampled())(draw).mean()
    assert torch.allclose(balanced, whole, rtol=1e-5)
    parameters = [*model.encoder.parameters(), *model.prior.parameters()]
    one, other = (torch.autograd.grad(of, parameters, retain_graph=True) for of in (balanced, whole))
    for half, gradient in zip(one, other, strict=True):
        assert torch.allclose(half, 0.5 * gradient, rtol=1e-3, atol=1e-5)


def test_a_configuration_says_which_end(tmp_path):
    ends = {"from": "posterior", "to": "prior", "estimator": {"name": "closed-or-sampled"}}
    links = [{**ends, "weight": 0.8, "stop_gradient": "from"}, {**ends, "weight": 0.2, "stop_gradient": "to"}]
    config = {"objective": {"links": links}, "model": {"prior": "mixture:3", "latent": 2, "options": {"hidden": [8]}}}
    run = tw.train(config, data=torch.rand(60, 4), epochs=2, out=tmp_path / "run", progress=False)
    last = run.metrics()[-1]["terms"]
    assert {"rate_posterior_still", "rate_prior_still"} <= set(last)
    assert run.folder.report_file.exists()
    with pytest.raises(Refused, match="stop_gradient"):
        tw.train({"objective": {"links": [{**ends, "stop_gradient": "left"}]}}, data=torch.rand(60, 4))


def test_an_estimator_that_looks_beside_its_laws_holds_none_still():
    for ends, estimator in (
        (("aggregate", "marginals"), Moments("means")), (("aggregate", "marginals"), HSIC()),
        (("conditional", "aggregate"), Kernel("rbf")),
    ):  # fmt: skip
        with pytest.raises(Refused, match="cannot hold one of them still"):
            Link(*ends, estimator, "from")
    with pytest.raises(Refused, match="'from' or 'to'"):
        Link("posterior", "prior", ClosedForm(), "left")
