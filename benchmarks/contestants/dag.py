"""What contestants on the graph share: timing, and s1pdgs itself; peers import the first only."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

LEVELS = 3
_LOOK_S = 0.02


def told(work: Callable[[], int]) -> None:
    """Run the graph, which tells its number of jobs, and print the seconds that it took."""
    begin = time.perf_counter()
    jobs = work()
    print(json.dumps({"wall_s": time.perf_counter() - begin, "jobs": jobs}), flush=True)


def run_s1pdgs(width: int, folder: Path, work: str) -> int:
    """Ingest the causes and wait until the last job of the last level is done."""
    import sqlalchemy as sa  # noqa: PLC0415

    from s1pdgs.app import running  # noqa: PLC0415
    from s1pdgs.ground import open_ground_segment  # noqa: PLC0415
    from s1pdgs.jobs.tables import job  # noqa: PLC0415
    from s1pdgs.model.job import JobState  # noqa: PLC0415
    from s1pdgs.settings import load_settings  # noqa: PLC0415
    from s1pdgs.stations.folder import ingest  # noqa: PLC0415

    data, config = folder / "data", folder / "s1pdgs.toml"
    shutil.rmtree(data, ignore_errors=True)
    chains = f'[triggers]\nchains = "{folder}/chains.toml"\n'
    config.write_text(f'data_dir = "{data}"\n{chains}[work]\nslots = 2\n{work}')
    ground = open_ground_segment(load_settings(config, {}), config)
    done = sa.select(sa.func.count()).where(job.c.state == JobState.DONE)
    with running(ground, ("triggers", "work")):
        for cause in sorted((folder / "causes").iterdir())[:width]:
            ingest(cause, ground.database, ground.store, ground.outbox, ground.work_root / "ingest")
        while True:
            with ground.database.read() as connection:
                if connection.scalar(done) == width * LEVELS:
                    break
            time.sleep(_LOOK_S)
    ground.database.close()
    return width * LEVELS
