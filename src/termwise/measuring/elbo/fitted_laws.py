"""Laws of few parameters that are fitted to q(z): what bounds it from below, and what is known of a code's noise.

A reading of the population asks for a density r(z) in which an example had no part (`population.py`), and a control
variate for one whose mean under every posterior is known (`control_variates.py`). Any density does; one near q(z) does
best. Of blocks that are given others it is fitted to what each is given some code of its own. Of numbers it is a normal
with the moments of q(z); of categories, their average probabilities, and of codewords how often each comes; of numbers
in a simplex or on a circle, the uniform density there; and of a code of blocks, the product.
"""

import math
from typing import Protocol

import torch
from torch import Tensor
from torch.distributions import Dirichlet, Distribution, Independent, MultivariateNormal, Normal, VonMises

from termwise.measuring.elbo.data_posteriors import BlockPosteriors, DataPosteriors, LawPosteriors, posteriors_of
from termwise.measuring.elbo.mixture_posteriors import NormalPosteriors
from termwise.models.categories import Categories
from termwise.models.chained_law import ChainedLaw
from termwise.models.codes import Codes, log_density_at
from termwise.models.codewords import Codewords
from termwise.models.distributions import innermost, samples
from termwise.terms.aggregate.discrete_components import BernoulliComponents

FLATTEST = 1e-8
"""Of its own variance, what every dimension of a fitted normal is given: points in a plane have no density else."""
UNSEEN = 1e-3
"""Of its probabilities, what a fitted law of categories shares out alike: one that never came may come."""


class FittedLaw(Protocol):
    """A density r(z) over codes, the product of whose marginals is known as well."""

    def log_prob(self, codes: Codes) -> Tensor:
        """log r(z) of codes, shape (B,)."""
        ...

    def log_prob_by_dimension(self, codes: Codes) -> Tensor:
        """log r(z_j) of codes, shape (B, D)."""
        ...

    def expected_log_prob(self, own: DataPosteriors) -> Tensor:
        """E_q(z|x)[log r(z)], shape (B,); where it is not known, log r at another code of the posterior."""
        ...

    def expected_log_prob_by_dimension(self, own: DataPosteriors) -> Tensor:
        """E_q(z_j|x)[log r(z_j)] of posteriors, shape (B, D)."""
        ...


def fitted_to(posteriors: DataPosteriors) -> FittedLaw:
    """The law fitted to the average of these posteriors."""
    if isinstance(posteriors, BlockPosteriors):
        return FittedBlocks(posteriors)
    if isinstance(posteriors, LawPosteriors):
        law = posteriors.law
        if isinstance(law, ChainedLaw):
            return fitted_to(posteriors_of(law.at(law.sample())))
        if isinstance(law, Codewords):
            return FittedCodewords(law)
        if isinstance(law, Categories) or isinstance(posteriors.components, BernoulliComponents):
            return FittedCategories(law)
        if isinstance(law, Dirichlet) or isinstance(innermost(law), VonMises):
            return FittedUniform(law)
    return FittedNormal(posteriors)


