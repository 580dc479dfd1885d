"""Several deliveries of one downlink become one set of products: what any of them brought is in it, once."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from s1pdgs.simulator.spoil.spoiling import BlockPlace, Delivery, Fate, Faults, FrameSpan, read_truth, spoil
from tests.journey.conftest import MakeGround
from tests.journey.damage import level_0_chains
from tests.journey.ground import Ground, station
from tests.survivors import survivors

pytestmark = pytest.mark.journey

RETRANSFER = Delivery(retransfer=True)


def packets_in(ground: Ground, row: Any) -> dict[str, bytes]:
    """The packets of a Level-0 product back to back, by polarisation."""
    found = {}
    for file in ground.files(row.name):
        parts = file.path.removesuffix(".dat").split("-")
        if file.path.endswith(".dat") and parts[-1] not in ("annot", "index"):
            found[parts[4]] = ground.store.path(f"{row.location}/{file.path}").read_bytes()
    return found


def slices(ground: Ground) -> dict[int, list[Any]]:
    """All versions of each slice, oldest first."""
    found: dict[int, list[Any]] = {}
    for row in sorted(ground.products(), key=lambda row: row.id):
        if row.type.endswith("_RAW__0S") and row.attributes["productConsolidation"][1] == "SLICE":
            found.setdefault(row.attributes["sliceNumber"][1], []).append(row)
    return found


def segments(ground: Ground) -> list[Any]:
    """All segments, oldest first."""
    return [
        row
        for row in sorted(ground.products(), key=lambda row: row.id)
        if row.type.endswith("_RAW__0S") and row.attributes["productConsolidation"][1] != "SLICE"
    ]


def newest_slice(ground: Ground) -> dict[str, bytes]:
    """The packets of a data take of one slice by polarisation, from its newest versions."""
    found: dict[str, bytes] = {}
    for row in slices(ground)[1]:
        found |= packets_in(ground, row)
    return found


def expected(clean: Path, *deliveries: Path) -> dict[str, bytes]:
    """The packets that must be there, by polarisation; bit 1 of octet 21 tells the receive channel."""
    found: dict[str, bytes] = {}
    for packets in survivors(clean, *deliveries).values():
        if packets:
            found["vh" if packets[0][21] & 1 else "vv"] = b"".join(packets)
    return found


def number_of_packets(clean: Path, *deliveries: Path) -> int:
    """How many packets must be there."""
    return sum(map(len, survivors(clean, *deliveries).values()))


def account(ground: Ground) -> dict[str, Any]:
    """What operators are told of the only data take."""
    (told,) = json.loads(ground.call("datatake", "show", "053C1A", "--json"))
    return dict(told)


def done(ground: Ground, deliveries: int, attempts: int, kind: str) -> bool:
    """Everything is made of so many deliveries, by so many runs of AIO, and nothing is on its way."""
    assert [f"{row.reason}\n{row.log_tail}" for row in ground.jobs().values() if row.state == "parked"] == []
    concluded = [row for row in ground.sessions() if row.state != "open"]
    return len(concluded) == deliveries and len(ground.attempts("l0-aio")) >= attempts and ground.settled(kind)


def clean_delivery(clean: Path, tmp_path: Path) -> Path:
    """A delivery in which nothing is wrong."""
    out = tmp_path / "clean"
    if not out.exists():
        spoil(clean, out)
    return out


def frames_of(clean: Path, tmp_path: Path) -> int:
    """How many frames channel 1 has."""
    return read_truth(clean_delivery(clean, tmp_path))[1].fates.size


def test_a_retransfer_completes_the_segments_and_gives_new_versions_of_the_slices_that_gained(
    long: Path, tmp_path: Path, make_ground: MakeGround
) -> None:
    total = frames_of(long, tmp_path)
    lost = FrameSpan(1, int(0.58 * total), int(0.6 * total))
    nominal, again = tmp_path / "nominal", tmp_path / "again"
    spoil(long, nominal, Faults(lose=(lost,)))
    spoil(long, again, Faults(lose=(FrameSpan(1, 10, 40), FrameSpan(1, total - 50, total - 20))), RETRANSFER)
    with station(nominal) as source:
        ground = make_ground(source, chains=level_0_chains(tmp_path / "chains"))
        ground.start()
        ground.wait(lambda: done(ground, 1, 1, "IW_RAW__0A"), "the nominal delivery is processed")
        assert sorted(slices(ground)) == [1, 2, 3]
        lost_packets = number_of_packets(long, clean_delivery(long, tmp_path)) - number_of_packets(long, nominal)
        assert account(ground)["lost_in_downlink"] == lost_packets > 0
        before = slices(ground)[2][0]
        assert packets_in(ground, segments(ground)[-1]) == expected(long, nominal)
        source.offer(again)
        ground.wait(lambda: done(ground, 2, 2, "IW_RAW__0A") and len(slices(ground)[2]) == 2, "the retransfer is too")
        ground.wait(lambda: ground.settled("IW_RAW__0A"), "nothing is on its way")
        told = account(ground)
    assert (told["lost_in_downlink"], told["lost_in_instrument"], told["slices"]) == (0, 0, "3/3")
    superseded = {row["name"]: row["superseded_by"] for row in told["products"] if row["slice"]}
    assert superseded[before.name] == slices(ground)[2][1].name
    assert [name for name, by in superseded.items() if by and name.startswith("S1A_IW_RAW__0S")] == [before.name]
    complete = expected(long, nominal, again)
    assert complete == expected(long, clean_delivery(long, tmp_path))
    assert packets_in(ground, segments(ground)[-1]) == complete
    versions = slices(ground)
    assert {number: len(rows) for number, rows in versions.items()} == {1: 1, 2: 2, 3: 1}
    assert packets_in(ground, before) == packets_in(ground, versions[2][0])
    assert_slices_cover(ground, complete["vv"])
    assert [row.retransfer for row in ground.sessions()] == [False, True]


def assert_slices_cover(ground: Ground, packets: bytes) -> None:
    """The newest versions of the slices are parts of the data take that overlap and leave nothing out."""
    reached = 0
    for _, rows in sorted(slices(ground).items()):
        part = packets_in(ground, rows[-1])["vv"]
        start = packets.find(part)
        assert 0 <= start <= reached
        reached = start + len(part)
    assert reached == len(packets)


@pytest.mark.parametrize("same_name", [False, True])
def test_a_pass_that_two_stations_heard_is_the_union_of_both(
    tiny: Path, tmp_path: Path, make_ground: MakeGround, same_name: bool
) -> None:
    svalbard, neustrelitz = tmp_path / "svalbard", tmp_path / "neustrelitz"
    losses = Faults(lose_frames=0.06, lose_run=3.0, corrupt_frames=0.02)
    spoil(tiny, svalbard, losses, seed=1)
    name = None if same_name else other_name(tiny)
    spoil(tiny, neustrelitz, losses, Delivery(station="NSG", unit="07", session_id=name), seed=2)
    with station(svalbard, neustrelitz) as source:
        ground = make_ground(source, chains=level_0_chains(tmp_path / "chains"), units=("SGS", "NSG"))
        ground.start()
        ground.wait(lambda: done(ground, 2, 1, "S3_RAW__0A"), "both deliveries are processed, maybe at once")
    union = expected(tiny, svalbard, neustrelitz)
    alone = [expected(tiny, delivery) for delivery in (svalbard, neustrelitz)]
    for polarisation in ("vv", "vh"):
        assert max(len(one[polarisation]) for one in alone) < len(union[polarisation])
    assert newest_slice(ground) == union
    assert {row.station for row in ground.sessions()} == {"SGS", "NSG"}


def other_name(clean: Path) -> str:
    """The session as another station calls it, which began to listen two seconds earlier."""
    known = json.loads((clean / "session.json").read_text())["session_id"]
    began = datetime.strptime(known[4:18] + "+0000", "%Y%m%d%H%M%S%z") - timedelta(seconds=2)
    return f"{known[:4]}{began:%Y%m%d%H%M%S}{known[18:]}"


def test_a_channel_that_never_comes_is_waited_for_then_the_other_one_is_processed_alone(
    tiny: Path, tmp_path: Path, make_ground: MakeGround
) -> None:
    one = tmp_path / "one"
    spoil(tiny, one, None, Delivery(channels=frozenset({2}), announced_channels=2))
    blocks = len(json.loads((one / "session.json").read_text())["files"])
    with station(one) as source:
        ground = make_ground(source, chains=level_0_chains(tmp_path / "chains"), triggers__session_timeout_s=10.0)
        ground.start()
        waiting = ground.wait(lambda: ground.session() if ground.stored_blocks() == blocks else None, "all blocks came")
        assert waiting.state == "open"
        assert "1 of 2 channels seen (2)" in waiting.reason
        ground.wait(lambda: done(ground, 1, 1, "S3_RAW__0A"), "the channel is processed")
    assert newest_slice(ground) == expected(tiny, one)
    assert set(newest_slice(ground)) == {"vh"}


def test_what_survives_slips_inversion_and_lost_blocks_is_in_the_products(
    tiny: Path, tmp_path: Path, make_ground: MakeGround
) -> None:
    bad, again = tmp_path / "bad", tmp_path / "again"
    faults = Faults(
        byte_slips=3,
        bit_slips=1,
        missing_markers=0.01,
        damaged_markers=0.02,
        bit_errors=1e-5,
        inverted_from=0.5,
        swapped_blocks=(BlockPlace(2, 2),),
    )
    form = Delivery(trailer_bytes=12, block_bytes=100_000)
    truths = spoil(tiny, bad, faults, form)
    spoil(tiny, again, Faults(only_blocks=(BlockPlace(1, 2), BlockPlace(2, 2))), RETRANSFER)
    assert all((truth.fates & Fate.INVERTED).any() for truth in truths.values())
    with station(bad) as source:
        ground = make_ground(source, chains=level_0_chains(tmp_path / "chains"), triggers__session_timeout_s=5.0)
        ground.start()
        ground.wait(lambda: done(ground, 1, 1, "S3_RAW__0A"), "the bad delivery is processed")
        first = newest_slice(ground)
        for polarisation, packets in expected(tiny, bad).items():
            assert contains(first[polarisation], packets)
        source.offer(again)
        ground.wait(lambda: done(ground, 2, 2, "S3_RAW__0A"), "the retransferred blocks are processed")
    for polarisation, packets in expected(tiny, bad, again).items():
        assert contains(newest_slice(ground)[polarisation], packets)
        assert len(newest_slice(ground)[polarisation]) > len(first[polarisation])


def contains(product: bytes, packets: bytes) -> bool:
    """Whether all these packets are in a product, in order; a receiver may have found more."""
    position = 0
    for packet in split(packets):
        position = product.find(packet, position)
        if position < 0:
            return False
        position += len(packet)
    return True


def split(packets: bytes) -> list[bytes]:
    found, start = [], 0
    while start < len(packets):
        stop = start + 7 + int.from_bytes(packets[start + 4 : start + 6], "big")
        found.append(packets[start:stop])
        start = stop
    return found
