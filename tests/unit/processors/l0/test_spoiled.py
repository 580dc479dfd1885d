"""Sessions spoiled by the simulator, whose truth is known frame by frame, received by AIO."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from s1pdgs.formats.joborder import JobOrder
from s1pdgs.formats.l0.acquisition_report import read_acquisition_report
from s1pdgs.formats.l0.manifest_reader import read_manifest
from s1pdgs.formats.l0.report import AcquisitionReport
from s1pdgs.processors.l0 import aio
from s1pdgs.processors.l0.program import Outcome
from s1pdgs.simulator.scenario import Scenario
from s1pdgs.simulator.session import simulate
from s1pdgs.simulator.spoil.spoiling import BlockPlace, ChannelTruth, Delivery, Fate, Faults, spoil

AUXILIARY = ("AUX_OBMEMC", "MPL_ORBPRE", "MPL_ORBSCT")
RECEIVER_BRIDGES = Fate.SHIFTED | Fate.INVERTED
VCIDS = {1: 24, 2: 25}


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clean") / "session"
    simulate(Scenario.mini(), folder)
    return folder


def _order(mission, clean: Path, deliveries: Sequence[Path], folder: Path) -> JobOrder:
    """The order to process deliveries, laid out in a working directory."""
    blocks = []
    for number, delivery in enumerate(deliveries, 1):
        for entry in json.loads((delivery / "session.json").read_text())["files"]:
            base = folder if number == 1 else folder / f"delivery{number}"
            place = base / f"ch{entry['channel']:02d}" / entry["name"]
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(delivery / entry["path"], place)
            blocks.append(place)
    auxiliary = {
        kind: [path] for path in (clean / "auxiliary").iterdir() for kind in AUXILIARY if f"_{kind}_" in path.name
    }
    return mission.order("AIO_PROCESSOR", {**auxiliary, "SESSION": blocks}, DownlinkTime="20260105T222058")


def _receive(mission, clean: Path, spoils: Sequence[tuple[Faults, Delivery]], folder: Path):
    """The products, the report, and the truth of each delivery."""
    deliveries, truths = [], []
    for number, (faults, delivery) in enumerate(spoils, 1):
        deliveries.append(folder / f"spoiled{number}")
        truths.append(spoil(clean, deliveries[-1], faults, delivery, seed=number))
    work = folder / "work"
    work.mkdir()
    aio.process_session(_order(mission, clean, deliveries, work), work, Outcome(aio.NAME))
    *products, report = (work / "AIOProc.LIST").read_text().split()
    return [work / name for name in products], read_acquisition_report(work / report), truths


def _assert_nothing_sound_is_lost(
    report: AcquisitionReport, truths: Sequence[dict[int, ChannelTruth]], products: Sequence[Path]
) -> None:
    """Exactly the data frames that no delivery brings sound are missing, between the first and the last that came."""
    found = {account.vcid: account for account in report.virtual_channels}
    for channel, vcid in VCIDS.items():
        held = [truth[channel] for truth in truths if channel in truth]
        data = (held[0].fates & Fate.FILL) == 0
        sound = np.any([truth.sound(RECEIVER_BRIDGES) for truth in held], axis=0)[data]
        inner = np.trim_zeros(sound.astype(int))
        assert found[vcid].missing_frames == np.count_nonzero(inner == 0)
        assert found[vcid].frames == np.count_nonzero(inner)
    for product in products:
        quality = read_manifest(product / "manifest.safe").units[0].quality
        assert (quality.missing > 0) == (found[VCIDS[1 if "SVV" in product.name else 2]].missing_frames > 0)


@pytest.mark.parametrize(
    "faults",
    [
        Faults(bit_slips=4),
        Faults(inverted_from=0.4, bit_errors=1e-5),
        Faults(corrupt_frames=0.05, repairable_frames=0.05),
        Faults(lose_frames=0.05, lose_run=3.0),
    ],
    ids=["bit slips", "inverted", "errors", "losses"],
)
def test_a_spoiled_session_loses_what_was_spoiled_and_nothing_else(mission, clean, tmp_path, faults):
    products, report, truths = _receive(mission, clean, [(faults, Delivery())], tmp_path)
    _assert_nothing_sound_is_lost(report, truths, products)


def test_damaged_markers_are_bridged(mission, clean, tmp_path):
    _, report, (truth,) = _receive(
        mission, clean, [(Faults(damaged_markers=0.1, inverted_markers=0.05), Delivery())], tmp_path
    )
    for channel, vcid in VCIDS.items():
        lost = next(each.missing_frames for each in report.virtual_channels if each.vcid == vcid)
        assert lost <= np.count_nonzero(~truth[channel].sound(RECEIVER_BRIDGES)) // 4


@pytest.mark.parametrize(
    "spoils",
    [
        [
            (Faults(corrupt_frames=0.2, lose_frames=0.05), Delivery()),
            (Faults(corrupt_frames=0.2, bit_slips=3), Delivery(retransfer=True)),
        ],
        [
            (Faults(corrupt_frames=0.3), Delivery()),
            (Faults(lose_frames=0.3), Delivery(station="MTI", unit="07", trailer_bytes=12, block_bytes=300_001)),
            (Faults(bit_errors=1e-5, lose_frames=0.2), Delivery(retransfer=True)),
        ],
        [
            (Faults(corrupt_frames=0.2), Delivery()),
            (
                Faults(lose_frames=0.2),
                Delivery(station="MTI", unit="07", parity_stripped=True, derandomised=True, trailer_bytes=5),
            ),
        ],
        [
            (Faults(missing_blocks=(BlockPlace(1, 2),)), Delivery(block_bytes=150_001)),
            (Faults(only_blocks=(BlockPlace(1, 2),)), Delivery(retransfer=True, block_bytes=150_001)),
        ],
    ],
    ids=["retransfer", "three", "stripped", "blocks"],
)
def test_deliveries_together_lose_only_what_none_of_them_brings(mission, clean, tmp_path, spoils):
    products, report, truths = _receive(mission, clean, spoils, tmp_path)
    if any(faults.missing_blocks for faults, _ in spoils):
        assert all(account.missing_frames == 0 for account in report.virtual_channels)
    else:
        _assert_nothing_sound_is_lost(report, truths, products)


def test_blocks_that_are_swapped_in_one_delivery_are_put_in_order_by_another(mission, clean, tmp_path):
    swapped = Faults(swapped_blocks=(BlockPlace(1, 1),), duplicated_blocks=(BlockPlace(2, 1),))
    spoils = [(swapped, Delivery(block_bytes=150_001)), (Faults(corrupt_frames=0.05), Delivery(retransfer=True))]
    _, report, _ = _receive(mission, clean, spoils, tmp_path)
    assert all(account.missing_frames <= 1 for account in report.virtual_channels)
