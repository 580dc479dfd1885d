"""An acquisition plan read from its file, whatever its form."""

from pathlib import Path

from s1pdgs.formats.acquisition_kml import kml_takes
from s1pdgs.formats.acquisition_plan import MAX_BYTES, AcquisitionPlan, PlanError, PlanName
from s1pdgs.formats.acquisition_table import csv_takes, toml_takes


def read_plan(path: Path) -> AcquisitionPlan:
    """The plan of a file. Raises `FormatError` naming the file, the data take and the field."""
    name = PlanName.parse(path.name)
    if path.stat().st_size > MAX_BYTES:
        raise PlanError(f"{path}: larger than the {MAX_BYTES} bytes accepted of a plan")
    return parse_plan(path.read_bytes(), name, str(path))


def parse_plan(data: bytes, name: PlanName, source: str) -> AcquisitionPlan:
    """The plan of some bytes. Raises `FormatError` naming `source`, the data take and the field."""
    match name.form:
        case "kml":
            takes = kml_takes(data, source, name.satellite)
        case "csv":
            takes = csv_takes(data, source)
        case _:
            takes = toml_takes(data, source, name.satellite)
    return AcquisitionPlan.of(name, takes, source)
