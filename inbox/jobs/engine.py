"""The job queue: rows of `inbox.core.models.Job` are the truth, wake-ups are only hints.

    @handler("mail.send", lane="sending", retries=5)
    def send_job(args: dict) -> None: …

A handler runs in a work context of its own, outside of any transaction, and may run twice (the program can end
between its work and our note of it): it must find that out by itself. Raising means "try again later"; after the
last try the row stays, failed, with the traceback. Jobs are asked for with `inbox.core.queue.enqueue`.

A lane has threads of its own, so that a slow mail server delays no incoming mail. Lane `intake` has one thread: jobs
there run in order.

Where many small jobs of a kind come at once, `@together` declares a second function that does several of them: jobs
are then taken and noted by the dozen. It is given first tries only; what it cannot do at once is done one by one.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from inbox import holders
from inbox.core import queue
from inbox.core.models import Job
from inbox.db import UtcDateTime, columns, fixed, session, transaction, utcnow, work_context
from inbox.jobs.gathering import pause

log = logging.getLogger(__name__)
LEASE = dt.timedelta(seconds=30)  # how long a job of a process that was killed waits for one of another machine
RENEW_SECONDS = 10.0
LOOK_SECONDS = 5.0  # at the latest, without any wake-up
FIRST_DELAY, LONGEST_DELAY = 5, 3600  # seconds before a retry; four times as long after each
MOST_TOGETHER = 16
LANES = {"intake": 1, "sending": 2, "imports": 1, "bulk": 1}  # threads; every other lane has config.worker_threads


@dataclass(frozen=True)
class Handler:
    """What runs a kind of job, and how."""

    kind: str
    function: Callable[[dict[str, Any]], None]
    lane: str
    retries: int
    several: Callable[[list[dict[str, Any]]], None] | None = None  # does some of them at once


@dataclass(frozen=True)
class Claimed:
    """A job in hand; `attempts` tells this try from any other."""

    id: int
    kind: str
    args: dict[str, Any]
    attempts: int


@dataclass(frozen=True)
class Outcome:
    """How a try ended: `error` is a traceback, or None."""

    job: Claimed
    error: str | None


HANDLERS: dict[str, Handler] = {}
REPEATING: dict[str, dt.timedelta] = {}
"""Kinds of which there is always one job: it runs again this long after its end."""


def handler(kind: str, *, lane: str = "work", retries: int = 5,
            every: dt.timedelta | None = None) -> Callable[[Callable[[dict[str, Any]], None]], Any]:
    """Declare a function as what runs jobs of a kind. It is given the job's args.

    With `every` there is always one job of the kind, which runs again that long after its end.
    """

    def declare(function: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
        known = HANDLERS.get(kind)
        if known is not None and _name_of(known.function) != _name_of(function):
            raise RuntimeError(f"{kind} jobs are run by {_name_of(known.function)} already.")
        HANDLERS[kind] = Handler(kind, function, lane, retries)
        if every is not None:
            REPEATING[kind] = every
        return function

    return declare


def together(kind: str) -> Callable[[Callable[[list[dict[str, Any]]], None]], Any]:
    """Declare a function that runs up to MOST_TOGETHER first tries of a declared kind, given the args of each.

    Either it does all of them or it raises, and then each is run by itself.
    """

    def declare(function: Callable[[list[dict[str, Any]]], None]) -> Callable[[list[dict[str, Any]]], None]:
        HANDLERS[kind] = replace(HANDLERS[kind], several=function)
        return function

    return declare


def _name_of(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def kinds_of(lane: str) -> tuple[str, ...]:
    """The kinds of job a lane runs."""
    return tuple(each.kind for each in HANDLERS.values() if each.lane == lane)


# --- rows -------------------------------------------------------------------------------------------------------


def next_due(kinds: Iterable[str]) -> dt.datetime | None:
    """When the next job of these kinds is to run; None when none waits. Only reads."""
    return session().scalar(_first_due(tuple(kinds)))


@lru_cache(maxsize=100)
def _first_due(kinds: tuple[str, ...]) -> sa.Select[dt.datetime]:
    """Built once, as all that is asked at every commit: to build a statement takes longer than to send it."""
    return (sa.select(Job.run_at).where(Job.kind.in_(kinds), Job.state == "queued").order_by(Job.run_at).limit(1))


def next_due_of(lanes: Iterable[str]) -> dict[str, dt.datetime]:
    """When the next job of each lane is to run, of those in which one waits. One statement, which only reads."""
    asked = {lane: kinds_of(lane) for lane in lanes}
    row = columns(_firsts_due(tuple(asked.values()))).one()
    return {lane: due for lane, due in zip(asked, row, strict=True) if due is not None}


@lru_cache(maxsize=100)
def _firsts_due(lanes: tuple[tuple[str, ...], ...]) -> sa.Select[*tuple[dt.datetime, ...]]:
    return sa.select(*(_first_due(kinds).scalar_subquery() for kinds in lanes))


def turn(outcomes: Sequence[Outcome], kinds: Iterable[str], now: dt.datetime | None = None) -> list[Claimed]:
    """Note how the last jobs ended and take the next ones, in one transaction. Empty: nothing is due."""
    now, kinds = now or utcnow(), tuple(kinds)
    if not outcomes:
        due = next_due(kinds) if kinds else None
        if due is None or due > now:
            return []
    with transaction(is_quiet=all(_is_over(outcome) for outcome in outcomes)):  # only what runs again is to be heard of
        _note(outcomes, now)
        return _claim(kinds, now) if kinds else []


def _claim(kinds: tuple[str, ...], now: dt.datetime) -> list[Claimed]:
    """One job, or several where all of these kinds may be done together."""
    most = MOST_TOGETHER if all(HANDLERS[kind].several is not None for kind in kinds) else 1
    rows = session().execute(_taking(kinds, most), {"now": now, "owner": holders.this_process(), "until": now + LEASE}
                             ).all()
    return [Claimed(row.id, row.kind, row.args, row.attempts)
            for row in sorted(rows, key=lambda row: (row.run_at, row.id))]


@lru_cache(maxsize=100)
def _taking(kinds: tuple[str, ...], most: int) -> sa.UpdateBase:
    first = (sa.select(Job.id).where(Job.kind.in_(kinds), Job.state == "queued",
                                     Job.run_at <= sa.bindparam("now", type_=UtcDateTime))
             .order_by(Job.run_at, Job.id).limit(most).with_for_update(skip_locked=True).cte("first"))
    return (sa.update(Job).where(Job.id.in_(sa.select(first.c.id)), Job.state == "queued")
            .values(state="running", attempts=Job.attempts + 1, lease_owner=sa.bindparam("owner"),
                    lease_until=sa.bindparam("until", type_=UtcDateTime))
            .returning(Job.id, Job.kind, Job.args, Job.attempts, Job.run_at)
            .execution_options(synchronize_session=False))


def _note(outcomes: Iterable[Outcome], now: dt.datetime) -> None:
    """Store how tries ended, except where somebody else has taken the job meanwhile (our lease had run out)."""
    done: dict[int, list[int]] = {}  # ids by number of the try
    for outcome in outcomes:
        values = _how_it_stands(outcome, now)
        if values == _done(now):
            done.setdefault(outcome.job.attempts, []).append(outcome.job.id)
        else:
            _write([outcome.job.id], outcome.job.attempts, values)
    for attempts, ids in done.items():
        _write(ids, attempts, _done(now))


def _write(ids: list[int], attempts: int, values: dict[str, Any]) -> None:
    session().execute(
        sa.update(Job).where(Job.id.in_(ids), Job.attempts == attempts, Job.state.in_(("running", "queued")))
        .values(**values).execution_options(synchronize_session=False))


def _done(now: dt.datetime) -> dict[str, Any]:
    """The columns of a job that is over; texts and one-time links are not kept beyond their use."""
    return {"lease_owner": None, "lease_until": None, "last_error": None, "state": "done", "done_at": now, "args": {}}


def _how_it_stands(outcome: Outcome, now: dt.datetime) -> dict[str, Any]:
    """The columns of a job after a try."""
    job, how = outcome.job, HANDLERS[outcome.job.kind]
    values: dict[str, Any] = {"lease_owner": None, "lease_until": None, "last_error": outcome.error}
    if outcome.error is not None and job.attempts <= how.retries:
        delay = min(FIRST_DELAY * 4 ** (job.attempts - 1), LONGEST_DELAY)
        return values | {"state": "queued", "run_at": now + dt.timedelta(seconds=delay)}
    if pace := REPEATING.get(how.kind) or _own_pace(job):
        return values | {"state": "queued", "run_at": now + pace, "attempts": 0}
    return values | {"state": "failed", "done_at": now} if outcome.error else _done(now)


def _is_over(outcome: Outcome) -> bool:
    """True of a job that has been done and does not run again."""
    return outcome.error is None and outcome.job.kind not in REPEATING and _own_pace(outcome.job) is None


def _own_pace(job: Claimed) -> dt.timedelta | None:
    """How long after its end a job runs again that names its pace itself (`every`, in seconds); None: it does not."""
    return dt.timedelta(seconds=job.args["every"]) if "every" in job.args else None


def renew(jobs: Iterable[Claimed]) -> None:
    """Keep jobs that still run from being taken by somebody else."""
    for job in jobs:
        with transaction() as current:
            current.execute(sa.update(Job).where(
                Job.id == job.id, Job.attempts == job.attempts, Job.state == "running")
                .values(lease_until=utcnow() + LEASE).execution_options(synchronize_session=False))


def take_back_lost(now: dt.datetime | None = None) -> int:
    """Queue jobs again whose process went away; give up on those that always end the process. Returns how many.

    A process of this machine that has ended is known at once, others when their leases have run out.
    """
    now = now or utcnow()
    running = Job.state == "running"
    owners = session().scalars(sa.select(Job.lease_owner).where(running, Job.lease_owner.is_not(None)).distinct())
    ended = [owner for owner in owners if owner is not None and holders.has_ended(owner)]
    lost = sa.select(Job).where(running, sa.or_(Job.lease_until < now, Job.lease_owner.in_(ended))).order_by(
        Job.id).limit(500)
    if session().scalar(lost.with_only_columns(Job.id).order_by(None).limit(1)) is None:
        return 0
    with transaction() as current:
        rows = current.scalars(lost.with_for_update(skip_locked=True)).all()
        for row in rows:
            how = HANDLERS.get(row.kind)
            row.state, row.lease_owner, row.lease_until = "queued", None, None
            row.last_error = "The program ended while it ran this."
            if how is not None and row.kind not in REPEATING and row.attempts > how.retries:
                row.state, row.done_at = "failed", now
                row.last_error = f"The program ended {row.attempts} times while it ran this."
        return len(rows)


def ensure_repeating() -> None:
    """See to it that every repeating job has its row. Safe in any number of processes."""
    for kind in REPEATING:
        key = f"every:{kind}"
        if session().scalar(sa.select(Job.id).where(
                Job.key == key, Job.state.in_((fixed("queued"), fixed("running"))))) is not None:
            continue
        try:
            with transaction():
                queue.enqueue(kind, {}, key=key)
        except IntegrityError:  # another process was faster
            log.debug("%s has its row already.", key)


# --- running ----------------------------------------------------------------------------------------------------


def perform(app: Flask, jobs: Sequence[Claimed]) -> list[Outcome]:
    """Run the handlers of jobs, in order; first tries of one kind together where it can. Whatever one raises becomes
    its outcome."""
    outcomes: list[Outcome] = []
    for (kind, is_first), group in groupby(jobs, key=lambda job: (job.kind, job.attempts == 1)):
        some = list(group)
        several = HANDLERS[kind].several if is_first and len(some) > 1 else None
        if several is not None and _perform_together(app, several, some):
            outcomes += [Outcome(job, None) for job in some]
        else:
            outcomes += [_perform_one(app, job) for job in some]
    return outcomes


def _perform_together(app: Flask, several: Callable[[list[dict[str, Any]]], None], jobs: list[Claimed]) -> bool:
    try:
        with work_context(app):
            several([job.args for job in jobs])
    except Exception as error:
        log.warning("%d %s jobs are done one by one: %s: %s", len(jobs), jobs[0].kind, type(error).__name__, error)
        return False
    return True


def _perform_one(app: Flask, job: Claimed) -> Outcome:
    try:
        with work_context(app):
            HANDLERS[job.kind].function(job.args)
    except (Exception, SystemExit) as error:
        log.exception("Job %s (%s) failed, try %s.", job.id, job.kind, job.attempts)
        return Outcome(job, "".join(traceback.format_exception(error))[-20_000:])
    return Outcome(job, None)


def run_due(app: Flask, kinds: Iterable[str] | None = None, *, now: dt.datetime | None = None) -> int:
    """Run everything that is due, and what follows from it, in this thread. Returns how many tries were made."""
    outcomes: list[Outcome] = []
    count, chosen = 0, tuple(HANDLERS if kinds is None else kinds)
    while True:
        with work_context(app):
            jobs = turn(outcomes, chosen, now)
        if not jobs:
            return count
        outcomes, count = perform(app, jobs), count + len(jobs)


class _Slot:
    """One thread of a lane: how to wake it, and whether it has a job in hand."""

    def __init__(self, lane: str) -> None:
        self.lane = lane
        self.wake = threading.Event()
        self.is_busy = False


class Engine:
    """The threads that run jobs in one process. One of them looks what is due, and wakes those whose turn it is."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._stopping = threading.Event()
        self._look = threading.Event()
        self._slots: list[_Slot] = []
        self._in_hand: dict[int, Claimed] = {}
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin. Handlers must have been declared (see `inbox.jobs.worker.load_handlers`)."""
        with work_context(self._app):
            ensure_repeating()
        others = self._app.config["INBOX"].worker_threads
        for lane in sorted({each.lane for each in HANDLERS.values()}):
            for number in range(LANES.get(lane, others)):
                self._slots.append(_Slot(lane))
                self._threads.append(threading.Thread(
                    target=self._run_slot, args=(kinds_of(lane), self._slots[-1]), name=f"jobs-{lane}-{number}",
                    daemon=True))
        self._threads += [threading.Thread(target=self._keep_looking, name="jobs-look", daemon=True),
                          threading.Thread(target=self._keep_leases, name="jobs-leases", daemon=True)]
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Something was committed: look whether a job is due."""
        self._look.set()

    def stop(self, timeout: float = 10.0) -> bool:
        """Take no new job, let those in hand end. True when all ended within `timeout` seconds."""
        self._stopping.set()
        self._look.set()
        for slot in self._slots:
            slot.wake.set()
        until = utcnow() + dt.timedelta(seconds=timeout)
        for thread in self._threads:
            thread.join(max(0.0, (until - utcnow()).total_seconds()))
        return not any(thread.is_alive() for thread in self._threads)

    def _keep_looking(self) -> None:
        """Wake an idle thread of each lane in which a job is due; sleep until the next one is, or until a commit."""
        lanes = sorted({slot.lane for slot in self._slots})
        while not self._stopping.is_set():
            self._look.clear()
            looked_at = time.monotonic()
            try:
                with work_context(self._app):
                    due, now = next_due_of(lanes), utcnow()
            except SQLAlchemyError as error:
                log.warning("The job queue cannot be reached (%s); trying again.", error)
                self._stopping.wait(1.0)
                continue
            for lane, at in due.items():
                if at <= now:
                    self._wake_one(lane)
            waits = [(at - now).total_seconds() for at in due.values() if at > now]
            if self._look.wait(min([LOOK_SECONDS, *waits])):
                self._stopping.wait(pause(time.monotonic() - looked_at))

    def _wake_one(self, lane: str) -> None:
        """Wake an idle thread of a lane, if there is one: those with a job in hand look for the next one themselves."""
        slot = next((each for each in self._slots if each.lane == lane and not each.is_busy), None)
        if slot is not None:
            slot.wake.set()

    def _run_slot(self, kinds: tuple[str, ...], slot: _Slot) -> None:
        outcomes: list[Outcome] = []
        while not self._stopping.is_set() or outcomes:
            slot.wake.clear()
            try:
                with work_context(self._app):
                    jobs = turn(outcomes, () if self._stopping.is_set() else kinds)
            except SQLAlchemyError as error:
                log.warning("The job queue cannot be reached (%s); trying again.", error)
                if self._stopping.wait(1.0):
                    return  # the lease runs out, and somebody else takes the job
                continue
            for each in outcomes:
                self._in_hand.pop(each.job.id, None)
            outcomes = []
            if jobs:
                outcomes = self._perform(jobs, slot)
            elif not self._stopping.is_set():
                slot.wake.wait()

    def _perform(self, jobs: list[Claimed], slot: _Slot) -> list[Outcome]:
        self._in_hand.update({job.id: job for job in jobs})
        slot.is_busy = True
        self.wake()  # there may be more for the others of the lane
        try:
            return perform(self._app, jobs)
        finally:
            slot.is_busy = False

    def _keep_leases(self) -> None:
        while not self._stopping.is_set():
            try:
                with work_context(self._app):
                    renew(list(self._in_hand.values()))
                    if take_back_lost():
                        self.wake()
            except SQLAlchemyError as error:
                log.warning("The job queue cannot be reached (%s); trying again.", error)
            self._stopping.wait(RENEW_SECONDS)
