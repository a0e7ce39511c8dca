"""Anyone's trained VAE, made of two functions or known to `ready`, as something that can be drawn from.

The user's model is called as it is, and left as it was.
"""

import math
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from termwise.data import Dataset, ValueRange
from termwise.errors import Refused, TermwiseError
from termwise.models.drawable import Drawable
from termwise.models.flat_codes import flat, split_encoded, tensor_like, widened
from termwise.models.latent_output import decoded_of
from termwise.models.likelihoods import Likelihood, likelihood_from, over_examples, unclamped
from termwise.models.pretrained import AnyLikelihood
from termwise.models.programs.arrays import called_with_arrays, to_torch
from termwise.models.programs.program import Program
from termwise.models.quantized_codes import quantized_law, uniform_over
from termwise.models.reachable_modules import modules_of
from termwise.models.ready.onnx import OnnxFile, is_onnx
from termwise.models.ready.parts import Parts
from termwise.models.ready.quantizers import quantizing
from termwise.models.ready.table import parts_of, supported
from termwise.values import checked


@checked
def adapt(
    encode: Any = None,
    decode: Any = None,
    likelihood: AnyLikelihood | None = None,
    prior: Distribution | None = None,
    quantizer: Any = None,
    *,
    guide: Callable[..., Any] | None = None,
    model: Callable[..., Any] | None = None,
    params: Mapping[str, Any] | None = None,
) -> "Adapted | Program":
    """Make a model that termwise can measure, of two functions, of a guide and its model, or of another package's.

    The modules that a function is, is a method of, holds in its closure, its defaults or a partial, or names as a
    global (`models.reachable_modules`), are measured in evaluation mode, without gradients, on the device asked for,
    and left as they were. One that a function makes or loads while it runs must be put there by you (`.eval()`).

    Args:
        encode: x, shape (B, *shape), float32 -> (mean, log_var), a torch Distribution, or either with a context last:
            what the decoder needs beside the code, such as a library size. Or the same by name, {"mean": ...,
            "log_var": ..., "context": ...}, {"indices": ..., "codebook": ...} of codewords, or an output that has a
            `latent_dist`; where a module's `forward` gives a context that is a tensor, or one is as
            wide as the code, or the code as x, it must be named, for it may be a reconstruction. A module, or a method
            of one, is given x in the type of its parameters. Or, with no `decode`, a whole model of a package that is
            known here (docs/adapters.md), or the path of an ONNX file that gives a mean and a log variance. Functions
            of JAX's are given its arrays.
        decode: z, or (z, context) where there is a context -> a torch Distribution over x, or a tensor that
            `likelihood` turns into one; or the path of an ONNX file. Left out, the rate's links alone are measured.
        likelihood: "bernoulli" (decode gives probabilities), "bernoulli-logits", "normal:0.1" (a mean),
            "laplace:1", "categorical:17" (logits, classes first), "poisson" (means), "poisson-logs"; or a Likelihood of
            yours, of what decode gives.
        prior: p(z), event shape the code's; where left out the standard normal, and of codewords that all are alike.
        quantizer: What rounds to codewords what `encode` gives, before `decode` takes it, such as a VectorQuantize,
            ResidualVQ or FSQ of vector-quantize-pytorch.
        guide, model: In the place of all these, programs of Pyro or NumPyro, each called as guide(x) with a batch.
        params: Of NumPyro: what its SVI learned, `svi_result.params`.

    Raises:
        Refused: This is no function, or a model whose terms would be wrong; the message says what would do.

    Example:
        >>> encoder, decoder = nn.Linear(6, 4), nn.Linear(2, 6)  # trained anywhere
        >>> model = adapt(lambda x: encoder(x).chunk(2, dim=1), decoder, likelihood="normal:0.3")
        >>> posterior, context = model.infer(torch.zeros(5, 6))
        >>> posterior.mean.shape, model.generate(posterior.mean, context).event_shape
        (torch.Size([5, 2]), torch.Size([6]))
    """
    if guide is not None or model is not None or params is not None:
        return _program(guide, model, params, (encode, decode, likelihood, prior, quantizer))
    encode, decode = (OnnxFile(of) if is_onnx(of) else of for of in (encode, decode))
    if decode is not None and not callable(decode):
        raise Refused(f"Expected a function decode(z), or the path of an ONNX file; got a {type(decode).__name__}.")
    if quantizer is not None:
        called = partial(_called, "encode", encode), None if decode is None else partial(_called, "decode", decode)
        return Adapted(*quantizing(*called, quantizer), likelihood, prior)
    parts = parts_of(encode, likelihood, prior is not None) if decode is None else None
    if parts is not None:
        return Adapted(parts.encode, parts.decode, parts.likelihood, prior, parts)
    if isinstance(encode, Drawable):
        raise Refused(f"This {type(encode).__name__} can be measured as it is: measure(model, data).")
    if not callable(encode) or (isinstance(encode, nn.Module) and _is_whole(encode)):
        raise Refused(
            f"Expected a function encode(x), or one of {supported()}; got a {type(encode).__name__}. Pass two "
            "functions: adapt(encode=model.encode, decode=model.decode, likelihood=...), where encode gives "
            "(mean, log_var) or what has a latent_dist."
        )
    return Adapted(encode, decode, likelihood, prior)


