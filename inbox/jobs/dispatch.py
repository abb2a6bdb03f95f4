"""Tells plugins of events: one thread claims, and each plugin has a lane (thread) of its own.

A slow plugin delays nobody but itself: when its lane is long or stuck, its events become rows that are tried later.
"""

from __future__ import annotations

import logging
import queue
import threading
import time

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from inbox import holders
from inbox.db import work_context
from inbox.jobs import deliveries, telling
from inbox.jobs.deliveries import Task
from inbox.jobs.gathering import pause
from inbox.plugin_host import call, running
from inbox.plugin_host.faults import PluginFailure
from inbox.plugin_host.registry import EXTENSION

log = logging.getLogger(__name__)
LOOK_SECONDS = 5.0  # at the latest, without any wake-up
RENEW_SECONDS = 15.0
SETTLE_SECONDS = 30.0
LONGEST_LINE = 300  # events waiting in one plugin's lane: some seconds of a rush, which costs less than rows
MOST_TOGETHER = 30  # of them are looked at together
MAX_IN_HAND = 1000


def deliver_due(app: Flask) -> int:
    """Deliver everything that is due, and what follows from it, in this thread. Returns how many calls were made.

    Where faults are to be seen at once (in tests), raises PluginFailure; the event is to be retried all the same.
    """
    host = app.extensions.get(EXTENSION)
    owner, count = holders.new_name(), 0
    done: list[int] = []
    while True:
        with work_context(app):
            tasks = deliveries.claim(owner, done)
            tasks += deliveries.claim_retries()
        done = [task.event_id for task in tasks if not task.is_retry]
        if not tasks:
            return count
        outlooks = {plugin: telling.Outlook(app, plugin, [task for task in tasks if plugin in task.plugins])
                    for plugin in {plugin for task in tasks for plugin in task.plugins}}
        for task in tasks:
            for plugin in task.plugins:
                problem = telling.deliver(app, plugin, task, outlooks[plugin])
                if problem is not None and host is not None and host.raise_faults:
                    raise PluginFailure(plugin, task.kind, problem)
                count += 1


class Lane:
    """One plugin's line of events and the thread that works it off, in order."""

    def __init__(self, dispatcher: Dispatcher, plugin: str) -> None:
        self.plugin = plugin
        self._dispatcher = dispatcher
        self._line: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._task: Task | None = None
        self._began = 0.0
        self._has_ended = False
        self.thread = threading.Thread(target=self._run, name=f"plugin-{plugin}", daemon=True)
        self.thread.start()

    def put(self, task: Task | None) -> None:
        """Add an event to the line; None ends the thread after what is before it."""
        self._line.put(task)

    @property
    def is_busy(self) -> bool:
        """True when further events should rather wait as rows."""
        return self._line.qsize() >= LONGEST_LINE or (
            self._task is not None and time.monotonic() - self._began > running.LONGEST_CALL)

    def _run(self) -> None:
        failed_at = 0.0
        while tasks := self._next():
            outlook = telling.Outlook(self._dispatcher.app, self.plugin, tasks, failed_at=failed_at)
            for task in tasks:
                if not self._dispatcher.is_stopping:
                    self._began, self._task = time.monotonic(), task
                    self._deliver(task, outlook)
                    self._task = None
            failed_at = outlook.failed_at

    def _next(self) -> list[Task]:
        """What stands in the line, in order; empty at its end."""
        tasks: list[Task] = []
        while not self._has_ended and len(tasks) < MOST_TOGETHER and (not tasks or not self._line.empty()):
            task = self._line.get()
            if task is None:
                self._has_ended = True
            else:
                tasks.append(task)
        return tasks

    def _deliver(self, task: Task, outlook: telling.Outlook) -> None:
        """Try until it is delivered or noted; while the database cannot be reached, the event stays claimed."""
        while True:
            try:
                telling.deliver(self._dispatcher.app, self.plugin, task, outlook)
            except SQLAlchemyError as error:
                log.warning("Event %s for plugin %s: the database cannot be reached (%s); trying again.",
                            task.event_id, self.plugin, error)
                if self._dispatcher.wait_unless_stopping(1.0):
                    return
                continue
            self._dispatcher.delivered(task, self.plugin)
            return


