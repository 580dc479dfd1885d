"""The SAR Calibration Toolbox's point target analysis of a product.

`perseo_quality`'s analysis, fed by `sct_sentinel1_reader`, compares the measured peak with where the annotated orbit,
first line time, line interval, slant range time and sampling rate put the target: nothing is corrected in between, and
so it is what our product states (docs/decisions/0005: exact zero-Doppler times, geometric ranges).

The program `sct point_target` adds corrections of three kinds after that. They are left out, because our targets and
products need none of them:
- targets are moved by plate tectonics (on by default) and solid Earth tides (off): simulated targets do not move;
- ionospheric and tropospheric delays (off): the simulator's waves travel in a vacuum;
- "sensor specific" terms, which undo and redo what ESA's IPF does: its bistatic correction for mid-swath (ours is exact
  at every range), its pulse latch and SWST change timing, its FM rate mismatch and the Doppler shift of its range
  compression (joints.md, section 1: ours has none of these left). They are applied to every product that looks like
  Sentinel-1, whoever processed it, into columns of their own, so they must not be added for ours.
"""

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from perseo_quality.point_targets_analysis.analysis import PointTarget, point_target_analysis
from perseo_quality.point_targets_analysis.config import PointTargetAnalysisConfig
from sct_sentinel1_reader.protocol_implementation import Sentinel1ProductManager

COLUMNS = {
    "range_resolution_m": "range_resolution_[m]",
    "azimuth_resolution_m": "azimuth_resolution_[m]",
    "range_pslr_db": "range_pslr_[dB]",
    "azimuth_pslr_db": "azimuth_pslr_[dB]",
    "range_islr_db": "range_islr_[dB]",
    "azimuth_islr_db": "azimuth_islr_[dB]",
    "range_error_m": "slant_range_localization_error_[m]",
    "azimuth_error_m": "azimuth_localization_error_[m]",
    "rcs_error_db": "rcs_error_[dB]",
    "ground_speed_m_s": "ground_velocity_[ms]",
}


def measure_targets(product: Path, targets: list[dict[str, Any]]) -> pd.DataFrame:
    """One row for each target and polarisation, indexed by both ("T1", "VV"), with the report's names of columns.

    `delay` of a target is that of a transponder; these are reflectors. The radar cross section is given for all
    polarisations, as the simulator does.
    """
    wanted = [
        PointTarget(
            name=target["name"],
            xyz_coordinates=np.array(target["position_m"]),
            delay=0.0,
            **dict.fromkeys(("rcs_hh", "rcs_hv", "rcs_vh", "rcs_vv"), target["rcs_dbm2"]),
        )
        for target in targets
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("perseo_quality").setLevel(logging.ERROR)
        found, _ = point_target_analysis(Sentinel1ProductManager(product), wanted, PointTargetAnalysisConfig())
    found["polarisation"] = found["polarization"].str.replace("/", "")
    errors = [COLUMNS["range_error_m"], COLUMNS["azimuth_error_m"]]
    found[errors] *= -1.0  # the Toolbox tells where a target should be, less where it is
    return found.set_index(["target_name", "polarisation"])[list(COLUMNS.values())].set_axis(list(COLUMNS), axis=1)
