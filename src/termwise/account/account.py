"""An account: readings of a model, each with its estimator, its bias and its error; and the values per example."""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from os import PathLike
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from termwise.account.frames import columns_of, dataset_of, frame_of, inference_data_of
from termwise.account.guard import guarded
from termwise.account.reading import AnyReading, Reading, ReadingByDimension, Sample
from termwise.account.saved import parsed_account, read_account, read_values
from termwise.account.showing import in_html, in_lines
from termwise.content import exists
from termwise.errors import BadData, TermwiseError, UnknownName
from termwise.files import check_folder, sha256_of, write_whole


@dataclass(frozen=True, eq=False, repr=False)  # equal where the readings are, as mappings are
class Account(Mapping[str, Reading]):
    """Readings by name, a diagnosis in words, and the values per example.

    `account[name]` is the reading of that name. Nearly all are of one number, so for a type checker it is a `Reading`,
    whose value is a float; of a `ReadingByDimension` it is told by `by_dimension`.

    A reading that cannot be, such as a mutual information above log N, is no reading: it is withheld, with the reason.

    Attributes:
        readings: By name, of one number or by dimension.
        diagnosis: Sentences.
        per_example: The values that a reading is the mean of, shape (N,), by name.
        data: Which data was measured: its name, how many examples, of how many, and its fingerprint; and whether the
            likelihood's logarithms are of densities, probabilities or cross-entropies; what its prior is given.
        withheld: Why a reading is not among the readings, in words, by its name.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        >>> account = tw.measure(world, world.data(500))
        >>> account["elbo"].value == -account["distortion"].value - account["rate"].value
        True
        >>> list(account.by_dimension)
        ['rate_by_dimension', 'index_code_mi_by_dimension', 'dimension_wise_kl_by_dimension']
        >>> account["ratte"]
        Traceback (most recent call last):
        termwise.account.account.UnknownReading: Unknown reading 'ratte'. Did you mean 'rate'? ...
        >>> account.withheld
        {}
    """

    readings: Mapping[str, AnyReading]
    diagnosis: tuple[str, ...] = ()
    per_example: Mapping[str, Tensor] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    withheld: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        readings, withheld = guarded(self.readings, self.withheld, prior_given=bool(self.data.get("prior_given")))
        values = {name: values for name, values in self.per_example.items() if name not in withheld}
        sampled = {name: _sampled(one, Sample(values.get(name), self.data)) for name, one in readings.items()}
        for name, kept in (("readings", sampled), ("withheld", withheld), ("per_example", values)):
            object.__setattr__(self, name, kept)

    def __getitem__(self, name: str) -> Reading:
        if name in self.withheld:
            raise WithheldReading(name, self.withheld[name])
        try:
            return cast(Reading, self.readings[name])  # as the class says
        except KeyError:
            raise UnknownReading(name, self.readings) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.readings)

    def __len__(self) -> int:
        return len(self.readings)

    def __str__(self) -> str:
        withheld = (f"{name} is withheld: {reason}" for name, reason in self.withheld.items())
        return "\n".join([*self.diagnosis, *map(str, self.readings.values()), *withheld])

    def __repr__(self) -> str:
        name, n = self.data.get("name"), self.data.get("n")
        on = f" of {n:,} examples" if isinstance(n, int) else ""
        title = f"{type(self).__name__}: {len(self)} readings{on}{f' of {name}' if name else ''}"
        return in_lines(title, self.readings, self.diagnosis, self.withheld)

    def _repr_html_(self) -> str:
        return in_html(self.readings, self.diagnosis, self.withheld)

    @property
    def overall(self) -> dict[str, Reading]:
        """The readings of one number, by name."""
        return {name: one for name, one in self.readings.items() if isinstance(one, Reading)}

    @property
    def by_dimension(self) -> dict[str, ReadingByDimension]:
        """The readings of a number for each dimension, factor or attribute, by name."""
        return {name: one for name, one in self.readings.items() if isinstance(one, ReadingByDimension)}

    def and_also(self, other: "Account") -> "Account":
        """These readings and another account's of the same model; where both have one, it is this account's."""
        own = {*self.readings, *self.withheld}
        return Account(
            {**self.readings, **{name: reading for name, reading in other.readings.items() if name not in own}},
            (*self.diagnosis, *other.diagnosis),
            self.per_example,
            self.data,
            {**self.withheld, **{name: reason for name, reason in other.withheld.items() if name not in own}},
        )

    def to_json(self) -> dict[str, Any]:
        """Readings, diagnosis, data and what is withheld as plain JSON; an end that is not finite becomes null."""
        readings = {}
        for name, reading in self.readings.items():
            entry = {one.name: getattr(reading, one.name) for one in fields(reading)}
            readings[name] = _finite({key: value for key, value in entry.items() if key not in ("name", "sample")})
        return {
            "readings": readings,
            "diagnosis": list(self.diagnosis),
            "data": dict(self.data),
            "withheld": dict(self.withheld),
        }

    def to_dict(self) -> dict[str, list[Any]]:
        """The readings as columns, a row for each number: a reading by dimension has as many as there are dimensions.

        Example:
            >>> import termwise as tw
            >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
            >>> columns = tw.measure(world, world.data(500)).to_dict()
            >>> columns["reading"][:2], columns["dimension"][-1]
            (['distortion', 'rate'], None)
        """
        return columns_of(self.readings)

    def to_frame(self) -> Any:
        """The same as a data frame of pandas, or else of polars.

        Raises:
            Refused: Neither is installed.
        """
        return frame_of(self.to_dict())

    def to_xarray(self) -> Any:
        """The readings as a Dataset of xarray: values by example and by dimension where there are any, else numbers.

        Each variable says in its attributes its value, error, unit, estimator and bias.

        Raises:
            Refused: xarray is not installed.
        """
        return dataset_of(self.readings, self.per_example, self.data)

    def to_arviz(self) -> Any:
        """The values by example as an InferenceData of ArviZ, in a group of its own, "examples".

        They are no draws of a posterior. Examples stand where ArviZ has draws, of one chain, since a reading is their
        mean: `arviz.summary(account.to_arviz(), group="examples")` gives it back.

        Raises:
            Refused: ArviZ is not installed, or the account has no values by example.
        """
        return inference_data_of(self.per_example)

    @classmethod
    def from_json(cls, content: Mapping[str, Any] | str) -> "Account":
        """The account that `to_json` gave, or its text; values by example are not in it.

        Raises:
            BadData: It is no account's.

        Example:
            >>> import termwise as tw
            >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
            >>> account = tw.measure(world, world.data(500))
            >>> Account.from_json(account.to_json()) == account
            True
        """
        saved = parsed_account(content)
        return cls(saved.named(), tuple(saved.diagnosis), {}, saved.data, saved.withheld)

    def save(self, json_file: str | PathLike[str], values_file: str | PathLike[str] | None = None) -> None:
        """Write the account and, where a file is named for them, the values per example; with checksums of both."""
        for file in (json_file, values_file):
            if file is not None:
                check_folder(Path(file))
        content = self.to_json()
        if values_file is not None:
            arrays: dict[str, Any] = {name: values.numpy() for name, values in self.per_example.items()}
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **arrays)
            write_whole(values_file, buffer.getvalue())
            content["values"] = hashlib.sha256(buffer.getvalue()).hexdigest()
        content["checksum"] = _checksum(content)
        write_whole(json_file, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())

    @classmethod
    def load(cls, json_file: str | PathLike[str], values_file: str | PathLike[str] | None = None) -> "Account":
        """Read what `save` wrote; without the values where their file is not there."""
        if not exists(json_file):
            raise BadData(f"There is no account at {json_file}. `termwise measure RUN` makes one.")
        saved = read_account(json_file)
        if saved.checksum not in (None, _checksum(saved.model_dump(exclude_unset=True))):
            raise BadData(f"{json_file} is damaged, or was changed: it is not what was saved. Restore it.")
        values = {}
        if values_file is not None and exists(values_file):
            arrays = read_values(values_file)
            if saved.values not in (None, sha256_of(Path(values_file))):
                raise BadData(f"{values_file} is damaged, or another account's than {json_file}. Restore it.")
            values = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return cls(saved.named(), tuple(saved.diagnosis), values, saved.data, saved.withheld)


class UnknownReading(UnknownName, KeyError):
    """An account has no reading of this name."""

    def __init__(self, name: str, readings: Iterable[str]) -> None:
        super().__init__("reading", name, readings)

    def __str__(self) -> str:
        return str(self.args[0])


class WithheldReading(TermwiseError, KeyError):
    """A reading that an account does not give, since it cannot be."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The reading {name!r} is withheld: {reason}.")

    def __str__(self) -> str:
        return str(self.args[0])


def _sampled(reading: AnyReading, sample: Sample) -> AnyReading:
    """The reading, which knows what it is of, unless it knows it from another account."""
    if not isinstance(reading, Reading):
        return reading
    own = reading.sample
    known = own is not None and (own.values is not None or own.data.get("fingerprint"))
    return reading if known else replace(reading, sample=sample)


def _checksum(content: Mapping[str, Any]) -> str:
    """The SHA-256 of what an account's file holds, its checksum left out, however it is laid out."""
    rest = {name: value for name, value in content.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
