"""What a value may be: types of numbers that are shared, and functions that hold their callers to their annotations.

A true or false is no number, and neither is nan; an infinity is one nowhere, for no setting means anything by it. What
counts something has an end, so that a slip of the hand is refused, and does not run for a year.

    Count           1, 2, ... a billion          Finite              any number that is finite
    Natural         0, 1, ... a billion          PositiveFinite      above 0
    Seed            0 to 2^32 - 1                NonNegativeFinite   0 or above
    Text            not blank                    Share               0 or above, and below 1
"""

import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import is_dataclass
from functools import cache, partial, reduce, wraps
from numbers import Integral, Real
from operator import or_
from types import UnionType
from typing import Annotated, Any, ParamSpec, TypeVar, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    create_model,
)
from pydantic_core import PydanticCustomError

from termwise.errors import Refused, UnknownName, in_short

P = ParamSpec("P")
R = TypeVar("R")

LARGEST_SEED = 2**32 - 1
"""The largest seed that every random generator takes."""

MOST = 10**9
"""The largest count of anything that somebody sets: epochs, steps, samples, widths."""


def _number(value: object) -> object:
    """The same value, a number of another library as Python's own; a true or false is none."""
    if type(value).__name__ in ("bool", "bool_"):
        raise PydanticCustomError("no_number", "Input should be a number, and not true or false")
    if isinstance(value, Integral):
        return int(value)
    if not isinstance(value, Real):
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf


_NUMBER = BeforeValidator(_number)
_FINITE = Field(allow_inf_nan=False)

Whole = Annotated[int, Field(ge=-(2**63), lt=2**63), _NUMBER]
"""A whole number that 64 bits hold."""

Natural = Annotated[int, Field(ge=0, le=MOST), _NUMBER]
"""A whole number from 0 on."""

Bytes = Annotated[int, Field(ge=0, lt=2**63), _NUMBER]
"""How much memory: a whole number of bytes from 0 on."""

Count = Annotated[int, Field(gt=0, le=MOST), _NUMBER]
"""How many there are of something: a whole number from 1 on."""

Samples = Annotated[int, Field(gt=0, le=10**6), _NUMBER]
"""How many codes, or noises, are drawn for every example: beyond a million, a code's error is not what counts."""

Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED), _NUMBER]
"""What random numbers begin from."""

Finite = Annotated[float, _FINITE, _NUMBER]
"""A number that is finite."""

PositiveFinite = Annotated[float, Field(gt=0, allow_inf_nan=False), _NUMBER]
"""A finite number above 0."""

NonNegativeFinite = Annotated[float, Field(ge=0, allow_inf_nan=False), _NUMBER]
"""A finite number, 0 or above."""

Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False), _NUMBER]
"""A part of a whole, but not all of it."""


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "Input should be a text that says something, and not a blank one")
    if "\0" in text:
        raise PydanticCustomError("null", "Input should be a text without a character of code 0")
    return text


Text = Annotated[str, AfterValidator(_not_blank)]
"""A name, or a path: a text that is not blank."""


def _named(value: object) -> object:
    if callable(value):
        raise PydanticCustomError(
            "no_name",
            "expected a name. A thing of your own has one by a row of its table, as in "
            'tw.LIKELIHOODS.add(tw.Row("mine", Mine, "real numbers")); or pass it within a model, as in '
            "tw.VAE(encoder, decoder, shape=..., latent=..., likelihood=Mine())",
        )
    return value


Name = Annotated[Text, BeforeValidator(_named)]
"""The name of a row of a table."""


