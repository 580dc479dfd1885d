"""Whether the channels of a slice hold interference, and what AUX_PP1 wants done about it."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import scipy.fft
from attrs import evolve, frozen
from numpy.typing import NDArray

from s1pdgs.formats.aux.pp1 import RfiFrequencyDomain, RfiParameters, RfiTimeDomain
from s1pdgs.formats.isp.codes import range_decimation, sampling_frequency_hz
from s1pdgs.processors.l1.bursts import BurstEchoes
from s1pdgs.processors.l1.calibration_pulses import noise_runs, run_time
from s1pdgs.processors.l1.channel import looks_of, product_id
from s1pdgs.processors.l1.inputs import ChannelInput, SliceInput
from s1pdgs.processors.l1.packets import Packets
from s1pdgs.processors.l1.preprocess import Echoes
from s1pdgs.processors.l1.receiver import EXTRACTED, NOMINAL
from s1pdgs.processors.l1.rfi.mitigation import FREQUENCY, TIME, Mitigation, find_interference
from s1pdgs.processors.l1.rfi.noise import NoiseStatistics, noise_statistics
from s1pdgs.processors.l1.rfi.tones import Band

NEVER, ALWAYS = "Never", "Always"
_DOMAINS = {"Time": (TIME,), "Frequency": (FREQUENCY,), "TimeAndFrequency": (TIME, FREQUENCY)}
_RATIO_LINES = 64
DEFAULTS = RfiParameters(
    time_domain=RfiTimeDomain(
        median_filter_lines=5,
        box_azimuth=19,
        box_range=19,
        percentile=0.99,
        opening_length=3,
        closing_length=9,
        correction="Nearest",
    ),
    frequency_domain=RfiFrequencyDomain(
        blocks=1,
        overlap_lines=0,
        synthetic_chirp=True,
        periodogram_size=512,
        persistent_threshold_db=40.0,
        isolated_threshold_db=4.5,
        threshold_std_db=7.0,
        quantile_low=0.25,
        quantile_high=0.25,
    ),
)
"""The values of all AUX_PP1 of schema 3.12 that are public, where a file asks for mitigation and gives none."""


@frozen
class Policy:
    """When interference is taken off (`Never`, `Always`, `BasedOnNoiseMeas`), and in which domain (`TimeAndFrequency`,
    ...).
    """

    performed: str
    domain: str
    parameters: RfiParameters

    @property
    def domains(self) -> tuple[str, ...]:
        return _DOMAINS[self.domain]


@frozen
class NoiseReport:
    """What a run of noise packets that began at a time told."""

    time: datetime
    found: NoiseStatistics


@frozen(eq=False)
class Interference:
    """Of one channel: what its noise told, the power within the pulse's band over that beyond it of each burst, and
    what was taken off each acquisition (a burst, or all lines); none where nothing was to be taken off.
    """

    noise: tuple[NoiseReport, ...]
    band_ratios: tuple[float, ...]
    mitigations: tuple[Mitigation, ...]

    @property
    def detected(self) -> bool:
        """Whether any noise told of interference."""
        return any(report.found.detected for report in self.noise)

    @property
    def told(self) -> str:
        """What was taken off, for the log."""
        blocks = [block for one in self.mitigations for block in one.blocks]
        pulses = sum(np.unique(block.runs[:, 0]).size for block in blocks)
        tones = sum(block.isolated_lines.size for block in blocks)
        persistent = sum(bool(block.persistent.any()) for block in blocks)
        return (
            f"interference taken off: pulses of {pulses} lines, tones of {tones} lines, persistent ones of "
            f"{persistent} of {len(blocks)} blocks"
        )


def policy_of(inputs: SliceInput) -> Policy:
    """What AUX_PP1 says of the focused image inside (`SM_SL1__1`), or of the SLC product where it has no such entry.

    Versions before 3.12 say nothing: never.
    """
    named = [entry for entry in inputs.processing.products if entry.product_id == f"{inputs.mode}_SL1__1"]
    product = named[0] if named else inputs.processing.product(product_id(inputs, "SLC"))
    slc = product.slc
    return Policy(
        performed=(slc.rfi_mitigation if slc else None) or NEVER,
        domain=(slc.rfi_domain if slc else None) or "TimeAndFrequency",
        parameters=product.rfi or DEFAULTS,
    )


def search(inputs: SliceInput) -> SliceInput:
    """The same inputs with every channel searched, and its echoes free from what AUX_PP1 wants taken off."""
    policy = policy_of(inputs)
    return inputs.only(*(_searched(inputs, channel, policy) for channel in inputs.channels))


def _searched(inputs: SliceInput, channel: ChannelInput, policy: Policy) -> ChannelInput:
    noise = _noise_reports(channel, own_frequencies_hz(inputs, channel))
    ratios = tuple(band_ratio(burst.echoes) for burst in channel.bursts)
    found = Interference(noise, ratios, ())
    if policy.performed == NEVER or (policy.performed != ALWAYS and not found.detected):
        return evolve(channel, interference=found)
    band = _band(inputs, channel, pulse_source(policy))
    parts = [burst.echoes for burst in channel.bursts] or [channel.echoes]
    cleaned = [evolve(part, mitigation=_mitigation(part, band, policy)) for part in parts]
    bursts = tuple(evolve(burst, echoes=part) for burst, part in zip(channel.bursts, cleaned, strict=False))
    mitigations = tuple(part.mitigation for part in cleaned if part.mitigation is not None)
    return evolve(
        channel,
        bursts=bursts,
        echoes=channel.echoes if bursts else cleaned[0],
        interference=evolve(found, mitigations=mitigations),
    )


def _mitigation(echoes: Echoes, band: Band, policy: Policy) -> Mitigation:
    return find_interference(echoes.read, (echoes.lines, echoes.samples), band, policy.parameters, policy.domains)


def pulse_source(policy: Policy) -> str:
    """The pulse whose spectrum echoes are expected to have."""
    return NOMINAL if policy.parameters.frequency_domain.synthetic_chirp else EXTRACTED


def _band(inputs: SliceInput, channel: ChannelInput, source: str) -> Band:
    looks, _ = looks_of(inputs.processing.product(product_id(inputs, "SLC")), channel.swath)
    return Band(channel.echoes.sampling_hz, looks.full.bandwidth_hz, channel.pulse(source))


def own_frequencies_hz(inputs: SliceInput, channel: ChannelInput) -> tuple[float, ...]:
    """What AUX_INS lists as spurious frequencies of the channel, of all channels where it lists none (StripMap)."""
    filters = [(swath.swath, one) for swath in inputs.instrument.swaths for one in swath.decimation_filters or ()]
    received = channel.polarisation[1]
    chosen = [one for name, one in filters if (name, one.polarisation) == (channel.swath, received)]
    listed = chosen or [one for _, one in filters]
    return tuple(sorted({frequency for one in listed for frequency in one.spurious_frequencies_hz}))


def _noise_reports(channel: ChannelInput, own_hz: Sequence[float]) -> tuple[NoiseReport, ...]:
    """Of the noise packets, and of those at the beginning of bursts that no echo has reached yet."""
    runs = [*noise_runs(channel.sources), *_quiet_runs(channel.bursts)]
    reports = [NoiseReport(run_time(run), _statistics(run, own_hz)) for run in runs]
    return tuple(sorted(reports, key=lambda report: report.time))


def _quiet_runs(bursts: Sequence[BurstEchoes]) -> list[Packets]:
    return [burst.quiet for burst in bursts if burst.quiet.count]


def _statistics(run: Packets, own_hz: Sequence[float]) -> NoiseStatistics:
    lines, bad = run.decode()
    code = int(run.headers["range_decimation"][0])
    bandwidth_hz = range_decimation(code).bandwidth_hz
    return noise_statistics(np.delete(lines, bad, axis=0), sampling_frequency_hz(code), bandwidth_hz, own_hz)


def band_ratio(echoes: Echoes) -> float:
    """Power within the band of the pulse over power beyond it, by lines spread over the echoes; 0 without any."""
    samples = echoes.samples
    total = np.zeros(scipy.fft.next_fast_len(samples))
    line: NDArray[np.complex64] = np.empty((1, samples), np.complex64)
    for first in range(0, echoes.lines, max(echoes.lines // _RATIO_LINES, 1)):
        echoes.read(first, line)
        total += np.abs(scipy.fft.fft(line[0], total.size)) ** 2
    chirp = echoes.chirp
    ends = sorted((chirp.start_hz, chirp.start_hz + chirp.rate_hz_s * chirp.length_s))
    frequency = scipy.fft.fftfreq(total.size, 1.0 / echoes.sampling_hz)
    inside = (frequency >= ends[0]) & (frequency <= ends[1])
    beyond = float(total[~inside].sum())
    return float(total[inside].sum()) / beyond if beyond else 0.0
