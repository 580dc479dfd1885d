"""The pseudo-random sequence that whitens code blocks (CCSDS 131.0-B, section 10)."""

from functools import cache

import numpy as np
from numpy.typing import NDArray


@cache
def pseudo_random_sequence(length: int) -> NDArray[np.uint8]:
    """The first `length` bytes of x^8 + x^7 + x^5 + x^3 + 1 from the all-ones state (FF 48 0E C0 ...), read-only."""
    register = [1] * 8
    bits = np.empty(255, dtype=np.uint8)
    for position in range(255):
        bits[position] = register[0]
        feedback = register[0] ^ register[3] ^ register[5] ^ register[7]
        register = [*register[1:], feedback]
    repeats = -(-8 * length // 255)
    sequence = np.packbits(np.tile(bits, repeats)[: 8 * length])
    sequence.setflags(write=False)
    return sequence


def derandomise(blocks: NDArray[np.uint8]) -> None:
    """Apply the sequence to code blocks uint8[n, block bytes] in place; applied twice it is the identity."""
    np.bitwise_xor(blocks, pseudo_random_sequence(blocks.shape[1]), out=blocks)
