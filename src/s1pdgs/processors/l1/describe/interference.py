"""The radio frequency interference data set: what noise told of it, and what was taken off."""

from collections.abc import Iterator

import numpy as np
import scipy.fft

from s1pdgs.formats.l1.rfi import (
    FrequencyDomainIsolatedRfiReport,
    FrequencyDomainPersistentRfiFrequencyMask,
    FrequencyDomainRfiBlockReport,
    FrequencyDomainRfiBurstReport,
    Rfi,
    RfiBurstReport,
    RfiDetectionFromNoiseReport,
    TimeDomainRfiBlockReport,
    TimeDomainRfiReport,
)
from s1pdgs.processors.l1.describe.context import ImageContext
from s1pdgs.processors.l1.focus_plan import FocusPlan
from s1pdgs.processors.l1.rfi.mitigation import FREQUENCY, TIME, BlockInterference, Extent, Mitigation
from s1pdgs.processors.l1.rfi.search import Interference
from s1pdgs.processors.l1.tops_plan import BurstStack

_APPLIED = {
    frozenset[str](): "None",
    frozenset({TIME}): "Time",
    frozenset({FREQUENCY}): "Frequency",
    frozenset({TIME, FREQUENCY}): "TimeFrequency",
}


def rfi_data_set(context: ImageContext) -> Rfi:
    """Reports of noise, and of bursts (IW, EW) or blocks of lines (SM, WV); blocks only where something was taken off.

    Bursts tell their power ratio always, for readers look for a report of each.
    """
    mitigations = [one for swath in context.swaths for one in _found(swath).mitigations]
    blocks = [entry for swath in context.swaths for entry in _blocks(swath)]
    return Rfi(
        ads_header=context.header(),
        rfi_mitigation_applied=_APPLIED[frozenset(name for one in mitigations for name in one.domains)],
        rfi_detection_from_noise_report_list=tuple(
            report for swath in context.swaths for report in _noise_reports(swath)
        ),
        rfi_burst_report_list=tuple(report for swath in context.swaths for report in _burst_reports(swath))
        if context.inputs.tops
        else None,
        time_domain_rfi_block_report_list=tuple(_time_block(*entry) for entry in blocks if TIME in entry[1].domains)
        or None,
        frequency_domain_rfi_block_report_list=tuple(
            _frequency_block(*entry) for entry in blocks if FREQUENCY in entry[1].domains
        )
        or None,
    )


def _found(context: ImageContext) -> Interference:
    found = context.plan.channel.interference
    if found is None:
        raise LookupError(f"{context.plan.channel.name} was not searched for interference")
    return found


def _noise_reports(context: ImageContext) -> Iterator[RfiDetectionFromNoiseReport]:
    for report in _found(context).noise:
        yield RfiDetectionFromNoiseReport(
            swath=context.inputs.swath,
            noise_sensing_time=report.time,
            rfi_detected=report.found.detected,
            max_kl_divergence=report.found.kl_divergence,
            max_fisher_z=report.found.fisher_z,
            max_rfi_psd=report.found.rfi_psd,
        )


def _burst_reports(context: ImageContext) -> Iterator[RfiBurstReport]:
    found, stack = _found(context), context.plan.focus
    if not isinstance(stack, BurstStack):
        return
    for at, (plan, ratio) in enumerate(zip(stack.bursts, found.band_ratios, strict=True)):
        taken = found.mitigations[at] if found.mitigations else None
        domains = taken.domains if taken is not None else ()
        yield RfiBurstReport(
            swath=context.inputs.swath,
            azimuth_time=context.utc(plan.image.first_line_s),
            in_band_out_band_power_ratio=ratio,
            time_domain_rfi_report=_time_report(taken) if taken is not None and TIME in domains else None,
            frequency_domain_rfi_burst_report=_tones_of_burst(taken)
            if taken is not None and FREQUENCY in domains
            else None,
        )


