"""Level-0 slices of planned data takes on disk, and job orders for them."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve, frozen

from s1pdgs.formats.aux.pp1 import SCHEMA, ProductParameters, read_processing, write_processing
from s1pdgs.formats.aux.safe import read_manifest
from s1pdgs.formats.joborder import JobOrder, OrderInput, OrderOutput, OrderTask, write_job_order
from s1pdgs.formats.l0.manifest import (
    CompressionTypes,
    L0Manifest,
    MeasurementQuality,
    OrbitReference,
    Processing,
    SliceInformation,
)
from s1pdgs.formats.l0.product import MeasurementContent, write_product
from s1pdgs.formats.listfile import read_list
from s1pdgs.processors.l1 import program
from s1pdgs.simulator.auxiliary.files import AuxiliaryContext, write_auxiliary
from s1pdgs.simulator.mode_scene import ModeScene, mode_scene
from s1pdgs.simulator.noise_take import NoiseTake
from s1pdgs.simulator.orbit import Trajectory, relative_orbit_and_cycle
from s1pdgs.simulator.plan import Plan
from s1pdgs.simulator.planned import PacketSource, noise_take


@frozen(eq=False)
class Slice:
    """A Level-0 slice in a folder with the auxiliary files beside it."""

    folder: Path
    name: str
    take: PacketSource
    mode: str = "IW"

    def order(self, workdir: Path, *outputs: str) -> Path:
        kinds = ("AUX_INS", "AUX_CAL", "AUX_PP1", "AUX_POEORB")
        files = {kind: [str(path) for path in sorted((self.folder / "auxiliary").glob(f"*{kind}*"))] for kind in kinds}
        inputs = [OrderInput(f"{self.mode}_RAW__0S", "Physical", (str(self.folder / self.name),))]
        inputs += [OrderInput(kind.replace("ORB", ""), "Physical", tuple(names)) for kind, names in files.items()]
        made = tuple(OrderOutput(kind, "Regexp", f"{workdir}/^.*{kind[3:]}.*$", mandatory=True) for kind in outputs)
        path = workdir / "JobOrder.1.xml"
        write_job_order(path, JobOrder("L1", "1.0", (OrderTask("L1", "1.0", tuple(inputs), made),)))
        return path


def noise_of_plan(plan: Plan) -> tuple[Trajectory, NoiseTake]:
    """The first data take of a plan."""
    trajectory = Trajectory.spanning(plan.start - timedelta(hours=9), plan.start + timedelta(days=1), plan.satellite)
    return trajectory, noise_take(plan, plan.takes[0], 0x1234, trajectory)


def scene_of_plan(plan: Plan, folder: Path) -> tuple[Trajectory, ModeScene]:
    """The first data take of a plan, a scene without a place, whose slice is to be written to a folder."""
    trajectory, noise = noise_of_plan(plan)
    return trajectory, mode_scene(plan, plan.takes[0], noise, trajectory, folder / "auxiliary")


def write_slice(
    folder: Path, trajectory: Trajectory, take: PacketSource, mode: str = "IW", swath: str | None = None
) -> Slice:
    """The whole data take as one slice of its mode (`swath` where it has one only); wave mode is not sliced."""
    write_auxiliary(
        folder / "auxiliary",
        AuxiliaryContext.of(trajectory, take.sensing, satellite="S1A"),
        ("AUX_INS", "AUX_CAL", "AUX_PP1", "AUX_POEORB"),
    )
    path = folder / "VV.dat"
    with path.open("wb") as stream:
        for octets, _ in take.batches("VV"):
            stream.write(octets.tobytes())
    slice_one = SliceInformation(number=1, length_s=25.0, overlap_s=7.4, total=1, data_take_start=take.sensing.start)
    relative, cycle = relative_orbit_and_cycle(52_000, "S1A")
    header = L0Manifest(
        satellite="S1A",
        mode=mode,
        swath=swath,
        start=take.sensing.start,
        stop=take.sensing.stop,
        start_anx_ms=0.0,
        stop_anx_ms=1.0,
        product_class="S",
        consolidation="SLICE",
        calibration_present=True,
        noise_present=True,
        instrument_configuration_id=6,
        data_take_id=0x1234,
        compression=CompressionTypes("FDBAQ_0", "BAQ_5_BIT", "BYPASS"),
        units=(),
        orbit=OrbitReference(
            52_000, 52_000, relative, relative, cycle, 1, "ASCENDING", take.sensing.start - timedelta(seconds=1200)
        ),
        processing=Processing("Assembly", take.sensing.stop, take.sensing.stop + timedelta(seconds=1)),
        footprint=((0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)),
        slice=None if mode == "WV" else slice_one,
    )
    quality = MeasurementQuality(take.packet_count, 0, 0)
    content = MeasurementContent("VV", 24, quality, path, path.stat().st_size, "0" * 32)
    return Slice(folder, write_product(folder, header, [content], "SV"), take, mode)


def revise_processing(folder: Path, change: Callable[[ProductParameters], ProductParameters]) -> None:
    """Every product of the AUX_PP1 in a folder is changed."""
    (old,) = folder.glob("*AUX_PP1*")
    parameters, manifest = read_processing(old), read_manifest(old)
    shutil.rmtree(old)
    revised = evolve(parameters, products=tuple(change(one) for one in parameters.products))
    write_processing(folder, manifest, revised, {SCHEMA: b""})


def run(order: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of the processor."""
    monkeypatch.chdir(order.parent)
    monkeypatch.setattr("sys.argv", ["s1pdgs-l1", str(order)])
    return program.main()


def process(made: Slice, workdir: Path, *outputs: str, warns: bool = False) -> list[Path]:
    """The products that the processor makes of a slice in a folder, in the order of its list."""
    with pytest.MonkeyPatch.context() as patch:
        code = run(made.order(workdir, *outputs), patch)
    assert code == 0 or (warns and code < 128)
    return [workdir / name for name in read_list(workdir / f"{workdir.name}.LIST")]
