"""The kernels in plain Python, with every access proved: for runs with NUMBA_DISABLE_JIT=1.

Compiled loads and stores at addresses (`formats.isp.memory`) check nothing. Here they go through tables of the arrays
that the kernel was given: an octet outside of them, or a store to a read-only one, is an `AssertionError`.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp import decoding, header

_arrays: list[tuple[int, int, bool]] = []


def check_kernels() -> None:
    """Put checked accesses into the decoding kernels; only where nothing is compiled."""
    if not numba.config.DISABLE_JIT:
        raise RuntimeError("kernels are compiled: set NUMBA_DISABLE_JIT=1 before Python starts")
    for octets in (1, 4, 8):
        for names, make in (((f"load_{8 * octets}",), _loading(octets)), ((f"store_{8 * octets}",), _storing(octets))):
            for name in names:
                setattr(decoding, name, make)
    decoding.load_64_big_endian = _loading(8, "big")
    decoding.decode_lines = _watched(decoding.decode_lines)
    decoding.decode_codes = _watched(decoding.decode_codes)
    walk = header._walk
    # compiled code widens octets before it shifts them, numpy does not
    header._walk = lambda data, position, offsets: walk(data.astype(np.int64), position, offsets)


def _watched(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel, during which its arrays are the only memory there is."""

    def run(*arguments: Any) -> Any:
        with _only(*(each for each in arguments if isinstance(each, np.ndarray))):
            return kernel(*arguments)

    return run


@contextmanager
def _only(*arrays: NDArray[Any]) -> Iterator[None]:
    _arrays[:] = [(array.ctypes.data, array.nbytes, array.flags.writeable) for array in arrays]
    try:
        yield
    finally:
        _arrays.clear()


def _prove(address: int, octets: int, *, store: bool) -> None:
    for begin, size, writeable in _arrays:
        if begin <= address and address + octets <= begin + size:
            assert writeable or not store, f"store of {octets} octets into a read-only array, at {address - begin}"
            return
    nearest = min(_arrays, key=lambda array: abs(array[0] - address))
    kind = "store" if store else "load"
    raise AssertionError(f"{kind} of {octets} octets at {address - nearest[0]} of an array of {nearest[1]} octets")


def _loading(octets: int, order: str = "little") -> Callable[[Any], np.uint64]:
    def load(address: Any) -> np.uint64:
        _prove(int(address), octets, store=False)
        return np.uint64(int.from_bytes(ctypes.string_at(int(address), octets), order))

    return load


def _storing(octets: int) -> Callable[[Any, Any], None]:
    def store(address: Any, value: Any) -> None:
        _prove(int(address), octets, store=True)
        low = int(value) & ((1 << 8 * octets) - 1)
        ctypes.memmove(int(address), low.to_bytes(octets, "little"), octets)

    return store
