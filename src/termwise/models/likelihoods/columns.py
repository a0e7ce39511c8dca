"""A likelihood of each column of a table, by what it holds: p(x|z) = prod_c p(x_c|z).

    number    x_c ~ N(m_c + s_c decoded, (s_c sigma_c)^2), of the column's own mean m_c and standard deviation s_c
    count     x_c ~ negative binomial of mean exp(decoded)
    binary    x_c ~ Bernoulli, of logits
    category  one of K that are 0 or 1 and sum to 1, of K logits

sigma and the dispersion of counts learn, one of each column. Every entry of x has one number of the decoder.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution, Normal, constraints
from torch.nn import functional as F
from torch.types import _size

from termwise.data import Dataset
from termwise.data.scales import scales_of
from termwise.errors import BadData, Refused
from termwise.models.likelihoods.counts import LARGEST
from termwise.models.likelihoods.likelihood import Likelihood, over_examples
from termwise.models.likelihoods.negative_binomial import LOG_THETAS, NegativeBinomialCounts

KINDS = ("number", "count", "binary", "category")
"""What a column can hold."""


class ColumnKinds:
    """Which entries of x are of which kind.

    Args:
        spec: The kinds in order, "number*2,count,category*3": two numbers, a count, and one column of three categories.

    Raises:
        Refused: It is no such list.

    Example:
        >>> layout = ColumnKinds("number*2,category*3,binary")
        >>> layout.size, layout.entries["number"], layout.categories
        (6, [0, 1], [[2, 3, 4]])
    """

    def __init__(self, spec: str) -> None:
        self.entries: dict[str, list[int]] = {kind: [] for kind in KINDS}
        self.categories: list[list[int]] = []
        self.size = 0
        for part in spec.split(","):
            kind, _, times = part.partition("*")
            if kind not in KINDS or not (times or "1").isdecimal() or not int(times or 1):
                raise Refused(
                    "Expected a likelihood of columns as 'columns:number*2,count,category*3,binary', of "
                    f"{', '.join(KINDS)}; got {part!r} in {spec!r}. From a table, 'columns' alone will do."
                )
            own = list(range(self.size, self.size + int(times or 1)))
            self.entries[kind] += own
            self.categories += [own] if kind == "category" else []
            self.size += len(own)
        order = [entry for kind in KINDS for entry in self.entries[kind]]
        self.back = [order.index(entry) for entry in range(self.size)]
        """Where each entry of x stands, among numbers, counts, yes and no, and categories."""


class LawOfColumns(Distribution):
    """The law of every entry of a table's rows, batch shape (B, D); categories' entries are 0 or 1 together.

    Args:
        layout: Which entries are of which kind.
        numbers, counts, binaries: The laws of theirs, batch shape (B, ...) each.
        log_shares: The log-probabilities of categories, shape (B, ...).
    """

    arg_constraints = {"log_shares": constraints.real}  # noqa: RUF012

    def __init__(
        self,
        layout: ColumnKinds,
        numbers: Distribution,
        counts: Distribution,
        binaries: Distribution,
        log_shares: Tensor,
    ) -> None:
        self.layout, self.numbers, self.counts, self.binaries = layout, numbers, counts, binaries
        self.log_shares = log_shares
        super().__init__(torch.Size([len(log_shares), layout.size]), validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """Real numbers, where any column holds them, and else whole ones."""
        return constraints.real if self.layout.entries["number"] else constraints.nonnegative_integer

    @property
    def mean(self) -> Tensor:
        """The mean of each entry, shape (B, D); of categories their probabilities."""
        return self._together(self.numbers.mean, self.counts.mean, self.binaries.mean, self.log_shares.exp())

    @property
    def variance(self) -> Tensor:
        """The variance of each entry, shape (B, D)."""
        shares = self.log_shares.exp()
        parts = (one.variance for one in (self.numbers, self.counts, self.binaries))
        return self._together(*parts, shares * (1 - shares))

    def sample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Rows, shape (*sample_shape, B, D)."""
        with torch.no_grad():
            noise = (
                -torch.empty_like(self.log_shares.expand(*sample_shape, *self.log_shares.shape)).exponential_().log()
            )
            ones = [F.one_hot(one.argmax(-1), one.shape[-1]) for one in self._by_column(self.log_shares + noise)]
            shares = torch.cat([noise[..., :0], *(one.to(noise.dtype) for one in ones)], -1)
            parts = (one.sample(sample_shape) for one in (self.numbers, self.counts, self.binaries))
            return self._together(*parts, shares)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p of each entry, nats; of a category's, that of the one which is 1."""
        number, count, binary, category = (value[..., self.layout.entries[kind]] for kind in KINDS)
        return self._together(
            self.numbers.log_prob(number),
            self.counts.log_prob(count),
            self.binaries.log_prob(binary),
            category * self.log_shares,
        )

    def _by_column(self, shares: Tensor) -> tuple[Tensor, ...]:
        return shares.split([len(column) for column in self.layout.categories], -1) if shares.shape[-1] else ()

    def _together(self, *parts: Tensor) -> Tensor:
        """Values of numbers, counts, yes and no, and categories, as entries in the order of x."""
        return torch.cat(parts, -1)[..., self.layout.back]


