"""One polarisation from raw lines to pixels: what focusing needs from the auxiliary files, and the images it fills."""

from collections.abc import Callable, Collection, Mapping

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from s1pdgs.formats.aux.cal import AzimuthPattern, ElevationPattern
from s1pdgs.formats.aux.pp1 import LookParameters as AuxiliaryLook
from s1pdgs.formats.aux.pp1 import ProductParameters
from s1pdgs.formats.l1.measurement import MeasurementWriter
from s1pdgs.processors.l1.backends import Backend
from s1pdgs.processors.l1.calibration_pulses import (
    NoiseMeasurement,
    ReplicaMeasurement,
    measure_noise,
)
from s1pdgs.processors.l1.doppler import CentroidPolicy, DopplerEstimate, doppler_model, estimate_doppler
from s1pdgs.processors.l1.focus_plan import FocusParameters, FocusPlan, Pattern, RangePattern, Window, plan_focus
from s1pdgs.processors.l1.geometry import RawGrid
from s1pdgs.processors.l1.ground import ground_range
from s1pdgs.processors.l1.images import SIGNED, UNSIGNED, ComplexImage, DetectedImage, Frame, scaling_of
from s1pdgs.processors.l1.inputs import ChannelInput, SliceInput
from s1pdgs.processors.l1.looks import DetectionPlan, LookParameters, detect, plan_detection
from s1pdgs.processors.l1.merge import MergePlan
from s1pdgs.processors.l1.tops_plan import BurstStack
from s1pdgs.sar.antenna import AntennaPattern, elevation_angle_rad
from s1pdgs.sar.orbit import ground_point

Array = NDArray[np.float64]
Progress = Callable[[float, str], None]

SLC, GRD = "SLC", "GRD"
_ANGLE_KNOTS = 65


@frozen(eq=False)
class ChannelPlan:
    """How one polarisation of a swath is focused and what its images will be, by product (`SLC`, `GRD`)."""

    channel: ChannelInput
    focus: FocusPlan | BurstStack | MergePlan
    detection: DetectionPlan | None
    doppler: tuple[DopplerEstimate, ...]
    noise: tuple[NoiseMeasurement, ...]
    replicas: tuple[ReplicaMeasurement, ...]
    slc: ComplexImage | None
    grd: DetectedImage | None

    def image(self, product_type: str) -> ComplexImage | DetectedImage:
        """The image of a product that was asked for."""
        found = self.slc if product_type == SLC else self.grd
        if found is None:
            raise KeyError(product_type)
        return found


def estimate_centroid(inputs: SliceInput) -> tuple[DopplerEstimate, ...]:
    """The Doppler centroid of the slice, from its first channel, the co-polarised one."""
    channel = inputs.channels[0]
    grid = raw_grid(inputs, channel)
    pulse = round(channel.echoes.chirp.length_s * grid.sampling_hz)
    estimates = estimate_doppler(grid, inputs.orbit, inputs.attitude, channel.echoes.read, pulse)
    policy = centroid_policy(inputs)
    return tuple(evolve(found, policy=policy) for found in estimates)


def centroid_policy(inputs: SliceInput) -> CentroidPolicy:
    """What AUX_PP1 says of the SLC product. Raises `ProcessingError` for what cannot be followed."""
    return CentroidPolicy.of(inputs.processing.product(product_id(inputs, SLC)))


def raw_grid(inputs: SliceInput, channel: ChannelInput) -> RawGrid:
    """The raw lines of a channel, free from the delays of the instrument."""
    delays = inputs.instrument.channel(inputs.swath, channel.polarisation)
    return channel.echoes.raw_grid(inputs.orbit, delays.time_delay_s + delays.swst_bias_s)


def plan_channel(
    inputs: SliceInput, channel: ChannelInput, doppler: tuple[DopplerEstimate, ...], wanted: Collection[str]
) -> ChannelPlan:
    """Lay out the wanted images (`SLC`, `GRD`) of one polarisation, and measure its noise and calibration packets."""
    plan = plan_focus(raw_grid(inputs, channel), inputs.orbit, focus_parameters(inputs, channel, doppler))
    detection = _detection(inputs, plan) if GRD in wanted else None
    return ChannelPlan(
        channel=channel,
        focus=plan,
        detection=detection,
        doppler=doppler,
        noise=tuple(measure_noise(channel.sources)),
        replicas=channel.replicas,
        slc=_complex_image(inputs, plan) if SLC in wanted else None,
        grd=_detected_image(inputs, plan, detection) if detection is not None else None,
    )


def fill_images(
    plan: ChannelPlan, writers: Mapping[str, MeasurementWriter], backend: Backend, progress: Progress
) -> None:
    """Focus one polarisation into the writers of its images; `progress` is told the share of lines done, 0 to 1."""
    if not isinstance(plan.focus, FocusPlan):
        raise TypeError("bursts are filled by fill_bursts")
    image = plan.focus.image
    for block in backend.focus(plan.focus, plan.channel.echoes.read):
        if plan.grd is not None and plan.detection is not None:
            plan.grd.add(detect(plan.detection, block), writers[GRD])
        if plan.slc is not None:
            plan.slc.add(block, writers[SLC])
        progress((block.first_line + block.valid) / image.lines, plan.channel.polarisation)


