"""L1: a Level-0 slice becomes its products: SLC and GRDH of StripMap, IW and EW.

`s1pdgs-l1 JobOrder.xml`, run in the working directory. The job order brings one slice (`*_RAW__0S`), its calibration
and noise products where there are any, AUX_INS, AUX_CAL, AUX_PP1 and an orbit file, and asks for `*_SLC__1S`,
`*_GRDH_1S` or both. Products are named in `<working directory>.LIST`.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from attrs import evolve

from s1pdgs import __version__
from s1pdgs.formats.aux.binding import AuxiliaryError
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.joborder import JobOrder
from s1pdgs.formats.l0.manifest import Facility, L0Manifest, Processing, Resource
from s1pdgs.formats.l1.measurement import MeasurementInfo, MeasurementWriter
from s1pdgs.formats.l1.product import (
    ImageDataSets,
    ProductDraft,
    ProductFacts,
    product_draft,
    software_version,
)
from s1pdgs.formats.l1.quicklook import quicklook_png
from s1pdgs.formats.listfile import list_file_name, write_list
from s1pdgs.model.time import SystemClock
from s1pdgs.processors.l0.program import Outcome, run_program
from s1pdgs.processors.l1.channel import GRD, SLC, ChannelPlan, Progress, estimate_centroid, fill_images, plan_channel
from s1pdgs.processors.l1.describe.context import ImageContext, no_offset
from s1pdgs.processors.l1.describe.image import SIGNIFICANT_GAP_LINES
from s1pdgs.processors.l1.describe.product import product_annotation
from s1pdgs.processors.l1.describe.vectors import calibration_data_set, noise_data_set, rfi_data_set
from s1pdgs.processors.l1.doppler import DopplerEstimate
from s1pdgs.processors.l1.errors import ProcessingError
from s1pdgs.processors.l1.focus import FocusError
from s1pdgs.processors.l1.geolocation import geolocation_grid
from s1pdgs.processors.l1.inputs import SliceInput, read_inputs
from s1pdgs.processors.l1.merge import MergeError, MergePlan
from s1pdgs.processors.l1.tops_channel import fill_bursts, plan_merged, plan_swath
from s1pdgs.processors.l1.tops_plan import BurstError
from s1pdgs.sar.attitude import AttitudeError

NAME = "L1_PROCESSOR"
RESOLUTIONS = {SLC: "_", GRD: "H"}
_SUFFIXES = {"SLC__1S": SLC, "GRDH_1S": GRD}
_DOPPLER_SHARE, _FOCUS_SHARE = 8.0, 86.0


def main() -> int:
    """Run on the job order named on the command line; the exit code."""
    return run_program(NAME, process_slice, sys.argv[1:])


def process_slice(order: JobOrder, folder: Path, outcome: Outcome) -> None:
    """Make the products that the order asks for in `folder`; `ProcessingError` when the inputs do not allow them."""
    wanted_products(order)
    started = SystemClock().now()
    try:
        inputs = read_inputs(order)
        _tell_inputs(inputs, outcome)
        products = _Run(order, inputs, folder, outcome, started).make()
    except (FocusError, BurstError, MergeError, PacketError, AttitudeError, AuxiliaryError) as error:
        raise ProcessingError(str(error)) from error
    write_list(folder / list_file_name(folder.resolve()), [path.name for path in products])


def wanted_products(order: JobOrder) -> tuple[str, ...]:
    """Which of SLC and GRD the order's outputs ask for; `ProcessingError` when it asks for neither."""
    found = [kind for suffix, kind in _SUFFIXES.items() if any(name.endswith(suffix) for name in order.output_types())]
    if not found:
        asked = ", ".join(order.output_types()) or "nothing"
        raise ProcessingError(
            f"the job order asks for {asked}; this processor makes SM_SLC__1S and SM_GRDH_1S, alike for IW and EW"
        )
    return tuple(found)


