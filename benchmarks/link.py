"""The front end in memory: coded frames in, packets out."""

import statistics
import time

import numpy as np

from benchmarks.harness import CHANNEL_MB_S, Options, Result
from benchmarks.packets import echo_packets
from s1pdgs.formats.isp.header import index_packets
from s1pdgs.formats.link.decode import ChannelDecoder
from s1pdgs.formats.link.encode import encode_cadus
from s1pdgs.formats.link.parameters import LinkParameters

COMMAND = "make bench ARGS=link"
CHUNK = 4 * 1024 * 1024
REPEATS = 8


def run(options: Options) -> list[Result]:
    packets = echo_packets()
    offsets, lengths = index_packets(packets)
    pieces = [packets[o : o + n].tobytes() for o, n in zip(offsets, lengths, strict=True)]
    stream = np.asarray(encode_cadus({24: pieces * REPEATS}, LinkParameters())).tobytes()

    def decode() -> int:
        decoder = ChannelDecoder(LinkParameters())
        received = 0
        for begin in range(0, len(stream), CHUNK):
            received += sum(len(batch.packets) for _, batch in decoder.feed(stream[begin : begin + CHUNK]))
        return received + sum(len(batch.packets) for _, batch in decoder.finish())

    cpu = []
    for _ in range(options.rounds + 1):
        begin = time.process_time()
        if decode() != len(pieces) * REPEATS:
            raise SystemExit("packets were lost on the benchmark's link")
        cpu.append(time.process_time() - begin)
    rate = len(stream) / 1e6 / statistics.median(cpu[1:])
    return [
        Result("CADUs to packets (synchronise, derandomise, RS check, demultiplex)", rate, "MB/cpu-s", COMMAND),
        Result("260 Mbit/s channels one core turns into packets", rate / CHANNEL_MB_S, "channels", COMMAND),
    ]
