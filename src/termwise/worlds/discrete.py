"""Discrete worlds: few examples with weights, any posterior, any smooth decoder; every term by quadrature on a grid.

    x_n with weight w_n = p_hat(x_n),   q(z|x),   p(x|z),   p(z),   z in R^D on a `Grid`

    log p(x)          = log int p(x|z) p(z) dz            inference_gap     = E KL(q(z|x) || p(z|x))
    distortion        = -E_q log p(x|z)                   rate              = E KL(q(z|x) || p(z))
    index_code_mi     = E KL(q(z|x) || q(z))              marginal_kl       = KL(q(z) || p(z))
    total_correlation = KL(q(z) || prod_j q(z_j))         dimension_wise_kl = sum_j KL(q(z_j) || p(z_j))

with q(z) = sum_n w_n q(z|x_n) and E the average over x with the weights. A grid that is too coarse or too narrow is
refused: each density that is known must integrate to 1, and log p(x) must stand where every other node is left out.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from termwise.errors import BadData, Refused
from termwise.models.randomness import seed_for
from termwise.notebook import in_a_line
from termwise.worlds.grid import Grid

MASS_ERROR = 1e-7
"""How far from 1 a density may integrate."""

COARSE_ERROR = 1e-4
"""How far log p(x) may move with every other node left out; its own error is then about the square of it."""


@dataclass(frozen=True)
class DiscreteWorld:
    """A world of few examples, with any posterior and any smooth decoder; its terms are integrals on a grid.

    It is a model, too, that can be measured.

    Example:
        >>> def encode(x):  # the mean tells the example: 1 or -1
        ...     return Independent(Normal(2 * x - 1, torch.full_like(x, 0.5)), 1)
        >>> def decode(z):
        ...     return Independent(torch.distributions.Bernoulli(logits=z), 1)
        >>> world = DiscreteWorld(torch.tensor([[0.0], [1.0]]), encode, decode, grid=Grid(dimension=1))
        >>> truth = world.truth()
        >>> truth["index_code_mi"] < math.log(2)
        True
        >>> abs(truth["elbo"] + truth["distortion"] + truth["rate"]) < 1e-9
        True

    Attributes:
        examples: x_n, shape (N, *shape).
        encode: x, float64, shape (B, *shape) -> q(z|x), batch shape (B,), event shape (D,). Where the law has no
            log_prob, its `hidden_log_prob` is what the world knows of it.
        decode: z, float64, shape (B, D) -> p(x|z), batch shape (B,), its event an example.
        weights: w_n, shape (N,); equal where left out.
        prior: p(z), event shape (D,); the standard normal where left out.
        grid: Where the integrals are taken.
    """

    examples: Tensor
    encode: Callable[[Tensor], Distribution]
    decode: Callable[[Tensor], Distribution]
    weights: Tensor = field(default_factory=lambda: torch.empty(0))
    prior: Distribution | None = None
    grid: Grid = field(default_factory=Grid)

    def __repr__(self) -> str:
        return in_a_line(self)

    def __post_init__(self) -> None:
        count = len(self.examples)
        weights = self.weights.double() if len(self.weights) else torch.full((count,), 1 / count, dtype=torch.float64)
        if weights.shape != (count,) or bool((weights <= 0).any()) or abs(float(weights.sum()) - 1) > 1e-6:
            raise BadData(
                f"A world of {count} examples needs as many weights, positive, with sum 1; got {len(weights)} with sum "
                f"{float(weights.sum()):g}."
            )
        object.__setattr__(self, "weights", weights / weights.sum())

    def data(self, count: int, seed: int = 0) -> Tensor:
        """Draw `count` examples by their weights, shape (count, *shape), float32."""
        generator = torch.Generator().manual_seed(seed_for(seed, "data"))
        return self.examples[torch.multinomial(self.weights, count, replacement=True, generator=generator)].float()

    def infer(self, x: Tensor) -> tuple[Distribution, None]:
        """The posterior q(z|x) of examples, shape (B, *shape), in float64; no context."""
        return self.encode(x.double()), None

    def generate(self, z: Tensor, context: Any = None) -> Distribution:
        """The decoder's law p(x|z) of codes, shape (B, D), in float64."""
        return self.decode(z.double())

    def prior_law(self) -> Distribution:
        """The prior p(z), a standard normal where no other was given."""
        if self.prior is not None:
            return self.prior
        zero = torch.zeros(self.grid.dimension, dtype=torch.float64)
        return Independent(Normal(zero, torch.ones_like(zero), validate_args=False), 1, validate_args=False)

    def log_likelihood(self, x: Tensor) -> Tensor:
        """The log-likelihood log p(x) of examples, shape (B, *shape): shape (B,), nats."""
        return self._evidence(self._decoded(x))

    @cached_property
    def log_prior(self) -> Tensor:
        """log p(z) at the nodes, shape (G,)."""
        return self._whole(self.prior_law().log_prob(self.grid.nodes), "p(z)")

    @cached_property
    def log_posterior(self) -> Tensor:
        """log q(z|x_n) at the nodes, shape (N, G)."""
        law = self.infer(self.examples)[0]
        log_prob = getattr(law, "hidden_log_prob", law.log_prob)
        return self._whole(log_prob(self.grid.nodes.unsqueeze(1)).T, "q(z|x)")

    @cached_property
    def log_decoded(self) -> Tensor:
        """log p(x_n|z) at the nodes, shape (N, G)."""
        return self._decoded(self.examples)

    @cached_property
    def log_evidence(self) -> Tensor:
        """log p(x_n), shape (N,)."""
        return self._evidence(self.log_decoded)

    @property
    def log_true_posterior(self) -> Tensor:
        """log p(z|x_n) at the nodes, shape (N, G)."""
        return self.log_decoded + self.log_prior - self.log_evidence.unsqueeze(1)

    @cached_property
    def log_aggregate(self) -> Tensor:
        """log q(z) at the nodes, shape (G,)."""
        return torch.logsumexp(self.log_posterior + self.weights.log().unsqueeze(1), dim=0)

    @cached_property
    def log_marginals(self) -> list[Tensor]:
        """log q(z_j) at the nodes of its axis, shape (n,), for each dimension."""
        return [self.grid.marginal(self.log_aggregate, j) for j in range(self.grid.dimension)]

    def elbo(self) -> Tensor:
        """E_q[log p(x_n|z) + log p(z) - log q(z|x_n)], shape (N,), with the gradient of what encodes and decodes."""
        q = self.log_posterior
        return self.grid.mean(self.log_decoded + self.log_prior - q, q)

    def by_example(self) -> dict[str, Tensor]:
        """The terms that each example has a share in, shape (N,), nats."""
        q = self.log_posterior
        return {
            "distortion": -self.grid.mean(self.log_decoded, q),
            "rate": self.grid.mean(q - self.log_prior, q),
            "elbo": self.elbo(),
            "index_code_mi": self.grid.mean(q - self.log_aggregate, q),
            "log_likelihood": self.log_evidence,
            "inference_gap": self.grid.mean(q - self.log_true_posterior, q),
        }

    def truth(self) -> dict[str, float]:
        """The value of every term, in nats, by the readings' names; dimension_wise_kl where the prior is a product."""
        averages = {name: float(self.weights @ values) for name, values in self.by_example().items()}
        aggregate, marginals = self.log_aggregate, self.log_marginals
        averages["marginal_kl"] = float(self.grid.mean(aggregate - self.log_prior, aggregate))
        averages["total_correlation"] = float(self.grid.mean(aggregate - self.grid.product(marginals), aggregate))
        prior = self.prior_law()
        if isinstance(prior, Independent) and not prior.base_dist.event_shape:
            line = Grid(self.grid.reach, self.grid.step, dimension=1)
            own = [self.grid.marginal(self.log_prior, j) for j in range(self.grid.dimension)]
            averages["dimension_wise_kl"] = sum(float(line.mean(q - p, q)) for q, p in zip(marginals, own, strict=True))
        return averages

    def truth_beside(self, groups: Tensor) -> dict[str, float]:
        """What the code tells of a function of x, and beyond it, in nats, by the readings' names.

        Args:
            groups: Its value at each example, shape (N,), int64.

        Example:
            >>> from termwise.worlds import random_world
            >>> world = random_world(seed=0, pixels=2)
            >>> truth = world.truth_beside(torch.tensor([0, 1, 0, 1]))
            >>> parts = truth["index_code_mi_given_side"] + truth["side_information"]
            >>> abs(parts - world.truth()["index_code_mi"]) < 1e-9
            True
        """
        shares, log_given = self._given(groups)
        q = self.log_posterior
        index_code_mi = float(self.weights @ self.grid.mean(q - self.log_aggregate, q))
        of_side = float(shares @ self.grid.mean(log_given - self.log_aggregate, log_given))
        return {
            "index_code_mi_given_side": index_code_mi - of_side,
            "side_information": of_side,
            "side_entropy": float(torch.special.entr(shares).sum()),
        }

    def truth_beside_by_dimension(self, groups: Tensor) -> list[float]:
        """I(z_j; s) of a function of x, whose value at each example is in `groups`, shape (N,): by dimension, nats."""
        shares, log_given = self._given(groups)
        line, found = Grid(self.grid.reach, self.grid.step, dimension=1), []
        for j, aggregate in enumerate(self.log_marginals):
            given = torch.stack([self.grid.marginal(one, j) for one in log_given])
            found.append(float(shares @ line.mean(given - aggregate, given)))
        return found

    def _given(self, groups: Tensor) -> tuple[Tensor, Tensor]:
        """p(s), shape (G,), and log q(z|s) at the nodes, shape (G, nodes)."""
        of_group = torch.nn.functional.one_hot(groups).T.to(self.weights) * self.weights  # (G, N)
        shares = of_group.sum(1)
        within = (of_group / shares.unsqueeze(1)).log().unsqueeze(2)  # -inf of examples that are in no such group
        return shares, torch.logsumexp(self.log_posterior + within, dim=1)

    def _decoded(self, x: Tensor) -> Tensor:
        law = self.generate(self.grid.nodes)
        return torch.stack([law.log_prob(one) for one in x.double()])

    def _evidence(self, log_decoded: Tensor) -> Tensor:
        joint = log_decoded + self.log_prior
        fine, coarse = self.grid.log_integral(joint), self.grid.twice_as_coarse(joint)
        at_border = float((joint[:, self.grid.border] - fine.unsqueeze(1)).detach().max().exp())
        if at_border > MASS_ERROR:
            raise Refused(
                f"The true posterior is {at_border:.1g} at the border of [-{self.grid.reach:g}, {self.grid.reach:g}]. "
                "Take a grid that reaches further."
            )
        moved = float((fine - coarse).detach().abs().max())
        if not moved <= COARSE_ERROR:
            raise Refused(
                f"log p(x) moves by {moved:.1g} nats where every other node is left out, and {COARSE_ERROR:g} is "
                f"allowed: the true posterior is too narrow for a step of {self.grid.step:g}. Take a smaller one."
            )
        return fine

    def _whole(self, log_density: Tensor, name: str) -> Tensor:
        mass = self.grid.log_integral(log_density.detach()).exp()
        worst = float((mass - 1).abs().max())
        if not worst <= MASS_ERROR or math.isnan(worst):
            raise Refused(
                f"{name} integrates to 1 only within {worst:.1g} on this grid, and {MASS_ERROR:g} is allowed. Take a "
                f"step no larger than the smallest sigma (now {self.grid.step:g}), and a reach of six of the largest "
                f"beyond every mean (now {self.grid.reach:g})."
            )
        return log_density
