"""The radio frequency interference data set, since IPF 3.40 (s1-level-1-rfi.xsd)."""

from datetime import datetime
from pathlib import Path

from s1pdgs.formats.l1.annotation.header import AdsHeader
from s1pdgs.formats.l1.leaves import IntArray, RfiApplied, Single, Swath, Whole
from s1pdgs.formats.l1.records import document, named, read_document, record
from s1pdgs.formats.xml import read_xml

ROOT = "rfi"


@record
class RfiDetectionFromNoiseReport:
    """Whether a run of noise packets shows interference, with the statistics that decided."""

    swath: Swath
    noise_sensing_time: datetime
    rfi_detected: bool
    max_kl_divergence: Single = named("maxKLDivergence")
    max_fisher_z: Single
    max_rfi_psd: Single


@record
class TimeDomainRfiReport:
    """Percentages of lines and of their samples that interference in time touched."""

    percentage_affected_lines: Single
    avg_percentage_affected_samples: Single
    max_percentage_affected_samples: Single


@record
class FrequencyDomainIsolatedRfiReport:
    """Percentages of lines and of bandwidth that isolated interference touched."""

    percentage_affected_lines: Single
    max_percentage_affected_bw: Single = named("maxPercentageAffectedBW")


@record
class FrequencyDomainRfiBurstReport:
    """Isolated and persistent interference of a burst, analysed in blocks of lines."""

    num_sub_blocks: Whole
    sub_block_size: Whole
    isolated_rfi_report: FrequencyDomainIsolatedRfiReport
    percentage_blocks_persistent_rfi: Single
    max_percentage_bw_affected_persistent_rfi: Single = named("maxPercentageBWAffectedPersistentRfi")


@record
class RfiBurstReport:
    """Interference in one burst."""

    swath: Swath
    azimuth_time: datetime
    in_band_out_band_power_ratio: Single
    time_domain_rfi_report: TimeDomainRfiReport | None = None
    frequency_domain_rfi_burst_report: FrequencyDomainRfiBurstReport | None = None


@record
class TimeDomainRfiBlockReport:
    """Interference in time in one block of lines."""

    swath: Swath
    azimuth_time: datetime
    time_domain_block_size: Whole
    time_domain_rfi_report: TimeDomainRfiReport


@record
class FrequencyDomainPersistentRfiFrequencyMask:
    """The bins of the spectrum that persistent interference touched; step in Hz."""

    frequency_axis_len: Whole
    frequency_axis_step: Single
    rfi_mask: IntArray


@record
class FrequencyDomainRfiBlockReport:
    """Interference in frequency in one block of lines."""

    swath: Swath
    azimuth_time: datetime
    frequency_domain_block_size: Whole
    frequency_domain_isolated_rfi_report: FrequencyDomainIsolatedRfiReport
    percentage_affected_bw_persistent_rfi: Single = named("percentageAffectedBWPersistentRFI")
    frequency_domain_persistent_rfi_frequency_mask: FrequencyDomainPersistentRfiFrequencyMask


@record
class Rfi:
    """What was found and mitigated in one image; TOPS products report by burst, the others by block."""

    ads_header: AdsHeader
    rfi_mitigation_applied: RfiApplied
    rfi_detection_from_noise_report_list: tuple[RfiDetectionFromNoiseReport, ...] | None = None
    rfi_burst_report_list: tuple[RfiBurstReport, ...] | None = None
    time_domain_rfi_block_report_list: tuple[TimeDomainRfiBlockReport, ...] | None = None
    frequency_domain_rfi_block_report_list: tuple[FrequencyDomainRfiBlockReport, ...] | None = None


def rfi_xml(rfi: Rfi) -> bytes:
    """The data set as a document; `FormatError` names the element that cannot be written."""
    return document(ROOT, rfi)


def read_rfi(path: Path) -> Rfi:
    """Read an RFI file; `XmlError` names the file and the element at fault."""
    return read_document(read_xml(path), ROOT, Rfi, str(path))
