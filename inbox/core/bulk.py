"""The same done to many tickets: those picked, or all that a list holds; with progress, a stop, and a way back.

A few (`AT_ONCE`) are done while the agent waits. More are a job: it notes which tickets are meant, then changes them
in transactions of some milliseconds with pauses between, so that nobody else waits, and each ticket under the same
rules as if it were the only one. What each was before is kept for a day; taking it back leaves out those that
somebody has changed meanwhile.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from inbox.core import events, permissions, queue, views
from inbox.core.bulk_acts import ACTS, Act, kept, put_back
from inbox.core.errors import CoreError, Invalid, NotAllowed, NotFound
from inbox.core.events import Actor
from inbox.core.models import Agent, BulkAct, BulkTicket, Event, Ticket
from inbox.db import session, transaction, utcnow

JOB = "bulk.work"
AT_ONCE = 50
BATCH = 20  # tickets in one transaction at most; fewer on a machine that takes longer than `TARGET` for them
FEWEST = 4
TARGET = 0.04  # seconds of a transaction
SLICE_SECONDS = 5.0  # then another job of the lane has its turn, and this one is queued again
SHORTEST_PAUSE = 0.01  # between transactions; as long as the transaction took, so that others may write half the time
GATHER = 500
MOST = 200_000  # tickets of one act
UNDO = dt.timedelta(hours=24)
BUSY = ("gathering", "running", "undoing")
_TOO_LATE = "This can no longer be undone."


# --- beginning --------------------------------------------------------------------------------------------------


def start(act: str, value: str, *, by: Actor, numbers: Iterable[int] = (),
          place: dict[str, Any] | None = None) -> BulkAct:
    """Do `act` to the tickets of these numbers, or to all of a place (arguments of `views.page`).

    Few of them are changed when this returns; for more, a job goes on. Raises Invalid, NotAllowed, NotFound.
    """
    agent, chosen = by.agent, ACTS.get(act)
    if chosen is None or agent is None:
        raise NotFound()
    permissions.require(by, chosen.ability)
    args = chosen.read(value)
    ids = _picked(numbers, agent) if place is None else _all_if_few(place, agent)
    if ids is not None and not ids:
        raise Invalid("number", "No ticket is selected.")
    with transaction() as current:
        row = BulkAct(agent_id=agent.id, act=act, args=args, place=place or {}, total=len(ids or ()),
                      state="gathering" if ids is None else "running", done=0)
        current.add(row)
        current.flush()
        current.add_all(BulkTicket(bulk_id=row.id, ticket_id=each) for each in ids or ())
        agent.preferences = {**agent.preferences, "bulk": row.id}  # pages show how far it is
        if ids is None or len(ids) > AT_ONCE:
            queue.enqueue(JOB, {"bulk": row.id})
    if ids is not None and len(ids) <= AT_ONCE:
        _go_through(row.id, "running", _change)
    return row


def _picked(numbers: Iterable[int], agent: Agent) -> list[int]:
    query = sa.select(Ticket.id).where(Ticket.number.in_(sorted(set(numbers))[:1000]))
    return list(session().scalars(permissions.visible(query, agent).order_by(Ticket.id)))


def _all_if_few(place: dict[str, Any], agent: Agent) -> list[int] | None:
    """The tickets of a place, or None when they are too many to be done at once."""
    page = views.page(agent, **place, limit=AT_ONCE + 1)
    return None if len(page.rows) > AT_ONCE or page.next else sorted(row.id for row in page.rows)


# --- the job ----------------------------------------------------------------------------------------------------


def carry_on(bulk_id: int) -> None:
    """Go on where it was left, for some seconds; what is left then is queued. Called by the job."""
    row = session().get(BulkAct, bulk_id)
    if row is None or row.state not in BUSY:
        return
    if not row.agent.is_active:
        return stop(row, by=Actor.of(row.agent))
    end = time.monotonic() + SLICE_SECONDS
    if row.state == "gathering":
        _gather(row.id, row.agent, end)
    if row.state in ("running", "undoing"):
        _go_through(row.id, row.state, _change if row.state == "running" else _return, end)
    session().refresh(row)
    if row.state in BUSY:
        with transaction():
            queue.enqueue(JOB, {"bulk": bulk_id})


def _gather(bulk_id: int, agent: Agent, end: float) -> None:
    """Note the tickets of the place, page by page. The cursor is kept, so that a restart goes on."""
    while time.monotonic() < end:
        row = session().get_one(BulkAct, bulk_id)
        page = views.page(agent, **row.place, limit=GATHER)
        ids = [each.id for each in page.rows]
        with transaction() as current:
            row = current.get_one(BulkAct, bulk_id)
            if row.state != "gathering":
                return
            known = set(current.scalars(sa.select(BulkTicket.ticket_id).where(
                BulkTicket.bulk_id == bulk_id, BulkTicket.ticket_id.in_(ids))))
            fresh = [each for each in ids if each not in known]
            current.add_all(BulkTicket(bulk_id=bulk_id, ticket_id=each) for each in fresh)
            row.total += len(fresh)
            row.place = {**row.place, "after": page.next}
            if page.next is None or row.total >= MOST:
                row.state = "running"
                return
        time.sleep(SHORTEST_PAUSE)


Step = Callable[[BulkAct, Sequence[BulkTicket], dict[int, Ticket]], None]


def _go_through(bulk_id: int, state: str, step: Step, end: float | None = None) -> None:
    """Transaction by transaction until all are done, somebody stops it, or the time is over."""
    waits, size = "waiting" if state == "running" else "done", BATCH
    while end is None or time.monotonic() < end:
        began = time.monotonic()
        with transaction() as current:
            row = current.get_one(BulkAct, bulk_id)
            if row.state != state:
                return
            lines = current.scalars(sa.select(BulkTicket).where(
                BulkTicket.bulk_id == bulk_id, BulkTicket.state == waits)
                .order_by(BulkTicket.ticket_id).limit(size)).all()
            if not lines:
                return _finish(row)
            found = {each.id: each for each in current.scalars(
                sa.select(Ticket).where(Ticket.id.in_([line.ticket_id for line in lines])))}
            step(row, lines, found)
        if end is not None:
            took = time.monotonic() - began
            size = max(min(BATCH, FEWEST), size // 2) if took > TARGET else min(BATCH, size + 2)
            time.sleep(max(SHORTEST_PAUSE, took))


def _finish(row: BulkAct) -> None:
    by, is_undo = Actor.of(row.agent), row.state == "undoing"
    row.state = "undone" if is_undo else "done"
    row.finished_at = row.finished_at if is_undo else utcnow()
    if is_undo:
        events.record("bulk_undone", by=by, bulk=row.id, act=row.act, count=row.undone)
    else:
        events.record("bulk_done", by=by, bulk=row.id, act=row.act, count=row.done, agent=row.args.get("agent"))


def _change(row: BulkAct, lines: Sequence[BulkTicket], found: dict[int, Ticket]) -> None:
    act, args, by = ACTS[row.act], row.args, Actor("agent", row.agent_id, "web", row.agent, bulk=row.id)
    results = [_change_one(act, args, found.get(line.ticket_id), by) for line in lines]
    # Noted at the end: what is changed on a row is sent with the next event, ticket by ticket.
    last = session().scalar(sa.select(sa.func.max(Event.id)))
    for line, values in zip(lines, results, strict=True):
        for name, value in values.items():
            setattr(line, name, value)
        line.event_id = last
    states = [values["state"] for values in results]
    row.done, row.same = row.done + states.count("done"), row.same + states.count("same")
    row.refused += states.count("refused")


def _change_one(act: Act, args: dict[str, Any], ticket: Ticket | None, by: Actor) -> dict[str, Any]:
    """Do it to one ticket; what is to be noted about it."""
    if ticket is None:
        return {"state": "refused", "why": str(NotFound())}
    before, version = kept(ticket, act, args), ticket.version
    try:
        act.run(ticket, args, by)
    except CoreError as error:
        return {"state": "refused", "why": str(error)[:200]}
    if ticket.version == version:
        return {"state": "same"}
    return {"state": "done", "before": before, "version": ticket.version}


# --- stopping and going back ------------------------------------------------------------------------------------


def stop(row: BulkAct, *, by: Actor) -> None:
    """Leave the rest as it is; what was done can be undone."""
    _own(row, by)
    with transaction():
        if row.state in ("gathering", "running"):
            row.state, row.finished_at = "stopped", utcnow()
            events.record("bulk_done", by=by, bulk=row.id, act=row.act, count=row.done, agent=row.args.get("agent"))


def put_away(agent: Agent) -> None:
    """Pages show no longer how the latest act went."""
    with transaction():
        agent.preferences = {key: value for key, value in agent.preferences.items() if key != "bulk"}


def can_undo(row: BulkAct) -> bool:
    """True for a day, once."""
    return row.state in ("done", "stopped") and row.done > 0 and utcnow() - (row.finished_at or row.at) < UNDO


def undo(row: BulkAct, *, by: Actor) -> None:
    """Make the tickets again what they were, but for those changed meanwhile. Few at once, more by the job."""
    _own(row, by)
    permissions.require(by, ACTS[row.act].ability)
    with transaction():
        if not can_undo(row):
            raise Invalid("bulk", _TOO_LATE)
        row.state = "undoing"
        row.agent.preferences = {**row.agent.preferences, "bulk": row.id}
        is_small, bulk_id = row.done <= AT_ONCE, row.id
        if not is_small:
            queue.enqueue(JOB, {"bulk": bulk_id})
    if is_small:
        _go_through(bulk_id, "undoing", _return)


def _return(row: BulkAct, lines: Sequence[BulkTicket], found: dict[int, Ticket]) -> None:
    # Whose act it was may have moved tickets out of the own reach; what they take back is their own, so that is no bar.
    act, by = ACTS[row.act], Actor("agent", row.agent_id, "web", bulk=row.id)
    args, changed = row.args, _changed_meanwhile(row.id, lines, found)
    whys = [_return_one(act, args, None if line.ticket_id in changed else found.get(line.ticket_id), line, by)
            for line in lines]
    for line, why in zip(lines, whys, strict=True):
        line.state, line.why = ("undone", "") if why is None else ("stayed", why)
    row.undone, row.stayed = row.undone + whys.count(None), row.stayed + len(whys) - whys.count(None)


def _return_one(act: Act, args: dict[str, Any], ticket: Ticket | None, line: BulkTicket, by: Actor) -> str | None:
    """Make one ticket what it was. None, or why it stays as it is (empty: it was changed, or is gone)."""
    if ticket is None or line.before is None:
        return ""
    try:
        put_back(ticket, act, args, line.before, by)
    except CoreError as error:
        return str(error)[:200]
    return None


def _changed_meanwhile(bulk_id: int, lines: Sequence[BulkTicket], found: dict[int, Ticket]) -> set[int]:
    """Tickets that a person has changed since; what plugins did in answer to the act itself does not count."""
    moved = [line.ticket_id for line in lines
             if line.ticket_id in found and found[line.ticket_id].version != line.version]
    if not moved:
        return set()
    return set(session().scalars(
        sa.select(Event.ticket_id).join(BulkTicket, BulkTicket.ticket_id == Event.ticket_id).where(
            BulkTicket.bulk_id == bulk_id, Event.ticket_id.in_(moved), Event.id > BulkTicket.event_id,
            Event.actor_kind != "system", Event.source.not_like("plugin:%"), Event.caused_by.is_(None))))


def _own(row: BulkAct, by: Actor) -> None:
    if by.agent is None or by.agent.id != row.agent_id:
        raise NotAllowed()


# --- looking ----------------------------------------------------------------------------------------------------


def get(bulk_id: int, agent: Agent) -> BulkAct:
    """An act of one's own. Raises NotFound."""
    row = session().get(BulkAct, bulk_id)
    if row is None or row.agent_id != agent.id:
        raise NotFound()
    return row


def recent(agent: Agent, limit: int = 30) -> list[BulkAct]:
    """One's own acts, newest first."""
    return list(session().scalars(
        sa.select(BulkAct).where(BulkAct.agent_id == agent.id).order_by(BulkAct.id.desc()).limit(limit)))


def reasons(row: BulkAct) -> dict[str, int]:
    """Why tickets could not be changed or did not go back, and how many each."""
    query = sa.select(BulkTicket.why, sa.func.count()).where(
        BulkTicket.bulk_id == row.id, BulkTicket.state.in_(("refused", "stayed")), BulkTicket.why != "")
    return {row.why: row[1] for row in session().execute(query.group_by(BulkTicket.why))}
