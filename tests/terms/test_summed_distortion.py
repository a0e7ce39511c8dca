"""The distortion summed over categories: the sum written out, and its gradient, in float64."""

import pytest
import torch
from torch.distributions import Bernoulli, Normal

from termwise.data import Side
from termwise.errors import Refused
from termwise.models import VAE
from termwise.objectives import recipe
from termwise.terms import ClassCrossEntropy, Distortion
from termwise.terms.summed_distortion import summed_distortion

KINDS = ("a", "b", "c")
SUM = {"gradient": "sum"}
LABEL = {"name": "label", "posterior": "categorical", "posterior_options": SUM, "observes": "kind"}
STYLE = {"name": "style", "latent": 1, "given": ["label"]}


def model_of(code, known=("a", None, "b", None, "c", None)):
    side = Side.of({"kind:partly": list(known)})
    torch.manual_seed(3)
    model = VAE.build((4,), code=code, side=side, options={"hidden": [6]}).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.8)
    return model, side, torch.rand(len(known), 4, dtype=torch.float64).round()


def gradients(value, model):
    grads = torch.autograd.grad(value, list(model.parameters()), allow_unused=True)
    return torch.cat(
        [(torch.zeros_like(p) if g is None else g).flatten() for p, g in zip(model.parameters(), grads, strict=True)]
    )


def classifier(model, x):
    """log q(y|x), of the encoder's own numbers, shape (B, 3)."""
    return model.encoder(x)[:, :3].log_softmax(1)


def style_at(model, x, kind):
    """q(style|x, y) of a kind, by the head's own layers, shape (B,)."""
    head = model.family.heads[1]
    hidden = (head.given(torch.eye(3, dtype=x.dtype)[kind]) + model.encoder(x)[:, 3:]).relu()
    mean, log_variance = head.numbers(hidden).unbind(1)
    return Normal(mean, (log_variance / 2).exp())


def decoded(model, kind, style, x):
    """-log p(x|y, style) of styles, shape (S, B), of x, (B, 4): shape (S, B)."""
    z = torch.cat([torch.eye(3, dtype=x.dtype)[kind].expand(*style.shape, 3), style.unsqueeze(-1)], -1)
    return -Bernoulli(logits=model.decoder(z.flatten(0, 1)).unflatten(0, style.shape)).log_prob(x).sum(-1)


def exact_terms(model, x, known, alpha):
    """The distortion, the rate and the classifier's loss, by enumeration of y and a grid over style, by hand."""
    log_q = classifier(model, x)
    points = torch.linspace(-8, 8, 20_001, dtype=torch.float64)  # a fine grid, as the decoder has kinks
    weights = Normal(0.0, 1.0).log_prob(points).softmax(0)
    distortion, rate = [], []
    for kind in range(3):
        law = style_at(model, x, kind)
        style = law.mean + law.stddev * points.unsqueeze(1)
        distortion.append((weights.unsqueeze(1) * decoded(model, kind, style, x)).sum(0))
        rate.append((law.variance + law.mean.square() - 1 - law.variance.log()) / 2)
    distortion, rate = torch.stack(distortion, 1), torch.stack(rate, 1)
    is_known = torch.tensor([one is not None for one in known])
    place = torch.tensor([KINDS.index(one or "a") for one in known])
    point = torch.nn.functional.one_hot(place, 3).double()
    q = torch.where(is_known[:, None], point, log_q.exp())
    of_label = (
        torch.where(is_known, torch.zeros(len(x)).double(), (log_q.exp() * log_q).sum(1)) + torch.tensor(3.0).log()
    )
    loss = -log_q.gather(1, place[:, None]).squeeze(1)[is_known].mean()
    return (q * distortion).sum(1), of_label + (q * rate).sum(1), alpha * loss


def test_of_a_code_of_a_category_alone_it_is_the_sum_and_so_is_its_gradient():
    """Each of three values decoded by hand, weighed by q(y|x): values and gradients agree to rounding."""
    model, _, x = model_of([LABEL])
    draw = model.draw(x)
    found = Distortion()(draw)
    each = torch.stack(
        [
            -Bernoulli(logits=model.decoder(torch.eye(3, dtype=x.dtype)[k].expand(len(x), 3))).log_prob(x).sum(1)
            for k in range(3)
        ],
        1,
    )
    truth = (classifier(model, x).exp() * each).sum(1)
    torch.testing.assert_close(found, truth)
    torch.testing.assert_close(gradients(found.mean(), model), gradients(truth.mean(), model))


