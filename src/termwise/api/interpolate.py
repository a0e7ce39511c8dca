"""What lies between two examples."""

from collections.abc import Sequence

import torch
from torch import Tensor

from termwise.api.model_and_data import Data, Measurable, model_alone, model_and_data
from termwise.api.on_device import on_device
from termwise.api.traverse import examples_at
from termwise.data import Dataset
from termwise.errors import BadData, Refused
from termwise.models import Drawable
from termwise.models.code_paths import STEPS, between_codes
from termwise.models.data_pass import evaluating
from termwise.models.drawable import side_variables
from termwise.models.randomness import own_randomness
from termwise.models.target import check_makes_examples
from termwise.models.user_function import Trust
from termwise.values import Count, checked

Ends = int | Sequence[int] | Tensor
"""Examples that a path begins or ends at: a place in the data, or several; or themselves, shape (P, *shape)."""


@checked
def interpolate(
    model: Measurable,
    start: Ends,
    end: Ends,
    *,
    data: Data | None = None,
    steps: Count = STEPS,
    split: str | None = None,
    device: torch.device | str = "cpu",
    trust: Trust = (),
) -> Tensor:
    """What the decoder says on the straight line from one example's code to another's, shape (P, steps, *shape).

    The first and the last stop are the reconstructions. Categories and codewords have nothing between: they change in
    the middle. What stands beside x is that of the start.

    Args:
        model: A model, a run, or the path of a run folder.
        start: From which example: its place in its part of the data, or P of them; or P examples themselves.
        end: To which: as many.
        data: The data, as `measure` takes them; a run's own where left out. Not needed for examples themselves.
        steps: How many stops there are.
        split: The part of the data, as `measure` takes it.
        device: Where to decode.
        trust: As `measure` takes it.

    Example:
        >>> import termwise as tw
        >>> untrained = tw.VAE.build((1, 8, 8), latent=2, options={"hidden": [8]})
        >>> between = interpolate(untrained, 0, 7, data="digits", steps=5)
        >>> digits = tw.load_data("digits").test.tensor()
        >>> torch.allclose(between[0, -1], untrained.eval().reconstruct(digits[7:8])[0])
        True
    """
    found = model_alone(model, trust)
    check_makes_examples(found)
    given = [isinstance(one, Tensor) for one in (start, end)]
    if all(given) and side_variables(found):
        raise Refused("The model takes something beside x: name the examples by their places in the data.")
    examples = None if all(given) else model_and_data(model, data, split, 0, trust).data
    with on_device(found, device), evaluating(found), own_randomness(0):
        first, beside = _ends(found, start, examples, device)
        last, _ = _ends(found, end, examples, device)
        if first.shape != last.shape:
            raise BadData(
                f"A path needs an end for each start, of one shape; got {tuple(first.shape)} and {tuple(last.shape)}."
            )
        return between_codes(found, (first, last), beside, steps).cpu()


def _ends(
    model: Drawable, named: Ends, data: Dataset | None, device: torch.device | str
) -> tuple[Tensor, Tensor | None]:
    """Examples, shape (P, *shape), and what stands beside them."""
    if isinstance(named, Tensor):
        return named.to(device), None
    assert data is not None
    return examples_at(model, data, [named] if isinstance(named, int) else named, device)
