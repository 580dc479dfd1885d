"""Chains are configuration: ours, and those of a user with ESA's own task tables."""

import re
from pathlib import Path

import pytest

from s1pdgs.formats.tasktable import Origin, read_task_table
from s1pdgs.triggers.chains import SHIPPED, ChainError, Chains
from s1pdgs.triggers.types import catalogue_types, level_0_class, name_pattern, table_type
from tests.unit.triggers.conftest import (
    CALIBRATION,
    auxiliary,
    companion,
    open_mission,
    raw_slice,
    segment,
    session,
    span,
)

CHAIN = """
[[chain]]
name = "demo"
unit = "slice"
types = ["S3_RAW__0S"]
task_table = "SM_RAW__0_SLC__1_GRDH_1.xml"
"""


def read(folder: Path, text: str) -> Chains:
    path = folder / "chains.toml"
    path.write_text(text)
    return Chains.read(path)


def test_ours_are_triggered_by_what_they_process() -> None:
    chains = Chains.read()
    products = [session(), segment("VV"), raw_slice(), companion("A"), companion("N")]
    triggered = [[route.name for route in chains.routes if route.chain.wants(product)] for product in products]
    assert triggered == [["l0-aio"], ["l0-asp"], ["l1-sm"], [], []]


def test_every_shipped_task_table_is_used() -> None:
    """By our own chains or by those of the operational routing, whose other tables are ESA's."""
    tables = {path.name for path in (SHIPPED.parent / "tasktables").iterdir()}
    ours = {route.chain.task_table for route in Chains.read().routes}
    operational = set(re.findall(r'task_table = "(.*)"', SHIPPED.with_name("chains-operational.toml").read_text()))
    assert ours <= tables <= ours | operational


@pytest.mark.parametrize(
    ("chain", "name"),
    [
        ("l1-iw", "IW_RAW__0_SLC__1_GRDH_1.xml"),
        ("l1-ew", "EW_RAW__0_SLC__1_GRDM_1.xml"),
        ("l1-wv", "WV_RAW__0_SLC__1.xml"),
    ],
)
def test_our_other_tables_ask_for_what_the_real_ones_do(testdata: Path, chain: str, name: str) -> None:
    ours = Chains.read().named(chain)
    assert ours is not None
    mode = ours.chain.mode
    tables = [ours.table, read_task_table(testdata / "tasktables" / "l1" / name)]
    asked = [
        [
            (entry.mode, entry.mandatory, tuple(alternative.file_type for alternative in entry.alternatives))
            for entry in table.tasks[0].inputs
            if entry.mode in {"ALWAYS", mode} and entry.alternatives
        ]
        for table in tables
    ]
    assert set(asked[0]) == set(asked[1])
    made = [
        {output.type for task in table.tasks for output in task.outputs if output.type[-3:] in {"_1S", "_1A"}}
        for table in tables
    ]
    assert made[0] == made[1]


def test_our_stripmap_table_asks_for_what_the_real_one_does(testdata: Path, tmp_path: Path) -> None:
    ours = Chains.read().named("l1-sm")
    real = testdata / "tasktables" / "l1" / "SM_RAW__0_SLC__1_GRDH_1.xml"
    theirs = read(tmp_path, CHAIN.replace("SM_RAW__0_SLC__1_GRDH_1.xml", str(real)) + 'mode = "SLICING"\n').named(
        "demo"
    )
    assert ours is not None
    assert theirs is not None

    def asked(route: object) -> list[tuple[str, bool, list[str]]]:
        return [
            (entry.mode, entry.mandatory, [alternative.file_type for alternative in entry.alternatives])
            for entry in route.inputs()  # type: ignore[attr-defined]
            if all(alternative.origin is Origin.CATALOGUE for alternative in entry.alternatives)
        ]

    assert asked(ours) == asked(theirs)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (CHAIN + "speed = 3\n", "chain demo: speed: Extra inputs are not permitted"),
        (CHAIN.replace('unit = "slice"', 'unit = "orbit"'), "chain demo: unit: Input should be"),
        (CHAIN.replace("S3_RAW__0S", "S3("), "is not a regular expression"),
        (CHAIN.replace("SM_RAW", "XX_RAW"), r"task table XX_RAW__0_SLC__1_GRDH_1\.xml is missing; looked for"),
        (CHAIN + CHAIN, "chain demo is given twice"),
        ("[chains]\n", "unknown table 'chains'"),
        ("[[chain]\n", "not a TOML file"),
        (CHAIN + "max_attempts = 0\n", "max_attempts"),
        (CHAIN + "ghosts = { XX = 3 }\n", "chain demo: ghosts.XX"),
        (
            CHAIN + "waits = [{ input = 'Orbits', after_order_s = 1 }]\n",
            r"waits: SM_.*xml has no input Orbits; it has .*Or",
        ),
    ],
)
def test_faults_are_named_with_file_and_chain(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ChainError, match=complaint) as caught:
        read(tmp_path, text)
    assert "chains.toml" in str(caught.value)


