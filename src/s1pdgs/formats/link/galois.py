"""The field GF(256) of the CCSDS Reed-Solomon code and its two bases (CCSDS 131.0-B, section 4 and annex F)."""

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.link.parameters import PARITY_SYMBOLS

FIELD_POLYNOMIAL = 0x187
FIRST_ROOT = 112
ROOT_STEP = 11
_DUAL_BASIS_STEP = 117


def _powers() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    antilog = np.zeros(512, dtype=np.uint8)
    log = np.zeros(256, dtype=np.int64)
    value = 1
    for exponent in range(255):
        antilog[exponent] = value
        log[value] = exponent
        value <<= 1
        if value & 0x100:
            value ^= FIELD_POLYNOMIAL
    antilog[255:510] = antilog[:255]
    return antilog, log


ANTILOG, LOG = _powers()


def multiply(left: int, right: int) -> int:
    """The product of two field elements."""
    return int(ANTILOG[LOG[left] + LOG[right]]) if left and right else 0


def _trace(element: int) -> int:
    total = power = element
    for _ in range(7):
        power = multiply(power, power)
        total ^= power
    return total & 1


def _to_dual() -> NDArray[np.uint8]:
    """Bit 7 - i of the dual representation of u is Tr(u beta^i), beta = alpha^117."""
    table = np.zeros(256, dtype=np.uint8)
    for element in range(256):
        for i in range(8):
            table[element] |= _trace(multiply(element, int(ANTILOG[_DUAL_BASIS_STEP * i % 255]))) << (7 - i)
    return table


TO_DUAL = _to_dual()
FROM_DUAL = np.argsort(TO_DUAL).astype(np.uint8)


def generator_polynomial() -> NDArray[np.uint8]:
    """The 33 coefficients of g(x), highest power first: the product of (x - alpha^(11 j)), j = 112 ... 143."""
    polynomial = [1]
    for j in range(FIRST_ROOT, FIRST_ROOT + PARITY_SYMBOLS):
        root = int(ANTILOG[ROOT_STEP * j % 255])
        shifted = [*polynomial, 0]
        scaled = [0, *(multiply(coefficient, root) for coefficient in polynomial)]
        polynomial = [a ^ b for a, b in zip(shifted, scaled, strict=True)]
    return np.array(polynomial, dtype=np.uint8)