def _tell_inputs(inputs: SliceInput, outcome: Outcome) -> None:
    sensing = inputs.sensing
    outcome.info(
        f"{inputs.slice_name}: {_swaths_of(inputs)}, sensing {sensing.start.isoformat()} to "
        f"{sensing.stop.isoformat()}, orbit {inputs.orbit_source}"
    )
    for channel in inputs.channels:
        echoes, name = channel.echoes, channel.name
        outcome.info(
            f"{name}: {echoes.lines} lines of {echoes.samples} samples, {echoes.missing} missing in "
            f"{echoes.gaps} gaps, {echoes.calibration} of calibration"
        )
        if len(echoes.windows) > 1:
            outcome.info(f"{name}: the sampling window changes {len(echoes.windows) - 1} times")
        if echoes.longest_gap > SIGNIFICANT_GAP_LINES:
            outcome.warn(f"{name}: {echoes.longest_gap} lines are missing in a row")
        if channel.lost:
            outcome.warn(f"{name}: {channel.lost} bursts miss most of their lines and are left out")
        damaged = channel.sources[0].damaged
        if damaged:
            outcome.warn(f"{name}: {damaged} packets have damaged headers and are left out")
    if not inputs.ancillary.states:
        outcome.warn("no complete sub-commutated frame: the steering law stands in for the attitude")


