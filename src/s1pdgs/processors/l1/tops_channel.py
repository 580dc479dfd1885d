"""One polarisation of one TOPS swath from bursts of packets to the lines of its images."""

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from attrs import evolve

from s1pdgs.formats.isp.codes import sampling_frequency_hz
from s1pdgs.formats.l1.measurement import MeasurementWriter
from s1pdgs.processors.l1.backends import Backend, Spectrum
from s1pdgs.processors.l1.bursts import BurstEchoes
from s1pdgs.processors.l1.calibration_pulses import measure_noise
from s1pdgs.processors.l1.channel import (
    GRD,
    SLC,
    ChannelPlan,
    Progress,
    azimuth_pattern,
    centroid_policy,
    complex_scaling,
    detected_scaling,
    elevation_pattern,
    looks_of,
    product_id,
)
from s1pdgs.processors.l1.doppler import DopplerEstimate, doppler_model, estimate_burst_doppler, estimate_doppler
from s1pdgs.processors.l1.errors import ProcessingError
from s1pdgs.processors.l1.geometry import no_doppler
from s1pdgs.processors.l1.images import ComplexImage, DetectedImage, Frame
from s1pdgs.processors.l1.inputs import ChannelInput, SliceInput
from s1pdgs.processors.l1.merge import MergePlan, SwathBursts, merge, plan_merge
from s1pdgs.processors.l1.tops_plan import (
    EW_LINE_INTERVAL_S,
    IW_LINE_INTERVAL_S,
    Burst,
    BurstStack,
    CommonGrid,
    TopsParameters,
    plan_burst,
)

_GRIDS = {"IW": (IW_LINE_INTERVAL_S, 8), "EW": (EW_LINE_INTERVAL_S, 7)}
"""Line interval and code of the finest range decimation by mode."""


def estimate_bursts(inputs: SliceInput, channel: ChannelInput) -> dict[int, DopplerEstimate]:
    """The Doppler centroid of each burst of a channel by its number, told by the echoes where they are clear."""
    policy = centroid_policy(inputs)
    steering = math.radians(inputs.instrument.swath(channel.swath).azimuth_steering_rate_deg_s)
    found = {}
    for burst in channel.bursts:
        estimate = estimate_burst_doppler(
            _acquisition(inputs, channel, burst),
            inputs.orbit,
            inputs.attitude,
            burst.echoes.read,
            pulse_samples=round(channel.echoes.chirp.length_s * channel.echoes.sampling_hz),
            steering_rad_s=steering,
        )
        found[burst.number] = evolve(estimate, policy=policy)
    return found


def plan_swath(inputs: SliceInput, channel: ChannelInput, centroids: Mapping[int, DopplerEstimate]) -> ChannelPlan:
    """Lay out the SLC image of a channel; `inputs` are those of this channel only.

    `centroids` by number of burst are those of the co-polarised channel, which is stronger; a burst that it lacks has
    that of orbit and attitude. Raises `BurstError` for windows that leave nothing to focus.
    """
    grid, parameters, policy = common_grid(inputs), tops_parameters(inputs, channel), centroid_policy(inputs)
    doppler, plans = [], []
    for burst in channel.bursts:
        found = _acquisition(inputs, channel, burst)
        estimate = centroids.get(burst.number) or evolve(
            estimate_doppler(found.raw, inputs.orbit, inputs.attitude)[0], policy=policy
        )
        doppler.append(estimate)
        plans.append(plan_burst(found, inputs.orbit, evolve(parameters, doppler=doppler_model([estimate])), grid))
    stack = BurstStack.of(plans)
    measured = measure_noise(channel.sources) or [noise for burst in channel.bursts if (noise := burst.noise())]
    return ChannelPlan(
        channel=channel,
        focus=stack,
        detection=None,
        doppler=tuple(doppler),
        noise=tuple(measured),
        replicas=channel.replicas,
        slc=_image(inputs, stack),
        grd=None,
    )


def _acquisition(inputs: SliceInput, channel: ChannelInput, burst: BurstEchoes) -> Burst:
    delays = inputs.instrument.channel(channel.swath, channel.polarisation)
    return burst.acquisition(inputs.orbit, delays.time_delay_s + delays.swst_bias_s)


def plan_merged(inputs: SliceInput, swaths: Sequence[ChannelPlan]) -> ChannelPlan:
    """Lay out the detected image of one polarisation; `inputs` are those of its channels, nearest swath first.

    Raises `MergeError` when the swaths make no image.
    """
    focused, detected = (inputs.processing.product(product_id(inputs, kind)) for kind in (SLC, GRD))
    bursts = []
    for plan in swaths:
        name, stack = plan.channel.swath, plan.focus
        if not isinstance(stack, BurstStack):
            raise TypeError("only the swaths of TOPS are merged")
        windows, looks = looks_of(focused, name), looks_of(detected, name)
        range_looks, azimuth_looks = (evolve(look, full=one.full) for look, one in zip(looks, windows, strict=True))
        bursts.append(SwathBursts(name, stack.bursts, range_looks, azimuth_looks))
    post = detected.postprocessing
    spacing = 10.0 if post is None else post.range_look(swaths[0].channel.swath).pixel_spacing_m
    merged = plan_merge(bursts, inputs.orbit, spacing)
    frame = Frame(
        merged.lines, merged.samples, merged.first_line_s, merged.line_interval_s, spacing, merged.slant, merged.ground
    )
    image = DetectedImage(frame, detected_scaling(inputs, frame))
    return evolve(swaths[0], focus=merged, doppler=(), slc=None, grd=image)


