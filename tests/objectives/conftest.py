"""One small draw, and every term of it worked out by hand, component by component."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal

from termwise.models import VAE, Draw

N, B, D = 12, 5, 3


class Sample:
    """A batch of 5 of 12 examples under a random VAE.

    `values` has each term's batch mean, from one-dimensional normal densities and explicit sums.
    """

    def __init__(self) -> None:
        self.model = VAE.build((6,), D, options={"hidden": [8]})
        self.x = torch.rand(N, 6).round()
        self.index = torch.tensor([3, 0, 11, 7, 4])
        self.draw = Draw(self.model, self.x[self.index], self.index, N)
        self.z = self.draw.z.detach()
        self.values = self._by_hand()

    def __len__(self) -> int:
        return N

    def __call__(self):
        """The data in two draws, as a memory asks for them."""
        for part in torch.arange(N).split(8):
            yield self.at(part)

    def at(self, index):
        return Draw(self.model, self.x[index], index, N)

    def fill(self, game_or_objective) -> None:
        for memory in game_or_objective.memories:
            memory.prepare(self)

    @torch.no_grad()
    def _by_hand(self) -> dict[str, float]:
        mean, log_variance = self.model.encoder(self.x).chunk(2, 1)
        every = Normal(mean, (log_variance / 2).exp())
        log_component = every.log_prob(self.z.unsqueeze(1))  # (B, N, D)
        own = log_component[torch.arange(B), self.index].sum(1)
        joint = torch.logsumexp(log_component.sum(2), 1) - math.log(N)
        marginals = (torch.logsumexp(log_component, 1) - math.log(N)).sum(1)
        prior = Normal(0.0, 1.0).log_prob(self.z).sum(1)
        rate = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(1)[self.index]
        pixels = torch.sigmoid(self.model.decoder(self.z))
        x = self.draw.x
        terms = {
            "distortion": -(x * pixels.log() + (1 - x) * (1 - pixels).log()).sum(1),
            "rate": rate,
            "sampled_rate": own - prior,
            "index_code_mi": own - joint,
            "marginal_kl": joint - prior,
            "total_correlation": joint - marginals,
            "dimension_wise_kl": marginals - prior,
        }
        return {name: value.mean().item() for name, value in terms.items()}

    def mmd2(self, kernel, seed: int) -> float:
        """The unbiased MMD^2 of the codes and the prior's, which are drawn first after `seed`, pair by pair."""
        torch.manual_seed(seed)
        prior = Independent(Normal(torch.zeros(D), torch.ones(D)), 1).sample((B,))

        def mean(a, b, same):
            pairs = [(i, j) for i in range(B) for j in range(B) if not (same and i == j)]
            return sum(kernel((a[i] - b[j]).square().sum().item()) for i, j in pairs) / len(pairs)

        return mean(self.z, self.z, True) + mean(prior, prior, True) - 2 * mean(self.z, prior, False)


@pytest.fixture
def sample():
    return Sample()
