"""References by name: each has the law that it says, with its options, and mistakes are refused in one message."""

import pytest
import torch

from termwise.errors import Refused, UnknownName
from termwise.models import VAE
from termwise.models.draw import Draw
from termwise.models.posteriors import DiagonalNormal, FullNormal
from termwise.models.spline_flow import SplineFlow
from termwise.objectives import recipe
from termwise.terms.references.learned import LearnedReference, MixtureOfNormals
from termwise.terms.references.moments import Reference
from termwise.terms.references.table import REFERENCES, reference_from


@pytest.fixture
def draw():
    return Draw(VAE.build((6,), 3, options={"hidden": [8]}), torch.rand(5, 6))


def test_moments_are_the_normals_with_their_options():
    plain, full = reference_from("moments"), reference_from({"name": "full", "noises": 64, "fixed": False})
    assert (plain.noises, plain.full, plain.fixed) == (None, False, True)
    assert (full.noises, full.full, full.fixed) == (64, True, False)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("learned", DiagonalNormal),
        ("learned-full", FullNormal),
        ("mixture", MixtureOfNormals),
        ("flow", SplineFlow),
    ],
)
def test_a_learned_reference_is_of_the_family_it_is_named_for_and_is_seated_in_the_game(draw, name, kind):
    options = {"hidden": [5], "moves": 2, "optimizer": {"learning_rate": 0.03}}
    game = recipe("avb-ac", hidden=[4], reference={"name": name, **options})
    player = {one.name: one for one in game.players}["reference of posterior"]
    assert (player.moves, player.optimizer.learning_rate) == (2, 0.03)
    game.build(draw)
    network = game.networks["reference of posterior"]
    assert isinstance(network.family, kind) and network.body[0].out_features == 5


def test_a_reference_that_is_not_told_how_to_move_moves_as_its_critic_does():
    reference, critic = recipe("avb-ac", critic_learning_rate=0.007, reference="flow").players[1:]
    assert reference.optimizer == critic.optimizer and critic.optimizer.learning_rate == 0.007


def test_the_options_of_mixtures_and_flows_are_their_own(draw):
    for table, found in (
        ({"name": "mixture", "components": 7}, lambda family: family.components == 7),
        ({"name": "flow", "layers": 3, "bins": 4}, lambda family: len(family.layers) == 3),
    ):
        network = reference_from(table).network
        network.build(draw)
        assert found(network.family)


def test_every_name_makes_a_reference_and_one_of_ones_own_is_taken_as_it_is():
    assert all(isinstance(reference_from(name), Reference | LearnedReference) for name in REFERENCES)
    own = LearnedReference("flow")
    stop = recipe("avb-ac", reference=own).players[0].objective.parts[1].term.right
    assert stop is own


@pytest.mark.parametrize(
    ("given", "error", "reason"),
    [
        ("mixtrue", UnknownName, "Unknown reference 'mixtrue'. Did you mean 'mixture'"),
        ({"name": "folw"}, UnknownName, "Did you mean 'flow'"),
        (
            {"name": "moments", "components": 3},
            UnknownName,
            "option of reference 'moments' 'components'.* 'components' is one of 'mixture'",
        ),
        ({"name": "mixture", "noises": 3}, UnknownName, "'noises' is one of 'moments' and 'full'"),
        ({"name": "mixture", "components": 1}, Refused, "2 components or more; got 1"),
        ({"name": "flow", "bins": 500}, Refused, "from 2 to 100 bins"),
        ({"name": "learned", "moves": 0}, Refused, "moves = 0 cannot be: .*greater than 0"),
        (
            {"components": 3},
            Refused,
            "A reference is a name .*or a table of .* got {'components': 3}",
        ),
    ],
)
def test_a_reference_that_cannot_be_is_refused(given, error, reason):
    with pytest.raises(error, match=reason):
        recipe("avb-ac", reference=given)
