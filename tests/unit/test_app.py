"""Roles step until they are stopped, are woken by news, and drain what they hold before they finish."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attrs import define, field

from s1pdgs.app import keep_going
from s1pdgs.roles import Role
from s1pdgs.storage.bell import Bell

LONG_S = 1000.0


@define
class Loop:
    """A role in a thread of its own; `stepped` is given once for each step."""

    stop: threading.Event = field(factory=threading.Event)
    at_once: threading.Event = field(factory=threading.Event)
    bell: Bell = field(factory=Bell)
    stepped: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))
    told: list[str] = field(factory=list)

    @contextmanager
    def running(self, step: Callable[[], bool] = lambda: False) -> Iterator[None]:
        def counted() -> bool:
            self.told.append("step")
            self.stepped.release()
            return step()

        def drain(at_once: threading.Event) -> None:
            self.told.append("drained" if at_once.wait(LONG_S) else "hung")

        role = Role("test", counted, LONG_S, drain, lambda: self.told.append("finished"), waked=True)
        thread = threading.Thread(target=keep_going, args=(role, self.stop, self.at_once, self.bell))
        thread.start()
        try:
            yield
        finally:
            self.stop.set()
            self.bell.ring()
            self.at_once.set()
            thread.join(60)
            assert not thread.is_alive()

    def wait_step(self) -> None:
        assert self.stepped.acquire(timeout=60)


def test_news_wakes_a_role_that_is_idle_for_long() -> None:
    loop = Loop()
    with loop.running():
        loop.wait_step()
        loop.bell.ring()
        loop.wait_step()


def test_news_that_comes_during_a_step_is_not_missed() -> None:
    loop = Loop()

    def step() -> bool:
        loop.bell.ring()
        return False

    with loop.running(step):
        for _ in range(3):
            loop.wait_step()


def test_at_the_end_a_role_drains_until_it_is_told_and_then_finishes() -> None:
    loop = Loop()
    with loop.running():
        loop.wait_step()
    assert loop.told[-2:] == ["drained", "finished"]


def test_a_role_that_fails_to_drain_finishes_all_the_same() -> None:
    told: list[str] = []

    def drain(_at_once: threading.Event) -> None:
        raise ZeroDivisionError

    stop = threading.Event()
    stop.set()
    role = Role("test", lambda: False, LONG_S, drain, lambda: told.append("finished"))
    keep_going(role, stop, threading.Event(), Bell())
    assert told == ["finished"]
