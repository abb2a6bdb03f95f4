"""Tells a process that something was committed, by whichever process did it.

SQLite: one thread polls `PRAGMA data_version` (2 µs a poll). PostgreSQL: one connection LISTENs; `transaction()`
sends the NOTIFY. The signal only says "look again"; rows stay the truth.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from inbox.db import CHANNEL, db, on_commit, work_context

log = logging.getLogger(__name__)
POLL_SECONDS = 0.05
RETRY_SECONDS = 1.0
GATHER_SECONDS, LONGEST_GATHER = 0.005, 0.1


class ChangeWatcher:
    """Calls every subscriber soon after each commit, from one thread of its own."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._subscribers: list[Callable[[], None]] = []
        self._stop = threading.Event()
        self._own = threading.Event()  # data_version does not move for our own connection's process-mates' writes
        self._thread = threading.Thread(target=self._run, name="change-watcher", daemon=True)

    def subscribe(self, call: Callable[[], None]) -> None:
        """`call` runs in the watcher's thread: it must be short and must not raise (set an Event, put in a queue)."""
        self._subscribers.append(call)

    def start(self) -> None:
        on_commit.append(self._committed_here)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._committed_here in on_commit:
            on_commit.remove(self._committed_here)
        self._thread.join(timeout=5)

    def _committed_here(self, app: Flask) -> None:
        if app is self._app:
            self._own.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with work_context(self._app):
                    lite = db.engine.dialect.name == "sqlite"
                    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                        (self._watch_sqlite if lite else self._watch_postgresql)(
                            connection.connection.dbapi_connection)
            except (SQLAlchemyError, OSError) as error:
                log.warning("Watching for changes failed (%s); trying again.", error)
                self._stop.wait(RETRY_SECONDS)

    def _watch_sqlite(self, connection: Any) -> None:
        seen = None
        while not self._stop.is_set():
            version = connection.execute("PRAGMA data_version").fetchone()[0]
            if version != seen or self._own.is_set():  # at first too: something may have come before we looked
                self._own.clear()
                self._tell()
                seen = version
            self._own.wait(POLL_SECONDS)

    def _watch_postgresql(self, connection: Any) -> None:
        from psycopg import Error

        try:
            self._listen(connection)
        except Error as error:  # the driver's own, which SQLAlchemy did not see: the server was restarted, say
            raise ConnectionError(str(error)) from error

    def _listen(self, connection: Any) -> None:
        took = 0.0  # where everybody commits all the time, looking takes a third of a processor, not all of it
        connection.execute(f"LISTEN {CHANNEL}")
        self._tell()  # whatever was committed while nobody listened
        while not self._stop.is_set():
            if any(True for _ in connection.notifies(timeout=0.5, stop_after=1)):
                time.sleep(max(GATHER_SECONDS, min(2 * took, LONGEST_GATHER)))  # a burst of commits becomes one call
                began = time.monotonic()
                self._tell()
                took = time.monotonic() - began

    def _tell(self) -> None:
        for call in self._subscribers:
            call()