def named_or(*kinds: type) -> PlainValidator:
    """What checks that a value is the name of a row, or a thing of these kinds that somebody made.

    Example:
        >>> @checked
        ... def shown(part: Annotated[str | int, named_or(int)]) -> str:
        ...     return repr(part)
        >>> shown("mlp"), shown(3)
        ("'mlp'", '3')
    """

    def either(value: object) -> object:
        if isinstance(value, kinds) and not isinstance(value, type):
            return value
        if isinstance(value, str):
            return _not_blank(value)
        _named(value)
        named = " or ".join(one.__name__ for one in kinds)
        raise PydanticCustomError("no_name", "expected a name, or an instance of {kinds}", {"kinds": named})

    return PlainValidator(either)


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, which refuses arguments that its annotations do not allow, before it begins.

    Nothing is converted. Arguments that are too many, too few or misspelt are Python's own TypeError.

    Example:
        >>> @checked
        ... def thrice(number: Count) -> int:
        ...     return 3 * number
        >>> thrice(2)
        6
        >>> thrice(-2)
        Traceback (most recent call last):
        termwise.errors.Refused: thrice: number = -2 cannot be: Input should be greater than 0.
    """
    signature = inspect.signature(function)
    annotated = [name for name, one in signature.parameters.items() if one.annotation is not one.empty]

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        given = signature.bind(*args, **kwargs).arguments
        try:
            _arguments(function).model_validate({name: given[name] for name in annotated if name in given})
        except ValidationError as error:
            name = function.__qualname__.removesuffix(".__init__")
            raise Refused(f"{name}: {'; '.join(mistakes(error, given))}.") from None
        return function(*args, **kwargs)

    return call


def check_keywords(name: str, function: Callable[..., Any], given: Iterable[str], others: Iterable[str] = ()) -> None:
    """Raise UnknownName unless each keyword is one of a function's, or of the others that it passes on.

    Example:
        >>> import termwise as tw
        >>> tw.train(data="digits", recpe="vae")
        Traceback (most recent call last):
        termwise.errors.UnknownName: Unknown keyword of train 'recpe'. Did you mean 'recipe'...
    """
    own = [one.name for one in inspect.signature(function).parameters.values() if one.kind is not one.VAR_KEYWORD]
    known = {option.rstrip("_") for option in (*own, *others)}
    for keyword in given:
        if keyword.rstrip("_") not in known:
            raise UnknownName(f"keyword of {name}", keyword, known)


@cache
def _arguments(function: Callable[..., Any]) -> type[BaseModel]:
    """The arguments of a function as a model of fields, each of which may be left out."""
    fields: dict[str, Any] = {}
    for name, one in inspect.signature(function, eval_str=True).parameters.items():
        kind: Any = one.annotation
        if kind is not one.empty and one.kind is not one.VAR_KEYWORD:
            kind = _by_instance(kind)
            fields[name] = (tuple[kind, ...] if one.kind is one.VAR_POSITIONAL else kind, None)
    config = ConfigDict(strict=True, arbitrary_types_allowed=True, protected_namespaces=(), extra="ignore")
    return create_model("Arguments", __config__=config, **fields)


def of_numbers(kind: Any) -> Any:
    """An annotation whose plain int and float take no true or false, wherever it leaves the choice."""
    if kind in (int, float):
        return Annotated[kind, _NUMBER]
    return reduce(or_, map(of_numbers, get_args(kind))) if get_origin(kind) in (Union, UnionType) else kind


def _by_instance(kind: Any) -> Any:
    """An annotation whose dataclasses and protocols are asked for as classes, and not field by field."""
    if isinstance(kind, type) and (is_dataclass(kind) or getattr(kind, "_is_protocol", False)):
        return Annotated[Any, PlainValidator(partial(_instance, kind))]
    if get_origin(kind) in (Union, UnionType):
        return reduce(or_, map(_by_instance, get_args(kind)))
    return kind


_INSTANCE = "Input should be an instance of "


def _instance(kind: type, value: object) -> object:
    if not isinstance(value, kind):
        raise PydanticCustomError("instance", _INSTANCE + "{name}", {"name": kind.__name__})
    return value


def _in_words(misses: list[str]) -> list[str]:
    """What each way misses, once; the classes that a value might have been of, in one."""
    ways = [one for one in dict.fromkeys(misses) if not one.startswith(_INSTANCE)]
    if kinds := list(dict.fromkeys(one.removeprefix(_INSTANCE) for one in misses if one.startswith(_INSTANCE))):
        ways.append(f"expected an instance of {' or '.join(kinds)}")
    return ways


def mistakes(error: ValidationError, given: Any) -> list[str]:
    """One for every value that cannot be: of the ways in which it might have been meant, what the nearest misses."""
    found = []
    for name in given:
        misses = [one for one in error.errors() if str(one["loc"][0]).rstrip("_") == str(name).rstrip("_")]
        if misses:
            misses = misses[::-1] if isinstance(given[name], dict) else misses  # a table was meant as a schedule
            nearest = max(misses, key=lambda one: len(one["loc"]))
            if len(nearest["loc"]) > 2 and "[" not in str(nearest["loc"][-1]):
                ways = [f"{nearest['loc'][-1]}: {nearest['msg']}"]
            else:
                ways = _in_words([one["msg"] for one in misses])
            found.append(f"{name} = {in_short(given[name])} cannot be: {', or: '.join(ways)}")
    return found
