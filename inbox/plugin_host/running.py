"""The calls into plugins that run now, in this process: who, which hook, over which ticket, since when.

The watchdog looks at them from outside; the guards of the database ask which of them the running code belongs to.
"""

from __future__ import annotations

import contextvars
import itertools
import resource
import sys
import threading
import time
import weakref
from typing import Any

from inbox.plugin_host.blackbox import BlackBox
from inbox.plugin_host.timing import PAGE_TIME

LONGEST_CALL = 10.0  # seconds; a call that lasts longer is a fault, and again each time it has lasted as long once more
CLOGGED_SECONDS = 2.0  # two or more calls of a plugin that have waited for so long together: others go past it
MOST_AT_ONCE = 16  # calls of one plugin that people wait for, at the same time in one process
GREW_BYTES = 4 << 20  # growth of the process below this is not put down to anybody
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024

_answering: contextvars.ContextVar[Call | None] = contextvars.ContextVar("inbox_answering", default=None)
_numbers = itertools.count()


class Call:
    """One call: which plugin answers which hook, because of which event."""

    __slots__ = ("began", "broken", "connections", "event", "event_id", "hook", "kind", "longest", "number", "peak",
                 "place", "plugin", "query_failed", "strikes", "thread", "ticket_id", "writing")

    def __init__(self, plugin: str, hook: str, kind: str, event: Any = None, ticket_id: int | None = None,
                 longest: float | None = None) -> None:
        self.plugin, self.hook, self.kind, self.event = plugin, hook, kind, event
        self.event_id: int | None = getattr(event, "id", None)
        self.ticket_id: int | None = ticket_id if event is None else (ticket_id or getattr(event, "ticket_id", None))
        self.longest = longest  # None: as long as it takes
        self.number = next(_numbers)
        self.thread = threading.get_ident()
        self.began, self.strikes, self.place, self.peak = 0.0, 0, -1, 0
        # What the guards of the database (guards.py) note here while the call runs:
        self.query_failed = self.broken = False
        self.writing: tuple[float, Any] | None = None  # since when it holds a write transaction, on which connection
        self.connections: list[weakref.ref[Any]] = []


def answering() -> Call | None:
    """The call in which the running code is, or None outside of plugin code."""
    return _answering.get()


def enter(call: Call) -> None:
    """The running code belongs to this call from now on, in this copy of the context."""
    _answering.set(call)


def peak_memory() -> int:
    """The most memory this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT


class RunningCalls:
    """The calls of one process."""

    def __init__(self) -> None:
        self.blackbox: BlackBox | None = None  # where they are written down, lest the process end during one
        self.grown: dict[str, int] = {}  # bytes by which the process grew during calls of each plugin
        self._calls: dict[int, Call] = {}

    def begin(self, call: Call) -> None:
        """A call starts now."""
        call.peak = peak_memory()
        if self.blackbox is not None:
            call.place = self.blackbox.write(call)
        call.began = time.monotonic()
        self._calls[call.number] = call

    def end(self, call: Call) -> float:
        """It has ended. Returns the seconds it took."""
        took = time.monotonic() - call.began
        del self._calls[call.number]
        if call.place >= 0 and self.blackbox is not None:
            self.blackbox.clear(call.place)
        grew = peak_memory() - call.peak
        if grew >= GREW_BYTES:
            self.grown[call.plugin] = self.grown.get(call.plugin, 0) + grew
        return took

    def now(self) -> list[Call]:
        """Those that run now, oldest first."""
        return list(self._calls.values())

    def is_clogged(self, plugin: str) -> bool:
        """True while so much waits for a plugin that nobody else should begin to.

        One long call is no reason (it may be one odd ticket); several at once would in the end hold every thread.
        """
        if len(self._calls) < 2:
            return False
        began = [each.began for each in self.now() if each.plugin == plugin and each.kind in PAGE_TIME]
        if len(began) < 2:
            return False
        return len(began) >= MOST_AT_ONCE or len(began) * time.monotonic() - sum(began) > CLOGGED_SECONDS
