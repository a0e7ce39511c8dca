"""Objects where a name is meant: a likelihood, a posterior, a prior, or an option of a recipe."""

import pytest
import torch
from torch import nn
from torch.distributions import Cauchy, Independent, Laplace, Normal

import termwise as tw
from helpers.short_runs import examples
from termwise.errors import Refused
from termwise.models.likelihoods import Likelihood, likelihood_from, over_examples
from termwise.terms import MinibatchStratified


class CauchyLikelihood(Likelihood):
    """Nobody's row, with a scale that learns."""

    def __init__(self):
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(()))

    def forward(self, decoded):
        return over_examples(Cauchy(decoded, self.log_scale.exp()))


class LaplaceFamily(nn.Module):
    name, options, latent, features = "of-mine", {}, 3, 6

    def forward(self, features):
        location, log_scale = features.chunk(2, dim=-1)
        return Independent(Laplace(location, log_scale.exp()), 1)


def wide():
    return Independent(Normal(torch.zeros(3), 2.0), 1)


OWN = {"likelihood": CauchyLikelihood, "posterior": LaplaceFamily, "prior": wide}
SMALL = {"model": {"options": {"hidden": [8]}}}
FEW = {"epochs": 1, "measure_limit": 20, "progress": False}


@pytest.mark.parametrize("kind", OWN)
def test_a_model_takes_it_and_is_made_again_with_it(kind, tmp_path):
    model = tw.VAE.build((4,), 3, options={"hidden": [8]}, **{"likelihood": "normal:1", kind: OWN[kind]()})
    assert model.config()[kind] == "given"
    folder = model.eval().save_pretrained(tmp_path / "model")
    with pytest.raises(Refused, match=rf"not saved. Pass from_pretrained\(folder, {kind}=\.\.\."):
        tw.VAE.from_pretrained(folder)
    again = tw.VAE.from_pretrained(folder, **{kind: OWN[kind]()})
    x = torch.randn(5, 4)
    assert torch.equal(again.decode(again.encode(x).mean).log_prob(x), model.decode(model.encode(x).mean).log_prob(x))
    assert torch.equal(again.prior_law().log_prob(torch.ones(3)), model.prior_law().log_prob(torch.ones(3)))


@pytest.mark.parametrize("kind", OWN)
def test_a_run_takes_it_and_says_what_is_to_be_given_again(kind, tmp_path):
    given, folder = {kind: OWN[kind]()}, tmp_path / "run"
    run = tw.train(SMALL, data=examples(60), latent=3, out=folder, **FEW, **given)
    assert getattr(run.config.model, kind) == "given" and run.config.model.latent == 3
    if kind == "likelihood":
        assert run.model.likelihood is given[kind] and float(given[kind].log_scale.detach()) != 0.0  # it learnt
    card = (folder / "model" / "README.md").read_text()
    assert f"Made in Python, and not saved: {kind}" in card and f"{kind}={kind}" in card
    with pytest.raises(Refused, match=rf"{kind}=\.\.\."):
        tw.load_run(folder, data=examples(60))
    assert tw.load_run(folder, data=examples(60), **{kind: OWN[kind]()}).account["elbo"] == run.account["elbo"]
    with pytest.raises(Refused, match=rf"This run's {kind} was made in Python.*train\(\.\.\., {kind}=\.\.\."):
        tw.train(data=examples(60), out=folder, resume=True, **FEW | {"epochs": 2})
    longer = tw.train(data=examples(60), out=folder, resume=True, **FEW | {"epochs": 2}, **{kind: OWN[kind]()})
    assert max(line["epoch"] for line in longer.metrics()) == 2


def test_one_that_a_table_makes_goes_by_its_name(tmp_path):
    run = tw.train(SMALL, data=examples(60), likelihood=likelihood_from("normal:0.3"), out=tmp_path / "run", **FEW)
    assert run.config.model.likelihood == "normal:0.3"
    assert tw.load_run(tmp_path / "run", data=examples(60)).model.likelihood.spec == "normal:0.3"


def test_a_posterior_of_ones_own_says_how_large_the_code_is(tmp_path):
    run = tw.train(SMALL, data=examples(60), posterior=LaplaceFamily(), out=tmp_path / "run", **FEW)
    assert run.config.model.latent == 3
    with pytest.raises(Refused, match="The posterior is over codes of 3 dimensions, and latent is 5"):
        tw.train(SMALL, data=examples(60), posterior=LaplaceFamily(), latent=5, out=tmp_path / "other", **FEW)
    with pytest.raises(Refused, match="takes no options here"):
        tw.VAE.build((4,), 3, posterior=LaplaceFamily(), posterior_options={"noise": 3})


def test_an_adapted_model_takes_a_likelihood(tmp_path):
    encoder, decoder = nn.Linear(4, 4), nn.Linear(2, 4)
    x = torch.randn(200, 4)
    named, made = (
        tw.measure(tw.adapt(lambda b: encoder(b).chunk(2, 1), decoder, likelihood=one), x)["elbo"]
        for one in ("normal:0.7", likelihood_from("normal:0.7"))
    )
    assert named.value == made.value
    own = tw.adapt(lambda b: encoder(b).chunk(2, 1), decoder, likelihood=CauchyLikelihood())
    assert tw.measure(own, x)["distortion"].value > 0
    with pytest.raises(Refused, match="expected a name"):
        tw.adapt(lambda b: encoder(b).chunk(2, 1), decoder, likelihood=CauchyLikelihood)


OPTIONS = {
    "beta-tcvae": {"aggregate": MinibatchStratified()},
    "f-vae": {"divergence": lambda r: (r - 1) ** 2, "hidden": (8,)},
}


@pytest.mark.parametrize("recipe", OPTIONS)
def test_a_recipe_takes_an_object_for_an_option(recipe, tmp_path):
    run = tw.train(SMALL, data=examples(60), recipe=recipe, out=tmp_path / "run", **FEW, **OPTIONS[recipe])
    assert run.config.objective.recipe is None  # no file holds it
    with pytest.raises(Refused, match=r"begun with an objective made in Python. Pass it again"):
        tw.train(data=examples(60), out=tmp_path / "run", resume=True, **FEW | {"epochs": 2})


def test_an_estimator_in_a_table_is_told_where_it_goes():
    link = {"from": "posterior", "to": "prior", "estimator": tw.terms.ClosedForm()}
    with pytest.raises(Refused, match=r"A file holds no ClosedForm.*Name it, as in \{name = 'closed-form'\}; or pass"):
        tw.train({"objective": {"links": [link]}}, data=examples(60))
