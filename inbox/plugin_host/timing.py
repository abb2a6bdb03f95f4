"""How long plugins take: counted in memory, added to a small table now and then, kept by day.

A hook a person waits for that takes over 100 ms three times within ten minutes is noted on its plugin's page.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import deque

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from inbox.db import is_sqlite, session, transaction, utcnow
from inbox.plugin_host.models import PluginTiming

SLOW_SECONDS = 0.1
SLOW_TIMES, SLOW_WITHIN = 3, 600.0  # so many slow calls within so many seconds are noted
KEPT = dt.timedelta(days=30)
PAGE_TIME = frozenset({"slot", "filter", "check", "prepare", "choose"})  # kinds that have to be quick


class _Sum:
    """The calls of one plugin's answer to one hook since the last flush."""

    __slots__ = ("calls", "errors", "seconds", "slow_at", "slowest", "told_at")

    def __init__(self) -> None:
        self.calls = self.errors = 0
        self.seconds = self.slowest = 0.0
        self.slow_at: deque[float] = deque(maxlen=SLOW_TIMES)
        self.told_at = float("-inf")

    def clear(self) -> None:
        self.calls = self.errors = 0
        self.seconds = self.slowest = 0.0


class Timing:
    """The counters of one process."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str, str], _Sum] = {}
        self._lock = threading.Lock()

    def note(self, plugin: str, hook: str, kind: str, seconds: float, *, failed: bool = False) -> bool:
        """Count a call. True when this hook has now been slow so often that its plugin's page should say so."""
        key = (plugin, hook, kind)
        with self._lock:
            sums = self._sums.get(key)
            if sums is None:
                sums = self._sums[key] = _Sum()
            sums.calls += 1
            sums.seconds += seconds
            if failed:
                sums.errors += 1
            if seconds > sums.slowest:
                sums.slowest = seconds
            if seconds <= SLOW_SECONDS or kind not in PAGE_TIME:
                return False
            now = time.monotonic()
            sums.slow_at.append(now)
            often = len(sums.slow_at) == SLOW_TIMES and now - sums.slow_at[0] <= SLOW_WITHIN
            if not often or now - sums.told_at <= SLOW_WITHIN:
                return False
            sums.told_at = now
            return True

    def flush(self) -> int:
        """Add what was counted to the table. Returns how many rows; 0 writes nothing. Needs a work context."""
        today = utcnow().date()
        with self._lock:
            rows = [{"plugin": plugin[:60], "hook": hook[:60], "kind": kind, "day": today, "calls": sums.calls,
                     "errors": sums.errors, "total_ms": sums.seconds * 1000, "slowest_ms": sums.slowest * 1000}
                    for (plugin, hook, kind), sums in self._sums.items() if sums.calls]
            for sums in self._sums.values():
                sums.clear()
        if rows:
            insert = (sqlite.insert if is_sqlite() else postgresql.insert)(PluginTiming)
            added, table = insert.excluded, PluginTiming
            statement = insert.on_conflict_do_update(index_elements=["plugin", "hook", "day"], set_={
                "calls": table.calls + added.calls, "errors": table.errors + added.errors,
                "total_ms": table.total_ms + added.total_ms,
                "slowest_ms": sa.case((table.slowest_ms > added.slowest_ms, table.slowest_ms),
                                      else_=added.slowest_ms)})
            with transaction() as current:
                current.execute(statement, sorted(rows, key=lambda row: (str(row["plugin"]), str(row["hook"]))))
        return len(rows)


def sweep() -> None:
    """Delete what is older than a month."""
    old = PluginTiming.day < (utcnow() - KEPT).date()
    if session().scalar(sa.select(PluginTiming.day).where(old).limit(1)) is not None:
        with transaction() as current:
            current.execute(sa.delete(PluginTiming).where(old))