def _time_report(taken: Mitigation) -> TimeDomainRfiReport:
    return _pulses([block.pulses(taken.samples) for block in taken.blocks], sum(one.lines for one in taken.blocks))


def _pulses(extents: list[Extent], lines: int) -> TimeDomainRfiReport:
    touched = sum(extent.lines for extent in extents)
    mean = sum(extent.mean_share * extent.lines for extent in extents) / touched if touched else 0.0
    return TimeDomainRfiReport(
        percentage_affected_lines=100.0 * touched / lines,
        avg_percentage_affected_samples=100.0 * mean,
        max_percentage_affected_samples=100.0 * max(extent.max_share for extent in extents),
    )


def _tones(extents: list[Extent], lines: int) -> FrequencyDomainIsolatedRfiReport:
    return FrequencyDomainIsolatedRfiReport(
        percentage_affected_lines=100.0 * sum(extent.lines for extent in extents) / lines,
        max_percentage_affected_bw=100.0 * max(extent.max_share for extent in extents),
    )


def _tones_of_burst(taken: Mitigation) -> FrequencyDomainRfiBurstReport:
    shares = [block.persistent_share(taken.band) for block in taken.blocks]
    return FrequencyDomainRfiBurstReport(
        num_sub_blocks=len(taken.blocks),
        sub_block_size=taken.blocks[0].lines,
        isolated_rfi_report=_tones([block.tones(taken.band) for block in taken.blocks], _lines(taken)),
        percentage_blocks_persistent_rfi=100.0 * float(np.mean(np.array(shares) > 0.0)),
        max_percentage_bw_affected_persistent_rfi=100.0 * max(shares),
    )


def _lines(taken: Mitigation) -> int:
    return sum(block.lines for block in taken.blocks)


def _blocks(context: ImageContext) -> Iterator[tuple[ImageContext, Mitigation, BlockInterference]]:
    """The blocks of lines of StripMap and vignettes."""
    if isinstance(context.plan.focus, FocusPlan):
        for taken in _found(context).mitigations:
            for block in taken.blocks:
                yield context, taken, block


def _time_block(context: ImageContext, taken: Mitigation, block: BlockInterference) -> TimeDomainRfiBlockReport:
    return TimeDomainRfiBlockReport(
        swath=context.inputs.swath,
        azimuth_time=context.utc(_line_time_s(context, block.first_line)),
        time_domain_block_size=block.lines,
        time_domain_rfi_report=_pulses([block.pulses(taken.samples)], block.lines),
    )


def _frequency_block(
    context: ImageContext, taken: Mitigation, block: BlockInterference
) -> FrequencyDomainRfiBlockReport:
    """The mask of persistent interference counts from the lowest frequency up."""
    bins = block.persistent.size
    return FrequencyDomainRfiBlockReport(
        swath=context.inputs.swath,
        azimuth_time=context.utc(_line_time_s(context, block.first_line)),
        frequency_domain_block_size=block.lines,
        frequency_domain_isolated_rfi_report=_tones([block.tones(taken.band)], block.lines),
        percentage_affected_bw_persistent_rfi=100.0 * block.persistent_share(taken.band),
        frequency_domain_persistent_rfi_frequency_mask=FrequencyDomainPersistentRfiFrequencyMask(
            frequency_axis_len=bins,
            frequency_axis_step=taken.band.sampling_hz / bins,
            rfi_mask=scipy.fft.fftshift(block.persistent).astype(np.int64),
        ),
    )


def _line_time_s(context: ImageContext, line: int) -> float:
    """When a raw line is broadside of what it shows at mid swath."""
    plan = context.plan.focus
    if not isinstance(plan, FocusPlan):
        raise TypeError("only lines of StripMap and vignettes have times of their own")
    image = plan.image
    middle_s = image.first_delay_s + 0.5 * image.samples / image.sampling_hz
    return plan.raw.first_transmit_s + line * plan.raw.pri_s + 0.5 * middle_s
