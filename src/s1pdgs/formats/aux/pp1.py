"""AUX_PP1: parameters of the Level-1 processor by product (S1-RS-MDA-52-7443; schemas 2.10 and 3.12)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from attrs import frozen

from s1pdgs.formats.aux.binding import AuxiliaryError
from s1pdgs.formats.aux.document import build_document, read_document
from s1pdgs.formats.aux.safe import AuxiliaryManifest, write_safe

ROOT = "l1AuxiliaryProcessorParameters"
SCHEMA = "s1-aux-pp1.xsd"
GAIN_POLARISATIONS = ("HH", "HV", "VV", "VH")
"""The order of the processor gains of a swath."""


def read_processing(safe_dir: Path) -> "ProcessingParameters":
    """Read the AUX_PP1 product in a SAFE directory. Raises `FormatError` naming the file and the element."""
    return read_document(safe_dir, ROOT, ProcessingParameters)


def write_processing(
    out_dir: Path, manifest: AuxiliaryManifest, parameters: "ProcessingParameters", schemas: Mapping[str, bytes]
) -> Path:
    """Write an AUX_PP1 product with its support schemas by file name; returns the SAFE directory."""
    return write_safe(out_dir, manifest, processing_document(parameters), schemas)


def processing_document(parameters: "ProcessingParameters") -> bytes:
    """The data file of an AUX_PP1 product."""
    return build_document(ROOT, parameters, SCHEMA)


@frozen(kw_only=True)
class AzimuthBlock:
    """How a swath is cut into azimuth blocks; `max_doppler` is a polynomial of the largest fine Doppler centroid."""

    swath: Annotated[str, "swath"]
    bandwidth_hz: Annotated[float, "aziProcBandwidth"]
    block_lines: Annotated[int, "aziBlockSize"]
    extra_overlap_lines: Annotated[int, "extraAziProcBlockOverlap"]
    max_doppler_hz: Annotated[tuple[float, ...], "maxFdc"]


@frozen(kw_only=True)
class CommonParameters:
    """Corrections, Earth model and azimuth blocks."""

    correct_iq_bias: Annotated[bool, "correctIQBiasFlag"]
    correct_iq_gain: Annotated[bool, "correctIQGainImbalanceFlag"]
    correct_iq_orthogonality: Annotated[bool, "correctIQOrthogonalityFlag"]
    correct_bistatic_delay: Annotated[bool, "correctBistaticDelayFlag"]
    bistatic_delay_method: Annotated[str | None, "correctBistaticDelayMethod"] = None
    correct_rx_variation: Annotated[bool, "correctRxVariationFlag"]
    ellipsoid: Annotated[str, "ellipsoidParams/ellipsoidName"]
    semi_major_m: Annotated[float, "ellipsoidParams/ellipsoidSemiMajorAxis"]
    semi_minor_m: Annotated[float, "ellipsoidParams/ellipsoidSemiMinorAxis"]
    use_dem: Annotated[bool, "ellipsoidParams/useDemFlag"]
    azimuth_blocks: Annotated[tuple[AzimuthBlock, ...], "aziProcBlockParamsList/aziProcBlockParams"]
    output_mean_expected: Annotated[float, "outputMeanExpected"]
    output_mean_threshold: Annotated[float, "outputMeanThreshold"]
    output_std_expected: Annotated[float, "outputStdDevExpected"]
    output_std_threshold: Annotated[float, "outputStdDevThreshold"]
    tops_filter_convention: Annotated[str, "topsFilterConvention"]
    orbit_model_margin_s: Annotated[float, "orbitModelMargin"]


@frozen(kw_only=True)
class ReplicaThresholds:
    """When an extracted replica and its PG are good."""

    max_irw: Annotated[float, "maxXCorrPulseIrw"]
    max_pslr: Annotated[float, "maxXCorrPulsePslr"]
    max_islr: Annotated[float, "maxXCorrPulseIslr"]
    max_pg_amplitude_std: Annotated[float, "maxPgAmpStdFraction"]
    max_pg_phase_std: Annotated[float, "maxPgPhaseStdFraction"]
    max_pg_amplitude_error: Annotated[float, "maxPgAmpError"]
    max_pg_phase_error: Annotated[float, "maxPgPhaseError"]
    max_invalid_pg_fraction: Annotated[float, "maxNumInvalidPgValFraction"]


@frozen(kw_only=True)
class PreprocessingParameters:
    """Raw data checks, terrain height, replica and gaps."""

    input_mean_expected: Annotated[float, "inputMeanExpected"]
    input_mean_threshold: Annotated[float, "inputMeanThreshold"]
    input_std_expected: Annotated[float, "inputStdDevExpected"]
    input_std_threshold: Annotated[float, "inputStdDevThreshold"]
    terrain_spacing_s: Annotated[float, "terrainHeightAziSpacing"]
    terrain_block_s: Annotated[float, "terrainHeightAziBlockSize"]
    chirp_source: Annotated[str, "chirpReplicaSource"]
    replica_thresholds: Annotated[ReplicaThresholds, "replicaThresholds"]
    missing_lines_threshold: Annotated[float, "missingLinesThreshold"]
    lines_per_gap_threshold: Annotated[int, "linesPerGapThreshold"]
    missing_gaps_threshold: Annotated[int, "missingGapsThreshold"]
    internal_calibration: Annotated[bool, "performInternalCalibrationFlag"]
    pg_source: Annotated[str, "pgSource"]
    estimate_noise_equivalent_power: Annotated[bool | None, "estimateNoiseEquivalentPowerFlag"] = None


@frozen(kw_only=True)
class RfiTimeDomain:
    """Mitigation of radio interference in the time domain."""

    median_filter_lines: Annotated[int, "medianFilterBlockLines"]
    box_azimuth: Annotated[int, "boxFilterAzimuthDimension"]
    box_range: Annotated[int, "boxFilterRangeDimension"]
    percentile: Annotated[float, "percentileThreshold"]
    opening_length: Annotated[int, "morphOpenLineLength"]
    closing_length: Annotated[int, "morphCloseLineLength"]
    correction: Annotated[str, "corrMethod"]


@frozen(kw_only=True)
class RfiFrequencyDomain:
    """Mitigation of radio interference in the frequency domain."""

    blocks: Annotated[int, "numBlocks"]
    overlap_lines: Annotated[int, "blockOverlapLines"]
    synthetic_chirp: Annotated[bool, "useSyntheticChirp"]
    periodogram_size: Annotated[int, "periodogramSize"]
    persistent_threshold_db: Annotated[float, "persistentRFIThreshold"]
    isolated_threshold_db: Annotated[float, "isolatedRFIThreshold"]
    threshold_std_db: Annotated[float, "thresholdStd"]
    quantile_low: Annotated[float, "quantileLow"]
    quantile_high: Annotated[float, "quantileHigh"]


@frozen(kw_only=True)
class RfiParameters:
    """Mitigation of radio interference (schema 3.12)."""

    time_domain: Annotated[RfiTimeDomain, "rfiTimeDomainParams"]
    frequency_domain: Annotated[RfiFrequencyDomain, "rfiFrequencyDomainParams"]


@frozen(kw_only=True)
class DopplerParameters:
    """Estimation of the Doppler centroid."""

    method: Annotated[str, "dcMethod"]
    input_data: Annotated[str, "dcInputData"]
    predefined: Annotated[tuple[float, ...], "dcPredefinedCoefficients"]
    rms_threshold_hz: Annotated[float, "dcRmsErrorThreshold"]


@frozen(kw_only=True)
class SwathGain:
    """Processor gains of a swath in the order of `GAIN_POLARISATIONS`."""

    swath: Annotated[str, "swath"]
    gain: Annotated[tuple[float, ...], "gain"]
    instantaneous_bandwidth_hz: Annotated[float, "instantaneousBandwidth"]
    beam_width_deg: Annotated[float, "nominalBeamWidth"]

    def of(self, polarisation: str) -> float:
        """The gain of one polarisation. Raises `AuxiliaryError` when there is none."""
        if polarisation not in GAIN_POLARISATIONS or len(self.gain) != len(GAIN_POLARISATIONS):
            raise AuxiliaryError(f"AUX_PP1 has {len(self.gain)} gains of {self.swath}, none for {polarisation!r}")
        return self.gain[GAIN_POLARISATIONS.index(polarisation)]


@frozen(kw_only=True)
class SlcParameters:
    """Focusing."""

    apply_elevation_pattern: Annotated[bool, "applyElevationAntennaPatternFlag"]
    apply_range_spreading: Annotated[bool, "applyRangeSpreadingLossFlag"]
    estimate_thermal_noise: Annotated[bool, "estimateThermalNoiseFlag"]
    rfi_mitigation: Annotated[str | None, "rfiMitigationPerformed"] = None
    rfi_domain: Annotated[str | None, "rfiMitigationDomain"] = None
    rrf_spectrum: Annotated[str, "rrfSpectrum"]
    swaths: Annotated[tuple[SwathGain, ...], "swathParamsList/swathParams"]


@frozen(kw_only=True)
class LookParameters:
    """Window, bandwidths (Hz), looks and pixel spacing (m) of one swath along one axis."""

    swath: Annotated[str, "swath"]
    window: Annotated[str, "weightingWindow"]
    coefficient: Annotated[float, "windowCoefficient"]
    processing_bandwidth_hz: Annotated[float, "processingBandwidth"]
    look_bandwidth_hz: Annotated[float, "lookBandwidth"]
    looks: Annotated[int, "numberOfLooks"]
    pixel_spacing_m: Annotated[float, "pixelSpacing"]
    throwaway: Annotated[int, "multiLookThrowaway"]


@frozen(kw_only=True)
class QuicklookParameters:
    """Averaging and decimation of the quick-look."""

    range_decimation: Annotated[int, "rangeDecimationFactor"]
    range_averaging: Annotated[int, "rangeAveragingFactor"]
    azimuth_decimation: Annotated[int, "azimuthDecimationFactor"]
    azimuth_averaging: Annotated[int, "azimuthAveragingFactor"]


@frozen(kw_only=True)
class PostprocessingParameters:
    """Windows, looks, calibration vectors, detection and quick-look."""

    range: Annotated[tuple[LookParameters, ...], "rangeParamsList/rangeParams"]
    azimuth: Annotated[tuple[LookParameters, ...], "azimuthParamsList/azimuthParams"]
    annotation_step: Annotated[int, "annotationVectorStepSize"]
    calibration_luts: Annotated[bool, "generateCalibrationLutsFlag"]
    apply_azimuth_pattern: Annotated[bool, "applyAzimuthAntennaPatternFlag"]
    apply_descalloping: Annotated[bool, "applyTopsDescallopingFlag"]
    detect: Annotated[bool, "detectFlag"]
    merge: Annotated[bool, "mergeFlag"]
    internal_slc: Annotated[bool, "createInternalSLCFlag"]
    ground_range: Annotated[bool, "grdProcParams/applySrgrConversionFlag"]
    remove_thermal_noise: Annotated[bool, "grdProcParams/removeThermalNoiseFlag"]
    create_quicklook: Annotated[bool, "createQlImageFlag"]
    quicklook: Annotated[QuicklookParameters, "qlProcParams"]

    def range_look(self, swath: str) -> LookParameters:
        """Raises `AuxiliaryError` when the product has no such swath."""
        return _of_swath(self.range, swath)

    def azimuth_look(self, swath: str) -> LookParameters:
        """Raises `AuxiliaryError` when the product has no such swath."""
        return _of_swath(self.azimuth, swath)


@frozen(kw_only=True)
class ProductParameters:
    """The parameters of one product (`SM_SL1__1`: the internal focused image; `SM_SLC__1`, `SM_GRDH_1`: outputs)."""

    product_id: Annotated[str, "productId"]
    common: Annotated[CommonParameters | None, "commonProcParams"] = None
    preprocessing: Annotated[PreprocessingParameters | None, "preProcParams"] = None
    rfi: Annotated[RfiParameters | None, "rfiProcParams"] = None
    doppler: Annotated[DopplerParameters | None, "dcProcParams"] = None
    slc: Annotated[SlcParameters | None, "slcProcParams"] = None
    postprocessing: Annotated[PostprocessingParameters | None, "postProcParams"] = None

    def gain(self, swath: str, polarisation: str) -> float:
        """The processor gain. Raises `AuxiliaryError` when the product has no such swath or polarisation."""
        for entry in () if self.slc is None else self.slc.swaths:
            if entry.swath == swath:
                return entry.of(polarisation)
        raise AuxiliaryError(f"AUX_PP1 product {self.product_id} has no gain of swath {swath}")


@frozen(kw_only=True)
class ScalingTable:
    """Scaling of pixels over the incidence angle: values every `increment_deg` from `start_deg`."""

    output_pixels: Annotated[str, "outputPixels"]
    start_deg: Annotated[float, "incidenceAngleStart"]
    increment_deg: Annotated[float, "angleIncrement"]
    values: Annotated[tuple[float, ...], "values"]


@frozen(kw_only=True)
class ApplicationTable:
    """An application look-up table, one scaling for each type of pixel."""

    identifier: Annotated[str, "applicationLutId"]
    scalings: Annotated[tuple[ScalingTable, ...], "scalingLutList/scalingLut"]

    def scaling(self, output_pixels: str) -> ScalingTable:
        """The scaling for `16 bit Signed Integer`, ... Raises `AuxiliaryError` when there is none."""
        for entry in self.scalings:
            if entry.output_pixels == output_pixels:
                return entry
        raise AuxiliaryError(f"application LUT {self.identifier} has no scaling for {output_pixels}")


@frozen(kw_only=True)
class ProcessingParameters:
    """An AUX_PP1 product."""

    schema_version: Annotated[str, "@schemaVersion"]
    products: Annotated[tuple[ProductParameters, ...], "productList/product"]
    application_tables: Annotated[tuple[ApplicationTable, ...], "applicationLutList/applicationLut"]

    def product(self, product_id: str) -> ProductParameters:
        """Such as `SM_GRDH_1`; the class letter of a product type (`SM_GRDH_1S`) is left aside.

        Raises `AuxiliaryError` when the file has no such product.
        """
        for entry in self.products:
            if entry.product_id == product_id[:9]:
                return entry
        raise AuxiliaryError(f"AUX_PP1 has no parameters of product {product_id}")

    def application_table(self, identifier: str) -> ApplicationTable:
        """Such as `SM_Default`. Raises `AuxiliaryError` when the file has no such table."""
        for entry in self.application_tables:
            if entry.identifier == identifier:
                return entry
        raise AuxiliaryError(f"AUX_PP1 has no application LUT {identifier}")


def _of_swath(entries: tuple[LookParameters, ...], swath: str) -> LookParameters:
    for entry in entries:
        if entry.swath == swath:
            return entry
    raise AuxiliaryError(f"AUX_PP1 has no window and looks of swath {swath}")
