"""The libraries of arrays that tests try: those that are here, and the strict one that allows the standard only."""

import importlib.util

import array_api_strict
import numpy as np
import pytest

from s1pdgs.processors.l1.arrays import Arrays, DeviceArray, open_arrays

LIBRARIES = [
    "numpy",
    "strict",
    pytest.param(
        "torch", marks=pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="torch is not installed")
    ),
]


def arrays_of(name: str, free_bytes: int = 1 << 30) -> Arrays:
    """A library; the strict one computes on a device of its own that must be named wherever arrays are made."""
    if name != "strict":
        return open_arrays(name)
    host = array_api_strict.Device("CPU_DEVICE")

    def to_host(values: DeviceArray) -> np.ndarray:
        return np.asarray(values.to_device(host))

    device = array_api_strict.Device("device1")
    return Arrays(name, array_api_strict, device, lambda: free_bytes, to_host, lambda: None)
