"""A prior that is given what stands beside x, p(z|s): in a world where every term is known, and in training."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

import termwise as tw
from helpers.side_worlds import (
    MEANS,
    SIGMA,
    SLOPE,
    ExactDecoder,
    ExactEncoder,
    linear_gaussian as linear_gaussian_given_side,
)
from termwise.errors import Refused
from termwise.models import VAE
from termwise.models.data_pass import DataPass
from termwise.models.drawable import prior_given_side
from termwise.objectives import recipe
from termwise.terms import ClosedForm, Full, Kernel, Link, MonteCarlo, MultiSampleBound
from termwise.worlds.conditional import information_of

AT = torch.tensor([[-1.5], [1.5]])
"""Where p(z|s) lies for either s; its variance is 1."""


class Moved(nn.Module):
    """p(z|s) = N(b_s + off, 1), as a prior of one's own."""

    def __init__(self, off=0.0):
        super().__init__()
        self.one, self.off = nn.Parameter(torch.ones(1)), off

    def meet_side(self, numbers):
        self.numbers = numbers

    def forward(self, side=None):
        law = Normal(torch.zeros(1) if side is None else self.numbers(side) @ AT + self.off, self.one)
        return Independent(law, 1)


class MovedEncoder(ExactEncoder):
    """q(z|x, s) of the codes moved to where their prior is."""

    def forward(self, x, side):
        mean, log_variance = super().forward(x, side).chunk(2, 1)
        return torch.cat([mean + side @ AT, log_variance], 1)


class MovedDecoder(ExactDecoder):
    """m_s + w (z - b_s)."""

    def forward(self, z, side):
        return super().forward(z - side @ AT, side)


def world(count=200, seed=0, off=0.0):
    """The model, whose posterior is exact, data drawn from it with its s beside, and log p(x|s) of every example."""
    _, data, exact = linear_gaussian_given_side(count, seed)
    model = VAE(
        MovedEncoder(), MovedDecoder(), shape=(3,), latent=1, likelihood=f"normal:{SIGMA}",
        prior=Moved(off), side=data.side, side_to=("encoder", "decoder", "prior"),
    )  # fmt: skip
    return model.eval(), data, exact


def build(prior="conditional", **more):
    side = tw.data.Side.of({"digit": [3, 5, 5, 3, 5]})
    return VAE.build(
        (4,), 2, side=side, side_to=("decoder", "prior"), options={"hidden": [8]}, prior=prior, **more
    ), side


def test_every_term_is_read_as_it_is():
    model, data, exact = world(3000)
    account = tw.measure(model, data)
    rate = 0.5 * math.log(1 + float(SLOPE.square().sum()) / SIGMA**2)
    assert abs(account["rate"].value - rate) < 4 * account["rate"].stderr
    assert abs(account["elbo"].value - float(exact.mean())) < 4 * account["elbo"].stderr
    shares = torch.tensor([float((data.side.values == s).double().mean()) for s in (0, 1)]).double()
    known = information_of(AT.double(), torch.eye(1).double(), shares)
    of_side = account["side_information"]
    assert known > 0.4 and abs(of_side.value - known) < 4 * of_side.stderr + 0.01
    rest = account["population_marginal_kl_given_side"]  # 0: q(z|s) is p(z|s), on endless data
    assert rest.lower <= 0.01 and rest.interval[0] <= 0.005
    assert 0 <= account["marginal_kl_given_side"].value < 0.01
    assert account["index_code_mi"].value > account["rate"].value + 0.3  # the rate does not pay for s
    parts = account.per_example
    assert torch.allclose(parts["index_code_mi_given_side"] + parts["marginal_kl_given_side"], parts["rate"], atol=1e-9)
    assert account.data["prior_given"] == ["s"]
    assert not account.withheld
    whole = account["population_mi"]
    assert abs(whole.value - rate - known) < 4 * whole.stderr + 0.02
    with pytest.raises(tw.errors.UnknownName, match="Did you mean 'marginal_kl_given_side'"):
        account["marginal_kl"]
    assert "q(z|s) is near the prior of its s" in account.diagnosis[0]


