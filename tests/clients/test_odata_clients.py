"""Clients of OData that were made for others take us for these: Copernicus, and any service that describes itself."""

from pathlib import Path

from tests.clients.conftest import Judge
from tests.clients.test_clients import names
from tests.unit.publication.conftest import PNG


def test_eodag_takes_us_for_copernicus(site: str, judge: Judge, tmp_path: Path) -> None:
    found = judge("eodag_cdse_judge.py", str(tmp_path))
    of_type = "startswith(Name,'S1') and contains(Name,'_IW_SLC__1S') and ContentDate/Start lt 2020-06-16 and"
    italy = "OData.CSC.Intersects(area=geography'SRID=4326;POLYGON((9 44,20 44,20 48,9 48,9 44))')"
    wanted = names(site, f"{of_type} {italy}")
    assert (found["matched"], sorted(found["every"])) == (2, sorted(wanted))
    assert found["by"] == {
        "orbit": wanted[:1], "relative orbit": wanted[:1], "direction": wanted[1:], "published": wanted[1:],
        "polarisation": wanted, "facility": wanted,
    }  # fmt: skip
    assert found["quicklook"] == len(PNG)
    assert found["folder"] == wanted[0]


def test_cdse_client_finds_a_product_by_the_name_of_its_folder(site: str, judge: Judge, tmp_path: Path) -> None:
    wanted = names(site, "contains(Name,'_IW_SLC__1S')")[1]
    found = judge("cdse_client_judge.py", str(tmp_path), f"{wanted}.SAFE")
    assert found["exact"] == found["prefix"] == found["by_id"] == f"{wanted}.SAFE.zip"
    assert found["unknown"] is None
    assert Path(found["file"]).stat().st_size == found["size"]


def test_python_odata_understands_the_model(site: str, judge: Judge) -> None:
    found = judge("python_odata_judge.py")
    wanted = names(site, "contains(Name,'_IW_SLC_')")[:-3:-1]
    assert found["sets"] == ["Orders", "ProductionOrder", "ProductionOrders", "Products", "Subscriptions", "Workflows"]
    assert [name.removesuffix(".SAFE.zip") for name in found["names"]] == wanted
    assert found["one"] == found["names"][0]
    assert (found["kind"], found["attributes"]) == ("systematic_production", 17)
    assert found["later"] >= 5
