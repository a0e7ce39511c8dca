"""How well the block that observes what stands beside x foretells it: a classifier's loss within a VAE.

    E[-log q(y|x)]        over the examples of which y is known (Kingma, Mohamed, Rezende and Welling, 2014, eq. 9)

Where few are known, a batch has hardly any. In training it is taken over a batch of its own, drawn of these alone, so
that every step sees them, and the batch at hand stays as the data are.
"""

from torch import Tensor

from termwise.errors import Refused
from termwise.models.block_law import LawOfBlocks
from termwise.models.categories import ObservedCategories
from termwise.models.draw import Draw


class ClassCrossEntropy:
    """E[-log q(y|x)] over the examples of which y is known, nats.

    Example:
        >>> import torch
        >>> from termwise.data import Side
        >>> from termwise.models import VAE
        >>> side = Side.of({"kind:partly": ["a", None, "b", None, "a"]})
        >>> model = VAE.build((4,), code=[{"name": "label", "posterior": "categorical", "observes": "kind"}], side=side)
        >>> ClassCrossEntropy()(model.draw(torch.rand(5, 4), side=side.values)).shape
        torch.Size([5])
    """

    name, unit, label = "class_cross_entropy", "nats", "of the labelled"
    bias = "unbiased"
    memory = None

    def check(self, draw: Draw) -> None:
        """Raise Refused where no block observes, or nothing of what it observes is known."""
        observed_law(draw)
        if draw.observed is not None and not draw.observed.share:
            raise Refused(
                f"Nothing is known of {draw.observed.name} in what trains: a classifier learns from examples of which "
                "it is. Bring some; or take another recipe, such as vae."
            )

    def __call__(self, draw: Draw) -> Tensor:
        """In training shape (), of a batch of labelled examples; else by example, shape (B,), 0 where y is not known.

        By example each value is divided by the share of examples of which y is known, so that the mean is that of
        these; where it is known of none, it is 0.
        """
        law = observed_law(draw)
        if law.pinned and draw.observed is not None:
            return -observed_law(draw.observed.another()).own_log_prob().mean()
        share = float((~law.values.isnan()).float().mean()) if draw.observed is None else draw.observed.share
        return -law.own_log_prob() / (share or 1.0)

    def of_no_code(self, draw: Draw) -> bool:
        """Always: it is of q(y|x), and of none of the draw's codes."""
        return True


def observed_law(draw: Draw) -> ObservedCategories:
    """The law of the block that observes what stands beside x.

    Raises:
        Refused: The code has no such block, or nothing stands beside x.
    """
    posterior = draw.posterior
    for link in posterior.links if isinstance(posterior, LawOfBlocks) else ():
        if isinstance(link, ObservedCategories):
            return link
    raise Refused(
        "The classifier's cross-entropy is of a block that observes what stands beside x, and this code has none. Say "
        'which: [[model.code]] with name = "label", posterior = "categorical" and observes = "labels", beside other '
        "blocks; and side = ['labels:partly'] of the data."
    )
