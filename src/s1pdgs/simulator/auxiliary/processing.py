"""The simulated AUX_PP1: windows, bandwidths, looks and spacings of all products (sar.md, section 4.1)."""

from typing import Any

from s1pdgs.formats.aux.pp1 import (
    ApplicationTable,
    AzimuthBlock,
    CommonParameters,
    DopplerParameters,
    LookParameters,
    PostprocessingParameters,
    PreprocessingParameters,
    ProcessingParameters,
    ProductParameters,
    QuicklookParameters,
    ReplicaThresholds,
    ScalingTable,
    SlcParameters,
    SwathGain,
)
from s1pdgs.sar.constants import WGS84_SEMI_MAJOR_M, WGS84_SEMI_MINOR_M
from s1pdgs.simulator.swaths import STRIPMAP

SCHEMA_VERSION = "3.12"
RAW_GAIN = {"HH": 0.0155, "HV": 0.0165, "VV": 0.0160, "VH": 0.0170}
"""K of docs/joints.md: raw counts per square root of a cross section of 1 m^2 at the peak of the beam and 800 km.

Land of -8 dB gives raw samples of about 20 counts standard deviation in I and in Q.
"""

_WINDOW = {"S1": 0.75, "S2": 0.75, "S3": 0.75, "S4": 0.75, "S5": 0.65, "S6": 0.75}  # azimuth; 0.75 in range
_RANGE_MHZ = {
    "SLC": (87.6, 74.2, 59.4, 50.6, 44.9, 42.2),
    "GRDF": (48.7, 41.2, 33.0, 28.1, 24.9, 23.4),
    "GRDH": (18.4, 15.6, 12.5, 10.7, 9.5, 8.9),
    "GRDM": (5.1, 4.3, 3.4, 2.9, 2.6, 2.4),
}
_AZIMUTH_HZ = {
    "SLC": (1392.0, 1405.0, 1399.0, 1429.0, 1540.0, 1398.0),
    "GRDF": (881.0, 781.0, 1058.0, 794.0, 1048.0, 777.0),
    "GRDH": (334.0, 296.0, 401.0, 301.0, 397.0, 294.0),
    "GRDM": (92.0, 81.0, 110.0, 83.0, 109.0, 81.0),
}
_SLC_SPACING_M = ((1.5, 1.8, 2.2, 2.6, 2.9, 3.1), (3.6, 4.2, 3.5, 4.1, 3.6, 4.1))
_LOOKS = {"SLC": 1, "GRDF": 2, "GRDH": 6, "GRDM": 22}
_GRD_SPACING_M = {"GRDF": 4.0, "GRDH": 10.0, "GRDM": 40.0}
_QUICKLOOK = {"SLC": (39, 59, 24, 36), "GRDF": (40, 60, 40, 60), "GRDH": (16, 24, 16, 24), "GRDM": (4, 6, 4, 6)}
_SLC = {
    "IW1": ((0.75, 56.5, 2.3), (0.70, 327.0, 14.1)),
    "IW2": ((0.75, 48.3, 2.3), (0.75, 313.0, 14.1)),
    "IW3": ((0.75, 42.8, 2.3), (0.75, 314.0, 14.1)),
    "EW1": ((0.60, 22.2, 5.9), (0.50, 233.0, 19.9)),
    "EW2": ((0.75, 15.1, 5.9), (0.75, 159.0, 19.9)),
    "EW3": ((0.75, 12.9, 5.9), (0.75, 156.0, 19.9)),
    "EW4": ((0.75, 11.3, 5.9), (0.75, 154.0, 19.9)),
    "EW5": ((0.75, 10.4, 5.9), (0.75, 159.0, 19.9)),
    "WV1": ((0.75, 74.5, 1.7), (0.75, 1428.0, 4.1)),
    "WV2": ((0.75, 48.2, 2.7), (0.75, 1429.0, 4.1)),
}
"""Range and azimuth of IW, EW and WV images: window, bandwidth in MHz or Hz, spacing in metres."""
_GRD = {
    "IW_GRDH": {
        "IW1": ((0.70, 14.1, 5), (0.70, 327.0, 1)),
        "IW2": ((0.73, 12.1, 5), (0.75, 313.0, 1)),
        "IW3": ((0.75, 10.7, 5), (0.75, 314.0, 1)),
    },
    "IW_GRDM": {
        "IW1": ((0.70, 3.3, 22), (0.70, 82.0, 5)),
        "IW2": ((0.73, 2.8, 22), (0.75, 78.0, 5)),
        "IW3": ((0.75, 2.5, 22), (0.75, 79.0, 5)),
    },
    "EW_GRDH": {
        "EW1": ((0.60, 8.9, 3), (0.60, 160.0, 1)),
        "EW2": ((0.70, 6.0, 3), (0.61, 159.0, 1)),
        "EW3": ((0.72, 5.2, 3), (0.62, 156.0, 1)),
        "EW4": ((0.75, 4.5, 3), (0.63, 154.0, 1)),
        "EW5": ((0.75, 4.2, 3), (0.60, 159.0, 1)),
    },
    "EW_GRDM": {
        "EW1": ((0.60, 4.8, 6), (0.60, 92.0, 3)),
        "EW2": ((0.70, 3.3, 6), (0.61, 91.0, 2)),
        "EW3": ((0.72, 2.8, 6), (0.62, 89.0, 2)),
        "EW4": ((0.75, 2.4, 6), (0.63, 88.0, 2)),
        "EW5": ((0.75, 2.2, 6), (0.60, 91.0, 2)),
    },
    "WV_GRDM": {
        "WV1": ((0.75, 7.4, 13), (0.75, 135.0, 13)),
        "WV2": ((0.75, 4.8, 13), (0.75, 135.0, 13)),
    },
}
"""Range and azimuth looks of their detected images: window, bandwidth in MHz or Hz, number."""
_SPACING_M = {"IW_GRDH": 10.0, "IW_GRDM": 40.0, "EW_GRDH": 25.0, "EW_GRDM": 40.0, "WV_GRDM": 25.0}
_MODES = ("IW", "EW", "WV")
_UNBOUNDED = 9e99
_APPLICATION_TABLES = ("SM_Default", "SM_NoElevPattern", "IW_Default", "EW_Default", "WV_Default")
_SCALING = {"16 bit Signed Integer": 84.95, "16 bit Unsigned Integer": 169.91, "8 bit Unsigned Integer": 2.0}


