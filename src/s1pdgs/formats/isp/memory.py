"""Loads and stores at addresses, for compiled kernels whose inner loops an array's bookkeeping would slow down.

An address is `array.ctypes.data` plus an offset in octets. Nothing is checked here: a kernel that uses these proves its
bounds in its docstring, and its caller keeps the arrays alive.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _loading(bits: int, *, big_endian: bool = False) -> Any:
    """A load of an unsigned little- or big-endian integer of any alignment, as uint64."""

    @intrinsic  # type: ignore[untyped-decorator,unused-ignore]
    def load(_typing: Any, _address: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], ir.IntType(bits).as_pointer())
            value = builder.load(pointer)
            value.align = 1
            if big_endian:
                value = builder.bswap(value)
            return value if bits == 64 else builder.zext(value, ir.IntType(64))

        return types.uint64(types.int64), generate

    return load


def _storing(bits: int) -> Any:
    """A store of the low bits of a uint64, little-endian, at any alignment."""

    @intrinsic  # type: ignore[untyped-decorator,unused-ignore]
    def store(_typing: Any, _address: Any, _value: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], ir.IntType(bits).as_pointer())
            value = arguments[1] if bits == 64 else builder.trunc(arguments[1], ir.IntType(bits))
            builder.store(value, pointer).align = 1
            return context.get_dummy_value()

        return types.void(types.int64, types.uint64), generate

    return store


load_8 = _loading(8)
load_32 = _loading(32)
load_64 = _loading(64)
load_64_big_endian = _loading(64, big_endian=True)
store_8 = _storing(8)
store_32 = _storing(32)
store_64 = _storing(64)
