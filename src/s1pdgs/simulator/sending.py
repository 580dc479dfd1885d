"""Streams of packets on their way down: which virtual channel and channel takes each, and in what order they go."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from attrs import define, field
from numpy.typing import NDArray

from s1pdgs.formats.isp.header import HEADER_SIZE, unpack_headers
from s1pdgs.simulator.auxiliary.files import packet_stores
from s1pdgs.simulator.downlink import ChannelWriter
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.housekeeping import TelemetryStream
from s1pdgs.simulator.instrument_faults import FaultyStream
from s1pdgs.simulator.noise_take import Batch
from s1pdgs.simulator.packets import RX_CHANNELS
from s1pdgs.simulator.plan import Part
from s1pdgs.simulator.planned import PlannedTake
from s1pdgs.simulator.session import Progress

_COUNTERS = ("sequence_count", "space_packet_count", "pri_count")
_LEAST_FILL = 16
_FEWEST_ROUNDS, _ROUND_PACKETS = 16, 1024


def store_vcid(store_type: str, polarisation: str, pair: int) -> int:
    """The virtual channel of the `pair`-th store (from 0) of a type that receives a polarisation (H or V)."""
    found = [
        each.vcid for each in packet_stores() if (each.store_type, each.polarisation) == (store_type, polarisation)
    ]
    if pair >= len(found):
        raise SimulatorError(f"AUX_OBMEMC has {len(found)} stores {store_type} for {polarisation}; no pair {pair}")
    return found[pair]


@define(eq=False)
class OutgoingStream:
    """Packets of one receive channel, or of telemetry, in one downlink; keeps account of what is sent.

    `packets` is how many will be sent, `first` the place of the first one in the whole stream.
    """

    vcid: int
    packets: int
    batches: Iterator[Batch]
    description: dict[str, Any]
    is_radar: bool
    first: int = 0
    channel: int = 1
    sent: int = field(init=False, default=0)
    octets: int = field(init=False, default=0)
    _digest: Any = field(init=False, factory=hashlib.sha256)
    _ends: dict[str, dict[str, int]] = field(init=False, factory=dict)

    @classmethod
    def of_take(cls, take: PlannedTake, polarisation: str, part: Part, seed: int) -> "OutgoingStream":
        """The part of one receive channel of a data take, with the faults of its plan."""
        faults = [fault for fault in take.plan.faults if fault.polarisation in {None, polarisation}]
        faulty = FaultyStream(faults, take.packet_count, seed)
        total = faulty.packets_sent
        first, stop = round(part.begin * total), round(part.end * total)
        vcid = store_vcid(take.plan.store_type, polarisation[1], take.plan.pair)
        return cls(
            vcid=vcid,
            packets=stop - first,
            batches=cut_batches(faulty.apply(take.source.batches(polarisation)), first, stop),
            description={
                "take": take.name,
                "data_take_id": take.data_take_id,
                "polarisation": polarisation,
                "part": [part.begin, part.end],
                "gaps": faulty.gaps,
                "effects": faulty.effects,
            },
            is_radar=True,
            first=first,
        )

    @classmethod
    def of_telemetry(cls, stream: TelemetryStream) -> "OutgoingStream":
        """All packets of a telemetry store."""
        return cls(
            vcid=stream.vcid,
            packets=stream.packets,
            batches=stream.batches(),
            description={"telemetry": stream.store_type, "apid": stream.apid},
            is_radar=False,
        )

    def take(self) -> list[bytes]:
        """The next packets; none at the end."""
        octets, bounds = next(self.batches, (np.empty(0, np.uint8), np.zeros(1, np.int64)))
        count = bounds.size - 1
        if not count:
            return []
        body = octets.tobytes()
        self._digest.update(body)
        if self.is_radar:
            self._note(octets, bounds)
        self.sent += count
        self.octets += len(body)
        places = bounds.tolist()
        return [body[begin:end] for begin, end in pairwise(places)]

    def _note(self, octets: NDArray[np.uint8], bounds: NDArray[np.int64]) -> None:
        """Remember the counters of the first and of the latest packet."""
        rows = octets[bounds[[0, -2]][:, None] + np.arange(HEADER_SIZE)]
        first, last = ({name: int(row[name]) for name in _COUNTERS} for row in unpack_headers(rows))
        self._ends.setdefault("first", first)
        self._ends["last"] = last

    def record(self) -> dict[str, Any]:
        """What was sent."""
        return {
            **self.description,
            "channel": self.channel,
            "vcid": self.vcid,
            "packets": self.sent,
            "octets": self.octets,
            "sha256": self._digest.hexdigest(),
            **self._ends,
        }


def share_channels(streams: Sequence[OutgoingStream]) -> None:
    """Give each stream its channel: 1 to what is received in V, 2 to H, the emptier one to telemetry."""
    load = {1: 0, 2: 0}
    for stream in sorted(streams, key=lambda each: not each.is_radar):
        if stream.is_radar:
            stream.channel = 1 + RX_CHANNELS[stream.description["polarisation"][1]]
        else:
            stream.channel = min(load, key=lambda channel: (load[channel], channel))
        load[stream.channel] += stream.packets


def send(writer: ChannelWriter, streams: Sequence[OutgoingStream], progress: Progress) -> None:
    """Send streams on one channel, virtual channels side by side and at such a pace that all end together.

    Streams of one virtual channel follow each other. A channel without streams carries fill frames alone.
    """
    queues: dict[int, _Queue] = {}
    for stream in streams:
        queues.setdefault(stream.vcid, _Queue()).streams.append(stream)
    largest = max((queue.packets for queue in queues.values()), default=0)
    rounds = max(_FEWEST_ROUNDS, -(-largest // _ROUND_PACKETS))
    for number in range(1, rounds + 1):
        writer.write_all({vcid: queue.pull_until(number / rounds) for vcid, queue in queues.items()})
        progress("packets", number / rounds)
    if not streams:
        writer.idle(_LEAST_FILL)


@define(eq=False)
class _Queue:
    """The streams of one virtual channel, one after the other."""

    streams: list[OutgoingStream] = field(factory=list)
    sent: int = 0
    _waiting: list[bytes] = field(factory=list)

    @property
    def packets(self) -> int:
        return sum(stream.packets for stream in self.streams)

    def pull_until(self, share: float) -> list[bytes]:
        """The next packets, up to a share of all."""
        wanted = round(share * self.packets) - self.sent
        remaining = (stream for stream in self.streams if stream.sent < stream.packets)
        stream = next(remaining, None)
        while len(self._waiting) < wanted and stream is not None:
            self._waiting += stream.take()
            if stream.sent >= stream.packets:
                stream = next(remaining, None)
        pulled, self._waiting = self._waiting[:wanted], self._waiting[wanted:]
        self.sent += len(pulled)
        return pulled


def cut_batches(batches: Iterator[Batch], first: int, stop: int) -> Iterator[Batch]:
    """The packets from `first` to `stop` of a stream."""
    place = 0
    for octets, bounds in batches:
        count = bounds.size - 1
        begin, end = max(first - place, 0), min(stop - place, count)
        place += count
        if begin < end:
            limits = bounds[begin : end + 1]
            yield octets[limits[0] : limits[-1]], limits - limits[0]
        if place >= stop:
            return
