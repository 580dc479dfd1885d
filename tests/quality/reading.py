"""Products of every type, small ones of noise, before readers that do not know us."""

import json
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr

from s1pdgs.formats.l1.annotation import read_product
from s1pdgs.simulator.plan import Plan, TakePlan
from tests.quality.check import Check
from tests.quality.products import process
from tests.unit.processors.l1 import readers
from tests.unit.processors.l1.slices import noise_of_plan, write_slice

ORDERS = {
    "SM": (("SM_SLC__1S", "SM_GRDF_1S", "SM_SLC__1A"), ("SM_GRDH_1S",), ("SM_GRDM_1S", "SM_GRDM_1A")),
    "IW": (("IW_SLC__1S", "IW_GRDH_1S", "IW_SLC__1A", "IW_GRDH_1A"), ("IW_GRDM_1S",)),
    "EW": (("EW_SLC__1S", "EW_GRDM_1S"), ("EW_GRDH_1S",)),
    "WV": (("WV_SLC__1S", "WV_GRDM_1S"),),
}
"""Outputs of job orders: an order has one resolution."""
S1_READER = Path(".cache/peers/s1-reader-src")
JUDGE = Path(__file__).parent / "judges" / "s1_reader_judge.py"
_TAKES = {"SM": ("S3", 1.2, 3700), "IW": ("IW", 3.0, 1100), "EW": ("EW", 3.1, 1100), "WV": ("WV", 15.0, 1100)}


def checks(folder: Path) -> list[Check]:
    """Whether every reader accepts every type of product."""
    found = []
    for mode, orders in ORDERS.items():
        name, duration_s, samples = _TAKES[mode]
        take = TakePlan(mode=name, duration_s=duration_s, samples=samples, polarisation="SV")
        place = folder / mode
        made = write_slice(
            place, *noise_of_plan(Plan(takes=(take,), telemetry=None)), mode, swath=name if mode == "SM" else None
        )
        for number, outputs in enumerate(orders):
            for product in process(made, place / f"work{number}", list(outputs)):
                found += _product_checks(product)
    return found


def _product_checks(product: Path) -> list[Check]:
    kind = product.name[4:14]
    checks = [_check(f"{kind} follows its schemas", readers.schemas_hold, product)]
    if product.name[13] == "A":
        return checks
    checks += [
        _check(f"{kind} is read by GDAL", readers.gdal_reads, product),
        _check(f"{kind} is read by xarray-sentinel", readers.xarray_sentinel_reads, product),
        _check(f"{kind} is read by the SAR Calibration Toolbox", readers.toolbox_reads, product),
        _check(f"{kind} is geocoded by sarsen", _geocode, product),
    ]
    if kind == "IW_SLC__1S" and S1_READER.is_dir():
        checks.append(_check(f"{kind} bursts are those of s1-reader", _bursts, product))
    elif kind == "IW_SLC__1S":
        sys.stdout.write(f"put the git source of s1-reader into {S1_READER} to have it read the bursts\n")
    return checks


def _bursts(product: Path) -> None:
    """s1-reader finds the times, lines and valid samples that the annotation tells."""
    (orbit,) = (product.parent.parent / "auxiliary").glob("*POEORB*")
    done = subprocess.run(
        [sys.executable, JUDGE, S1_READER, product, orbit, "vv"],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    expected = []
    for path in sorted((product / "annotation").glob("*.xml")):
        timing = read_product(path).swath_timing
        for burst in timing.burst_list:
            valid = np.flatnonzero(burst.first_valid_sample >= 0)
            middle = valid[valid.size // 2]
            expected.append(
                {
                    "sensing_start": burst.azimuth_time.replace(tzinfo=None).isoformat(timespec="microseconds"),
                    "shape": [timing.lines_per_burst, timing.samples_per_burst],
                    "valid_lines": [int(valid[0]), int(valid[-1])],
                    "valid_samples": [int(burst.first_valid_sample[middle]), int(burst.last_valid_sample[middle])],
                }
            )
    found = [{name: burst[name] for name in expected[0]} for burst in json.loads(done.stdout)]
    if found != expected:
        raise ValueError(f"s1-reader finds {found}, the annotation tells {expected}")


def _geocode(product: Path) -> None:
    groups = xr.open_dataset(product, engine="sentinel-1").attrs["subgroups"]
    readers.sarsen_geocodes(product, next(group for group in groups if group.count("/") == 1), product.parent)


def _check(name: str, read: Callable[[Path], object], product: Path) -> Check:
    """Readers refuse with errors of any type."""
    try:
        read(product)
    except Exception:  # noqa: BLE001
        traceback.print_exc()
        return Check(name, 1.0, 0.0, "refusals")
    return Check(name, 0.0, 0.0, "refusals")