def _program(guide: Any, model: Any, params: Mapping[str, Any] | None, others: tuple[Any, ...]) -> Program:
    """A guide and its model, once it is clear that these alone are given."""
    if not callable(guide) or not callable(model) or any(one is not None for one in others):
        raise Refused(
            "A guide and its model, both functions, stand for all that adapt() takes but params: expected "
            "adapt(guide=guide, model=model), and of NumPyro params=svi_result.params."
        )
    return Program(guide, model, params)


class Adapted:
    """A model made of two functions, or of one; its codes, of any shape, are flattened to (B, D). `adapt` makes it."""

    def __init__(
        self,
        encode: Callable[[Tensor], Any],
        decode: Callable[..., Any] | None,
        likelihood: str | Likelihood | None,
        prior: Distribution | None,
        ready: Parts | None = None,
    ) -> None:
        self._encode, self._decode = encode, decode
        self._dataset = None if ready is None else ready.dataset
        self._own_prior = None if ready is None or prior is not None else ready.prior
        self.side_variables = () if ready is None or self._own_prior is None else ready.beside
        self._likelihood = None if likelihood is None else _likelihood(likelihood)
        self._prior = prior
        self._code_shape: torch.Size | None = None
        self._example_shape: torch.Size | None = None
        self._like: Tensor | None = None
        self._uniform: Distribution | None = None

    @property
    def networks(self) -> list[nn.Module]:
        """The modules that the two functions reach, as they are now."""
        return modules_of((self._encode, self._decode, self._likelihood))

    @property
    def code_shape(self) -> tuple[int, ...]:
        """The shape in which the encoder gives a code, such as (C, h, w); () before it was first asked."""
        return tuple(self._code_shape or ())

    @property
    def generates(self) -> bool:
        """Whether there is a decoder, so that the distortion can be measured."""
        return self._decode is not None

    def dataset(self, own: Any = None) -> Dataset | None:
        """The examples that this model takes, of its package's own data: of an SCVI, an AnnData.

        Args:
            own: Those data; what the model holds where left out.

        Returns:
            None where a model of the kind takes its examples as they are.
        """
        return None if self._dataset is None else self._dataset(own)

    @property
    def prior_given_side(self) -> bool:
        """Whether its prior is another for each example, given what stands beside x."""
        return bool(self.side_variables)

    def infer(self, x: Tensor, side: Tensor | None = None) -> tuple[Distribution, Any]:
        """q(z|x) with flat codes, and the context that `encode` gave, or None; of what is beside x, a row has it."""
        posterior, context = split_encoded(_called("encode", self._encode, x), x.shape, _is_forward(self._encode))
        if isinstance(posterior, Mapping):
            posterior, code_shape = quantized_law(**posterior)
            shape = posterior.batch_shape + torch.Size(code_shape)
        elif not isinstance(posterior, Distribution):
            mean, log_variance = (widened(part) for part in posterior)
            posterior = Normal(mean, (0.5 * log_variance).exp(), validate_args=False)
            shape = posterior.batch_shape
        else:
            shape = posterior.batch_shape + posterior.event_shape
        if shape[:1] != (len(x),):
            raise Refused(
                f"encode() must give one code per example: {len(x)} went in, codes of {tuple(shape)} came out."
            )
        if self._decode is not None and self._likelihood is not None:
            self._likelihood.check(ValueRange.of(x))
        codes = flat(posterior)
        self._code_shape, self._example_shape, self._like = shape[1:], x.shape[1:], tensor_like(codes, x)
        self._uniform = uniform_over(codes)
        return codes, context

    def generate(self, z: Tensor, context: Any) -> Distribution:
        """The likelihood p(x|z) of flat codes z, shape (B, D), with the context that `encode` gave."""
        if self._decode is None:
            raise Refused("This model has no decoder: pass adapt(decode=...) to measure its distortion.")
        shape = self._code_shape if self._prior is None or self._code_shape is not None else self._prior.event_shape
        codes = z if shape is None else z.reshape(len(z), *shape)
        law = self._law(_called("decode", self._decode, codes, *(() if context is None else (context,))))
        declared = law.batch_shape + law.event_shape  # nothing, where a law of the user's own does not say
        expected = (len(z), *(law.event_shape if self._example_shape is None else self._example_shape))
        if declared and (declared != expected or len(law.batch_shape) != 1):
            raise Refused(
                f"decode() must give p(x|z) of {len(z)} examples of shape {expected[1:]}, as encode() got them; got "
                f"batch shape {tuple(law.batch_shape)} and event shape {tuple(law.event_shape)}."
            )
        return law

    def _law(self, decoded: Any) -> Distribution:
        decoded = decoded_of(decoded)
        if isinstance(decoded, Distribution):
            law = over_examples(decoded) if len(decoded.batch_shape) > 1 else decoded
            return unclamped(law)
        if not isinstance(decoded, Tensor) or not decoded.dim():
            got = "a single number" if isinstance(decoded, Tensor) else f"a {type(decoded).__name__}"
            raise Refused(f"decode() must give a torch Distribution or a tensor, example by example; got {got}.")
        if self._likelihood is None:
            raise Refused(
                "decode() gave a tensor, and nothing says of which law it is a parameter. Pass adapt(likelihood=...): "
                "'bernoulli' for probabilities, 'bernoulli-logits', or 'normal:0.1' for a mean."
            )
        return self._likelihood(widened(decoded))

    def prior_law(self, side: Tensor | None = None) -> Distribution:
        """The prior p(z), over flat codes: where none was given the model's own, the standard normal, or all codewords
        alike.

        Of one that takes values beside x, shape (B, V), p(z|s), batch shape (B,).
        """
        if self._own_prior is not None:
            return self._own_prior(side)
        size = None if self._code_shape is None else math.prod(self._code_shape)
        if self._prior is not None:
            prior = flat(self._prior, batch=0)
            if size is not None and prior.event_shape != (size,):
                raise Refused(
                    f"The codes have {size} dimensions, and the prior {tuple(prior.event_shape)}; match them."
                )
            if self._like is not None and tensor_like(prior, self._like).device != self._like.device:
                raise Refused(
                    f"The codes are on {self._like.device}, and the prior is not. Make it there: adapt(prior=...)."
                )
            return prior
        if self._uniform is not None:
            return self._uniform
        if self._like is None or size is None:
            raise Refused(
                "The default prior takes its size from the codes: infer a batch first, or give what does: data=x in "
                "tw.generate, or the prior in adapt(prior=...)."
            )
        zero = self._like.new_zeros(size)
        return Independent(Normal(zero, torch.ones_like(zero), validate_args=False), 1, validate_args=False)


