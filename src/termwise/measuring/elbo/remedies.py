"""Which recipes can act on a link of the walk, of such codes as a model has: what a diagnosis may advise.

Whether one can follows from the posterior, the prior and the blocks, and each estimator knows what it refuses. So the
links of a recipe are tried, on a few examples of the data.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch.distributions import Distribution

from termwise.errors import TermwiseError
from termwise.models.block_law import LawOfBlocks, blocks_of
from termwise.models.categories import Categories
from termwise.models.codewords import Codewords
from termwise.models.data_pass import Pass, evaluating
from termwise.models.draw import Draw
from termwise.models.randomness import own_randomness
from termwise.objectives import RECIPES
from termwise.terms.adversarial.density_ratio import DensityRatio
from termwise.terms.link import Link

FEW = 8
"""On so many examples a recipe is tried: a kernel asks for four."""

RECIPES_FOR: Mapping[str, tuple[tuple[str, Mapping[str, Any]], ...]] = {
    "index_code_mi": (("mi-floor", {}), ("mi-floor", {"aggregate": "full"})),
    "marginal_kl": (("beta-tcvae", {}), ("info-vae", {}), ("wae-mmd", {})),
    "total_correlation": (("beta-tcvae", {}), ("factor-vae", {}), ("hsic-vae", {})),
}
"""The recipes that weigh a link, the first choice first."""


LEARNED: tuple[tuple[type[Distribution], str], ...] = (
    (Codewords, "autoregressive"),
    (Categories, "learned-categories"),
)
"""The prior that learns of codes of each kind; of numbers it is a flow."""


class Remedies:
    """What can be done about a model.

    Args:
        batches: The data through it. Where it is None, or the model takes no few examples by themselves, no more is
            known than an account says, and all is taken to be possible.

    Example:
        >>> import termwise as tw
        >>> from termwise.models.data_pass import DataPass
        >>> model = tw.VAE.build((4,), 6, posterior="vector-quantized:8", prior="uniform")
        >>> remedies = Remedies(DataPass(model, tw.load_data(torch.rand(9, 4).round(), test=0.0)))
        >>> remedies.of("index_code_mi"), remedies.of("marginal_kl"), remedies.prior
        ([], ['info-vae', 'wae-mmd'], 'prior = "autoregressive"')
    """

    def __init__(self, batches: Pass | None = None) -> None:
        self._batches = batches
        self._known: dict[str, list[str]] = {}

    def of(self, link: str) -> list[str]:
        """The recipes that can weigh a link, as a command or a file names them; of one alone its first form."""
        if link not in self._known:
            found: dict[str, str] = {}
            for name, options in RECIPES_FOR[link]:
                if name not in found and self._can(name, options):
                    said = ", ".join(f'{option} = "{value}"' for option, value in options.items())
                    found[name] = f"{name} with {said}" if said else name
            self._known[link] = list(found.values())
        return self._known[link]

    @cached_property
    def prior(self) -> str:
        """A prior that learns and is over such codes, as it is said; "" where every block's prior learns already."""
        if self._few is None:
            return 'prior = "flow:4"'
        posterior, prior = self._few[1].posterior, self._few[1].prior
        laws, others = blocks_of(posterior), blocks_of(prior)
        if len(laws) != len(others):
            return "" if _learns(prior) else 'prior = "flow:4"'
        for place, (law, other) in enumerate(zip(laws, others, strict=True)):
            if not _learns(other):
                name = next((name for kind, name in LEARNED if isinstance(law, kind)), "flow:4")
                whose = f" of block {posterior.names[place]}" if isinstance(posterior, LawOfBlocks) else ""
                return f'prior = "{name}"{whose}'
        return ""

    @property
    def rate_reaches_codes(self) -> bool:
        """Whether the weight of the rate moves the code: which codeword one is no gradient tells."""
        return self._few is None or not all(isinstance(law, Codewords) for law in blocks_of(self._few[1].posterior))

    @cached_property
    def _few(self) -> tuple[Pass, Draw] | None:
        """A few examples of the data through the model, and their draw."""
        whole = self._batches
        if whole is None:
            return None
        few = whole.first(FEW)
        with own_randomness(0), evaluating(few.model):
            try:
                draw = next(iter(few()))
                with torch.enable_grad():  # so that a prior's parameters show
                    draw.prior  # noqa: B018
            except (TermwiseError, RuntimeError, ValueError, LookupError):
                return None
        return few, draw

    def _can(self, name: str, options: Mapping[str, Any]) -> bool:
        """Whether the links of a recipe can be had of the model."""
        if self._few is None:
            return True
        (few, draw), players = self._few, RECIPES[name](**options).players
        links = [part.term for player in players for part in player.objective.parts if isinstance(part.term, Link)]
        with own_randomness(0), evaluating(few.model):
            try:
                for link in links:
                    _try(link, few, draw)
            except TermwiseError:
                return False
            except (RuntimeError, LookupError, TypeError):  # of a model of the user's: no more is known
                return True
        return True


def _try(link: Link, batches: Pass, draw: Draw) -> None:
    """Ask for a link as a training does; of a critic, which is not built here, for what it is shown."""
    link.check(draw)
    if link.memory is not None:
        link.memory.prepare(batches)
        link.memory.observe(draw)
    if isinstance(link.estimator, DensityRatio):
        link.estimator.samples(link.left, link.right, draw)
    else:
        link(draw)


def _learns(prior: Distribution) -> bool:
    """Whether a law has parameters that learn, as its log density at a code of its own tells."""
    with torch.enable_grad(), own_randomness(0):
        try:
            return prior.log_prob(prior.sample().unsqueeze(0)).requires_grad
        except NotImplementedError:
            return False
