"""Registries: tables of what goes by a name, one row each.

A row alone makes a thing known to the configuration, to `--help`, to the errors that name what is near, to the README's
lists and to every property test. Rows are added in three ways, and are then alike:

    here        a row in the table
    Python      termwise.LIKELIHOODS.add(Row("poisson", Poisson, "counts, from a log rate"))
    a package   an entry point in the registry's group, whose object is the row:
                [project.entry-points."termwise.likelihoods"]
                poisson = "my_package.poisson:ROW"
"""

import inspect
import pkgutil
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from textwrap import shorten
from typing import Any, Generic, Protocol, TypeVar

from termwise.errors import Refused, UnknownName, in_short


class Named(Protocol):
    """Anything that can be a row: it has a name."""

    @property
    def name(self) -> str:
        """What it is called in a configuration."""
        ...


@dataclass(frozen=True)
class Row:
    """One thing that is made by name.

    Attributes:
        name: What it is called in a configuration.
        make: What makes it, from options that its annotations check; or where that is, "module:attribute", so that a
            list of names need not wait for the import.
        summary: What it is, in one line.
        examples: How it is written in a configuration; by its name alone where left out.

    Example:
        >>> Row("half", lambda of=1.0: of / 2, "half of a number", examples=("half:3",)).shown
        ('half:3',)
    """

    name: str
    make: Callable[..., Any] | str
    summary: str
    examples: tuple[str, ...] = ()

    @property
    def maker(self) -> Callable[..., Any]:
        """What makes it, imported."""
        return pkgutil.resolve_name(self.make) if isinstance(self.make, str) else self.make

    @property
    def shown(self) -> tuple[str, ...]:
        """How lists show it."""
        return self.examples or (self.name,)

    @property
    def options(self) -> dict[str, inspect.Parameter]:
        """What it can be given, by the name that a configuration uses: `lambda_` is lambda."""
        return {name.rstrip("_"): parameter for name, parameter in inspect.signature(self.maker).parameters.items()}

    @property
    def defaults(self) -> dict[str, Any]:
        """The defaults of its options, as far as a file can hold them: of a schedule, its table."""
        defaults = {name: in_a_file(option.default) for name, option in self.options.items()}
        return {name: default for name, default in defaults.items() if isinstance(default, WRITABLE)}

    def with_defaults(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Options that are given, and the defaults of those that are not.

        Example:
            >>> Row("half", lambda of=1.0, lambda_=2.0: of / lambda_, "a share").with_defaults({"lambda_": 3.0})
            {'lambda': 3.0, 'of': 1.0}
        """
        said = {name.rstrip("_"): value for name, value in given.items()}
        return said | {name: value for name, value in self.defaults.items() if name not in said}

    @property
    def meanings(self) -> dict[str, str]:
        """What each option means, in the words of the maker's docstring; "" where it says nothing."""
        sentences = meanings(self.maker)
        return {name: sentences.get(parameter.name, "") for name, parameter in self.options.items()}


WRITABLE = str | int | float | list | dict
"""The types of options whose defaults are written down, so that a run's file says what it was made with."""


def in_a_file(value: Any) -> Any:
    """A value as a file holds it: of a schedule its table, of a tuple a list."""
    from pydantic import BaseModel  # here, as a list of names need not wait for it

    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    return list(value) if isinstance(value, tuple) else value


def meanings(function: Callable[..., Any]) -> dict[str, str]:
    """What each argument of a function means: the entries under "Args:" in its docstring, each on one line.

    Example:
        >>> meanings(meanings)
        {'function': 'Any function or class whose docstring is written as here.'}

    Args:
        function: Any function or class whose
            docstring is written as here.
    """
    section = re.search(r"^Args:\n((?: {4}.*\n?|\s*\n)*)", inspect.getdoc(function) or "", flags=re.MULTILINE)
    entries = re.findall(
        r"^ {4}\*{0,2}(\w+)[^:\n]*: *(.*(?:\n {5,}.*)*)", section[1] if section else "", flags=re.MULTILINE
    )
    return {name: " ".join(text.split()) for name, text in entries}


R = TypeVar("R", bound=Named)
MadeR = TypeVar("MadeR", bound=Row)


class PluginFailed(UserWarning):
    """Another package's row that cannot be had; the rest of its registry can."""


class Registry(Mapping[str, R], Generic[R]):
    """Rows by name, in the order of the table; those of other packages last.

    Args:
        what: What a row is, in the singular: "likelihood".
        group: The entry-point group by which other packages bring rows, "termwise.likelihoods".
        rows: The rows that are known from the start.

    Example:
        >>> shapes = Registry("shape", "termwise.shapes", [Row("round", lambda: "o", "a circle")])
        >>> _ = shapes.add(Row("square", lambda: "#", "four sides"))
        >>> list(shapes)
        ['round', 'square']
        >>> shapes["sqare"]
        Traceback (most recent call last):
        termwise.registry.UnknownRow: Unknown shape 'sqare'. Did you mean 'square'? Known: round, square.
    """

    def __init__(self, what: str, group: str, rows: Iterable[R]) -> None:
        self.what, self.group = what, group
        self._rows: dict[str, R] = {}
        self._plugged = False
        self._plugging, self._lock = threading.local(), threading.Lock()
        for row in rows:
            self.add(row)

    def add(self, row: R) -> R:
        """Make one more row known.

        Raises:
            Refused: There is a row of this name, which would be lost.
        """
        if row.name in self._rows:
            raise Refused(f"There is a {self.what} called {row.name!r} already. Give yours another name.")
        self._rows[row.name] = row
        return row

    def __getitem__(self, name: str) -> R:
        if name not in self:
            raise UnknownRow(self.what, name, self.shown())
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._all()))  # a plugin, or another thread, may add a row meanwhile

    def __len__(self) -> int:
        return len(self._all())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._all()

    def __repr__(self) -> str:
        return shorten(f"{type(self).__name__}({self.what}: {', '.join(self)})", 1600, placeholder=" ...)")

    def shown(self) -> list[str]:
        """How a configuration writes each row: what help and errors list."""
        return [form for row in self._all().values() for form in getattr(row, "shown", (row.name,))]

    def _all(self) -> dict[str, R]:
        if self._plugged or getattr(self._plugging, "on", False):  # a plugin may look here while it is imported
            return self._rows
        self._plugging.on = True
        try:
            loaded = [(point, _loaded(point)) for point in _entry_points(self.group)]
        finally:
            self._plugging.on = False
        with self._lock:  # not while importing, which may wait for another thread
            if not self._plugged:
                for point, row in loaded:
                    self._plug(point, row)
                self._plugged = True
        return self._rows

    def _plug(self, point: EntryPoint, row: Any) -> None:
        package = point.dist.name if point.dist is not None else "a package"
        try:
            if isinstance(row, Exception):
                raise row
            self.add(row)
        except Exception as error:  # whatever another package raises must not stop this one
            warnings.warn(
                f"The {self.what} {point.name!r} of {package} cannot be had ({type(error).__name__}: {error}). Mend or "
                f"uninstall {package}.",
                PluginFailed,
                stacklevel=2,
            )