def test_how_far_codes_of_each_s_lie_from_its_prior_is_read():
    model, data, _ = world(2000, off=1.0)  # KL(N(b_s, 1) || N(b_s + 1, 1)) = 1/2
    account = tw.measure(model, data)
    told = 0.5 * math.log(1 + float(SLOPE.square().sum()) / SIGMA**2)
    for name in ("marginal_kl_given_side", "population_marginal_kl_given_side"):
        assert abs(account[name].value - 0.5) < 4 * account[name].stderr + 0.01
    assert abs(account["rate"].value - told - 0.5) < 4 * account["rate"].stderr


def test_the_bound_of_several_codes_is_of_log_p_of_x_given_s():
    model, data, exact = world(50)
    draw = next(iter(DataPass(model, data, 50)()))
    assert torch.allclose(-MultiSampleBound(codes=3)(draw).double(), exact, atol=1e-3)  # all weights are alike


@pytest.mark.parametrize("base", ["posterior", "prior"])
def test_log_p_of_x_given_s_is_exact(base):
    model, data, exact = world(40)
    by_weights = tw.log_likelihood(model, data, method="iwae", samples=5)["log_likelihood"]
    assert by_weights.value == pytest.approx(float(exact.mean()), abs=1e-3)  # all weights are alike
    annealed = tw.log_likelihood(model, data, base=base, chains=4, temperatures=40, simulated=0)["log_likelihood"]
    assert annealed.value == pytest.approx(float(exact.mean()), abs=0.05 if base == "prior" else 1e-3)


def test_a_certificate_is_of_data_drawn_at_their_s():
    model, data, _ = world(20)
    account = tw.log_likelihood(model, data, chains=2, temperatures=20, simulated=20)
    assert abs(account["bdmc_gap"].value) < 0.5


def test_samples_are_drawn_at_their_s():
    model, data, _ = world()
    deviation = (SLOPE.square() + 1e-12).sqrt()
    for s in (0, 1):
        drawn = model.sample(4000, side={"s": s})
        assert bool(((drawn.mean(0) - MEANS[s]).abs() < 4 * deviation / 4000**0.5).all())
    draw = next(iter(DataPass(model, data, 200)()))
    codes = draw.prior_codes
    assert codes.shape == (200, 1)
    for s in (0, 1):
        mine = codes[data.side.values[:, 0] == s]
        assert abs(float(mine.detach().mean()) - float(AT[s])) < 4 / len(mine) ** 0.5


def test_it_begins_at_the_normal_and_learns_where_the_codes_of_each_s_are():
    model, side = build()
    law = model.prior_law(side.values)
    assert torch.equal(law.mean, torch.zeros(5, 2)) and torch.equal(law.stddev, torch.ones(5, 2))
    torch.manual_seed(0)
    s = torch.randint(2, (400, 1)).double()
    targets = torch.where(s == 0, -2.0, 1.0).float() + 0.5 * torch.randn(400, 2)
    optimizer = torch.optim.Adam(model.prior.parameters(), lr=0.02)
    for _ in range(200):
        optimizer.zero_grad()
        (-model.prior_law(s).log_prob(targets).mean()).backward()
        optimizer.step()
    for value in (0, 1):
        mine = targets[s[:, 0] == value]
        law = model.prior_law(torch.full((1, 1), float(value)))
        assert torch.allclose(law.mean[0], mine.mean(0), atol=0.02)
        assert torch.allclose(law.stddev[0], mine.std(0, correction=0), atol=0.02)


def test_it_moves_with_whoever_owns_the_decoder_embeddings_and_all():
    side = tw.data.Side.of({"donor": [f"d{i}" for i in range(100)]})
    model = VAE.build((4,), 2, side=side, side_to=("prior",), prior="conditional", options={"hidden": [8]})
    players = [player for player in recipe("vae").players if "prior" in player.owns]
    owned = {id(one) for player in players for one in player.parameters(model)}
    assert any(isinstance(part, nn.Embedding) for part in model.prior.modules())
    assert owned == {id(one) for one in model.parameters()}


def test_links_from_q_of_z_to_it_are_refused_and_those_from_q_of_z_given_s_are_not():
    model, data, _ = world()
    draw = next(iter(DataPass(model, data, 200)()))
    for stop in ("aggregate", "marginals"):
        with pytest.raises(Refused, match=r"Take marginal_kl_given_side \(conditional -> prior\)"):
            Link(stop, "prior", MonteCarlo(Full()))(draw)
    every = Full()
    every.prepare(DataPass(model, data, 200))
    near, rest = Link("posterior", "conditional", MonteCarlo(every)), Link("conditional", "prior", MonteCarlo(every))
    whole = Link("posterior", "prior", ClosedForm())(draw).sum(1)
    assert (
        abs(float((near(draw) + rest(draw) - whole).detach().mean()))
        < 4 * float((near(draw) + rest(draw)).detach().std()) / 200**0.5
    )
    assert float(Link("aggregate", "prior", Kernel("rbf"))(draw).detach()) < 0.05  # to p(z), of all s together


