"""The live stream: who is told of what, how soon, and what ends it."""

import json
import queue
import re
import threading
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from inbox.changes import ChangeWatcher
from inbox.core import agents, tickets
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, Event, Notification
from inbox.db import db, transaction, work_context
from inbox.testing.factories import SYSTEM, make_agent, make_department, make_message, make_ticket
from inbox.web import live
from tests.web.browse import Visitor

pytestmark = pytest.mark.each_database


@pytest.fixture
def hub(app: Flask, session: Session) -> Iterator[live.Hub]:
    found: live.Hub = app.extensions[live.EXTENSION]
    yield found
    found.stop()


def told(stream: live.Stream, seconds: float = 3.0) -> set[int]:
    """The numbers of the tickets a stream hears of until nothing more comes; waits for the first."""
    numbers: set[int] = set()
    wait = seconds
    while True:
        try:
            hint = stream.hints.get(timeout=wait)
        except queue.Empty:
            return numbers
        assert hint is not None
        numbers |= set(hint["tickets"])
        wait = 0.4


def test_an_agent_hears_of_a_new_message_at_once(hub: live.Hub, kari: Agent, support: Department) -> None:
    ticket = make_ticket(department=support)
    stream = hub.open(kari)
    began = time.monotonic()
    make_message(ticket, "One more thing")
    hint = stream.hints.get(timeout=2)
    assert hint == {"tickets": [ticket.number]} and time.monotonic() - began < 2


def test_nobody_hears_of_tickets_out_of_reach(hub: live.Hub, kari: Agent, support: Department) -> None:
    mine, theirs = hub.open(kari), hub.open(make_agent(role="admin"))
    foreign = make_ticket(department=make_department("Staff"))
    ours = make_ticket(department=support)
    assert told(mine) == {ours.number}
    assert told(theirs) == {ours.number, foreign.number}


def test_who_loses_sight_of_a_ticket_is_told_once_to_drop_it(hub: live.Hub, kari: Agent, support: Department) -> None:
    ticket, staff = make_ticket(department=support), make_department("Staff")
    stream = hub.open(kari)
    tickets.move(ticket, staff, by=SYSTEM)
    assert told(stream) == {ticket.number}
    make_message(ticket, "secret")
    assert told(stream, 0.6) == set()


def test_what_happened_while_nobody_listened_is_not_told_again(hub: live.Hub, kari: Agent, support: Department) -> None:
    hub.close(hub.open(kari))
    make_message(make_ticket(department=support), "then")
    time.sleep(0.3)  # the watcher has seen the commits by now
    stream = hub.open(kari)
    ticket = make_ticket(department=support)
    assert told(stream) == {ticket.number}
    assert told(stream, 0.3) == set()