def _is_whole(module: nn.Module) -> bool:
    """Whether a module is an encoder and a decoder, so that nobody knows what its `forward` gives."""
    return any(hasattr(module, name) for name in ("encode", "decode", "decoder"))


def _is_forward(function: Callable[..., Any]) -> bool:
    """Whether a function is a module, or its `forward`."""
    return isinstance(function, nn.Module) or getattr(function, "__name__", "") in ("forward", "__call__", "_call_impl")


def _called(name: str, function: Callable[..., Any], given: Tensor, *context: Any) -> Any:
    """What the user's function gives; a module, or a method of one, gets its numbers in its parameters' type."""
    owner = getattr(function, "__self__", function)
    if isinstance(owner, nn.Module):
        first = next((parameter for parameter in owner.parameters() if parameter.is_floating_point()), given)
        given = given.to(first.dtype)
    try:
        return _answer(function, given, *context)
    except TermwiseError:
        raise
    except Exception as error:
        reason = (str(error).strip() or "no reason given").splitlines()[0]
        reached = {f"{p.dtype} on {p.device}" for network in modules_of([function]) for p in network.parameters()}
        parameters = f"; its parameters are {', '.join(sorted(reached))}" if reached else ""
        raise Refused(
            f"{name}() failed on {'a batch' if name == 'encode' else 'codes'} of shape {tuple(given.shape)}, "
            f"{given.dtype} on {given.device}{parameters}: {type(error).__name__}: {reason}"
        ) from error


def _answer(function: Callable[..., Any], *given: Any) -> Any:
    """What a function gives, as tensors and laws of torch's; one that refuses tensors is given JAX's arrays."""
    if "jax" not in sys.modules:
        return function(*given)
    try:
        return to_torch(function(*given))
    except Exception as of_tensors:
        try:
            return called_with_arrays(function, given)
        except Exception as of_arrays:
            raise (of_arrays if "jax" in str(of_tensors).lower() else of_tensors) from None


AS_TENSORS_ARE = {
    "bernoulli": "bernoulli-probabilities",
    "bernoulli-logits": "bernoulli",
    "poisson": "poisson-means",
    "poisson-logs": "poisson",
}
"""What a likelihood of a tensor is called in the table, where it is not the same: a tensor is a law's mean."""


def _likelihood(spec: str | Likelihood) -> Likelihood:
    if not isinstance(spec, str):
        return spec
    likelihood = likelihood_from(AS_TENSORS_ARE.get(spec, spec))
    if likelihood.state_dict():
        raise Refused(
            f"{spec!r} names no sigma or scale, and only you know your model's. Say it, as in 'normal:0.1'; or have "
            "decode() give a torch Distribution."
        )
    return likelihood.eval()