class Makers(Registry[MadeR]):
    """A registry whose rows make something, from options that are checked.

    Example:
        >>> halves = Makers("half", "termwise.halves", [Row("half", lambda of=1.0: of / 2, "half of a number")])
        >>> halves.build("half", of=3.0)
        1.5
        >>> halves.build("half", off=3.0)
        Traceback (most recent call last):
        termwise.registry.UnknownOption: Unknown option of half 'half' 'off'. Did you mean 'of'? Known: of.
    """

    def build(self, name: str, /, *given: Any, **options: Any) -> Any:
        """What the row called `name` makes.

        Args:
            name: The row's.
            *given: What every row of this registry is given first, such as the number of latent dimensions.
            **options: The row's own, by name; values are checked, and converted, by the maker's annotations.

        Raises:
            UnknownName: There is no such row, or no such option.
            Refused: An option cannot have this value.
        """
        checked, own = self.checked(name, options, len(given)), _own(self[name], len(given))
        if missing := [repr(option) for option in _required(own) if _parameter(own, option) not in checked]:
            raise Refused(f"{self.what.capitalize()} {name!r} needs its option {' and '.join(missing)}.")
        return self[name].maker(*given, **checked)

    def checked(self, name: str, options: Mapping[str, Any], given: int = 0) -> dict[str, Any]:
        """The options of the row called `name`, by its maker's names, each as its annotation has it.

        Args:
            name: The row's.
            options: The row's own, by name.
            given: How many of the maker's first parameters every row of this registry is given.

        Raises:
            UnknownName: There is no such row, or no such option.
            Refused: An option cannot have this value; every such option is named.
        """
        from pydantic import ValidationError  # here, as a list of names need not wait for it

        from termwise.values import mistakes

        row, own = self[name], _own(self[name], given)
        options = {option.rstrip("_"): value for option, value in options.items()}
        open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in own.values())
        for option in options:
            if option not in own and not open_ended:
                if not own:
                    raise Refused(f"{self.what.capitalize()} {name!r} takes no options; got {in_short(option)}.")
                raise UnknownOption(self.what, name, option, own, self._with_option(option, given))
        try:
            return _checked(row.maker, {_parameter(own, option): value for option, value in options.items()})
        except ValidationError as error:
            raise Refused(f"{self.what.capitalize()} {name!r}: {'; '.join(mistakes(error, options))}.") from None

    def _with_option(self, option: str, given: int) -> list[str]:
        return [name for name, row in self.items() if option in list(row.options)[given:]]

    def from_spec(self, spec: str, *given: Any, **options: Any) -> Any:
        """What "name" or "name:argument" makes, such as "normal:0.1"; the argument is the row's first option.

        Raises:
            UnknownName, Refused: No row is written so, or has such an option; or it cannot be so, or is said twice.
        """
        from pydantic import ValidationError

        from termwise.values import mistakes

        name, colon, argument = spec.partition(":") if isinstance(spec, str) else (spec, "", "")
        if options and name in self and not colon:
            return self.build(name, *given, **options)
        own = _own(self[name], len(given)) if name in self else {}
        first = {option: argument for option in list(own)[:1] if colon}
        if not first.keys().isdisjoint(options):
            raise Refused(f"{self.what.capitalize()} {spec!r} says its {next(iter(first))!r} already. Say it once.")
        if name not in self or (colon and not own) or not set(_required(own)) <= {*first, *options}:
            raise UnknownRow(self.what, spec, self.shown())
        try:
            checked = _checked(self[name].maker, {_parameter(own, option): text for option, text in first.items()})
        except ValidationError as error:
            if any(mistake["type"] in NO_SUCH_NUMBER for mistake in error.errors()):
                raise Refused(f"{self.what.capitalize()} {name!r}: {'; '.join(mistakes(error, first))}.") from None
            raise UnknownRow(self.what, spec, self.shown()) from None
        return self[name].maker(*given, **checked, **self.checked(name, options, len(given)))

    def from_table(self, table: str | Mapping[str, Any], *given: Any) -> Any:
        """What a name makes, or a table of a name and its options, such as {"name": "bank", "size": 4096}.

        Raises:
            UnknownName: There is no such row, or no such option.
            Refused: The table has no name, or an option cannot have this value.
        """
        options = {"name": table} if isinstance(table, str) else dict(table) if isinstance(table, Mapping) else {}
        name = options.pop("name", None)
        if not isinstance(name, str):
            article = "An" if self.what[0] in "aeiou" else "A"
            raise Refused(
                f"{article} {self.what} is a name ({', '.join(self)}), or a table of a name and its options; "
                f"got {in_short(table)}."
            )
        return self.build(name, *given, **options)