def processing_parameters() -> ProcessingParameters:
    """The whole AUX_PP1."""
    products = (
        _product("SM_SL1__1", "SLC", internal_slc=True, create_quicklook=False),
        _product("SM_SLC__1", "SLC", internal_slc=False, create_quicklook=True),
        *(_product(f"SM_{kind}_1", kind, internal_slc=False, create_quicklook=True) for kind in _GRD_SPACING_M),
        *(_product(f"{mode}_SLC__1", "SLC", internal_slc=False, create_quicklook=mode != "WV") for mode in _MODES),
        *(_product(f"{name}_1", name[3:], internal_slc=False, create_quicklook=name[:2] != "WV") for name in _GRD),
    )
    return ProcessingParameters(
        schema_version=SCHEMA_VERSION,
        products=products,
        application_tables=tuple(_application_table(name) for name in _APPLICATION_TABLES),
    )


def _product(product_id: str, kind: str, **flags: Any) -> ProductParameters:
    detected = kind != "SLC"
    swaths = _swaths(product_id)
    ranges, azimuths = (tuple(_look(product_id, kind, axis, name) for name in swaths) for axis in (0, 1))
    steps = _QUICKLOOK[kind]
    return ProductParameters(
        product_id=product_id,
        common=_common(),
        preprocessing=_preprocessing(),
        doppler=DopplerParameters(
            method="Data Analysis", input_data="Range Compressed", predefined=(0.0, 0.0, 0.0), rms_threshold_hz=20.0
        ),
        slc=_focusing(swaths),
        postprocessing=PostprocessingParameters(
            range=ranges,
            azimuth=azimuths,
            annotation_step=40,
            calibration_luts=True,
            apply_azimuth_pattern=True,
            apply_descalloping=product_id[:2] in {"IW", "EW"},
            detect=detected,
            merge=detected,
            ground_range=detected,
            remove_thermal_noise=False,
            quicklook=QuicklookParameters(
                range_decimation=steps[0],
                range_averaging=steps[1],
                azimuth_decimation=steps[2],
                azimuth_averaging=steps[3],
            ),
            **flags,
        ),
    )


def _swaths(product_id: str) -> tuple[str, ...]:
    """The swaths of the mode that a product is named after."""
    mode = product_id[:2]
    return STRIPMAP if mode == "SM" else tuple(name for name in _SLC if name.startswith(mode))


