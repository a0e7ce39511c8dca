"""Codes of several blocks: their laws, a model of them, and its account against sums over all that can be."""

import itertools
import math

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal, OneHotCategorical, kl_divergence

import termwise as tw
from termwise.errors import Refused, TermwiseError
from termwise.models.block_law import BlockLaw
from termwise.models.blocks import Block, BlockFamily
from termwise.models.categories import Categories
from termwise.models.codes import Codes, log_density_at
from termwise.models.distributions import in_double
from termwise.models.draw import Draw
from termwise.models.law_rows import joined_laws, rows
from termwise.terms import HSIC, Groups, Kernel, Link, Moments
from termwise.terms.laws import law as law_of_stop

CODE = [
    {"name": "digit", "latent": 4, "posterior": "categorical"},
    {"name": "style", "latent": 2},
    {"name": "tags", "latent": 6, "posterior": "categorical", "posterior_options": {"positions": 2}},
]


def law(count=7):
    torch.manual_seed(1)
    style = Independent(Normal(torch.randn(count, 2), 0.1 + torch.rand(count, 2)), 1)
    return BlockLaw(
        [Categories(torch.randn(count, 1, 4)), style, Categories(torch.randn(count, 2, 3))], ["digit", "style", "tags"]
    )


def test_categories_are_torchs_one_hot_categorical():
    logits = torch.randn(5, 4)
    ours, theirs = Categories(logits.unsqueeze(1)), OneHotCategorical(logits=logits)
    z = theirs.sample()
    for name in ("mean", "variance", "mode"):
        assert torch.allclose(getattr(ours, name), getattr(theirs, name))
    assert torch.allclose(ours.log_prob(z), theirs.log_prob(z)) and torch.allclose(ours.entropy(), theirs.entropy())
    other = torch.randn(5, 4)
    expected = kl_divergence(theirs, OneHotCategorical(logits=other))
    assert torch.allclose(kl_divergence(ours, Categories(other.unsqueeze(1))), expected, atol=1e-6)


def test_codes_are_drawn_as_often_as_is_probable():
    torch.manual_seed(0)
    one = Categories(torch.tensor([[[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]]]))
    drawn = one.sample((100_000,)).mean(0)
    assert ((drawn - one.mean).abs() < 4 * (one.variance / 100_000).sqrt()).all()


def test_a_category_that_cannot_be_has_no_infinite_density():
    sure = Categories(torch.tensor([[[0.0, -math.inf]]]))
    assert sure.entropy().isfinite().all() and sure.log_prob(torch.tensor([[0.0, 1.0]])).isfinite().all()


def test_the_density_of_blocks_is_the_sum_of_theirs_in_any_precision_and_of_any_rows():
    whole = law()
    codes = Codes.of(whole)
    parts = zip(whole.blocks, whole.slices, strict=True)
    expected = torch.stack([block.log_prob(codes.z[:, part]) for block, part in parts]).sum(0)
    assert torch.allclose(whole.log_prob(codes.z), expected)
    assert torch.allclose(log_density_at(whole, codes).float(), expected, atol=1e-5)
    assert in_double(whole).mean.dtype == torch.float64
    again = joined_laws([rows(whole, torch.tensor([0, 1, 2])), rows(whole, slice(3, 7))])
    assert torch.equal(again.log_prob(codes.z), whole.log_prob(codes.z))


def test_a_model_of_blocks_is_saved_and_made_again(tmp_path):
    torch.manual_seed(0)
    model = tw.VAE.build((6,), code=CODE, likelihood="normal:0.5", options={"hidden": [8]}).eval()
    assert model.latent == 12 and model.prior().names == ("digit", "style", "tags")
    again = tw.VAE.from_pretrained(model.save_pretrained(tmp_path / "model"))
    x = torch.randn(5, 6)
    assert torch.equal(again.encode(x).mean, model.encode(x).mean)
    assert again.sample(3).shape == (3, 6)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ([{"name": "a"}], "lacks latent"),
        ([{"name": "a", "latent": 2, "size": 3}], "does not take size"),
        ([{"name": "a", "latent": 2}, {"name": "a", "latent": 2}], "another name"),
        ([{"name": "a", "latent": 5, "posterior": "categorical", "posterior_options": {"positions": 2}}], "5 numbers"),
        ([{"name": "a", "latent": 2, "posterior": "diagonal"}], "diagonal-normal"),
    ],
)
def test_a_mistake_in_a_block_is_told(code, said):
    with pytest.raises(TermwiseError, match=said):
        tw.VAE.build((6,), code=code)


