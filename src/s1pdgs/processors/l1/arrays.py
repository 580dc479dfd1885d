"""Focusing by arrays: the library that computes (numpy, torch, CuPy), its device, and the steps that modes share.

Everything on the device is written in the array API standard (2024.12), which `array_api_compat` spreads over the
libraries: the same functions run on all. Data are complex64; phases are cycles in float64 until a whole number of turns
has been taken off. The definition of every step is its compiled counterpart in `kernels` and `tops_kernels`.
"""

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Namespace = Any
"""A module with the functions of the array API standard."""
DeviceArray = Any
"""An array of such a library, where its device keeps it."""

COMPILED = "compiled"
BACKENDS = (COMPILED, "numpy", "torch", "torch:cuda", "cupy")
"""What `Array_Backend` can be: the compiled kernels, or arrays of a library. `torch:cuda:1` is the second GPU."""
_HOST_STEP_BYTES = 1 << 26
_LARGEST_STEP_BYTES = 1 << 31
_SPARE_SHARE = 0.85
_TURN = 6.283185307179586


class ArrayError(RuntimeError):
    """The library or its device is not there, or too small; the message tells the remedy."""


@frozen(eq=False)
class Arrays:
    """A library with the device that computes.

    `name` is as in `Array_Backend`. `free_bytes` tells the memory that the device has left, None that it is the host's
    and steps are kept small for its caches. `to_host` makes numpy arrays, `settle` waits until the device has done what
    it was told.
    """

    name: str
    xp: Namespace
    device: Any
    free_bytes: Callable[[], int] | None
    to_host: Callable[[DeviceArray], NDArray[Any]]
    settle: Callable[[], None]

    def put(self, values: NDArray[Any]) -> DeviceArray:
        """A host array on the device."""
        return self.xp.asarray(np.ascontiguousarray(values), device=self.device)

    def empty(self, rows: int, columns: int) -> DeviceArray:
        """Room for complex64 (rows, columns)."""
        return self.xp.empty((rows, columns), dtype=self.xp.complex64, device=self.device)

    def step_bytes(self, kept_bytes: int) -> int:
        """What the arrays of one step may take together beside those that are kept from step to step.

        Raises `ArrayError` when the device is too small for that.
        """
        if self.free_bytes is None:
            return _HOST_STEP_BYTES
        free = self.free_bytes()
        left = int(_SPARE_SHARE * free) - kept_bytes
        if left < _HOST_STEP_BYTES:
            needed = (kept_bytes + _HOST_STEP_BYTES) / _SPARE_SHARE
            raise ArrayError(
                f"Array_Backend {self.name}: {needed / 1e9:.1f} GB of memory are needed on the device, of which "
                f"{free / 1e9:.1f} GB are free; end what else runs there, or take `compiled`"
            )
        return min(left, _LARGEST_STEP_BYTES)


def open_arrays(name: str) -> Arrays:
    """The library and device of `numpy`, `torch`, `torch:cuda`, `torch:cuda:1` or `cupy`.

    Raises `ArrayError` when the library cannot be imported or the device is not there.
    """
    library, _, device = name.partition(":")
    if library == "numpy" and not device:
        xp = _imported(name, "array_api_compat.numpy")
        return Arrays(name, xp, "cpu", None, np.asarray, _nothing)
    if library == "torch" and device.partition(":")[0] in {"", "cpu", "cuda"}:
        return _torch(name, device or "cpu")
    if library == "cupy" and not device:
        return _cupy(name)
    raise ArrayError(f"Array_Backend {name}: there are {', '.join(BACKENDS)}")


def _nothing() -> None:
    """The host has done what it was told when it returns."""


