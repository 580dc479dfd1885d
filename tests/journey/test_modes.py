"""A downlink of IW, EW and wave mode becomes Level-1 by the chains that are shipped."""

import json
from collections.abc import Callable

import pytest

from s1pdgs.simulator.plan import Plan, TakePlan
from tests.journey.downlinks import downlink
from tests.journey.ground import Ground, station

pytestmark = pytest.mark.journey

PLAN = Plan(
    takes=(
        TakePlan(name="iw", mode="IW", duration_s=6.0, samples=1100, polarisation="SV"),
        TakePlan(name="ew", mode="EW", start_s=60.0, duration_s=6.0, samples=700, polarisation="SV"),
        TakePlan(name="wv", mode="WV", start_s=120.0, duration_s=15.0, samples=1100, polarisation="SV"),
    ),
    telemetry=None,
)
MADE = {"IW_SLC__1S": 3, "IW_GRDH_1S": 1, "EW_SLC__1S": 5, "EW_GRDM_1S": 1, "WV_SLC__1S": 2}
"""Images of each product: of swaths, merged ones, of vignettes."""


def test_every_other_mode_becomes_level_1(make_ground: Callable[..., Ground]) -> None:
    with station(downlink("modes", PLAN)) as source:
        ground = make_ground(source)
        ground.start()
        ground.wait_settled(*MADE)
        ground.stop()
    products = {row.type: row for row in ground.products() if row.type in MADE}
    images = {
        kind: sum(file.path.endswith(".tiff") for file in ground.files(row.name)) for kind, row in products.items()
    }
    assert images == MADE
    for kind, row in products.items():
        assert row.attributes["operationalMode"][1] == kind[:2]
        assert row.attributes["processingLevel"][1] == "LEVEL1"
    told = json.loads(ground.call("account", "--json"))
    counted = {(row["mode"], row["level"]): (row["made"], row["expected"]) for row in told["completeness"]}
    assert set(counted) == {(mode, level) for mode in ("IW", "EW", "WV") for level in (0, 1)}
    assert {made - expected for made, expected in counted.values()} == {0}
    assert told["total"]["share"] == 1.0
