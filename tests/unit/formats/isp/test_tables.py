"""The tables are complete, immutable and consistent."""

import numpy as np
import pytest

from s1pdgs.formats.isp import tables
from s1pdgs.formats.isp.errors import PacketError


def test_prefix_codes_fill_the_code_space() -> None:
    _, lengths = tables.prefix_codes()
    for brc, size in enumerate(tables.alphabet_sizes(tables.BIT_RATE_CODES)):
        assert (2.0 ** -lengths[brc, :size].astype(float)).sum() == 1.0


def test_magnitudes_grow_with_their_code() -> None:
    modes = tables.BIT_RATE_CODES + tables.FIXED_RATE_MODES
    values = tables.reconstruction(modes)
    for row, size in zip(values, tables.alphabet_sizes(modes), strict=True):
        assert (np.diff(row[:, :size], axis=1) > 0).all()


def test_strong_blocks_scale_with_the_sigma_factor() -> None:
    values = tables.reconstruction(("BAQ3", "BRC4"))
    assert values[0, 100, 3] == np.float32(62.98 * 2.1864)
    assert values[1, 8, 15] == np.float32(16.05)


def test_tables_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        tables.reconstruction(("BRC0",))[0, 0, 0] = 1


def test_the_iw_cycle() -> None:
    cycle = tables.timeline(8, "Image Acquisition")
    echoes = [(entry.swath, entry.pri_count) for entry in cycle if entry.signal == "Echo"]
    assert echoes == [("IW1", 1409), ("IW2", 1548), ("IW3", 1410)] * 2
    assert {entry.full_bandwidth for entry in cycle if entry.signal == "TxCal"} == {True}


def test_unknown_timelines_are_refused() -> None:
    with pytest.raises(PacketError, match="ECC number 200"):
        tables.timeline(200, "Preamble")
    with pytest.raises(PacketError, match="Postamble, not 'Encore'"):
        tables.timeline(8, "Encore")


def test_temperatures() -> None:
    assert tables.tgu_temperatures_celsius().shape == (128,)
    assert np.isnan(tables.tile_temperatures_celsius()[0])
    assert tables.tile_temperatures_celsius()[255] == 103.5
