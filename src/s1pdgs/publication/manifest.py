"""The integrity manifest of a product: every file of its zip with size and checksums.

Its shape is that of a trace of the Copernicus Traceability Service (`product`, `contents`, `hash_algorithm`; see
docs/decisions/0015), so that one can be registered from it; each entry has size and MD5 besides. As text it is what
`sha256sum --check` reads beside the unpacked zip.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from s1pdgs.catalogue.tables import product_file
from s1pdgs.model.product import StoredFile
from s1pdgs.model.time import format_iso
from s1pdgs.publication.archive import path_in_zip
from s1pdgs.publication.search import Published


def files_of(connection: sa.Connection, product: Published) -> list[StoredFile]:
    """The catalogued files of a product, in order of paths."""
    query = sa.select(product_file).where(product_file.c.product_id == product.id).order_by(product_file.c.path)
    return [StoredFile(row.path, row.size, row.md5, row.sha256) for row in connection.execute(query)]


def manifest(product: Published, files: Sequence[StoredFile]) -> dict[str, Any]:
    """The manifest as JSON values."""
    contents = [
        {
            "path": path_in_zip(product.name, files, stored),
            "size": stored.size,
            "hash": stored.sha256,
            "md5": stored.md5,
        }
        for stored in files
    ]
    whole = {"name": product.archive_name, "size": product.size, "hash": product.sha256, "md5": product.md5}
    return {
        "hash_algorithm": "SHA256",
        "timestamp": format_iso(product.published_at),
        "product": {**whole, "contents": contents},
    }


def manifest_text(product: Published, files: Sequence[StoredFile]) -> str:
    """The manifest as lines of SHA-256 and path."""
    return "".join(f"{stored.sha256}  {path_in_zip(product.name, files, stored)}\n" for stored in files)
