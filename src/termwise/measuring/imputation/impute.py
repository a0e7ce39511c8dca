"""What missing entries of x may have been, by importance weights (Mattei and Frellsen, 2019, section 4).

    w_k = p(x_there|z_k) p(z_k) / q(z_k|x),  z_k ~ q(z|x),  k = 1 ... S,        v_k = w_k / sum w

    E[x_gone|x_there]    ~ sum_k v_k E[x_gone|z_k]                                            (eq. 11)
    Var[x_gone|x_there]  ~ sum_k v_k (Var[x_gone|z_k] + E[x_gone|z_k]^2) - the square of the mean
    a draw of x_gone     ~ p(x_gone|z_k), k with probability v_k: all entries of an example from one code

which are exact as S grows, whatever the encoder makes of the gaps, where the model is right and entries are missing at
random. The draws are sampling importance resampling (Rubin, 1987): what goes with what is kept in each.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution

from termwise.data.dataset import Dataset
from termwise.main_memory import check_fits
from termwise.measuring.imputation.imputation import Imputation
from termwise.measuring.log_likelihood.annealing import base_law
from termwise.measuring.log_likelihood.densities import Joint, has_density
from termwise.measuring.log_likelihood.importance import effective_sample_size, weighed_codes
from termwise.models.check_model import check_model
from termwise.models.data_pass import DataPass, Progress, evaluating
from termwise.models.distributions import innermost
from termwise.models.draw import Draw
from termwise.models.drawable import Drawable
from termwise.models.randomness import own_randomness
from termwise.models.target import check_makes_examples
from termwise.values import Count, Natural, Samples, Seed, checked

AT_ONCE = 2**21
"""Numbers that are decoded at once."""


@checked
def impute(
    model: Drawable,
    data: Dataset,
    *,
    draws: Natural = 0,
    samples: Samples = 1000,
    seed: Seed = 0,
    batch_size: Count = 256,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Imputation:
    """Missing entries, filled with their mean given those that are there, their spread, and draws of them.

    Args:
        model: One that leaves missing entries out of its likelihood, as `train` makes of data with missing="mask"; it,
            and the random state, are left as they were.
        data: The examples; those in which nothing is missing are left alone.
        draws: How many times to draw all that is missing.
        samples: Codes an example; the more, the better, which `effective_sample_size` shows.
        seed: Of the codes and draws.
        batch_size: Examples at a time.
        device: Where the model is.
        progress: Told how far it is.

    Raises:
        BadData: The examples are none that the model can take.

    Example:
        >>> import termwise as tw
        >>> data = tw.load_data(torch.tensor([[1.0, torch.nan], [0.0, 2.0]]), missing="mask", test=0.0)
        >>> model = tw.VAE.build((2,), latent=1, likelihood="normal:1", options={"hidden": [4]})
        >>> model.filler = tw.models.Filler.of(data)
        >>> impute(model, data, draws=3).draws.shape
        torch.Size([3, 2, 2])
    """
    check_makes_examples(model)
    x = data.tensor()
    check_fits(x.element_size() * x.numel() * (draws + 4), f"{draws} draws of {len(data):,} examples")
    gone = x.isnan()
    gaps = gone.flatten(1).any(1).nonzero().squeeze(1)
    mean, stddev = x.clone(), torch.zeros_like(x)
    drawn = x.expand(draws, *x.shape).clone()
    effective = torch.full((len(x),), float(samples), dtype=torch.float64)
    if len(gaps):
        batches = DataPass(model, data.subset(gaps), batch_size, device)
        with own_randomness(seed), evaluating(model):
            check_model(batches)
            done = 0
            for draw in batches():
                here = gaps[done : done + len(draw)]
                found = _of_batch(draw, draws, samples)
                for all_of, part in zip((mean, stddev, drawn.transpose(0, 1)), found, strict=False):
                    all_of[here] = part.cpu().to(all_of.dtype)
                effective[here] = found[3].cpu()
                done += len(draw)
                if progress is not None:
                    progress("imputing", done / len(gaps))
    mean, drawn = torch.where(gone, mean, x), torch.where(gone, drawn, x)
    return Imputation(data, mean, stddev.where(gone, 0.0), drawn, effective, samples)


def _of_batch(draw: Draw, draws: int, samples: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean and standard deviation of every entry, draws of examples, (B, M, *shape), and effective samples, (B,)."""
    check_fits(16 * samples * len(draw) * (draw.posterior.event_shape[0] + 2), f"{samples:,} codes of an example")
    joint = Joint(draw.model, draw.x, draw.context, draw.prior)
    proposal = "posterior" if has_density(draw.posterior) else "normal"
    codes, log_w = weighed_codes(joint, base_law(proposal, joint, draw.posterior), samples)
    shares = log_w.softmax(0)  # (S, B)
    moments = _moments(draw, codes, shares)
    several = draw.x.new_zeros(len(draw), 0, *draw.x.shape[1:])
    if draws:
        chosen = torch.multinomial(shares.T, draws, replacement=True)
        picked = codes.gather(0, chosen.T.unsqueeze(-1).expand(-1, -1, codes.shape[-1]))  # (M, B, D)
        made = [law.sample().unflatten(0, (-1, len(draw))) for law in _laws(draw, picked)]
        several = torch.cat(made).transpose(0, 1)
    return *moments, several, effective_sample_size(log_w)


def _laws(draw: Draw, codes: Tensor) -> Iterator[Distribution]:
    """p(x|z) of codes, shape (S, B, D), of some S at a time: batch shape (some B,).

    Where the encoder hands the decoder something, of one S at a time, as only the model knows how it is spread.
    """
    some = 1 if draw.context is not None else max(1, AT_ONCE // draw.x.numel())
    for part in codes.split(some):
        yield draw.model.generate(part.flatten(0, 1).to(draw.x.dtype), draw.context)


def _moments(draw: Draw, codes: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every entry, (B, *shape), float64; of classes the likeliest, and of being it."""
    first, second, done = torch.zeros(()), torch.zeros(()), 0
    for law in _laws(draw, codes):
        mean, square = (of_each.unflatten(0, (-1, len(draw))) for of_each in _mean_and_square(law))  # (S, B, *shape)
        weight = shares[done : done + len(mean)].view(len(mean), -1, *[1] * (mean.dim() - 2))
        first, second, done = first + (weight * mean).sum(0), second + (weight * square).sum(0), done + len(mean)
    stddev = (second - first.square()).clamp(min=0).sqrt()
    if first.dim() == draw.x.dim():
        return first, stddev
    likeliest = first.argmax(-1, keepdim=True)  # of the probabilities of classes
    return likeliest.squeeze(-1).double(), stddev.gather(-1, likeliest).squeeze(-1)


def _mean_and_square(law: Distribution) -> tuple[Tensor, Tensor]:
    """E x and E x^2 of every entry, float64: of classes of each, (B, *shape, C), as it is 0 or 1.

    A law that cannot say them is stood for by a sample: over many codes the means are right.
    """
    base = innermost(law)
    if isinstance(base, Categorical):
        return base.probs.double(), base.probs.double()
    try:
        mean, square = law.mean.double(), law.variance.double() + law.mean.double().square()
    except NotImplementedError:
        mean = square = torch.tensor(torch.nan)
    if mean.isfinite().all() and square.isfinite().all():
        return mean, square
    sample = law.sample().double()
    return sample, sample.square()
