"""Events on their way to plugins, as rows: claiming, putting off, retrying. `inbox.jobs.telling` tells one.

An event row says what happened; `dispatched_at` that every plugin was told. Success leaves no further row. What a
plugin could not take is a `Delivery` row: `failed` (tried again), `waiting` (the plugin is paused), `given_up`.
Events of one ticket reach one plugin in order, each at least once: a process can end after the plugin's answer and
before our note of it, so answers use the event's id to find out that they ran before.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from inbox import holders
from inbox.core.events import MAX_DEPTH
from inbox.core.models import Delivery, Event
from inbox.db import UtcDateTime, columns, is_sqlite, session, transaction, utcnow
from inbox.plugin_host import call

log = logging.getLogger(__name__)
LEASE = dt.timedelta(seconds=60)  # how long the events of a process that was killed wait for another
RETRY_LEASE = dt.timedelta(minutes=2)
DELAYS = (5, 30, 120, 600, 3600, 4 * 3600)  # seconds before each retry; then it is given up
BUSY_DELAY = dt.timedelta(seconds=30)
PG_LOCK = 72_812  # one process claims at a time, or events of one ticket could be claimed out of order
OUTSTANDING = ("failed", "waiting")
EVERY = "event_recorded"  # the hook of those who are told of everything


@dataclass(frozen=True)
class Standing:
    """What an event says, and what stood in its way when that was asked: for a plugin, or of a claimed one, for any."""

    columns: Mapping[str, Any]  # of the event
    has_row: bool  # there is a row for it
    comes_later: bool  # an earlier event of its ticket still waits
    asked_at: float  # time.monotonic()


@dataclass(frozen=True)
class Task:
    """One event that these plugins are to be told now; `is_retry` when a delivery row stands behind it.

    `standing` is there where it was claimed and nothing stood in its way: its plugins need not ask one by one.
    """

    event_id: int
    kind: str
    plugins: tuple[str, ...]
    is_retry: bool = False
    standing: Standing | None = field(default=None, compare=False, repr=False)


# --- claiming ---------------------------------------------------------------------------------------------------


def claim(owner: str, done: Collection[int] = (), *, limit: int = 100, busy: Collection[str] = (),
          now: dt.datetime | None = None) -> list[Task]:
    """Note which events are dispatched and take the next ones, in one transaction. Only reads when there is nothing.

    `owner` names this process. Plugins in `busy` get a row instead of a call: others must not wait for them.
    """
    now = now or utcnow()
    if not done and (limit < 1 or columns(_ANY, {"now": now}).scalar() is None):
        return []
    kinds = _listeners()
    with transaction(is_quiet=True) as current:  # whoever waits for an event is woken by its own commit
        if done:
            _set(done, dispatched_at=now, lease_owner=None, lease_until=None)
        if limit < 1:
            return []
        if not is_sqlite():
            current.execute(sa.select(sa.func.pg_advisory_xact_lock(PG_LOCK)))
        tasks, nobody_left, later = [], [], []
        asked_at = time.monotonic()
        for event in columns(_NEXT, {"owner": owner, "now": now, "most": limit}).all():
            stood = _stood(event, asked_at)
            is_clear = not stood.has_row and not stood.comes_later
            told, paused = ([plugin for plugin in plugins if _is_to_hear(plugin, event)]
                            for plugins in _both(kinds.get(event.kind, ((), ())), kinds.get(EVERY, ((), ()))))
            later += [_put_off(each, event.id) for each in paused]
            later += [_put_off(each, event.id, now + BUSY_DELAY) for each in told if each in busy]
            if left := tuple(each for each in told if each not in busy):
                tasks.append(Task(event.id, event.kind, left, standing=stood if is_clear else None))
            else:
                nobody_left.append(event.id)
        _store_put_off(later)
        _set([task.event_id for task in tasks], lease_owner=owner, lease_until=now + LEASE)
        _set(nobody_left, dispatched_at=now, lease_owner=None, lease_until=None)
        return tasks


def _set(event_ids: Collection[int], **values: Any) -> None:
    """Change undispatched events. Inside a transaction."""
    if event_ids:
        session().execute(_setting(tuple(values)), {**{f"new_{name}": each for name, each in values.items()},
                                                    "ids": list(event_ids)})


@lru_cache
def _setting(names: tuple[str, ...]) -> sa.UpdateBase:
    """Built once, as all that is asked at every commit: to build a statement takes longer than to send it."""
    new = {name: sa.bindparam(f"new_{name}", type_=Event.__table__.c[name].type) for name in names}
    return (sa.update(Event).where(Event.id.in_(sa.bindparam("ids", expanding=True)), Event.dispatched_at.is_(None))
            .values(**new).execution_options(synchronize_session=False))


_Names = tuple[tuple[str, ...], tuple[str, ...]]  # plugins that are told, and those whose events wait


def _listeners() -> dict[str, _Names]:
    """By kind of event: the active plugins that answer it, and those that would, were they not paused or broken."""
    host = call.current()
    found = {name: (call.listeners(name), call.waiting_listeners(name)) for name in (host.specs if host else ())}
    for plugin, names in call.missing_listeners().items():
        for name in (EVERY,) if names is None else names:  # who knows: it takes what is its own once it is mended
            if name in found:
                found[name][1].append(plugin)
    return {name: (tuple(told), tuple(waiting)) for name, (told, waiting) in found.items()}


def _both(these: _Names, those: _Names) -> Iterator[tuple[str, ...]]:
    """Those who answer a kind of event, and those who answer every event: each once."""
    return (tuple(dict.fromkeys((*one, *other))) for one, other in zip(these, those, strict=True))


def _is_to_hear(plugin: str, event: sa.Row[Any]) -> bool:
    """Not of what it did itself, unless it asks for that (`hears_itself`); and chains of answers end somewhere."""
    is_own = event.source == f"plugin:{plugin}"
    hears_itself = any(call.hears_itself_in(plugin, name) for name in (event.kind, EVERY))
    return event.depth <= MAX_DEPTH and (not is_own or hears_itself)


_now = sa.bindparam("now", type_=UtcDateTime)
_is_free = sa.and_(Event.dispatched_at.is_(None), sa.or_(Event.lease_until.is_(None), Event.lease_until < _now))
_earlier = aliased(Event)
_elsewhere = sa.exists().where(
    _earlier.dispatched_at.is_(None), _earlier.ticket_id == Event.ticket_id, _earlier.id < Event.id,
    _earlier.lease_until >= _now, _earlier.lease_owner != sa.bindparam("owner"))
_ANY = sa.select(Event.id).where(_is_free).limit(1)
_row = sa.exists().where(Delivery.event_id == Event.id)
_later_row = sa.exists().where(_earlier.ticket_id == Event.ticket_id, _earlier.id < Event.id,
                               Delivery.event_id == _earlier.id, Delivery.state.in_(OUTSTANDING))
# Undispatched events nobody has in hand, unless somebody else has an earlier one of the same ticket. Never "everything
# above the last id": on PostgreSQL ids are handed out before the commit.
_NEXT = (sa.select(*Event.__table__.c, _row, _later_row).where(_is_free, ~_elsewhere)
         .order_by(Event.id).limit(sa.bindparam("most")))


def standing(plugin: str, event_ids: Collection[int]) -> dict[int, Standing]:
    """How events stand for a plugin now, by id; without those that were purged meanwhile."""
    now = time.monotonic()
    found = columns(_STANDING, {"plugin": plugin, "ids": list(event_ids)}).all()
    return {row.id: _stood(row, now) for row in found}


def _stood(row: sa.Row[*tuple[Any, ...]], now: float) -> Standing:
    return Standing(dict(zip(Event.__table__.c.keys(), row[:-2], strict=True)), bool(row[-2]), bool(row[-1]), now)


_of_plugin = Delivery.plugin == sa.bindparam("plugin")
_STANDING = (sa.select(*Event.__table__.c, _row.where(_of_plugin), _later_row.where(_of_plugin))
             .where(Event.id.in_(sa.bindparam("ids", expanding=True))))


def claim_retries(*, limit: int = 50, now: dt.datetime | None = None) -> list[Task]:
    """Take failed deliveries whose time has come, of each ticket and plugin only the earliest."""
    now = now or utcnow()
    due = sa.and_(Delivery.state == "failed", Delivery.next_try_at <= now)
    if session().scalar(sa.select(Delivery.event_id).where(due).limit(1)) is None:
        return []
    before, its_event = aliased(Delivery), aliased(Event)
    earlier = sa.exists().where(
        its_event.ticket_id == Event.ticket_id, its_event.id < Event.id, before.event_id == its_event.id,
        before.plugin == Delivery.plugin, before.state.in_(OUTSTANDING))
    query = (sa.select(Delivery, Event.kind).join(Event, Event.id == Delivery.event_id).where(due, ~earlier)
             .order_by(Delivery.event_id).limit(limit).with_for_update(of=Delivery, skip_locked=True))
    with transaction() as current:
        tasks = []
        for row, kind in current.execute(query).all():
            row.next_try_at = now + RETRY_LEASE
            tasks.append(Task(row.event_id, kind, (row.plugin,), is_retry=True))
        return tasks


def settle_states() -> None:
    """After plugins changed state: events that waited for a resumed one are due, those of a deactivated one go."""
    for plugin in list(_plugins_with_rows()):
        state = call.state_of(plugin)
        if state == "off":
            _change(sa.delete(Delivery), Delivery.plugin == plugin)
        elif state == "active":
            _change(sa.update(Delivery).values(state="failed", next_try_at=utcnow()),
                    Delivery.plugin == plugin, Delivery.state == "waiting")
        else:
            _change(sa.update(Delivery).values(state="waiting"),
                    Delivery.plugin == plugin, Delivery.state == "failed")


def waiting(plugin: str | None = None) -> dict[str, dict[str, int]]:
    """How many events plugins (or one) have not taken yet, by plugin and state: failed, waiting, given_up."""
    query = sa.select(Delivery.plugin, Delivery.state, sa.func.count()).group_by(Delivery.plugin, Delivery.state)
    if plugin is not None:
        query = query.where(Delivery.plugin == plugin)
    found: dict[str, dict[str, int]] = {}
    for name, state, count in session().execute(query):
        found.setdefault(name, {})[state] = count
    return found


def try_again(plugin: str) -> int:
    """Make failed and given-up events of a plugin due now, with all their tries before them. Returns how many."""
    with transaction() as current:
        return len(current.execute(
            sa.update(Delivery).where(Delivery.plugin == plugin, Delivery.state.in_(("failed", "given_up")))
            .values(state="failed", attempts=0, next_try_at=utcnow()).returning(Delivery.event_id)
            .execution_options(synchronize_session=False)).all())


def _plugins_with_rows() -> Iterator[str]:
    """Names of plugins that have delivery rows; one look into the index for each, however many rows there are."""
    last: str | None = ""
    while (last := session().scalar(sa.select(sa.func.min(Delivery.plugin)).where(Delivery.plugin > last))) is not None:
        yield last


def _change(statement: sa.Delete | sa.Update, *rows: sa.ColumnElement[bool]) -> None:
    """Write only when there is something to write."""
    if session().scalar(sa.select(Delivery.event_id).where(*rows).limit(1)) is not None:
        with transaction() as current:
            current.execute(statement.where(*rows).execution_options(synchronize_session=False))


def renew(owner: str) -> None:
    """Keep what this process has in hand from being taken by another."""
    with transaction() as current:
        current.execute(sa.update(Event).where(Event.lease_owner == owner, Event.dispatched_at.is_(None))
                        .values(lease_until=utcnow() + LEASE).execution_options(synchronize_session=False))


def let_go(owner: str) -> None:
    """Give back what this process has not begun, so that another can take it at once."""
    with transaction() as current:
        current.execute(sa.update(Event).where(Event.lease_owner == owner, Event.dispatched_at.is_(None))
                        .values(lease_owner=None, lease_until=None).execution_options(synchronize_session=False))


def let_go_of_the_ended() -> None:
    """Give back what processes of this machine had in hand that ended without doing so: nobody has to wait for it."""
    for owner in session().scalars(sa.select(Event.lease_owner).where(
            Event.dispatched_at.is_(None), Event.lease_owner.is_not(None)).distinct()).all():
        if holders.has_ended(str(owner)):
            let_go(str(owner))


# --- what a plugin could not take -----------------------------------------------------------------------------------


def note_failure(plugin: str, event_id: int, problem: str) -> None:
    """A plugin could not take an event: it is tried again, a few times."""
    row = session().get(Delivery, (event_id, plugin))
    attempts = (row.attempts if row else 0) + 1
    if attempts > len(DELAYS):
        note(plugin, event_id, "given_up", attempts, problem)
        log.error("Plugin %s could not take event %s in %s tries; it is given up.", plugin, event_id, attempts)
        return
    again = utcnow() + dt.timedelta(seconds=DELAYS[attempts - 1])
    note(plugin, event_id, "failed", attempts, problem, again)


def note(plugin: str, event_id: int, state: str, attempts: int, problem: str,
         next_try_at: dt.datetime | None = None) -> None:
    """Leave a row about an event for a plugin."""
    with transaction() as current:
        current.merge(Delivery(event_id=event_id, plugin=plugin, state=state, attempts=attempts,
                               next_try_at=next_try_at, error=problem[:2000]))


def _put_off(plugin: str, event_id: int, next_try_at: dt.datetime | None = None) -> Delivery:
    """A row instead of a call: until the paused plugin is resumed, or, of a busy one, until the next try."""
    return Delivery(event_id=event_id, plugin=plugin, state="failed" if next_try_at else "waiting", attempts=0,
                    error="The plugin is still busy with earlier events." if next_try_at else "",
                    next_try_at=next_try_at)


def _store_put_off(rows: Collection[Delivery]) -> None:
    """Store those of which there is none yet. Inside a transaction."""
    if not rows:
        return
    known = {(each.event_id, each.plugin) for each in session().execute(
        sa.select(Delivery.event_id, Delivery.plugin).where(Delivery.event_id.in_({row.event_id for row in rows})))}
    session().add_all(row for row in rows if (row.event_id, row.plugin) not in known)
