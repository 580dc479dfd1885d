"""Decoded samples and their coordinates, in npz files and Zarr stores."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner, Result

from s1pdgs.formats.isp.header import gather_headers, index_packets
from s1pdgs.formats.isp.packets import decode_lines
from s1pdgs.tools.l0.command import l0
from tests.unit.tools.l0.conftest import Made
from tests.unit.tools.l0.editing import Editable


def dump(product: Path, target: Path, *arguments: str) -> Result:
    return CliRunner().invoke(l0, ["dump", str(product), "--samples", str(target), *arguments])


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as opened:
        return dict(opened)


def test_samples_are_those_of_the_packets(made: Made, tmp_path: Path) -> None:
    result = dump(made.products["S"], tmp_path / "s.npz", "--signal", "all")
    assert result.exit_code == 0, result.output
    found = arrays(tmp_path / "s.npz")
    (path,) = made.products["VV"].glob("*1a.dat")
    octets = np.fromfile(path, np.uint8)
    offsets, lengths = index_packets(octets)
    headers = gather_headers(octets, offsets)
    groups = {name.rsplit("/", 1)[0] for name in found if name.startswith("VV/")}
    assert {"VV/S3/echo", "VV/S3/noise", "VV/S3/txcal", "VV/S3/txcal_full"} <= groups
    packets = np.concatenate([found[f"{group}/packet"] for group in groups])
    assert sorted(packets.tolist()) == list(range(1201))
    for group in groups:
        chosen = found[f"{group}/packet"]
        truth = decode_lines(octets, offsets[chosen], lengths[chosen], headers[chosen])
        assert np.array_equal(found[f"{group}/samples"], truth)


def test_coordinates_follow_the_simulation(made: Made, tmp_path: Path) -> None:
    """Emission times better than the 15 us of the time code: the line over the PRIs is found."""
    assert dump(made.products["VV"], tmp_path / "s.npz").exit_code == 0
    found, take = arrays(tmp_path / "s.npz"), made.session.take
    lines = take.schedule.line[take.schedule.signal == 0]
    epoch = np.datetime64(take.orbit.epoch.replace(tzinfo=None), "ns")
    emitted_s = (found["VV/S3/echo/azimuth_time"] - epoch) / np.timedelta64(1, "s")
    assert np.abs(emitted_s - take.transmit_s(lines)).max() < 2e-6
    assert np.diff(emitted_s) == pytest.approx(take.scenario.radar.pri_s, abs=2e-9)
    assert found["VV/S3/echo/slant_range_time"] == pytest.approx(take.first_delay_s, abs=1e-12)
    attributes = json.loads(str(found["VV/S3/echo/attributes"]))
    assert attributes["sampling_frequency_hz"] == pytest.approx(take.scenario.radar.sampling_hz)
    assert set(found["VV/S3/echo/burst"]) == {1}


def test_a_zarr_store_opens_in_xarray_with_names_and_times(made: Made, tmp_path: Path) -> None:
    target = tmp_path / "s.zarr"
    result = dump(made.products["S"], target, "--packets", "700:1000", "--polarisation", "VH")
    assert "VH/S3/echo: 93 lines of 512 samples" in result.output
    data = xr.open_zarr(target, group="VH/S3/echo", consolidated=False)
    assert data.samples.dims == ("line", "sample")
    assert data.samples.dtype == np.complex64
    assert data.azimuth_time.values[0].astype("datetime64[s]").astype(datetime).year == 2026
    assert data.packet.values.tolist() == list(range(700, 793))
    assert dump(made.products["VH"], tmp_path / "s.npz").exit_code == 0
    whole = arrays(tmp_path / "s.npz")
    chosen = np.isin(whole["VH/S3/echo/packet"], data.packet.values)
    assert np.array_equal(data.samples.values, whole["VH/S3/echo/samples"][chosen])
    assert np.array_equal(data.azimuth_time.values, whole["VH/S3/echo/azimuth_time"][chosen])
    again = dump(made.products["S"], target)
    assert "exists; remove it or name another" in again.output


def test_a_damaged_packet_is_zeros_and_is_counted(edit: Callable[[str], Editable], tmp_path: Path) -> None:
    product = edit("VV")

    def change(headers, bodies):
        bodies[700] = bytes([bodies[700][0] | 0xE0]) + bodies[700][1:]
        headers["error_flag"][710] = 1

    product.packets(change)
    result = dump(product.path, tmp_path / "s.npz")
    assert "385 lines of 512 samples, 2 damaged (zeros)" in result.output
    found = arrays(tmp_path / "s.npz")
    dark = found["VV/S3/echo/packet"][~found["VV/S3/echo/samples"].any(axis=1)]
    assert dark.tolist() == [700, 710]


def test_what_holds_no_samples_says_so(made: Made, tmp_path: Path) -> None:
    assert "take the slice" in dump(made.products["A"], tmp_path / "s.npz").output
    assert "no packet fits the selection" in dump(made.products["S"], tmp_path / "s.zarr", "--burst", "9").output
    assert list(tmp_path.iterdir()) == []


def test_real_packets_decode_as_an_independent_decoder_says(testdata: Path, tmp_path: Path) -> None:
    source = testdata / "isp" / "000408-echo.dat"
    assert dump(source, tmp_path / "s.npz").exit_code == 0
    with np.load(source.with_suffix(".npz")) as reference:
        truth = reference["udf"].ravel()
    samples = arrays(tmp_path / "s.npz")["VV/S3/echo/samples"][0]
    assert np.abs(samples - truth).max() < 2e-3 * np.abs(truth).max()
