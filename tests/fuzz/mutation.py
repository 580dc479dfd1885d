"""Damage without guidance: for machines without a fuzzer, compiled kernels, and unit tests."""

import re
from random import Random

_NUMBERS = re.compile(rb"\d+")
_ODD_BYTES = (0x00, 0x01, 0x1A, 0x1C, 0x7F, 0x80, 0xFC, 0xFE, 0xFF)
_ODD_TEXTS = (
    b"", b"0", b"-1", b"9" * 25, b"9" * 5000, b"1e999", b"nan", b"\xd9\xa3", b" ", b"../../x", b"0001", b"9999",
    b"&amp;", b"&#13;", b"<!--x-->", b"<a/>", b"\xff", b"]]>", b"inf",
)  # fmt: skip


def mutated(seed: bytes, other: bytes, random: Random, largest: int) -> bytes:
    """`seed` after one to eight wounds, spliced with `other` now and then; at most `largest` octets."""
    data = bytearray(seed)
    for _ in range(1 << random.randrange(4)):
        data = _wounded(data, other, random)
    return bytes(data[:largest])


def _wounded(data: bytearray, other: bytes, random: Random) -> bytearray:
    if not data:
        return bytearray(random.randbytes(random.randrange(1, 40)))
    first = random.randrange(len(data))
    last = min(len(data), first + 1 + int(random.expovariate(1 / 16)))
    match random.randrange(8):
        case 0:
            data[first] ^= 1 << random.randrange(8)
        case 1:
            data[first] = random.choice(_ODD_BYTES)
        case 2:
            data[first:last] = random.randbytes(last - first)
        case 3:
            del data[first:last]
        case 4:
            data[first:first] = data[first:last]
        case 5:
            cut = random.randrange(len(other) + 1)
            data[first:] = other[cut:]
        case 6:
            numbers = list(_NUMBERS.finditer(data))
            if numbers:
                begin, end = random.choice(numbers).span()
                data[begin:end] = random.choice(_ODD_TEXTS)
        case _:
            data[first:last] = random.choice(_ODD_TEXTS)
    return data
