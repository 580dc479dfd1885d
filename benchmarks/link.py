"""The front end: coded frames in, packets out."""

import numpy as np

from benchmarks.harness import Result, cpu_seconds
from benchmarks.packets import echo_packets
from s1pdgs.formats.isp.header import index_packets
from s1pdgs.formats.link.decode import ChannelDecoder
from s1pdgs.formats.link.encode import encode_cadus
from s1pdgs.formats.link.parameters import LinkParameters

COMMAND = "make bench ARGS=link"
CHUNK = 8 * 1024 * 1024
REPEATS = 8


def run() -> list[Result]:
    packets = echo_packets()
    offsets, lengths = index_packets(packets)
    pieces = [packets[o : o + n].tobytes() for o, n in zip(offsets, lengths, strict=True)]
    stream = np.asarray(encode_cadus({24: pieces * REPEATS}, LinkParameters())).tobytes()

    def decode() -> int:
        decoder = ChannelDecoder(LinkParameters())
        received = 0
        for begin in range(0, len(stream), CHUNK):
            received += sum(1 for _ in decoder.feed(stream[begin : begin + CHUNK]))
        return received + sum(1 for _ in decoder.finish())

    rate = len(stream) / 1e6 / cpu_seconds(decode)
    return [
        Result("CADUs to packets (synchronise, derandomise, RS check, demultiplex)", rate, "MB/cpu-s", COMMAND),
        Result("X-band channels of 260 Mbit/s that one core follows", rate / 32.5, "channels", COMMAND),
    ]
