"""s1pdgs on a file of echo packets."""

import json
import sys

import numpy as np
from numpy.typing import NDArray
from timing import timed

from s1pdgs.formats.isp import codes
from s1pdgs.formats.isp.header import gather_headers, index_packets, packet_faults
from s1pdgs.formats.isp.packets import decode_lines


def scan(path: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.void]]:
    """Index, headers, their faults, and the physical values of the radar's settings and times."""
    data = np.memmap(path, np.uint8, "r")
    offsets, lengths = index_packets(data)
    headers = gather_headers(data, offsets)
    if packet_faults(headers).any():
        raise SystemExit("the benchmark's packets are faulty")
    for name in ("pri", "swst", "swl", "tx_pulse_length"):
        codes.duration_s(headers[name])
    codes.tx_ramp_rate_hz_per_s(headers["tx_ramp_rate"])
    codes.tx_start_frequency_hz(headers["tx_start_frequency"], headers["tx_ramp_rate"])
    codes.rx_gain_db(headers["rx_gain"])
    codes.packet_time(headers["coarse_time"], headers["fine_time"])
    return offsets, lengths, headers


work, path = sys.argv[1:]
offsets, lengths, headers = scan(path)
if work == "scan":
    found = timed(lambda: scan(path)) | {"packets": offsets.size}
else:
    samples = decode_lines(np.memmap(path, np.uint8, "r"), offsets, lengths, headers)
    out = samples if work == "decode-into" else None
    found = timed(lambda: decode_lines(np.memmap(path, np.uint8, "r"), offsets, lengths, headers, out))
    found |= {
        "samples": samples.size,
        "power": float(np.mean([np.vdot(line, line).real / line.size for line in samples])),
    }
print(json.dumps(found))
