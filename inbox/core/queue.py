"""Asks for work to be done later: a job row in the transaction of the change. `inbox.jobs.engine` does it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from inbox.core.models import Job
from inbox.db import fixed, in_transaction, inserted, session, utcnow


def enqueue(kind: str, args: dict[str, Any] | None = None, *, key: str | None = None,
            run_at: dt.datetime | None = None) -> Job:
    """Add a job, to run at or after `run_at` (now). With a key that is already waiting or running: that one."""
    if not in_transaction():
        raise RuntimeError("A job is queued in the transaction of the change it follows from.")
    if key is not None:
        waiting = session().scalar(sa.select(Job).where(
            Job.key == key, Job.state.in_((fixed("queued"), fixed("running")))))
        if waiting is not None:
            return waiting
    job = Job(kind=kind, args=args or {}, key=key, run_at=run_at or utcnow())
    session().add(job)
    session().flush()
    return job


def add(kind: str, args: dict[str, Any], *, key: str, run_at: dt.datetime | None = None) -> None:
    """The same for a job nobody needs as an object, in one statement: nothing is added where its key is in use."""
    if not in_transaction():
        raise RuntimeError("A job is queued in the transaction of the change it follows from.")
    inserted(Job, {"kind": kind, "args": args, "key": key, "run_at": run_at or utcnow()}, unless_there=True)


def run_soon(job: str) -> None:
    """Let a job of a plugin (`webhooks.send`) run now instead of at its next time. In the transaction of the change."""
    if not in_transaction():
        raise RuntimeError("Ask for a job inside transaction(), with the change that makes it necessary.")
    session().execute(sa.update(Job).where(Job.key == f"plugin:{job}", Job.state == fixed("queued"))
                      .values(run_at=utcnow()).execution_options(synchronize_session=False))
