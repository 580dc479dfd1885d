"""Packets tell which polarisations the instrument received side by side."""

from pathlib import Path

import numpy as np
import pytest

from s1pdgs.formats.isp.acquired import acquired_polarisations
from s1pdgs.formats.isp.codes import Polarisation
from s1pdgs.formats.isp.header import new_headers
from s1pdgs.formats.isp.packets import build_packets


def write_packets(path: Path, codes: list[int]) -> None:
    headers = new_headers(len(codes))
    headers["polarisation"] = codes
    sizes = 4 * np.arange(1, len(codes) + 1)
    data = np.zeros(int(sizes.sum()), np.uint8)
    packets, _ = build_packets(headers, data, np.concatenate(([0], np.cumsum(sizes))))
    path.write_bytes(packets.tobytes())


@pytest.mark.parametrize(
    ("codes", "found"),
    [
        ([Polarisation.VV] * 5, ("VV",)),
        ([Polarisation.V_HV] * 5, ("VH", "VV")),
        ([Polarisation.H_HV] * 5, ("HH", "HV")),
        ([Polarisation.V_HV] * 4 + [Polarisation.H], ("VH", "VV")),
        ([], ()),
    ],
)
def test_most_of_the_first_packets_decide(tmp_path: Path, codes: list[int], found: tuple[str, ...]) -> None:
    write_packets(tmp_path / "s1a-iw-raw-s-vv.dat", codes)
    (tmp_path / "s1a-iw-raw-s-vv-annot.dat").write_bytes(b"\xff" * 26)
    assert acquired_polarisations(tmp_path) == found


def test_a_real_packet_tells_its_polarisation(tmp_path: Path, testdata: Path) -> None:
    (tmp_path / "a.dat").write_bytes((testdata / "isp" / "000408-echo.dat").read_bytes())
    assert acquired_polarisations(tmp_path) == ("VH", "VV")


def test_a_product_without_measurements_tells_nothing(tmp_path: Path) -> None:
    assert acquired_polarisations(tmp_path) == ()
