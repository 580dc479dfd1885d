"""Where bytes rest: one protocol over a local folder, an S3 bucket or memory."""

from s1pdgs.storage.objects.local import LocalObjects, local_objects
from s1pdgs.storage.objects.obstores import MemoryObjects, memory_objects
from s1pdgs.storage.objects.protocol import (
    CHUNK_BYTES,
    Checksums,
    KeyTaken,
    MissingObject,
    ObjectStore,
    Proof,
    StorageError,
    Tally,
    checksums_of,
    fetch_file,
    file_chunks,
    put_file,
    safe_key,
)

__all__ = [
    "CHUNK_BYTES",
    "Checksums",
    "KeyTaken",
    "LocalObjects",
    "MemoryObjects",
    "MissingObject",
    "ObjectStore",
    "Proof",
    "StorageError",
    "Tally",
    "checksums_of",
    "fetch_file",
    "file_chunks",
    "local_objects",
    "memory_objects",
    "put_file",
    "safe_key",
]
