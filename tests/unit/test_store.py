"""The settings name the store, and say what it lacks."""

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from s1pdgs.settings import Settings, SettingsError, load_settings
from s1pdgs.storage.objects import LocalObjects
from s1pdgs.storage.objects.s3 import S3Objects
from s1pdgs.storage.objects.s3_bucket import HURRY_S
from s1pdgs.storage.objects.s3_signature import Keys
from s1pdgs.store import open_store

IN_A_BUCKET = {"url": "s3://pdgs/site/one", "endpoint": "https://s3.example.org/", "access_key": "A", "secret_key": "B"}


def settings(store: dict[str, Any], **serve: Any) -> Settings:
    return Settings.model_validate({"store": store, "serve": serve})


def bucket(store: dict[str, Any], environment: dict[str, str], **serve: Any) -> S3Objects:
    opened = open_store(settings(store, **serve), Path("unused"), environment)
    assert isinstance(opened, S3Objects)
    opened.bucket.http.close()
    return opened


def test_without_a_bucket_objects_are_files_of_the_data_directory(tmp_path: Path) -> None:
    assert open_store(settings({}), tmp_path, {}) == LocalObjects(tmp_path / "objects")


def test_a_bucket_is_named_with_its_prefix() -> None:
    place = bucket(IN_A_BUCKET, {}).bucket.place
    assert (place.bucket, place.prefix, place.endpoint) == ("pdgs", "site/one/", "https://s3.example.org")
    assert place.keys == Keys("A", "B")
    assert place.root(place.endpoint) == "https://s3.example.org/pdgs"


def test_the_bucket_can_stand_in_the_name_of_the_host() -> None:
    place = bucket({**IN_A_BUCKET, "virtual_host": True}, {}).bucket.place
    assert place.root(place.endpoint) == "https://pdgs.s3.example.org"


def test_keys_and_server_are_those_of_the_environment_where_none_are_set() -> None:
    lent = {"AWS_ACCESS_KEY_ID": "C", "AWS_SECRET_ACCESS_KEY": "D", "AWS_SESSION_TOKEN": "E"}
    place = bucket({"url": "s3://pdgs", "region": "eu-west-1"}, lent).bucket.place
    assert (place.keys, place.endpoint, place.prefix) == (
        Keys("C", "D", "E"),
        "https://s3.eu-west-1.amazonaws.com",
        "",
    )


def test_addresses_are_signed_when_users_are_to_be_sent_to_the_store() -> None:
    assert bucket(IN_A_BUCKET, {}).sign("a", "a", "image/png") is None
    address = bucket(IN_A_BUCKET, {}, presign=True, presign_s=90).sign("a", "a", "image/png") or ""
    assert address.startswith("https://s3.example.org/pdgs/site/one/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&")
    assert "&X-Amz-Expires=90&" in address


def test_who_is_waited_for_by_people_gives_up_soon() -> None:
    patient = bucket(IN_A_BUCKET, {}).bucket.place
    assert patient.patience_s == 300.0
    hurried = open_store(settings(IN_A_BUCKET), Path("unused"), {}, hurried=True)
    assert isinstance(hurried, S3Objects)
    hurried.bucket.http.close()
    assert hurried.bucket.place == evolve(patient, patience_s=HURRY_S)


def test_a_bucket_without_keys_is_refused() -> None:
    with pytest.raises(SettingsError, match="access_key and secret_key, or AWS_ACCESS_KEY_ID"):
        open_store(settings({"url": "s3://pdgs"}), Path("unused"), {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("url = 'pdgs'", r"store\.url: .*'s3://bucket/prefix' is wanted"),
        ("url = 's3://Pdgs_1'", r"store\.url: .*buckets have small letters"),
        ("url = 's3://pdgs//a'", r"store\.url: .*is wanted"),
        ("url = 's3://pdgs'\naccess_key = 'A'", "access_key and secret_key go together"),
        ("urll = 's3://pdgs'", "did you mean 'url'"),
    ],
)
def test_what_cannot_be_a_store_is_told(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "s1pdgs.toml"
    path.write_text(f"[store]\n{text}\n")
    with pytest.raises(SettingsError, match=message):
        load_settings(path, {})
