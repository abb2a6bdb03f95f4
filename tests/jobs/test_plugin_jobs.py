"""Jobs of plugins: on their timetable, one run at a time, only while the plugin is active."""

import datetime as dt
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core.models import Job
from inbox.db import transaction, utcnow
from inbox.jobs import engine, plugin_jobs
from inbox.jobs.worker import load_handlers
from inbox.plugin_host import items
from inbox.plugin_host.models import PluginFault
from inbox.testing.plugins import host_of, plug, without_builtins

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def plan(app: Flask, session: Session) -> Callable[..., None]:
    """Register a job `clock.tick` of an active plugin."""
    load_handlers()
    without_builtins(app)

    def register(run: Callable[[], None], every: dt.timedelta = HOUR) -> None:
        def register_jobs() -> list[items.Job]:
            return [items.Job("clock.tick", every, run)]

        plug(app, "clock", register_jobs)

    return register


def rows(session: Session) -> list[Job]:
    session.rollback()
    session.expire_all()
    return list(session.scalars(sa.select(Job).where(Job.kind == plugin_jobs.KIND)))


def test_register_jobs_runs_a_job_at_once_and_again_after_its_time(app: Flask, session: Session, plan) -> None:
    ran: list[int] = []
    plan(lambda: ran.append(1))
    plugin_jobs.look()
    plugin_jobs.look()
    assert len(rows(session)) == 1
    engine.run_due(app)
    engine.run_due(app)
    assert ran == [1]
    plugin_jobs.look()
    (row,) = rows(session)
    assert row.state == "queued" and HOUR * 0.9 < row.run_at - utcnow() <= HOUR


def test_a_job_that_fails_is_a_fault_and_runs_again(app: Flask, session: Session, plan) -> None:
    host_of(app).raise_faults = False

    def fail() -> None:
        raise ValueError("no clock")

    plan(fail)
    plugin_jobs.look()
    engine.run_due(app)
    fault = session.scalars(sa.select(PluginFault)).one()
    assert (fault.plugin, fault.hook, fault.summary) == ("clock", "job clock.tick", "ValueError: no clock")
    assert rows(session)[0].state == "queued"


def test_a_job_may_write(app: Flask, session: Session, plan) -> None:
    def write() -> None:
        with transaction() as current:
            current.execute(sa.text("UPDATE plugin_revision SET value = 77"))

    plan(write)
    plugin_jobs.look()
    engine.run_due(app)
    assert session.scalar(sa.text("SELECT value FROM plugin_revision")) == 77


def test_a_job_of_an_inactive_plugin_has_no_row(app: Flask, session: Session, plan) -> None:
    ran: list[int] = []
    plan(lambda: ran.append(1))
    plugin_jobs.look()
    host_of(app).builtins = frozenset()  # no longer active
    engine.run_due(app)
    assert ran == []
    plugin_jobs.look()
    assert rows(session) == []


def test_a_new_pace_counts_at_once(app: Flask, session: Session, plan) -> None:
    plan(lambda: None)
    plugin_jobs.look()
    with transaction() as current:
        current.execute(sa.update(Job).where(Job.kind == plugin_jobs.KIND).values(
            args={"name": "clock.tick", "every": 99}, run_at=utcnow() + HOUR))
    plugin_jobs.look()
    assert [each.args["every"] for each in rows(session)] == [3600]


def test_looking_writes_nothing_when_all_is_there(app: Flask, session: Session, plan) -> None:
    plan(lambda: None)
    plugin_jobs.look()
    before = [each.id for each in rows(session)]
    plugin_jobs.look()
    assert [each.id for each in rows(session)] == before
