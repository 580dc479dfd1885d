"""Gates: scenes are processed where they are wanted, and what is refused is told."""

import logging
from pathlib import Path

import attrs
import pytest

from s1pdgs.catalogue.metadata import describe
from s1pdgs.catalogue.query import Held, find
from s1pdgs.model.footprint import Footprint, LonLat
from s1pdgs.model.interval import Interval
from s1pdgs.model.job import OrderState
from s1pdgs.model.product import Product
from s1pdgs.model.time import FAR_FUTURE
from s1pdgs.storage.objects import MissingObject, ObjectStore, memory_objects
from s1pdgs.triggers.chains import ChainError, Chains
from s1pdgs.triggers.explain.inquiry import explain
from s1pdgs.triggers.gates import MaskShelf
from s1pdgs.triggers.orders import release
from tests.unit.formats.mask_files import Ring, geojson, mask_file, rectangle
from tests.unit.triggers.conftest import CALIBRATION, NOON, Mission, at, auxiliary, mission_on, raw_slice
from tests.unit.triggers.wanted.test_way import ACN

CHAIN = """
[[chain]]
name = "{name}"
unit = "slice"
types = ["S3_RAW__0S"]
task_table = "SM_RAW__0_SLC__1_GRDH_1.xml"
gates = [{gates}]
"""
SEA = '{ mask = "MSK__LAND", side = "outside", percent = %d }'
ANY_SEA = '{ mask = "MSK__LAND", side = "outside" }'
WITHIN = '{ mask = "MSK_EW_SLC", side = "inside" }'

SCENE = ((10.0, 0.0), (12.0, 0.0), (12.0, 2.0), (10.0, 2.0))
OVER_THE_DATELINE = ((179.0, 0.0), (-179.0, 0.0), (-179.0, 2.0), (179.0, 2.0))
ROUND_THE_POLE = ((-135.0, 88.0), (-45.0, 88.0), (45.0, 88.0), (135.0, 88.0))
WESTERN_HALF = rectangle(0, -10, 11, 10)


def chains_of(folder: Path, *texts: str) -> Chains:
    path = folder / "chains.toml"
    path.write_text("".join(texts))
    return Chains.read(path)


@pytest.fixture
def store() -> ObjectStore:
    return memory_objects()


def gated(mission: Mission, store: ObjectStore, folder: Path, *gates: str) -> Mission:
    """The same ground segment with one chain that has these gates."""
    chains = chains_of(folder, CHAIN.format(name="gated", gates=", ".join(gates)))
    found = mission_on(mission.database, chains)
    return attrs.evolve(found, planner=attrs.evolve(found.planner, masks=MaskShelf(store)))


def with_chains(mission: Mission, chains: Chains) -> Mission:
    return attrs.evolve(mission, planner=attrs.evolve(mission.planner, chains=chains))


def scene(*corners: LonLat, **changes: object) -> Product:
    return raw_slice(footprint=Footprint.from_points(list(corners)), **changes)


def mask(store: ObjectStore, kind: str, *rings: Ring, name: str = "", **changes: object) -> Product:
    return stored(store, kind, mask_file(geojson(*rings)), name, **changes)


def stored(store: ObjectStore, kind: str, content: bytes, name: str = "", **changes: object) -> Product:
    product = auxiliary(kind, name=name or f"{kind}.EOF", satellite="S1_", **changes)  # type: ignore[arg-type]
    store.put(f"{product.location}/{product.name}", iter([content]))
    return product


