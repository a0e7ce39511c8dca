"""Memories of q(z) by name: what an estimator's `aggregate` may be."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, PositiveInt, ValidationError

from termwise.errors import Refused, UnknownName
from termwise.terms.aggregate.bank import REFRESH, SIZE, Bank
from termwise.terms.aggregate.memory import Full, Memory, MinibatchStratified, MinibatchWeighted

MEMORIES: dict[str, type[Memory]] = {
    memory.name: memory for memory in (Bank, Full, MinibatchStratified, MinibatchWeighted)
}


class MemorySpec(BaseModel):
    """What q(z) is remembered from, with its options."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    size: PositiveInt | Literal["all"] | None = None
    refresh: NonNegativeFloat | None = None

    def build(self) -> Memory:
        """A fresh memory."""
        if self.name not in MEMORIES:
            raise UnknownName("aggregate", self.name, MEMORIES)
        if self.name == Bank.name:
            size = None if self.size == "all" else self.size or SIZE
            return Bank(size, REFRESH if self.refresh is None else self.refresh)
        for option in ("size", "refresh"):
            if getattr(self, option) is not None:
                raise Refused(f"Only a bank has a {option}; got {option}={getattr(self, option)} for {self.name!r}.")
        return MEMORIES[self.name]()


AnyMemory = Memory | str | dict[str, Any]


def memory_from(given: AnyMemory) -> Memory:
    """A memory, from one, from its name, or from a table such as {"name": "bank", "size": 4096}."""
    if isinstance(given, Memory):
        return given
    try:
        return MemorySpec.model_validate({"name": given} if isinstance(given, str) else given).build()
    except ValidationError as error:
        raise Refused(
            f'An aggregate is a name ({", ".join(MEMORIES)}), or a table such as {{name = "bank", size = 4096}}; '
            f"got {given!r}: {'; '.join(mistake['msg'] for mistake in error.errors())}."
        ) from None
