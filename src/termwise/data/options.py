"""Options of loaders: a loader's own arguments give their names and types, and its docstring what they mean."""

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import ConfigDict, ValidationError, create_model

from termwise.errors import BadData, UnknownName
from termwise.registry import meanings


def check_options(
    where: str, loader: Callable[..., Any], options: Mapping[str, object], names: Collection[str]
) -> None:
    """Raise UnknownName or BadData unless a loader takes all of these options; nothing is converted.

    Args:
        where: What to call the loader in errors.
        loader: A function whose annotations say which values each option can have.
        options: Values by name.
        names: The arguments of the loader that are options.
    """
    parameters = inspect.signature(loader, eval_str=True).parameters
    for name, value in options.items():
        if not names:
            raise BadData(f"{where} takes no options, got {name}={value!r}. Leave it out.")
        if name not in names:
            raise UnknownName(f"option of {where}", name, names)
        if mistake := _mistake(parameters[name].annotation, value):
            meaning = meanings(loader).get(name, "").rstrip(".")
            remark = f" ({name}: {meaning[:1].lower()}{meaning[1:]})" if meaning else ""
            raise BadData(f"{where}: {name} = {value!r} cannot be: {mistake}{remark}.")


def _mistake(annotation: Any, value: object) -> str:
    """Why an argument annotated so cannot have this value; "" where it can."""
    if annotation is inspect.Parameter.empty:
        return ""
    config = ConfigDict(strict=True, arbitrary_types_allowed=True)
    try:
        create_model("Option", __config__=config, value=(annotation, ...)).model_validate({"value": value})
    except ValidationError as error:
        return error.errors()[0]["msg"]
    return ""