def test_a_prior_that_takes_nothing_is_refused_and_so_is_one_of_another_shape():
    with pytest.raises(Refused, match=r"The prior is to take digit, .* say prior = 'conditional'"):
        build("standard-normal")
    with pytest.raises(Refused, match=r"must have batch shape \(2,\) for two examples and event shape \(3,\)"):
        VAE(nn.Linear(3, 6), nn.Linear(3, 3), shape=(3,), latent=3, prior=nn_of_another_shape(), side_to=("prior",),
            side=tw.data.Side.of({"s": [0, 1]}))  # fmt: skip
    model, _ = build()
    with pytest.raises(Refused, match=r"takes digit beside x, and got none"):
        model.prior_law()


def nn_of_another_shape():
    class Short(Moved):
        def forward(self, side=None):
            return Independent(Normal(torch.zeros(3), 1.0), 1) if side is None else super().forward(side)

    return Short()


def test_of_numbers_the_bins_are_not_what_it_is_given():
    torch.manual_seed(0)
    data = tw.load_data(torch.rand(200, 4), test=0.0).with_side({"age": torch.rand(200)})
    model = VAE.build((4,), 2, side=data.side, side_to=("prior",), prior="conditional", options={"hidden": [8]})
    account = tw.measure(model, data)
    assert "the prior is given age, and q(z|s) is of bins of it" in account.withheld["marginal_kl_given_side"]
    assert "side_information" in account and not prior_given_side(VAE.build((4,), 2))


def test_a_training_keeps_it_through_files_and_reads_its_walk(tmp_path):
    config = {"model": {"latent": 2, "options": {"hidden": [16]}, "prior": "conditional"},
              "training": {"device": "cpu", "batch_size": 100, "audit": False}}  # fmt: skip
    run = tw.train(
        config, data="digits", side="labels", recipe="cvae", side_to=["encoder", "decoder", "prior"], epochs=2,
        out=tmp_path / "run", progress=False,
    )  # fmt: skip
    loaded = VAE.from_pretrained(run.folder.model_folder)
    assert loaded.side.parts == ("encoder", "decoder", "prior")
    again = tw.measure(loaded, "digits")
    assert again["marginal_kl_given_side"].value == run.account["marginal_kl_given_side"].value
    page = run.folder.report_file.read_text()
    assert "marginal KL given what stands beside" in page
    assert loaded.sample(4, side={"labels": 3}).shape == (4, 1, 8, 8)
    further = tw.train(out=run.folder.path, data="digits", resume=True, epochs=3, progress=False)
    assert further.model.prior_given_side


@pytest.mark.parametrize("other", ["wae-mmd", "beta-tcvae", "dip-vae-i"])
def test_a_recipe_says_at_once_what_it_cannot_pay_for(other, tmp_path):
    config = {"model": {"latent": 2, "options": {"hidden": [16]}, "prior": "conditional"},
              "training": {"device": "cpu", "batch_size": 100, "audit": False}}  # fmt: skip
    arguments = {"data": "digits", "side": "labels", "side_to": ["decoder", "prior"], "epochs": 1, "progress": False}
    if other == "wae-mmd":  # its MMD is to p(z), of all s together
        assert tw.train(config, recipe=other, out=tmp_path / "run", **arguments).model.prior_given_side
        return
    with pytest.raises(Refused, match=r"given what stands beside x"):
        tw.train(config, recipe=other, out=tmp_path / "run", **arguments)


def test_of_other_variables_the_prior_is_not_one_law():
    model, data, _ = world(60)
    both = data.with_side({"s": data.side.values[:, 0].long(), "other": [0, 1, 2] * 20})
    alone = tw.measure(model, both, side="other")
    assert "the prior is given s, and q(z|s) is of something else" in alone.withheld["marginal_kl_given_side"]
    assert "marginal_kl_given_side" in tw.measure(model, both, side=["s", "other"])