class TestSeaCoverage:
    @pytest.mark.parametrize(
        ("least", "state"), [(20, OrderState.WAITING), (49, OrderState.WAITING), (51, OrderState.REFUSED)]
    )
    def test_a_scene_half_on_land_passes_up_to_half(
        self, mission: Mission, store: ObjectStore, tmp_path: Path, least: int, state: OrderState
    ) -> None:
        mission = gated(mission, store, tmp_path, SEA % least)
        mission.receive(mask(store, "MSK__LAND", WESTERN_HALF), scene(*SCENE))
        assert mission.order("gated").state == state

    def test_a_refusal_is_told_in_the_order_and_in_the_log(
        self, mission: Mission, store: ObjectStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        mission = gated(mission, store, tmp_path, SEA % 60)
        with caplog.at_level(logging.INFO):
            mission.receive(mask(store, "MSK__LAND", WESTERN_HALF), scene(*SCENE))
        refusal = "50.0 % of it lies outside MSK__LAND.EOF; the gate wants 60 %"
        order = mission.order("gated")
        assert (order.state, order.reason) == (OrderState.REFUSED, refusal)
        with mission.database.read() as connection:
            assert explain(connection, order.id).summary == f"refused: {refusal}"
        assert f"{scene(*SCENE).name} is not processed: {refusal}" in caplog.text

    def test_land_under_overlapping_polygons_counts_once(
        self, mission: Mission, store: ObjectStore, tmp_path: Path
    ) -> None:
        """The reference sums the polygons: half a scene on land twice is no sea at all there."""
        mission = gated(mission, store, tmp_path, SEA % 49)
        mission.receive(mask(store, "MSK__LAND", WESTERN_HALF, WESTERN_HALF, rectangle(5, 0, 11, 2)), scene(*SCENE))
        assert mission.order("gated").state == OrderState.WAITING

    def test_a_little_sea_is_not_rounded_away(self, mission: Mission, store: ObjectStore, tmp_path: Path) -> None:
        """The reference rounds shares to whole percents: 0.4 % of sea is none there."""
        mission = gated(mission, store, tmp_path, ANY_SEA)
        mission.receive(mask(store, "MSK__LAND", rectangle(0, -10, 11.992, 10)), scene(*SCENE))
        assert mission.order("gated").state == OrderState.WAITING

    def test_no_sea_at_all_is_refused_even_without_a_threshold(
        self, mission: Mission, store: ObjectStore, tmp_path: Path
    ) -> None:
        mission = gated(mission, store, tmp_path, ANY_SEA)
        mission.receive(mask(store, "MSK__LAND", rectangle(0, -10, 20, 10)), scene(*SCENE))
        assert mission.order("gated").reason == "0.0 % of it lies outside MSK__LAND.EOF; the gate wants some"

    @pytest.mark.parametrize("corners", [OVER_THE_DATELINE, ROUND_THE_POLE])
    def test_over_the_dateline_and_the_pole_a_half_is_a_half(
        self, mission: Mission, store: ObjectStore, tmp_path: Path, corners: tuple[LonLat, ...]
    ) -> None:
        mission = gated(mission, store, tmp_path, SEA % 49)
        chains = [CHAIN.format(name=f"least-{least}", gates=SEA % least) for least in (49, 51)]
        mission = with_chains(mission, chains_of(tmp_path, *chains))
        east = [rectangle(0, -10, 90, 90), rectangle(90, -10, 180, 90)]
        mission.receive(mask(store, "MSK__LAND", *east), scene(*corners))
        states = [mission.order(f"least-{least}").state for least in (49, 51)]
        assert states == [OrderState.WAITING, OrderState.REFUSED]

    def test_shares_are_of_areas_not_of_degrees(self, mission: Mission, store: ObjectStore, tmp_path: Path) -> None:
        """From 60 to 80 degrees north, the southern half of the degrees is nearly two thirds of the scene."""
        west, east = [(0.0, lat) for lat in range(60, 81, 2)], [(4.0, lat) for lat in range(80, 59, -2)]
        mission = gated(mission, store, tmp_path, '{ mask = "MSK__LAND", side = "inside", percent = 60 }')
        mission.receive(mask(store, "MSK__LAND", rectangle(-5, 50, 10, 70)), scene(*west, *east))
        assert mission.order("gated").state == OrderState.WAITING


class TestTheEwSlcMask:
    def test_only_the_chain_with_the_gate_leaves_a_scene_elsewhere_out(
        self, mission: Mission, store: ObjectStore, tmp_path: Path
    ) -> None:
        mission = gated(mission, store, tmp_path, WITHIN)
        both = chains_of(tmp_path, CHAIN.format(name="slc", gates=WITHIN), CHAIN.format(name="grd", gates=""))
        mission = with_chains(mission, both)
        mission.receive(mask(store, "MSK_EW_SLC", rectangle(50, 0, 60, 10)), scene(*SCENE))
        assert [mission.order(name).state for name in ("slc", "grd")] == [OrderState.REFUSED, OrderState.WAITING]

    def test_a_scene_that_reaches_into_it_passes(self, mission: Mission, store: ObjectStore, tmp_path: Path) -> None:
        mission = gated(mission, store, tmp_path, WITHIN)
        mission.receive(mask(store, "MSK_EW_SLC", rectangle(11.99, 1.99, 20, 20)), scene(*SCENE))
        assert mission.order("gated").state == OrderState.WAITING

    def test_one_that_touches_it_does_not(self, mission: Mission, store: ObjectStore, tmp_path: Path) -> None:
        mission = gated(mission, store, tmp_path, WITHIN)
        mission.receive(mask(store, "MSK_EW_SLC", rectangle(12.0, 0.0, 20, 20)), scene(*SCENE))
        assert mission.order("gated").state == OrderState.REFUSED

    def test_all_gates_must_open(self, mission: Mission, store: ObjectStore, tmp_path: Path) -> None:
        mission = gated(mission, store, tmp_path, WITHIN, SEA % 80)
        masks = [mask(store, "MSK_EW_SLC", rectangle(0, 0, 20, 20)), mask(store, "MSK__LAND", WESTERN_HALF)]
        mission.receive(*masks, scene(*SCENE))
        assert "outside MSK__LAND.EOF; the gate wants 80 %" in str(mission.order("gated").reason)


class TestMasks:
    def test_an_order_waits_for_its_mask_and_goes_on_when_it_comes(
        self, mission: Mission, store: ObjectStore, tmp_path: Path
    ) -> None:
        mission = gated(mission, store, tmp_path, SEA % 60)
        mission.receive(scene(*SCENE))
        order = mission.order("gated")
        assert order.state == OrderState.WAITING
        assert "MSK__LAND covering 2020-06-15T11:10:00Z to 2020-06-15T11:10:33Z, the mask of the gate" in order.reason
        mission.receive(mask(store, "MSK__LAND", WESTERN_HALF))
        assert mission.order("gated").state == OrderState.REFUSED

    def test_an_operator_may_let_it_go_on_without(self, mission: Mission, store: ObjectStore, tmp_path: Path) -> None:
        mission = gated(mission, store, tmp_path, SEA % 60)
        mission.receive(scene(*SCENE))
        with mission.database.write() as connection:
            release(mission.planner, connection, mission.order("gated").id)
        assert "MSK__LAND" not in str(mission.order("gated").reason)

    def test_an_operator_may_revive_what_was_refused(
        self, mission: Mission, store: ObjectStore, tmp_path: Path
    ) -> None:
        mission = gated(mission, store, tmp_path, SEA % 60)
        mission.receive(*CALIBRATION, *ACN, mask(store, "MSK__LAND", WESTERN_HALF), scene(*SCENE))
        assert mission.order("gated").state == OrderState.REFUSED
        with mission.database.write() as connection:
            assert release(mission.planner, connection, mission.order("gated").id)
        assert mission.order("gated").state == OrderState.PLANNED

    def test_the_newest_that_is_valid_then_decides(self, mission: Mission, store: ObjectStore, tmp_path: Path) -> None:
        mission = gated(mission, store, tmp_path, SEA % 60)
        mission.receive(
            mask(store, "MSK__LAND", rectangle(0, -10, 20, 10), name="old.EOF"),
            mask(store, "MSK__LAND", WESTERN_HALF, name="new.EOF", generation_time=at(60)),
            mask(
                store,
                "MSK__LAND",
                rectangle(50, 0, 60, 10),
                name="later.EOF",
                generation_time=at(120),
                validity=Interval(NOON, FAR_FUTURE),
            ),
            scene(*SCENE),
        )
        assert "50.0 % of it lies outside new.EOF" in str(mission.order("gated").reason)

    def test_the_chain_may_name_another_policy(self, mission: Mission, store: ObjectStore, tmp_path: Path) -> None:
        gate = '{ mask = "MSK__LAND", side = "outside", percent = 60, policy = "ClosestStartValidity" }'
        mission = gated(mission, store, tmp_path, gate)
        mission.receive(mask(store, "MSK__LAND", WESTERN_HALF, validity=Interval(NOON, FAR_FUTURE)), scene(*SCENE))
        assert mission.order("gated").state == OrderState.REFUSED

    def test_one_that_cannot_be_read_is_told_and_a_better_one_helps(
        self, mission: Mission, store: ObjectStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        mission = gated(mission, store, tmp_path, SEA % 60)
        mission.receive(stored(store, "MSK__LAND", b"<Earth_Explorer_File/>", "bad.EOF"), scene(*SCENE))
        assert "bad.EOF: element Earth_Explorer_File/Data_Block is missing" in str(mission.order("gated").reason)
        assert "chain gated: the gate 60 % outside MSK__LAND cannot use its mask: bad.EOF" in caplog.text
        mission.receive(mask(store, "MSK__LAND", WESTERN_HALF, name="good.EOF", generation_time=at(60)))
        assert mission.order("gated").state == OrderState.REFUSED

    def test_one_whose_object_is_gone_is_waited_for(self, mission: Mission, store: ObjectStore, tmp_path: Path) -> None:
        mission = gated(mission, store, tmp_path, SEA % 60)
        lost = mask(store, "MSK__LAND", WESTERN_HALF)
        store.delete(f"{lost.location}/{lost.name}")
        mission.receive(lost, scene(*SCENE))
        assert "there is no object auxiliary/MSK__LAND.EOF/MSK__LAND.EOF" in str(mission.order("gated").reason)

    @pytest.mark.parametrize("corners", [((10.0, 0.0), (12.0, 0.0)), None])
    def test_a_product_without_an_area_passes_and_that_is_told(
        self,
        mission: Mission,
        store: ObjectStore,
        tmp_path: Path,
        corners: tuple[LonLat, ...] | None,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        mission = gated(mission, store, tmp_path, SEA % 60)
        product = raw_slice() if corners is None else scene(*corners)
        mission.receive(mask(store, "MSK__LAND", rectangle(0, -10, 20, 10)), product)
        assert mission.order("gated").state == OrderState.WAITING
        assert f"{product.name} has no area on the ground; it passes the gate 60 % outside MSK__LAND" in caplog.text

    def test_the_last_few_stay_in_memory(self, mission: Mission, store: ObjectStore, tmp_path: Path) -> None:
        """One that was read is not read again, until four others were."""
        mission = gated(mission, store, tmp_path, SEA % 60)
        masks = [mask(store, "MSK__LAND", WESTERN_HALF, name=f"{n}.EOF", generation_time=at(n)) for n in range(5)]
        shelf = mission.planner.masks
        for number, each in enumerate(masks):
            mission.receive(each, scene(*SCENE, uid=f"{number:04X}"))
        store.delete("auxiliary")
        held = {name: _held(mission, f"{name}.EOF") for name in (0, 4)}
        assert shelf.area(held[4]).area > 0
        with pytest.raises(MissingObject):
            shelf.area(held[0])


def _held(mission: Mission, name: str) -> Held:
    with mission.database.read() as connection:
        found = find(connection, name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("chain", "complaint"),
    [
        (CHAIN.format(name="a", gates=SEA % 101), r"chain a: gates\.0\.percent"),
        (CHAIN.format(name="a", gates=SEA.replace("outside", "beyond") % 1), r"chain a: gates\.0\.side"),
        (CHAIN.format(name="a", gates='{ mask = "LAND", side = "inside" }'), r"chain a: gates\.0\.mask"),
        (
            CHAIN.format(name="a", gates='{ mask = "MSK__LAND", side = "inside", policy = "Best" }'),
            r"chain a: gates\.0\.policy: .*unknown retrieval mode 'Best'",
        ),
        (CHAIN.format(name="a", gates=WITHIN).replace('"slice"', '"session"'), "gates are for slices; a session has"),
    ],
)
def test_faults_of_gates_are_named(tmp_path: Path, chain: str, complaint: str) -> None:
    with pytest.raises(ChainError, match=complaint):
        chains_of(tmp_path, chain)


def test_the_masks_of_the_mission_decide(mission: Mission, store: ObjectStore, tmp_path: Path, testdata: Path) -> None:
    """A scene in Germany has no sea; one north of Svalbard is within the EW SLC mask, one off Japan is not."""
    mission = gated(mission, store, tmp_path, ANY_SEA, WITHIN)
    for path in (testdata / "masks").iterdir():
        known = describe(path)
        assert known.satellite == "S1_"
        mission.receive(stored(store, known.type, path.read_bytes(), path.name, validity=known.validity))
    places = {"Germany": (10, 50), "Svalbard": (20, 80.9), "Japan": (150, 35)}
    for number, (lon, lat) in enumerate(places.values()):
        corners = [(lon, lat), (lon + 3, lat), (lon + 3, lat + 1), (lon, lat + 1)]
        mission.receive(scene(*corners, uid=f"{number:04X}"))
    germany, svalbard, japan = mission.orders("gated")
    assert "lies outside S1__OPER_MSK__LAND" in germany.reason
    assert svalbard.state == OrderState.WAITING
    assert "lies inside S1__OPER_MSK_EW_SLC" in japan.reason
