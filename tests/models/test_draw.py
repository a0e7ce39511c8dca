"""A draw asks the model for each thing once, and for nothing that is not wanted."""

import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Independent, Normal

import termwise as tw
from termwise.models import Draw, Drawable, expected_example
from termwise.models.drawable import generates, networks_of
from termwise.models.law_rows import rows
from termwise.models.likelihoods import likelihood_from
from termwise.terms import ClosedForm, Full, Link, MonteCarlo
from termwise.terms.link import Distortion


class Counting:
    """A model that counts what it is asked for."""

    def __init__(self) -> None:
        self.asked = {"infer": 0, "generate": 0, "prior_law": 0}
        self.given: list[tuple[torch.Tensor, object]] = []

    def infer(self, x):
        self.asked["infer"] += 1
        return Independent(Normal(x, torch.ones_like(x)), 1), "a context"

    def generate(self, z, context):
        self.asked["generate"] += 1
        self.given.append((z, context))
        return Independent(Normal(z, torch.ones_like(z)), 1)

    def prior_law(self):
        self.asked["prior_law"] += 1
        return Independent(Normal(torch.zeros(3), torch.ones(3)), 1)


@pytest.fixture
def model():
    return Counting()


def test_nothing_is_asked_before_it_is_wanted(model):
    assert isinstance(model, Drawable)
    assert len(Draw(model, torch.randn(4, 3))) == 4
    assert model.asked == {"infer": 0, "generate": 0, "prior_law": 0}


def test_the_rate_does_not_decode(model):
    draw = Draw(model, torch.randn(4, 3))
    Link("posterior", "prior", ClosedForm())(draw)
    assert model.asked == {"infer": 1, "generate": 0, "prior_law": 1}


def test_every_term_of_one_draw_shares_its_laws_and_its_codes(model):
    draw = Draw(model, torch.randn(4, 3), dataset_size=4)
    full = Full()
    full.prepare(OneBatch(draw))
    terms = [
        Distortion(),
        Link("posterior", "prior", ClosedForm()),
        Link("posterior", "prior", MonteCarlo(full)),
        Link("posterior", "aggregate", MonteCarlo(full)),
        Link("aggregate", "prior", MonteCarlo(full)),
    ]
    for term in terms * 2:
        term(draw)
    assert model.asked == {"infer": 1, "generate": 1, "prior_law": 1}
    assert model.given == [(draw.z, "a context")]
    assert draw.z is draw.z


