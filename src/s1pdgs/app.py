"""A ground segment at work: its roles run in threads until they are stopped."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING

import structlog

from s1pdgs.storage.bell import Bell
from s1pdgs.store import open_store

if TYPE_CHECKING:
    from s1pdgs.doors import Doors


from s1pdgs.ground import GroundSegment
from s1pdgs.roles import ROLES, Role, roles_of

logger = structlog.get_logger(__name__)

AFTER_ERROR_S = 2.0


@contextmanager
def running(
    ground: GroundSegment, names: tuple[str, ...] = ROLES, at_once: threading.Event | None = None
) -> Iterator["Doors | None"]:
    """Run roles in threads of this process; at the end of the block they drain, until `at_once` is set, and stop. The
    doors, when they serve.
    """
    stop, at_once, bell = threading.Event(), at_once or threading.Event(), ground.database.bell
    with ExitStack() as stack:
        doors = stack.enter_context(_serving(ground)) if "serve" in names else None
        threads = [
            threading.Thread(target=keep_going, args=(role, stop, at_once, bell), name=role.name)
            for name in names
            for role in roles_of(ground, name)
        ]
        for thread in threads:
            thread.start()
        try:
            yield doors
        finally:
            stop.set()
            bell.ring()
            for thread in threads:
                thread.join()


def _serving(ground: GroundSegment) -> AbstractContextManager["Doors"]:
    from s1pdgs.doors import application, serving  # noqa: PLC0415

    serve = ground.settings.serve
    store = open_store(ground.settings, ground.settings.data_dir, hurried=True)
    app = application(ground.settings, ground.database, store, ground.outbox, ground.work_root / "jobs")
    return serving(app, serve.host, serve.port)


def keep_going(role: Role, stop: threading.Event, at_once: threading.Event, bell: Bell) -> None:
    """Step until stopped. An error ends the step, not the loop: it is logged and the loop rests a little."""
    log = logger.bind(role=role.name)
    while not stop.is_set():
        heard = bell.count
        try:
            worked = role.step()
        except Exception:
            log.exception("step failed")
            stop.wait(AFTER_ERROR_S)
            continue
        if worked:
            continue
        if role.waked:
            bell.wait(heard, role.idle_s)
        else:
            stop.wait(role.idle_s)
    try:
        role.drain(at_once)
    except Exception:
        log.exception("draining failed")
    role.finish()
