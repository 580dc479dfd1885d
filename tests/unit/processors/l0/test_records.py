from datetime import UTC, datetime
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.header import gather_headers
from s1pdgs.processors.l0.account import losses_of
from s1pdgs.processors.l0.describe import compression_types, consolidation_of, mode_and_swath, transmit_polarisation
from s1pdgs.processors.l0.records import (
    CAL_MODE_PREAMBLE,
    PACKET_RECORD,
    contiguous_runs,
    ends_data_take,
    mission_data_take_id,
    new_records,
    packed_offsets,
    sensing_span,
    starts_data_take,
)
from s1pdgs.simulator.program import build_program


@pytest.fixture(scope="session")
def real(testdata) -> np.ndarray:
    """Records of a real noise, calibration and echo packet of one data take."""
    names = ("000000-noise.dat", "000008-txcal.dat", "000408-echo.dat")
    packets = [np.fromfile(testdata / "isp" / name, np.uint8) for name in names]
    return new_records(np.concatenate([gather_headers(packet, np.array([0])) for packet in packets]))


def _records(counts: list[int]) -> np.ndarray:
    records = np.zeros(len(counts), PACKET_RECORD)
    records["space_packet_count"] = counts
    records["length"] = 68
    return records


def test_real_packets_tell_their_acquisition(real):
    assert mode_and_swath(real) == ("SM", "S3")
    assert transmit_polarisation(real) == "V"
    types = compression_types(real)
    assert (types.echo, types.noise, types.calibration) == ("FDBAQ_0", "BAQ_5_BIT", "BYPASS")
    assert not real["faults"].any()
    start, stop = sensing_span(real)
    assert datetime(2020, 6, 15, 16, tzinfo=UTC) < start < stop < datetime(2020, 6, 15, 17, tzinfo=UTC)
    losses = losses_of(real)
    assert losses.downlink.tolist() == [7, 399]  # as if only three of the packets had come down
    assert losses.instrument.tolist() == [0, 0]
    assert losses.suppressed_pris == 120


def test_the_start_of_a_real_data_take_is_known(real):
    assert starts_data_take(real)
    assert not ends_data_take(real)


@pytest.mark.parametrize(("identifier", "mission"), [(0x021735, 0x021735), (87747936, 0x029D76), (0xFFFFFF, 0xFFFFFF)])
def test_mission_data_take_identifiers_have_24_bits(identifier, mission):
    assert mission_data_take_id(identifier) == mission


@given(
    lengths=st.lists(st.integers(68, 200), min_size=1, max_size=40),
    kept=st.sets(st.integers(0, 39)),
)
def test_runs_cover_the_kept_packets_and_nothing_else(lengths, kept):
    records = _records(list(range(len(lengths))))
    records["length"] = lengths
    records["offset"] = packed_offsets(records)
    chosen = records[[k for k in range(len(lengths)) if k in kept]]
    octets = [octet for _, start, stop in contiguous_runs(chosen) for octet in range(start, stop)]
    expected = [
        octet
        for offset, length in zip(chosen["offset"].tolist(), chosen["length"].tolist(), strict=True)
        for octet in range(offset, offset + length)
    ]
    assert octets == expected


@cache
def _data_take(ecc_number: int) -> np.ndarray:
    """Records of a data take that follows the timeline of its mode: what their headers say of kind and count."""
    program = build_program(ecc_number, 1.0, samples=64)
    packet = np.arange(program.packet_count)
    run = program.run_of(packet)
    records = np.zeros(packet.size, PACKET_RECORD)
    records["space_packet_count"] = packet
    records["ecc_number"] = ecc_number
    records["signal_type"] = program.signal[run]
    characterisation = 3 if ecc_number == 15 else 0
    records["cal_mode"] = np.where(program.cycle[run] == 0, CAL_MODE_PREAMBLE, characterisation)
    return records


@given(ecc_number=st.sampled_from([1, 8, 9, 15, 17, 20, 32]), cuts=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_which_ends_of_a_data_take_a_stretch_has(ecc_number, cuts):
    records = _data_take(ecc_number)
    first, last = sorted(round(cut * (records.size - 1)) for cut in cuts)
    imaging = np.flatnonzero(records["cal_mode"] != CAL_MODE_PREAMBLE)
    stretch = records[first : last + 1]
    assert starts_data_take(stretch) == (first == 0)
    assert ends_data_take(stretch) == (last > imaging[-1])


@pytest.mark.parametrize(
    ("mode", "starts", "ends", "expected"),
    [
        ("IW", True, True, ("FULL", None)),
        ("IW", True, False, ("START", "BEGIN")),
        ("IW", False, False, ("MID", "MIDDLE")),
        ("IW", False, True, ("END", "END")),
        ("RF", True, True, ("FULL", None)),
        ("RF", True, False, ("PARTIAL", "BEGIN")),
        ("RF", False, True, ("PARTIAL", "END")),
    ],
)
def test_consolidation_says_which_ends_are_there(mode, starts, ends, expected):
    assert consolidation_of(mode, starts=starts, ends=ends) == expected


@pytest.mark.parametrize(
    ("swaths", "expected"),
    [([10, 11, 12, 12], ("IW", None)), ([2, 2, 52], ("SM", "S3")), ([30, 31, 31], ("WV", None)), ([7], ("EN", None))],
)
def test_test_and_contingency_modes_are_those_of_their_swaths(swaths, expected):
    records = _records(list(range(len(swaths))))
    records["ecc_number"] = 16
    records["swath_number"] = swaths
    assert mode_and_swath(records) == expected


def test_packets_of_no_known_mode_and_swath_are_refused():
    records = _records([0, 1])
    records["ecc_number"], records["swath_number"] = 16, 200
    with pytest.raises(PacketError, match="swath number 200"):
        mode_and_swath(records)
