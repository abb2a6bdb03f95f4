"""One line of a table, how it is measured, and the tables."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import sqlite3
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from inbox import __version__

LONGEST = 5000  # milliseconds for one line of a table; then FEWEST rounds are enough
FEWEST = 10


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
    rank: float = 0.0  # of several runs the one with the smallest counts

    @property
    def cells(self) -> list[str]:
        return [self.what, self.median, self.p95, self.cpu, self.queries, self.size, self.floor]

    def over(self, floor: Figure | None) -> Figure:
        """Itself, with the ratio to its floor."""
        if floor is not None:
            self.floor = times(self.work, floor.work)
        return self


def best(runs: Sequence[Sequence[Figure]]) -> list[Figure]:
    """Line for line that of the run which did best."""
    return [min(line, key=lambda each: each.rank) for line in zip(*runs, strict=True)]


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
    """Median and 95th percentile of a call that returns how many bytes it got. The first two rounds do not count, and
    what is slow is asked less often (LONGEST). `elsewhere`: another process does the work, so ours says nothing."""
    took, busy, queries, size = [], [], 0, 0

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal queries
        queries += not statement.startswith("BEGIN")  # which only SQLite is sent as a statement

    for number in range(rounds + 2):
        if engine is not None and number == 2:
            sa.event.listen(engine, "before_cursor_execute", count)
        begun, worked = time.perf_counter(), time.process_time()
        size = call()
        took.append((time.perf_counter() - begun) * 1000)
        busy.append((time.process_time() - worked) * 1000)
        if engine is not None and number == 2:
            sa.event.remove(engine, "before_cursor_execute", count)
        if number > FEWEST and sum(took) > LONGEST:
            break
    work, median = 0.0 if elsewhere else statistics.median(busy[2:]), statistics.median(took[2:])
    return Figure(what, milliseconds(median), milliseconds(percentile(took[2:], 0.95)),
                  "" if elsewhere else milliseconds(work),
                  str(queries) if engine else "", f"{size:,}" if size else "", work=work, rank=median)


def machine(database: str = "", load: float | None = None) -> str:
    """What it was measured on, and when, in one line; `load` as it was when that began (now)."""
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    database = database or f"SQLite {sqlite3.sqlite_version} (WAL, synchronous=FULL)"
    load = os.getloadavg()[0] if load is None else load
    return (f"{os.cpu_count()} × {model}, {memory:.0f} GB, {platform.system()}; Pluginbox {__version__}, "
            f"Python {platform.python_version()}, {database}; {dt.datetime.now(dt.UTC):%Y-%m-%d}, "
            f"load when it began {load:.1f}")


def table(figures: Sequence[Figure]) -> str:
    """The figures of one desk as a table in Markdown."""
    lines = ["| what | median | 95th percentile | processor | queries | bytes | times the floor |",
             "|---|---|---|---|---|---|---|"]
    return "\n".join([*lines, *("| " + " | ".join(each.cells) + " |" for each in figures)])


HEADING = re.compile(r"(?m)^(?=### )")
OF_A_DESK = re.compile(r"### ([\d,]+) tickets, .*, (SQLite|PostgreSQL)\n")


def kept(page: str, begin: str, end: str, sections: Sequence[str]) -> str:
    """A page with these sections between its marks, and those that were there and are not measured now: each begins
    with its heading (`### …`), by which it is known. Desks come first, by database and size."""
    there = page.partition(begin)[2].partition(end)[0]
    found = {each.partition("\n")[0]: each.strip() for each in [*HEADING.split(there), *sections]
             if each.startswith("### ")}
    return between(page, begin, end, "\n\n".join(sorted(found.values(), key=_place)))


def _place(section: str) -> tuple[bool, str, int]:
    desk = OF_A_DESK.match(section)
    return (False, {"SQLite": "1"}.get(desk[2], "2"), int(desk[1].replace(",", ""))) if desk else (True, "", 0)


def between(page: str, begin: str, end: str, text: str) -> str:
    """A page with other text between its marks. Raises ValueError where the marks are missing."""
    head, found, rest = page.partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{begin} and {end} are not in the page")
    return f"{head}{begin}\n\n{text}\n\n{end}{tail}"
