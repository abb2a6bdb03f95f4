"""A thread in each web and worker process that sees to plugins from outside, also while they hang.

    watchdog = watchdog.start(app, processes.recycle_me)
    …
    watchdog.stop()

It notices calls that last too long, writes held open too long, functions of the program that were replaced, memory
that has grown too much, and processes that ended during a call; and it adds up the times.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from inbox.db import transaction, work_context
from inbox.plugin_host import blackbox, faults, guards, running
from inbox.plugin_host.blackbox import BlackBox, Record
from inbox.plugin_host.models import Plugin
from inbox.plugin_host.registry import EXTENSION, PluginHost
from inbox.plugin_host.running import WAITED_FOR, Call, Scales
from inbox.plugin_host.untouched import Replaced

log = logging.getLogger(__name__)
LOOK_SECONDS = 0.5
SELDOM_SECONDS = 3.0  # dead processes, replaced functions
FLUSH_SECONDS = 30.0

# How much a fault weighs toward pausing (ten within ten minutes).
WAITED = 5  # for each ten seconds that a person or the mail waits: paused after two
UNWAITED = 2  # for each ten seconds of an event or job, which delay nobody else: paused after fifty seconds
DEATH = 5  # the process ended, or grew too big: paused after two
BYSTANDER = 1  # a call that began before the last one when the process ended
REPLACED = faults.PAUSE_AFTER  # at once: nothing can be relied on


class Watchdog:
    """Of one process. `recycle` is given a reason and asks for a new process in place of this one."""

    def __init__(self, app: Flask, recycle: Callable[[str], object] = log.error) -> None:
        self.host: PluginHost = app.extensions[EXTENSION]
        self._app, self._recycle = app, recycle
        self._home = self.host.config.home
        self._limit = self.host.config.memory_limit << 20
        self._is_too_big = False
        self._stopping = threading.Event()
        self._seldom_at, self._flushed_at = 0.0, time.monotonic()
        self._thread = threading.Thread(target=self._run, name="plugin-watchdog", daemon=True)

    def start(self) -> None:
        """Blame those during whose calls earlier processes ended; from now on look."""
        self.blame_for_deaths()
        try:
            self.host.running.blackbox = BlackBox(self._home)
        except OSError as error:
            log.warning("Running plugin calls cannot be noted in %s: %s", self._home, error)
        if self._limit:
            self.host.running.scales = Scales()
        self._thread.start()

    def ending(self) -> None:
        """The process was told to end: what runs now and is cut off is nobody's fault."""
        if self.host.running.blackbox is not None:
            self.host.running.blackbox.ending()

    def stop(self) -> None:
        """Write down the times and leave no file behind."""
        self._stopping.set()
        self.flush()
        if self.host.running.blackbox is not None:
            self.host.running.blackbox.remove()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self.look()
            except (SQLAlchemyError, OSError) as error:
                log.warning("Plugins cannot be watched (%s); trying again.", error)

    def look(self) -> None:
        """One round."""
        now = time.monotonic()
        for call in self.host.running.now():
            self._look_at(call, now)
        if self._limit and not self._is_too_big:
            self._weigh()
        if now - self._seldom_at >= SELDOM_SECONDS:
            self._seldom_at = now
            self.blame_for_deaths()
            if self.host.original is not None:
                for each in self.host.original.restore():
                    self._blame_replacement(each)
        if now - self._flushed_at >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Add the times up."""
        self._flushed_at = time.monotonic()
        try:
            with work_context(self._app):
                self.host.timing.flush()
        except SQLAlchemyError as error:
            log.warning("Times of plugins could not be stored: %s", error)

    # --- calls that run ----------------------------------------------------------------------------------------

    def _look_at(self, call: Call, now: float) -> None:
        if guards.break_write(call, now):
            self._store(call.plugin, call.hook, guards.HELD, ticket_id=call.ticket_id, event_id=call.event_id,
                        trace=running.stack_of(call.thread), weight=guards.HELD_WEIGHT)
        longest = call.longest
        if longest is None or now - call.began < longest * (call.strikes + 1):
            return
        call.strikes += 1
        self._store(call.plugin, call.hook, f"It has been running for more than {longest * call.strikes:.0f} s.",
                    ticket_id=call.ticket_id, event_id=call.event_id, trace=running.stack_of(call.thread),
                    weight=WAITED if call.kind in WAITED_FOR or call.broken else UNWAITED)

    def _store(self, plugin: str, hook: str, problem: str, *, ticket_id: int | None = None,
               event_id: int | None = None, trace: str = "", weight: int = 1) -> None:
        faults.store(self.host, plugin, hook, problem, ticket_id=ticket_id, event_id=event_id, trace=trace,
                     weight=weight)

    # --- memory ------------------------------------------------------------------------------------------------

    def _weigh(self) -> None:
        scales = self.host.running.scales
        size = scales.weigh() if scales is not None else 0
        if size <= self._limit:
            return
        self._is_too_big = True
        told = f"This process has {size >> 20} MB of memory; {self._limit >> 20} MB is its limit."
        grown = dict(self.host.running.grown)
        calls = self.host.running.now()
        for call in calls:
            grown[call.plugin] = grown.get(call.plugin, 0) + self.host.running.growth(call, size)
        plugin = max(grown, key=lambda each: grown[each], default="")
        if plugin and grown[plugin] >= self._limit // 4:
            latest = next((each for each in reversed(calls) if each.plugin == plugin), None)
            self._store(plugin, latest.hook if latest else self.host.running.grew_in.get(plugin, "memory"),
                        f"{told} {grown[plugin] >> 20} MB of it came during calls of this plugin.",
                        ticket_id=latest.ticket_id if latest else None, weight=DEATH)
        self._recycle(told)

    # --- deaths ------------------------------------------------------------------------------------------------

    def blame_for_deaths(self) -> None:
        """Store a fault for each call during which a process ended without a word."""
        for records in blackbox.left_behind(self._home):
            for place, record in enumerate(records):
                self._blame_death(record, is_last=place == 0)

    def _blame_death(self, record: Record, *, is_last: bool) -> None:
        problem = "The process ended during this call." if is_last else (
            "The process ended while this ran; a call of another plugin had begun after it.")
        self._store(record.plugin, record.hook, problem, ticket_id=record.ticket_id, event_id=record.event_id,
                    weight=DEATH if is_last else BYSTANDER)
        if record.hook == "import":  # a paused plugin is loaded, or its events could not wait; but not such a one
            with work_context(self._app), transaction() as current:
                current.execute(sa.update(Plugin).where(Plugin.name == record.plugin, Plugin.state == "paused")
                                .values(error="Importing it ended the process.", changed_at=Plugin.changed_at))

    # --- replaced functions ------------------------------------------------------------------------------------

    def _blame_replacement(self, replaced: Replaced) -> None:
        plugin = self._origin(replaced)
        if plugin is None:
            log.error("%s was replaced, nobody knows by whom; it was put back.", replaced.name)
            return
        self._store(plugin, "import", f"It replaced {replaced.name} of the program; that was put back.",
                    weight=REPLACED)

    def _origin(self, replaced: Replaced) -> str | None:
        for name, module in self.host.pm.list_name_plugin():
            own, folder = getattr(module, "__name__", ""), str(Path(getattr(module, "__file__", None) or "?").parent)
            for place in replaced.places:
                if own and (place == own or place.startswith((f"{own}.", f"{folder}{os.sep}"))):
                    return name
        return None


def start(app: Flask, recycle: Callable[[str], object]) -> Watchdog:
    """Watch this process from now on. Call it before plugins are loaded: an import can end the process, too."""
    found = Watchdog(app, recycle)
    found.start()
    return found