def focus_parameters(
    inputs: SliceInput, channel: ChannelInput, doppler: tuple[DopplerEstimate, ...]
) -> FocusParameters:
    """Windows, patterns and gain of a channel from the auxiliary files."""
    swath, polarisation = inputs.swath, channel.polarisation
    calibration = inputs.calibration.channel(swath, polarisation)
    product = inputs.processing.product(product_id(inputs, SLC))
    range_look, azimuth_look = looks_of(product, swath)
    return FocusParameters(
        replica=channel.replica,
        range_window=range_look.full,
        azimuth_window=azimuth_look.full,
        azimuth_pattern=azimuth_pattern(inputs, calibration.azimuth),
        elevation_pattern=elevation_pattern(inputs, calibration.elevation),
        doppler=doppler_model(list(doppler)),
        raw_gain=product.gain(swath, polarisation),
        terrain=inputs.terrain,
    )


def looks_of(product: ProductParameters, swath: str) -> tuple[LookParameters, LookParameters]:
    """Range and azimuth looks of a product of AUX_PP1."""
    if product.postprocessing is None:
        raise ValueError(f"AUX_PP1 product {product.product_id} has no post-processing parameters")
    return _looks(product.postprocessing.range_look(swath)), _looks(product.postprocessing.azimuth_look(swath))


def elevation_angles(inputs: SliceInput, time_s: float, slant_m: Array) -> Array:
    """Angles (n,) from the antenna's boresight in elevation, rad, of slant ranges at a time."""
    knots = np.linspace(slant_m.min() - 1.0, slant_m.max() + 1.0, _ANGLE_KNOTS)
    axes = inputs.attitude.body_axes(time_s)
    angles = elevation_angle_rad(
        inputs.orbit, axes, time_s, ground_point(inputs.orbit, time_s, knots, inputs.terrain.mean(time_s))
    )
    return np.asarray(np.interp(slant_m, knots, angles))


def _looks(parameters: AuxiliaryLook) -> LookParameters:
    return LookParameters(
        full=Window(parameters.coefficient, parameters.processing_bandwidth_hz),
        look=Window(parameters.coefficient, parameters.look_bandwidth_hz),
        count=parameters.looks,
    )


def product_id(inputs: SliceInput, kind: str) -> str:
    """The type of a product of the slice: `SM_SLC__1S`, `IW_GRDH_1S` ..."""
    return f"{inputs.mode}_{kind}{'_' if kind == SLC else inputs.resolution}_1S"


def application_table_id(inputs: SliceInput) -> str:
    """The application look-up table of the mode in AUX_PP1."""
    return f"{inputs.mode}_Default"


def azimuth_pattern(inputs: SliceInput, table: AzimuthPattern) -> Pattern:
    """Amplitudes of an azimuth pattern of AUX_CAL over Doppler offsets."""
    pattern = AntennaPattern.of_azimuth(table.angles_deg(), table.values)
    middle = 0.5 * (inputs.orbit.seconds(inputs.sensing.start) + inputs.orbit.seconds(inputs.sensing.stop))
    speed = float(np.linalg.norm(inputs.orbit.velocity(middle)))
    return lambda offset_hz: pattern.at_doppler(offset_hz, speed)


def elevation_pattern(inputs: SliceInput, table: ElevationPattern) -> RangePattern:
    """Amplitudes of an elevation pattern of AUX_CAL over slant ranges."""
    pattern = AntennaPattern.of_elevation(table.angles_deg(), np.array(table.values))
    return lambda time_s, slant_m: pattern.at(elevation_angles(inputs, time_s, slant_m))


def _detection(inputs: SliceInput, plan: FocusPlan) -> DetectionPlan:
    product = inputs.processing.product(product_id(inputs, GRD))
    range_looks, azimuth_looks = looks_of(product, inputs.swath)
    spacing = (
        10.0 if product.postprocessing is None else product.postprocessing.range_look(inputs.swath).pixel_spacing_m
    )
    model = inputs.range_model(plan.image.mid_line_s, plan.image.ranges_m)
    return plan_detection(
        plan,
        ground_range(inputs.orbit, plan.image, inputs.terrain),
        range_looks,
        azimuth_looks,
        spacing_m=spacing,
        ground_speed_m_s=float(model.ground_m_s.mean()),
    )


def _complex_image(inputs: SliceInput, plan: FocusPlan) -> ComplexImage:
    image = plan.image
    model = inputs.range_model(image.mid_line_s, image.ranges_m)
    frame = Frame(image.lines, image.samples, image.first_line_s, image.line_interval_s, image.range_spacing_m, image)
    return ComplexImage(frame, complex_scaling(inputs, model.incidence_rad))


def complex_scaling(inputs: SliceInput, incidence_rad: Array) -> Array:
    """Digital numbers of SLC images over beta nought amplitudes, at incidence angles."""
    table = inputs.processing.application_table(application_table_id(inputs))
    return scaling_of(table.scaling(SIGNED), incidence_rad)


def _detected_image(inputs: SliceInput, plan: FocusPlan, detection: DetectionPlan) -> DetectedImage:
    frame = Frame(
        lines=detection.lines,
        samples=detection.samples,
        first_line_s=detection.first_line_s,
        line_interval_s=detection.line_interval_s,
        range_spacing_m=detection.spacing_m,
        slant=plan.image,
        ground=detection.ground,
    )
    return DetectedImage(frame, detected_scaling(inputs, frame))


def detected_scaling(inputs: SliceInput, frame: Frame) -> Array:
    """Digital numbers of the columns of a detected image over beta nought amplitudes."""
    model = inputs.range_model(frame.slant.mid_line_s, frame.slant.ranges_m)
    columns = frame.slant_m(frame.mid_line_s, np.arange(frame.samples, dtype=np.float64))
    incidence = np.interp(columns, model.ranges_m, model.incidence_rad)
    table = inputs.processing.application_table(application_table_id(inputs))
    return scaling_of(table.scaling(UNSIGNED), incidence)
