"""Everything that works in the background of one process: jobs, events, the schedule.

    worker = Worker(app)
    worker.start()
    …
    worker.stop()      # jobs and plugin calls in hand end, the rest is left for the next one
"""

from __future__ import annotations

import importlib
import logging
import time

from flask import Flask

from inbox.changes import ChangeWatcher
from inbox.jobs import dispatch, engine
from inbox.jobs.schedule import Schedule

log = logging.getLogger(__name__)
MODULES = ("inbox.jobs.schedule", "inbox.jobs.plugin_jobs", "inbox.jobs.bulk", "inbox.jobs.go_live",
           "inbox.mail.receive", "inbox.mail.batch", "inbox.mail.deliver", "inbox.mail.oauth",
           "inbox.mail.imap_after", "inbox.mail.import_mail", "inbox.mail.reconcile", "inbox.mail.renew")


def load_handlers() -> None:
    """Import every module that declares job handlers."""
    for name in MODULES:
        importlib.import_module(name)


class Worker:
    """The background threads of a process. Any number of processes may have one, on one machine or many."""

    def __init__(self, app: Flask) -> None:
        load_handlers()
        self._watcher = ChangeWatcher(app)
        self._engine = engine.Engine(app)
        self._dispatcher = dispatch.Dispatcher(app)
        self._schedule = Schedule(app)

    def start(self) -> None:
        """Begin to work; returns at once."""
        self._watcher.subscribe(self._engine.wake)
        self._watcher.subscribe(self._dispatcher.wake)
        self._engine.start()
        self._dispatcher.start()
        self._schedule.start()
        self._watcher.start()

    def stop(self, timeout: float = 20.0) -> bool:
        """Take nothing new, let what is in hand end. True when it all ended within `timeout` seconds."""
        end = time.monotonic() + timeout
        self._schedule.stop(1.0)
        done = self._engine.stop(timeout)
        done = self._dispatcher.stop(max(1.0, end - time.monotonic())) and done
        self._watcher.stop()
        if not done:
            log.warning("Something was still running after %.0f s; it is taken up again later.", timeout)
        return done


def run_everything(app: Flask, rounds: int = 20) -> None:
    """Do all that is due, and what follows from it, in this thread: for commands and tests."""
    load_handlers()
    for _ in range(rounds):
        if engine.run_due(app) + dispatch.deliver_due(app) == 0:
            return
