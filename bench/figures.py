"""One line of a table, how it is measured, and the tables."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from inbox import __version__


@dataclass
class Figure:
    """One line of the table; times in milliseconds."""

    what: str
    median: str
    p95: str = ""
    cpu: str = ""  # median of the processor time: what stays true on a machine that does other things, too
    queries: str = ""
    size: str = ""
    floor: str = ""  # so many times the floor, by the processor's time where both have one
    work: float = 0.0  # of the processor, in milliseconds, for that ratio

    @property
    def cells(self) -> list[str]:
        return [self.what, self.median, self.p95, self.cpu, self.queries, self.size, self.floor]

    def over(self, floor: Figure | None) -> Figure:
        """Itself, with the ratio to its floor."""
        if floor is not None:
            self.floor = times(self.work, floor.work)
        return self


def times(ours: float, other: float) -> str:
    """How often the other goes into ours, to two figures; nothing where one is unknown."""
    if ours <= 0 or other <= 0:
        return ""
    ratio = ours / other
    return f"{ratio:.0f} ×" if ratio >= 10 else f"{ratio:.1f} ×" if ratio >= 1 else f"{ratio:.2f} ×"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def milliseconds(value: float) -> str:
    """As it stands in a table: small times keep a second figure."""
    return f"{value:.2f} ms" if value < 1 else f"{value:.1f} ms"


def timed(what: str, call: Callable[[], int], rounds: int, engine: sa.Engine | None = None, *,
          elsewhere: bool = False) -> Figure:
    """Median and 95th percentile of a call that returns how many bytes it got. The first two rounds do not count.
    `elsewhere`: another process does the work, so ours says nothing."""
    took, busy, queries, size = [], [], 0, 0

    def count(*_: object) -> None:
        nonlocal queries
        queries += 1

    for number in range(rounds + 2):
        if engine is not None and number == 2:
            sa.event.listen(engine, "before_cursor_execute", count)
        begun, worked = time.perf_counter(), time.process_time()
        size = call()
        took.append((time.perf_counter() - begun) * 1000)
        busy.append((time.process_time() - worked) * 1000)
        if engine is not None and number == 2:
            sa.event.remove(engine, "before_cursor_execute", count)
    work = 0.0 if elsewhere else statistics.median(busy[2:])
    return Figure(what, milliseconds(statistics.median(took[2:])), milliseconds(percentile(took[2:], 0.95)),
                  "" if elsewhere else milliseconds(work),
                  str(queries - 1) if engine else "", f"{size:,}" if size else "", work=work)  # BEGIN is no query


def machine() -> str:
    """What it was measured on, in one line."""
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (f"{os.cpu_count()} × {model}, {memory:.0f} GB, {platform.system()}; Pluginbox {__version__}, "
            f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version} (WAL, synchronous=FULL); "
            f"load when it began {os.getloadavg()[0]:.1f}")


def table(tickets: int, figures: list[Figure]) -> str:
    """The figures of one size as a table in Markdown."""
    lines = [f"### {tickets:,} tickets, {tickets * 4:,} messages", "",
             "| what | median | 95th percentile | processor | queries | bytes | times the floor |",
             "|---|---|---|---|---|---|---|"]
    return "\n".join([*lines, *("| " + " | ".join(each.cells) + " |" for each in figures)])


def between(page: str, begin: str, end: str, text: str) -> str:
    """A page with other text between its marks. Raises ValueError where the marks are missing."""
    head, found, rest = page.partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{begin} and {end} are not in the page")
    return f"{head}{begin}\n\n{text}\n\n{end}{tail}"
