"""Live updates: one stream of server-sent events a browser says which tickets changed; pages fetch what they show.

One thread a process reads the new events after every commit and puts the numbers of the tickets into a bounded
queue for each stream whose agent may see them. A stream begins with what has come since its page was drawn, so that
nothing is asked for twice; one that cannot keep up is told to look at everything again. Who else is at a ticket
(`inbox.web.presence`) goes the same way.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import queue
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Flask, Response, current_app, request
from sqlalchemy.exc import SQLAlchemyError

from inbox.changes import ChangeWatcher
from inbox.core import permissions
from inbox.core.models import Agent, Event, Notification, Ticket
from inbox.db import is_sqlite, session, utcnow, work_context
from inbox.web import presence
from inbox.web.auth import me

log = logging.getLogger(__name__)
blueprint = Blueprint("live", __name__)
EXTENSION = "inbox_live"
LONGEST_SECONDS = 600
PING_SECONDS = 8.0
BEHIND = 64  # how many hints a stream may have waiting
BATCH = 500
LATE_SECONDS = 30.0
OVERLAP = 50  # on PostgreSQL ids are given before the commit: look at some again
MOST_GAPS = 1000


@dataclass(eq=False)
class Stream:
    """One browser. `departments` None means all."""

    agent_id: int
    departments: frozenset[int] | None
    hints: queue.Queue[dict[str, Any] | None] = field(default_factory=lambda: queue.Queue(BEHIND))
    shown: presence.Picture = field(default_factory=dict)  # who is where, as this browser was told last

    def sees(self, department_ids: set[int]) -> bool:
        return self.departments is None or bool(self.departments & department_ids)

    def put(self, hint: dict[str, Any] | None) -> None:
        try:
            self.hints.put_nowait(hint)
        except queue.Full:
            with self.hints.mutex:
                self.hints.queue.clear()
                self.shown = {}
            self.hints.put_nowait(hint and {"all": True})


class Hub:
    """The streams of this process, and the thread that feeds them."""

    def __init__(self, app: Flask, allowance: int) -> None:
        self._app, self._allowance = app, allowance
        self._streams: set[Stream] = set()
        self._lock = threading.Lock()
        self._watcher: ChangeWatcher | None = None
        self._last = self._last_notification = 0
        self._gaps: dict[int, float] = {}  # ids that were passed over, and when: theirs may be committed late
        self._watch = presence.Watch()
        self._agents: dict[int, tuple[int, frozenset[int] | None]] = {}  # session version and reach
        self._agents_at = -PING_SECONDS
        self._agents_lock = threading.Lock()
        self._later: threading.Timer | None = None  # what came while the reading of presence rests is read soon

    def open(self, agent: Agent) -> Stream | None:
        """A stream for an agent; None beyond the allowance (the browser tries again later)."""
        stream = Stream(agent.id, permissions.reach(agent))
        with self._lock:
            if len(self._streams) >= self._allowance:
                return None
            if not self._streams:  # nobody was told of what came meanwhile, and the new stream looks at everything
                known = set(session().scalars(sa.select(Event.id).order_by(Event.id.desc()).limit(OVERLAP)))
                self._last = max(known, default=0)
                self._gaps = dict.fromkeys(set(range(min(known, default=0), self._last)) - known, time.monotonic())
                self._last_notification = session().scalar(sa.select(sa.func.max(Notification.id))) or 0
                self._watch.read()
            self._streams.add(stream)
            if self._watcher is None:
                self._start()
        self.tell_presence([stream])
        return stream

    def close(self, stream: Stream) -> None:
        with self._lock:
            self._streams.discard(stream)

    def count(self) -> int:
        return len(self._streams)

    def _start(self) -> None:
        self._watcher = ChangeWatcher(self._app)
        self._watcher.subscribe(self._changed)
        self._watcher.start()

    def stop(self) -> None:
        """End every stream and take no new one: the process is about to end."""
        with self._lock:
            self._allowance = 0
            streams = list(self._streams)
        for stream in streams:
            stream.put(None)
        if self._watcher is not None:
            self._watcher.stop()
        later = self._later
        if later is not None:
            later.cancel()
            later.join(timeout=5)

    def _changed(self) -> None:
        """Runs in the watcher's thread after a commit."""
        if not self._streams:
            return
        try:
            with work_context(self._app):
                while self._feed() == BATCH:
                    pass
            rest = self._watch.rest()
            if not rest:
                self.look_at_presence()
            elif self._later is None and self._allowance:
                self._later = threading.Timer(rest, self._look_later)
                self._later.daemon = True
                self._later.start()
        except SQLAlchemyError as error:
            log.warning("Live updates could not be read: %s", error)

    def look_at_presence(self, *, if_old: bool = False) -> None:
        """Read who is where, and tell the streams for which that is another picture now."""
        if if_old and not self._watch.is_old():
            return
        with work_context(self._app):
            self._watch.read()
        self.tell_presence()

    def _look_later(self) -> None:
        self._later = None
        try:
            self.look_at_presence()
        except SQLAlchemyError as error:
            log.warning("Live updates could not be read: %s", error)

    def _feed(self) -> int:
        """Tell the streams of events not told yet; returns how many rows were read."""
        new = Event.id > self._last
        wanted = sa.or_(new, Event.id.in_(list(self._gaps))) if self._gaps else new  # OR nothing would read all events
        rows = session().execute(_EVENTS.where(wanted).limit(BATCH)).all()
        if not rows:
            self._feed_notifications()
            return 0
        self._pass(row.id for row in rows)
        changed = _changed_tickets(rows)
        self._feed_notifications()
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            numbers = [number for number, places in changed.items() if stream.sees(places)]
            if numbers:
                stream.put({"tickets": numbers})
        return len(rows)

    def _pass(self, ids: Iterable[int]) -> None:
        """Note what has been read, and which ids before it have not been seen.

        On PostgreSQL an id is given when the row is written, and a long transaction is committed when hundreds after it
        have been told.
        """
        found, now = set(ids), time.monotonic()
        newest = max(*found, self._last)
        passed = set(range(max(self._last + 1, newest - MOST_GAPS), newest)) - found
        self._gaps = {number: since for number, since in self._gaps.items()
                      if number not in found and now - since < LATE_SECONDS} | dict.fromkeys(passed, now)
        self._last = newest

    def tell_presence(self, among: list[Stream] | None = None) -> None:
        """Tell those streams for which somebody came, went, or does something else now. Asks no database."""
        here = self._watch.now()
        with self._lock:
            for stream in list(self._streams) if among is None else among:
                picture = presence.picture(here, agent_id=stream.agent_id, departments=stream.departments)
                if picture != stream.shown:
                    stream.shown = picture
                    stream.put({"presence": picture})

    def still_valid(self, stream: Stream, version: int) -> bool:
        """False when the agent's session has ended or their departments changed: the browser then opens a new one.

        All agents with a stream here are read together, every few seconds.
        """
        with self._agents_lock:
            if time.monotonic() - self._agents_at > PING_SECONDS / 2:
                with self._lock:
                    numbers = {each.agent_id for each in self._streams}
                with work_context(self._app):
                    self._agents = {agent.id: (agent.session_version, permissions.reach(agent)) for agent in
                                    session().scalars(sa.select(Agent).where(Agent.id.in_(numbers), Agent.is_active))}
                self._agents_at = time.monotonic()
            return self._agents.get(stream.agent_id) == (version, stream.departments)

    def _feed_notifications(self) -> None:
        """An agent's own line in the rail has another number now."""
        rows = session().execute(sa.select(Notification.id, Notification.agent_id).where(
            Notification.id > self._last_notification).order_by(Notification.id).limit(BATCH)).all()
        if not rows:
            return
        self._last_notification = rows[-1].id
        told = {row.agent_id for row in rows}
        with self._lock:
            streams = [each for each in self._streams if each.agent_id in told]
        for stream in streams:
            stream.put({"tickets": []})


