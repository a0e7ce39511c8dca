"""An account: readings of a model, each with its estimator, its bias and its error; and the values per example."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from termwise.account import glossary
from termwise.errors import BadData, UnknownName

NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Reading:
    """One number, and all that must be known to use it.

    Attributes:
        name: The term.
        value: Its value; a list, one by dimension, for what is by dimension.
        stderr: The standard error over examples, likewise; None where there is none.
        interval: 95% for the value, by the normal approximation.
        lower: A lower bound of the population's value, rigorous in expectation; or None.
        upper: Likewise an upper one.
        unit: "nats", "MMD^2", "units".
        estimator: How it was estimated.
        bias: In which way the estimate is off.
        n: From how many examples.
    """

    name: str
    value: float | list[float]
    stderr: float | list[float] | None
    interval: list[float] | list[list[float]] | None
    lower: float | None
    upper: float | None
    unit: str
    estimator: str
    bias: str
    n: int

    def __str__(self) -> str:
        if isinstance(self.value, list):
            return f"{self.name} = [{', '.join(f'{v:.3f}' for v in self.value)}] {self.unit}"
        error = "" if self.stderr is None else f" ± {self.stderr:.3f}"
        return f"{self.name} = {self.value:.3f}{error} {self.unit} ({self.estimator}; {self.bias})"


def reading_of(values: Tensor, name: str, *, unit: str | None = None, estimator: str, bias: str) -> Reading:
    """The reading of values by example, shape (N,), or by example and dimension, shape (N, D).

    Its unit is that of its row in `READINGS` unless another is given.
    """
    values = values.double()
    count = len(values)
    mean = values.mean(0)
    stderr = values.std(0) / count**0.5 if count > 1 else None
    interval = None
    if values.dim() == 1 and stderr is not None:
        half = NORMAL_95 * float(stderr)
        interval = [float(mean) - half, float(mean) + half]
    return Reading(
        name=name,
        value=mean.tolist(),
        stderr=None if stderr is None else stderr.tolist(),
        interval=interval,
        lower=None,
        upper=None,
        unit=glossary.reading(name).unit if unit is None else unit,
        estimator=estimator,
        bias=bias,
        n=count,
    )


def reading_without_error(name: str, value: float, *, estimator: str, bias: str, n: int) -> Reading:
    """A reading that has no standard error over examples, such as a count or a parameter."""
    return Reading(name, value, None, None, None, None, glossary.reading(name).unit, estimator, bias, n)


@dataclass(frozen=True)
class Account(Mapping[str, Reading]):
    """Readings by name, a diagnosis in words, and the values per example.

    Attributes:
        readings: By name.
        diagnosis: Sentences.
        per_example: The values that a reading is the mean of, shape (N,), by name.
        data: Which data was measured: its name, how many examples, and its fingerprint.
    """

    readings: Mapping[str, Reading]
    diagnosis: tuple[str, ...] = ()
    per_example: Mapping[str, Tensor] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Reading:
        try:
            return self.readings[name]
        except KeyError:
            raise UnknownReading(name, self.readings) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.readings)

    def __len__(self) -> int:
        return len(self.readings)

    def __str__(self) -> str:
        return "\n".join([*(str(reading) for reading in self.readings.values()), *self.diagnosis])

    def and_also(self, other: "Account") -> "Account":
        """These readings and another account's of the same model; where both have one, it is this account's."""
        return Account(
            {**self.readings, **{name: reading for name, reading in other.readings.items() if name not in self}},
            (*self.diagnosis, *other.diagnosis),
            self.per_example,
            self.data,
        )

    def to_json(self) -> dict[str, Any]:
        """Readings, diagnosis and data as plain JSON; what is not finite becomes null."""
        readings = {}
        for name, reading in self.readings.items():
            entry = asdict(reading)
            del entry["name"]
            readings[name] = _finite(entry)
        return {"readings": readings, "diagnosis": list(self.diagnosis), "data": dict(self.data)}

    def save(self, json_file: str | Path, values_file: str | Path | None = None) -> None:
        """Write the account and, where a file is named for them, the values per example."""
        Path(json_file).write_text(json.dumps(self.to_json(), indent=2) + "\n")
        if values_file is None:
            return
        arrays: dict[str, Any] = {name: values.numpy() for name, values in self.per_example.items()}
        np.savez_compressed(values_file, **arrays)

    @classmethod
    def load(cls, json_file: str | Path, values_file: str | Path | None = None) -> "Account":
        """Read what `save` wrote; without the values where their file is not there."""
        try:
            content = json.loads(Path(json_file).read_text())
            readings = {name: Reading(name=name, **entry) for name, entry in content["readings"].items()}
        except FileNotFoundError:
            raise BadData(f"There is no account at {json_file}. `termwise measure RUN` makes one.") from None
        except (ValueError, KeyError, TypeError) as error:
            raise BadData(f"{json_file} is no account that can be read: {error}.") from None
        values = {}
        if values_file is not None and Path(values_file).exists():
            with np.load(values_file, allow_pickle=False) as held:
                values = {name: torch.from_numpy(held[name]) for name in held.files}
        return cls(readings, tuple(content["diagnosis"]), values, content.get("data", {}))


class UnknownReading(UnknownName, KeyError):
    """A reading that an account does not hold."""

    def __init__(self, name: str, known: Mapping[str, Reading]) -> None:
        super().__init__("reading", name, known)

    def __str__(self) -> str:
        return str(self.args[0])


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
