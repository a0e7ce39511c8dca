"""A likelihood given as a function: log p(x|z) = f(z, x), which can be evaluated and makes no examples."""

from collections.abc import Callable

from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.models.likelihoods.likelihood import Likelihood


class DensityOfCodes(Distribution):
    """p(x|z) of codes z, shape (B, D), known by its log-density alone.

    Args:
        function: f: codes (B, D) and examples (B, *shape) to log p(x|z), shape (B,), nats.
        z: The codes.
    """

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], z: Tensor) -> None:
        self.function, self.z = function, z
        super().__init__(z.shape[:1], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """There is none: Refused is raised, since a log-density makes no examples."""
        raise Refused("This likelihood was given as a log-density: it can be evaluated, and makes no examples.")

    def log_prob(self, value: Tensor) -> Tensor:
        """f(z, x), shape (B,), in the codes' type."""
        try:
            log_prob = self.function(self.z, value)
        except Exception as error:
            reason = (str(error).strip() or "no reason given").splitlines()[0]
            raise Refused(
                f"The log-likelihood failed on codes of shape {tuple(self.z.shape)}: {type(error).__name__}: {reason}"
            ) from error
        if not isinstance(log_prob, Tensor) or log_prob.shape != self.z.shape[:1]:
            got = f"shape {tuple(log_prob.shape)}" if isinstance(log_prob, Tensor) else f"a {type(log_prob).__name__}"
            raise Refused(
                f"A log-likelihood must give one number for each code: {tuple(self.z.shape)} to {(len(self.z),)}; got "
                f"{got}. Sum it over the observations, as in log_prob(y).sum(-1)."
            )
        return log_prob.to(self.z.dtype)


class LogDensity(Likelihood):
    """log p(x|z) = f(z, x), from codes: the decoder before it hands them on as they are (torch.nn.Identity()).

    Args:
        function: f: codes (B, D) and examples (B, *shape) to nats, shape (B,), by torch operations. What it holds
            stands still, unless it is a module: its parameters learn with the autoencoder where they want gradients.
        latent: D.

    Example:
        >>> import torch
        >>> density = LogDensity(lambda z, x: -(x - z).square().sum(1), latent=2)
        >>> density(torch.zeros(3, 2)).log_prob(torch.ones(3, 2))
        tensor([-2., -2., -2.])
    """

    spec = "given"
    makes_examples = False

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], latent: int) -> None:
        super().__init__()
        self.function, self.latent = function, latent

    def decoded_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The decoder hands on the codes: (D,)."""
        return (self.latent,)

    def forward(self, decoded: Tensor) -> Distribution:
        """p(x|z) of codes, shape (B, D)."""
        return DensityOfCodes(self.function, decoded)
