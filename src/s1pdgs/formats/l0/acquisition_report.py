"""`REP_ACQNR_`: the reception of a pass as an Earth Explorer file (values and reasons: `report`)."""

from datetime import datetime
from pathlib import Path

from s1pdgs.formats.l0.report import AcquisitionReport
from s1pdgs.formats.l0.report_xml import read_report, write_report

FILE_TYPE = "REP_ACQNR_"


def write_acquisition_report(
    folder: Path, report: AcquisitionReport, *, site: str, created: datetime, creator: str, version: str
) -> str:
    """Write the report into `folder`; its name, `S1A_OPER_REP_ACQNR__<site>_<created>_V<start>_<stop>.EOF`."""
    return write_report(folder, FILE_TYPE, report, site=site, created=created, creator=creator, version=version)


def read_acquisition_report(path: Path) -> AcquisitionReport:
    """Read a report; `FormatError` naming the file, and the field that is missing or wrong."""
    return read_report(path, FILE_TYPE, AcquisitionReport)
