"""What is planned to be acquired: the data takes of acquisition plans, of which the newest counts for each moment.

A data take of an older plan that begins within the time of a newer one is replaced by it, whether the newer plan has it
again or not. What was replaced stays, so that it can be told. Functions work in the caller's transaction.
"""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue import tables as t
from s1pdgs.formats.acquisition_plan import AcquisitionPlan
from s1pdgs.model.interval import Interval

_BATCH = 500


@frozen
class Planned:
    """A planned data take; `plan` names the product. `replaced_by` names the newer plan that left it out or repeats it.

    `swath` is that of modes with a single one.
    """

    plan: str
    satellite: str
    datatake: int | None
    mode: str
    swath: str | None
    polarisation: str | None
    interval: Interval
    orbit: int | None
    replaced_by: str | None


def record(connection: sa.Connection, plan: AcquisitionPlan) -> bool:
    """Take a plan into the account; False when it is there already."""
    name, table = plan.name, t.acquisition_plan
    if connection.scalar(sa.select(table.c.id).where(table.c.name == name.name)) is not None:
        return False
    others = _overlapping(connection, name.satellite, name.validity)
    values = {
        "name": name.name, "satellite": name.satellite, "start": name.validity.start, "stop": name.validity.stop,
        "made": name.made,
    }  # fmt: skip
    inserted = connection.execute(table.insert().values(values))
    number: int = inserted.inserted_primary_key[0]  # type: ignore[index]
    newer = [other for other in others if other.made > name.made]
    _replace(connection, number, name.validity, [other.id for other in others if other.made <= name.made])
    rows = [
        {
            "plan_id": number,
            "satellite": name.satellite,
            "datatake": take.datatake,
            "mode": take.mode,
            "swath": take.swath,
            "polarisation": take.polarisation,
            "start": take.interval.start,
            "stop": take.interval.stop,
            "orbit": take.orbit,
            "replaced_by": next((each.id for each in newer if each.start <= take.interval.start <= each.stop), None),
        }
        for take in plan.takes
    ]
    if rows:
        connection.execute(t.planned_datatake.insert(), rows)
    return True


def _replace(connection: sa.Connection, plan: int, time: Interval, older: list[int]) -> None:
    row = t.planned_datatake.c
    within = sa.and_(row.start.between(time.start, time.stop), row.replaced_by.is_(None), row.plan_id.in_(older))
    connection.execute(t.planned_datatake.update().where(within).values(replaced_by=plan))


def _overlapping(connection: sa.Connection, satellite: str, time: Interval) -> list[sa.Row[Any]]:
    """The plans of a satellite about any of a time, newest first."""
    plan = t.acquisition_plan.c
    query = sa.select(t.acquisition_plan).where(
        plan.satellite == satellite, plan.stop >= time.start, plan.start <= time.stop
    )
    return list(connection.execute(query.order_by(plan.made.desc(), plan.id.desc())).all())


def planned_times(connection: sa.Connection, satellite: str, time: Interval) -> list[Interval]:
    """The times of the plans of a satellite about any of a time: what it acquires within them is planned."""
    return [Interval(row.start, row.stop) for row in _overlapping(connection, satellite, time)]


def begun_within(connection: sa.Connection, time: Interval, limit: int | None = None) -> list[Planned]:
    """Data takes planned to begin within a time, by the plans that count, newest first."""
    row = t.planned_datatake.c
    query = _planned().where(row.replaced_by.is_(None), row.start.between(time.start, time.stop))
    return _read(connection, query.order_by(row.start.desc(), row.id.desc()).limit(limit))


def identified(connection: sa.Connection, datatakes: Iterable[int]) -> list[Planned]:
    """Planned data takes of some identifiers, of any satellite, by time; those that were replaced come last."""
    wanted, found = sorted(set(datatakes)), []
    row = t.planned_datatake.c
    for begin in range(0, len(wanted), _BATCH):
        found.extend(_read(connection, _planned().where(row.datatake.in_(wanted[begin : begin + _BATCH]))))
    return sorted(found, key=lambda each: (each.replaced_by is not None, each.interval.start, each.plan))


def _planned() -> sa.Select[Any]:
    take, plan, newer = t.planned_datatake, t.acquisition_plan, t.acquisition_plan.alias("newer")
    return (
        sa.select(take, plan.c.name.label("plan"), newer.c.name.label("replaced_by_plan"))
        .join(plan, plan.c.id == take.c.plan_id)
        .outerjoin(newer, newer.c.id == take.c.replaced_by)
    )


def _read(connection: sa.Connection, query: sa.Select[Any]) -> list[Planned]:
    return [
        Planned(
            plan=row.plan,
            satellite=row.satellite,
            datatake=row.datatake,
            mode=row.mode,
            swath=row.swath,
            polarisation=row.polarisation,
            interval=Interval(row.start, row.stop),
            orbit=row.orbit,
            replaced_by=row.replaced_by_plan,
        )
        for row in connection.execute(query).all()
    ]
