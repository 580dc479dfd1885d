"""Threads, and storage that a thread uses again and again.

Fresh memory must be cleared by the system, page by page, which takes as long as a transform of what is put there.
"""

import math
import threading
from typing import Any

import numba
import numpy as np
from numpy.typing import DTypeLike, NDArray


def cores() -> int:
    """Threads to work with: the cores that this process may use, or fewer by `NUMBA_NUM_THREADS`."""
    return int(numba.get_num_threads())


class Scratch(threading.local):
    """Arrays by name, of each thread its own; what was taken by a name before is overwritten."""

    def __init__(self) -> None:
        self._stores: dict[str, NDArray[Any]] = {}

    def take(self, name: str, *shape: int, dtype: DTypeLike = np.complex64) -> NDArray[Any]:
        """An array of a shape, with whatever was left in it; a name keeps its type."""
        size = math.prod(shape)
        store = self._stores.get(name)
        if store is None or store.size < size:
            store = None
            self._stores.pop(name, None)  # the old memory goes before the new comes
            store = self._stores[name] = np.empty(size, dtype)
        return store[:size].reshape(shape)