_EVENTS = (sa.select(Event.id, Event.kind, Event.data, Ticket.number, Ticket.department_id)
           .join(Ticket, Ticket.id == Event.ticket_id, isouter=True).order_by(Event.id))


def _changed_tickets(rows: Iterable[Any]) -> dict[int, set[int]]:
    """Tickets by number, with the departments whose agents have to hear of it."""
    changed: dict[int, set[int]] = {}
    for row in rows:
        if row.number is not None:
            places = changed.setdefault(row.number, set())
            places.add(row.department_id)
            if row.kind == "ticket_moved":  # those who lose sight of it have to drop it from their lists
                places.add((row.data or {}).get("before", row.department_id))
    return changed


def missed(agent: Agent, drawn_at: str) -> dict[str, Any]:
    """The hint for a page drawn when the desk was so far (`auth.drawn_at`): what has come since, empty for nothing.

    On PostgreSQL an event can be committed after one with a higher id: the last ones are told again for a while.
    """
    events, _, notifications = drawn_at.partition(".")
    if not (events.isdigit() and notifications.isdigit() and len(drawn_at) < 40):
        return {"all": True}
    late = sa.false() if is_sqlite() else sa.and_(
        Event.id > int(events) - OVERLAP, Event.at > utcnow() - dt.timedelta(seconds=LATE_SECONDS))
    rows = session().execute(_EVENTS.where(sa.or_(Event.id > int(events), late)).limit(BATCH)).all()
    if len(rows) == BATCH:
        return {"all": True}
    stream = Stream(agent.id, permissions.reach(agent))
    numbers = [number for number, places in _changed_tickets(rows).items() if stream.sees(places)]
    is_told = session().scalar(sa.select(Notification.id).where(
        Notification.id > int(notifications), Notification.agent_id == agent.id).limit(1)) is not None
    return {"tickets": numbers} if numbers or is_told else {}