def test_a_task_table_with_an_unknown_policy_is_refused(tmp_path: Path) -> None:
    ours = (SHIPPED.parent / "tasktables" / "SM_RAW__0_SLC__1_GRDH_1.xml").read_text()
    (tmp_path / "tasktables").mkdir()
    (tmp_path / "tasktables" / "mine.xml").write_text(ours.replace("LatestValCover", "BestGuess"))
    with pytest.raises(ChainError, match="chain demo: unknown retrieval mode 'BestGuess'"):
        read(tmp_path, CHAIN.replace("SM_RAW__0_SLC__1_GRDH_1.xml", "mine.xml"))


def test_satellites_bound_a_chain(tmp_path: Path) -> None:
    (route,) = read(tmp_path, CHAIN + 'satellites = ["S1C"]\n').routes
    assert not route.chain.wants(raw_slice())
    assert route.chain.wants(raw_slice(satellite="S1C"))


def test_the_real_tables_of_every_mode_are_accepted_as_chains(testdata: Path, tmp_path: Path) -> None:
    tables = sorted((testdata / "tasktables").rglob("*.xml"))
    text = "".join(
        CHAIN.replace("demo", f"demo-{number}").replace("SM_RAW__0_SLC__1_GRDH_1.xml", str(path))
        for number, path in enumerate(tables)
    )
    assert len(read(tmp_path, text).routes) == 36


def test_a_real_table_of_five_pools_becomes_a_job(testdata: Path, tmp_path: Path) -> None:
    real = testdata / "tasktables" / "l1" / "SM_RAW__0_SLC__1_GRDH_1.xml"
    chains = read(tmp_path, CHAIN.replace("SM_RAW__0_SLC__1_GRDH_1.xml", str(real)) + 'mode = "SLICING"\n')
    orbit = auxiliary("AUX_POEORB", validity=span(-9000, 9000))
    with open_mission(tmp_path, chains) as mission:
        mission.receive(*CALIBRATION, orbit, *(companion(kind) for kind in "ACN"), raw_slice())
        spec = mission.spec("demo")
    assert [[task.name for task in pool.tasks] for pool in spec.pools] == [
        ["PSC"],
        ["SDC"],
        ["SBE"],
        ["LPC1"],
        ["LPC2"],
    ]
    assert [len(task.inputs) for task in spec.order.tasks] == [8, 4, 4, 5, 5]
    assert spec.order.tasks[3].inputs[0].file_names == ("^.*_S[1-6]_SL1__1_.*$",)
    assert [output.type for output in spec.outputs] == ["SM_SLC__1S", "SM_SLC__1A", "SM_GRDH_1S", "SM_GRDH_1A"]
    assert spec.limits.free_mb == 41_000


@pytest.mark.parametrize(
    ("catalogue", "table"),
    [
        ("S3_RAW__0S", "SM_RAW__0S"), ("N6_GRDF_1S", "AN_GRDF_1S"), ("IW_SLC__1S", "IW_SLC__1S"),
        ("AUX_POEORB", "AUX_POE"), ("AUX_RESORB", "AUX_RES"), ("AUX_PREORB", "AUX_PRE"), ("AMH_ERRMAT", "AUX_ECE"),
        ("AUX_RESATT", "AUX_ATT"), ("AUX_CAL", "AUX_CAL"), ("SESSION", "SESSION"),
    ],
)  # fmt: skip
def test_types_have_two_names(catalogue: str, table: str) -> None:
    assert table_type(catalogue) == table
    assert catalogue in catalogue_types(table, None)


def test_a_unit_of_one_swath_asks_for_that_swath() -> None:
    assert catalogue_types("SM_RAW__0A", "S3") == ["S3_RAW__0A"]
    assert len(catalogue_types("SM_RAW__0A", None)) == 6
    assert catalogue_types("MSK__LAND", "S3") == ["MSK__LAND"]


def test_level_0_types_are_known_by_their_class() -> None:
    kinds = ("SM_RAW__0A", "IW_RAW__0S", "AUX_CAL", "SM_SLC__1S")
    assert [level_0_class(kind) for kind in kinds] == ["A", "S", None, None]


def test_output_types_become_patterns_of_names() -> None:
    assert name_pattern("SM_SLC__1S") == "^.*_S[1-6]_SLC__1S.*$"
    assert name_pattern("AN_RAW__0S") == "^.*_N[1-6]_RAW__0S.*$"
    assert name_pattern("IW_GRDH_1S") == "^.*IW_GRDH_1S.*$"
