"""What TOPS products say about their bursts and swaths: burst timing, burst ids, merged swaths."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime

from s1pdgs.formats.l0.manifest import OrbitReference
from s1pdgs.formats.l1.annotation import Burst, SwathBounds, SwathMerge, SwathMerging, SwathTiming
from s1pdgs.formats.l1.leaves import BurstNumber
from s1pdgs.processors.l1.errors import ProcessingError
from s1pdgs.processors.l1.merge import MergePlan
from s1pdgs.processors.l1.tops_plan import BurstStack
from s1pdgs.sar.orbit import Orbit

_ORBIT_S = 12 * 86400 / 175
_CYCLES_S = {"IW": (2.299849, 2.758273), "EW": (2.299970, 3.038376)}
"""Preamble and cycle of bursts by mode (DAD 2.5, section 9.25)."""

NO_SWATH_TIMING = SwathTiming(lines_per_burst=0, samples_per_burst=0, burst_list=())


def swath_timing(
    stack: BurstStack,
    orbit: Orbit,
    reference: OrbitReference,
    *,
    mode: str,
    sensing: Sequence[datetime],
    line_offset: Callable[[int], int],
) -> SwathTiming:
    """The bursts of an SLC image.

    `sensing` are the sensing times of the first raw line of each burst; `line_offset` tells where a line of the image
    begins in the measurement file.
    """
    bursts = []
    for index, (plan, sensed) in enumerate(zip(stack.bursts, sensing, strict=True)):
        first, last = stack.valid_samples(index)
        start = orbit.utc(plan.image.first_line_s)
        bursts.append(
            Burst(
                azimuth_time=start,
                azimuth_anx_time=(start - reference.ascending_node_time).total_seconds(),
                sensing_time=sensed,
                byte_offset=line_offset(index * stack.lines_per_burst),
                first_valid_sample=first,
                last_valid_sample=last,
                burst_id=burst_number(orbit.utc(plan.burst.steering_zero_s), reference, mode),
            )
        )
    return SwathTiming(lines_per_burst=stack.lines_per_burst, samples_per_burst=stack.samples, burst_list=tuple(bursts))


def burst_number(middle: datetime, reference: OrbitReference, mode: str) -> BurstNumber:
    """The number of the cycle of bursts that the middle of a burst falls into: within the repeat cycle of the ground
    track, and since the beginning of the mission, both from 1 (DAD 2.5, section 9.25).
    """
    if mode not in _CYCLES_S:
        raise ProcessingError(f"mode {mode} has no bursts; burst ids are those of IW and EW")
    preamble_s, cycle_s = _CYCLES_S[mode]
    since_node = (middle - reference.ascending_node_time).total_seconds() - preamble_s
    relative, absolute = (
        1 + math.floor((since_node + (orbit - 1) * _ORBIT_S) / cycle_s)
        for orbit in (reference.start_relative_orbit, reference.start_orbit)
    )
    return BurstNumber(relative, absolute)


def swath_merging(plan: MergePlan, orbit: Orbit) -> SwathMerging:
    """Where each swath stands in a merged image."""
    start = orbit.utc(plan.first_line_s)
    merges = []
    for index, swath in enumerate(plan.swaths):
        first, end = plan.pixels_of(index)
        bounds = SwathBounds(
            azimuth_time=start,
            first_azimuth_line=0,
            first_range_sample=first,
            last_azimuth_line=plan.lines - 1,
            last_range_sample=end - 1,
        )
        merges.append(SwathMerge(swath=swath.name, swath_bounds_list=(bounds,)))
    return SwathMerging(swath_merge_list=tuple(merges))
