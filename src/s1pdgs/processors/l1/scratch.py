"""Storage that a thread uses again and again.

Fresh memory must be cleared by the system, page by page, which takes as long as a transform of what is put there.
"""

import math
import threading

import numpy as np
from numpy.typing import NDArray


class Scratch(threading.local):
    """Complex arrays by name, of each thread its own; what was taken by a name before is overwritten."""

    def __init__(self) -> None:
        self._stores: dict[str, NDArray[np.complex64]] = {}

    def take(self, name: str, *shape: int) -> NDArray[np.complex64]:
        """A complex64 array of a shape, with whatever was left in it."""
        size = math.prod(shape)
        store = self._stores.get(name)
        if store is None or store.size < size:
            store = None
            self._stores.pop(name, None)  # the old memory goes before the new comes
            store = self._stores[name] = np.empty(size, np.complex64)
        return store[:size].reshape(shape)
