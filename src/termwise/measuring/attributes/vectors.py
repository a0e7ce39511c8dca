"""Attribute vectors: the direction in code space along which an attribute appears, as long as its mean effect.

With posterior means m_n (D), attributes a_n in {0, 1}^A, and averages m, a over the examples,

    mean difference   v_j = E[m_n | a_nj = 1] - E[m_n | a_nj = 0]            (Larsen et al., 2016, section 4.2)
    regression        V = argmin_V sum_n |m_n - m - (a_n - a) V|^2           all attributes at once

A mean difference also carries what tends to come along with an attribute; regression holds the other attributes equal,
and is the same where they are uncorrelated. An edit moves a code by a strength in units of the vector,
z' = z + s v_j, so that strength 1 is the way from the average example without the attribute to one with it.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from termwise.errors import BadData, Refused, UnknownName
from termwise.notebook import in_a_line
from termwise.registry import Registry, Row


def mean_difference(codes: np.ndarray, attributes: np.ndarray) -> np.ndarray:
    """Mean code with each attribute less that without it.

    Args:
        codes: Shape (N, D).
        attributes: Zeros and ones, shape (N, A), both in every column.

    Returns:
        Shape (A, D).

    Example:
        >>> codes = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [1.0, 2.0]])
        >>> mean_difference(codes, np.array([[0], [1], [0], [1]])).tolist()
        [[1.0, 0.0]]
    """
    having = attributes.T @ codes / attributes.sum(0)[:, None]
    lacking = (1 - attributes).T @ codes / (1 - attributes).sum(0)[:, None]
    return having - lacking


def regression(codes: np.ndarray, attributes: np.ndarray) -> np.ndarray:
    """Least squares of codes on all attributes, with an intercept, shape (A, D); shapes as for `mean_difference`.

    Where attributes determine one another, as the classes of one label do, it is the solution of least norm.

    Example:
        >>> both = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [1, 1]])  # the second tends to come along with the first
        >>> regression(1.0 * both, 1.0 * both).round(6).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    centred = attributes - attributes.mean(0)
    return np.linalg.lstsq(centred, codes - codes.mean(0), rcond=1e-8)[0]


METHODS: Registry[Row] = Registry(
    "way to find attribute vectors",
    "termwise.attribute_vectors",
    [
        Row("mean-difference", mean_difference, "mean code with an attribute less that without it"),
        Row("regression", regression, "least squares of codes on all attributes at once"),
    ],
)
"""The ways to find attribute vectors, each made of codes, shape (N, D), and attributes, (N, A): vectors, (A, D)."""

STANDARD_METHOD = "mean-difference"
"""The method whose readings bear no ending."""


def reading_ending(method: str) -> str:
    """What the names of readings end in that depend on the method of the vectors.

    Example:
        >>> reading_ending("mean-difference"), reading_ending("regression")
        ('', '_by_regression')
    """
    return "" if method == STANDARD_METHOD else f"_by_{method}"


@dataclass(frozen=True, eq=False)
class AttributeVectors:
    """One vector an attribute, found by one method.

    Attributes:
        names: The A attributes'.
        vectors: Shape (A, D), float32.
        shares: How many of the examples have each attribute, shape (A,), from 0 to 1.
        method: The method's name, such as "regression".
        n: From how many examples.

    Example:
        >>> vectors = AttributeVectors(("smile",), torch.tensor([[1.0, 0.0]]), torch.tensor([0.5]), "regression", 8)
        >>> vectors.edit(torch.zeros(2), "smile", strength=0.5).tolist()
        [0.5, 0.0]
        >>> vectors["simle"]
        Traceback (most recent call last):
        termwise.errors.UnknownName: Unknown attribute 'simle'. Did you mean 'smile'? Known: smile.
    """

    names: tuple[str, ...]
    vectors: Tensor
    shares: Tensor
    method: str
    n: int

    def __repr__(self) -> str:
        return in_a_line(self)

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.names:
            raise UnknownName("attribute", name, self.names)
        return self.vectors[self.names.index(name)]

    def edit(self, z: Tensor, name: str, strength: float = 1.0) -> Tensor:
        """Codes z, shape (B, D), with more of an attribute; with less, where the strength is negative."""
        return z + strength * self[name].to(z)

    def how(self, strength: float) -> str:
        """In words, how edits are made."""
        return f"{self.method} of {self.n} codes, strength {strength:g}"

    def turned(self, code: tuple[Tensor, Any], j: int, has: Tensor, strength: float) -> tuple[Tensor, Any]:
        """Codes, shape (B, D), and their context: with attribute j where it is not, and without it where it is."""
        z, context = code
        sign = 1 - 2 * has.to(z).unsqueeze(1)
        return z + sign * strength * self.vectors[j].to(z), context

    def added(self, code: tuple[Tensor, Any], j: int, strength: float) -> tuple[Tensor, Any]:
        """The same with attribute j, or where the strength is below 0 without it."""
        return code[0] + strength * self.vectors[j].to(code[0]), code[1]

    def made_from(self, code: tuple[Tensor, Any], has: Tensor) -> tuple[Tensor, Any]:
        """The same with the attributes of each, (B, A), in the place of those that are usual."""
        z, context = code
        return z + (has.to(z) - self.shares.to(z)) @ self.vectors.to(z), context


def check_strengths(*strengths: float) -> None:
    """Raise Refused where a strength is no finite number, or there is none.

    Example:
        >>> check_strengths(1.0, float("nan"))
        Traceback (most recent call last):
        termwise.errors.Refused: Expected strengths that are finite numbers, one or more; got [1.0, nan].
    """
    if not strengths or not all(math.isfinite(strength) for strength in strengths):
        raise Refused(f"Expected strengths that are finite numbers, one or more; got {list(strengths)}.")


def find_vectors(codes: Tensor, attributes: Tensor, names: tuple[str, ...], method: str) -> AttributeVectors:
    """The vectors of codes, shape (N, D), whose attributes are zeros and ones, shape (N, A).

    Raises:
        UnknownName: No such method.
        Refused: Shapes that do not fit each other.
        BadData: All examples agree in an attribute; codes that are not finite.

    Example:
        >>> codes = torch.tensor([[0.0, 5.0], [1.0, 5.0], [0.0, 5.0], [1.0, 5.0]])
        >>> smile = torch.tensor([[0], [1], [0], [1]])
        >>> find_vectors(codes, smile, ("smile",), "mean-difference")["smile"].tolist()
        [1.0, 0.0]
    """
    find = METHODS[method].maker
    if attributes.shape != (len(codes), len(names)) or codes.dim() != 2:
        raise Refused(
            f"Attribute vectors need codes (N, D), attributes (N, A) and A names; got {tuple(codes.shape)}, "
            f"{tuple(attributes.shape)} and {len(names)} names."
        )
    agreed = [name for name, column in zip(names, attributes.T, strict=True) if bool((column == column[0]).all())]
    if agreed:
        raise BadData(f"All {len(codes)} examples agree in {', '.join(agreed)}: leave these attributes out.")
    if not bool(codes.isfinite().all()):
        raise BadData("The model gives codes that are not finite; there is nothing to find attributes in.")
    has = attributes.double()
    vectors = torch.from_numpy(find(codes.cpu().double().numpy(), has.cpu().numpy())).float()
    return AttributeVectors(names, vectors, has.mean(0).float(), method, len(codes))