def fill_bursts(
    swaths: Sequence[ChannelPlan],
    writers: Mapping[str, MeasurementWriter],
    merged: tuple[ChannelPlan, MeasurementWriter] | None,
    backend: Backend,
    progress: Progress,
) -> None:
    """Focus every burst of one polarisation once, into the SLC image of its swath and the merged image.

    `writers` are those of SLC images by swath, none where none is wanted. `progress` is told the share done, 0 to 1.
    """
    order = [(at, burst) for at, plan in enumerate(swaths) for burst in range(len(plan.channel.bursts))]
    plan = None if merged is None else merged[0].focus
    pieces = [(piece.swath, piece.burst) for piece in plan.pieces] if isinstance(plan, MergePlan) else []
    total = len(order)
    order = [*(place for place in order if place not in pieces), *pieces]

    def focused() -> Iterator[Spectrum]:
        for count, (at, burst) in enumerate(order):
            pixels = _focus_into(swaths[at], burst, writers.get(swaths[at].channel.swath), backend)
            progress((count + 1) / total, swaths[at].channel.name)
            if (at, burst) in pieces:
                yield pixels

    if merged is None or not isinstance(plan, MergePlan) or merged[0].grd is None:
        deque(focused(), maxlen=0)
        return
    for block in merge(plan, focused()):
        merged[0].grd.add(block, merged[1])


def _focus_into(plan: ChannelPlan, burst: int, writer: MeasurementWriter | None, backend: Backend) -> Spectrum:
    stack = plan.focus
    if not isinstance(stack, BurstStack):
        raise TypeError("StripMap lines are filled by fill_images")
    pixels = backend.focus_burst(stack.bursts[burst], plan.channel.bursts[burst].echoes.read)
    if writer is not None and plan.slc is not None:
        lines = stack.lines_per_burst
        plan.slc.add_lines(burst * lines, pixels, writer, first_sample=stack.offset(burst), lines=lines)
    return pixels


def common_grid(inputs: SliceInput) -> CommonGrid:
    """The grid of the data take: its lines are counted from the start of its sensing."""
    if inputs.mode not in _GRIDS:
        raise ProcessingError(f"{inputs.slice_name}: mode {inputs.mode} has no bursts")
    interval_s, decimation = _GRIDS[inputs.mode]
    place = inputs.manifest.slice
    start = None if place is None else place.data_take_start
    anchor = inputs.orbit.seconds(start if start is not None else inputs.sensing.start)
    return CommonGrid(anchor, interval_s, sampling_frequency_hz(decimation))


def tops_parameters(inputs: SliceInput, channel: ChannelInput) -> TopsParameters:
    """Windows, patterns and gain of a channel from the auxiliary files; the Doppler centroid left at zero."""
    product = inputs.processing.product(product_id(inputs, SLC))
    calibration = inputs.calibration.channel(channel.swath, channel.polarisation)
    range_looks, azimuth_looks = looks_of(product, channel.swath)
    steering = inputs.instrument.swath(channel.swath).azimuth_steering_rate_deg_s
    return TopsParameters(
        replica=channel.replica,
        range_window=range_looks.full,
        azimuth_window=azimuth_looks.full,
        azimuth_pattern=azimuth_pattern(inputs, calibration.azimuth),
        element_pattern=azimuth_pattern(inputs, calibration.azimuth_element),
        elevation_pattern=elevation_pattern(inputs, calibration.elevation),
        doppler=no_doppler,
        raw_gain=product.gain(channel.swath, channel.polarisation),
        steering_rad_s=math.radians(steering),
        terrain=inputs.terrain,
    )


def _image(inputs: SliceInput, stack: BurstStack) -> ComplexImage:
    image = stack.image
    frame = Frame(
        lines=stack.lines,
        samples=stack.samples,
        first_line_s=image.first_line_s,
        line_interval_s=image.line_interval_s,
        range_spacing_m=image.range_spacing_m,
        slant=image,
        burst_starts_s=tuple(burst.image.first_line_s for burst in stack.bursts),
        burst_lines=stack.lines_per_burst,
    )
    model = inputs.range_model(frame.mid_line_s, image.ranges_m)
    return ComplexImage(frame, complex_scaling(inputs, model.incidence_rad))
