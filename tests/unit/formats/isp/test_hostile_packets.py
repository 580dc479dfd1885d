"""Packets that lie about their length, mode or content are refused, and never make a kernel leave its arrays."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz import memory, streams
from tests.fuzz.__main__ import fuzz
from tests.fuzz.mutation import mutated
from tests.fuzz.target import Target

from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.header import gather_headers, index_packets
from s1pdgs.formats.isp.packets import decode_packet

TARGETS = {target.name: target for target in streams.TARGETS if target.name in {"packet", "samples", "subcom"}}
SEEDS = {name: list(target.seeds()) for name, target in TARGETS.items()}
NAMED = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())


@NAMED
@settings(max_examples=100)
@given(random=st.integers(0, 2**32).map(Random))
def test_damaged_packets_are_read_or_refused(target: Target, random: Random) -> None:
    seeds = SEEDS[target.name]
    target.run(mutated(random.choice(seeds), random.choice(seeds), random, target.largest))


@NAMED
@settings(max_examples=100)
@given(data=st.binary(max_size=400))
def test_noise_is_read_or_refused(target: Target, data: bytes) -> None:
    target.run(data)


@pytest.mark.parametrize("quads", [200, 1000, 65535])
@pytest.mark.parametrize("seed", [0, 1, 3])
def test_more_quads_than_there_are_data_for_are_refused(seed: int, quads: int) -> None:
    """Bypass, BAQ and FDBAQ: reading stops at the end of the packet, whatever its header says."""
    octets = np.frombuffer(SEEDS["packet"][seed], np.uint8)
    offsets, lengths = index_packets(octets)
    packet = octets[: lengths[0]].copy()
    assert gather_headers(packet, offsets[:1])["number_of_quads"][0] < quads
    packet[65], packet[66] = divmod(quads, 256)
    with pytest.raises(PacketError, match=f"end before {quads} quads|undefined BRC"):
        decode_packet(packet.tobytes())


@pytest.mark.parametrize("name", ["packet", "samples"])
def test_no_kernel_reads_or_writes_beside_its_arrays(tmp_path: Path, name: str) -> None:
    """The kernels in plain Python, every load and store proved to lie inside an array that they were given."""
    outcome = fuzz(TARGETS[name], tmp_path, "random", seconds=60, runs=40)
    assert not outcome.findings, outcome.said
    assert outcome.tried == 40


def test_an_access_beside_an_array_would_be_noticed() -> None:
    array, constant = np.zeros(8, np.uint8), np.zeros(8, np.uint8)
    constant.flags.writeable = False
    with memory._only(array, constant):
        memory._storing(8)(array.ctypes.data, 7)
        assert memory._loading(4)(array.ctypes.data) == 7
        for beside in (-1, 1, 8):
            with pytest.raises(AssertionError, match=r"load of 8 octets at -?\d+ of an array of 8 octets"):
                memory._loading(8)(array.ctypes.data + beside)
        with pytest.raises(AssertionError, match="store of 1 octets into a read-only array"):
            memory._storing(1)(constant.ctypes.data, 1)
