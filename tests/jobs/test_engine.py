"""The job queue: rows with leases, retries, lanes, and what survives when a process goes away."""

import datetime as dt
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.config import Config
from inbox.core import queue
from inbox.core.models import Job
from inbox.db import db, transaction, utcnow, work_context
from inbox.jobs import engine


@pytest.fixture(autouse=True)
def handlers() -> Iterator[dict[str, engine.Handler]]:
    """Only the handlers a test declares."""
    handlers, repeating = dict(engine.HANDLERS), dict(engine.REPEATING)
    engine.HANDLERS.clear()
    engine.REPEATING.clear()
    yield engine.HANDLERS
    engine.HANDLERS.clear()
    engine.HANDLERS.update(handlers)
    engine.REPEATING.clear()
    engine.REPEATING.update(repeating)


def put(kind: str = "test.work", **options) -> int:
    args = options.pop("args", {})
    with transaction():
        return queue.enqueue(kind, args, **options).id


def row(job_id: int) -> Job:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get(Job, job_id)


def wait_for(what, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_a_job_runs_once_outside_any_transaction(app: Flask, session: Session) -> None:
    from inbox.db import in_transaction

    seen = []

    @engine.handler("test.work")
    def work(args):
        seen.append((args["n"], in_transaction()))

    job = put(args={"n": 1})
    assert engine.run_due(app) == 1
    assert engine.run_due(app) == 0
    assert seen == [(1, False)]
    assert row(job).state == "done"


def test_jobs_run_in_order_and_not_before_their_time(app: Flask, session: Session) -> None:
    seen = []

    @engine.handler("test.work")
    def work(args):
        seen.append(args["n"])

    later = put(args={"n": 3}, run_at=utcnow() + dt.timedelta(hours=1))
    put(args={"n": 1})
    put(args={"n": 2})
    engine.run_due(app)
    assert seen == [1, 2]
    assert row(later).state == "queued"


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(3)])
def test_a_failing_job_is_tried_again_later_and_kept_in_the_end(app: Flask, session: Session, error) -> None:
    @engine.handler("test.work", retries=2)
    def work(args):
        raise error

    job = put()
    now, waits = utcnow(), []
    for _ in range(3):
        assert engine.run_due(app, now=now) == 1
        current = row(job)
        waits.append(round((current.run_at - now).total_seconds()))
        now = max(current.run_at, now) + dt.timedelta(seconds=1)
    assert waits[:2] == [5, 20]
    assert (current.state, current.attempts) == ("failed", 3)
    assert type(error).__name__ in current.last_error


def test_one_failing_job_does_not_hold_up_the_next(app: Flask, session: Session) -> None:
    seen = []

    @engine.handler("test.work")
    def work(args):
        if args["n"] == 1:
            raise ValueError("broken")
        seen.append(args["n"])

    put(args={"n": 1})
    put(args={"n": 2})
    engine.run_due(app)
    assert seen == [2]


def test_a_job_of_a_process_that_went_away_is_taken_again(app: Flask, session: Session) -> None:
    seen = []

    @engine.handler("test.work")
    def work(args):
        seen.append(1)

    job = put()
    [claimed] = engine.turn([], ["test.work"])  # and then the process is killed
    assert engine.take_back_lost() == 0
    assert engine.run_due(app) == 0
    later = utcnow() + engine.LEASE + dt.timedelta(seconds=1)
    assert engine.take_back_lost(later) == 1
    assert engine.run_due(app) == 1
    assert seen == [1]
    assert engine.turn([engine.Outcome(claimed, "too late")], []) == []
    assert (row(job).state, row(job).last_error) == ("done", None)


KILLED = """
import sys
from pathlib import Path
from inbox.app import create_core_app
from inbox.config import Config
from inbox.jobs import engine
from inbox.db import work_context

app = create_core_app(Config(home=Path(sys.argv[1]), database_url=sys.argv[2], testing=True))
engine.handler("test.work")(print)
with work_context(app):
    assert engine.turn([], ["test.work"])
    print("taken", flush=True)
    sys.stdin.read()
"""


