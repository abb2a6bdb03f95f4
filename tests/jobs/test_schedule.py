"""What runs when: snoozed tickets wake within seconds, sweeps run once however many workers there are."""

import datetime as dt
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import tickets
from inbox.core.events import Actor
from inbox.core.models import Attempt, Event, Heartbeat, IdempotentAnswer, Job, OneTimeToken, Ticket
from inbox.db import db, transaction, utcnow, work_context
from inbox.jobs import engine, schedule
from inbox.jobs.worker import Worker, load_handlers, run_everything
from inbox.testing.factories import make_agent, make_ticket

SYSTEM = Actor.system("test")


def ask(app: Flask, query: Any) -> Any:
    with work_context(app):
        return db.session.scalar(query)


def wait_for(what: Callable[[], Any], seconds: float = 12.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def snoozed(app: Flask, session: Session) -> Ticket:
    """A ticket whose snooze ended a second ago."""
    ticket = make_ticket()
    tickets.snooze(ticket, utcnow() + dt.timedelta(hours=1), by=SYSTEM)
    with transaction():
        ticket.snoozed_until = utcnow() - dt.timedelta(seconds=1)
    return ticket


def test_a_snoozed_ticket_wakes_when_its_time_has_come(app: Flask, session: Session, snoozed: Ticket) -> None:
    still = make_ticket()
    tickets.snooze(still, utcnow() + dt.timedelta(hours=1), by=SYSTEM)
    schedule.look()
    schedule.look()
    assert session.scalar(sa.select(sa.func.count()).select_from(Job).where(Job.kind == "tickets.wake")) == 1
    engine.run_due(app)
    assert ask(app, sa.select(Ticket.shelf).where(Ticket.id == snoozed.id)) == "open"
    assert ask(app, sa.select(Ticket.shelf).where(Ticket.id == still.id)) == "snoozed"


def test_looking_writes_nothing_when_nothing_is_due(app: Flask, session: Session) -> None:
    make_ticket()
    schedule.look()  # jobs that plugins have registered get their rows
    before = session.scalar(sa.select(sa.func.count()).select_from(Job))
    schedule.look()
    assert session.scalar(sa.select(sa.func.count()).select_from(Job)) == before


def test_old_rows_are_swept_and_young_and_failed_ones_stay(app: Flask, session: Session) -> None:
    agent, old, young = make_agent(), utcnow() - dt.timedelta(days=100), utcnow()
    with transaction() as current:
        for at in (old, young):
            current.add(Job(kind="x", state="done", run_at=at, done_at=at))
            current.add(Job(kind="x", state="failed", run_at=at, done_at=at))
            current.add(Attempt(key="k", at=at))
            current.add(IdempotentAnswer(agent_id=agent.id, key=str(at), request_digest="", at=at))
            current.add(OneTimeToken(purpose="reset", token_hash=str(at), expires_at=at))
            current.add(Heartbeat(name=str(at), at=at))
    schedule.sweep_rows({})
    counts = {table.__name__: session.scalar(sa.select(sa.func.count()).select_from(table))
              for table in (Attempt, IdempotentAnswer, OneTimeToken, Heartbeat)}
    assert set(counts.values()) == {1}, counts
    assert session.scalar(sa.select(sa.func.count()).where(Job.kind == "x", Job.state == "done")) == 1
    assert session.scalar(sa.select(sa.func.count()).where(Job.kind == "x", Job.state == "failed")) == 2


def test_the_trash_is_emptied_after_its_time(app: Flask, session: Session) -> None:
    gone, kept = make_ticket(), make_ticket()
    for ticket, days in ((gone, 31), (kept, 29)):
        tickets.trash(ticket, by=SYSTEM)
        with transaction():
            ticket.trashed_at = utcnow() - dt.timedelta(days=days)
    numbers = gone.id, kept.id
    schedule.purge_trash({})
    assert [session.scalar(sa.select(Ticket.id).where(Ticket.id == each)) for each in numbers] == [None, numbers[1]]


def test_every_repeating_job_has_a_handler_and_one_row(app: Flask, session: Session) -> None:
    load_handlers()
    engine.ensure_repeating()
    engine.ensure_repeating()
    kinds = session.scalars(sa.select(Job.kind)).all()
    assert sorted(kinds) == sorted(engine.REPEATING) and set(engine.REPEATING) <= set(engine.HANDLERS)
    assert {"trash.purge", "blobs.sweep", "rows.sweep", "mail.sweep"} <= set(kinds)


def test_backlog_counts_what_waits(app: Flask, session: Session) -> None:
    make_ticket()
    with transaction() as current:
        current.add(Job(kind="x"))
        current.add(Job(kind="x", run_at=utcnow() + dt.timedelta(days=1)))
        current.add(Job(kind="x", state="failed"))
    waiting = session.scalar(sa.select(sa.func.count()).select_from(Event))
    assert schedule.backlog() == {"jobs": 1, "failed_jobs": 1, "events": waiting}


# --- the whole worker -------------------------------------------------------------------------------------------


@pytest.fixture
def worker(app: Flask) -> Iterator[Worker]:
    worker = Worker(app)
    worker.start()
    yield worker
    assert worker.stop()


def test_a_worker_wakes_tickets_beats_and_mails_agents(app, session, snoozed: Ticket, worker: Worker) -> None:
    wait_for(lambda: ask(app, sa.select(Ticket.shelf).where(Ticket.id == snoozed.id)) == "open")
    wait_for(lambda: ask(app, sa.select(Heartbeat.name)) is not None)
    wait_for(lambda: ask(app, sa.select(Event.id).where(Event.dispatched_at.is_(None))) is None)


def test_an_idle_worker_writes_nothing_but_its_heartbeat(app: Flask, session: Session, worker: Worker) -> None:
    from inbox.db import on_commit

    due = sa.select(Job.id).where(Job.state.in_(("queued", "running")), Job.run_at <= utcnow())
    wait_for(lambda: ask(app, due) is None and ask(app, sa.select(Heartbeat.name)) is not None)
    time.sleep(0.5)
    commits: list[Any] = []
    on_commit.append(commits.append)
    time.sleep(2)
    on_commit.remove(commits.append)
    assert commits == []


def test_everything_due_can_be_run_in_one_thread(app: Flask, session: Session, snoozed: Ticket) -> None:
    schedule.look()
    before = threading.active_count()
    run_everything(app)
    assert threading.active_count() == before
    assert ask(app, sa.select(Event.id).where(Event.dispatched_at.is_(None))) is None


def test_killed_workers_lose_no_event_and_two_work_side_by_side(app: Flask, session: Session) -> None:
    """Two real processes at a time are killed while they tell a plugin of events; none is missed."""
    from inbox.core import messages
    from inbox.core.messages import Body
    from inbox.plugin_host import lifecycle
    from inbox.testing.plugins import write_plugin

    config = app.config["INBOX"]
    place = write_plugin(config.plugin_folder, "diary", """
        import os, pathlib, time
        from inbox.toolkit import hookimpl

        @hookimpl
        def note_added(note, event):
            with pathlib.Path(__file__).with_name("told").open("a") as file:
                file.write(f"{event.id}\\n")
            time.sleep(0.02)
        """)
    lifecycle.activate("diary")
    for _ in range(6):
        ticket = make_ticket()
        for _ in range(5):
            messages.note(ticket, Body("A note."), by=SYSTEM)
    noted = session.scalars(sa.select(Event.id).where(Event.kind == "note_added")).all()
    code = f"""
import pathlib, time
from inbox.app import create_app
from inbox.config import Config
from inbox.jobs.worker import Worker
Worker(create_app(Config(home=pathlib.Path({str(config.home)!r}), database_url={config.database_url!r}))).start()
print("up", flush=True)
time.sleep(60)
"""
    for _ in range(2):
        programs = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(2)]
        for program in programs:
            assert program.stdout is not None
            program.stdout.readline()
        time.sleep(0.2)
        for program in programs:
            program.kill()
            program.wait()
            program.stdout.close()  # type: ignore[union-attr]
    with transaction() as current:  # as if the leases had run out
        current.execute(sa.update(Event).where(Event.dispatched_at.is_(None)).values(lease_until=None))
    run_everything(app)
    told = [int(line) for line in (place / "told").read_text().split()]
    assert set(told) == set(noted)
    tickets_of = dict(session.execute(sa.select(Event.id, Event.ticket_id).where(Event.id.in_(noted))).all())
    first = {event: told.index(event) for event in noted}
    for one in noted:
        for other in noted:
            if one < other and tickets_of[one] == tickets_of[other]:
                assert first[one] < first[other]
