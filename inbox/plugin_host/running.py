"""The calls into plugins that run now, in this process: who, which hook, over which ticket, since when.

The watchdog looks at them from outside; the guards of the database ask which of them the running code belongs to.
"""

from __future__ import annotations

import contextvars
import itertools
import os
import resource
import sys
import threading
import time
import traceback
import weakref
from typing import Any

from inbox.plugin_host.blackbox import BlackBox
from inbox.plugin_host.timing import PAGE_TIME

LONGEST_CALL = 10.0  # seconds; a call that lasts longer is a fault, and again each time it has lasted as long once more
PAGE_SECONDS = 4.0  # that a page of a plugin may take before it counts: it may ask another server, for three
CLOGGED_SECONDS = 2.0  # two or more calls of a plugin that have waited for so long together: others go past it
MOST_AT_ONCE = 16  # calls of one plugin that people wait for, at the same time in one process
GREW_BYTES = 4 << 20  # growth of the process below this is not put down to anybody
QUICK_SECONDS = 0.0001  # in this time the system does not hand out as much
FRESH_SECONDS = 0.001  # a weight is good for the calls that begin within this time
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024

WAITED_FOR = PAGE_TIME | {"item", "page"}  # kinds for which somebody waits: a person, or the mail

_LAST_OF_OURS = ("run(who.function, **asking.given(who.takes, facts))", "outcome.append(function(*args))")

_answering: contextvars.ContextVar[Call | None] = contextvars.ContextVar("inbox_answering", default=None)
_numbers = itertools.count()


class Call:
    """One call: which plugin answers which hook, because of which event."""

    began, strikes, place, weight = 0.0, 0, -1, 0
    # What the guards of the database (guards.py) note here while the call runs:
    has_connected = query_failed = broken = False
    writing: tuple[float, Any] | None = None  # since when it holds a write transaction, on which connection

    def __init__(self, plugin: str, hook: str, kind: str, event: Any = None, ticket_id: int | None = None,
                 longest: float | None = None) -> None:
        self.plugin, self.hook, self.kind, self.event = plugin, hook, kind, event
        self.event_id: int | None = None if event is None else getattr(event, "id", None)
        self.ticket_id: int | None = ticket_id if event is None else (ticket_id or getattr(event, "ticket_id", None))
        self.longest = longest  # None: as long as it takes
        self.number = next(_numbers)
        self.thread = threading.get_ident()
        self.connections: list[weakref.ref[Any]] = []


def answering() -> Call | None:
    """The call in which the running code is, or None outside of plugin code."""
    return _answering.get()


enter = _answering.set
"""The running code belongs to this call from now on, in this copy of the context."""


def stack_of(thread: int | None) -> str:
    """Where a thread is now, from the call into the plugin on."""
    frame = sys._current_frames().get(thread or 0)
    lines = traceback.format_stack(frame) if frame is not None else []
    ours = [number for number, line in enumerate(lines) if line.rstrip().endswith(_LAST_OF_OURS)]
    return "".join(lines[ours[-1] + 1 if ours else 0:])


class Scales:
    """Weigh this process. Made in the process itself: what is opened here stays with the one that opened it."""

    def __init__(self) -> None:
        try:
            self._file = os.open("/proc/self/statm", os.O_RDONLY)
        except OSError:
            self._file = -1

    def weigh(self) -> int:
        """The memory of this process in bytes; where the system does not tell, the most it ever had."""
        if self._file < 0:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT
        return int(os.pread(self._file, 100, 0).split()[1]) * resource.getpagesize()


class RunningCalls:
    """The calls of one process."""

    def __init__(self) -> None:
        self.blackbox: BlackBox | None = None  # where they are written down, lest the process end during one
        self.scales: Scales | None = None  # where memory has a limit
        self.grown: dict[str, int] = {}  # bytes by which the process grew during calls of each plugin
        self.grew_in: dict[str, str] = {}  # the hook in which each grew last
        self._put_down = 0  # the sum of it
        self._weight, self._weighed_at = 0, float("-inf")
        self._calls: dict[int, Call] = {}

    def begin(self, call: Call) -> None:
        """A call starts now."""
        call.began = now = time.monotonic()
        if self.scales is not None:
            size = self._weight if now - self._weighed_at < FRESH_SECONDS else self._weigh(now)
            call.weight = size - self._put_down
        if self.blackbox is not None:
            call.place = self.blackbox.write(call)
        self._calls[id(call)] = call

    def go_on(self, call: Call, plugin: str) -> None:
        """The next plugin is asked the same, where the last one was quick and has left nothing behind."""
        call.plugin, call.number, call.began, call.strikes = plugin, next(_numbers), time.monotonic(), 0
        if call.place >= 0 and self.blackbox is not None:
            self.blackbox.write_at(call.place, call)

    def end(self, call: Call, *, goes_on: bool = False) -> float:
        """It has ended. Returns the seconds it took. One that `goes_on` stays open for the next plugin if it was quick
        (less than QUICK_SECONDS), and is for the next one to end."""
        now = time.monotonic()
        took = now - call.began
        if goes_on and took < QUICK_SECONDS:
            call.began = now
            return took
        del self._calls[id(call)]
        if call.place >= 0 and self.blackbox is not None:
            self.blackbox.clear(call.place)
        if self.scales is not None and took >= QUICK_SECONDS and (
                grew := self.growth(call, self._weigh(now))) >= GREW_BYTES:
            self.grown[call.plugin] = self.grown.get(call.plugin, 0) + grew
            self.grew_in[call.plugin] = call.hook
            self._put_down += grew
        return took

    def _weigh(self, now: float) -> int:
        assert self.scales is not None
        self._weight, self._weighed_at = self.scales.weigh(), now
        return self._weight

    def growth(self, call: Call, size: int) -> int:
        """By how much the process, now of this size, has grown since a call began, without what calls that have
        ended meanwhile have to answer for: a long call must not pay for a short one beside it."""
        return size - self._put_down - call.weight

    def now(self) -> list[Call]:
        """Those that run now, oldest first."""
        return list(self._calls.values())

    def is_clogged(self, plugin: str) -> bool:
        """True while so much waits for a plugin that nobody else should begin to.

        One long call is no reason (it may be one odd ticket); several at once would in the end hold every thread.
        """
        if len(self._calls) < 2:
            return False
        calls = [each for each in self.now() if each.plugin == plugin and each.kind in WAITED_FOR]
        if len(calls) < 2:
            return False
        now = time.monotonic()
        waited = sum(max(0.0, now - each.began - (PAGE_SECONDS if each.kind == "page" else 0.0)) for each in calls)
        return len(calls) >= MOST_AT_ONCE or waited > CLOGGED_SECONDS
