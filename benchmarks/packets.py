"""Space packets: scanning headers and decoding FDBAQ, beside sentinel1decoder on the same file."""

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Result, cpu_seconds, peer_python
from s1pdgs.formats.isp import codes, fdbaq
from s1pdgs.formats.isp.header import gather_headers, index_packets, new_headers, packet_faults
from s1pdgs.formats.isp.packets import build_packets, decode_lines

LINES, QUADS = 600, 11_938
COMMAND = "make bench ARGS=packets"


def echo_packets() -> NDArray[np.uint8]:
    """IW1-like echoes of white noise whose level varies, as one stream of packets."""
    random = np.random.default_rng(5)
    samples = (random.standard_normal((LINES, 4 * QUADS), dtype=np.float32)).view(np.complex64)
    samples *= np.geomspace(3.0, 60.0, 2 * QUADS).astype(np.float32)
    data, bounds = fdbaq.encode_lines(samples, fdbaq.monotone_policy())
    headers = new_headers(LINES)
    counts = np.arange(LINES)
    for name, value in {
        "sequence_count": counts, "space_packet_count": counts, "pri_count": counts + 2, "coarse_time": 1_276_214_418,
        "fine_time": counts * 38, "data_take_id": 0x1234, "ecc_number": 8, "baq_mode": 12, "baq_block_length": 31,
        "range_decimation": 8, "rx_gain": 8, "tx_ramp_rate": 34_373, "tx_start_frequency": 12_335,
        "tx_pulse_length": 1967, "rank": 9, "pri": 21_859, "swst": 3681, "swl": 13_979, "polarisation": 7,
        "swath_number": 10, "number_of_quads": QUADS,
    }.items():  # fmt: skip
        headers[name] = value
    packets, _ = build_packets(headers, data, bounds)
    return packets


def run() -> list[Result]:
    packets = echo_packets()
    offsets, lengths = index_packets(packets)
    headers = gather_headers(packets, offsets)
    million_samples = LINES * 2 * QUADS / 1e6
    ours_decode = million_samples / cpu_seconds(lambda: decode_lines(packets, offsets, lengths, headers))
    ours_scan = LINES / cpu_seconds(lambda: _scan(packets)) / 1e3
    peer = _peer(packets)
    name = None if peer is None else "sentinel1decoder"
    return [
        Result(
            "FDBAQ decoding", ours_decode, "Mcplx/cpu-s", COMMAND, name,
            None if peer is None else million_samples / peer["decode_s"],
        ),
        Result(
            "header scan", ours_scan, "k packets/cpu-s", COMMAND, name,
            None if peer is None else LINES / peer["metadata_s"] / 1e3,
        ),
    ]  # fmt: skip


def _scan(packets: NDArray[np.uint8]) -> int:
    offsets, _ = index_packets(packets)
    headers = gather_headers(packets, offsets)
    return int(np.count_nonzero(packet_faults(headers))) + int(codes.duration_s(headers["pri"]).size)


def _peer(packets: NDArray[np.uint8]) -> dict[str, float] | None:
    python = peer_python("sentinel1decoder")
    if python is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "echo.dat"
        path.write_bytes(packets.tobytes())
        script = Path(__file__).with_name("peer_sentinel1decoder.py")
        done = subprocess.run([python, script, path], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
