"""Attribute vectors: the direction in code space along which an attribute appears, as long as its mean effect.

With posterior means m_n (D), attributes a_n in {0, 1}^A, and averages m, a over the examples,

    mean difference   v_j = E[m_n | a_nj = 1] - E[m_n | a_nj = 0]            (Larsen et al., 2016, section 4.2)
    regression        V = argmin_V sum_n |m_n - m - (a_n - a) V|^2           all attributes at once

A mean difference also carries what tends to come along with an attribute; regression holds the other attributes equal,
and is the same where they are uncorrelated. An edit moves a code by a strength in units of the vector,
z' = z + s v_j, so that strength 1 is the way from the average example without the attribute to one with it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from termwise.errors import BadData, Refused, UnknownName


def mean_difference(codes: np.ndarray, attributes: np.ndarray) -> np.ndarray:
    """Mean code with each attribute less that without it.

    Args:
        codes: Shape (N, D).
        attributes: Zeros and ones, shape (N, A), both in every column.

    Returns:
        Shape (A, D).
    """
    having = attributes.T @ codes / attributes.sum(0)[:, None]
    lacking = (1 - attributes).T @ codes / (1 - attributes).sum(0)[:, None]
    return having - lacking


def regression(codes: np.ndarray, attributes: np.ndarray) -> np.ndarray:
    """Least squares of codes on all attributes, with an intercept, shape (A, D); shapes as for `mean_difference`.

    Where attributes determine one another, as the classes of one label do, it is the solution of least norm.
    """
    centred = attributes - attributes.mean(0)
    return np.linalg.lstsq(centred, codes - codes.mean(0), rcond=1e-8)[0]


METHODS: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mean-difference": mean_difference,
    "regression": regression,
}


@dataclass(frozen=True, eq=False)
class AttributeVectors:
    """One vector an attribute, found by one method.

    Attributes:
        names: The A attributes'.
        vectors: Shape (A, D), float32.
        shares: How many of the examples have each attribute, shape (A,), from 0 to 1.
        method: "mean-difference" or "regression".
        n: From how many examples.
    """

    names: tuple[str, ...]
    vectors: Tensor
    shares: Tensor
    method: str
    n: int

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.names:
            raise UnknownName("attribute", name, self.names)
        return self.vectors[self.names.index(name)]

    def edit(self, z: Tensor, name: str, strength: float = 1.0) -> Tensor:
        """Codes z, shape (B, D), with more of an attribute; with less, where the strength is negative."""
        return z + strength * self[name].to(z)


def check_strengths(*strengths: float) -> None:
    """Raise Refused where a strength is no finite number, or there is none."""
    if not strengths or not all(math.isfinite(strength) for strength in strengths):
        raise Refused(f"Expected strengths that are finite numbers, one or more; got {list(strengths)}.")


def find_vectors(codes: Tensor, attributes: Tensor, names: tuple[str, ...], method: str) -> AttributeVectors:
    """The vectors of codes, shape (N, D), whose attributes are zeros and ones, shape (N, A).

    Raises:
        UnknownName: No such method.
        Refused: Shapes that do not fit each other.
        BadData: All examples agree in an attribute; codes that are not finite.
    """
    if method not in METHODS:
        raise UnknownName("way to find attribute vectors", method, METHODS)
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
    vectors = torch.from_numpy(METHODS[method](codes.double().cpu().numpy(), has.cpu().numpy())).float()
    return AttributeVectors(names, vectors, has.mean(0).float(), method, len(codes))