class _Run:
    """The making of the products of one slice."""

    def __init__(self, order: JobOrder, inputs: SliceInput, folder: Path, outcome: Outcome, started: datetime) -> None:
        self._order = order
        self._inputs = inputs
        self._wanted = wanted_products(order)
        self._folder = folder
        self._outcome = outcome
        self._started = started
        self._offsets: dict[str, Callable[[int], int]] = {}
        self._swaths: dict[str, list[ChannelPlan]] = {}

    def make(self) -> list[Path]:
        """Focus all channels and write all products; their paths."""
        inputs, outcome = self._inputs, self._outcome
        outcome.progress(1, "Doppler centroid")
        doppler = () if inputs.tops else estimate_centroid(inputs)
        for found in doppler:
            if not found.reliable:
                outcome.info(f"no reliable Doppler estimate around {found.time_s:.1f} s: taking that of the attitude")
        with ExitStack() as stack:
            drafts = {kind: stack.enter_context(product_draft(self._folder)) for kind in self._wanted}
            plans = self._focus_bursts(drafts) if inputs.tops else self._focus_lines(drafts, doppler)
            return [self._finish(kind, drafts[kind], plans[kind]) for kind in self._wanted]

    def _focus_lines(
        self, drafts: Mapping[str, ProductDraft], doppler: tuple[DopplerEstimate, ...]
    ) -> dict[str, list[ChannelPlan]]:
        """StripMap: every channel fills its images; their plans by product."""
        plans = []
        for index, channel in enumerate(self._inputs.channels):
            plan = plan_channel(self._inputs, channel, doppler, self._wanted)
            plans.append(plan)
            with ExitStack() as stack:
                writers = {kind: stack.enter_context(self._writer(plan, kind, drafts)) for kind in self._wanted}
                fill_images(plan, writers, self._progress(index, len(self._inputs.channels)))
        return dict.fromkeys(self._wanted, plans)

    def _focus_bursts(self, drafts: Mapping[str, ProductDraft]) -> dict[str, list[ChannelPlan]]:
        """TOPS: the bursts of all swaths of a polarisation fill the images of the swaths and the merged one."""
        inputs = self._inputs
        polarisations = list(dict.fromkeys(channel.polarisation for channel in inputs.channels))
        plans: dict[str, list[ChannelPlan]] = {kind: [] for kind in self._wanted}
        for index, polarisation in enumerate(polarisations):
            channels = [channel for channel in inputs.channels if channel.polarisation == polarisation]
            swaths = [plan_swath(inputs.only(channel), channel) for channel in channels]
            self._swaths[polarisation] = swaths
            with ExitStack() as stack:
                writers, merged = {}, None
                if SLC in self._wanted:
                    plans[SLC] += swaths
                    for plan in swaths:
                        writer = stack.enter_context(self._writer(plan, SLC, drafts))
                        writers[plan.channel.swath] = writer
                        self._offsets[plan.channel.name] = writer.line_offset
                if GRD in self._wanted:
                    plan = plan_merged(inputs.only(*channels), swaths)
                    plans[GRD].append(plan)
                    merged = plan, stack.enter_context(self._writer(plan, GRD, drafts))
                fill_bursts(swaths, writers, merged, self._progress(index, len(polarisations)))
        return plans

    def _progress(self, index: int, count: int) -> Progress:
        def progress(done: float, name: str) -> None:
            self._outcome.progress(_DOPPLER_SHARE + _FOCUS_SHARE / count * (index + done), f"{name} focused")

        return progress

    @contextmanager
    def _writer(self, plan: ChannelPlan, kind: str, drafts: Mapping[str, ProductDraft]) -> Iterator[MeasurementWriter]:
        context, image = self._context(plan, kind), plan.image(kind)
        header = context.header()
        info = MeasurementInfo(
            lines=context.frame.lines,
            samples=context.frame.samples,
            description=f"Sentinel-1{self._inputs.manifest.satellite[2]} {header.swath} {kind} L1",
            software=f"s1pdgs {__version__}",
            created=self._started,
            tie_points=geolocation_grid(self._inputs.orbit, context.frame),
        )
        with drafts[kind].measurement(header, info, image.form) as writer:
            yield writer
        if image.statistics.saturated:
            self._outcome.info(f"{plan.channel.name} {kind}: {image.statistics.saturated} saturated pixels")

    def _context(self, plan: ChannelPlan, kind: str) -> ImageContext:
        """SLC images are numbered by the names of polarisation and swath, GRD images co-polarisation first."""
        channels = self._inputs.channels
        if isinstance(plan.focus, MergePlan):
            own = [channel for channel in channels if channel.polarisation == plan.channel.polarisation]
            names = list(dict.fromkeys(channel.polarisation for channel in channels))
            name, parts = plan.channel.polarisation, self._swaths[plan.channel.polarisation]
        else:
            own, name, parts = [plan.channel], plan.channel.name, []
            names = [channel.name for channel in channels]
            if kind == SLC:
                names.sort(key=lambda name: name.split()[::-1])
        return ImageContext(
            inputs=self._inputs.only(*own),
            plan=plan,
            product_type=kind,
            number=names.index(name) + 1,
            line_offset=self._offsets.get(name, no_offset),
            parts=tuple(self._context(part, SLC) for part in parts),
            timeliness=self._order.parameter("Timeliness_Category", "Fast-24h"),
        )

    def _finish(self, kind: str, draft: ProductDraft, plans: list[ChannelPlan]) -> Path:
        for plan in plans:
            context = self._context(plan, kind)
            draft.add_image(
                ImageDataSets(
                    product=product_annotation(context),
                    calibration=calibration_data_set(context),
                    noise=noise_data_set(context),
                    rfi=rfi_data_set(context),
                )
            )
        swaths = sorted({plan.channel.swath for plan in plans})
        shown = swaths[len(swaths) // 2]
        looks = [plan.image(kind).quicklook for plan in plans if plan.channel.swath == shown]
        draft.add_quicklook(quicklook_png(*looks[:2]))
        path = draft.finish(
            ProductFacts(
                orbit=self._inputs.manifest.orbit,
                processing=self._processing(kind),
                segment_start=_segment_start(self._inputs),
                resolution=RESOLUTIONS[kind],
            )
        )
        self._outcome.info(f"made {path.name}")
        self._outcome.progress(95 if kind != self._wanted[-1] else 100, f"{kind} written")
        return path

    def _processing(self, kind: str) -> Processing:
        """This step, on top of the history of the slice: in two steps, as the IPF tells it, though ours is one program.

        The schema of manifests has a place for the name of the facility of Level-0, and for nothing else of it.
        """
        history, inputs = self._inputs.manifest.processing, self._inputs
        facility = Facility(
            country="-",
            name=self._order.processing_station,
            organisation="-",
            site=self._order.processing_station,
            software_name="s1pdgs-l1",
            software_version=software_version(__version__),
        )
        if history.facility is not None:
            made_by = evolve(history.facility, country="", organisation="", site="")
            history = evolve(history, facility=made_by)
        now = SystemClock().now()
        auxiliaries = [Resource(name=name, role=_role(name)) for name in inputs.auxiliary_names]
        level0 = Resource(name=inputs.slice_name, role="Level-0 Product", processing=history)
        focusing = Processing("SLC Processing", self._started, now, facility, (*auxiliaries, level0))
        intermediate = Resource(name="in memory", role="Level-1 Intermediate SLC Product", processing=focusing)
        return Processing(f"{kind} Post Processing", self._started, now, facility, (intermediate,))


def _swaths_of(inputs: SliceInput) -> str:
    return ", ".join(dict.fromkeys(channel.swath for channel in inputs.channels))


def _role(name: str) -> str:
    """`AUX_CAL`, `AUX_POEORB` ... of a file name."""
    return next((part for part in (name[4:11], name[9:19]) if part.startswith("AUX_")), "auxiliary").rstrip("_")


def _segment_start(inputs: SliceInput) -> datetime:
    """Sensing start of the data take where the slice tells it, else that of the slice."""
    place = _slice_of(inputs.manifest)
    return place if place is not None else inputs.sensing.start


def _slice_of(manifest: L0Manifest) -> datetime | None:
    return None if manifest.slice is None else manifest.slice.data_take_start


if __name__ == "__main__":
    sys.exit(main())
