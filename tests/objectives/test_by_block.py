"""Shapes by the blocks of a code: each block's mean towards a target of its own, in Python and in a file."""

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

import termwise as tw
from helpers.short_runs import examples, trainer
from termwise.errors import Refused
from termwise.models import VAE
from termwise.models.draw import Draw
from termwise.objectives import Linear, floor, free_bits, gap, index_code_mi, rate
from termwise.objectives.configured import ObjectiveSpec
from termwise.objectives.objective import Objective
from termwise.terms import ClosedForm, MonteCarlo
from termwise.terms.by_block import ByBlock
from termwise.terms.closed_or_sampled import ClosedOrSampled
from termwise.terms.link import by_example

CODE = [
    {"name": "digit", "latent": 4, "posterior": "categorical"},
    {"name": "style", "latent": 2},
    {"name": "whole", "latent": 2, "posterior": "full-normal"},
]


def draw_of(count=30) -> Draw:
    torch.manual_seed(4)
    model = VAE.build((6,), code=CODE, options={"hidden": [8]})
    with torch.no_grad():
        model.encoder[-1].weight.mul_(3)
    return Draw(model, torch.rand(count, 6), torch.arange(count), count)


def costs(draw) -> list[torch.Tensor]:
    """KL(q(z_b|x) || p(z_b)) by torch, block by block, averaged."""
    normal = MultivariateNormal(torch.zeros(2), torch.eye(2))
    priors = [draw.prior.blocks[0], draw.prior.blocks[1], normal]
    return [
        kl_divergence(q, p.expand(q.batch_shape)).mean() for q, p in zip(draw.posterior.blocks, priors, strict=True)
    ]


@pytest.mark.parametrize("make", [gap, floor, free_bits])
@pytest.mark.parametrize("target", [0.4, {"digit": 0.1, "style": 0.5, "whole": 2.0}])
def test_the_rate_of_every_block_is_shaped_towards_its_own_target(make, target):
    draw = draw_of()
    formulas = {gap: lambda v, t: abs(v - t), floor: lambda v, t: max(0.0, t - v), free_bits: max}
    wanted = target if isinstance(target, dict) else dict.fromkeys(("digit", "style", "whole"), target)
    expected = sum(formulas[make](float(v.detach()), t) for v, t in zip(costs(draw), wanted.values(), strict=True))
    for estimator in (ClosedForm(), ClosedOrSampled()):
        objective = Objective((rate(estimator).shaped(make(target, by="block")),))
        got = objective(draw_of())
        assert got.total.item() == pytest.approx(expected, abs=1e-5)
        assert got.values.item() == pytest.approx(
            float(sum(costs(draw)).detach()), rel=1e-5
        )  # what is logged is the rate


def test_at_codes_the_blocks_of_the_rate_sum_to_it():
    draw = draw_of()
    link = rate(MonteCarlo()).term
    assert torch.allclose(ByBlock(link)(draw).sum(1), by_example(link(draw)), atol=1e-4)


def test_a_block_tells_what_its_own_laws_alone_say():
    """Against a sum over all examples' laws of the block, in float64."""
    draw = draw_of()
    link = index_code_mi(MonteCarlo("minibatch-stratified")).term
    of_blocks = ByBlock(link)(draw)
    for place, (law, part) in enumerate(zip(draw.posterior.blocks, draw.posterior.slices, strict=True)):
        z = draw.z[:, part]
        pairs = torch.stack([law.expand((30,)).log_prob(one.expand_as(z)) for one in z]).double()  # of code i, law n
        expected = pairs.diagonal() - pairs.logsumexp(1) + torch.tensor(30.0).log()
        assert torch.allclose(of_blocks[:, place].double(), expected, atol=1e-4)


GIVEN = {
    "a category": [CODE[0], {"name": "style", "latent": 2, "given": ["digit"]}, CODE[1] | {"name": "alone"}],
    "numbers": [{"name": "top", "latent": 2}, {"name": "low", "latent": 3, "given": ["top"], "prior": "conditional"}],
    "a ladder": [
        {"name": "top", "latent": 2},
        {"name": "low", "latent": 3, "given": ["top"], "prior": "conditional", "posterior": "ladder"},
    ],
}


