"""A worker of the queue, `claim_jobs.py DATABASE`: waits for a line, claims and completes jobs until there is none, and
prints when it began and ended (seconds since 1970) and how many jobs it did.
"""

import json
import sys
import time
from pathlib import Path

from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs import queue
from s1pdgs.model.time import SystemClock
from s1pdgs.storage.database import open_postgres, open_sqlite

where = sys.argv[1]
database = open_postgres(where) if "://" in where else open_sqlite(Path(where))
outbox, done = Outbox(SystemClock()), 0
with database.read() as connection:
    queue.is_any_due(connection, outbox.clock.now())
print("ready", flush=True)
sys.stdin.readline()
begin_s = time.time()
while True:
    with database.write(alone=False) as connection:
        claim = queue.claim(connection, outbox, "bench")
    if claim is None:
        break
    with database.write() as connection:
        done += queue.finish(connection, outbox, claim, [])
print(json.dumps({"begin_s": begin_s, "end_s": time.time(), "done": done}))
