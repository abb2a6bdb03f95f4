"""What is known of a plugin: how long it takes, what failed, what was slow, what waits for it."""

import datetime as dt

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core.models import Delivery, Event
from inbox.db import at_time, transaction, utcnow
from inbox.jobs import deliveries
from inbox.plugin_host import faults, timing
from inbox.plugin_host.models import PluginFault, PluginTiming
from inbox.plugin_host.report import fault, overview, report
from inbox.plugin_host.timing import Timing
from inbox.testing.factories import make_ticket
from inbox.testing.plugins import host_of


def test_calls_are_counted_by_hook_and_day_and_summed(session: Session) -> None:
    counter, other_process = Timing(), Timing()
    counter.note("kb", "note_added", "event", 0.010)
    counter.note("kb", "note_added", "event", 0.030, failed=True)
    counter.note("kb", "ticket_buttons", "slot", 0.002)
    other_process.note("kb", "note_added", "event", 0.050)
    assert (counter.flush(), other_process.flush(), counter.flush()) == (2, 1, 0)
    found = report("kb")
    session.rollback()
    assert [(each.hook, each.kind, each.calls, each.errors) for each in found.times] == [
        ("note_added", "event", 3, 1), ("ticket_buttons", "slot", 1, 0)]
    assert found.times[0].mean_ms == pytest.approx(30) and found.times[0].slowest_ms == pytest.approx(50)
    assert found.ms_per_event == pytest.approx(30) and found.ms_per_page_call == pytest.approx(2)
    assert overview()["kb"].calls == 4


def test_old_figures_are_left_out_and_swept(session: Session) -> None:
    counter = Timing()
    with at_time(utcnow() - dt.timedelta(days=40)):
        counter.note("kb", "note_added", "event", 1.0)
        counter.flush()
    assert report("kb").times == []
    timing.sweep()
    assert session.scalar(sa.select(sa.func.count()).select_from(PluginTiming)) == 0


def test_slow_three_times_in_ten_minutes_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counter, now = Timing(), [1000.0]
    monkeypatch.setattr(timing.time, "monotonic", lambda: now[0])

    def slow(kind: str = "slot") -> bool:
        now[0] += 1
        return counter.note("kb", "ticket_buttons", kind, 0.2)

    assert [slow(), slow(), slow(), slow()] == [False, False, True, False]
    assert not any(slow("event") for _ in range(5))  # nobody waits for an event
    now[0] += 3600
    assert [slow(), slow(), slow()] == [False, False, True]


def test_faults_are_listed_newest_first_and_notes_apart(app: Flask, session: Session) -> None:
    host = host_of(app)
    for number in range(3):
        faults.store(host, "kb", "note_added", f"fault {number}", ticket_id=number)
    faults.store(host, "kb", "ticket_buttons", "It is slow.", weight=0)
    faults.store(host, "crm", "note_added", "other")
    found = report("kb", latest=2)
    assert [each.summary for each in found.faults] == ["fault 2", "fault 1"]
    assert [each.summary for each in found.notes] == ["It is slow."]
    assert (found.fault_count, overview()["crm"].fault_count) == (3, 1)
    one = fault(found.faults[0].id)
    assert one is not None and one.ticket_id == 2


def test_notes_never_pause(app: Flask, session: Session) -> None:
    from inbox.plugin_host.models import Plugin

    with transaction() as current:
        current.add(Plugin(name="kb", version="1", state="active"))
    for _ in range(faults.PAUSE_AFTER + 1):
        faults.store(host_of(app), "kb", "ticket_buttons", "slow", weight=0)
    session.rollback()
    assert session.get_one(Plugin, "kb").state == "active"
    faults.store(host_of(app), "kb", "ticket_buttons", "grave", weight=faults.PAUSE_AFTER)
    session.rollback()
    session.expire_all()
    assert session.get_one(Plugin, "kb").state == "paused"
    assert session.scalar(sa.select(sa.func.count()).select_from(PluginFault)) == faults.PAUSE_AFTER + 2


def test_waiting_events_are_counted_and_can_be_tried_again(session: Session) -> None:
    make_ticket()
    events = session.scalars(sa.select(Event.id)).all()
    with transaction() as current:
        for number, state in zip(events, ("given_up", "waiting"), strict=False):
            current.add(Delivery(event_id=number, plugin="kb", state=state, attempts=7, next_try_at=None))
    assert deliveries.waiting("kb") == deliveries.waiting() | {} == {"kb": {"given_up": 1, "waiting": 1}}
    assert deliveries.try_again("kb") == 1
    row = session.get_one(Delivery, (events[0], "kb"))
    session.refresh(row)
    assert (row.state, row.attempts) == ("failed", 0)
