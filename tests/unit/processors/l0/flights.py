"""Simulated data takes of any mode, sent down in sessions of the test's making, received and assembled."""

import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import attrs
import numpy as np

from s1pdgs.formats.joborder import JobOrder, OrderInput, OrderTask, ParameterStyle
from s1pdgs.formats.l0.datatake_report import read_datatake_report
from s1pdgs.formats.l0.manifest import L0Manifest
from s1pdgs.formats.l0.manifest_reader import read_manifest
from s1pdgs.formats.l0.report import DataTakeReport
from s1pdgs.formats.link.encode import encode_cadus
from s1pdgs.formats.link.parameters import LinkParameters
from s1pdgs.formats.names import ProductName
from s1pdgs.formats.obmemc import MemoryConfiguration, write_obmemc
from s1pdgs.model.interval import Interval
from s1pdgs.processors.l0 import aio, asp
from s1pdgs.processors.l0.program import Outcome
from s1pdgs.simulator.auxiliary.files import packet_stores
from s1pdgs.simulator.noise_take import NoiseTake
from s1pdgs.simulator.orbit import Trajectory
from s1pdgs.simulator.plan import Plan, TakePlan
from s1pdgs.simulator.planned import noise_take

FIRST_ID = 0x053C1A
STORES = {"WV": {"H": 19, "V": 20}, "RF": {"H": 2, "V": 3}}
STANDARD = {"H": 21, "V": 22}


@attrs.frozen(eq=False, slots=False)
class Flight:
    """A satellite and its data takes by name; `mission` is the small mission of the tests, which knows the orbit."""

    mission: object
    takes: Mapping[str, NoiseTake]
    satellite: str

    @classmethod
    def of(cls, mission, start: datetime, plans: Sequence[TakePlan], satellite: str = "S1A") -> "Flight":
        """Data takes half a minute apart, or at their own start."""
        plans = [attrs.evolve(plan, start_s=plan.start_s or 30.0 * number) for number, plan in enumerate(plans)]
        plan = Plan(satellite=satellite, start=start, takes=tuple(plans), telemetry=None)
        hour = timedelta(hours=1)
        trajectory = Trajectory.spanning(start - hour, start + hour, satellite)
        takes = {each.name: noise_take(plan, each, FIRST_ID + n, trajectory) for n, each in enumerate(plans)}
        return cls(mission, takes, satellite)

    @cached_property
    def _packets(self) -> dict[tuple[str, str], list[bytes]]:
        return {}

    def packets(self, name: str, polarisation: str) -> list[bytes]:
        """All packets of one receive channel of a data take."""
        key = (name, polarisation)
        if key not in self._packets:
            sent = self._packets[key] = []
            for octets, offsets in self.takes[name].batches(polarisation):
                bounds = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
                sent.extend(octets[first:last].tobytes() for first, last in bounds)
        return self._packets[key]

    def everything(self, name: str) -> dict[str, list[bytes]]:
        """The packets of all receive channels of a data take."""
        return {each: self.packets(name, each) for each in self.takes[name].receive_polarisations}

    def receive(self, sent: Mapping[str, Mapping[str, Sequence[bytes]]], folder: Path) -> dict[str, list[Path]]:
        """AIO on a session that brings packets by data take and polarisation, H on channel 1: segments by data take."""
        channels: dict[int, dict[int, list[bytes]]] = {1: defaultdict(list), 2: defaultdict(list)}
        for name, streams in sent.items():
            for polarisation, packets in streams.items():
                letter = polarisation[1]
                vcid = STORES.get(name[:2], STANDARD)[letter]
                channels["HV".index(letter) + 1][vcid].extend(packets)
        inputs = self._auxiliary(folder)
        for number, packets in channels.items():
            if packets:
                cadus = encode_cadus(packets, LinkParameters(), fill_frames=1)
                inputs[f"RAW_ch{number}"] = self.mission.channel(folder, number, cadus.tobytes())
        aio.process_session(self._order("AIO_PROCESSOR", inputs), folder, Outcome(aio.NAME))
        names = {take.data_take_id: name for name, take in self.takes.items()}
        segments = defaultdict(list)
        for line in (folder / aio.AIO_LIST).read_text().split():
            if "_RAW__0S" in line:
                segments[names.get(ProductName.parse(line).datatake, "other")].append(folder / line)
        return segments

    def assemble(self, segments: Sequence[Path], folder: Path, **parameters: str) -> "Assembled":
        """ASP on segments, in a folder that is emptied before."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        inputs = {"IW_RAW__0S": list(segments), **self._auxiliary(folder)}
        outcome = Outcome(asp.NAME)
        asp.process_data_take(self._order(asp.NAME, inputs, **parameters), folder, outcome)
        *products, report = (folder / asp.ASP_LIST).read_text().split()
        account = read_datatake_report(folder / report)
        assert tuple(products) == account.products
        return Assembled(folder, list(segments), account, outcome.warnings)

    def _auxiliary(self, folder: Path) -> dict[str, list[Path]]:
        files = {kind: [path] for kind, path in self.mission.auxiliary(folder).items()}
        validity = Interval(datetime.fromisoformat("2026-01-01T00Z"), datetime.fromisoformat("2027-01-01T00Z"))
        files["AUX_OBMEMC"][0].write_bytes(write_obmemc(MemoryConfiguration(validity.start, validity, packet_stores())))
        return files

    def _order(self, processor: str, inputs: Mapping[str, Sequence[Path]], **parameters: str) -> JobOrder:
        entries = tuple(OrderInput(kind, "Physical", tuple(map(str, paths))) for kind, paths in inputs.items())
        return JobOrder(
            processor_name=processor,
            version="1.0",
            tasks=(OrderTask("TASK", "1.0", entries),),
            parameters=tuple({"Mission_Id": self.satellite, **parameters}.items()),
            processing_station="WILE",
            parameter_style=ParameterStyle.PLAIN,
        )


@attrs.frozen
class Assembled:
    """What ASP made of one data take."""

    folder: Path
    segments: list[Path]
    report: DataTakeReport
    warnings: list[str]

    def products(self, product_class: str = "S") -> list[Path]:
        """The products of a class, in the order of the LIST file."""
        names = [ProductName.parse(name) for name in self.report.products]
        return [self.folder / str(name) for name in names if name.product_class == product_class]

    def manifests(self, product_class: str = "S") -> list[L0Manifest]:
        """Their manifests."""
        return [read_manifest(path / "manifest.safe") for path in self.products(product_class)]

    def packets(self, product_class: str = "S") -> list[dict[str, bytes]]:
        """The measurements of each product, by polarisation."""
        return [
            {unit.polarisation: (path / unit.data.href).read_bytes() for unit in manifest.units}
            for path, manifest in zip(self.products(product_class), self.manifests(product_class), strict=True)
        ]


def sensing_us(take: NoiseTake, packets: Sequence[int]) -> np.ndarray:
    """When packets are latched, by number: microseconds after the first packet."""
    whole, fraction = take.gps_time(np.concatenate(([0], packets)))
    seconds = (whole - whole[0]) + (fraction - fraction[0])
    return np.rint(seconds[1:] * 1e6).astype(np.int64)
