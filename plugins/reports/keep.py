"""Keeps the lines: of a ticket whenever something happened to it, of all tickets when they are made anew."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from inbox.toolkit import Event, Ticket, hours, session, settings, transaction
from inbox_plugins.reports import story
from inbox_plugins.reports.models import ReportsLine, ReportsRebuild

CHUNK = 20  # tickets in one transaction: it lasts milliseconds
ONE_RUN = 5.0  # seconds that one run of the rebuild takes
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def working_week() -> hours.Hours:
    """The desk's working hours as the settings of this plugin say, in the desk's time zone."""
    found = settings.get_all(["desk.time_zone", *(f"reports.{day}" for day in WEEKDAYS)])
    return hours.Hours(found["desk.time_zone"], tuple(hours.read_hours(found[f"reports.{day}"]) for day in WEEKDAYS))


def retell(*ticket_ids: int) -> None:
    """Make the lines of tickets anew from their events. Safe to repeat, and while another worker does the same."""
    _retell(list(ticket_ids), working_week())


def _retell(ticket_ids: list[int], week: hours.Hours) -> None:
    """All lines of these tickets, of those that exist. Working hours take their time: before the write begins."""
    while ticket_ids:
        told = _told(ticket_ids, week)
        with transaction():
            ticket_ids = _store(told)


@dataclass(frozen=True)
class _Told:
    """The rows of one ticket, and of which events they were made."""

    events: list[int]
    rows: list[dict[str, Any]]


def _told(ticket_ids: list[int], week: hours.Hours) -> dict[int, _Told]:
    there, events = ZoneInfo(week.zone), defaultdict(list)
    for event in session().execute(
            sa.select(Event.id, Event.kind, Event.at, Event.actor_kind, Event.actor_id, Event.data, Event.ticket_id)
            .where(*_counted(ticket_ids)).order_by(Event.id)):
        events[event.ticket_id].append(event)
    found = {}
    for ticket_id in ticket_ids:
        rows = []
        for line in story.lines(events[ticket_id], week):
            local = line.at.astimezone(there)
            rows.append({**vars(line), "ticket_id": ticket_id, "day": local.date(), "hour": local.hour})
        found[ticket_id] = _Told([event.id for event in events[ticket_id]], rows)
    return found


def _counted(ticket_ids: Iterable[int]) -> list[sa.ColumnElement[bool]]:
    return [Event.ticket_id.in_(list(ticket_ids)), Event.kind.in_(story.RELEVANT)]


def _store(told: dict[int, _Told]) -> list[int]:
    """Inside a transaction. Returns the tickets to which something happened meanwhile: they have to be told again.

    The rows of the tickets are locked first, in one order: whoever tells of the same ticket waits here.
    """
    current, events = session(), defaultdict(list)
    there = current.scalars(sa.select(Ticket.id).where(Ticket.id.in_(list(told))).order_by(Ticket.id)
                            .with_for_update(key_share=True)).all()
    for event_id, ticket_id in current.execute(sa.select(Event.id, Event.ticket_id).where(*_counted(there))
                                               .order_by(Event.id)):
        events[ticket_id].append(event_id)
    same = [each for each in there if events[each] == told[each].events]
    current.execute(sa.delete(ReportsLine).where(ReportsLine.ticket_id.in_(same))
                    .execution_options(synchronize_session=False))
    rows = [row for each in same for row in told[each].rows]
    if rows:
        current.execute(sa.insert(ReportsLine), rows)
    return [each for each in there if each not in same]


# --- making all of them anew ------------------------------------------------------------------------------------


def progress() -> ReportsRebuild | None:
    """How far the lines are; None before the first time."""
    return session().get(ReportsRebuild, 1, populate_existing=True)


def begin_rebuild() -> None:
    """Make all lines anew, from the next run of the job on. What is there stays until its ticket's turn."""
    try:
        _begin()
    except IntegrityError:  # somebody else began, for the first time, at the same moment
        _begin()


def _begin() -> None:
    with transaction() as current:
        last = current.scalar(sa.select(sa.func.max(Ticket.id))) or 0
        row = current.get(ReportsRebuild, 1, with_for_update=True)
        if row is None:
            row = ReportsRebuild(id=1, turn=0)
            current.add(row)
        row.turn, row.done_id, row.last_id = row.turn + 1, 0, last


def go_on() -> None:
    """The job: some seconds of a rebuild; the first time it begins by itself."""
    end = time.monotonic() + ONE_RUN
    if progress() is None:
        begin_rebuild()
    while time.monotonic() < end and _next_chunk():
        pass


def _next_chunk() -> bool:
    """Some tickets of a rebuild. Returns whether there may be more."""
    row = progress()
    if row is None or row.done_id >= row.last_id:
        return False
    turn, done_id, last_id = row.turn, row.done_id, row.last_id
    ids = list(session().scalars(sa.select(Ticket.id).where(Ticket.id > done_id, Ticket.id <= last_id)
                                 .order_by(Ticket.id).limit(CHUNK)))
    _retell(ids, working_week())
    with transaction() as current:
        row = current.get_one(ReportsRebuild, 1, with_for_update=True)
        if row.turn == turn:  # else it was begun anew meanwhile, perhaps with other hours
            row.done_id = ids[-1] if ids else last_id
    return True
