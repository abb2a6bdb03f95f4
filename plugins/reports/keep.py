"""Keeps the lines: of a ticket whenever something happened to it, of all tickets when they are made anew."""

from __future__ import annotations

import time
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from inbox.toolkit import Event, Ticket, hours, session, settings, transaction
from inbox_plugins.reports import story
from inbox_plugins.reports.models import ReportsLine, ReportsRebuild

CHUNK = 50  # tickets in one transaction: it lasts milliseconds
ONE_RUN = 5.0  # seconds that one run of the rebuild takes
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def working_week() -> hours.Hours:
    """The desk's working hours as the settings of this plugin say, in the desk's time zone."""
    found = settings.get_all(["desk.time_zone", *(f"reports.{day}" for day in WEEKDAYS)])
    return hours.Hours(found["desk.time_zone"], tuple(hours.read_hours(found[f"reports.{day}"]) for day in WEEKDAYS))


def retell(ticket_id: int) -> None:
    """Make the lines of a ticket anew from its events. Safe to repeat."""
    week = working_week()
    with transaction():
        _retell([ticket_id], week)


def _retell(ticket_ids: list[int], week: hours.Hours) -> None:
    """Inside a transaction: all lines of these tickets, of those that exist."""
    current, there = session(), ZoneInfo(week.zone)
    current.execute(sa.delete(ReportsLine).where(ReportsLine.ticket_id.in_(ticket_ids))
                    .execution_options(synchronize_session=False))
    events = current.execute(
        sa.select(Event.id, Event.kind, Event.at, Event.actor_kind, Event.actor_id, Event.data, Event.ticket_id)
        .join(Ticket, Ticket.id == Event.ticket_id)
        .where(Event.ticket_id.in_(ticket_ids), Event.kind.in_(story.RELEVANT))).all()
    rows = []
    for ticket_id in ticket_ids:
        for line in story.lines((each for each in events if each.ticket_id == ticket_id), week):
            local = line.at.astimezone(there)
            rows.append({**vars(line), "ticket_id": ticket_id, "day": local.date(), "hour": local.hour})
    if rows:
        current.execute(sa.insert(ReportsLine), rows)


# --- making all of them anew ------------------------------------------------------------------------------------


def progress() -> ReportsRebuild | None:
    """How far the lines are; None before the first time."""
    return session().get(ReportsRebuild, 1)


def begin_rebuild() -> None:
    """Make all lines anew, from the next run of the job on. What is there stays until its ticket's turn."""
    with transaction() as current:
        last = current.scalar(sa.select(sa.func.max(Ticket.id))) or 0
        current.merge(ReportsRebuild(id=1, done_id=0, last_id=last))


def go_on() -> None:
    """The job: some seconds of a rebuild; the first time it begins by itself."""
    row = progress()
    if row is None:
        begin_rebuild()
        row = progress()
    week, end = working_week(), time.monotonic() + ONE_RUN
    while row is not None and row.done_id < row.last_id and time.monotonic() < end:
        with transaction() as current:
            row = current.get_one(ReportsRebuild, 1, with_for_update=True)
            ids = list(current.scalars(sa.select(Ticket.id).where(
                Ticket.id > row.done_id, Ticket.id <= row.last_id).order_by(Ticket.id).limit(CHUNK)))
            if ids:
                _retell(ids, week)
            row.done_id = ids[-1] if ids else row.last_id
