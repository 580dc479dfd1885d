"""The operational routing: what is made of every mode, by the mission's task tables (coprs.md sections 2 and 5)."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from s1pdgs.jobs.spec import JobSpec
from s1pdgs.model.footprint import Footprint
from s1pdgs.model.job import OrderState
from s1pdgs.model.product import AttributeValue, Product
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.storage.objects import memory_objects
from s1pdgs.triggers.chains import SHIPPED, Chain, ChainError, Chains
from s1pdgs.triggers.gates import MaskShelf
from tests.unit.formats.mask_files import geojson, mask_file, rectangle
from tests.unit.triggers.conftest import (
    CALIBRATION,
    DATATAKE,
    PLANS,
    Mission,
    auxiliary,
    level_0,
    open_mission,
    session,
    span,
)

OPERATIONAL = SHIPPED.with_name("chains-operational.toml")
LAND, SEA = rectangle(0, 0, 20, 20), rectangle(100, 0, 120, 20)
NORTH = rectangle(60, 60, 80, 80)
PLACES = {"sea": (50.0, 10.0), "land": (10.0, 10.0), "north": (70.0, 70.0)}
ROUTING = {
    "IW": {"IW_RAW__0_SLC__1_GRDH_1", "IW_RAW__0_OCN__2"},
    "EW": {"EW_RAW__0_GRDM_1", "EW_RAW__0_OCN__2"},
    "S1": {"SM_RAW__0_SLC__1_GRDH_1", "SM_RAW__0_OCN__2"},
    "S6": {"SM_RAW__0_SLC__1_GRDH_1", "SM_RAW__0_OCN__2"},
    "WV": {"WV_RAW__0_SLC__1", "WV_RAW__0_OCN__2"},
    "EN": {"EN_RAW__0_GRDH_1"},
    "N3": {"AN_RAW__0_GRDF_1"},
}
WHOLE = ("WV", "EN", "N3")


@pytest.fixture(scope="session")
def operational(testdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Chains:
    """The file as its head says: copied beside the tables of the processors."""
    folder = tmp_path_factory.mktemp("operational")
    shutil.copy(OPERATIONAL, folder / "chains.toml")
    (folder / "tasktables").mkdir()
    for table in (testdata / "tasktables").rglob("*.xml"):
        shutil.copyfile(table, folder / "tasktables" / table.name)
    return Chains.read(folder / "chains.toml")


@pytest.fixture
def ground(operational: Chains, tmp_path: Path) -> Iterator[Mission]:
    """A ground segment with masks, calibration, orbit and what ocean products need."""
    store = memory_objects()
    with open_mission(tmp_path, operational) as opened:
        mission = attrs.evolve(opened, planner=attrs.evolve(opened.planner, masks=MaskShelf(store)))
        for kind, ring in (("MSK__LAND", LAND), ("MSK_EW_SLC", NORTH)):
            mask = auxiliary(kind, satellite="S1_")
            store.put(f"{mask.location}/{mask.name}", iter([mask_file(geojson(ring))]))
            mission.receive(mask)
        ocean = [auxiliary("AUX_PP2", 6), auxiliary("AUX_WND"), auxiliary("AUX_SCS")]
        mission.receive(*CALIBRATION, *ocean, auxiliary("AUX_POEORB", validity=span(-9000, 9000)))
        yield mission


def measured(mode: str, place: str = "sea", kind: str = "S", **changes: object) -> Product:
    """A slice of a mode that has slices, else a whole data take; annotation, calibration and noise are of it all."""
    lon, lat = PLACES[place]
    corners = [(lon, lat), (lon + 2, lat), (lon + 2, lat + 1), (lon, lat + 1)]
    sliced = kind == "S" and mode not in WHOLE
    attributes: dict[str, AttributeValue] = {
        "datatakeID": DATATAKE, "sliceProductFlag": sliced, "productClass": kind, "instrumentConfigurationID": 6,
    }  # fmt: skip
    if sliced:
        attributes |= {"sliceNumber": 2, "totalSlices": 4}
    facts: dict[str, object] = {"timeliness": Timeliness.NRT, "footprint": Footprint.from_points(corners), **changes}
    return level_0(mode, kind, "SV", span(-3000, -2967), attributes, **facts)


def made(mission: Mission) -> dict[str, str]:
    """The processors that are to run beyond Level-0, and their chains."""
    tables = {route.name: route.table.processor_name for route in mission.planner.chains.routes}
    with mission.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT chain FROM job ORDER BY id").all()
    return {tables[chain]: chain for (chain,) in rows if chain.startswith(("l1-", "l2-"))}


def receive(mission: Mission, mode: str, place: str = "sea", **changes: object) -> None:
    mission.receive(*(measured(mode, place, kind, **changes) for kind in "ACN"), measured(mode, place, **changes))


def test_without_the_tables_of_the_processors_the_file_tells_what_is_missing() -> None:
    with pytest.raises(ChainError, match=r"operational\.toml: .*task table EN_RAW__0_GRDH_1\.xml is missing"):
        Chains.read(OPERATIONAL)


@pytest.mark.parametrize("mode", ROUTING)
def test_every_mode_is_processed_by_its_tables(ground: Mission, mode: str) -> None:
    receive(ground, mode)
    assert set(made(ground)) == ROUTING[mode]


def test_notch_mode_of_s1b_becomes_slc(operational: Chains) -> None:
    routes = [route for route in operational.routes if route.chain.wants(measured("N3", satellite="S1B"))]
    assert [route.table.processor_name for route in routes if route.name.startswith("l1")] == ["AN_RAW__0_SLC__1"]


def test_ew_becomes_slc_within_the_mask_only(ground: Mission) -> None:
    receive(ground, "EW", "north")
    assert set(made(ground)) == {*ROUTING["EW"], "EW_RAW__0_SLC__1"}


@pytest.mark.parametrize("mode", ["IW", "EW", "S1"])
def test_scenes_without_sea_become_no_ocean_product(ground: Mission, mode: str) -> None:
    receive(ground, mode, "land")
    assert set(made(ground)) == {table for table in ROUTING[mode] if "OCN" not in table}
    refused = ground.order(f"l2-{'sm' if mode == 'S1' else mode.lower()}")
    assert (refused.state, refused.reason) == (
        OrderState.REFUSED,
        "0.0 % of it lies outside MSK__LAND_file; the gate wants some",
    )


def test_wave_mode_always_passes(ground: Mission) -> None:
    receive(ground, "WV", "land")
    assert set(made(ground)) == ROUTING["WV"]


@pytest.mark.parametrize("mode", WHOLE)
def test_segments_of_modes_without_slices_are_no_data_takes(ground: Mission, mode: str) -> None:
    """They have the same type, and only the chain that made them tells them apart."""
    ground.receive(*PLANS, session())
    ground.work("l0-aio", measured(mode))
    assert made(ground) == {}
    assert len(ground.orders("l0-asp")) == 1


PARAMETERS = ("Slicing_Flag", "Slice_Number", "Total_Number_Of_Slices", "Slice_Length", "Slice_Overlap")


@pytest.mark.parametrize(
    ("mode", "values"),
    [
        ("IW", ("TRUE", "2", "4", "25", "7.4")),
        ("EW", ("TRUE", "2", "4", "60", "8.2")),
        ("S1", ("TRUE", "2", "4", "25", "7.7")),
        ("WV", ("FALSE", "0", "0", "0", "0")),
    ],
)
def test_processors_are_told_how_the_mode_is_sliced(ground: Mission, mode: str, values: tuple[str, ...]) -> None:
    receive(ground, mode)
    for chain in made(ground).values():
        told = dict(ground.spec(chain).order.parameters)
        assert tuple(told[name] for name in PARAMETERS) == values


@pytest.mark.parametrize("mode", ROUTING)
def test_every_product_of_a_table_is_recognised_by_its_name_and_no_other(ground: Mission, mode: str) -> None:
    """The reference recognises no WV_OCN: its patterns are those of StripMap."""
    receive(ground, mode)
    for chain in made(ground).values():
        spec: JobSpec = ground.spec(chain)
        for output in spec.outputs:
            kind = re.sub(r"^(SM|AN)_", f"{mode}_", output.type)
            name = f"S1A_{kind}SV_20200615T111000_20200615T111033_033000_024A10_ABCD.SAFE"
            assert [other.type for other in spec.outputs if re.search(other.pattern, name)] == [output.type]


def test_ocean_products_wait_for_the_orbit_whatever_their_timeliness(operational: Chains) -> None:
    for route in operational.routes:
        orbit = next((entry for entry in route.inputs() if entry.name == "Orbit"), None)
        if orbit is not None:
            waits = {kind: route.chain.wait_for(orbit, kind) for kind in Timeliness}
            assert all(waits.values()), route.name
            urgent = waits[Timeliness.NRT]
            assert urgent is not None
            assert urgent.after_order_s == (1800 if route.name.startswith("l2") else 0)


def test_priorities_limits_and_ghosts(operational: Chains) -> None:
    chains: dict[str, Chain] = {route.name: route.chain for route in operational.routes}
    assert chains["l0-asp"].ghosts == {"IW": 3, "SM": 3, "WV": 30}
    assert chains["l0-asp"].assembly.after_sensing_s == 36 * 3600
    assert {chain.limits.wall_s for name, chain in chains.items() if name.startswith("l2")} == {10_800}
    order = sorted(Timeliness, key=lambda kind: kind.priority, reverse=True)
    assert order == [Timeliness.PT, Timeliness.NRT, Timeliness.FAST24, Timeliness.NTC]
