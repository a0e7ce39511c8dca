"""Examples that are rows of a sparse matrix: kept as they are, and made dense batch by batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from termwise.data.examples import Examples, chunks, in_memory_examples
from termwise.errors import BadData
from termwise.main_memory import check_fits

_DENSE = 2**28  # bytes of x up to which rows are made dense at once, which is quicker
_CHEAP = 2**28  # numbers up to which a pass over all rows is cheap


@dataclass(frozen=True, eq=False)
class SparseRows:
    """Examples (D,) that are the rows of a sparse matrix.

    Example:
        >>> rows = SparseRows(scipy.sparse.csr_array(np.eye(3, dtype=np.float32)))
        >>> [batch.tolist() for batch in rows.batches(torch.tensor([2, 0]), 1, drop_last=False)]
        [[[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]]]

    Args:
        rows: The matrix, (N, D), by rows (CSR), float32.
    """

    rows: scipy.sparse.csr_array

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return (self.rows.shape[1],)

    @property
    def in_memory(self) -> bool:
        """Whether a pass over everything is cheap: not where there are very many zeros."""
        return int(self.rows.shape[0]) * int(self.rows.shape[1]) <= _CHEAP

    def __len__(self) -> int:
        return int(self.rows.shape[0])

    def batches(self, order: Tensor, batch_size: int, drop_last: bool) -> Iterator[Tensor]:
        """The x at the positions of `order`, as float32 (B, D)."""
        for positions in chunks(order, batch_size, drop_last):
            yield torch.from_numpy(self.rows[positions.numpy()].toarray())


def is_sparse(thing: object) -> bool:
    """Whether an object is one of scipy's sparse matrices or arrays."""
    return scipy.sparse.issparse(thing)


def sparse_examples(matrix: Any, where: str, log1p: bool = False) -> Examples:
    """The rows of a sparse matrix as examples: dense at once where they are few.

    Args:
        matrix: One of scipy's, of any format, (N, D).
        where: What to call it in errors.
        log1p: Whether x is log(1 + entry).

    Raises:
        BadData: Entries that are no numbers, not finite, or out of place; or no rows.
        Refused: The matrix does not fit in memory.
    """
    if matrix.ndim != 2 or not all(matrix.shape) or matrix.dtype.kind not in "biuf":
        raise BadData(
            f"{where}: expected a sparse matrix of numbers, (N, D), got {matrix.dtype} of shape {matrix.shape}."
        )
    check_fits(12 * matrix.nnz, f"{where}: the matrix of {matrix.nnz} entries", "Load a part of it.")
    if matrix.format in ("csr", "csc"):
        try:
            matrix.check_format(full_check=True)  # indices out of place would be read beyond memory
        except ValueError as error:
            raise BadData(f"{where}: expected a sparse matrix whose indices fit, {error}. Save it anew.") from None
    rows = scipy.sparse.csr_array(matrix, dtype=np.float32, copy=log1p)
    if not np.isfinite(rows.data).all():
        entry = int(np.flatnonzero(~np.isfinite(rows.data))[0])
        row = int(np.searchsorted(rows.indptr, entry, side="right")) - 1
        raise BadData(
            f"{where}: expected finite numbers, got {rows.data[entry]} in example {row} at ({rows.indices[entry]},). "
            "Remove or fill such entries."
        )
    if log1p:
        rows.data = log_of_one_more(rows.data, where)
    if 4 * rows.shape[0] * rows.shape[1] <= _DENSE:
        return in_memory_examples(rows.toarray(), where)
    return SparseRows(rows)


def log_of_one_more(values: np.ndarray, where: str) -> np.ndarray:
    """The logarithm of 1 + each value, for values that are 0 or above."""
    if values.size and values.min() < 0:
        raise BadData(f"{where}: expected numbers of 0 or above for log1p, got {values.min():g}. Leave log1p out.")
    return np.log1p(values)
