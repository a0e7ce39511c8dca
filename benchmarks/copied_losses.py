"""What losses that are often copied give where the truth is known, beside termwise's functions.

    python benchmarks/copied_losses.py [--batches 100]

Links: batches of 64 of N = 10,000 examples, ten dimensions, in two worlds. In the collapsed one every q(z|x) is the
prior, so that all links are 0. The linear-Gaussian one has an index-code MI of 5 nats, below log N = 9.2, and its links
in closed form. The other losses are of a batch, or several, whose answer is known by hand. Every peer's formula is
written anew here, from the mathematics of what its code computes; `docs/copied_losses.md` says which file of which day,
and a test holds those of pythae against the package itself.

Ends with status 1 where MI or TC by a bank of termwise is off by more than 0.1 nats.
"""

import argparse
import math
import sys

import torch
from torch import Tensor

from termwise import functional as F
from termwise.objectives import RECIPES
from termwise.worlds import LinearGaussian

N, B, D = 10_000, 64, 10
CAPACITY = 10.0
POINT = -40.0
"""The log variance of a posterior that is a point."""
Links = dict[str, Tensor]


def log_normal(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(z; mean, variance), by dimension."""
    return -0.5 * (math.log(2 * math.pi) + log_variance + (z - mean).square() / log_variance.exp())


def column_weights(batch: int, size: int) -> Tensor:
    """log weights of a stratified minibatch, whose 1/N was meant for the diagonal and stands in column 0.

    They are put in place by a step of `batch` through the flattened matrix, where the diagonal's is batch + 1.
    """
    weights = torch.full((batch, batch), 1 / (batch - 1))
    weights[:, 0] = 1 / size
    weights[:, 1] = (size - batch + 1) / (size * (batch - 1))
    weights[batch - 2, 0] = weights[0, 1]
    return weights.log()


def links_from(log_q: Tensor, log_marginals: Tensor, z: Tensor, mean: Tensor, log_variance: Tensor) -> Links:
    """The three links of the rate, the batch's means, from log q(z) and sum_j log q(z_j) of each code."""
    zero = torch.zeros(())
    return {
        "index_code_mi": (log_normal(z, mean, log_variance).sum(1) - log_q).mean(),
        "total_correlation": (log_q - log_marginals).mean(),
        "dimension_wise_kl": (log_marginals - log_normal(z, zero, zero).sum(1)).mean(),
    }


def weighted_sampling(z: Tensor, mean: Tensor, log_variance: Tensor, constant: float) -> Links:
    """log q(z) = log sum_m q(z|x_m) - constant; log(B N) in beta-tcvae, nothing where constants are left out."""
    pairs = log_normal(z.unsqueeze(1), mean, log_variance)  # (B, B, D)
    log_q = pairs.sum(2).logsumexp(1) - constant
    return links_from(log_q, (pairs.logsumexp(1) - constant).sum(1), z, mean, log_variance)


def stratified_in_a_column(z: Tensor, mean: Tensor, log_variance: Tensor) -> Links:
    """Column weights, added to joint and marginals alike, each once."""
    pairs, weights = log_normal(z.unsqueeze(1), mean, log_variance), column_weights(len(z), N)
    log_q = (pairs.sum(2) + weights).logsumexp(1)
    return links_from(log_q, (pairs + weights.unsqueeze(2)).logsumexp(1).sum(1), z, mean, log_variance)


def stratified_once_a_dimension(z: Tensor, mean: Tensor, log_variance: Tensor) -> Links:
    """Column weights, added before the sum over dimensions, so that the joint has them D times."""
    pairs = log_normal(z.unsqueeze(1), mean, log_variance) + column_weights(len(z), N).unsqueeze(2)
    return links_from(pairs.sum(2).logsumexp(1), pairs.logsumexp(1).sum(1), z, mean, log_variance)


def ours(z: Tensor, mean: Tensor, log_variance: Tensor, **how: object) -> Links:
    """termwise's three links."""
    q = (mean, log_variance)
    return {
        "index_code_mi": F.index_code_mi(q, z, **how),
        "total_correlation": F.total_correlation(q, z, **how),
        "dimension_wise_kl": F.dimension_wise_kl(q, z, **how),
    }


PEERS = {
    "beta-tcvae, minibatch-weighted (its default)": lambda *of: weighted_sampling(*of, constant=math.log(B * N)),
    "beta-tcvae `--mss`; pythae BetaTCVAE (default)": stratified_in_a_column,
    "disentangling-vae btcvae (default); PyTorch-VAE": stratified_once_a_dimension,
    "disentanglement_lib beta_tc_vae": lambda *of: weighted_sampling(*of, constant=0.0),
}
"""The links as peers have them."""


def worlds() -> dict[str, tuple[Tensor, Tensor, dict[str, float]]]:
    """Means and log variances of N posteriors, and the truth of their links."""
    world = LinearGaussian.random(seed=0, latent=D, dimension=12, mutual_information=5.0)
    posterior, _ = world.infer(world.data(N).double())
    normal = posterior.mean.float(), posterior.variance.log().float()
    still = torch.zeros(N, D)
    known = ("index_code_mi", "total_correlation", "dimension_wise_kl")
    truth = world.truth()
    return {
        "collapsed": (still, still, dict.fromkeys(known, 0.0)),
        "linear-Gaussian": (*normal, {name: float(truth[name]) for name in known}),
    }


def read_links(batches: int) -> dict[str, dict[str, dict[str, tuple[float, float]]]]:
    """Every estimator's mean over batches and its standard error, by world, estimator and link; and the truth."""
    table: dict[str, dict[str, dict[str, tuple[float, float]]]] = {}
    for name, (mean, log_variance, truth) in worlds().items():
        torch.manual_seed(0)
        bank = F.SteppedBank(dataset_size=N)
        for index in torch.arange(N).split(1000):
            bank.step((mean[index], log_variance[index]), index)
        values: dict[str, list[Links]] = {}
        for _ in range(batches):
            index = torch.randperm(N)[:B]
            of = mean[index], log_variance[index]
            z = of[0] + (0.5 * of[1]).exp() * torch.randn(B, D)
            for peer, links in PEERS.items():
                values.setdefault(peer, []).append(links(z, *of))
            minibatch = ours(z, *of, dataset_size=N)
            values.setdefault("termwise, minibatch-stratified", []).append(minibatch)
            values.setdefault("termwise, bank of all", []).append(ours(z, *of, aggregate=bank, index=index))
        table[name] = {"**truth**": {link: (value, 0.0) for link, value in truth.items()}}
        for estimator, several in values.items():
            table[name][estimator] = {
                link: _mean_of(torch.stack([one[link] for one in several]).double()) for link in several[0]
            }
    return table


def _mean_of(values: Tensor) -> tuple[float, float]:
    return float(values.mean()), float(values.std()) / len(values) ** 0.5


def losses() -> list[tuple[str, str, float, float, float]]:
    """Of one batch: whose loss, what it reads, the peer's number, the truth, and termwise's number."""
    torch.manual_seed(0)
    rows = []
    spread = torch.linspace(0.0, 2.0, B).sqrt()  # squared, these have the mean 1
    mean, log_variance = (spread * math.sqrt(2 * CAPACITY / D)).unsqueeze(1).expand(B, D), torch.zeros(B, D)
    rates = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
    gap = float(F.gap(F.rate((mean, log_variance)), CAPACITY))
    rows.append(("pythae DisentangledBetaVAE", "gap of a mean rate to its capacity, nats",
                 mean_of_gaps(rates, CAPACITY), 0.0, gap))  # fmt: skip
    codes = _of_exact_moments(B, D)
    rows.append(("PyTorch-VAE DIPVAE", "DIP-II penalty where codes are the prior's", dip_of_rows(codes, POINT),
                 _dip_truth(codes), sum(map(float, F.dip((codes, torch.full_like(codes, POINT)), "ii")))))  # fmt: skip
    far, wide = [(2 * torch.randn(B, D), torch.randn(B, D)) for _ in range(200)], math.sqrt(20.0)
    rows.append(("PyTorch-VAE WAE_MMD, `rbf`", "MMD² of N(0, 4 I) from N(0, I), mean of 200 batches",
                 sum(rbf_of_feature_means(*pair) for pair in far) / 200, mmd2_of_scales(wide),
                 sum(float(F.mmd2(*pair, "rbf", bandwidth=wide)) for pair in far) / 200))  # fmt: skip
    lambda_ = RECIPES["info-vae"].defaults["lambda"]
    rows.append(("pythae INFOVAE_MMD", "what the MMD weighs at the defaults; below 0 it is made large",
                 0 + 1e-3 - 1, math.nan, 0.0 + lambda_ - 1))  # fmt: skip
    rows.append(("pythae FactorVAE", "weight of the TC that moves the encoder, gamma = 2",
                 weight_felt(gamma=2.0), 2.0, 2.0))  # fmt: skip
    log_w, log_p = importance_weights()
    rows.append(("pythae IWAE", "bound on log p(x), K = 8, as its loss says it", weighted_mean(log_w), log_p,
                 float(F.iwae_bound(log_w))))  # fmt: skip
    rows.append(("pythae `get_nll`", "−log p(x), K = 2,000", float(importance_weights(2000)[0].logsumexp(0).mean())
                 - math.log(2000), -log_p, -float(F.iwae_bound(importance_weights(2000)[0]))))  # fmt: skip
    return rows


def mean_of_gaps(rates: Tensor, capacity: float) -> float:
    """mean |KL - C|, where |mean KL - C| is meant."""
    return float((rates - capacity).abs().mean())


def dip_of_rows(mean: Tensor, log_variance: float) -> float:
    """DIP-VAE's penalty of means that are centred over dimensions, not examples, and summed, not averaged.

    To every entry of the covariance the mean of exp(2 log variance) is added, where exp(log variance) is meant, on the
    diagonal alone.
    """
    centred = mean - mean.mean(1, keepdim=True)
    covariance = centred.T @ centred + math.exp(2 * log_variance)
    diagonal = covariance.diagonal()
    off = covariance - diagonal.diag()
    return float(off.square().sum() + (diagonal - 1).square().sum())


def rbf_of_feature_means(z: Tensor, prior: Tensor) -> float:
    """An MMD² with the diagonal kept, of a squared distance that is averaged over features, and divided by B (B - 1).

    The bandwidth is 2 D s of s = 2, so that D is divided by twice.
    """

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (-(a.unsqueeze(1) - b).square().mean(2) / (2.0 * D * 2.0)).exp()

    biased = kernel(prior, prior).mean() + kernel(z, z).mean() - 2 * kernel(prior, z).mean()
    return float(biased) / (len(z) * (len(z) - 1))


def weight_felt(gamma: float) -> float:
    """What TC weighs for the encoder where the critic's loss is not kept from it, at a critic that tells nothing.

    The critic's cross-entropy at the encoder's codes, 1/2 softplus(-T), adds its own slope.
    """
    logit = torch.zeros((), requires_grad=True)  # T at a code
    (gamma * logit + 0.5 * torch.nn.functional.softplus(-logit)).backward()
    return float(logit.grad)


def importance_weights(k: int = 8) -> tuple[Tensor, float]:
    """log weights of K codes of 512 examples, (K, 512), of x = z + noise under a poor q; and their mean log p(x)."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(512, generator=generator, dtype=torch.float64) * math.sqrt(2)
    scale = 1.0  # of q(z|x) = N(x / 2, 1), where the posterior is N(x / 2, 1/2)
    z = x / 2 + scale * torch.randn(k, 512, generator=generator, dtype=torch.float64)
    zero = torch.zeros((), dtype=torch.float64)
    log_w = log_normal(z, zero, zero) + log_normal(x, z, zero) - log_normal(z, x / 2, zero + 2 * math.log(scale))
    return log_w, float(log_normal(x, zero, zero + math.log(2)).mean())


def weighted_mean(log_w: Tensor) -> float:
    """sum_k w_k log w_k, of weights that sum to 1: it has the bound's gradient, and is not the bound."""
    return float((log_w.softmax(0) * log_w).sum(0).mean())


def agreeing() -> list[tuple[str, str, float, float]]:
    """Where a peer is right: whose loss, what it reads, its number, and termwise's."""
    generator = torch.Generator().manual_seed(0)
    mean, log_variance, z, prior = torch.randn(4, B, D, generator=generator, dtype=torch.float64).unbind()
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
    covariance = mean.T @ mean / B - mean.mean(0).unsqueeze(1) * mean.mean(0)
    penalty = float((covariance - covariance.diagonal().diag()).square().sum())
    corrected = float(F.dip((mean, log_variance))[0]) * ((B - 1) / B) ** 2  # ours divides by B - 1
    return [
        ("pythae, disentangling-vae, PyTorch-VAE, disentanglement_lib", "the rate, nats",
         float(kl.sum(1).mean()), float(F.rate((mean, log_variance)))),
        ("disentangling-vae betaB, disentanglement_lib annealed_vae", "the gap to a capacity of 10, nats",
         float((kl.mean(0).sum() - CAPACITY).abs()), float(F.gap(F.rate((mean, log_variance)), CAPACITY))),
        ("pythae WAE_MMD and INFOVAE_MMD, `imq`", "MMD²", imq_mmd2(z, prior), float(F.mmd2(z, prior))),
        ("disentanglement_lib dip_vae, i, times ((B − 1) / B)²", "off the diagonal", penalty, corrected),
    ]  # fmt: skip


def imq_mmd2(a: Tensor, b: Tensor) -> float:
    """Unbiased MMD² under inverse multiquadrics of scales 0.1 to 10."""
    scales = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

    def kernel(one: Tensor, other: Tensor) -> Tensor:
        squares = (one.unsqueeze(1) - other).square().sum(2)
        return torch.stack([2 * D * s / (2 * D * s + squares) for s in scales]).sum(0)

    aa, bb = (k - k.diagonal().diag() for k in (kernel(a, a), kernel(b, b)))
    return float((aa.sum() + bb.sum()) / (B * (B - 1)) - 2 * kernel(a, b).mean())


def _of_exact_moments(count: int, size: int) -> Tensor:
    """Codes whose mean is 0 and whose covariance the identity, exactly."""
    z = torch.randn(count, size, dtype=torch.float64)
    z = z - z.mean(0)
    factor = torch.linalg.cholesky(z.T @ z / (count - 1))
    return torch.linalg.solve_triangular(factor, z.T, upper=False).T


def _dip_truth(codes: Tensor) -> float:
    covariance = codes.T.cov()
    return float((covariance - torch.eye(len(covariance), dtype=codes.dtype)).square().sum())


def mmd2_of_scales(bandwidth: float) -> float:
    """The population's MMD² of N(0, 4 I) and N(0, I) under an RBF, in closed form."""

    def mean_kernel(variance: float) -> float:  # of the difference of two codes
        return (bandwidth**2 / (bandwidth**2 + variance)) ** (D / 2)

    return mean_kernel(8.0) + mean_kernel(2.0) - 2 * mean_kernel(5.0)


def link_lines(table: dict[str, dict[str, dict[str, tuple[float, float]]]]) -> list[str]:
    """The table of links, as the page has it."""
    lines = ["| estimator | MI | TC | dim-wise KL | MI | TC | dim-wise KL |", "| --- |" + " --: |" * 6]
    for estimator in table["collapsed"]:
        values = [value for world in table.values() for value, _ in world[estimator].values()]
        lines.append(f"| {estimator} | " + " | ".join(f"{value:.2f}".replace("-", "−") for value in values) + " |")
    return [line.replace("−0.00", "0.00") for line in lines]


def loss_lines() -> list[str]:
    """The tables of other losses, as the page has them."""

    def shown(value: float) -> str:
        if math.isnan(value):
            return "above 0"
        text = f"{value:.1e}" if 1e-8 < abs(value) < 5e-4 else f"{value:,.3f}"
        return text.replace("-0.000", "0.000").replace("-", "−")

    lines = ["| loss | reads | it gives | truth | termwise |", "| --- | --- | --: | --: | --: |"]
    lines += [f"| {who} | {what} | " + " | ".join(map(shown, numbers)) + " |" for who, what, *numbers in losses()]
    lines += ["", "| loss | reads | it gives | termwise |", "| --- | --- | --: | --: |"]
    return lines + [f"| {who} | {what} | " + " | ".join(f"{n:.6f}" for n in ns) + " |" for who, what, *ns in agreeing()]


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batches", type=int, default=100)
    table = read_links(parser.parse_args().batches)
    print("\n".join([*link_lines(table), "", *loss_lines()]))
    off = [
        abs(world["termwise, bank of all"][link][0] - world["**truth**"][link][0])
        for world in table.values()
        for link in ("index_code_mi", "total_correlation")
    ]
    return int(max(off) > 0.1)


if __name__ == "__main__":
    sys.exit(main())
