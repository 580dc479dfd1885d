"""`REP_L0PSA_`: the account of a data take as an Earth Explorer file (values and reasons: `report`)."""

from datetime import datetime
from pathlib import Path

from s1pdgs.formats.earth_explorer import EarthExplorerError
from s1pdgs.formats.l0.report import DataTakeReport
from s1pdgs.formats.l0.report_xml import read_report, write_report

FILE_TYPE = "REP_L0PSA_"


def write_datatake_report(
    folder: Path, report: DataTakeReport, *, site: str, created: datetime, creator: str, version: str
) -> str:
    """Write the report into `folder`; its name, `S1A_OPER_REP_L0PSA__<site>_<created>_V<start>_<stop>.EOF`."""
    return write_report(folder, FILE_TYPE, report, site=site, created=created, creator=creator, version=version)


def read_datatake_report(path: Path) -> DataTakeReport:
    """Read a report; `FormatError` naming the file, and the field that is missing, wrong or contradicts another."""
    report = read_report(path, FILE_TYPE, DataTakeReport)
    for each in report.slices:
        if len(each.packets) != len(report.streams) or len(each.missing) != len(report.streams):
            raise EarthExplorerError(
                f"{path}: slice {each.number} counts packets of {len(each.packets)} polarisations, "
                f"but there are {len(report.streams)} streams"
            )
    return report
