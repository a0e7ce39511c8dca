"""Encoders and decoders that are ONNX files, run by onnxruntime on the CPU.

An encoder's file has two outputs, a mean and a log variance, or a standard deviation, told by their names; a decoder's
has one. Each has one input, a batch of examples or of codes.
"""

from os import PathLike, fspath
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from termwise.errors import Refused

MEANS = ("mean", "mu", "z_mean", "loc", "latent_mean")
"""What files call the output that is a mean."""
LOG_VARIANCES = ("log_var", "logvar", "log_variance", "z_log_var", "z_logvar")
"""What files call the output that is a log variance."""
SCALES = ("std", "sigma", "scale", "z_std")
"""What files call the output that is a standard deviation."""
TYPES = {"tensor(float)": torch.float32, "tensor(float16)": torch.float16, "tensor(double)": torch.float64}
"""The types of inputs that there are."""


class OnnxFile:
    """A function that is an ONNX file: of a batch (mean, log variance) by name, or the one tensor that it gives.

    Args:
        path: The file.
        mean: The output that is the mean, where its name is not "mean", "mu", "z_mean", "loc" or "latent_mean".
        log_var: The output that is the log variance, where it is not "log_var", "logvar" or the like.
        scale: The output that is the standard deviation, where there is that and no log variance.

    Raises:
        Refused: There is no such file, or it cannot be read, or not be told which output is which.

    Example:
        >>> OnnxFile("encoder.onnx")
        Traceback (most recent call last):
        termwise.errors.Refused: Expected an ONNX file; there is none at encoder.onnx.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        mean: str | None = None,
        log_var: str | None = None,
        scale: str | None = None,
    ) -> None:
        self.path = fspath(path)
        if not Path(self.path).is_file():
            raise Refused(f"Expected an ONNX file; there is none at {self.path}.")
        self._session = _session(self.path)
        inputs, self._names = self._session.get_inputs(), [one.name for one in self._session.get_outputs()]
        if len(inputs) != 1 or inputs[0].type not in TYPES:
            given = ", ".join(f"{one.name} ({one.type})" for one in inputs)
            raise Refused(f"Expected {self.path} to have one input, a tensor of floats; it has {given}.")
        self._input, self._dtype = inputs[0].name, TYPES[inputs[0].type]
        first = (inputs[0].shape or [None])[0]
        self._at_once = first if isinstance(first, int) and first > 0 else None
        self._mean = self._named(mean, MEANS)
        self._log_var, self._scale = self._named(log_var, LOG_VARIANCES), self._named(scale, SCALES)
        told = self._mean is not None and (self._log_var is None) != (self._scale is None)
        if not told and len(self._names) != 1:
            raise Refused(
                f"{self.path} gives {', '.join(self._names)}, and nothing says which is the mean and which the log "
                "variance. Name them: OnnxFile(path, mean=..., log_var=...), or scale= for a standard deviation."
            )

    def __call__(self, given: Tensor) -> Any:
        """{"mean": ..., "log_var": ...} of a batch, or the one tensor, on the batch's device."""
        found = dict(zip(self._names, self._run(given), strict=True))
        if len(found) == 1:
            return found[self._names[0]]
        assert self._mean is not None
        if self._log_var is not None:
            return {"mean": found[self._mean], "log_var": found[self._log_var]}
        assert self._scale is not None
        return {"mean": found[self._mean], "log_var": 2 * found[self._scale].log()}

    def _run(self, given: Tensor) -> list[Tensor]:
        """All outputs; a file that takes so many at once, and no other number, is given these."""
        rows = given.detach().to("cpu", self._dtype)
        parts = [rows] if self._at_once is None else list(rows.split(self._at_once))
        of_parts = []
        for part in parts:
            short = 0 if self._at_once is None else self._at_once - len(part)
            whole = torch.cat([part, part[-1:].expand(short, *part.shape[1:])]) if short else part
            outputs = self._session.run(None, {self._input: whole.numpy()})
            of_parts.append([torch.from_numpy(one)[: len(part)] for one in outputs])
        return [torch.cat(one).to(given.device) for one in zip(*of_parts, strict=True)]

    def _named(self, asked: str | None, known: tuple[str, ...]) -> str | None:
        """The output of the name asked for, or of one that is known; None where there is none."""
        if asked is not None and asked not in self._names:
            raise Refused(f"{self.path} has no output {asked!r}: it gives {', '.join(self._names)}.")
        return asked or next((name for name in self._names if name.lower() in known), None)


def is_onnx(thing: Any) -> bool:
    """Whether this is the path of an ONNX file, by its ending.

    Example:
        >>> is_onnx("encoder.onnx"), is_onnx("runs/digits")
        (True, False)
    """
    return isinstance(thing, str | PathLike) and fspath(thing).lower().endswith(".onnx")


def _session(path: str) -> Any:
    """What runs the file."""
    try:
        import onnxruntime
    except ImportError:
        raise Refused("An ONNX file is run by onnxruntime, which is not here: pip install 'termwise[onnx]'.") from None
    try:
        return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = (str(error).strip() or "no reason given").splitlines()[0]
        raise Refused(f"{path} cannot be read by onnxruntime: {reason:.200}") from error