def test_blocks_must_make_up_the_code():
    with pytest.raises(Refused, match="make 12; the model's latent is 10"):
        BlockFamily(10, [Block(**block) for block in CODE])


class Table(nn.Module):
    """A posterior of two blocks, of x in a few states: a category, and a normal under each state."""

    def __init__(self, logits, mean, scale):
        super().__init__()
        self.logits, self.mean, self.scale = logits, mean, scale

    def infer(self, x):
        state = x.long().squeeze(1)
        style = Independent(Normal(self.mean[state], self.scale[state]), 1)
        return BlockLaw([Categories(self.logits[state].unsqueeze(1)), style], ["digit", "style"]), None

    def generate(self, z, context):
        return Independent(Normal(z[:, :1], 1.0), 1)

    def prior_law(self):
        style = Independent(Normal(torch.zeros(1), torch.ones(1)), 1)
        return BlockLaw([Categories(torch.zeros(1, 3)), style], ["digit", "style"])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_link_of_a_category_beside_a_normal_is_within_its_error_of_the_truth(seed):
    """x is one of four states; a sum over states and categories, and quadrature over the normal, is the truth."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(4, 3, generator=generator)
    mean, scale = 2 * torch.randn(4, 1, generator=generator), 0.3 + torch.rand(4, 1, generator=generator)
    model = Table(logits, mean, scale)
    x = torch.arange(4.0).repeat(250).unsqueeze(1)
    account = tw.measure(model, x, seed=seed)
    grid = torch.linspace(-12, 12, 40_001, dtype=torch.float64)
    step = float(grid[1] - grid[0])
    p, m, s = logits.double().softmax(1), mean.double(), scale.double()  # (4, 3), (4, 1), (4, 1)
    normal = Normal(m, s).log_prob(grid).exp()  # (4, grid)
    joint = torch.einsum("xk,xg->xkg", p, normal)
    q = joint.mean(0)  # (3, grid)
    q_k, q_z = p.mean(0), normal.mean(0)
    prior = Normal(0.0, 1.0).log_prob(grid).exp() / 3

    def xlogy(density, ratio):
        return float(torch.special.xlogy(density, ratio).sum())

    truth = {
        "index_code_mi": sum(xlogy(joint[i], joint[i] / q) * step for i in range(4)) / 4,
        "marginal_kl": xlogy(q, q / prior) * step,
        "total_correlation": xlogy(q, q / (q_k.unsqueeze(1) * q_z)) * step,
        "dimension_wise_kl": xlogy(q_k, 3 * q_k) + xlogy(q_z, q_z / (3 * prior)) * step,
    }
    for name, value in truth.items():
        reading = account[name]
        assert abs(reading.value - value) < 4 * reading.stderr + 1e-6, name
    by_block = account.by_dimension["index_code_mi_by_block"]
    of_digit = sum(xlogy(p[i], p[i] / q_k) for i in range(4)) / 4
    of_style = sum(xlogy(normal[i], normal[i] / q_z) * step for i in range(4)) / 4
    for value, stderr, expected in zip(by_block.value, by_block.stderr, (of_digit, of_style), strict=True):
        assert abs(value - expected) < 4 * stderr + 1e-6
    rates = account.by_dimension["rate_by_block"].value
    digit = sum(xlogy(p[i], 3 * p[i]) for i in range(4)) / 4
    assert rates[0] == pytest.approx(digit, abs=1e-6)
    assert sum(rates) == pytest.approx(account["rate"].value, abs=1e-9)
    assert account.data["dimensions"] == ["digit", "style"] and account["active_units"].value == 2


@pytest.mark.parametrize("aggregate", ["full", "bank", "minibatch-stratified"])
def test_beta_tcvae_trains_blocks_under_every_memory(aggregate, tmp_path):
    model = {"code": CODE[:2], "options": {"hidden": [16]}, "likelihood": "normal:optimal"}
    objective = {"recipe": "beta-tcvae", "aggregate": aggregate}
    tables, x = {"model": model, "objective": objective, "training": {"epochs": 2}}, torch.rand(300, 6)
    run = tw.train(tables, data=x, out=tmp_path / "run")
    assert math.isfinite(run.account["total_correlation"].value)
    resumed = tw.train(tables, data=x, out=tmp_path / "run", epochs=3, resume=True)
    assert resumed.config.model.code[0]["name"] == "digit"


def test_total_correlation_of_two_positions_is_a_sum_over_their_categories():
    """Sixteen examples of two positions: every term is a finite sum."""
    torch.manual_seed(3)
    logits = 2 * torch.randn(16, 2, 3)
    model = tw.adapt(lambda x: Categories(logits[x.long().squeeze(1)]), prior=Categories(torch.zeros(2, 3)))
    account = tw.measure(model, torch.arange(16.0).repeat(40).unsqueeze(1))
    p = logits.double().softmax(-1)
    q = torch.einsum("xk,xl->kl", p[:, 0], p[:, 1]) / 16
    rows_, columns = q.sum(1), q.sum(0)
    truth = float((q * (q / torch.outer(rows_, columns)).log()).sum())
    mi = 0.0
    for n, k, m in itertools.product(range(16), range(3), range(3)):
        both = float(p[n, 0, k] * p[n, 1, m])
        mi += both * math.log(both / float(q[k, m])) / 16
    for name, value in {"total_correlation": truth, "index_code_mi": mi}.items():
        assert abs(account[name].value - value) < 4 * account[name].stderr, name


def independent_codes(draw):
    """A draw whose second batch is of the same examples, drawn again."""
    again = draw.again()
    return Draw(draw.model, draw.x, draw.index, draw.dataset_size, lambda: again)


def block_draw(count=400):
    torch.manual_seed(0)
    model = tw.VAE.build((6,), code=CODE, likelihood="normal:0.5", options={"hidden": [8]}).eval()
    return independent_codes(Draw(model, torch.randn(count, 6), torch.arange(count), count))


def test_codes_of_the_marginals_are_one_hot_and_as_often_as_the_aggregates():
    draw = block_draw()
    z = law_of_stop("marginals").sample(draw)
    for category in (z[:, :4], z[:, 6:9], z[:, 9:]):
        assert (category.sum(1) == 1).all() and ((category == 0) | (category == 1)).all()
    assert torch.allclose(z.mean(0), draw.independent.z.mean(0), atol=1e-6)
    together = (z[:, 6:9].argmax(1) - draw.independent.z[:, 6:9].argmax(1)).abs()
    assert together.any()  # permuted


@pytest.mark.parametrize("estimator", [Kernel(), HSIC()])
def test_total_correlation_by_samples_takes_a_category_as_a_whole(estimator):
    value = Link("aggregate", "marginals", estimator)(block_draw())
    assert value.isfinite().all()


def test_what_would_take_a_categorys_numbers_apart_is_refused():
    draw = block_draw(20)
    split = Groups([[0, 1], [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]])
    with pytest.raises(Refused, match="The numbers of digit, 0 to 3, are one category"):
        split.sample(draw)
    with pytest.raises(Refused, match="some of these are categories"):
        Link("aggregate", "marginals", Moments())(draw)


@pytest.mark.parametrize("gradient", ["straight-through", "relaxed", "score-function"])
def test_an_account_says_how_the_gradient_of_categories_was_off(gradient):
    code = [{"name": "digit", "latent": 3, "posterior": "categorical", "posterior_options": {"gradient": gradient}}]
    model = tw.VAE.build((6,), code=[*code, {"name": "style", "latent": 2}], options={"hidden": [8]})
    account = tw.measure(model, torch.rand(40, 6).round())
    said = {"straight-through": "linear in z", "relaxed": "relaxed codes", "score-function": "unbiased gradient"}
    for name in ("distortion", "elbo"):
        assert said[gradient] in account[name].bias
    assert "gradient" not in account["rate"].bias
