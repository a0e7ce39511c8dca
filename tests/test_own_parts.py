"""Parts of one's own: what a class has left out, or gives of another kind, is told at once and in words."""

import importlib
import pkgutil
from inspect import isclass, isfunction
from typing import Protocol

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

import termwise as tw
from termwise.errors import Refused
from termwise.models import Draw
from termwise.models.likelihoods import Likelihood
from termwise.models.posteriors import PosteriorFamily
from termwise.models.priors import Prior
from termwise.terms import Memory
from termwise.terms.distribution_law import DistributionLaw


def exported_protocols():
    rooms = [importlib.import_module(row.name) for row in pkgutil.walk_packages(tw.__path__, "termwise.") if row.ispkg]
    exported = [getattr(room, name) for room in rooms for name in getattr(room, "__all__", ())]
    found = {one for one in exported if isclass(one) and vars(one).get("_is_protocol")}
    return sorted(found, key=lambda one: one.__name__)


PROTOCOLS = exported_protocols()
OPERATORS = ("__call__", "__len__", "__getitem__", "__enter__", "__exit__")


def asked_for(protocol):
    """What a class must have, by the bodies of a protocol and of those that it inherits from."""
    bodies = [vars(one) for one in protocol.__mro__ if vars(one).get("_is_protocol") and one is not Protocol]
    members = {name: one for body in bodies for name, one in body.items()}
    return {
        name
        for name, one in members.items()
        if (isfunction(one) or isinstance(one, property)) and (name in OPERATORS or not name.startswith("_"))
    }


def test_every_exported_protocol_is_found():
    assert {one.__name__ for one in PROTOCOLS} >= {"PosteriorFamily", "Prior", "Drawable", "Law", "Estimator", "World"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_subclass_that_leaves_out_any_member_of_a_protocol_is_refused_when_it_is_made(protocol):
    whole = dict.fromkeys(asked_for(protocol), lambda self, *_: None)
    type("Whole", (protocol,), whole)()
    for left_out in whole:
        partial = type("Partial", (protocol,), {name: one for name, one in whole.items() if name != left_out})
        with pytest.raises(TypeError, match=rf"abstract method.*{left_out}"):
            partial()


@pytest.mark.parametrize(
    ("parent", "members", "left_out"),
    [(Likelihood, {}, "forward"), (DistributionLaw, {"sample": None}, "distribution")],
)
def test_so_is_one_of_an_abstract_class(parent, members, left_out):
    with pytest.raises(TypeError, match=rf"abstract method.*{left_out}"):
        type("Partial", (parent,), members)()


def test_a_memory_that_leaves_something_out_says_what_when_it_is_asked():
    memory = type("Silent", (Memory,), {})()
    draw = Draw(tw.VAE.build((4,), 2), torch.rand(3, 4))
    with pytest.raises(Refused, match=r"Silent does not say .* `components\(draw\)`, or"):
        memory.log_density(draw.z, draw)
    with pytest.raises(Refused, match=r"Silent does not say .* `bias\(link\)`"):
        memory.bias("rate")


class Inheriting(nn.Module, PosteriorFamily):
    name, latent, options = "inheriting", 2, {}

    @property
    def features(self):
        return 4

    def forward(self, features):
        mean, log_scale = features.chunk(2, dim=-1)
        return Independent(Normal(mean, log_scale.exp()), 1)


class Wide(nn.Module, Prior):
    name, options = "wide", {}

    def forward(self):
        return Independent(Normal(torch.zeros(2), 3 * torch.ones(2)), 1)


def test_a_module_may_inherit_from_a_protocol():
    assert Inheriting()(torch.zeros(5, 4)).rsample().shape == (5, 2)
    assert Wide()().stddev.tolist() == [3.0, 3.0]


class Family(nn.Module):
    name, latent, options, features = "made", 2, {}, 4

    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, features):
        return self.make(features)


class Made(Likelihood):
    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, decoded):
        return self.make(decoded)


LAWS = {
    "no law": (lambda given: given, "gives a Tensor, where one law an example"),
    "a law a number": (lambda given: Normal(given, 1.0), r"of batch shape \(3, 4\), where .* batch shape \(3,\)"),
    "one law of all": (lambda given: Independent(Normal(given, 1.0), 2), r"of batch shape \(\), where"),
}


@pytest.mark.parametrize("case", LAWS)
def test_a_posterior_or_a_likelihood_that_gives_not_one_law_an_example_is_told_what_makes_it(case):
    make, said = LAWS[case]
    bodies = {"encoder": nn.Linear(4, 4), "decoder": nn.Linear(2, 4), "shape": (4,), "latent": 2}
    with pytest.raises(Refused, match=rf"^Made .*{said}.*over_examples"):
        tw.VAE(**bodies, likelihood=Made(make)).decode(torch.zeros(3, 2))
    with pytest.raises(Refused, match=rf"^Family .*{said}.*Independent\(law, 1\)"):
        tw.VAE(**bodies, posterior=Family(make)).encode(torch.zeros(3, 4))


@pytest.mark.parametrize("part", ["likelihood", "posterior", "prior", "network"])
@pytest.mark.parametrize("given", [Wide, nn.Linear(2, 2)])
def test_a_part_that_is_neither_a_name_nor_of_its_kind_is_told_how_it_gets_one(part, given):
    with pytest.raises(Refused, match=rf"{part} = .* expected a name.*tw.LIKELIHOODS.add\(tw.Row"):
        tw.train(data=torch.rand(20, 4), **{part: given})
    with pytest.raises(Refused, match=rf"{part} = .* expected a name"):
        tw.VAE.build((4,), 2, **{part: given})


def test_a_model_of_a_row_that_is_no_longer_known_says_that_it_must_be_added_first(tmp_path):
    model = tw.VAE.build((4,), 2, likelihood="normal:0.1")
    folder = model.save_pretrained(tmp_path / "model")
    config = folder / "config.json"
    config.write_text(config.read_text().replace("normal:0.1", "of-mine"))
    with pytest.raises(Refused, match=r"Unknown likelihood 'of-mine'.* The model was made with it.*LIKELIHOODS.add"):
        tw.VAE.from_pretrained(folder, trust=True)