@blueprint.get("/live/missed")
def missed_here() -> Any:
    """The same for a page whose browser has the stream in another tab."""
    return missed(me(), request.args.get("after", ""))


def hub() -> Hub:
    """The hub of this process."""
    return current_app.extensions[EXTENSION]  # type: ignore[no-any-return]


@blueprint.get("/live")
def stream() -> Any:
    """The stream of the browser that holds the lock; see static/js/live.js."""
    agent = me()
    opened = hub().open(agent)
    if opened is None:
        return Response("Too many live streams; the page works without.", 503, {"Retry-After": "30"})
    try:
        hint = missed(agent, request.args.get("after", ""))  # now that it is told of what comes
    except SQLAlchemyError:
        hub().close(opened)
        raise
    version = agent.session_version
    session().close()  # the stream lives for minutes and must not hold a connection
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    response = Response(_lines(app, opened, version, hint), mimetype="text/event-stream")
    response.call_on_close(lambda: app.extensions[EXTENSION].close(opened))  # also when it never began
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Cache-Control"] = "no-store"
    return response


def _lines(app: Flask, opened: Stream, version: int, first: dict[str, Any]) -> Iterator[str]:
    began = checked = time.monotonic()
    yield "retry: 3000\n" + (f"data: {json.dumps(first)}\n\n" if first else ": here\n\n")
    while time.monotonic() - began < LONGEST_SECONDS:
        try:
            hint = opened.hints.get(timeout=PING_SECONDS)
        except queue.Empty:
            hint = {}
        if hint is None:
            return
        hub: Hub = app.extensions[EXTENSION]
        hub.look_at_presence(if_old=True)
        hub.tell_presence([opened])  # whose browser died is gone without a word
        if time.monotonic() - checked >= PING_SECONDS:
            if not hub.still_valid(opened, version):
                return
            checked = time.monotonic()
        yield f"data: {json.dumps(hint)}\n\n" if hint else ": here\n\n"


def init(app: Flask) -> None:
    app.extensions[EXTENSION] = Hub(app, app.config["INBOX"].live_streams)