def test_the_objective_of_m2_is_enumeration_and_quadrature_in_value_and_gradient():
    """60 draws of 1200 labelled and unlabelled x: distortion, total and all gradients within 4.5 standard errors.

    There are 945 gradients; the grid is right to 1e-6.
    """
    known = ("a", None, "b", None, "c", "c")
    model, side, x = model_of([LABEL, STYLE], known)
    model.train()
    objective = recipe("m2", alpha=0.7).players[0].objective
    distortion, rate, loss = exact_terms(model, x, known, alpha=0.7)
    total = distortion.mean() + rate.mean() + loss
    many, values = x.repeat(200, 1), side.values.repeat(200, 1)
    drawn = []
    for _ in range(60):
        breakdown = objective(model.draw(many, side=values))
        means = torch.stack([breakdown.total.detach(), breakdown.means[0].detach()])
        drawn.append(torch.cat([means, gradients(breakdown.total, model)]))
    torch.testing.assert_close(breakdown.means[1].detach(), rate.mean().detach())  # no code is in it
    torch.testing.assert_close(0.7 * breakdown.means[2].detach(), loss.detach())
    found = torch.stack(drawn)
    truth = torch.cat([torch.stack([total.detach(), distortion.mean().detach()]), gradients(total, model)])
    error = found.std(0) / 60**0.5
    assert bool(((found.mean(0) - truth).abs() < 4.5 * error + 1e-6).all())


def test_an_example_whose_category_is_known_is_decoded_once(monkeypatch):
    """Three unlabelled examples at three values each, and three labelled at one."""
    model, side, x = model_of([LABEL, STYLE])
    counts = []
    generate = model.generate
    monkeypatch.setattr(model, "generate", lambda z, context=None: counts.append(len(z)) or generate(z, context))
    Distortion()(model.train().draw(x, side=side.values))
    assert counts == [3 * 3 + 3]


def test_the_rate_of_a_known_category_is_minus_its_log_prior():
    """Of the block alone, under a learned prior: -log p(y); in evaluation nothing is observed."""
    label = {**LABEL, "prior": "learned-categories"}
    model, side, x = model_of([label], ("a", "b", "c"))
    log_p = model.prior.blocks[0].logits.log_softmax(-1).flatten()
    rate = recipe("m2").players[0].objective.parts[1].term
    torch.testing.assert_close(rate(model.train().draw(x, side=side.values)).flatten(), -log_p.detach() + 0 * log_p)
    q = classifier(model, x)
    unobserved = rate(model.eval().draw(x, side=side.values)).flatten()
    torch.testing.assert_close(unobserved, (q.exp() * (q - log_p)).sum(1))


def test_the_loss_by_example_has_the_mean_over_those_that_are_known():
    """In evaluation by example, 0 of the unknown; where none is known, 0."""
    model, side, x = model_of([LABEL])
    log_q = classifier(model.eval(), x)
    values = ClassCrossEntropy()(model.draw(x, side=side.values))
    truth = -log_q[[0, 2, 4], [0, 1, 2]].mean()
    torch.testing.assert_close(values.mean(), truth)
    assert values[1] == 0 and values.shape == (6,)
    nothing = torch.full((6, 1), torch.nan, dtype=torch.float64)
    assert ClassCrossEntropy()(model.draw(x, side=nothing)).tolist() == [0.0] * 6


def test_several_positions_are_summed_together_and_other_blocks_are_drawn():
    """Two positions of two, beside a category that is not summed: the mean over its draws is that over all eight."""
    code = [
        {"name": "pair", "latent": 4, "posterior": "categorical", "posterior_options": {**SUM, "positions": 2}},
        {"name": "other", "latent": 2, "posterior": "categorical"},
    ]
    torch.manual_seed(0)
    model = VAE.build((4,), code=code, options={"hidden": [6]}).double()
    x = torch.rand(1, 4, dtype=torch.float64).round()
    law = model.encode(x)
    pair, other = (block.log_probs.exp()[0] for block in law.blocks)
    truth = 0.0
    for i in range(2):
        for j in range(2):
            for k in range(2):
                z = torch.cat([torch.eye(2)[i], torch.eye(2)[j], torch.eye(2)[k]]).double()
                nll = -Bernoulli(logits=model.decoder(z.unsqueeze(0))).log_prob(x).sum()
                truth += (pair[0, i] * pair[1, j] * other[0, k] * nll).item()
    found = summed_distortion(model.draw(x.expand(20_000, 4)))
    assert abs(float(found.mean()) - truth) < 4 * float(found.std()) / 20_000**0.5


def test_too_many_values_are_refused_with_what_to_do():
    """300 categories, and two blocks of 20 each: more than 256 together."""
    with pytest.raises(Refused, match=r"256 at most; these have 300.*straight-through"):
        VAE.build((4,), latent=300, posterior="categorical", prior="uniform", posterior_options=SUM)
    block = {"latent": 20, "posterior": "categorical", "posterior_options": SUM}
    model = VAE.build((4,), code=[{"name": "one", **block}, {"name": "two", **block}])
    with pytest.raises(Refused, match=r"256 values together at most; these have 400"):
        Distortion()(model.draw(torch.zeros(2, 4)))


def test_the_loss_needs_a_block_that_observes():
    """A code without blocks: the refusal writes the block."""
    with pytest.raises(Refused, match='observes = "labels"'):
        ClassCrossEntropy()(VAE.build((4,), latent=2).draw(torch.zeros(2, 4)))
