"""What trackers draw curves of: the lines of metrics.jsonl as numbers by name, at a step.

A name is GROUP/NAME. The groups are the splits ("train", "test"), whose names are those of terms, and "loss"; players
after the first, such as a critic; "schedule", the epoch, the learning rate and the weights; and "training_minus_full",
how far a training estimator of a term is off its value under the full aggregate, which metrics.jsonl calls the audit.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from termwise.report.curves import MetricsLine, by_further_player, by_split

SPLITS = ("train", "validation", "test")
"""The groups whose names are terms."""

OWN_GROUPS = ("schedule", "training_minus_full")
"""The groups that are of no split and of no player."""


@dataclass(frozen=True)
class StepNumbers:
    """Numbers of one step, by group and name.

    Attributes:
        step: How many steps were made.
        groups: By group the numbers by name, terms in nats.

    Example:
        >>> StepNumbers(10, {"train": {"rate": 2.0}, "test": {"rate": 3.0}}).flat
        {'train/rate': 2.0, 'test/rate': 3.0}
    """

    step: int
    groups: Mapping[str, Mapping[str, float]]

    @property
    def flat(self) -> dict[str, float]:
        """The numbers by GROUP/NAME."""
        return {f"{group}/{name}": value for group, numbers in self.groups.items() for name, value in numbers.items()}


def points_of(lines: Sequence[MetricsLine]) -> list[StepNumbers]:
    """Lines of metrics.jsonl as points, one for each step that they are of.

    Example:
        >>> line = {"epoch": 1, "step": 10, "split": "train", "loss": 5.0, "terms": {"rate": 2.0}}
        >>> [one] = points_of([line | {"learning_rate": 0.1}, line | {"split": "test"}])
        >>> one.step, one.flat
        (10, {'schedule/epoch': 1.0, 'schedule/learning_rate': 0.1, 'train/rate': 2.0, 'train/loss': 5.0, ...})
    """
    steps: dict[int, dict[str, dict[str, float]]] = {}
    whose = [(split, line) for split, some in by_split(lines).items() for line in some]
    whose += [(player, line) for player, some in by_further_player(lines).items() for line in some]
    whose += [("training_minus_full", line) for line in lines if line["split"] == "audit"]
    for group, line in whose:
        groups = steps.setdefault(line["step"], {"schedule": {"epoch": float(line["epoch"])}})
        for name, value in _numbers(group, line):
            groups.setdefault(name.partition("/")[0], {})[name.partition("/")[2]] = value
    return [StepNumbers(step, groups) for step, groups in sorted(steps.items())]


def _numbers(group: str, line: MetricsLine) -> Iterator[tuple[str, float]]:
    """The finite numbers of a line, by GROUP/NAME."""
    of_terms = {f"{group}/{name}": value for name, value in line.get("terms", {}).items()}
    settings = {f"schedule/weight_of_{name}": value for name, value in line.get("weights", {}).items()}
    rate = "learning_rate" if group == "train" else f"learning_rate_of_{group}"
    numbers = {**of_terms, f"{group}/loss": line.get("loss"), f"schedule/{rate}": line.get("learning_rate")}
    for name, value in (numbers | settings).items():
        number = value.get("difference") if isinstance(value, Mapping) else value
        if number is not None and math.isfinite(number):
            yield name, float(number)


def flat_settings(tables: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Nested tables of a configuration as one, by path; lists as text, and numbers and text as they are.

    Example:
        >>> flat_settings({"model": {"latent": 2, "options": {"hidden": [8, 8]}}})
        {'model.latent': 2, 'model.options.hidden': '[8, 8]'}
    """
    flat: dict[str, Any] = {}
    for key, value in tables.items():
        inner = f"{path}{key}"
        if isinstance(value, Mapping):
            flat |= flat_settings(value, f"{inner}.")
        else:
            flat[inner] = value if isinstance(value, bool | int | float | str) else str(value)
    return flat