def test_a_job_of_a_killed_process_of_this_machine_waits_for_no_lease(app: Flask, session: Session,
                                                                      config: Config) -> None:
    seen = threading.Event()

    @engine.handler("test.work")
    def work(args):
        seen.set()

    job = put()
    with subprocess.Popen([sys.executable, "-c", KILLED, str(config.home), config.database_url], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None and other.stdout.readline() == "taken\n"
            assert engine.take_back_lost() == 0  # it lives
        finally:
            other.kill()
    begun = utcnow()
    running = engine.Engine(app)
    running.start()
    assert seen.wait(10) and utcnow() - begun < engine.LEASE / 2
    assert running.stop()
    assert (row(job).state, row(job).attempts, row(job).lease_owner) == ("done", 2, None)


def test_a_job_that_always_ends_the_process_is_given_up(app: Flask, session: Session) -> None:
    @engine.handler("test.work", retries=1)
    def work(args):
        raise AssertionError("never reached")

    job = put()
    now = utcnow()
    for _ in range(2):
        engine.turn([], ["test.work"], now)
        now += engine.LEASE + dt.timedelta(seconds=1)
        engine.take_back_lost(now)
    assert row(job).state == "failed"
    assert "ended 2 times" in row(job).last_error


def test_two_claimers_never_get_the_same_job(app: Flask, session: Session) -> None:
    seen, lock = [], threading.Lock()

    @engine.handler("test.work")
    def work(args):
        with lock:
            seen.append(args["n"])

    for number in range(40):
        put(args={"n": number})
    threads = [threading.Thread(target=engine.run_due, args=(app,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(40))


def test_a_repeating_job_has_one_row_and_comes_back(app: Flask, session: Session) -> None:
    seen = []

    @engine.handler("test.daily", every=dt.timedelta(days=1))
    def work(args):
        seen.append(1)

    engine.ensure_repeating()
    engine.ensure_repeating()
    assert engine.run_due(app) == 1
    (job,) = session.scalars(sa.select(Job))
    assert dt.timedelta(hours=23) < row(job.id).run_at - utcnow() <= dt.timedelta(days=1)
    engine.ensure_repeating()
    assert engine.run_due(app, now=utcnow() + dt.timedelta(days=2)) == 1
    assert len(seen) == 2
    assert session.scalar(sa.select(sa.func.count()).select_from(Job)) == 1


def test_nothing_due_writes_nothing(app: Flask, session: Session) -> None:
    @engine.handler("test.work")
    def work(args):
        pass

    wakes = []
    from inbox.db import on_commit

    put(run_at=utcnow() + dt.timedelta(hours=1))
    on_commit.append(wakes.append)
    try:
        assert engine.turn([], ["test.work"]) == []
    finally:
        on_commit.remove(wakes.append)
    assert wakes == []


@pytest.fixture
def running(app: Flask) -> Iterator[engine.Engine]:
    running = engine.Engine(app)
    yield running
    assert running.stop()


def test_a_slow_lane_does_not_delay_another(app: Flask, session: Session, running: engine.Engine) -> None:
    release, done = threading.Event(), threading.Event()

    @engine.handler("test.slow", lane="sending")
    def slow(args):
        release.wait(10)

    @engine.handler("test.quick", lane="intake")
    def quick(args):
        done.set()

    for _ in range(3):
        put("test.slow")
    running.start()
    put("test.quick")
    running.wake()
    assert done.wait(3)
    release.set()


def test_the_intake_lane_keeps_order(app: Flask, session: Session, running: engine.Engine) -> None:
    seen = []

    @engine.handler("test.work", lane="intake")
    def work(args):
        time.sleep(0.005 * (args["n"] % 3))
        seen.append(args["n"])

    for number in range(12):
        put(args={"n": number})
    running.start()
    wait_for(lambda: len(seen) == 12)
    assert seen == list(range(12))


def test_stop_lets_the_job_in_hand_end_and_takes_no_other(app: Flask, session: Session) -> None:
    began = threading.Event()

    @engine.handler("test.work", lane="intake")
    def work(args):
        began.set()
        time.sleep(0.3)

    first, second = put(), put()
    running = engine.Engine(app)
    running.start()
    assert began.wait(5)
    assert running.stop()
    assert (row(first).state, row(second).state) == ("done", "queued")


def test_a_long_job_keeps_its_lease(app: Flask, session: Session, running: engine.Engine, monkeypatch) -> None:
    monkeypatch.setattr(engine, "LEASE", dt.timedelta(seconds=0.5))
    monkeypatch.setattr(engine, "RENEW_SECONDS", 0.1)
    runs = []

    @engine.handler("test.work")
    def work(args):
        runs.append(1)
        time.sleep(1.5)

    job = put()
    running.start()
    wait_for(lambda: row(job).state == "done")
    assert runs == [1]


def test_a_commit_elsewhere_wakes_the_engine_soon(app: Flask, session: Session, running: engine.Engine) -> None:
    from inbox.changes import ChangeWatcher

    done = threading.Event()

    @engine.handler("test.work")
    def work(args):
        done.set()

    watcher = ChangeWatcher(app)
    watcher.subscribe(running.wake)
    running.start()
    watcher.start()
    time.sleep(0.3)
    put()
    assert done.wait(2)  # far sooner than the engine looks by itself
    watcher.stop()


@pytest.mark.parametrize("times", [3])
def test_a_killed_process_loses_no_job(app: Flask, session: Session, times: int) -> None:
    """A real process is killed while it works; every job is done in the end."""
    import os
    import signal
    import subprocess

    for number in range(60):
        put("test.kill", args={"n": number})
    config = app.config["INBOX"]
    code = f"""
import pathlib, time, threading
from inbox.config import Config
from inbox.app import create_core_app
from inbox.jobs import engine
@engine.handler("test.kill")
def work(args): time.sleep(0.01)
app = create_core_app(Config(home=pathlib.Path({str(config.home)!r}), database_url={config.database_url!r}))
running = engine.Engine(app); running.start(); print("up", flush=True); time.sleep(60)
"""
    for _ in range(times):
        program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        program.stdout.readline()
        time.sleep(0.1)
        os.kill(program.pid, signal.SIGKILL)
        program.wait()
        program.stdout.close()

    @engine.handler("test.kill")
    def work(args):
        pass

    later, end = utcnow() + engine.LEASE * 2, time.monotonic() + 10
    while session.scalar(sa.select(sa.func.count()).where(Job.state == "done")) < 60:
        assert time.monotonic() < end, "some were lost"
        session.rollback()
        with work_context(app):  # PostgreSQL may hold rows for a killed process until it has noticed
            engine.take_back_lost(later)
        engine.run_due(app)
