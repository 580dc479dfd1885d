"""The making of the products of one slice: channels fill images, and images become the products that were asked for."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from attrs import evolve

from s1pdgs import __version__
from s1pdgs.formats.joborder import JobOrder
from s1pdgs.formats.l0.manifest import Facility, Processing, Resource
from s1pdgs.formats.l1.measurement import MeasurementInfo, MeasurementWriter
from s1pdgs.formats.l1.product import (
    ImageDataSets,
    ProductDraft,
    ProductFacts,
    product_draft,
)
from s1pdgs.formats.l1.quicklook import quicklook_png
from s1pdgs.model.time import SystemClock
from s1pdgs.processors.l0.program import Outcome
from s1pdgs.processors.l1.backends import Backend
from s1pdgs.processors.l1.channel import (
    GRD,
    SLC,
    ChannelPlan,
    Progress,
    estimate_centroid,
    fill_images,
    plan_channel,
    product_id,
)
from s1pdgs.processors.l1.describe.context import Array, ImageContext
from s1pdgs.processors.l1.describe.interference import rfi_data_set
from s1pdgs.processors.l1.describe.product import product_annotation
from s1pdgs.processors.l1.describe.vectors import calibration_data_set, noise_data_set
from s1pdgs.processors.l1.doppler import DopplerEstimate
from s1pdgs.processors.l1.geolocation import geolocation_grid
from s1pdgs.processors.l1.inputs import WAVE_MODE, SliceInput
from s1pdgs.processors.l1.outputs import Wanted
from s1pdgs.processors.l1.receiver import EXTRACTED
from s1pdgs.processors.l1.reception import receive
from s1pdgs.processors.l1.rfi.search import policy_of, pulse_source, search
from s1pdgs.processors.l1.tops_channel import estimate_bursts, fill_bursts, plan_merged, plan_swath

_FOCUS_SHARE = 94.0
IPF_INTERFACE = "003.40"
"""The version in manifests: of the IPF whose products ours read like (decision 0020). Readers choose by it what to look
for and what to correct. Ours is in the software tag of measurements.
"""
_Looks = dict[str, list[tuple[str, Array]]]
"""Swath and quicklook of the images of each kind of product."""


class Making:
    """The making of the products of one slice from its inputs: one, or those of each vignette."""

    def __init__(
        self,
        order: JobOrder,
        wanted: Wanted,
        inputs: tuple[SliceInput, ...],
        folder: Path,
        outcome: Outcome,
        *,
        backend: Backend,
    ) -> None:
        self._order = order
        self._backend = backend
        self._wanted = wanted
        self._inputs = tuple(search(receive(one)) for one in inputs)
        self._folder = folder
        self._outcome = outcome
        self._started = SystemClock().now()
        self._looks: _Looks = {kind: [] for kind in wanted.kinds}
        self._tell_chirps()
        self._tell_interference()

    def make(self) -> list[Path]:
        """Focus all channels and write all products; their paths."""
        with ExitStack() as stack:
            drafts = {kind: stack.enter_context(product_draft(self._folder)) for kind in self._wanted.kinds}
            if self._inputs[0].tops:
                self._focus_bursts(drafts)
            else:
                self._focus_lines(drafts)
            return [path for kind in self._wanted.kinds for path in self._finish(kind, drafts[kind])]

    def _tell_chirps(self) -> None:
        for inputs in self._inputs:
            settings = inputs.processing.product(product_id(inputs, SLC)).preprocessing
            for channel in inputs.channels:
                if settings is not None and settings.chirp_source != channel.chirp_source:
                    self._outcome.warn(
                        f"{channel.name}: AUX_PP1 asks for the {settings.chirp_source.lower()} chirp, of which the "
                        "calibration pulses tell nothing valid; the nominal one is taken"
                    )

    def _tell_interference(self) -> None:
        for inputs in self._inputs:
            for channel in inputs.channels:
                found = channel.interference
                if found is not None and found.detected:
                    self._outcome.info(f"{channel.name}: noise packets tell of interference")
                if found is not None and found.mitigations:
                    self._outcome.info(f"{channel.name}: {found.told}")
                    if channel.extracted is None and pulse_source(policy_of(inputs)) == EXTRACTED:
                        self._outcome.warn(
                            f"{channel.name}: AUX_PP1 wants no synthetic chirp (useSyntheticChirp), but calibration "
                            "pulses tell nothing valid; interference is told from echoes by the nominal one"
                        )

    def _focus_lines(self, drafts: Mapping[str, ProductDraft]) -> None:
        """StripMap and vignettes: every channel fills its images."""
        total = sum(len(inputs.channels) for inputs in self._inputs)
        done = 0
        for inputs in self._inputs:
            doppler = estimate_centroid(inputs)
            for found in doppler:
                if found.policy.method != found.method:
                    self._outcome.info(
                        f"no reliable Doppler estimate around {inputs.orbit.utc(found.time_s).isoformat()}: taking "
                        "that of the attitude"
                    )
            for channel in inputs.channels:
                plan = plan_channel(inputs, channel, doppler, drafts)
                with ExitStack() as stack:
                    contexts = {kind: self._context(inputs, plan, kind) for kind in drafts}
                    writers = {kind: stack.enter_context(self._writer(contexts[kind], drafts[kind])) for kind in drafts}
                    fill_images(plan, writers, self._backend, self._progress(done, total))
                for kind, context in contexts.items():
                    self._describe(context, drafts[kind])
                done += 1

    def _focus_bursts(self, drafts: Mapping[str, ProductDraft]) -> None:
        """TOPS: the bursts of all swaths of a polarisation fill the images of the swaths and the merged one."""
        (inputs,) = self._inputs
        polarisations = list(dict.fromkeys(channel.polarisation for channel in inputs.channels))
        centroids = self._estimate_bursts(inputs, polarisations[0])
        for index, polarisation in enumerate(polarisations):
            channels = [channel for channel in inputs.channels if channel.polarisation == polarisation]
            plans = [plan_swath(inputs.only(one), one, centroids.get(one.swath, {})) for one in channels]
            swaths = [self._context(inputs, plan, SLC) for plan in plans]
            with ExitStack() as stack:
                writers, merged, image = {}, None, None
                if SLC in drafts:
                    for at, swath in enumerate(swaths):
                        writer = stack.enter_context(self._writer(swath, drafts[SLC]))
                        writers[swath.plan.channel.swath] = writer
                        swaths[at] = evolve(swath, line_offset=writer.line_offset)
                if GRD in drafts:
                    plan = plan_merged(inputs.only(*channels), plans)
                    image = evolve(self._context(inputs, plan, GRD), inputs=inputs.only(*channels), parts=tuple(swaths))
                    merged = plan, stack.enter_context(self._writer(image, drafts[GRD]))
                fill_bursts(plans, writers, merged, self._backend, self._progress(index, len(polarisations)))
            for context in swaths if SLC in drafts else []:
                self._describe(context, drafts[SLC])
            if image is not None:
                self._describe(image, drafts[GRD])

    def _estimate_bursts(self, inputs: SliceInput, polarisation: str) -> dict[str, dict[int, DopplerEstimate]]:
        """The Doppler centroids of all bursts by swath; what rests on the attitude alone is told."""
        found = {
            channel.swath: estimate_bursts(inputs.only(channel), channel)
            for channel in inputs.channels
            if channel.polarisation == polarisation
        }
        for swath, estimates in found.items():
            unsure = sum(estimate.policy.method != estimate.method for estimate in estimates.values())
            if unsure:
                self._outcome.info(
                    f"{swath}: no reliable Doppler estimate in {unsure} of {len(estimates)} bursts: taking that of the "
                    "attitude"
                )
        return found

    def _context(self, inputs: SliceInput, plan: ChannelPlan, kind: str) -> ImageContext:
        """SLC images are numbered by the names of polarisation and swath, GRD images co-polarisation first, vignettes
        in the order of time.
        """
        channel = plan.channel
        if inputs.mode == WAVE_MODE:
            number = self._inputs.index(inputs)
        elif kind == SLC:
            number = sorted((one.polarisation, one.swath) for one in inputs.channels).index(
                (channel.polarisation, channel.swath)
            )
        else:
            number = list(dict.fromkeys(one.polarisation for one in inputs.channels)).index(channel.polarisation)
        return ImageContext(
            inputs=inputs.only(channel),
            plan=plan,
            product_type=kind,
            number=number + 1,
            timeliness=self._order.parameter("Timeliness_Category", "Fast-24h"),
        )

    def _progress(self, index: int, count: int) -> Progress:
        def progress(done: float, name: str) -> None:
            self._outcome.progress(_FOCUS_SHARE / count * (index + done), f"{name} focused")

        return progress

    @contextmanager
    def _writer(self, context: ImageContext, draft: ProductDraft) -> Iterator[MeasurementWriter]:
        header, kind = context.header(), context.product_type
        info = MeasurementInfo(
            lines=context.frame.lines,
            samples=context.frame.samples,
            description=f"Sentinel-1{header.mission_id[2]} {header.swath} {kind} L1",
            software=f"s1pdgs {__version__}",
            created=self._started,
            tie_points=geolocation_grid(context.inputs.orbit, context.frame, context.inputs.terrain),
        )
        with draft.measurement(header, info, context.image.form) as writer:
            yield writer
        if context.image.statistics.saturated:
            name = context.plan.channel.name
            self._outcome.info(f"{name} {kind}: {context.image.statistics.saturated} saturated pixels")

    def _describe(self, context: ImageContext, draft: ProductDraft) -> None:
        draft.add_image(
            ImageDataSets(
                product=product_annotation(context),
                calibration=calibration_data_set(context),
                noise=noise_data_set(context),
                rfi=rfi_data_set(context),
            )
        )
        if context.inputs.mode != WAVE_MODE:
            self._looks[context.product_type].append((context.plan.channel.swath, context.image.quicklook))

    def _finish(self, kind: str, draft: ProductDraft) -> list[Path]:
        swaths = sorted({swath for swath, _ in self._looks[kind]})
        if swaths:
            shown = swaths[len(swaths) // 2]
            looks = [look for swath, look in self._looks[kind] if swath == shown]
            draft.add_quicklook(quicklook_png(*looks[:2]))
        paths = []
        for product_class in self._wanted.classes_of(kind):
            path = draft.finish(
                ProductFacts(
                    orbit=self._inputs[0].manifest.orbit,
                    processing=self._processing(kind),
                    segment_start=_segment_start(self._inputs[0]),
                    resolution=self._wanted.resolution_of(kind),
                    product_class=product_class,
                )
            )
            self._outcome.info(f"made {path.name}")
            paths.append(path)
        self._outcome.progress(95 if kind != self._wanted.kinds[-1] else 100, f"{kind} written")
        return paths

    def _processing(self, kind: str) -> Processing:
        """This step, on top of the history of the slice: in two steps, as the IPF tells it, though ours is one program.

        The schema of manifests has a place for the name of the facility of Level-0, and for nothing else of it.
        """
        inputs = self._inputs[0]
        history = inputs.manifest.processing
        facility = Facility(
            country="-",
            name=self._order.processing_station,
            organisation="-",
            site=self._order.processing_station,
            software_name="s1pdgs-l1",
            software_version=IPF_INTERFACE,
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


def _role(name: str) -> str:
    """`AUX_CAL`, `AUX_POEORB` ... of a file name."""
    return next((part for part in (name[4:11], name[9:19]) if part.startswith("AUX_")), "auxiliary").rstrip("_")


def _segment_start(inputs: SliceInput) -> datetime:
    """Sensing start of the data take where the slice tells it, else that of the slice."""
    place = inputs.manifest.slice
    start = None if place is None else place.data_take_start
    return start if start is not None else inputs.sensing.start
