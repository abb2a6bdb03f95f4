"""Events reach plugins after the commit: at least once, in order per ticket, nobody waiting for a slow one."""

import dataclasses
import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox import holders
from inbox.app import create_app
from inbox.core import customers, events, messages, tickets
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Delivery, Event, Ticket
from inbox.db import db, in_transaction, transaction, utcnow, work_context
from inbox.jobs import deliveries, dispatch, telling
from inbox.plugin_host import running
from inbox.plugin_host.faults import PluginFailure
from inbox.plugin_host.models import PluginFault
from inbox.plugin_host.registry import PluginHost
from inbox.plugin_host.watchdog import Watchdog
from inbox.testing.factories import make_agent, make_customer, make_department, make_message, make_ticket
from inbox.testing.plugins import plug, without_builtins


@pytest.fixture
def host(app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch) -> PluginHost:
    """A host without the always-active features, so that a test sees its own plugins only."""
    return without_builtins(app)


def state_in_database(query: Any) -> Any:
    with work_context(_app[0]):
        return db.session.scalar(query)


_app: list[Flask] = []


@pytest.fixture(autouse=True)
def _remember(app: Flask) -> Iterator[None]:
    _app[:] = [app]
    yield
    _app.clear()


def add_note(ticket: Ticket, text: str = "A note.") -> None:
    messages.note(ticket, Body(text), by=Actor.of(make_agent(role="admin")))


def waiting() -> int:
    return state_in_database(sa.select(sa.func.count()).select_from(Event).where(Event.dispatched_at.is_(None)))


def rows() -> list[tuple[int, str, str, int]]:
    with work_context(_app[0]):
        return [(r.event_id, r.plugin, r.state, r.attempts) for r in db.session.scalars(
            sa.select(Delivery).order_by(Delivery.event_id, Delivery.plugin))]


