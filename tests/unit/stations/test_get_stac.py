"""`s1pdgs get` from STAC APIs: our own, and services that show their assets as public ones do."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.model.time import SystemClock
from s1pdgs.publication.service import mount
from s1pdgs.publication.tables import publication
from s1pdgs.stations.errors import StationAnswerError
from s1pdgs.stations.get import Listed, Observer, State, get
from s1pdgs.stations.get_command import command
from s1pdgs.stations.http import StationHttp, open_http
from s1pdgs.stations.profile import Kind, Profile, Retry
from s1pdgs.stations.stac import ItemWish, checksum_of, files_of, listed
from s1pdgs.storage.database import open_sqlite
from s1pdgs.storage.schema import migrate
from tests.unit.publication.conftest import NOON, Segment, new_segment, product_name, serving, square, store_product

COUNT = 5


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Segment]:
    """Five published products, an hour apart, the second of another type and place, the last offline."""
    folder = tmp_path_factory.mktemp("server")
    database = open_sqlite(folder / "server.db")
    migrate(database)
    made = new_segment(database, folder)
    for number in range(COUNT):
        kind, form = ("IW_SLC__1S", "IW_SLC__1SDV") if number != 1 else ("IW_GRDH_1S", "IW_GRDH_1SDV")
        start = NOON + timedelta(hours=number)
        name = product_name("S1A", form, start, number)
        made.publish(store_product(made.store, name, kind, start=start, ring=square(10 + 20 * (number == 1), 45)))
    with database.write() as connection:
        last = sa.select(sa.func.max(publication.c.product_id)).scalar_subquery()
        connection.execute(publication.update().where(publication.c.product_id == last).values(evicted_at=NOON))
    yield made
    database.close()


@pytest.fixture(scope="module")
def url(segment: Segment) -> Iterator[str]:
    app = FastAPI()
    mount(app, segment.database, segment.store)
    with serving(app) as address:
        yield f"{address}/stac"


def asking(url: str) -> StationHttp:
    return open_http(Profile(name="get", kind=Kind.AUXIP, url=url, page_size=2, retry=Retry(2, 0.01)), SystemClock())


@pytest.fixture
def http(url: str) -> Iterator[StationHttp]:
    opened = asking(url)
    with opened.client:
        yield opened


def test_our_own_items_arrive_whole_proven_and_once(segment: Segment, http: StationHttp, tmp_path: Path) -> None:
    files = list(listed(http, ItemWish()))
    assert len(files) == COUNT
    results = get(http, files, tmp_path, 3)
    states = [result.state for result in results]
    assert states == [State.FAILED] + [State.GOT] * (COUNT - 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(file.name for file in files[1:])
    for file in files[1:]:
        whole = b"".join(segment.store.read(f"published/{file.name}"))
        assert (tmp_path / file.name).read_bytes() == whole
        assert (file.size, file.checksum) == (len(whole), f"SHA256:{hashlib.sha256(whole).hexdigest()}")
    assert {result.state for result in get(http, files[1:], tmp_path, 3)} == {State.HAD}


def test_a_part_of_an_earlier_run_is_taken_up(segment: Segment, http: StationHttp, tmp_path: Path) -> None:
    (file,) = listed(http, ItemWish(collections=("IW_GRDH_1S",)))
    whole = b"".join(segment.store.read(f"published/{file.name}"))
    (tmp_path / f".{file.name}.part").write_bytes(whole[:1234])
    begun: list[int] = []
    (result,) = get(http, [file], tmp_path, 1, Observer(lambda _file, held: begun.append(held)))
    assert (result.state, begun, (tmp_path / file.name).read_bytes()) == (State.GOT, [1234], whole)


@pytest.mark.parametrize(
    ("wish", "numbers"),
    [
        (ItemWish(collections=("IW_GRDH_1S",)), {1}),
        (ItemWish(collections=("IW_GRDH_1S", "IW_SLC__1S"), start=NOON + timedelta(hours=3)), {3, 4}),
        (ItemWish(stop=NOON + timedelta(hours=1)), {0, 1}),
        (ItemWish(box=(29.0, 44.0, 33.0, 48.0)), {1}),
        (ItemWish(area="POLYGON((29 44,33 44,33 48,29 48,29 44))"), {1}),
        (ItemWish(condition="product:type = 'IW_SLC__1S' AND start_datetime < DATE('2020-06-15')"), set()),
        (ItemWish(condition='{"op":"=","args":[{"property":"product:type"},"IW_GRDH_1S"]}'), {1}),
        (ItemWish(ids=("it's", "no,ne")), set()),
    ],
)  # fmt: skip
def test_a_wish_chooses_items(http: StationHttp, wish: ItemWish, numbers: set[int]) -> None:
    starts = {(NOON + timedelta(hours=number)).strftime("%Y%m%dT%H%M%S") for number in numbers}
    assert {file.name.split("SDV_")[1][:15] for file in listed(http, wish)} == starts


def test_a_limit_counts_items_and_an_asset_lies_in_the_folder_of_its_item(http: StationHttp, tmp_path: Path) -> None:
    files = list(listed(http, ItemWish(assets=("product", "manifest")), limit=1))
    assert [file.id.rpartition("/")[2] for file in files] == ["product", "manifest"]
    item = files[0].id.rpartition("/")[0]
    assert [file.name for file in files] == [f"{item}.zip", f"{item}/Manifest"]
    (result,) = get(http, list(listed(http, ItemWish(assets=("manifest",)), limit=2))[1:], tmp_path, 1)
    assert (result.state, len(list(tmp_path.glob("*/Manifest")))) == (State.GOT, 1)


# Items as public services show them


BANDS = {"vv": b"V" * 5000, "vh": b"H" * 7000}
ZIP = b"Z" * 9000
MD5 = hashlib.md5(ZIP, usedforsecurity=False).hexdigest()


def of_copernicus(number: int, root: str) -> dict[str, Any]:
    """CDSE: the zip of the product by https with a login, its files at `s3`, and by https as alternate."""
    name = f"S1A_IW_GRDH_1SDV_2024010{number}"
    band = {
        "href": f"s3://eodata/Sentinel-1/{name}.SAFE/measurement/vv.tiff", "type": "image/tiff", "roles": ["data"],
        "alternate": {"https": {"href": f"{root}/files/vv", "auth:refs": ["oidc"]}}, "auth:refs": ["s3"],
        "file:local_path": f"{name}.SAFE/measurement/vv.tiff", "file:size": len(BANDS["vv"]),
    }  # fmt: skip
    product = {
        "href": f"{root}/files/zip", "type": "application/zip", "roles": ["data", "metadata", "archive"],
        "file:size": len(ZIP), "file:checksum": f"d50110{MD5}", "auth:refs": ["oidc"],
    }  # fmt: skip
    return {"id": name, "collection": "sentinel-1-grd", "assets": {"vv": band, "Product": product}}


def of_earth_search(number: int, root: str) -> dict[str, Any]:
    """Earth Search: files by themselves, of untold size and checksum, the second in a bucket that asks for payment."""
    name = f"S1A_IW_GRDH_1SDV_2024010{number}"
    assets = {
        "thumbnail": {"href": f"{root}/files/zip", "type": "image/png", "roles": ["thumbnail"]},
        "vv": {"href": f"{root}/files/vv", "type": "image/tiff; application=geotiff", "roles": ["data"]},
        "vh": {"href": f"s3://sentinel-s1-l1c/GRD/{name}/measurement/iw-vh.tiff", "roles": ["data"]},
    }
    return {"id": name, "collection": "sentinel-1-grd", "assets": assets}


class Foreign:
    """A STAC API of items of somebody else's shape, a page each; it counts what is asked of its files."""

    def __init__(self, folder: Path, shape: Any) -> None:
        self.app, self.shape, self.asked = FastAPI(), shape, list[str]()
        for name, data in (BANDS | {"zip": ZIP}).items():
            (folder / name).write_bytes(data)
        self.app.get("/v1/")(self.landing)
        self.app.get("/v1/search")(self.search)

        @self.app.get("/v1/files/{name}")
        def file(name: str) -> FileResponse:
            self.asked.append(name)
            return FileResponse(folder / name)

    def landing(self, request: Request) -> dict[str, Any]:
        search = str(request.url_for("search"))
        links = [{"rel": "search", "href": search, "method": "POST"}, {"rel": "search", "href": search}]
        return {"stac_version": "1.0.0", "links": links}

    def search(self, request: Request, page: int = 1) -> dict[str, Any]:
        root = str(request.base_url).rstrip("/") + "/v1"
        links = [{"rel": "next", "href": f"search?page={page + 1}"}] if page < 3 else []
        return {"features": [self.shape(page, root)], "links": links}