def _own_look(product: str, axis: int, name: str) -> LookParameters:
    full, scale = _SLC[name][axis], (1e6, 1.0)[axis]
    looks = _GRD[product][name][axis] if product in _GRD else (full[0], full[1], 1)
    return LookParameters(
        swath=name,
        window="Hamming",
        coefficient=looks[0],
        processing_bandwidth_hz=round(full[1] * scale, 1),
        look_bandwidth_hz=round(looks[1] * scale, 1),
        looks=looks[2],
        pixel_spacing_m=_SPACING_M.get(product, full[2]),
        throwaway=5 if product in _GRD and product != "EW_GRDM" else 0,
    )


def _look(product_id: str, kind: str, axis: int, name: str) -> LookParameters:
    """Range (axis 0) or azimuth (axis 1) parameters of a swath."""
    if name in _SLC:
        return _own_look(product_id[:7], axis, name)
    table, scale = ((_RANGE_MHZ, 1e6), (_AZIMUTH_HZ, 1.0))[axis]
    position = STRIPMAP.index(name)
    return LookParameters(
        swath=name,
        window="Hamming",
        coefficient=0.75 if axis == 0 else _WINDOW[name],
        processing_bandwidth_hz=round(table["SLC"][position] * scale, 1),
        look_bandwidth_hz=round(table[kind][position] * scale, 1),
        looks=_LOOKS[kind],
        pixel_spacing_m=_GRD_SPACING_M.get(kind, _SLC_SPACING_M[axis][position]),
        throwaway=0 if kind == "SLC" else 5,
    )


def _common() -> CommonParameters:
    return CommonParameters(
        correct_iq_bias=True,
        correct_iq_gain=False,
        correct_iq_orthogonality=False,
        correct_bistatic_delay=True,
        bistatic_delay_method="Fine",
        correct_rx_variation=False,
        ellipsoid="WGS84",
        semi_major_m=WGS84_SEMI_MAJOR_M,
        semi_minor_m=WGS84_SEMI_MINOR_M,
        use_dem=False,
        azimuth_blocks=tuple(
            AzimuthBlock(
                swath=name, bandwidth_hz=bandwidth, block_lines=4096, extra_overlap_lines=50, max_doppler_hz=(100.0,)
            )
            for name, bandwidth in zip(STRIPMAP, _AZIMUTH_HZ["SLC"], strict=True)
        ),
        output_mean_expected=0.0,
        output_mean_threshold=_UNBOUNDED,
        output_std_expected=0.0,
        output_std_threshold=_UNBOUNDED,
        tops_filter_convention="Only Echo Lines",
        orbit_model_margin_s=2.0,
    )


def _preprocessing() -> PreprocessingParameters:
    return PreprocessingParameters(
        input_mean_expected=0.0,
        input_mean_threshold=_UNBOUNDED,
        input_std_expected=0.0,
        input_std_threshold=_UNBOUNDED,
        terrain_spacing_s=1.0,
        terrain_block_s=1.0,
        chirp_source="Nominal",
        replica_thresholds=ReplicaThresholds(
            max_irw=10.0,
            max_pslr=5.0,
            max_islr=5.0,
            max_pg_amplitude_std=1e6,
            max_pg_phase_std=1e6,
            max_pg_amplitude_error=1e6,
            max_pg_phase_error=6.28,
            max_invalid_pg_fraction=1.0,
        ),
        missing_lines_threshold=1.0,
        lines_per_gap_threshold=100,
        missing_gaps_threshold=2,
        internal_calibration=True,
        pg_source="Model",
        estimate_noise_equivalent_power=False,
    )


def _focusing(swaths: tuple[str, ...]) -> SlcParameters:
    gains = tuple(RAW_GAIN.values())
    return SlcParameters(
        apply_elevation_pattern=True,
        apply_range_spreading=True,
        estimate_thermal_noise=True,
        rfi_mitigation="Never",
        rfi_domain="TimeAndFrequency",
        rrf_spectrum="Extended Tapered",
        swaths=tuple(
            SwathGain(swath=name, gain=gains, instantaneous_bandwidth_hz=0.0, beam_width_deg=0.23) for name in swaths
        ),
    )


def _application_table(identifier: str) -> ApplicationTable:
    return ApplicationTable(
        identifier=identifier,
        scalings=tuple(
            ScalingTable(output_pixels=pixels, start_deg=0.0, increment_deg=180.0, values=(value, value))
            for pixels, value in _SCALING.items()
        ),
    )
