"""What each dimension of a code does."""

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike

import torch
from torch import Tensor

from termwise.account import Account
from termwise.api.model_and_data import Data, Measurable, model_and_data, names_function
from termwise.api.on_device import on_device
from termwise.api.run import Run
from termwise.content import exists
from termwise.data import Dataset
from termwise.errors import Refused
from termwise.models import Drawable
from termwise.models.code_paths import MOST_TRAVERSED, REACH, STEPS, Traversals, traversals_of
from termwise.models.data_pass import evaluating, values_beside
from termwise.models.randomness import own_randomness
from termwise.models.target import check_makes_examples
from termwise.models.user_function import Trust
from termwise.training import RunFolder
from termwise.values import Count, Natural, PositiveFinite, checked


@checked
def traverse(
    model: Measurable,
    data: Data | None = None,
    *,
    example: Natural = 0,
    dimensions: Sequence[int] | None = None,
    steps: Count = STEPS,
    reach: PositiveFinite = REACH,
    split: str | None = None,
    device: torch.device | str = "cpu",
    trust: Trust = (),
) -> Traversals:
    """What the decoder says while one dimension of an example's code moves, and the others rest: `.examples`.

    A dimension of numbers goes evenly from -reach to reach; one of categories or codewords through them.

    Args:
        model: A model, a run, or the path of a run folder.
        data: The data, as `measure` takes them; a run's own where left out.
        example: The place of the example in its part of the data.
        dimensions: Which, by their places, in this order; else of a run the costliest first, at most 32, of a model
            as they come.
        steps: How many stops there are.
        reach: How far from 0 the first and the last are.
        split: The part of the data, as `measure` takes it.
        device: Where to decode.
        trust: As `measure` takes it.

    Example:
        >>> import termwise as tw
        >>> untrained = tw.VAE.build((1, 8, 8), latent=3, options={"hidden": [8]})
        >>> moved = traverse(untrained, "digits", dimensions=[2, 0], steps=5)
        >>> moved.examples.shape, moved.names, moved.stops[0].tolist()
        (torch.Size([2, 5, 1, 8, 8]), ('z2', 'z0'), [-2.5, -1.25, 0.0, 1.25, 2.5])
    """
    found, examples = model_and_data(model, data, split, 0, trust)[:2]
    check_makes_examples(found)
    with on_device(found, device), evaluating(found), own_randomness(0):
        x, beside = examples_at(found, examples, [example], device)
        moved = traversals_of(
            found, x, beside, dimensions=dimensions, rates=_rates(model), most=MOST_TRAVERSED, steps=steps, reach=reach
        )
    return replace(moved, examples=moved.examples.cpu())


def examples_at(
    model: Drawable, data: Dataset, places: Sequence[int], device: torch.device | str
) -> tuple[Tensor, Tensor | None]:
    """The examples at some places, shape (n, *shape), and what stands beside them, of a model that takes it.

    Raises:
        Refused: There are not as many.
    """
    if beyond := [place for place in places if not 0 <= place < len(data)]:
        raise Refused(f"{data.name} has {len(data):,} examples here, 0 to {len(data) - 1}; got {beyond[0]}.")
    chosen = data.subset(torch.tensor(list(places)))
    beside = values_beside(model, chosen)
    return chosen.tensor().to(device), None if beside is None else beside.to(device)


def _rates(model: Measurable) -> list[float] | None:
    """What each dimension of a run's code costs, where its account says so."""
    account = model.account if isinstance(model, Run) else None
    if isinstance(model, str | PathLike) and not names_function(model):
        file = RunFolder(model).account_file
        account = Account.load(file) if exists(file) else None
    costs = None if account is None else account.by_dimension.get("rate_by_dimension")
    return None if costs is None else costs.value