class Dispatcher:
    """The threads that tell plugins of events in one process."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self._owner = holders.new_name()
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._lanes: dict[str, Lane] = {}
        self._left: dict[int, set[str]] = {}  # claimed events and who has still to be told
        self._retrying: set[tuple[int, str]] = set()
        self._done: list[int] = []
        self._lock = threading.Lock()
        self._revision: int | None = None
        self._settled_at = self._renewed_at = 0.0
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Something was committed: look whether an event waits."""
        self._wake.set()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def wait_unless_stopping(self, seconds: float) -> bool:
        """Wait; True when the dispatcher is to stop."""
        return self._stopping.wait(seconds)

    def stop(self, timeout: float = 10.0) -> bool:
        """Begin no new call, let those that run end, give the rest back. True when all ended in time."""
        self._stopping.set()
        self.wake()
        end = time.monotonic() + timeout
        self._thread.join(max(0.0, end - time.monotonic()))
        for lane in self._lanes.values():
            lane.put(None)
        for lane in self._lanes.values():
            lane.thread.join(max(0.0, end - time.monotonic()))
        stuck = [lane.plugin for lane in self._lanes.values() if lane.thread.is_alive()]
        try:
            with work_context(self.app):
                deliveries.claim(self._owner, self._take_done(), limit=0)
                if not stuck:  # what a stuck call has in hand is told again when its lease runs out
                    deliveries.let_go(self._owner)
        except SQLAlchemyError as error:
            log.warning("Events in hand could not be given back (%s); they are taken again in a minute.", error)
        return not stuck and not self._thread.is_alive()

    def delivered(self, task: Task, plugin: str) -> None:
        """A lane is through with an event: it was told, or a row was left."""
        with self._lock:
            if task.is_retry:
                self._retrying.discard((task.event_id, plugin))
            else:
                left = self._left[task.event_id]
                left.discard(plugin)
                if not left:
                    del self._left[task.event_id]
                    self._done.append(task.event_id)
        self.wake()

    def _take_done(self) -> list[int]:
        with self._lock:
            done, self._done = self._done, []
        return done

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            done, looked_at = self._take_done(), time.monotonic()
            try:
                with work_context(self.app):
                    self._keep_house()
                    work = self._claim(done)
                    done = []
                    work += self._claim_retries()
            except SQLAlchemyError as error:
                log.warning("Events cannot be reached (%s); trying again.", error)
                with self._lock:
                    self._done += done
                self._stopping.wait(1.0)
                continue
            if self._wake.wait(0 if work else LOOK_SECONDS):
                self._stopping.wait(pause(time.monotonic() - looked_at))

    def _busy(self) -> set[str]:
        return {lane.plugin for lane in self._lanes.values() if lane.is_busy}

    def _claim(self, done: list[int]) -> int:
        tasks = deliveries.claim(
            self._owner, done, limit=min(100, MAX_IN_HAND - len(self._left)), busy=self._busy())
        with self._lock:
            for task in tasks:
                self._left[task.event_id] = set(task.plugins)
        for task in tasks:
            self._put(task)
        return len(tasks)

    def _claim_retries(self) -> int:
        tasks, busy = deliveries.claim_retries(), self._busy()
        for task in tasks:
            line = (task.event_id, task.plugins[0])
            if line[1] not in busy and line not in self._retrying:
                self._retrying.add(line)
                self._put(task)
        return len(tasks)

    def _put(self, task: Task) -> None:
        for plugin in task.plugins:
            if plugin not in self._lanes:
                self._lanes[plugin] = Lane(self, plugin)
            self._lanes[plugin].put(task)

    def _keep_house(self) -> None:
        """Renew leases; when plugins changed state, settle the rows that waited for it."""
        now = time.monotonic()
        if self._left and now - self._renewed_at > RENEW_SECONDS:
            deliveries.renew(self._owner)
            self._renewed_at = now
        host = call.current()
        revision = host.revision() if host is not None else None
        if revision != self._revision or now - self._settled_at > SETTLE_SECONDS:
            deliveries.let_go_of_the_ended()
            deliveries.settle_states()
            self._revision, self._settled_at = revision, now