class ColumnsLikelihood(Likelihood):
    """One likelihood of each column of a table, by what it holds; entries may be missing.

    Args:
        layout: What the columns hold, as "number*2,category*3,binary"; `train` takes it from a table where left out.

    Example:
        >>> law = ColumnsLikelihood("binary,category*3")(torch.zeros(1, 4))
        >>> law.log_prob(torch.tensor([[1.0, 0.0, 1.0, 0.0]])).exp().item()  # 1/2 x 1/3
        0.1666...
    """

    FLOOR = 1e-3
    scales = True

    means: Tensor
    stddevs: Tensor

    def __init__(self, layout: str = "") -> None:
        super().__init__()
        if not layout:
            raise Refused(
                "A likelihood of columns needs to know what they hold: train it on a table, or say it, as in "
                "'columns:number*2,count,category*3,binary'."
            )
        self.layout = ColumnKinds(layout)
        self.spec = f"columns:{layout}"
        numbers, counts = (len(self.layout.entries[kind]) for kind in ("number", "count"))
        self.log_sigma = nn.Parameter(torch.zeros(numbers))
        self.log_theta = nn.Parameter(torch.zeros(counts))
        self.register_buffer("means", torch.zeros(numbers))
        self.register_buffer("stddevs", torch.ones(numbers))

    def for_examples(self, shape: tuple[int, ...]) -> None:
        """Refuse examples of another shape."""
        if shape != (self.layout.size,):
            raise Refused(
                f"A likelihood of {self.layout.size} entries in columns is of examples of shape ({self.layout.size},); "
                f"the model's are of shape {shape}."
            )

    def begin(self, data: Dataset) -> None:
        """Take means and standard deviations of numbers from the training part, and refuse what is not of its kind.

        Raises:
            BadData: A column holds something else than this likelihood has it for.
        """
        scales, entries = scales_of(data.train), self.layout.entries
        fits = {
            "count": scales.whole & (scales.minimum >= 0),
            "binary": scales.binary,
            "category": scales.binary,
        }
        for kind, right in fits.items():
            for entry in entries[kind]:
                if not right[entry]:
                    name = data.columns[entry].name if data.columns else str(entry)
                    raise BadData(
                        f"Column {name!r} is for {kind}, of {self.spec!r}, and has numbers from "
                        f"{float(scales.minimum[entry]):g} to {float(scales.maximum[entry]):g}. Say 'number' of it."
                    )
        numbers = entries["number"]
        stddevs = scales.stddev[numbers]
        self.means.copy_(scales.mean[numbers].nan_to_num())
        self.stddevs.copy_(torch.where(stddevs > 0, stddevs, torch.ones_like(stddevs)))

    def inputs(self, x: Tensor) -> Tensor:
        """Rows as networks see them: numbers standardised, counts as log(1 + x)."""
        seen, numbers, counts = x.clone(), self.layout.entries["number"], self.layout.entries["count"]
        seen[..., numbers] = (x[..., numbers] - self.means) / self.stddevs
        seen[..., counts] = x[..., counts].log1p()
        return seen

    def forward(self, decoded: Tensor) -> Distribution:
        """p(x|z) of the decoder's output, shape (B, D)."""
        number, count, binary, category = (decoded[:, self.layout.entries[kind]] for kind in KINDS)
        means, stddevs = self.means.to(decoded.dtype), self.stddevs.to(decoded.dtype)
        sigma = stddevs * (self.log_sigma.exp().to(decoded.dtype) + self.FLOOR)
        numbers = Normal(means + stddevs * number, sigma.expand_as(number), validate_args=False)
        theta = self.log_theta.clamp(*LOG_THETAS).to(decoded.dtype)
        counts = NegativeBinomialCounts(count.clamp(max=LARGEST), theta)
        binaries = Bernoulli(logits=binary, validate_args=False)
        sizes = [len(column) for column in self.layout.categories]
        shares = [one.log_softmax(-1) for one in category.split(sizes, -1)] if sizes else []
        return over_examples(
            LawOfColumns(self.layout, numbers, counts, binaries, torch.cat([category[:, :0], *shares], 1))
        )


def likelihood_of_columns(data: Dataset) -> str:
    """The likelihood of each column of a table by name, in a configuration's words.

    A column of whole numbers that vary less than a Poisson's, as years do, is one of numbers.

    Raises:
        Refused: The data has no columns of which the kinds are known.

    Example:
        >>> from termwise.data import load_data
        >>> import pandas
        >>> frame = pandas.DataFrame({"size": [1.5, 2.5, 0.5], "visits": [0, 9, 1], "kind": ["a", "b", "c"]})
        >>> likelihood_of_columns(load_data(frame, test=0.0, labels=False))
        'columns:number,count,category*3'
    """
    if not data.columns:
        raise Refused(
            "Likelihood 'columns' is of a table, whose columns say what they hold; these examples have none. Say it: "
            "'columns:number*2,count,category*3,binary'."
        )
    scales, parts = scales_of(data.train), list[tuple[str, str, int]]()
    wide = scales.stddev.square() >= scales.mean
    for entry, column in enumerate(data.columns):
        counted = column.kind == "count" and bool(wide[entry])
        kind = column.kind if column.kind in ("binary", "category") else "count" if counted else "number"
        joined = bool(parts) and parts[-1][0] == kind and (kind != "category" or parts[-1][1] == column.source)
        parts[-1:] = [(kind, column.source, parts[-1][2] + 1)] if joined else [*parts[-1:], (kind, column.source, 1)]
    return "columns:" + ",".join(kind if times == 1 else f"{kind}*{times}" for kind, _, times in parts)
