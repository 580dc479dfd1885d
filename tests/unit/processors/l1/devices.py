"""The libraries of arrays that tests try: those that are here, GPUs too, and the strict one that allows the standard
only.
"""

import array_api_strict
import numpy as np
import pytest

from s1pdgs.processors.l1.arrays import ArrayError, Arrays, DeviceArray, open_arrays


def arrays_of(name: str, free_bytes: int = 1 << 30) -> Arrays:
    """A library; the strict one computes on a device of its own that must be named wherever arrays are made."""
    if name != "strict":
        return open_arrays(name)
    host = array_api_strict.Device("CPU_DEVICE")

    def to_host(values: DeviceArray) -> np.ndarray:
        return np.asarray(values.to_device(host))

    device = array_api_strict.Device("device1")
    return Arrays(name, array_api_strict, device, lambda: free_bytes, to_host, lambda: None)


def _missing(name: str) -> str | None:
    """Why a library or its device cannot be had here."""
    try:
        arrays_of(name)
    except ArrayError as error:
        return str(error).split(";", maxsplit=1)[0]
    return None


_REASON = _missing("torch")
_GPUS = [name for name in ("torch:cuda", "cupy") if _missing(name) is None]
LIBRARIES = [
    "strict",
    "numpy",
    pytest.param("torch", marks=pytest.mark.skipif(bool(_REASON), reason=str(_REASON))),
    *_GPUS,
]