def _imported(name: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ArrayError(
            f"Array_Backend {name}: {error}; install it beside s1pdgs-l1 (pip install 's1pdgs[gpu]' for torch, "
            "cupy-cuda12x or cupy-cuda13x for CuPy), or take `compiled`"
        ) from None


def _torch(name: str, device: str) -> Arrays:
    torch, xp = _imported(name, "torch"), _imported(name, "array_api_compat.torch")
    try:
        found = torch.empty(1, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise ArrayError(f"Array_Backend {name}: torch has no device {device}: {_first_line(error)}") from None

    def to_host(values: DeviceArray) -> NDArray[Any]:
        return np.asarray(values.cpu())

    if found.type != "cuda":
        return Arrays(name, xp, found, None, to_host, _nothing)

    def free_bytes() -> int:
        cached = torch.cuda.memory_reserved(found) - torch.cuda.memory_allocated(found)
        return int(torch.cuda.mem_get_info(found)[0] + cached)

    return Arrays(name, xp, found, free_bytes, to_host, lambda: torch.cuda.synchronize(found))


def _cupy(name: str) -> Arrays:
    cupy, xp = _imported(name, "cupy"), _imported(name, "array_api_compat.cupy")
    try:
        device = cupy.cuda.Device()
        pool = cupy.get_default_memory_pool()
        # plans of transforms keep their work areas: by default 16 of any size
        cupy.fft.config.get_plan_cache().set_memsize(_LARGEST_STEP_BYTES // 2)
        cupy.zeros(1)
    except RuntimeError as error:
        raise ArrayError(f"Array_Backend {name}: CuPy has no device: {_first_line(error)}") from None

    def free_bytes() -> int:
        return int(device.mem_info[0] + pool.free_bytes())

    return Arrays(name, xp, device, free_bytes, cupy.asnumpy, device.synchronize)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def batches(count: int, bytes_each: int, step_bytes: int) -> Iterator[slice]:
    """Runs of `count` rows or columns, each as many as a step can hold."""
    most = max(step_bytes // bytes_each, 1)
    for start in range(0, count, most):
        yield slice(start, min(start + most, count))


def circular(xp: Namespace, values: DeviceArray, first: int, count: int, axis: int = 0) -> DeviceArray:
    """`count` entries of an axis that is a circle, from a first one on, which may be negative."""
    length = values.shape[axis]
    begin = first % length
    parts = [_along(values, axis, begin, min(begin + count, length))]
    if begin + count > length:
        parts.append(_along(values, axis, 0, begin + count - length))
    return parts[0] if len(parts) == 1 else xp.concat(parts, axis=axis)


def laid_out(xp: Namespace, values: DeviceArray, first: int, length: int, axis: int = 0) -> DeviceArray:
    """The entries laid on a circle of another length from index `first` on, zeros elsewhere."""
    begin, count = first % length, values.shape[axis]
    split = min(length - begin, count)
    shape = list(values.shape)
    shape[axis] = length - count
    gap = xp.zeros(tuple(shape), dtype=values.dtype, device=values.device)
    before = begin + count - length
    head, tail = _along(values, axis, split, count), _along(values, axis, 0, split)
    if before >= 0:
        return xp.concat([head, gap, tail], axis=axis)
    return xp.concat([_along(gap, axis, 0, begin), tail, _along(gap, axis, begin, length - count)], axis=axis)


def _along(values: DeviceArray, axis: int, start: int, stop: int) -> DeviceArray:
    return values[(*[slice(None)] * axis, slice(start, stop), ...)]


def phasor(xp: Namespace, cycles: DeviceArray) -> DeviceArray:
    """e^(2 pi j cycles), complex64, of cycles in float64."""
    return _unit(xp, xp.astype(cycles - xp.round(cycles), xp.float32))


def ramp(xp: Namespace, begin: DeviceArray, slope: DeviceArray, steps: DeviceArray) -> DeviceArray:
    """e^(2 pi j (begin + k slope)), complex64 (..., n), for the numbers k of `steps`, float32 (n,).

    `begin` and `slope`, cycles in float64 (...,), are reduced to a turn before they become float32: k is small.
    """
    start = xp.astype(begin - xp.round(begin), xp.float32)[..., None]
    turn = xp.astype(slope - xp.round(slope), xp.float32)[..., None]
    return _unit(xp, start + turn * steps)


def _unit(xp: Namespace, cycles: DeviceArray) -> DeviceArray:
    angle = cycles * _TURN
    return xp.cos(angle) + 1j * xp.sin(angle)
