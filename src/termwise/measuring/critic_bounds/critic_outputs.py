"""What a critic puts out on examples that it was not trained on, and the link that it was asked for."""

from dataclasses import dataclass

from torch import Tensor

from termwise.terms.link_names import LINK_NAMES


@dataclass(frozen=True)
class CriticOutputs:
    """A critic's logits on new examples, by code: shape (samples, N), float64, on the CPU.

    Attributes:
        link: The name of the link, such as "rate".
        positions: The places of the examples in the data, shape (N,).
        exact: What needs no critic: log r(z|x) - log p(z), or 0.
        left: T at codes of the left law.
        right: T at codes of the right law.
        distortion: Of the left law's codes; None without a decoder, and of other links than the rate.
    """

    link: str
    positions: Tensor
    exact: Tensor
    left: Tensor
    right: Tensor
    distortion: Tensor | None


def stops_of(link: str) -> tuple[str, str]:
    """The laws at either end of a link."""
    return next(stops for stops, name in LINK_NAMES.items() if name == link)
