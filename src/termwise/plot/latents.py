"""Where examples lie in two dimensions of the code."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from termwise.data import Dataset
from termwise.errors import Refused, UnknownName
from termwise.models.block_law import dimensions_of_code
from termwise.models.data_pass import DataPass
from termwise.models.distributions import centre
from termwise.plot.drawing import MUTED, drawn_on, run_colour
from termwise.plot.subjects import model_and_examples
from termwise.report.term_colours import RUN_COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_POINTS = 5000
"""How many examples are drawn, at random of more."""

MOST_CATEGORIES = 12
"""How many categories have a colour each; of more it goes by their number."""


def latents(
    run: Any,
    data: Any = None,
    dimensions: Sequence[int] | None = None,
    by: str | None = "labels",
    seed: int = 0,
    ax: "Axes | None" = None,
) -> "Axes":
    """The means of the posteriors of examples in two dimensions of the code, coloured by what is known of them.

    Args:
        run: A run, or a model.
        data: The examples; a run's held-out ones where left out.
        dimensions: Which two, by their places; else the costliest two, of a model without an account the first.
        by: What colours the points: "labels", or the name of a factor or an attribute; None for one colour.
        seed: Of the choice of 5000 examples, where there are more.
        ax: Where to draw; a figure of its own where left out.

    Raises:
        Refused: The code has fewer than two dimensions, or its dimensions are no numbers.
        UnknownName: Nothing of this name is known.

    Example:
        >>> import termwise as tw
        >>> untrained = tw.VAE.build((1, 8, 8), latent=3, options={"hidden": [8]})
        >>> ax = tw.plot.latents(untrained, tw.load_data("digits").test, dimensions=[2, 0])
        >>> ax.get_xlabel(), ax.get_ylabel(), len(ax.get_legend().get_texts())
        ('z2', 'z0', 10)
    """
    model, whole = model_and_examples(run, data)
    examples = whole.random_subset(MOST_POINTS, seed)
    laws = [draw.posterior for draw in DataPass(model, examples, 512)()]
    parts = dimensions_of_code(laws[0])
    chosen = list(dimensions) if dimensions is not None else _costliest(run, len(parts))
    if len(chosen) != 2 or any(not 0 <= j < len(parts) for j in chosen):
        raise Refused(f"Two dimensions of {len(parts)} are drawn, such as dimensions=[0, 1]; got {chosen}.")
    numbers = [parts[j].numbers for j in chosen]
    if any(part.stop - part.start > 1 or parts[j].words is not None for j, part in zip(chosen, numbers, strict=True)):
        raise Refused("Dimensions that are categories or codewords have no place on an axis: choose others.")
    points = torch.cat([centre(law).detach().cpu() for law in laws])[:, [part.start for part in numbers]].numpy()
    with drawn_on(ax, 4.4, 3.6) as ax:
        _points(ax, points, *_colouring(examples, by))
        ax.set_xlabel(parts[chosen[0]].name)
        ax.set_ylabel(parts[chosen[1]].name)
        ax.set_aspect("equal", adjustable="datalim")
    return ax


def _costliest(run: Any, count: int) -> list[int]:
    """The two dimensions of the highest rate, where a run's account says so."""
    account = getattr(run, "account", None)
    rates = None if account is None else account.by_dimension.get("rate_by_dimension")
    costs = [0.0] * count if rates is None else rates.value
    return sorted(range(count), key=lambda j: -costs[j])[:2]


def _colouring(data: Dataset, by: str | None) -> tuple[str, Tensor | None, tuple[str, ...]]:
    """What colours the points is called, its value of each example, and its categories' names, of one that has such."""
    known: dict[str, tuple[Tensor | None, tuple[str, ...]]] = {}
    if data.labels is not None:
        known["labels"] = (data.labels, data.label_names)
    for values, names in ((data.factors, data.factor_names), (data.attributes, data.attribute_names)):
        if values is not None:
            known |= {name: (values[:, j], ()) for j, name in enumerate(names)}
    if by is None or (by == "labels" and by not in known):
        return "", None, ()
    if by not in known:
        raise UnknownName("label, factor or attribute", by, known)
    return by, *known[by]


def _points(ax: "Axes", points: np.ndarray, title: str, values: Tensor | None, names: tuple[str, ...]) -> None:
    look: dict[str, Any] = {"s": 9 if len(points) < 1500 else 5, "alpha": 0.75, "linewidths": 0}
    if values is None:
        ax.scatter(points[:, 0], points[:, 1], color=run_colour(0), **look)
        return
    kinds = values.unique()
    kinds = kinds[~kinds.isnan()] if kinds.is_floating_point() else kinds
    if len(kinds) > MOST_CATEGORIES:
        drawn = ax.scatter(points[:, 0], points[:, 1], c=values.double().numpy(), cmap="viridis", **look)
        ax.figure.colorbar(drawn, ax=ax, label=title)
        return
    hues = _hues(len(kinds))
    there = torch.isin(values, kinds).numpy()
    if not there.all():
        ax.scatter(*points[~there].T, color=MUTED, label="unknown", **look | {"alpha": 0.3})
    for k, kind in enumerate(kinds.tolist()):
        name = names[int(kind)] if 0 <= int(kind) < len(names) else f"{kind:g}"
        ax.scatter(*points[(values == kind).numpy()].T, color=hues[k], label=name, **look)
    legend = ax.legend(
        title=title, loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=1.8, handletextpad=0.2, borderaxespad=0.2
    )
    for handle in filter(None, legend.legend_handles):
        handle.set_alpha(1.0)


def _hues(count: int) -> list[Any]:
    """Colours that are easily told apart."""
    from matplotlib import colormaps

    if count <= len(RUN_COLOURS):
        return [run_colour(k) for k in range(count)]
    table = "tab10" if count <= 10 else "tab20"
    return [colormaps[table](k) for k in range(count)]