class OneBatch:
    """A data set of one batch."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw

    def __len__(self) -> int:
        return len(self.draw)

    def __call__(self):
        return iter([self.draw])


def test_what_is_remembered_is_computed_once_for_every_key():
    draw, calls = Draw(Counting(), torch.randn(4, 3)), []
    for key in ("a", "b", "a"):
        assert draw.once(key, lambda key=key: calls.append(key) or key) == key
    assert calls == ["a", "b"]
    assert Draw(Counting(), torch.randn(4, 3)).once("a", lambda: "anew") == "anew"


def test_codes_carry_the_gradient_of_the_posterior(model):
    x = torch.randn(4, 3, requires_grad=True)
    Draw(model, x).z.sum().backward()
    assert torch.equal(x.grad, torch.ones(4, 3))


def test_a_posterior_without_a_pathwise_gradient_is_still_sampled(model):
    class Discrete(Counting):
        def infer(self, x):
            return Categorical(logits=x), None

    assert Draw(Discrete(), torch.randn(4, 3)).z.shape == (4,)


def test_the_independent_draw_is_made_once_and_only_if_there_is_one(model):
    other = Draw(model, torch.randn(4, 3))
    made = []
    draw = Draw(model, torch.randn(4, 3), independent=lambda: made.append(1) or other)
    assert made == []
    assert draw.independent is other
    assert draw.independent is other
    assert made == [1]
    with pytest.raises(RuntimeError, match="no second batch"):
        _ = other.independent


def test_the_expected_example_is_the_mean_or_the_most_probable_category():
    mean = torch.randn(2, 1, 3, 3)
    assert torch.equal(expected_example(Independent(Normal(mean, 1.0), 3)), mean)
    logits = torch.tensor([[[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]]])
    category = expected_example(Independent(Categorical(logits=logits), 1))
    assert category.tolist() == [[1.0, 0.0]]
    assert category.dtype == torch.float32


def test_another_draw_of_a_batch_shares_its_posterior_and_has_codes_of_its_own(model):
    first = Draw(model, torch.randn(4, 3))
    others = [first.again() for _ in range(3)]
    assert all(other.posterior is first.posterior and other.context == "a context" for other in others)
    assert model.asked["infer"] == 1
    assert len({float(draw.z.sum().detach()) for draw in (first, *others)}) == 4


def test_what_stands_is_shared_by_draws_that_infer_anew(model):
    first = Draw(model, torch.randn(4, 3))
    anew = first.again(inferred=False)
    assert anew.posterior is not first.posterior and model.asked["infer"] == 2
    assert anew.standing("moments", lambda: 1) == first.standing("moments", lambda: 2) == 1
    assert Draw(model, first.x).standing("moments", lambda: 3) == 3
    assert first.once("a code's", lambda: 4) != anew.once("a code's", lambda: 5)


def test_the_second_batch_of_another_draw_is_the_same_with_other_codes(model):
    first = Draw(model, torch.randn(4, 3), independent=lambda: Draw(model, torch.randn(4, 3)))
    other = first.again()
    assert other.independent.x is first.independent.x is first.again(inferred=False).independent.x
    assert other.independent.posterior is first.independent.posterior
    assert not other.independent.z.equal(first.independent.z)


def test_the_optimal_sigma_is_learnt_from_the_rows_alone():
    likelihood, alone = likelihood_from("normal:optimal").train(), likelihood_from("normal:optimal").train()
    decoded, x = torch.randn(6, 4), torch.randn(2, 4)
    torch.testing.assert_close(rows(likelihood(decoded), slice(2)).log_prob(x), alone(decoded[:2]).log_prob(x))
    assert float(likelihood.scale()) == pytest.approx(float((decoded[:2] - x).square().mean().sqrt()))


def test_decoded_together_both_laws_are_of_one_normalised_pass():
    torch.manual_seed(0)
    decoder, passes = nn.Sequential(nn.Linear(2, 5), nn.BatchNorm1d(5)), []
    decoder.register_forward_hook(lambda module, given, output: passes.append(given[0]))
    model = tw.VAE(encoder=nn.Linear(5, 4), decoder=decoder, shape=(5,), latent=2, likelihood="normal:0.5").train()
    passes.clear()
    draw = Draw(model, torch.randn(8, 5), together=True)
    made = torch.cat([draw.likelihood.mean, draw.generated.mean])
    (codes,) = passes
    torch.testing.assert_close(codes, torch.cat([draw.z, draw.prior_codes]))
    torch.testing.assert_close(made.mean(0), torch.zeros(5), atol=1e-6, rtol=0)  # normalised over both
    assert float(draw.likelihood.mean.detach().mean(0).abs().max()) > 0.05  # and not each by itself
    apart = Draw(model, draw.x)
    _ = apart.likelihood, apart.generated
    assert [len(given) for given in passes] == [16, 8, 8]
    assert draw.again().together and not apart.again().together


def test_a_model_that_does_not_say_so_generates_and_has_no_networks_but_itself(model):
    assert generates(model) and networks_of(model) == []
    model.generates, model.networks = False, [nn.Linear(1, 1)]
    assert not generates(model) and networks_of(model) is model.networks
    vae = tw.VAE.build((6,), 2, options={"hidden": [8]})
    assert generates(vae) and networks_of(vae) == [vae]
    rate_alone = tw.adapt(lambda x: (x, x))
    assert not generates(rate_alone) and networks_of(rate_alone) == []
