"""A device without hardware: its tensors compute on the CPU, and refuse what a GPU refuses.

Torch keeps a place for a backend of one's own, PrivateUse1, and here it is one of Python. What a GPU would not do, or
only by waiting for it, comes to light on any machine: two devices that meet, a generator of the CPU asked for numbers
of the device, numpy of a tensor that lies there; and every read of a value by the CPU is counted, with the line that
asked for it, for on a GPU the CPU waits there. So it does where it sends numbers and says nothing of not waiting.
"""

import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils.backend_registration
from torch import Tensor
from torch.utils._mode_utils import no_dispatch
from torch.utils._pytree import tree_flatten, tree_map

from termwise.float64 import WITHOUT

NAME = "strict"
aten = torch.ops.aten

READS = {
    aten._local_scalar_dense.default, aten.nonzero.default, aten.masked_select.default, aten.equal.default,
    aten._unique2.default, aten.unique_dim.default, aten.unique_consecutive.default, aten.is_nonzero.default,
    aten.bincount.default, aten.repeat_interleave.Tensor, aten.histc.default, aten._linalg_check_errors.default,
}  # fmt: skip
"""What needs the values before it can go on: a number for Python, or the shape of what comes out."""

MAY_MEET = {aten.copy_.default, aten._copy_from.default, aten.set_.source_Tensor}
INDEXED = {aten.index.Tensor, aten.index_put_.default, aten.index_put.default, aten._index_put_impl_.default}
"""Here positions may lie on the CPU, and are copied: not a read, but the tensor itself must be of the device."""


class NoFloat64(TypeError):
    """A float64 tensor was to lie on the device."""


class TwoDevicesMeet(RuntimeError):
    """Tensors of two devices stand in one operation."""


class Reads:
    """How often values were read by the CPU, or sent by it with a wait, by the line of termwise that asked.

    Attributes:
        lines: The reads.
        sent: What was sent.
        functions: The reads, by file and function.
    """

    def __init__(self) -> None:
        self.lines: Counter[str] = Counter()
        self.functions: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()

    def __len__(self) -> int:
        return self.lines.total()

    def note(self, was_sent: bool = False) -> None:
        """Count a read, for the innermost line of the package."""
        own = [frame for frame in traceback.extract_stack() if "/src/termwise/" in frame.filename]
        file = own[-1].filename.split("/src/termwise/")[1] if own else "elsewhere"
        line = f"{file}:{own[-1].lineno}" if own else file
        (self.sent if was_sent else self.lines)[line] += 1
        if not was_sent:
            self.functions[f"{file} {own[-1].name}" if own else file] += 1


_watching: list[Reads] = []
_without_float64: list[bool] = []


@contextmanager
def without_float64() -> Iterator[None]:
    """Within it no float64 tensor can be made on the device, as none can on MPS."""
    _without_float64.append(True)
    WITHOUT.add(NAME)
    try:
        yield
    finally:
        _without_float64.pop()
        WITHOUT.discard(NAME)


@contextmanager
def reads() -> Iterator[Reads]:
    """Within it each read of the device's values by the CPU is counted."""
    counted = Reads()
    _watching.append(counted)
    try:
        yield counted
    finally:
        _watching.remove(counted)


def _read() -> None:
    for counted in _watching:
        counted.note()


def _send() -> None:
    for counted in _watching:
        counted.note(was_sent=True)