def test_a_burst_longer_than_one_read_is_told_whole(
        hub: live.Hub, kari: Agent, support: Department, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BATCH", 5)
    monkeypatch.setattr(live, "OVERLAP", 2)
    stream = hub.open(kari)
    made = {make_ticket(department=support).number for _ in range(6)}
    heard: set[int] = set()
    while not heard >= made:
        heard |= set(stream.hints.get(timeout=30)["tickets"])
    assert heard == made


def test_a_stream_that_cannot_keep_up_is_told_to_look_at_everything() -> None:
    stream = live.Stream(1, None)
    for number in range(live.BEHIND + 1):
        stream.put({"tickets": [number]})
    assert stream.hints.qsize() == 1 and stream.hints.get_nowait() == {"all": True}


# --- by HTTP ----------------------------------------------------------------------------------------------------


def test_the_stream_speaks_server_sent_events(app: Flask, hub: live.Hub, kari: Agent, support: Department) -> None:
    ticket = make_ticket(department=support)
    answer = Visitor(app).sign_in(kari).get("/live", buffered=False)
    assert answer.mimetype == "text/event-stream" and answer.headers["X-Accel-Buffering"] == "no"
    lines = answer.response
    assert next(iter(lines)) == b'retry: 3000\ndata: {"all": true}\n\n'
    make_message(ticket, "hi")
    assert json.loads(next(iter(lines)).removeprefix(b"data: ")) == {"tickets": [ticket.number]}
    answer.close()
    assert hub.count() == 0


def test_strangers_get_no_stream(app: Flask, hub: live.Hub) -> None:
    make_agent(role="owner")
    assert Visitor(app).get("/live").status_code in (303, 401)
    assert hub.count() == 0


def test_beyond_the_allowance_a_stream_comes_later(app: Flask, hub: live.Hub, kari: Agent) -> None:
    hub._allowance = 1
    first = hub.open(kari)
    refused = Visitor(app).sign_in(kari).get("/live")
    assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0
    hub.close(first)
    assert hub.open(kari) is not None


def test_a_stream_ends_with_the_session_it_belongs_to(
        app: Flask, hub: live.Hub, kari: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PING_SECONDS", 0.05)
    agents.set_password(kari, "another long password", by=Actor.system("test"))
    stream = hub.open(kari)
    lines = live._lines(app, stream, kari.session_version, {"all": True})
    next(lines)
    assert next(lines) == ": here\n\n"
    agents.set_password(kari, "yet another password", by=Actor.system("test"))
    assert list(lines) == []


def test_an_event_that_is_committed_late_is_told_however_many_came_between(
        app: Flask, hub: live.Hub, kari: Agent, support: Department) -> None:
    late, others = make_ticket(department=support), make_ticket(department=support)
    stream = hub.open(kari)
    with work_context(app) as current:
        number = (current.scalar(sa.select(sa.func.max(Event.id))) or 0) + 1
        with transaction():
            current.add_all(_event(number + place, others.id) for place in range(1, 3 * live.OVERLAP))
    assert told(stream) == {others.number}
    with work_context(app) as current, transaction():
        current.add(_event(number, late.id))
    assert told(stream) == {late.number}


def _event(number: int, ticket_id: int) -> Event:
    return Event(id=number, kind="ticket_tagged", ticket_id=ticket_id, actor_kind="system", source="test")


def test_the_sessions_of_all_streams_are_looked_at_together(
        app: Flask, hub: live.Hub, kari: Agent, support: Department) -> None:
    ola = make_agent("Ola", departments=[support])
    streams = [hub.open(kari), hub.open(ola), hub.open(kari)]
    asked: list[str] = []
    with work_context(app):
        sa.event.listen(db.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert all(hub.still_valid(each, kari.session_version) for each in streams)
    assert sum("FROM agent" in each for each in asked) == 1
    assert not hub.still_valid(streams[0], kari.session_version + 1)


def test_a_stream_ends_after_ten_minutes(
        app: Flask, hub: live.Hub, kari: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LONGEST_SECONDS", 0.1)
    monkeypatch.setattr(live, "PING_SECONDS", 0.05)
    assert len(list(live._lines(app, hub.open(kari), kari.session_version, {}))) < 10


def test_a_stream_holds_no_connection_to_the_database(app: Flask, hub: live.Hub, kari: Agent) -> None:
    from inbox.db import db

    with work_context(app):
        before = db.engine.pool.checkedout()
    answer = Visitor(app).sign_in(kari).get("/live", buffered=False)
    next(iter(answer.response))
    end = time.monotonic() + 10
    while db.engine.pool.checkedout() > before + 1 and time.monotonic() < end:  # the watcher's own
        time.sleep(0.05)  # other threads of this process ask for a moment, too
    assert db.engine.pool.checkedout() <= before + 1
    answer.close()


def test_a_watcher_that_begins_late_tells_of_what_came_before_its_first_look(app: Flask, session: Session) -> None:
    """Else a thread that starts slowly would miss the commit that a stream was opened for."""
    told_of = threading.Event()
    watcher = ChangeWatcher(app)
    watcher.subscribe(told_of.set)
    make_department("Support")
    watcher.start()
    try:
        assert told_of.wait(10)
    finally:
        watcher.stop()


# --- what a page has missed -------------------------------------------------------------------------------------


def drawn_at(answer) -> str:
    return re.search(r'data-drawn-at="([\d.]+)"', answer.get_data(as_text=True))[1]


def test_a_page_that_shows_everything_is_told_nothing(
        app: Flask, kari: Agent, support: Department, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LATE_SECONDS", 0)
    make_ticket(department=support)
    visitor = Visitor(app).sign_in(kari)
    assert visitor.get(f"/live/missed?after={drawn_at(visitor.get('/views/open'))}").json == {}


def test_a_page_is_told_what_came_after_it_was_drawn_and_is_its_business(
        app: Flask, kari: Agent, support: Department, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LATE_SECONDS", 0)
    visitor = Visitor(app).sign_in(kari)
    drawn = drawn_at(visitor.get("/views/open"))
    ticket = make_ticket(department=support)
    make_ticket(department=make_department("Staff"))
    assert visitor.get(f"/live/missed?after={drawn}").json == {"tickets": [ticket.number]}
    stream = visitor.get(f"/live?after={drawn}", buffered=False)
    assert next(iter(stream.response)) == f'retry: 3000\ndata: {{"tickets": [{ticket.number}]}}\n\n'.encode()
    stream.close()


def test_a_notice_that_came_after_the_page_is_told(app: Flask, kari: Agent, support: Department) -> None:
    ticket = make_ticket(department=support)
    visitor = Visitor(app).sign_in(kari)
    drawn = drawn_at(visitor.get("/views/open"))
    with transaction() as current:
        event = current.scalar(sa.select(Event.id).where(Event.ticket_id == ticket.id).limit(1))
        current.add(Notification(agent_id=kari.id, event_id=event, ticket_id=ticket.id, way="app"))
    assert "tickets" in visitor.get(f"/live/missed?after={drawn}").json


def test_a_stream_that_could_not_begin_is_not_counted(
        app: Flask, hub: live.Hub, kari: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_agent: Agent, _drawn_at: str) -> None:
        raise OperationalError("SELECT", {}, Exception("the database is away"))

    monkeypatch.setattr(live, "missed", away)
    assert Visitor(app).sign_in(kari).get("/live").status_code == 503
    assert hub.count() == 0


def test_who_says_not_where_they_stand_looks_at_everything(app: Flask, kari: Agent) -> None:
    for after in ("", "1", "x.y", "1.", "9" * 60 + ".1"):
        assert Visitor(app).sign_in(kari).get(f"/live/missed?after={after}").json == {"all": True}


def test_after_more_than_one_read_everything_is_looked_at(
        app: Flask, kari: Agent, support: Department, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BATCH", 3)
    for _ in range(4):
        make_ticket(department=support)
    assert Visitor(app).sign_in(kari).get("/live/missed?after=0.0").json == {"all": True}