NO_SUCH_NUMBER = ("finite_number", "greater_than", "greater_than_equal", "less_than", "less_than_equal")
"""What pydantic calls the mistakes of an argument that is a number, but none that can be."""


class UnknownOption(UnknownName):
    """An option that a row has not: says which it has, and which rows have this one."""

    def __init__(self, what: str, row: str, option: str, own: Iterable[str], others: Iterable[str]) -> None:
        super().__init__(f"option of {what} {row!r}", option, own)
        if named := " and ".join(map(repr, others)):
            self.args = (f"{self} {option!r} is one of {named}.",)


class UnknownRow(UnknownName, KeyError):
    """A name that no row of a registry has."""

    def __str__(self) -> str:
        return str(self.args[0])


def _loaded(point: EntryPoint) -> Any:
    """What an entry point names; or what went wrong."""
    try:
        return point.load()
    except Exception as error:
        return error


def _entry_points(group: str) -> EntryPoints:
    """Those of all packages in a group."""
    found: EntryPoints = _every_entry_point().select(group=group)
    return found


@cache
def _every_entry_point() -> Any:
    """Those of all packages, read once for all registries: each reading costs tens of milliseconds."""
    return entry_points()


def _own(row: Row, given: int) -> dict[str, inspect.Parameter]:
    """The options of a row beside what every row of its registry is given first."""
    return dict(list(row.options.items())[given:])


def _required(own: Mapping[str, inspect.Parameter]) -> list[str]:
    """The options that have no default."""
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [name for name, one in own.items() if one.default is one.empty and one.kind not in variable]


def _parameter(own: Mapping[str, inspect.Parameter], option: str) -> str:
    """The maker's name for an option: lambda_ where a configuration says lambda."""
    return own[option].name if option in own else option


def _checked(maker: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, each as its annotation has it; ValidationError where one cannot be."""
    from pydantic import ConfigDict, create_model

    from termwise.values import of_numbers

    fields: dict[str, Any] = {
        name: (Any if one.annotation is one.empty else of_numbers(one.annotation), ...)
        for name, one in inspect.signature(maker, eval_str=True).parameters.items()
        if name in options
    }
    config = ConfigDict(arbitrary_types_allowed=True, extra="allow", protected_namespaces=(), allow_inf_nan=False)
    model = create_model("Options", __config__=config, **fields)
    checked = model.model_validate(dict(options))
    return {name: getattr(checked, name) for name in options}
