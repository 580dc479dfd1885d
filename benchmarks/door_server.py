"""The doors as they are served: `python -m benchmarks.door_server DATABASE FOLDER`, until standard input ends.

DATABASE is a file of SQLite or the URL of PostgreSQL, FOLDER holds the objects. The address is its first line.
"""

import sys
from pathlib import Path

from fastapi import FastAPI

from s1pdgs.doors import serving
from s1pdgs.publication.service import mount
from s1pdgs.storage.database import open_postgres, open_sqlite
from s1pdgs.storage.objects import local_objects


def main() -> None:
    where, folder = sys.argv[1:]
    database = open_postgres(where) if "://" in where else open_sqlite(Path(where))
    app = FastAPI()
    mount(app, database, local_objects(Path(folder)))
    with serving(app, "127.0.0.1", 0) as doors:
        sys.stdout.write(f"{doors.url}\n")
        sys.stdout.flush()
        sys.stdin.read()
    database.close()


main()
