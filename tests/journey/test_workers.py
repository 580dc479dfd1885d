"""Workers are told to stop, are killed and start again, on this host and in clusters: every job is done once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.clusters import dask_cluster
from tests.journey.patience import until
from tests.journey.workers import workers
from tests.slurm import slurm_conf

pytestmark = pytest.mark.journey

LEASE = {"lease_s": 5.0, "backoff_s": 0.2}


def test_told_to_stop_they_finish_what_runs_and_take_nothing_new(tmp_path: Path) -> None:
    with workers(tmp_path, 2, drain_s=100.0, **LEASE) as made:
        made.start()
        made.wait_running(1)
        made.signal(signal.SIGTERM)
        assert made.told().startswith("stopping")
        made.let_go(1)
        assert made.wait() == 0
        assert made.states() == {1: "done", 2: "ready"}
        assert (made.attempts(), made.made()) == ([(1, 1, "done")], [1])


@pytest.mark.parametrize(
    ("drain_s", "signals"),
    [(100.0, (signal.SIGTERM, signal.SIGTERM)), (0.0, (signal.SIGINT,))],
)
def test_told_twice_or_without_patience_they_hand_back_at_once(
    tmp_path: Path, drain_s: float, signals: tuple[signal.Signals, ...]
) -> None:
    with workers(tmp_path, 1, drain_s=drain_s, **LEASE) as made:
        made.start()
        made.wait_running(1)
        made.signal(signals[0])
        assert made.told().startswith("stopping")
        for again in signals[1:]:
            made.signal(again)
        assert made.wait() == 0
        assert (made.states(), made.attempts()) == ({1: "ready"}, [(1, 1, "handed back")])
        made.start()
        made.let_go(1)
        made.wait_done()
        assert (made.attempts()[1:], made.made()) == ([(1, 2, "done")], [1])


def test_an_attempt_that_is_cancelled_ends_and_makes_room_for_the_next(tmp_path: Path) -> None:
    with workers(tmp_path, 2, **LEASE) as made:
        made.start()
        made.wait_running(1)
        assert made.call("job", "cancel", "1", "--reason", "it hangs") == "job 1 is stopped and parked\n"
        made.wait_running(2)
        made.let_go(1, 2)
        until(lambda: made.states()[2] == "done", "job 2 is done", made.story)
        assert made.states()[1] == "parked"
        assert (made.attempts(), made.made()) == ([(1, 1, "parked"), (2, 1, "done")], [2])
        made.signal(signal.SIGTERM)
        assert made.wait() == 0


@contextmanager
def place(kind: str, folder: Path) -> Iterator[dict[str, Any]]:
    """The settings of a cluster."""
    if kind == "slurm":
        yield {"runner": "slurm", "waiting": 2}
        return
    folder.mkdir()
    with dask_cluster(folder) as cluster:
        yield {"runner": "dask", "dask_scheduler": cluster.address}


@pytest.mark.parametrize("kind", ["dask", "slurm"])
def test_attempts_in_a_cluster_outlive_workers_that_are_killed_and_are_taken_over(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "slurm":
        monkeypatch.setenv("SLURM_CONF", str(slurm_conf()))
    with place(kind, tmp_path / "cluster") as settings, workers(tmp_path, 3, slots=2, **settings, **LEASE) as made:
        made.start()
        made.wait_running(1)
        made.wait_running(2)
        made.signal(signal.SIGKILL)
        made.wait()
        made.let_go(1)
        made.start()
        made.wait_running(3)
        made.let_go(2, 3)
        made.wait_done()
        assert made.attempts() == [(1, 1, "done"), (2, 1, "done"), (3, 1, "done")]
        assert made.made() == [1, 2, 3]
        made.signal(signal.SIGTERM)
        assert made.wait() == 0