@pytest.mark.parametrize("given", GIVEN)
def test_a_block_given_others_tells_what_it_tells_beside_them_and_all_blocks_sum_to_the_whole(given):
    """Against a sum over all examples' laws of the first blocks, in float64."""
    torch.manual_seed(4)
    model = VAE.build((6,), code=GIVEN[given], options={"hidden": [8]})
    draw = Draw(model, 3 * torch.rand(30, 6), torch.arange(30), 30)
    link = index_code_mi(MonteCarlo("minibatch-stratified")).term
    of_blocks, told = ByBlock(link)(draw), [torch.zeros(30).double()]
    for law in draw.posterior.firsts():
        z = draw.z[:, : law.event_shape[0]]
        pairs = torch.stack([law.log_prob(one.expand_as(z)) for one in z]).double()  # of code i, law n
        told.append(pairs.diagonal() - pairs.logsumexp(1) + torch.tensor(30.0).log())
    assert torch.allclose(of_blocks.double(), torch.stack(told, 1).diff(dim=1), atol=1e-4)
    assert torch.allclose(of_blocks.sum(1), by_example(link(draw)), atol=1e-4)
    targets = dict.fromkeys([one["name"] for one in GIVEN[given]], 9.0)
    shaped = index_code_mi(MonteCarlo("minibatch-stratified")).shaped(floor(targets, by="block"))
    Objective((shaped,))(draw).total.backward()
    assert all(parameter.grad is not None for parameter in model.encoder.parameters())


def test_a_flat_code_is_one_block():
    draw = Draw(VAE.build((6,), 2), torch.rand(3, 6))
    parts = [rate(ClosedForm()).shaped(gap(9.0, by=by)) for by in ("block", "total")]
    of_block, whole = (Objective((part,))(draw).total.item() for part in parts)
    assert of_block == pytest.approx(whole)
    with pytest.raises(Refused, match="blocks, code; got digit"):
        Objective((rate(ClosedForm()).shaped(gap({"digit": 1.0}, by="block")),))(draw)


def test_targets_follow_schedules_and_shares_of_the_run():
    target = {"digit": Linear(end=2.0, share=0.5), "style": 1.0, "whole": Linear(end=3.0, steps=7)}
    shape = gap(target, by="block").over(1000)
    assert shape.ends() == 500 and shape.targets()["digit"](250) == 1.0
    means = {name: torch.tensor(0.0) for name in target}
    assert float(shape.of_blocks(means, 500)) == pytest.approx(2 + 1 + 3)


@pytest.mark.slow
def test_a_file_says_it_as_python_does_and_a_run_learns_by_it(tmp_path):
    link = {"from": "posterior", "to": "prior", "estimator": {"name": "closed-form"}, "weight": 50.0}
    targets = {"digit": 0.7, "style": {"schedule": "linear", "end": 1.0, "share": 0.5}}
    spec = ObjectiveSpec(links=[{**link, "shape": {"name": "gap", "by": "block", "target": targets}}])
    one = trainer(
        tmp_path / "run", spec.build(), examples(), build={"code": CODE[:2]}, epochs=30, evaluate_every=10,
        optimizer={"learning_rate": 0.01},
    )  # fmt: skip
    one.start()
    model = one.run()
    account = tw.measure(model, examples().train)
    assert account.by_dimension["rate_by_block"].value == pytest.approx([0.7, 1.0], abs=0.15)


def test_a_run_is_judged_by_its_blocks_too(tmp_path):
    """The loss on held-out data is that of the blocks' means over all of it, whatever the batches."""
    data, targets = examples(48), {"digit": 0.7, "style": 0.2}
    part = rate(ClosedForm()).shaped(gap(targets, by="block"))
    one = trainer(
        tmp_path / "run",
        tw.objectives.solo(tw.objectives.distortion() + part),
        data,
        epochs=1,
        build={"code": CODE[:2]},
    )
    one.start()
    model = one.run()
    line = [line for line in one.folder.metrics() if line["split"] == "test"][-1]
    blocks = tw.measure(model, data.test).by_dimension["rate_by_block"].value
    expected = sum(abs(value - target) for value, target in zip(blocks, targets.values(), strict=True))
    assert line["loss"] - line["terms"]["distortion"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: gap({"digit": 1.0}), "by = 'block'"),
        (lambda: Objective((rate(ClosedForm()).shaped(gap({"digit": 1.0}, by="block")),))(draw_of()), "style, whole"),
        (
            lambda: (
                Objective((tw.objectives.total_correlation(MonteCarlo()).shaped(gap(1.0, by="block")),))
                .parts[0]
                ._by_block(draw_of())
            ),
            "no values by block",
        ),
    ],
)
def test_what_has_no_blocks_or_names_others_is_refused(act, said):
    with pytest.raises((Refused, ValueError), match=said):
        act()
