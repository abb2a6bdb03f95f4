"""What runs when.

Repeating jobs are rows, one a kind, so that several workers never run one twice. What has to happen within seconds
(waking snoozed tickets) is looked for by reading, and becomes a job only when there is something to do.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import socket
import threading
import time
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from inbox.core import alarms, attachments, go_live, purge, queue, search, settings, tickets
from inbox.core.models import (
    Attempt,
    AuditEntry,
    BulkAct,
    BulkTicket,
    Event,
    Heartbeat,
    IdempotentAnswer,
    Job,
    Notification,
    OneTimeToken,
    Ticket,
)
from inbox.db import Model, session, transaction, utcnow, work_context
from inbox.jobs import plugin_jobs
from inbox.jobs.engine import handler
from inbox.mail import pictures
from inbox.plugin_host import faults, timing

log = logging.getLogger(__name__)
TICK_SECONDS = 5.0
BEAT_SECONDS = 30.0
MERGE_SECONDS = 5.0  # a process that is told to end waits for longer
BATCH = 500  # rows deleted in one transaction: it lasts milliseconds
DAY = dt.timedelta(days=1)


@handler("tickets.wake")
def wake_tickets(args: dict[str, Any]) -> None:
    """Bring snoozed tickets back whose time has come."""
    while tickets.wake_due():
        pass


@handler("trash.purge", every=DAY)
def purge_trash(args: dict[str, Any]) -> None:
    """Delete for good what has lain in the trash for long enough."""
    days = int(settings.get("keep.trash_days"))
    while purge.purge_trash(days):
        pass


@handler("blobs.sweep", every=DAY)
def sweep_blobs(args: dict[str, Any]) -> None:
    """Delete files that no row names any more."""
    if count := attachments.sweep():
        log.info("%s files were deleted that nothing refers to.", count)


@handler("pictures.sweep", every=DAY)
def sweep_pictures(args: dict[str, Any]) -> None:
    """Delete old pictures that messages show from elsewhere; they would be fetched again."""
    pictures.sweep()


@handler("search.merge", every=dt.timedelta(hours=1))
def merge_search(args: dict[str, Any]) -> None:
    """Put together what the search index has grown by: short steps, and as long for others to write; the rest the next
    time. While much is written there would be no end."""
    end = time.monotonic() + MERGE_SECONDS
    while (begun := time.monotonic()) < end:
        with transaction(is_quiet=True):
            if not search.merge_parts():
                return
        time.sleep(time.monotonic() - begun)


@handler("rows.sweep", every=DAY)
def sweep_rows(args: dict[str, Any]) -> None:
    """Delete rows whose time has passed."""
    now, days = utcnow(), settings.get_all(["keep.job_days", "keep.fault_days"])
    old = now - days["keep.job_days"] * DAY
    _delete(Job, sa.and_(Job.state == "done", Job.run_at < old, Job.done_at < old))  # run_at has an index
    _delete(Attempt, Attempt.at < now - DAY)
    _delete(IdempotentAnswer, IdempotentAnswer.at < now - 2 * DAY)
    _delete(OneTimeToken, OneTimeToken.expires_at < now - 7 * DAY)
    _delete(Heartbeat, sa.and_(Heartbeat.at < now - DAY, ~Heartbeat.name.startswith(go_live.PREFIX)))
    old_acts = sa.select(BulkAct.id).where(BulkAct.at < now - 7 * DAY)
    _delete(BulkTicket, BulkTicket.bulk_id.in_(old_acts))
    _delete(BulkAct, BulkAct.at < now - 7 * DAY)
    _delete(Notification, Notification.at < now - 90 * DAY)
    old_tries = sa.and_(AuditEntry.area == "sign_ins", AuditEntry.kind == "sign_in_failed",
                        AuditEntry.at < now - days["keep.fault_days"] * DAY)
    _delete(AuditEntry, old_tries)
    faults.sweep(now - days["keep.fault_days"] * DAY)
    timing.sweep()


def _delete(table: type[Model], old: sa.ColumnElement[bool]) -> None:
    keys = sa.inspect(table).primary_key
    while True:
        with transaction() as current:
            rows = current.execute(sa.select(*keys).where(old).limit(BATCH)).all()
            if rows:
                current.execute(sa.delete(table).where(sa.tuple_(*keys).in_([tuple(row) for row in rows]))
                                .execution_options(synchronize_session=False))
        if len(rows) < BATCH:
            return


def look() -> None:
    """Queue what has become due. Writes only when there is something."""
    now = utcnow()
    due = session().scalar(sa.select(Ticket.id).where(Ticket.snoozed_until <= now).limit(1))
    if due is not None:
        with transaction():
            queue.enqueue("tickets.wake", key="tickets.wake")
    plugin_jobs.look()


def beat(name: str, **info: Any) -> None:
    """Show a sign of life of a process; `inbox doctor` and /readyz read it."""
    with transaction() as current:
        current.merge(Heartbeat(name=name, at=utcnow(), info=info))


def backlog() -> dict[str, int]:
    """How much waits: jobs that are due, failed jobs, events not yet dispatched. For doctor and metrics."""
    count = sa.func.count()
    due = sa.select(count).select_from(Job).where(Job.state == "queued", Job.run_at <= utcnow())
    failed = sa.select(count).select_from(Job).where(Job.state == "failed")
    events = sa.select(count).select_from(Event).where(Event.dispatched_at.is_(None))
    return {name: session().scalar(query) or 0
            for name, query in (("jobs", due), ("failed_jobs", failed), ("events", events))}


class Schedule:
    """The thread that looks for what has become due and shows signs of life."""

    def __init__(self, app: Flask, name: str = "worker") -> None:
        self._app = app
        self._name = f"{name}:{socket.gethostname()[:40]}:{os.getpid()}"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schedule", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> bool:
        self._stopping.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        beaten_at = -BEAT_SECONDS
        while not self._stopping.is_set():
            try:
                with work_context(self._app):
                    look()
                    if time.monotonic() - beaten_at >= BEAT_SECONDS:
                        beat(self._name, pid=os.getpid())
                        beaten_at = time.monotonic()
                        alarms.note_store(self._name)
            except SQLAlchemyError as error:
                log.warning("The schedule cannot reach the database (%s); trying again.", error)
            self._stopping.wait(TICK_SECONDS)
