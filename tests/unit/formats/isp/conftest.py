"""The three real S-1B packets (S3, 2020-06-15) and the samples that an independent decoder finds in them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray


class RealPacket(NamedTuple):
    octets: bytes
    samples: NDArray[np.complex64]

    @property
    def user_data(self) -> bytes:
        return self.octets[68:]


def _read(folder: Path, name: str) -> RealPacket:
    return RealPacket((folder / f"{name}.dat").read_bytes(), np.load(folder / f"{name}.npz")["udf"])


@pytest.fixture(scope="session")
def echo(testdata: Path) -> RealPacket:
    return _read(testdata / "isp", "000408-echo")


@pytest.fixture(scope="session")
def noise(testdata: Path) -> RealPacket:
    return _read(testdata / "isp", "000000-noise")


@pytest.fixture(scope="session")
def tx_cal(testdata: Path) -> RealPacket:
    return _read(testdata / "isp", "000008-txcal")
