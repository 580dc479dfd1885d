"""What goes out by default: measurements with their companions, and telemetry; no segments and no reports."""

from datetime import UTC, datetime

import pytest

from s1pdgs.model.interval import Interval
from s1pdgs.model.product import Product, StoredFile
from s1pdgs.publication.publisher import Selection
from s1pdgs.settings import Settings

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TAIL = "20260105T104204_20260105T104229_051312_06309A_1C2D.SAFE"


def wants(kind: str, polarisation: str, consolidation: str, maker: str) -> bool:
    rules = Settings().publication  # type: ignore[call-arg]
    product = Product(
        name=f"S1A_{kind}{polarisation}_{TAIL}",
        type=kind,
        satellite="S1A",
        validity=Interval(NOON, NOON),
        generation_time=NOON,
        location="jobs/1/1",
        files=(StoredFile("manifest.safe", 1, "", ""),),
        t0=NOON,
        attributes={"productConsolidation": consolidation, "processorName": f"s1pdgs {maker}"},
    )
    return Selection.of(rules.types, rules.internal).wants(product)


@pytest.mark.parametrize(
    ("kind", "polarisation", "consolidation", "maker"),
    [
        ("S3_RAW__0S", "DV", "SLICE", "L0 ASP"),
        ("IW_RAW__0A", "DV", "FULL", "L0 ASP"),
        ("WV_RAW__0S", "SV", "FULL", "L0 ASP"),
        ("EN_RAW__0S", "SH", "PARTIAL", "L0 ASP"),
        ("N3_RAW__0S", "SV", "END", "L0 ASP"),
        ("RF_RAW__0S", "VV", "FULL", "L0 ASP"),
        ("GP_RAW__0_", "__", "FULL", "L0 AIO"),
        ("HK_RAW__0_", "__", "FULL", "L0 AIO"),
        ("S3_SLC__1S", "DV", "SLICE", "L1"),
    ],
)
def test_products_of_every_mode_go_out(kind: str, polarisation: str, consolidation: str, maker: str) -> None:
    assert wants(kind, polarisation, consolidation, maker)


@pytest.mark.parametrize(
    ("kind", "polarisation", "consolidation", "maker"),
    [
        ("S3_RAW__0S", "VV", "FULL", "L0 AIO"),
        ("IW_RAW__0S", "HV", "START", "L0 AIO"),
        ("WV_RAW__0S", "VV", "FULL", "L0 AIO"),
        ("RF_RAW__0S", "VV", "FULL", "L0 AIO"),
        ("REP_L0PSA", "--", "FULL", "L0 ASP"),
    ],
)
def test_segments_and_reports_stay_inside(kind: str, polarisation: str, consolidation: str, maker: str) -> None:
    assert not wants(kind, polarisation, consolidation, maker)