@pytest.fixture
def foreign(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Foreign, StationHttp]]:
    (tmp_path / "theirs").mkdir()
    service = Foreign(tmp_path / "theirs", request.param)
    with serving(service.app) as address:
        opened = asking(f"{address}/v1")
        with opened.client:
            yield service, opened


@pytest.mark.parametrize("foreign", [of_copernicus], indirect=True)
def test_of_copernicus_items_the_zip_is_taken_and_proven_by_md5(
    foreign: tuple[Foreign, StationHttp], tmp_path: Path
) -> None:
    service, http = foreign
    files = list(listed(http, ItemWish()))
    assert [file.name for file in files] == [f"S1A_IW_GRDH_1SDV_2024010{number}.zip" for number in (1, 2, 3)]
    assert {file.checksum for file in files} == {f"MD5:{MD5}"}
    assert {result.state for result in get(http, files, tmp_path / "out", 2)} == {State.GOT}
    (band,) = listed(http, ItemWish(assets=("vv",)), limit=1)
    assert [result.state for result in get(http, [band], tmp_path / "out", 1)] == [State.GOT]
    assert (tmp_path / "out" / "S1A_IW_GRDH_1SDV_20240101.SAFE/measurement/vv.tiff").read_bytes() == BANDS["vv"]
    assert service.asked == ["zip"] * 3 + ["vv"]


