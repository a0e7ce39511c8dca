"""One small draw, and every term of it worked out by hand, component by component."""

import itertools
import math

import pytest
import torch
from torch.distributions import Independent, Normal

from termwise.data import Side
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
        self.groups = torch.arange(N) % 2
        side = Side.of({"s": self.groups})
        beside = {"side": side.values[self.index], "groups": lambda: self.groups, "data_side": side}
        self.draw = Draw(self.model, self.x[self.index], self.index, N, **beside)
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
        groups = sum(torch.logsumexp(log_component[..., g].sum(2), 1) - math.log(N) for g in ([0, 2], [1]))
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
            "group_correlation": joint - groups,
            "within_group_correlation": groups - marginals,
        }
        costs = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance)[self.index].mean(0)
        self.rate_by_dimension: list[float] = costs.tolist()
        means, variances = mean[self.index].tolist(), log_variance[self.index].exp().mean(0).tolist()
        return {name: value.mean().item() for name, value in terms.items()} | self._covariances(means, variances)

    def _covariances(self, means: list[list[float]], variances: list[float]) -> dict[str, float]:
        """The squares that DIP-VAE penalises, entry by entry."""
        centre = [sum(row[j] for row in means) / B for j in range(D)]
        of_means = [
            [sum((row[i] - centre[i]) * (row[j] - centre[j]) for row in means) / (B - 1) for j in range(D)]
            for i in range(D)
        ]
        return {
            "off_diagonal": sum(of_means[i][j] ** 2 for i in range(D) for j in range(D) if i != j),
            "diagonal_of_means": sum((of_means[j][j] - 1) ** 2 for j in range(D)),
            "diagonal_of_codes": sum((of_means[j][j] + variances[j] - 1) ** 2 for j in range(D)),
        }

    def hsic(self, kernel, groups) -> float:
        """Unbiased HSIC of every pair of groups, over all quadruples of codes that differ (Song et al., 2012)."""
        total = 0.0
        for one, other in itertools.combinations(groups, 2):
            k, m = (
                [[kernel((a[g] - b[g]).square().sum().item()) for b in self.z] for a in self.z] for g in (one, other)
            )
            values = [k[a][b] * (m[a][b] + m[c][d] - 2 * m[a][c]) for a, b, c, d in itertools.permutations(range(B), 4)]
            total += sum(values) / len(values)
        return total

    @torch.no_grad()
    def bound(self, codes: int, seed: int) -> float:
        """-log of the mean importance weight of codes, whose noise is drawn first after `seed`, code by code."""
        torch.manual_seed(seed)
        noise = torch.randn(codes, B, D)
        mean, log_variance = self.model.encoder(self.x[self.index]).double().chunk(2, 1)
        total = 0.0
        for n in range(B):
            q = Normal(mean[n], (log_variance[n] / 2).exp())
            weights = []
            for k in range(codes):
                z = q.mean + q.stddev * noise[k, n]
                p, x = torch.sigmoid(self.model.decoder(z.float()[None])[0].double()), self.draw.x[n].double()
                log_x = (x * p.log() + (1 - x) * (1 - p).log()).sum()
                weights.append(float((log_x + Normal(0.0, 1.0).log_prob(z).sum() - q.log_prob(z).sum()).exp()))
            total -= math.log(sum(weights) / codes) / B
        return total

    def mmd2(self, kernel, seed: int) -> float:
        """The unbiased MMD^2 of the codes and the prior's, which are drawn first after `seed`, pair by pair."""
        torch.manual_seed(seed)
        prior = Independent(Normal(torch.zeros(D), torch.ones(D)), 1).sample((B,))

        def mean(a, b, same):
            pairs = [(i, j) for i in range(B) for j in range(B) if not (same and i == j)]
            return sum(kernel((a[i] - b[j]).square().sum().item()) for i, j in pairs) / len(pairs)

        return mean(self.z, self.z, True) + mean(prior, prior, True) - 2 * mean(self.z, prior, False)

    def mmd2_of_groups(self, square) -> float:
        """p (1 - p) = 1/4 of the unbiased MMD^2 of the codes of one group and of the other's, pair by pair.

        Under an RBF of bandwidth^2 `square`, whose mean over two posteriors is a normal density up to a constant.
        """
        q = self.draw.posterior.base_dist
        mean, variance = q.loc.detach().double(), q.scale.detach().double().square()

        def pair(i, j):
            spread = (square + variance[i] + variance[j]).sqrt()
            return math.prod((square**0.5 / spread * (-(((mean[i] - mean[j]) / spread) ** 2) / 2).exp()).tolist())

        def among(a, b):
            pairs = [(i, j) for i in a for j in b if i != j]
            return sum(pair(i, j) for i, j in pairs) / len(pairs)

        first, second = ((self.groups[self.index] == group).nonzero().flatten().tolist() for group in (0, 1))
        return 0.25 * (among(first, first) + among(second, second) - 2 * among(first, second))


@pytest.fixture
def sample():
    return Sample()