def moments(posteriors: DataPosteriors) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, shape (N K,), means, (N K, D), and variances, (N K, D), or covariances, of N posteriors; float64.

    A law that has no such moments is stood for by one code of its own, of no variance.
    """
    if isinstance(posteriors, NormalPosteriors):
        return posteriors.flat()
    assert isinstance(posteriors, LawPosteriors)
    law = posteriors.law
    try:
        mean, variance = law.mean, law.variance
    except NotImplementedError:
        mean = variance = torch.tensor(math.nan)
    if not (mean.isfinite().all() and variance.isfinite().all()):
        mean = samples(law).detach()
        variance = torch.zeros_like(mean)
    return mean.new_ones(len(mean), dtype=torch.float64), mean.double(), variance.double()


class FittedNormal:
    """N(a, A) with the moments of q(z), or of a part of it; and its marginals. float64.

    Args:
        posteriors: What q(z) is an average of. a is the mean of their means; A, their covariance and the mean of the
            covariances; of no more components than dimensions, its diagonal alone.
    """

    def __init__(self, posteriors: DataPosteriors) -> None:
        weights, means, covariances = moments(posteriors)
        weights = weights / weights.sum()
        mean = weights @ means
        centred = means - mean
        variances = covariances if covariances.dim() == 2 else covariances.diagonal(dim1=1, dim2=2)
        scale = (weights @ (centred.square() + variances)).sqrt()
        self.marginals = Normal(mean, scale, validate_args=False)
        if means.shape[0] <= means.shape[1]:
            self.joint: Distribution = Independent(self.marginals, 1, validate_args=False)
            self._precision = scale.pow(-2).diag_embed() if covariances.dim() == 3 else scale.pow(-2)
            return
        within = torch.tensordot(weights, covariances, 1)
        covariance = (centred.T * weights) @ centred + (within.diag() if within.dim() == 1 else within)
        correlation = covariance / scale / scale.unsqueeze(1)
        correlation.diagonal().add_(FLATTEST)
        factor = scale.unsqueeze(1) * torch.linalg.cholesky(correlation)
        self.joint = MultivariateNormal(mean, scale_tril=factor, validate_args=False)
        precision = torch.cholesky_inverse(factor)
        self._precision = precision if covariances.dim() == 3 else precision.diagonal()

    def log_prob(self, codes: Codes) -> Tensor:
        """log r(z) of codes, shape (B,)."""
        return log_density_at(self.joint, codes)

    def log_prob_by_dimension(self, codes: Codes) -> Tensor:
        """log r(z_j) of codes, shape (B, D)."""
        return log_density_at(self.marginals, codes)

    def expected_log_prob(self, own: DataPosteriors) -> Tensor:
        """E_q(z|x)[log r(z)], shape (B,): of a component, log r(mean) - tr(A^-1 Sigma) / 2."""
        weights, means, covariances = moments(own)
        trace = (self._precision * covariances).flatten(1).sum(1)
        return (weights * (self.log_prob(Codes.at(means)) - 0.5 * trace)).view(len(own), -1).sum(1)

    def expected_log_prob_by_dimension(self, own: DataPosteriors) -> Tensor:
        """E_q(z_j|x)[log r(z_j)] of posteriors, shape (B, D)."""
        weights, means, covariances = moments(own)
        variances = covariances if covariances.dim() == 2 else covariances.diagonal(dim1=1, dim2=2)
        of_components = self.marginals.log_prob(means) - 0.5 * variances / self.marginals.variance
        return (weights.unsqueeze(1) * of_components).view(len(own), -1, means.shape[1]).sum(1)


class FittedCategories:
    """The average probabilities of categories, position by position; or of numbers that are 0 or 1.

    Args:
        law: A batch of `Categories`, or of torch's Bernoullis.
    """

    def __init__(self, law: Distribution) -> None:
        average = _probabilities(law).mean(0)  # (P, K)
        self.probs = (1 - UNSEEN) * average + UNSEEN / average.shape[-1]

    def log_prob(self, codes: Codes) -> Tensor:
        """log r(z) of codes, shape (B,)."""
        return self.log_prob_by_dimension(codes).sum(1)

    def log_prob_by_dimension(self, codes: Codes) -> Tensor:
        """log r(z_j) of codes, shape (B, P)."""
        z, (positions, count) = codes.exact, self.probs.shape
        one_hot = z.view(-1, positions, count) if z.shape[1] > positions else torch.stack([1 - z, z], -1)
        return (one_hot * self.probs.log()).sum(-1)

    def expected_log_prob(self, own: DataPosteriors) -> Tensor:
        """E_q(z|x)[log r(z)] of posteriors, shape (B,)."""
        return self.expected_log_prob_by_dimension(own).sum(1)

    def expected_log_prob_by_dimension(self, own: DataPosteriors) -> Tensor:
        """E_q(z_j|x)[log r(z_j)] of posteriors, shape (B, P)."""
        assert isinstance(own, LawPosteriors)
        return (_probabilities(own.law) * self.probs.log()).sum(-1)


class FittedCodewords:
    """How often each codeword comes at each position.

    Args:
        law: Points at codewords.
    """

    def __init__(self, law: Codewords) -> None:
        (count, positions), words = law.indices.shape, len(law.codebook)
        self.codebook, self.positions = law.codebook, positions
        cell = law.indices + words * torch.arange(positions, device=law.indices.device)
        share = torch.bincount(cell.flatten(), minlength=positions * words).double().view(positions, words) / count
        self.log_probs = ((1 - UNSEEN) * share + UNSEEN / words).log()  # (P, K)

    def log_prob(self, codes: Codes) -> Tensor:
        """log r(z) of codes, shape (B,)."""
        return self.log_prob_by_dimension(codes).sum(1)

    def log_prob_by_dimension(self, codes: Codes) -> Tensor:
        """log r(z_j) of codes, shape (B, P)."""
        words = self.codebook.index_of(codes.z.unflatten(1, (self.positions, -1)))
        return self._at(words)

    def expected_log_prob(self, own: DataPosteriors) -> Tensor:
        """log r(z) of the points, shape (B,)."""
        return self.expected_log_prob_by_dimension(own).sum(1)

    def expected_log_prob_by_dimension(self, own: DataPosteriors) -> Tensor:
        """log r(z_j) of the points, shape (B, P)."""
        assert isinstance(own, LawPosteriors) and isinstance(own.law, Codewords)
        return self._at(own.law.indices)

    def _at(self, words: Tensor) -> Tensor:
        return self.log_probs.expand(len(words), -1, -1).gather(2, words.unsqueeze(2)).squeeze(2)


class FittedUniform:
    """The uniform density where codes lie: in a simplex, or on circles.

    Args:
        law: A batch of Dirichlet or von Mises laws.
    """

    def __init__(self, law: Distribution) -> None:
        size = law.event_shape.numel()
        simplex = isinstance(law, Dirichlet)
        self.by_dimension = [math.lgamma(size)] if simplex else [-math.log(2 * math.pi)] * size

    def log_prob(self, codes: Codes) -> Tensor:
        """log r(z) of codes, shape (B,)."""
        return self.log_prob_by_dimension(codes).sum(1)

    def log_prob_by_dimension(self, codes: Codes) -> Tensor:
        """log r(z_j) of codes, shape (B, D)."""
        return codes.exact.new_tensor(self.by_dimension).expand(len(codes), -1)

    def expected_log_prob(self, own: DataPosteriors) -> Tensor:
        """The same for every posterior, shape (B,)."""
        return self.expected_log_prob_by_dimension(own).sum(1)

    def expected_log_prob_by_dimension(self, own: DataPosteriors) -> Tensor:
        """The same for every posterior, shape (B, D)."""
        return torch.tensor(self.by_dimension, dtype=torch.float64, device=own.device).expand(len(own), -1)


class FittedBlocks:
    """The product of the laws fitted to each block.

    Args:
        posteriors: Of codes of several blocks.
    """

    def __init__(self, posteriors: BlockPosteriors) -> None:
        self.blocks = [fitted_to(block) for block in posteriors.blocks]
        self.unknown = [block.width == 0 for block in posteriors.blocks]
        self.slices = posteriors.slices

    def log_prob(self, codes: Codes) -> Tensor:
        """log r(z) of codes, shape (B,)."""
        parts = zip(self.blocks, self.slices, strict=True)
        return torch.stack([block.log_prob(codes.columns(part)) for block, part in parts]).sum(0)

    def log_prob_by_dimension(self, codes: Codes) -> Tensor:
        """log r(z_j) of codes, shape (B, D)."""
        parts = zip(self.blocks, self.unknown, (codes.columns(part) for part in self.slices), strict=True)
        lines = [
            block.log_prob(its).unsqueeze(1) if as_one else block.log_prob_by_dimension(its)
            for block, as_one, its in parts
        ]
        return torch.cat(lines, 1)

    def expected_log_prob(self, own: DataPosteriors) -> Tensor:
        """E_q(z|x)[log r(z)] of posteriors, shape (B,)."""
        assert isinstance(own, BlockPosteriors)
        parts = zip(self.blocks, own.blocks, strict=True)
        return torch.stack([block.expected_log_prob(its) for block, its in parts]).sum(0)

    def expected_log_prob_by_dimension(self, own: DataPosteriors) -> Tensor:
        """E_q(z_j|x)[log r(z_j)] of posteriors, shape (B, D)."""
        assert isinstance(own, BlockPosteriors)
        lines = [
            block.expected_log_prob(its).unsqueeze(1) if as_one else block.expected_log_prob_by_dimension(its)
            for block, as_one, its in zip(self.blocks, self.unknown, own.blocks, strict=True)
        ]
        return torch.cat(lines, 1)


def _probabilities(law: Distribution) -> Tensor:
    """Of every category, shape (N, P, K); of numbers that are 0 or 1 the categories are these."""
    if isinstance(law, Categories):
        return law.probs.double()
    p = law.mean.double()
    return torch.stack([1 - p, p], -1)
