"""A network that keeps the places of an image, and a code whose shape has rows and columns: which grid is both's."""

import math
from collections.abc import Mapping
from typing import Any

from termwise.errors import Refused
from termwise.models.networks.table import NETWORKS
from termwise.models.places import in_words


def keeping_places(
    network: str, options: Mapping[str, Any], shape: tuple[int, ...], places: tuple[int, ...], blocks: int = 1
) -> dict[str, Any]:
    """A network's options; of one that has a grid, with that which keeps the places of the code.

    Args:
        network: By name; one without a grid keeps no places.
        options: Its own.
        shape: Of an example.
        places: The shape of the code; of one side, or none, it says nothing of places.
        blocks: How many the code has.

    Raises:
        Refused: The grid has other places than the code; or the code has several blocks, whose places are not one.

    Example:
        >>> keeping_places("conv", {"channels": 8}, (1, 28, 28), (7, 7))
        {'channels': 8, 'grid': 2}
    """
    options = dict(options)
    if network not in NETWORKS or "grid" not in NETWORKS[network].options:
        return options
    grid = options.get("grid")
    if grid is not None and blocks > 1:
        raise Refused(
            f"The network {network!r} with a grid keeps the places of one code, and this one has {blocks} blocks: "
            "leave grid out."
        )
    return {**options, "grid": grid_of(shape, places, grid)} if len(places) == 2 else options


def grid_of(shape: tuple[int, ...], places: tuple[int, ...], grid: int | None = None) -> int:
    """How often the sides of images are halved, so that what is left has the rows and columns of a code's shape.

    Args:
        shape: Of the images, (C, H, W).
        places: The shape of the code.
        grid: How often they are to be, where somebody says it.

    Raises:
        Refused: No halving makes them so, or not the one that is asked for.

    Example:
        >>> grid_of((1, 28, 28), (7, 7))
        2
    """
    if len(shape) != 3:
        raise Refused(
            f"A code of {in_words(places)} places is kept by a network of images (C, H, W); got examples of shape "
            f"{shape}. Choose 'mlp', which keeps none."
        )
    steps = range(1, math.ceil(math.log2(max(2, *shape[1:]))) + 1)
    made = {times: tuple(math.ceil(side / 2**times) for side in shape[1:]) for times in steps}
    for times, sides in made.items():
        if sides == places and grid in (None, times):
            return times
    possible = ", ".join(f"{in_words(sides)} (grid = {times})" for times, sides in made.items())
    asked = "" if grid is None else f", with grid = {grid}"
    raise Refused(
        f"Images of {in_words(shape[1:])} are halved to {possible} by this network, and the code's shape is "
        f"{in_words(places)}{asked}. Give one of these as shape, with its latent, and leave grid out; or choose 'mlp', "
        "which keeps no places."
    )
