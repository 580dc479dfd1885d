"""Values survive JSON."""

import json

from s1pdgs.catalogue.values import from_json, to_json
from s1pdgs.formats.l0.report import AcquisitionReport, DataTakeReport
from tests.unit.catalogue.accounts import acquisition_report, data_take_report


def test_reports_come_back_as_they_were() -> None:
    for kind, report in ((DataTakeReport, data_take_report()), (AcquisitionReport, acquisition_report())):
        assert from_json(kind, json.loads(json.dumps(to_json(report)))) == report