@pytest.mark.parametrize("foreign", [of_earth_search], indirect=True)
def test_of_earth_search_items_all_data_are_taken_and_a_bucket_is_told(
    foreign: tuple[Foreign, StationHttp], tmp_path: Path
) -> None:
    _, http = foreign
    files = list(listed(http, ItemWish(), limit=1))
    assert [(file.name, file.size, file.checksum) for file in files] == [
        ("S1A_IW_GRDH_1SDV_20240101/vv", None, None),
        ("S1A_IW_GRDH_1SDV_20240101/iw-vh.tiff", None, None),
    ]
    out = tmp_path / "out"
    (out / "S1A_IW_GRDH_1SDV_20240101").mkdir(parents=True)
    (out / "S1A_IW_GRDH_1SDV_20240101" / ".vv.part").write_bytes(b"of another version")
    first, second = get(http, files, out, 2)
    assert (first.state, (out / files[0].name).read_bytes()) == (State.GOT, BANDS["vv"])
    assert (second.state, "use a client of S3" in str(second.why)) == (State.FAILED, True)
    (again,) = get(http, files[:1], out, 1)
    assert again.state is State.HAD


# Parsing


@pytest.mark.parametrize(
    ("text", "checksum"),
    [
        ("1220" + "ab" * 32, "SHA256:" + "ab" * 32),
        ("d50110" + "0c" * 16, "MD5:" + "0c" * 16),
        ("1114" + "0c" * 20, "SHA1:" + "0c" * 20),
        ("1340" + "0c" * 64, "SHA512:" + "0c" * 64),
        ("1220" + "ab" * 31, None),
        ("121f" + "ab" * 31, None),
        ("1620" + "ab" * 32, None),
        ("not hex", None),
        ("ffffffffffffffffffff", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_a_multihash_is_a_checksum_that_we_can_compute_or_none(text: object, checksum: str | None) -> None:
    assert checksum_of(text) == checksum


@given(st.text() | st.binary().map(bytes.hex))
def test_no_multihash_breaks_anything(text: str) -> None:
    assert checksum_of(text) is None or checksum_of(text).split(":")[1] in text.lower().replace(" ", "")  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["../x", "a//b", "/etc/passwd", ".ssh/keys", "a\\b", "a/../b", "a\nb"])
def test_a_file_stays_below_its_folder(name: str) -> None:
    asset = {"href": "https://host/file", "roles": ["data"], "file:local_path": name}
    with pytest.raises(StationAnswerError, match="no plain file name"):
        list(files_of({"id": "item", "assets": {"data": asset}}, "https://host/"))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.sampled_from(["http://[", "data", "//x/a"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["href", "roles", "type", "a", "b"]), inner)
    ),
    max_leaves=8,
)


@given(item=st.fixed_dictionaries({"id": _JSON, "assets": _JSON, "properties": _JSON}))
def test_an_item_of_any_shape_has_files_or_a_sentence(item: dict[str, Any]) -> None:
    found: list[Listed] = []
    with suppress(StationAnswerError):
        found.extend(files_of(item, "https://host/"))
    assert all(".." not in file.name.split("/") and file.url[:4] in {"", "http"} for file in found)


def test_the_command_takes_a_stac_api(url: str, tmp_path: Path) -> None:
    run = CliRunner().invoke
    told = run(command, ["--stac", url, "--list", "--bbox", "29,44,33,48"])
    assert told.output.startswith("S1A_IW_GRDH_1SDV_20200615T130000")
    assert told.output.count("\n") == 1
    asked = ["--stac", url, "--collection", "IW_SLC__1S", "--stop", "2020-06-15T14:30:00Z", "--out", str(tmp_path)]
    done = run(command, asked)
    assert (done.exit_code, len(list(tmp_path.iterdir()))) == (0, 2), done.output
    assert "2 downloaded" in done.output
    assert "say what you want" in run(command, ["--stac", url, "--asset", "thumbnail"]).output
    assert "without --type, which is of OData" in run(command, ["--stac", url, "--type", "IW_SLC__1S"]).output
    assert "without --bbox, which is of STAC" in run(command, ["--bbox", "1,2,3,4"]).output
    assert "is no box of west,south,east,north" in run(command, ["--stac", url, "--bbox", "1,2,3"]).output
    assert "is no WKT" in run(command, ["--stac", url, "--area", "POINT(1"]).output
    assert "no asset 'B02'; it has manifest" in run(command, ["--stac", url, "--asset", "B02", "--limit", "1"]).output
    assert "no link 'search'" in run(command, ["--stac", f"{url}/conformance", "--limit", "1"]).output
