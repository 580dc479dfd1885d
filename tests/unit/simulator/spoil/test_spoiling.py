"""Deliveries gone wrong: what is ordered happens, and the truth about it is exact."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.simulator.clean_session import LINK, SESSION, clean_session

from s1pdgs.formats.link.cadu import CaduStream
from s1pdgs.formats.link.decode import check_blocks
from s1pdgs.formats.link.parameters import LinkParameters
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.spoil.chance import Hits
from s1pdgs.simulator.spoil.command import spoil as spoil_command
from s1pdgs.simulator.spoil.spoiling import (
    BlockPlace,
    ChannelTruth,
    Delivery,
    Fate,
    Faults,
    FrameSpan,
    read_truth,
    spoil,
)
from s1pdgs.simulator.station.content import PassSession, read_session

Spoil = Callable[..., tuple[Path, dict[int, ChannelTruth]]]
RECEIVER_DOES = Fate.SHIFTED | Fate.INVERTED | Fate.RECOUNTED
"""Our synchroniser finds CADUs at any bit and inverted ones, and frames are told apart here by their content."""


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clean_session(tmp_path_factory.mktemp("clean") / "session")


@pytest.fixture
def spoiled(clean: Path, tmp_path: Path) -> Spoil:
    """Spoils the clean session into `tmp_path`."""

    def make(faults: Faults | None = None, delivery: Delivery | None = None, name: str = "out", **options: Any) -> Any:
        return tmp_path / name, spoil(clean, tmp_path / name, faults, delivery, **{"link": LINK, **options})

    return make


def stream(folder: Path, channel: int) -> bytes:
    """The bytes of a channel in order of its blocks."""
    blocks = sorted(block_files(folder, channel), key=lambda entry: entry["block"])
    return b"".join((folder / entry["path"]).read_bytes() for entry in blocks)


def block_files(folder: Path, channel: int) -> list[dict[str, Any]]:
    record = json.loads((folder / "session.json").read_text())
    return [entry for entry in record["files"] if entry["channel"] == channel]


def frames(data: bytes, link: LinkParameters = LINK) -> tuple[list[bytes], int, int]:
    """The frames that pass the code without their headers, how many were corrected and how many cannot be."""
    receiver = CaduStream(link)
    blocks = np.concatenate([receiver.feed(data).blocks, receiver.finish().blocks])
    check = check_blocks(blocks, link)
    sound = blocks[~check.uncorrectable, : link.frame_bytes]
    corrected = int(np.count_nonzero(check.corrected_symbols[~check.uncorrectable]))
    return [frame[6:].tobytes() for frame in sound], corrected, int(np.count_nonzero(check.uncorrectable))


def assert_true(clean: Path, out: Path, truth: ChannelTruth, link: LinkParameters = LINK) -> None:
    """A receiver finds every data frame that must be there, and none that cannot be."""
    sent, _, _ = frames(stream(clean, truth.channel))
    assert len(sent) == truth.fates.size
    received = set(frames(stream(out, truth.channel), link)[0])
    data = (truth.fates & Fate.FILL) == 0
    must = {sent[k] for k in np.flatnonzero(truth.sound(RECEIVER_DOES) & data)}
    never = {sent[k] for k in np.flatnonzero((truth.fates & (Fate.LOST | Fate.UNCORRECTABLE)) != 0)} - must
    assert must <= received
    assert not {frame for frame in never if frame in received and data[sent.index(frame)]}


def count(truth: ChannelTruth, fate: Fate) -> int:
    return int(np.count_nonzero(truth.fates & fate))


def session_of(folder: Path) -> PassSession:
    return read_session(folder)


def test_without_faults_another_delivery_has_the_same_bytes(clean: Path, spoiled: Spoil) -> None:
    out, truths = spoiled()
    for channel in (1, 2):
        assert stream(out, channel) == stream(clean, channel)
        assert truths[channel].sound().all()
    assert session_of(out).quality == session_of(clean).quality
    assert [block.name for block in session_of(out).blocks] == [block.name for block in session_of(clean).blocks]
    assert (out / "auxiliary" / "orbit.EOF").read_text() == "<orbit/>"
    assert (out / "truth.json").read_bytes() == (clean / "truth.json").read_bytes()


RANDOM_FAULTS = st.builds(
    Faults,
    lose_frames=st.sampled_from([0.0, 0.1, 0.5]),
    lose_run=st.sampled_from([1.0, 5.0]),
    vcids=st.sampled_from([frozenset(), frozenset({24})]),
    bit_errors=st.sampled_from([0.0, 1e-4, 3e-3]),
    repairable_frames=st.sampled_from([0.0, 0.2]),
    corrupt_frames=st.sampled_from([0.0, 0.2]),
    damaged_markers=st.sampled_from([0.0, 0.2]),
    missing_markers=st.sampled_from([0.0, 0.1]),
    wrong_counts=st.sampled_from([0.0, 0.1]),
    count_resets=st.integers(0, 2),
    byte_slips=st.integers(0, 4),
    bit_slips=st.integers(0, 2),
    inverted_from=st.sampled_from([None, 0.0, 0.6]),
    missing_blocks=st.sampled_from([(), (BlockPlace(1, 2),)]),
    truncated_blocks=st.sampled_from([(), (BlockPlace(1, 3), BlockPlace(2, 1))]),
    duplicated_blocks=st.sampled_from([(), (BlockPlace(1, 4),)]),
    swapped_blocks=st.sampled_from([(), (BlockPlace(1, 5), BlockPlace(2, 3))]),
)


@settings(max_examples=15)
@given(RANDOM_FAULTS, st.integers(0, 1000), st.sampled_from([None, 20_000]))
def test_the_truth_is_true_whatever_goes_wrong(clean: Path, faults: Faults, seed: int, block_bytes: int | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        truths = spoil(clean, out, faults, Delivery(block_bytes=block_bytes), seed=seed, link=LINK)
        for channel, truth in truths.items():
            assert_true(clean, out, truth)
            assert np.array_equal(read_truth(out)[channel].fates, truth.fates)
        for block in session_of(out).blocks:
            data = block.path.read_bytes()
            assert (block.size, block.md5) == (len(data), hashlib.md5(data).hexdigest())


@settings(max_examples=8)
@given(
    st.builds(
        Faults,
        lose_frames=st.sampled_from([0.0, 0.3]),
        bit_errors=st.sampled_from([0.0, 1e-3, 5e-3]),
        repairable_frames=st.sampled_from([0.0, 0.2]),
        corrupt_frames=st.sampled_from([0.0, 0.2]),
    ),
    st.integers(0, 1000),
)
def test_the_quality_that_the_station_tells_is_what_a_receiver_counts(clean: Path, faults: Faults, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        truths = spoil(clean, out, attrs.evolve(faults, inverted_from=None), seed=seed, link=LINK)
        for channel, quality in session_of(out).quality.items():
            if (truths[channel].fates & Fate.MARKER).any():
                continue  # the receiver may pass over frames whose marker is damaged, the station did not
            sound, corrected, uncorrectable = frames(stream(out, channel))
            assert quality["acquired_tfs"] == len(sound) + uncorrectable
            assert quality["corrected_tfs"] == corrected
            assert quality["uncorrectable_tfs"] == uncorrectable
            assert quality["error_tfs"] == corrected + uncorrectable


def test_a_seed_gives_the_same_bytes_and_another_one_others(spoiled: Spoil) -> None:
    faults = Faults(lose_frames=0.2, lose_run=3, bit_errors=1e-4, byte_slips=3, bit_slips=1, missing_markers=0.05)
    first, again, other = (
        [stream(out, channel) for channel in (1, 2)]
        for out, _ in (
            spoiled(faults, seed=7),
            spoiled(faults, name="again", seed=7),
            spoiled(faults, name="other", seed=8),
        )
    )
    assert first == again
    assert first != other


def test_one_fault_does_not_change_what_another_one_hits(spoiled: Spoil) -> None:
    _, alone = spoiled(Faults(lose_frames=0.2), name="alone")
    _, both = spoiled(Faults(lose_frames=0.2, corrupt_frames=0.5, byte_slips=9), name="both")
    assert np.array_equal(alone[1].fates & Fate.LOST, both[1].fates & Fate.LOST)


@given(st.floats(0.001, 1.0), st.sampled_from([1.0, 6.0]), st.lists(st.integers(0, 300), max_size=8))
def test_chance_does_not_depend_on_how_a_sequence_is_cut(share: float, run: float, cuts: list[int]) -> None:
    def hits() -> Hits:
        return Hits(np.random.default_rng(5), share, run)

    whole = hits().take(sum(cuts))
    parts, begin, source = [], 0, hits()
    for cut in cuts:
        parts.append(source.take(cut) + begin)
        begin += cut
    assert np.array_equal(np.concatenate([np.empty(0, np.int64), *parts]), whole)
    assert np.array_equal(whole, np.unique(whole))


@pytest.mark.parametrize(("share", "run"), [(0.0, 1.0), (0.3, 1.0), (0.05, 20.0), (1.0, 3.0)])
def test_chance_hits_the_share_that_was_asked_for_in_runs(share: float, run: float) -> None:
    hits = Hits(np.random.default_rng(1), share, run).take(200_000)
    assert hits.size == pytest.approx(share * 200_000, rel=0.1)
    runs = np.count_nonzero(np.diff(hits, prepend=-2) > 1)
    if 0.0 < share < 1.0:
        assert hits.size / runs == pytest.approx(run / (1.0 - share), rel=0.1)


def test_frames_are_lost_where_it_was_ordered(spoiled: Spoil) -> None:
    _, truths = spoiled(Faults(lose=(FrameSpan(1, 10, 20), FrameSpan(2, 0, 3)), silences=((5.0, 6.0),)))
    lost = np.flatnonzero(truths[1].fates & Fate.LOST)
    total = truths[1].fates.size
    silent = [k for k in range(total) if 5.0 <= (k + 0.5) * 10.0 / total < 6.0]
    assert lost.tolist() == [*range(10, 20), *silent]
    assert np.flatnonzero(truths[2].fates & Fate.LOST)[:3].tolist() == [0, 1, 2]


def test_losses_may_hit_one_virtual_channel_only(clean: Path, spoiled: Spoil) -> None:
    out, truths = spoiled(Faults(lose_frames=1.0, vcids=frozenset({45})))
    assert 0 < count(truths[1], Fate.LOST) < truths[1].fates.size / 3
    assert count(truths[2], Fate.LOST) == 0
    assert_true(clean, out, truths[1])


def test_damage_within_the_code_is_corrected_and_beyond_it_is_not(clean: Path, spoiled: Spoil) -> None:
    out, truths = spoiled(Faults(damage=(FrameSpan(1, 5, 8, symbols=16), FrameSpan(1, 8, 10, symbols=17))))
    assert np.flatnonzero(truths[1].fates & Fate.CORRECTED).tolist() == [5, 6, 7]
    assert np.flatnonzero(truths[1].fates & Fate.UNCORRECTABLE).tolist() == [8, 9]
    assert frames(stream(out, 1))[1:] == (3, 2)
    assert_true(clean, out, truths[1])


def test_a_false_count_is_coded_like_a_true_one(spoiled: Spoil) -> None:
    out, truths = spoiled(Faults(wrong_counts=0.2, count_resets=1))
    assert count(truths[1], Fate.RECOUNTED) > 0.1 * truths[1].fates.size
    sound, corrected, uncorrectable = frames(stream(out, 1))
    assert (len(sound), corrected, uncorrectable) == (truths[1].fates.size, 0, 0)


@pytest.mark.parametrize(
    ("delivery", "link"),
    [
        (Delivery(derandomised=True), attrs.evolve(LINK, randomised=False)),
        (Delivery(parity_stripped=True), attrs.evolve(LINK, coded=False)),
        (Delivery(trailer_bytes=13), attrs.evolve(LINK, cadu_trailer_bytes=13)),
        (
            Delivery(derandomised=True, parity_stripped=True, trailer_bytes=4),
            attrs.evolve(LINK, randomised=False, coded=False, cadu_trailer_bytes=4),
        ),
    ],
)
def test_a_station_delivers_in_its_own_form(
    clean: Path, spoiled: Spoil, delivery: Delivery, link: LinkParameters
) -> None:
    out, truths = spoiled(delivery=delivery)
    assert frames(stream(out, 2), link)[0] == frames(stream(clean, 2))[0]
    assert truths[2].sound().all()


def test_a_station_that_strips_the_parity_has_corrected_what_it_could(clean: Path, spoiled: Spoil) -> None:
    faults = Faults(damage=(FrameSpan(1, 5, 8, symbols=10), FrameSpan(1, 8, 10, symbols=20)))
    out, truths = spoiled(faults, Delivery(parity_stripped=True))
    sent, received = frames(stream(clean, 1))[0], frames(stream(out, 1), attrs.evolve(LINK, coded=False))[0]
    assert [k for k, (a, b) in enumerate(zip(sent, received, strict=True)) if a != b] == [8, 9]
    quality = session_of(out).quality[1]
    assert (quality["corrected_tfs"], quality["uncorrectable_tfs"]) == (3, 2)
    assert truths[1].sound().sum() == len(sent) - 2


def numbers(out: Path, channel: int = 1) -> list[int]:
    return [entry["block"] for entry in block_files(out, channel)]


def finals(out: Path, channel: int = 1) -> list[int]:
    return [entry["block"] for entry in block_files(out, channel) if entry["final"]]


def test_a_missing_block_leaves_its_number_free(clean: Path, spoiled: Spoil) -> None:
    whole = len(numbers(clean))
    out, _ = spoiled(Faults(missing_blocks=(BlockPlace(1, 3),)))
    assert numbers(out) == [k for k in range(1, whole + 1) if k != 3]
    assert finals(out) == [whole]
    out, _ = spoiled(Faults(missing_blocks=(BlockPlace(1, whole),)), name="last")
    assert numbers(out) == list(range(1, whole))
    assert finals(out) == []


def test_a_partial_retransfer_has_only_the_blocks_asked_for(clean: Path, spoiled: Spoil) -> None:
    out, truths = spoiled(Faults(only_blocks=(BlockPlace(1, 2), BlockPlace(1, 3))), Delivery(retransfer=True))
    assert (numbers(out), numbers(out, 2)) == ([2, 3], [])
    data = stream(clean, 1)
    assert stream(out, 1) == data[10_001:30_003]
    assert session_of(out).channels == (1,)
    assert_true(clean, out, truths[1])
    assert count(truths[2], Fate.LOST) == truths[2].fates.size


def test_a_block_that_comes_twice_shifts_the_numbers_behind_it(clean: Path, spoiled: Spoil) -> None:
    out, truths = spoiled(Faults(duplicated_blocks=(BlockPlace(1, 2),)))
    assert numbers(out) == list(range(1, len(numbers(clean)) + 2))
    data = stream(clean, 1)
    assert stream(out, 1) == data[:20_002] + data[10_001:]
    assert truths[1].sound().all()
    assert session_of(out).quality[1]["acquired_tfs"] == truths[1].fates.size + count(truths[1], Fate.TWICE)


def test_swapped_blocks_bear_the_numbers_of_each_other(clean: Path, spoiled: Spoil) -> None:
    out, truths = spoiled(Faults(swapped_blocks=(BlockPlace(1, 1),)))
    data = stream(clean, 1)
    assert stream(out, 1) == data[10_001:20_002] + data[:10_001] + data[20_002:]
    assert count(truths[1], Fate.CUT) == 2
    assert numbers(out) == numbers(clean)


def test_a_truncated_block_is_announced_as_it_is(clean: Path, spoiled: Spoil) -> None:
    out, truths = spoiled(Faults(truncated_blocks=(BlockPlace(1, 1),), truncate_bytes=3000))
    assert block_files(out, 1)[0]["size"] == 7001
    assert count(truths[1], Fate.LOST | Fate.CUT) == len({k // LINK.cadu_bytes for k in range(7001, 10_001)})
    assert_true(clean, out, truths[1])


def test_blocks_of_another_size_hold_the_same_stream(clean: Path, spoiled: Spoil) -> None:
    out, _ = spoiled(delivery=Delivery(block_bytes=2500))
    assert stream(out, 1) == stream(clean, 1)
    assert {entry["size"] for entry in block_files(out, 1)[:-1]} == {2500}


def test_one_channel_alone_may_be_announced_as_such_or_not(spoiled: Spoil) -> None:
    out, _ = spoiled(delivery=Delivery(channels=frozenset({2})))
    assert (session_of(out).channels, session_of(out).announced_channels) == ((2,), None)
    out, _ = spoiled(delivery=Delivery(channels=frozenset({2}), announced_channels=2), name="two")
    assert session_of(out).announced_channels == 2
    with pytest.raises(SimulatorError, match=r"has the channels \[1, 2\], none of \[3\]"):
        spoiled(delivery=Delivery(channels=frozenset({3})), name="three")


def test_a_retransfer_keeps_the_name_and_comes_later(spoiled: Spoil) -> None:
    out, _ = spoiled(delivery=Delivery(retransfer=True, delay_s=3600.0))
    session = session_of(out)
    assert (session.id, session.station, session.retransfer, session.delay_s) == (SESSION, "SGS", True, 3600.0)


def test_another_station_hears_its_part_of_the_downlink(clean: Path, spoiled: Spoil) -> None:
    out, truths = spoiled(Faults(hear=(2.0, 8.5)), Delivery(station="NSG", unit="07"))
    session = session_of(out)
    assert (session.id, session.station) == ("S1A_20260105072206051312", "NSG")
    assert f"{session.downlink_start:%S.%f} {session.downlink_stop:%S.%f}" == "06.000000 12.500000"
    assert session.blocks[0].name.startswith("DCS_07_S1A_20260105072206051312_ch1_")
    share = truths[1].sound().sum() / truths[1].fates.size
    assert share == pytest.approx(0.65, abs=0.01)
    assert_true(clean, out, truths[1])


@pytest.mark.parametrize("link", [LINK, LinkParameters(interleave_depth=1, dual_basis=False, has_fecf=True)])
def test_the_link_of_a_session_is_seen_from_its_bytes(link: LinkParameters, tmp_path: Path) -> None:
    clean = clean_session(tmp_path / "clean", link=link)
    truths = spoil(clean, tmp_path / "out", Faults(wrong_counts=0.3))
    sound, corrected, uncorrectable = frames(stream(tmp_path / "out", 1), link)
    assert (len(sound), corrected, uncorrectable) == (truths[1].fates.size, 0, 0)
    assert count(truths[1], Fate.RECOUNTED) > 0.2 * len(sound)


def test_what_cannot_be_spoiled_is_told(clean: Path, spoiled: Spoil, tmp_path: Path) -> None:
    out, _ = spoiled()
    with pytest.raises(SimulatorError, match="choose another folder"):
        spoiled()
    with pytest.raises(SimulatorError, match="is spoiled already; take the clean session"):
        spoil(out, tmp_path / "twice", link=LINK)
    with pytest.raises(SimulatorError, match="`s1pdgs simulate` makes a session"):
        spoil(tmp_path, tmp_path / "nothing")
    with pytest.raises(SimulatorError, match="no multiple of CADUs of 2044; give the link"):
        spoil(clean, tmp_path / "link", link=LinkParameters())
    with pytest.raises(SimulatorError, match="block 3 of channel 1 is asked for in two ways"):
        spoiled(Faults(swapped_blocks=(BlockPlace(1, 2),), missing_blocks=(BlockPlace(1, 3),)), name="both")
    with pytest.raises(SimulatorError, match="is no delivery of `s1pdgs spoil`"):
        read_truth(clean)
    damaged = tmp_path / "damaged"
    shutil.copytree(clean, damaged)
    first = damaged / block_files(damaged, 1)[0]["path"]
    first.write_bytes(bytes(4) + first.read_bytes()[4:])
    with pytest.raises(SimulatorError, match=r"CADU 0 of channel 1 .* is not clean"):
        spoil(damaged, tmp_path / "out-of-damaged", link=LINK)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of the usual link, as the command takes it."""
    return clean_session(tmp_path_factory.mktemp("usual") / "session", link=LinkParameters(), block_bytes=50_000)


