"""The object store that the settings name."""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from s1pdgs.settings import Settings, SettingsError, Store
from s1pdgs.storage.objects import ObjectStore, local_objects

if TYPE_CHECKING:
    from s1pdgs.storage.objects.s3_bucket import Place


def open_store(
    settings: Settings, folder: Path, environment: Mapping[str, str] = os.environ, *, hurried: bool = False
) -> ObjectStore:
    """The store below a data directory, or in a bucket, which is not asked yet; `hurried` for those whom people wait
    for. `SettingsError` where keys lack.
    """
    if settings.store.url is None:
        return local_objects(folder / "objects")
    from s1pdgs.storage.objects.s3 import s3_objects  # noqa: PLC0415  who has no bucket does not wait for its import

    serve = settings.serve
    signed_for = timedelta(seconds=serve.presign_s) if serve.presign else None
    place = _place(settings.store, settings.store.url, environment)
    return s3_objects(place.hurried if hurried else place, signed_for)


def open_archive(settings: Settings, environment: Mapping[str, str] = os.environ) -> ObjectStore | None:
    """The store of the archive, None without one. `SettingsError` where its folder or keys lack: a folder is not made,
    because it may be the place of a disk that is not mounted.
    """
    told = settings.archive
    if told.url is not None:
        from s1pdgs.storage.objects.s3 import s3_objects  # noqa: PLC0415

        return s3_objects(_place(settings.store, told.url, environment), None)
    if told.folder is not None and not told.folder.is_dir():
        raise SettingsError(f"archive.folder: there is no folder {told.folder}; mount or make it")
    return None if told.folder is None else local_objects(told.folder)


def _place(told: Store, url: str, environment: Mapping[str, str]) -> "Place":
    from s1pdgs.storage.objects.s3_bucket import Place  # noqa: PLC0415
    from s1pdgs.storage.objects.s3_signature import Keys  # noqa: PLC0415

    if told.access_key is not None and told.secret_key is not None:
        keys = Keys(told.access_key.get_secret_value(), told.secret_key.get_secret_value())
    elif "AWS_ACCESS_KEY_ID" in environment and "AWS_SECRET_ACCESS_KEY" in environment:
        token = environment.get("AWS_SESSION_TOKEN")
        keys = Keys(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], token)
    else:
        raise SettingsError(
            "store: url wants access_key and secret_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the "
            "environment"
        )
    return evolve(
        Place.of(url, told.endpoint, keys, told.region),
        virtual_host=told.virtual_host,
        public_endpoint=told.public_endpoint,
        timeout_s=told.timeout_s,
        patience_s=told.patience_s,
    )
