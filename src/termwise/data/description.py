"""What a data set is taken for, before anything trains on it: its columns, their kinds and scales, what suits it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

IN_WORDS = {
    "number": ("number", "numbers"),
    "count": ("count", "counts"),
    "binary": ("zero or one", "zeros and ones"),
    "category": ("category", "categories"),
    "date": ("date", "dates"),
}
"""The kinds of entries of x, as a text has one and several of them."""

SHOWN = 12
"""The columns that a text has of a table, at most; `to_dict` has all."""


@dataclass(frozen=True, slots=True)
class DescribedColumn:
    """A column of a table, or an entry of x that has a name: what it is, and of what scale.

    Attributes:
        name: What it is called.
        kind: As `Column` or `TableColumn` has it.
        use: "x", or what else it was put to.
        mean, stddev, minimum, maximum: Of its numbers in x; None where it is no one number there.
        missing: How many of its cells have none.
        values: How many different values it has; None where nobody counted.
        offered: Whether it would do as labels.
    """

    name: str
    kind: str
    use: str = "x"
    mean: float | None = None
    stddev: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    missing: int = 0
    values: int | None = None
    offered: bool = False


@dataclass(frozen=True, slots=True)
class DescribedSide:
    """A variable beside x: what it is, and how many examples its groups have.

    Attributes:
        name: What it is called.
        kind: "category" or "number".
        examples: How many there are.
        groups: How many categories there are examples of, or different numbers.
        smallest: The least examples of one category or number.
        smallest_name: The category that has them; "" of a number.
        alone: How many categories or numbers have one example.
        untrained: Categories of which no example trains.
        unknown: Of how many examples it is not known.
        minimum, maximum: Of numbers; None of categories.
    """

    name: str
    kind: str
    examples: int
    groups: int
    smallest: int
    smallest_name: str = ""
    alone: int = 0
    untrained: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    unknown: int = 0

    def __str__(self) -> str:
        if self.kind == "number":
            return f"{self.name}, a number from {self.minimum:,.6g} to {self.maximum:,.6g}"
        several = f"{self.groups:,} categories, the smallest {self.smallest_name!r} of {self.smallest:,}"
        some = f", known of {self.examples - self.unknown:,} of {self.examples:,}" if self.unknown else ""
        return f"{self.name}, {several if self.groups > 1 else 'one category'}{some}"

    def oddities(self) -> Iterator[str]:
        """A sentence on each thing for which little can be learned of it, or from it."""
        if self.groups == 1:
            yield f"{self.name} is the same for all examples: a code can know nothing of it."
        elif self.kind == "category" and self.groups == self.examples:
            yield (
                f"{self.name} is another category for every example, so that to know it is to know which example it "
                f"is. Leave it out; or, where it is a number, say {self.name}:number."
            )
        elif self.alone and self.kind == "category":
            who = "1 category has" if self.alone == 1 else f"{self.alone:,} categories have"
            yield f"Of {self.name}, {who} one example alone: of so small a group little can be said."
        if self.untrained:
            yield f"Of {self.name}, no example trains that is {_few(self.untrained)}: a model cannot learn what it is."


@dataclass(frozen=True)
class Description:
    """What a data set is taken for; its text is for a reader, `to_dict` for JSON. `Dataset.describe` makes one.

    Attributes:
        name: Of the data set.
        format: What it was read as: a source's name, a format, or "python".
        examples: How many there are.
        shape: Of one.
        splits: How many each part has.
        minimum, maximum: The range of the numbers in x.
        binary: Whether they are zeros and ones.
        columns: Those of the table that x was made of, or the entries of x by name; none where there are no names.
        kinds: How many entries of x are of which kind, where they have names.
        advice: A sentence on the scale of x, where it is one that can hardly be trained on; else "".
        constant: Names of the entries of x, or their numbers, that have one value in all examples.
        standardize: Whether a model that is trained on it standardises x.
        scaled: How many entries of x are then scaled.
        likelihood: The one that suits.
        why: Why it does.
        labels: How many labels there are; None where there are none.
        label_names: Their names.
        factors, attributes: Names.
        bytes: What x takes: in memory, or, where it is read as it is asked for, if all of it were.
        in_memory: Which of the two.
        looked_at: Of how many examples the numbers are.
        notes: What its reader took it for, where it could be taken for something else.
        side: What stands beside x, for models and readings.
    """

    name: str
    format: str
    examples: int
    shape: tuple[int, ...]
    splits: dict[str, int]
    minimum: float
    maximum: float
    binary: bool
    standardize: bool
    scaled: int
    likelihood: str
    why: str
    bytes: int
    in_memory: bool
    looked_at: int
    labels: int | None = None
    label_names: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    columns: tuple[DescribedColumn, ...] = ()
    kinds: dict[str, int] = field(default_factory=dict)
    advice: str = ""
    constant: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    side: tuple[DescribedSide, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        said = asdict(self)
        values = {name: said.pop(name) for name in ("minimum", "maximum", "binary")}
        likelihood = {"name": said.pop("likelihood"), "why": said.pop("why")}
        lists = {name: list(value) for name, value in said.items() if isinstance(value, tuple)}
        return said | lists | {"values": values, "likelihood": likelihood}

    def __repr__(self) -> str:
        return "\n".join([self.headline, *self._table(), *(f"  {sentence}" for sentence in self.sentences())])

    @property
    def headline(self) -> str:
        """One line: what it is called, how many of what, and its parts."""
        own = [column for column in self.columns if column.use != "beside"]
        table = any(column.use == "x" for column in own)
        of = f"rows of {len(own)} columns" if table else f"examples of shape {self.shape}"
        used = f", {self.shape[0]} numbers in x" if table and self.shape[0] != len(own) else ""
        parts = "".join(f"{', ' if i else '; '}{name} {n:,}" for i, (name, n) in enumerate(self.splits.items()))
        return f"{self.name} ({self.format}): {self.examples:,} {of}{used}{parts}"

    def sentences(self) -> Iterator[str]:
        """The rest, a sentence a line; the last says which likelihood suits."""
        yield self.about_x()
        if beside := self.about_annotations():
            yield beside
        yield from self.about_side()
        yield from self.notes
        if self.advice:
            yield self.advice
        yield f"Likelihood {self.likelihood}: {self.why}."

    def in_three_lines(self, likelihood: str | None = None) -> list[str]:
        """The same in three lines: how many of what, what is known of them, and the likelihood.

        Args:
            likelihood: The one that was chosen, where it was not left to the data.
        """
        said = (self.about_x(), self.about_annotations(), *self.about_side(), *self.notes, self.advice)
        known = " ".join(part for part in said if part)
        chosen = f"{self.likelihood}: {self.why}" if likelihood in (None, self.likelihood) else f"{likelihood}, as said"
        return [self.headline, known, f"Likelihood {chosen}."]

    def about_x(self) -> str:
        """What the numbers in x are, and whether they are brought to one scale."""
        what = ", ".join(f"{count} {IN_WORDS[kind][count > 1]}" for kind, count in self.kinds.items()) or "numbers"
        missing = sum(column.missing for column in self.columns if column.use == "x")
        cells = f"; {missing:,} cell{'s were' if missing > 1 else ' was'} missing" if missing else ""
        still = f"; constant: {_few(self.constant)}" if self.constant else ""
        entries = f"{self.scaled} of {self.shape[0]} {'columns' if len(self.shape) == 1 else 'channels'}"
        scale = (
            f"standardised within the model ({entries}), undone in all that it makes" if self.standardize else "as is"
        )
        size = (
            f"{_size(self.bytes)} in memory"
            if self.in_memory
            else f"read as it is asked for, {_size(self.bytes)} in all"
        )
        return f"x: {what} from {self.minimum:,.6g} to {self.maximum:,.6g}{cells}{still}; {scale}; {size}."

    def about_annotations(self) -> str:
        """What is known beside x, and what would do as labels."""
        names = f" ({_few(self.label_names)})" if self.label_names else ""
        parts = [f"{self.labels} labels{names}"] if self.labels is not None else []
        for what, some in (("factors", self.factors), ("attributes", self.attributes)):
            parts += [f"{len(some)} {what} ({_few(some)})"] if some else []
        known = f"Beside x: {', '.join(parts)}." if parts else ""
        offered = [column.name for column in self.columns if column.offered and column.use not in ("labels", "beside")]
        would = f"labels={offered[0]!r} would take that column off x, for labels." if offered else ""
        more = f" So would {_few(offered[1:])}." if len(offered) > 1 else ""
        return " ".join(part for part in (known, f"{would}{more}") if part)

    def about_side(self) -> Iterator[str]:
        """What stands beside x for models and readings, and what is odd about it."""
        if self.side:
            yield f"Side information: {'; '.join(map(str, self.side))}."
        for variable in self.side:
            yield from variable.oddities()

    def _table(self) -> Iterator[str]:
        """The columns, one below another."""
        if not self.columns:
            return
        wide = min(24, max(len(column.name) for column in self.columns[:SHOWN]))
        yield f"  {'column':<{wide}}  kind      {'mean':>9} {'sd':>9} {'min':>9} {'max':>9}"
        for column in self.columns[:SHOWN]:
            numbers = (column.mean, column.stddev, column.minimum, column.maximum)
            cells = " ".join(f"{'' if number is None else f'{number:.4g}':>9}" for number in numbers)
            put = "" if column.use == "x" else f"  {column.use}"
            missing = f"  {column.missing:,} missing" if column.missing else ""
            yield f"  {column.name[:wide]:<{wide}}  {column.kind:<8}  {cells}{put}{missing}".rstrip()
        if len(self.columns) > SHOWN:
            yield f"  and {len(self.columns) - SHOWN:,} more"


def _few(names: "tuple[str, ...] | list[str]", most: int = 5) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


def _size(count: int) -> str:
    """Bytes in words."""
    size, units = float(count), ["bytes", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.0f} {units[0]}" if units[0] == "bytes" else f"{size:.1f} {units[0]}"