@pytest.fixture
def command(usual: Path, tmp_path: Path) -> Callable[..., Any]:
    return lambda *arguments: CliRunner().invoke(spoil_command, [str(usual), str(tmp_path / "out"), *arguments])


def test_the_command_orders_faults_and_says_what_came_of_them(command: Callable[..., Any], tmp_path: Path) -> None:
    result = command(
        *("--lose-frames", "0.2", "--lose-run", "3", "--lose", "1:0-2", "--damage", "2:4-6:20", "--silence", "1-1.5"),
        *("--station", "NSG", "--retransfer", "--delay", "60", "--missing-block", "1:2", "--seed", "4"),
    )
    assert result.exit_code == 0, result.output
    out = tmp_path / "out"
    session = session_of(out)
    assert (session.station, session.retransfer, session.delay_s) == ("NSG", True, 60.0)
    truths = read_truth(out)
    assert (truths[1].fates[:2] & Fate.LOST).all()
    assert ((truths[2].fates[4:6] & (Fate.UNCORRECTABLE | Fate.LOST)) != 0).all()
    assert 2 not in numbers(out)
    assert f"{count(truths[1], Fate.LOST)} lost" in result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--lose-frames", "1.5"), "1.5 is not in the range"),
        (("--lose", "1:9"), "CHANNEL:FIRST-STOP"),
        (("--damage", "1:2-3"), "CHANNEL:FIRST-STOP:SYMBOLS"),
        (("--missing-block", "x"), "CHANNEL:BLOCK"),
        (("--silence", "3"), "START-STOP"),
        (("--channel", "5"), "none of [5]"),
    ],
)
def test_the_command_explains_mistakes(command: Callable[..., Any], arguments: tuple[str, ...], told: str) -> None:
    result = command(*arguments)
    assert result.exit_code != 0
    assert told in result.output
