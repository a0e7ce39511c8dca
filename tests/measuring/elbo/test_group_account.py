"""Groups in the account: their links against worlds, mixtures and the rest of the account."""

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

import termwise as tw
from termwise.errors import NoDensity, Refused
from termwise.measuring.elbo.group_account import components_over, law_of
from termwise.measuring.elbo.mixture_posteriors import NormalPosteriors
from termwise.worlds import LinearGaussian

LINKS = ("group_correlation", "within_group_correlation", "group_wise_kl")


@pytest.mark.parametrize(
    ("seed", "latent", "groups", "diagonal"),
    [(7, 3, [[0, 1], [2]], True), (2, 5, [[4, 0], [1, 3], [2]], True), (4, 4, [[0, 3], [1, 2]], False)],
)
def test_the_readings_are_the_world_s_within_four_standard_errors(seed, latent, groups, diagonal):
    world = LinearGaussian.random(seed, latent=latent, mutual_information=1.0, diagonal=diagonal)
    account = tw.measure(world, world.data(4000, seed=seed), groups=groups)
    truth = world.truth(groups)
    for name in LINKS:
        reading = account[name]
        assert abs(reading.value - truth[name]) < 4 * reading.stderr + 0.01  # of 4000 points at an MI of 1 nat
        assert reading.unit == "nats"
    total = account["group_correlation"].value + account["within_group_correlation"].value
    assert total == pytest.approx(account["total_correlation"].value, abs=1e-9)
    assert account["group_correlation"].value + account["group_wise_kl"].value == pytest.approx(
        account["marginal_kl"].value, abs=1e-9
    )
    assert account.data["groups"] == groups and list(account).index("group_correlation") < 20


def test_groups_of_one_read_the_total_correlation_and_one_group_reads_nothing():
    world = LinearGaussian.random(0)
    x = world.data(500)
    alone, whole = (tw.measure(world, x, groups=groups) for groups in (1, 4))
    assert alone["group_correlation"].value == pytest.approx(alone["total_correlation"].value, abs=1e-5)
    assert whole["group_correlation"].value == pytest.approx(0.0, abs=1e-6)
    assert not set(LINKS) & set(tw.measure(world, x))


def test_more_codes_make_the_error_no_larger_and_the_account_goes_to_a_file_and_back(tmp_path):
    world = LinearGaussian.random(1)
    x = world.data(1000)
    one, several = (tw.measure(world, x, groups=2, samples=samples) for samples in (1, 8))
    assert several["group_correlation"].stderr < one["group_correlation"].stderr
    several.save(tmp_path / "account.json")
    assert tw.Account.load(tmp_path / "account.json")["group_correlation"] == several["group_correlation"]


@pytest.mark.parametrize("full", [True, False])
def test_a_mixture_s_margin_is_the_mixture_of_margins(full):
    share, mean = torch.tensor([[0.3, 0.7]]), torch.randn(1, 2, 3, dtype=torch.float64)
    factor = torch.rand(1, 2, 3, 3, dtype=torch.float64).tril() + 0.5 * torch.eye(3).double()
    if full:
        parts = MultivariateNormal(mean, scale_tril=factor)
        covariance = factor @ factor.mT
    else:
        parts = Independent(Normal(mean, factor.diagonal(dim1=2, dim2=3)), 1)
        covariance = factor.diagonal(dim1=2, dim2=3).square().diag_embed()
    posterior = MixtureSameFamily(Categorical(share.double()), parts)
    got = law_of(components_over(NormalPosteriors.of(posterior), [2, 0])).log_prob(torch.tensor([[0.2, -0.4]]).double())
    chosen = covariance[0][:, [2, 0]][:, :, [2, 0]]
    each = MultivariateNormal(mean[0][:, [2, 0]], chosen).log_prob(torch.tensor([0.2, -0.4]).double())
    assert float(got) == pytest.approx(float((share[0].double().log() + each).logsumexp(0)))


class Mixed:
    """q(z|x) a mixture of two normals of three dimensions, the last independent of the others given x and overall."""

    def infer(self, x):
        step = torch.tensor([[1.0, 1.0, 0.0], [-1.0, -1.0, 0.0]], dtype=torch.float64)
        parts = Independent(Normal(step.expand(len(x), 2, 3), torch.tensor(0.5, dtype=torch.float64)), 1)
        return MixtureSameFamily(Categorical(torch.full((len(x), 2), 0.5).double()), parts), None

    generates = False

    def generate(self, z, context):
        raise AssertionError

    def prior_law(self):
        return Independent(Normal(torch.zeros(3), 1.0), 1)


def test_groups_of_mixtures_are_measured_too():
    account = tw.measure(Mixed(), torch.rand(800, 1), groups=[[0, 1], [2]])
    between, within = account["group_correlation"], account["within_group_correlation"]
    assert abs(between.value) < 4 * between.stderr + 1e-6
    # I(z_0; z_1) = H(z_0) + H(z_1) - H(z_0, z_1), each of a half-and-half mixture, by quadrature
    line = torch.linspace(-6, 6, 1201, dtype=torch.float64)
    one = lambda centre: Normal(centre, 0.5).log_prob(line)  # noqa: E731
    plus, minus = one(torch.tensor(1.0).double()), one(torch.tensor(-1.0).double())
    single = torch.logaddexp(plus, minus) - torch.tensor(2.0).double().log()
    joint = torch.logaddexp(plus[:, None] + plus, minus[:, None] + minus) - torch.tensor(2.0).double().log()
    step = float(line[1] - line[0])
    wanted = float((joint.exp() * (joint - single - single[:, None])).sum()) * step**2
    assert abs(within.value - wanted) < 4 * within.stderr and wanted > 0.3


def test_where_groups_cannot_be_read_the_message_says_to_leave_them_out():
    world = LinearGaussian.random(0)
    with pytest.raises(Refused, match=r"every dimension of a code once: 0 to 3"):
        tw.measure(world, world.data(50), groups=[[0, 1], [2]])
    implicit = tw.VAE.build((4,), 2, posterior="noise-input")
    with pytest.raises(NoDensity, match="leave groups out"):
        tw.measure(implicit, torch.rand(50, 4).round(), groups=2)