def wait_for(what: Callable[[], Any], seconds: float = 8.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_a_plugin_is_told_once_after_the_commit_with_fresh_objects(app, host) -> None:
    told = []

    def note_added(ticket, note, event):
        told.append((ticket.subject, note.text, event.kind, in_transaction()))

    plug(app, "a", note_added)
    ticket = make_ticket("Hello")
    add_note(ticket, "Look here.")
    assert told == []
    assert dispatch.deliver_due(app) == 1
    assert dispatch.deliver_due(app) == 0
    assert told == [("Hello", "Look here.", "note_added", False)]
    assert waiting() == 0 and rows() == []


def test_nothing_is_told_of_what_was_rolled_back(app, host) -> None:
    told = []

    def note_added(ticket):
        told.append(ticket)

    plug(app, "a", note_added)
    ticket = make_ticket()
    with pytest.raises(ZeroDivisionError), transaction():
        add_note(ticket)
        raise ZeroDivisionError
    dispatch.deliver_due(app)
    assert told == []


def test_events_nobody_listens_to_are_dispatched_without_a_row(app, host) -> None:
    make_ticket()
    assert waiting() > 0
    assert dispatch.deliver_due(app) == 0
    assert waiting() == 0 and rows() == []


def test_ticket_assigned_names_both_agents(app, host) -> None:
    told = []

    def ticket_assigned(ticket, agent, previous_agent):
        told.append((agent and agent.name, previous_agent and previous_agent.name))

    plug(app, "a", ticket_assigned)
    department = make_department()
    ada, ben = (make_agent(name, departments=[department]) for name in ("Ada", "Ben"))
    ticket = make_ticket(department=department)
    for agent in (ada, ben, None):
        tickets.assign(ticket, agent, by=Actor.system("test"))
    dispatch.deliver_due(app)
    assert told == [("Ada", None), ("Ben", "Ada"), (None, "Ben")]


def test_ticket_created_brings_the_first_message(app, host) -> None:
    told = []

    def ticket_created(ticket, message):
        told.append(message.text)

    plug(app, "a", ticket_created)
    ticket = make_ticket(text="First words")
    make_message(ticket, "Later words")
    dispatch.deliver_due(app)
    assert told == ["First words"]


def test_message_received_and_reply_failed_bring_their_message(app, host) -> None:
    told = []

    def message_received(ticket, message):
        told.append(message.text)

    def reply_failed(ticket, message, error):
        told.append(error)

    plug(app, "a", message_received, reply_failed)
    ticket = make_ticket(text="Help")
    reply = make_message(ticket, "Here you are.", kind="reply")
    make_message(ticket, "Any news?")
    with transaction():
        reply.error = "550 no such user"
        events.record("reply_failed", by=Actor.system("test"), ticket=ticket, message=reply)
    dispatch.deliver_due(app)
    assert told == ["Help", "Any news?", "550 no such user"]


def test_a_failing_plugin_is_retried_later_and_hurts_no_other(app, host) -> None:
    told, fail = [], [True]
    host.raise_faults = False

    def bad(ticket):
        if fail[0]:
            raise ValueError("the shop is down")
        told.append("bad")

    def good(ticket):
        told.append("good")

    for name, function in (("bad", bad), ("good", good)):
        function.__name__ = "note_added"
        plug(app, name, function)
    add_note(make_ticket())
    dispatch.deliver_due(app)
    assert told == ["good"]
    ((event_id, plugin, state, attempts),) = rows()
    assert (plugin, state, attempts) == ("bad", "failed", 1)
    assert waiting() == 0
    fault = db.session.scalar(sa.select(PluginFault))
    assert (fault.plugin, fault.event_id, fault.ticket_id) == ("bad", event_id, 1)
    fail[0] = False
    assert deliveries.claim_retries() == []  # not yet
    _let_time_pass()
    dispatch.deliver_due(app)
    assert told == ["good", "bad"] and rows() == []


def test_safe_mode_keeps_what_waits_for_plugins(app, host) -> None:
    def note_added(ticket):
        raise ValueError("the shop is down")

    host.raise_faults = False
    plug(app, "bad", note_added)
    add_note(make_ticket())
    dispatch.deliver_due(app)
    safe = create_app(dataclasses.replace(app.config["INBOX"], safe_mode=True))
    with work_context(safe):
        deliveries.settle_states()
    db.session.expire_all()
    assert [row[1:3] for row in rows()] == [("bad", "waiting")]


def _let_time_pass() -> None:
    with work_context(_app[0]), transaction() as current:
        current.execute(sa.update(Delivery).where(Delivery.state == "failed").values(
            next_try_at=utcnow() - dt.timedelta(seconds=1)))


def test_in_tests_a_fault_raises_where_events_are_delivered(app, host) -> None:
    def note_added(ticket):
        raise ValueError("no")

    plug(app, "bad", note_added)
    add_note(make_ticket())
    with pytest.raises(PluginFailure, match="Plugin bad, hook note_added: ValueError: no"):
        dispatch.deliver_due(app)
    assert [row[1:] for row in rows()] == [("bad", "failed", 1)]


def test_after_many_tries_a_delivery_is_given_up_and_kept(app, host) -> None:
    host.raise_faults = False

    def note_added(ticket):
        raise ValueError("no")

    plug(app, "bad", note_added)
    add_note(make_ticket())
    for _ in range(len(deliveries.DELAYS) + 3):
        dispatch.deliver_due(app)
        _let_time_pass()
    ((_, _, state, attempts),) = rows()
    assert (state, attempts) == ("given_up", len(deliveries.DELAYS) + 1)


def test_a_ticket_s_events_stay_in_order_for_a_plugin_that_fails(app, host) -> None:
    told, fail = [], [True]
    host.raise_faults = False

    def note_added(ticket, note):
        if fail[0] and note.text == "one":
            raise ValueError("no")
        told.append((ticket.id, note.text))

    plug(app, "a", note_added)
    first, other = make_ticket(), make_ticket()
    for ticket, text in ((first, "one"), (first, "two"), (other, "x"), (first, "three")):
        add_note(ticket, text)
    dispatch.deliver_due(app)
    assert told == [(other.id, "x")]
    fail[0] = False
    _let_time_pass()
    dispatch.deliver_due(app)
    assert told == [(other.id, "x"), (first.id, "one"), (first.id, "two"), (first.id, "three")]
    assert rows() == []


def test_a_crash_between_answer_and_note_delivers_again(app, host) -> None:
    told = []

    def note_added(event):
        told.append(event.id)

    plug(app, "a", note_added)
    add_note(make_ticket())
    (task,) = deliveries.claim("a process that dies")
    telling.deliver(app, "a", task)  # and then it is killed, before dispatched_at is set
    assert dispatch.deliver_due(app) == 0  # its lease still runs
    with transaction() as current:
        current.execute(sa.update(Event).where(Event.lease_owner.is_not(None)).values(
            lease_until=utcnow() - dt.timedelta(seconds=1)))
    assert dispatch.deliver_due(app) == 1
    assert told == [task.event_id] * 2


def test_what_a_dead_process_of_this_machine_had_in_hand_is_free_at_once(app, host) -> None:
    def note_added(event):
        pass

    plug(app, "a", note_added)
    add_note(make_ticket())
    ended = holders.new_name()
    holders.forget(ended)
    for owner, count in (("elsewhere:999999:5:x", 0), (holders.this_process(), 0), (ended, 1)):
        deliveries.claim(owner)
        deliveries.let_go_of_the_ended()
        assert len(deliveries.claim("the next one", limit=0 if not count else 100)) == count
        deliveries.let_go(owner)
    assert waiting() == 1


def test_two_processes_never_hold_events_of_one_ticket_out_of_order(app, host) -> None:
    def note_added(ticket):
        pass

    plug(app, "a", note_added)
    ticket, other = make_ticket(), make_ticket()
    add_note(ticket)
    (first,) = deliveries.claim("one")
    add_note(ticket)
    add_note(other)
    (second,) = deliveries.claim("two")
    assert db.session.get(Event, second.event_id).ticket_id == other.id
    assert [task.kind for task in deliveries.claim("one", [first.event_id])] == ["note_added"]


def test_an_event_that_commits_late_is_not_skipped(app, host) -> None:
    told = []

    def note_added(event):
        told.append(event.id)

    plug(app, "a", note_added)
    ticket = make_ticket()
    add_note(ticket)
    add_note(ticket)
    early, late = [e.id for e in db.session.scalars(sa.select(Event).where(Event.kind == "note_added"))]
    with transaction() as current:  # as if the first had not been committed when the second was dispatched
        current.execute(sa.update(Event).where(Event.id == early).values(dispatched_at=utcnow()))
    dispatch.deliver_due(app)
    with transaction() as current:
        current.execute(sa.update(Event).where(Event.id == early).values(dispatched_at=None))
    dispatch.deliver_due(app)
    assert told == [late, early]


def test_a_plugin_is_not_told_of_its_own_events(app, host) -> None:
    told = []

    def make(name):
        def note_added(event):
            told.append(name)

        return note_added

    plug(app, "a", make("a"))
    plug(app, "b", make("b"))
    ticket = make_ticket()
    messages.note(ticket, Body("By a plugin."), by=Actor.system("plugin:a"))
    dispatch.deliver_due(app)
    assert told == ["b"]


def test_events_of_a_deleted_ticket_are_settled(app, host) -> None:
    from inbox.core import purge

    told = []

    def note_added(ticket):
        told.append(ticket)

    plug(app, "a", note_added)
    ticket = make_ticket()
    add_note(ticket)
    purge.purge(ticket, by=Actor.system("test"))
    dispatch.deliver_due(app)
    assert told == [] and waiting() == 0


# --- threads ----------------------------------------------------------------------------------------------------


@pytest.fixture
def dispatcher(app: Flask, host: PluginHost) -> Iterator[dispatch.Dispatcher]:
    dispatcher = dispatch.Dispatcher(app)
    yield dispatcher
    dispatcher.stop(3)


def test_a_slow_plugin_delays_nobody_else(app, host, dispatcher) -> None:
    release, told = threading.Event(), []

    def slow(ticket):
        release.wait(10)

    def quick(event):
        told.append(event.id)

    for name, function in (("slow", slow), ("quick", quick)):
        function.__name__ = "note_added"
        plug(app, name, function)
    ticket = make_ticket()
    for _ in range(5):
        add_note(ticket)
    dispatcher.start()
    wait_for(lambda: len(told) == 5)
    assert told == sorted(told)
    release.set()
    wait_for(lambda: waiting() == 0)


def test_a_call_that_takes_too_long_is_a_fault_while_it_runs(app, host, dispatcher, monkeypatch) -> None:
    monkeypatch.setattr(running, "LONGEST_CALL", 0.2)
    monkeypatch.setattr(dispatch, "LOOK_SECONDS", 0.1)
    release, watchdog = threading.Event(), Watchdog(app)

    def note_added(ticket):
        release.wait(10)

    plug(app, "slow", note_added)
    ticket = make_ticket()
    add_note(ticket)
    dispatcher.start()
    wait_for(lambda: [each for each in host.running.now() if time.monotonic() - each.began > 0.2])
    watchdog.look()
    watchdog.look()
    count = sa.select(sa.func.count()).select_from(PluginFault)
    assert state_in_database(count) == 1
    fault = state_in_database(sa.select(PluginFault))
    assert (fault.plugin, fault.hook, fault.ticket_id, fault.weight) == ("slow", "note_added", ticket.id, 2)
    assert "release.wait(10)" in fault.trace
    add_note(make_ticket())  # a stuck plugin's events wait as rows
    dispatcher.wake()
    wait_for(lambda: [r[1:] for r in rows()] == [("slow", "failed", 0)])
    assert state_in_database(count) == 1
    release.set()
    wait_for(lambda: waiting() == 0)


def test_stop_ends_the_call_in_hand_and_gives_the_rest_back(app, host, dispatcher) -> None:
    began, release, told = threading.Event(), threading.Event(), []

    def note_added(event):
        began.set()
        release.wait(5)
        told.append(event.id)

    plug(app, "a", note_added)
    ticket = make_ticket()
    add_note(ticket)
    add_note(ticket)
    dispatcher.start()
    assert began.wait(5)
    threading.Timer(0.2, release.set).start()
    assert dispatcher.stop(5)
    assert len(told) == 1 and waiting() == 1
    assert state_in_database(sa.select(Event.lease_owner).where(Event.dispatched_at.is_(None))) is None


def test_a_commit_reaches_a_plugin_at_once(app, host, dispatcher) -> None:
    from inbox.changes import ChangeWatcher

    told = threading.Event()

    def note_added(ticket):
        told.set()

    plug(app, "a", note_added)
    watcher = ChangeWatcher(app)
    watcher.subscribe(dispatcher.wake)
    ticket = make_ticket()
    dispatcher.start()
    watcher.start()
    time.sleep(0.3)
    add_note(ticket)
    assert told.wait(2)  # far sooner than the dispatcher looks by itself
    watcher.stop()


def test_faults_of_a_lane_do_not_stop_it(app, host, dispatcher) -> None:
    host.raise_faults = False
    told = []

    def note_added(event, note):
        if note.text == "bad":
            raise SystemExit(1)
        told.append(event.id)

    plug(app, "a", note_added)
    add_note(make_ticket(), "bad")
    add_note(make_ticket(), "good")
    dispatcher.start()
    wait_for(lambda: len(told) == 1)
    wait_for(lambda: waiting() == 0)
    assert [r[1:] for r in rows()] == [("a", "failed", 1)]


def test_customer_created_is_told_with_the_customer(app: Flask, host: PluginHost) -> None:
    seen = []

    def customer_created(customer, event):
        seen.append((customer.name, event.kind))

    plug(app, "watch", customer_created)
    make_customer("Kari Nordmann")
    dispatch.deliver_due(app)
    assert seen == [("Kari Nordmann", "customer_created")]


def test_customer_changed_is_told_with_the_customer(app: Flask, host: PluginHost) -> None:
    seen = []

    def customer_changed(customer):
        seen.append(customer.name)

    plug(app, "watch", customer_changed)
    customers.rename(make_customer("Kari"), "Kari Nordmann", by=Actor.of(make_agent(role="admin")))
    dispatch.deliver_due(app)
    assert seen == ["Kari Nordmann"]