class OnDevice(Tensor):
    """A tensor of the strict device: `inner` is what it holds, on the CPU."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> "OnDevice":
        if _without_float64 and inner.dtype == torch.float64:
            raise NoFloat64(f"A float64 tensor of shape {tuple(inner.shape)} was to lie on {NAME}, which has none.")
        made = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, inner.size(), strides=inner.stride(), storage_offset=inner.storage_offset(), dtype=inner.dtype,
            device=torch.device(NAME, 0), requires_grad=False,
        )  # fmt: skip
        made.inner = inner
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def numpy(self, **options: Any) -> Any:
        raise TypeError(f"can't convert {NAME} device type tensor to numpy. Use Tensor.cpu() first.")

    def data_ptr(self) -> int:
        return self.inner.data_ptr()

    def untyped_storage(self) -> Any:
        return self.inner.untyped_storage()

    def __array__(self, *options: Any) -> Any:
        return self.numpy()

    def __deepcopy__(self, memory: dict[int, Any]) -> Any:
        if id(self) not in memory:
            copied = self.detach().clone()
            is_parameter = isinstance(self, torch.nn.Parameter)
            memory[id(self)] = torch.nn.Parameter(copied, self.requires_grad) if is_parameter else copied
        return memory[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        """What is saved is read again as a tensor of the CPU."""
        return self.inner.__reduce_ex__(protocol)

    def __repr__(self) -> str:
        return f"{self.inner!r} on {NAME}"

    @classmethod
    def __torch_dispatch__(cls, operation: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = dict(kwargs or {})
        if operation is aten._to_copy.default:
            return _moved(args[0], kwargs)
        _check(operation, args, kwargs)
        if operation is aten.copy_.default:
            _copied(*args[:2], non_blocking=any(args[2:]) or kwargs.get("non_blocking", False))
        if operation in READS or (operation in INDEXED and _by_mask(args)):
            _read()
        given, _ = tree_flatten((args, kwargs))
        homes = {id(one.inner): one for one in given if isinstance(one, OnDevice)}
        result = operation(*tree_map(_inner, args), **tree_map(_inner, kwargs))
        if torch.Tag.inplace_view in operation.tags:  # as squeeze_ is: the wrapper's own shape changes, too
            with no_dispatch():
                operation(*args, **kwargs)
        for one in homes.values():
            if one.shape != one.inner.shape:
                raise NotImplementedError(f"{operation} resized a tensor of the strict device in place.")
        return tree_map(lambda one: _outer(one, homes), result)


def _inner(one: Any) -> Any:
    if isinstance(one, torch.device):
        return torch.device("cpu")
    return one.inner if isinstance(one, OnDevice) else one


def _outer(one: Any, homes: dict[int, "OnDevice"]) -> Any:
    if not isinstance(one, Tensor):
        return one
    home = homes.get(id(one))
    return OnDevice(one) if home is None else home


def _copied(target: Any, source: Any, non_blocking: bool) -> None:
    """Note a copy that is a read, or sends numbers and waits."""
    if isinstance(source, OnDevice) and not isinstance(target, OnDevice):
        _read()
    elif isinstance(target, OnDevice) and not isinstance(source, OnDevice) and not non_blocking:
        _send()


def _moved(tensor: Tensor, kwargs: dict[str, Any]) -> Tensor:
    """A copy, on the device that is asked for."""
    device = kwargs.pop("device", None)
    home = tensor.device if device is None else torch.device(device)
    non_blocking = kwargs.get("non_blocking", False)
    copied = aten._to_copy.default(_inner(tensor), **kwargs, device=torch.device("cpu"))
    if home.type == NAME:
        if not isinstance(tensor, OnDevice) and not non_blocking:
            _send()
        return OnDevice(copied)
    if isinstance(tensor, OnDevice):
        _read()
    return copied


def _check(operation: Any, args: tuple, kwargs: dict[str, Any]) -> None:
    """Raise where two devices meet, or the CPU's generator is asked for numbers of this one."""
    if operation in MAY_MEET:
        return
    given, _ = tree_flatten((args[:1], {}) if operation in INDEXED else (args, kwargs))
    for one in given:
        if isinstance(one, Tensor) and not isinstance(one, OnDevice) and (one.dim() or operation in INDEXED):
            raise TwoDevicesMeet(f"{operation} met a tensor {tuple(one.shape)} of {one.device} beside one of {NAME}.")
    if any(isinstance(one, torch.Generator) for one in tree_flatten((args, kwargs))[0]):
        raise RuntimeError(f"Expected a {NAME!r} device type for generator but found 'cpu' ({operation}).")


def _by_mask(args: tuple) -> bool:
    return any(isinstance(one, Tensor) and one.dtype == torch.bool for one in args[1])


def _empty(size: Any, *, dtype: Any = None, **rest: Any) -> Tensor:
    return OnDevice(torch.empty(size, dtype=dtype))


def _empty_strided(size: Any, stride: Any, *, dtype: Any = None, **rest: Any) -> Tensor:
    return OnDevice(torch.empty_strided(size, stride, dtype=dtype))


def _copy_from(source: Tensor, target: Tensor, non_blocking: bool = False) -> Tensor:
    _copied(target, source, non_blocking)
    _inner(target).copy_(_inner(source))
    return target


def _made_on_cpu(operation: Any) -> Any:
    """One that makes a tensor of nothing, of a size that it finds itself: made on the CPU, and taken over."""

    def make(*args: Any, device: Any = None, pin_memory: Any = None, **kwargs: Any) -> Tensor:
        if kwargs.get("generator") is not None:
            raise RuntimeError(f"Expected a {NAME!r} device type for generator but found 'cpu' ({operation}).")
        return OnDevice(operation(*args, **kwargs, device=torch.device("cpu")))

    return make


MAKERS = (
    "arange", "arange.start", "arange.start_step", "randperm", "randperm.generator", "linspace", "logspace",
    "eye", "eye.m", "tril_indices", "triu_indices",
)  # fmt: skip
_library = torch.library.Library("aten", "IMPL")
_registered: list[bool] = []


def register() -> torch.device:
    """Make the device known to torch, once a process."""
    if not _registered:
        torch.utils.backend_registration._setup_privateuseone_for_python_backend(NAME)
        _library.impl("empty.memory_format", _empty, "PrivateUse1")
        _library.impl("empty_strided", _empty_strided, "PrivateUse1")
        _library.impl("_copy_from", _copy_from, "PrivateUse1")
        for name in MAKERS:
            packet, _, overload = name.partition(".")
            _library.impl(name, _made_on_cpu(getattr(getattr(aten, packet), overload or "default")), "PrivateUse1")
        _registered.append(True)
    return torch.device(NAME, 0)
