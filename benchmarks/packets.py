"""Space packets: scanning headers and decoding FDBAQ, beside the peers on the same file."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Options, Result, compared, in_turns, ours, peers, scratch
from s1pdgs.formats.isp import fdbaq
from s1pdgs.formats.isp.header import new_headers
from s1pdgs.formats.isp.packets import build_packets

LINES, QUADS = 600, 11_938
SCAN_REPEATS = 8
"""Files of real products hold tens of thousands of packets; what a file costs once should not count."""
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


def run(options: Options) -> list[Result]:
    """Scan and decode one file, beside every peer that can be had, on one core and on all."""
    contestants = [ours(), *peers()]
    with TemporaryDirectory(dir=scratch()) as folder:
        path = Path(folder) / "S1A_echo.dat"
        path.write_bytes(echo_packets().tobytes())
        one = in_turns(contestants, "decode", path, options.rounds, one_core=True)
        into = one | in_turns([ours()], "decode-into", path, options.rounds, one_core=True)
        all_cores = in_turns(contestants, "decode", path, options.rounds, one_core=False)
        path.write_bytes(path.read_bytes() * SCAN_REPEATS)
        scan = in_turns(contestants, "scan", path, options.rounds, one_core=True)
    _refuse_differences(one)
    million = LINES * 2 * QUADS / 1e6
    return [
        compared("FDBAQ decoding", "Mcplx/cpu-s", COMMAND, one, lambda run: million / run["cpu_s"]),
        compared(
            "FDBAQ decoding, ours into an array in hand as Level-1 does",
            "Mcplx/cpu-s",
            COMMAND,
            into,
            lambda run: million / run["cpu_s"],
        ),
        compared("FDBAQ decoding, all cores", "Mcplx/s", COMMAND, all_cores, lambda run: million / run["wall_s"]),
        compared("header scan", "k packets/cpu-s", COMMAND, scan, lambda run: run["packets"] / run["cpu_s"] / 1e3),
        Result(
            "FDBAQ decoding, speed-up by all cores",
            one["s1pdgs"]["wall_s"] / all_cores["s1pdgs"]["wall_s"],
            f"x on {os.cpu_count()} cores",
            COMMAND,
        ),
    ]


def _refuse_differences(runs: dict[str, dict[str, float]]) -> None:
    """A fast decoder of something else is no contestant."""
    for name, found in runs.items():
        if found["samples"] != 2 * QUADS * LINES or abs(found["power"] / runs["s1pdgs"]["power"] - 1) > 1e-4:
            raise SystemExit(f"{name} finds other samples than s1pdgs: {found}")
