"""Who gets which gradient: for every recipe and every player, its own networks do, and the others' get exactly none."""

import pytest
import torch

from termwise.data import Side
from termwise.models import VAE
from termwise.models.draw import Draw
from termwise.objectives import RECIPES, recipe
from termwise.terms import REFERENCES

SMALL = {"hidden": [6]}
GAMES = [
    (name, SMALL if "hidden" in entry.options and isinstance(entry.options["hidden"].default, tuple) else {})
    for name, entry in RECIPES.items()
    if name != "vae-gan"  # of images, with a discriminator's layer between its players
]
GAMES += [
    ("f-vae", {**SMALL, "divergence": "pearson"}),
    ("avb", {**SMALL, "quadratic": True}),
    ("avb", {**SMALL, "waymarks": 3}),
    *(
        ("avb-ac", {**SMALL, "reference": reference})
        for reference in (*REFERENCES, {"name": "moments", "fixed": False})
    ),
]
LATENT = 2


class Played:
    """A recipe's game on a small model."""

    def __init__(self, name, options):
        torch.manual_seed(2)
        wanted = RECIPES[name].model
        kinds = {"kind": list("abcabcab")} if name != "m2" else {"kind:partly": ["a", "b", None, "c", *"abca"]}
        self.side = Side.of(kinds) if name == "m2" or wanted.keys() & {"side_to", "target"} else None
        beside = {"target": self.side.variables[0]} if "target" in wanted else {"side": self.side}
        model = {"latent": LATENT, **wanted, **beside}
        self.model = VAE.build((6,), options={"hidden": [5]}, **model)
        self.x = torch.rand(8, 6).round()
        self.game = recipe(name, **options)
        self.game.build(self.draw())
        for memory in self.game.memories:
            memory.prepare(self)

    def __len__(self):
        return len(self.x)

    def __call__(self):
        yield self.at(torch.arange(len(self.x)))

    def at(self, index):
        return Draw(self.model, self.x[index], index, len(self.x), **self._beside(index))

    def _beside(self, index):
        if self.side is None:
            return {}
        return {"side": self.side.values[index], "groups": lambda: self.side.groups()[0], "data_side": self.side}

    def draw(self):
        index = torch.arange(4)
        another = lambda: self.at(torch.arange(4, 8))  # noqa: E731
        return Draw(self.model, self.x[index], index, len(self.x), another, **self._beside(index))


@pytest.mark.parametrize(("name", "options"), GAMES, ids=str)
def test_every_player_moves_its_own_networks_and_no_other(name, options):
    played = Played(name, options)
    played.game = played.game.over(100)
    everyone = {"model": played.model, **played.game.networks}
    for player in played.game.players:
        for part in everyone.values():
            part.zero_grad(set_to_none=True)
        draw = played.draw()
        for memory in player.objective.memories:
            memory.observe(draw)
        player.objective(draw).total.backward()
        own = {id(parameter) for parameter in played.game.parameters(player, played.model)}
        for part in everyone.values():
            for parameter in part.parameters():
                assert (parameter.grad is not None) == (id(parameter) in own)
        assert any(p.grad.abs().max() > 0 for part in everyone.values() for p in part.parameters() if id(p) in own)


def test_nobody_owns_what_another_owns():
    for name, options in GAMES:
        game = recipe(name, **options)
        owned = [network for player in game.players for network in player.owns]
        assert len(owned) == len(set(owned)) and game.networks.keys() <= set(owned)
