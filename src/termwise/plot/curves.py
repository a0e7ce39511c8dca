"""Terms over training: of one run several of them, of several runs one."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from termwise.errors import Refused, UnknownName
from termwise.plot.drawing import COLUMN, MUTED, drawn_on, run_colour, term_colour, unit_label
from termwise.plot.subjects import Subjects, check_listed, metrics_of
from termwise.report.curves import Chart, is_a_point, run_charts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROLES: dict[str, dict[str, Any]] = {
    "train": {"alpha": 0.45, "ls": "-", "lw": 1.0},
    "held-out": {"alpha": 1.0, "ls": "-", "lw": 1.6},
}
"""How curves are drawn, by what they are of."""


def curves(runs: Subjects, terms: Sequence[str] | str | None = None, ax: "Axes | None" = None) -> "Axes":
    """What was recorded while runs were trained, over epochs or steps: terms of a run, or one term of several runs.

    Training's own curves are faint, those of held-out data are not.

    Args:
        runs: A run, the path of a run folder, or the lines of its metrics; or several, in a list, or a dict by names.
        terms: Which, all of one unit: of one run all terms in nats where left out, of several the objective, "loss".
        ax: Where to draw; a figure of its own where left out.

    Raises:
        Refused: The terms are of several units, or nothing was recorded more than once.
        UnknownName: No such term was recorded.

    Example:
        >>> from tempfile import mkdtemp
        >>> import termwise as tw
        >>> run = tw.train(data="four-points", recipe="vae", epochs=3, out=mkdtemp(), progress=False)
        >>> ax = tw.plot.curves(run, ["rate", "distortion"])
        >>> ax.get_xlabel(), ax.get_ylabel(), [text.get_text() for text in ax.get_legend().get_texts()]
        ('epoch', 'nats', ['distortion', 'rate', 'train', 'test'])
    """
    check_listed("curves", terms)
    named = [(name, run_charts(lines)) for name, lines in metrics_of(runs)]
    asked = [terms] if isinstance(terms, str) else terms
    if len(named) > 1:
        wanted = asked or ["loss"]
        if len(wanted) > 1:
            raise Refused(f"Of several runs one term is drawn; got {', '.join(wanted)}. Draw each into its own ax.")
        charts = [_chosen(charts["terms"], wanted)[0] for _, charts in named]
        looks = [(name, run_colour(k)) for k, (name, _) in enumerate(named)]
        return _drawn(charts, looks, named[0][1]["x"], ax, title=charts[0]["title"])
    charts = _chosen(named[0][1]["terms"], asked)
    return _drawn(charts, [(one["title"], term_colour(one["name"])) for one in charts], named[0][1]["x"], ax)


def _chosen(charts: Sequence[Chart], asked: Sequence[str] | None) -> list[Chart]:
    """The charts of these names; else all in nats but for the objective's, or all of whatever unit there is."""
    by_name = {one["name"]: one for one in charts if not is_a_point(one)}
    if not by_name:
        raise Refused("Nothing was recorded more than once, so that there are no curves: train for more epochs.")
    if asked is None:
        terms = [one for one in by_name.values() if one["name"] != "loss"]
        return [one for one in terms if one["unit"] == "nats"] or list(by_name.values())[:1]
    for name in asked:
        if name not in by_name:
            raise UnknownName("term that was recorded", name, by_name)
    chosen = [one for name, one in by_name.items() if name in asked]
    if len(units := {one["unit"] for one in chosen}) > 1:
        raise Refused(f"These terms are in {' and '.join(sorted(units))}: draw those of each unit into its own ax.")
    return chosen


def _drawn(
    charts: Sequence[Chart], looks: Sequence[tuple[str, str]], x: str, ax: "Axes | None", title: str = ""
) -> "Axes":
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    with drawn_on(ax, COLUMN, 3.0) as ax:
        keys: list[Any] = []
        splits: dict[str, Mapping[str, Any]] = {}
        for chart, (name, colour) in zip(charts, looks, strict=True):
            keys.append(Line2D([], [], color=colour, label=name))
            for curve in chart["curves"]:
                look = ROLES.get(curve["role"], ROLES["held-out"])
                splits.setdefault(curve["name"], look)
                y = [float("nan") if value is None else value for value in curve["y"]]
                ax.plot(curve["x"], y, color=colour, label=f"{name}, {curve['name']}", **look)
        if len(splits) > 1:
            keys += [Line2D([], [], color=MUTED, label=name, **look) for name, look in splits.items()]
        ax.set_xlabel(x)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        unit = unit_label(charts[0]["unit"])
        ax.set_ylabel(f"{title} ({unit})" if title else unit)
        ax.margins(x=0.02)
        ax.legend(handles=keys, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)
    return ax
