"""Ancillary data survive their 64 words; only unbroken frames are read."""

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.isp import subcom
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.subcom import AncillaryData, decode_frame, decode_frames, encode_frame, frame_starts

DOUBLES = st.tuples(*[st.floats(allow_nan=False)] * 3)
SINGLES = st.floats(allow_nan=False, width=32)
TICKS = st.integers(0, (1 << 56) - 1)
TILE = st.tuples(*[st.integers(0, 255)] * 3)
STATES = st.builds(
    AncillaryData,
    position_m=DOUBLES,
    velocity_m_s=st.tuples(*[SINGLES] * 3),
    position_time_ticks=TICKS,
    quaternion=st.tuples(*[SINGLES] * 4),
    angular_rate_rad_s=st.tuples(*[SINGLES] * 3),
    attitude_time_ticks=TICKS,
    aocs_mode=st.integers(0, 255),
    roll_error=st.booleans(),
    pitch_error=st.booleans(),
    yaw_error=st.booleans(),
    temperature_update_mask=st.integers(0, 0xFFFF),
    tile_temperature_codes=st.tuples(*[TILE] * 14),
    tgu_temperature_code=st.integers(0, 127),
)
STATE = AncillaryData(
    position_m=(3982134.25, 2104312.5, -5463221.0),
    velocity_m_s=(-6100.25, 1034.5, -4012.75),
    position_time_ticks=subcom.ticks(1276273467, 0.25),
    quaternion=(0.5, -0.31, 0.25, 0.75),
    angular_rate_rad_s=(1e-4, -1.06e-3, 2e-5),
    attitude_time_ticks=subcom.ticks(1276273467, 0.5),
    tile_temperature_codes=tuple((k + 100, k + 120, k + 140) for k in range(14)),
    tgu_temperature_code=80,
)


def indices(*runs: range) -> np.ndarray:
    return np.concatenate([np.array(run, np.uint8) for run in runs])


def words_of(index: np.ndarray, state: AncillaryData) -> np.ndarray:
    return np.where(index == 0, 0, encode_frame(state)[np.maximum(index, 1).astype(int) - 1]).astype(np.uint16)


@given(STATES)
def test_every_state_survives(state: AncillaryData) -> None:
    assert decode_frame(encode_frame(state)) == state


@given(st.binary(min_size=128, max_size=128))
def test_any_words_decode(octets: bytes) -> None:
    state = decode_frame(np.frombuffer(octets, ">u2").astype(np.uint16))
    assert state.position_time_ticks < 1 << 56
    assert state.tile_temperatures_celsius.shape == (14, 3)


def test_words_lie_where_the_document_puts_them() -> None:
    words = encode_frame(evolve(STATE, roll_error=True, yaw_error=True, temperature_update_mask=0x4001))
    octets = words.astype(">u2").tobytes()
    assert np.frombuffer(octets[0:24], ">f8").tolist() == list(STATE.position_m)
    assert np.frombuffer(octets[24:36], ">f4").tolist() == list(STATE.velocity_m_s)
    assert int.from_bytes(octets[36:44], "big") == (1276273467 << 24) + (1 << 22)
    assert words[40] == 5 << 8 | 0b101
    assert words[41] == 0x4001
    assert octets[84:90] == bytes([100, 120, 140, 101, 121, 141])
    assert words[63] == 80


def test_a_real_word_is_a_plausible_coordinate(noise) -> None:
    assert noise.octets[26] == 1
    x_m = np.frombuffer(noise.octets[27:29] + bytes(6), ">f8")[0]
    assert 3.9e6 < x_m < 4.1e6


def test_the_unused_top_octet_of_time_stamps_is_ignored() -> None:
    words = encode_frame(STATE)
    words[18] |= 0xAB00
    words[36] |= 0xFF00
    assert decode_frame(words) == STATE


def test_time_stamps_split_into_seconds_and_fraction() -> None:
    assert STATE.position_time == (1276273467, 0.25)
    assert STATE.attitude_time == (1276273467, 0.5)
    assert subcom.split_ticks(subcom.ticks(5, 1 - 2**-24)) == (5, 1 - 2**-24)


def test_temperatures() -> None:
    assert STATE.tgu_temperature_celsius == pytest.approx(26.54, abs=0.03)
    assert np.isnan(evolve(STATE, tile_temperature_codes=((0, 0, 0),) * 14).tile_temperatures_celsius).all()


def test_only_unbroken_frames_are_read() -> None:
    first, second = STATE, evolve(STATE, position_time_ticks=subcom.ticks(1276273468, 0.25))
    cut_by_refresh = indices(range(40, 65), range(1, 20), range(1))
    whole = indices(range(1, 65))
    lost_packet = indices(range(1, 30), range(31, 65))
    cut_by_end = indices(range(1, 64))
    index = np.concatenate([cut_by_refresh, whole, lost_packet, whole, cut_by_end])
    word = np.concatenate(
        [
            words_of(np.concatenate([cut_by_refresh, whole, lost_packet]), first),
            words_of(np.concatenate([whole, cut_by_end]), second),
        ]
    )
    assert frame_starts(index).tolist() == [45, 45 + 64 + 63]
    assert decode_frames(index, word) == [first, second]


@given(st.lists(st.integers(0, 65), max_size=200))
def test_any_run_of_indices_is_accepted(values: list[int]) -> None:
    index = np.array(values, np.uint8)
    assert len(decode_frames(index, np.zeros(index.size, np.uint16))) == frame_starts(index).size


def test_no_packets_hold_no_frames() -> None:
    assert decode_frames(np.empty(0, np.uint8), np.empty(0, np.uint16)) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"position_time_ticks": 1 << 56}, "position time"),
        ({"tgu_temperature_code": 128}, "TGU temperature code 128"),
        ({"aocs_mode": 256}, "do not fit their words"),
        ({"tile_temperature_codes": ((0, 0, 256),) * 14}, "do not fit their words"),
        ({"tile_temperature_codes": ((0, 0, 0),) * 13}, "each of 14 tiles"),
        ({"quaternion": (1.0, 0.0, 0.0)}, "do not fit their words"),
    ],
)
def test_values_that_do_not_fit_are_refused(change: dict, message: str) -> None:
    with pytest.raises(PacketError, match=message):
        encode_frame(evolve(STATE, **change))


def test_words_and_indices_must_agree() -> None:
    with pytest.raises(PacketError, match="64 word indices need as many words"):
        decode_frames(np.zeros(64, np.uint8), np.zeros(63, np.uint16))
