"""A ground segment keeps all its objects in a bucket, and sends its users there."""

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from attrs import evolve

from s1pdgs.storage.objects.s3_bucket import Place
from s1pdgs.storage.objects.s3_signature import Keys
from tests.journey.conftest import MakeGround
from tests.journey.damage import level_0_chains
from tests.journey.ground import Ground, environment, station
from tests.s3 import empty, s3_place, settings_of

pytestmark = pytest.mark.journey


@pytest.fixture
def place() -> Iterator[Place]:
    made = s3_place()
    yield made
    empty(made)


def in_bucket(place: Place) -> dict[str, object]:
    return {f"store__{key}": value for key, value in settings_of(place).items()}


def downloaded(ground: Ground, name: str) -> tuple[int, str]:
    """How the doors answer to a download, and the SHA-256 of what users get in the end."""
    with httpx2.Client(base_url=f"{ground.url}/odata/v1") as client:
        found = client.get("/Products", params={"$filter": f"Name eq '{name}.zip'"}).json()["value"][0]
        address = f"/Products({found['Id']})/$value"
        whole = client.get(address, follow_redirects=True).content
        return client.get(address).status_code, hashlib.sha256(whole).hexdigest()


def test_a_downlink_goes_through_a_bucket(tiny: Path, tmp_path: Path, make_ground: MakeGround, place: Place) -> None:
    with station(tiny) as source:
        ground = make_ground(
            source, chains=level_0_chains(tmp_path / "chains"), serve__presign=True, **in_bucket(place)
        )
        ground.start()
        ground.wait(lambda: ground.settled("S3_RAW__0A"), "Level-0 is made and published")
        published = ground.publications()
        told = {row.name: downloaded(ground, row.name) for row in published}
        ground.call("get", "S1", "--url", f"{ground.url}/odata/v1", "--out", str(tmp_path))
        verdict = ground.call("product", "verify", "--all")
        ground.stop()
    assert verdict.endswith("all as catalogued\n")
    assert {row.state for row in published} == {"published"}
    assert told == {row.name: (307, row.sha256) for row in published}
    assert {path.name for path in tmp_path.glob("*.zip")} == {f"{row.name}.zip" for row in published}
    assert not (ground.data_dir / "objects").exists()


def test_a_run_with_wrong_keys_ends_at_once_with_the_setting(tiny: Path, make_ground: MakeGround, place: Place) -> None:
    wrong = evolve(place, keys=Keys("operator", "wrong"))
    with station(tiny) as source:
        ground = make_ground(source, **in_bucket(wrong))
    done = subprocess.run(
        ground.command("run"), capture_output=True, text=True, env=environment(), timeout=120, check=False
    )
    assert done.returncode == 1
    assert "it does not know access key operator with this secret; set [store] access_key" in done.stderr
