"""A clean session of small frames, made in no time: two channels of random packets."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from s1pdgs.formats.link.parameters import LinkParameters
from s1pdgs.simulator.downlink import ChannelWriter, as_record
from s1pdgs.simulator.scenario import Downlink

LINK = LinkParameters(interleave_depth=2)
SESSION = "S1A_20260105072204051312"


def random_packets(seed: int, count: int, apid: int = 0x41C) -> list[bytes]:
    """Space packets of random lengths and content."""
    random = np.random.default_rng(seed)
    packets = []
    for number in range(count):
        data = random.bytes(int(random.integers(1, 900)))
        header = (0x0800 | apid).to_bytes(2, "big") + (0xC000 | number).to_bytes(2, "big")
        packets.append(header + (len(data) - 1).to_bytes(2, "big") + data)
    return packets


def clean_session(
    out: Path,
    *,
    packets: int = 120,
    block_bytes: int = 10_001,
    link: LinkParameters = LINK,
    vcids: Sequence[int] = (24, 25),
) -> Path:
    """A folder as the simulator leaves it; its downlink lasts 10 s. Channel 1 has also some packets of VC 45."""
    files, quality = [], []
    downlink = Downlink(block_bytes=block_bytes, fill_frames_per_thousand=50, link=link)
    for channel, vcid in enumerate(vcids, start=1):
        writer = ChannelWriter(out, SESSION, channel, downlink)
        for part in range(4):
            writer.write(vcid, random_packets(10 * channel + part, packets // 4))
            if channel == 1:
                writer.write(45, random_packets(1000 + part, packets // 12, apid=0x123))
        blocks, counts = writer.finish()
        files += [as_record(block) for block in blocks]
        quality.append(as_record(counts))
    record = {
        "session_id": SESSION,
        "satellite": "S1A",
        "station": "SGS",
        "orbit": 51312,
        "downlink_start": "2026-01-05T07:22:04.000000Z",
        "downlink_stop": "2026-01-05T07:22:14.000000Z",
        "files": files,
        "quality": quality,
    }
    (out / "truth.json").write_text('{"sent": "as ever"}')
    (out / "auxiliary").mkdir()
    (out / "auxiliary" / "orbit.EOF").write_text("<orbit/>")
    (out / "session.json").write_text(json.dumps(record))
    return out
