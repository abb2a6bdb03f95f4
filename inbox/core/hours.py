"""Working hours: which moments count. Arithmetic on times alone; for plugins that promise or measure.

Hours are local ("09:00-17:00" in Europe/Oslo) and moments are UTC, so a day on which the clock is moved is cut where
its offset changes: 01:00 to 04:00 lasts four hours in the night the clock goes back, two when it goes forward.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

DAY = 24 * 60  # minutes
LONGEST_SEARCH = 4000  # days; hours that are closed for that long never come
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")

Span = tuple[int, int]  # minutes since local midnight, from … up to, without the end
Piece = tuple[dt.datetime, dt.datetime]  # UTC, without the end


class HoursError(ValueError):
    """Hours or days that cannot be used; the message says which and what would be right."""


@dataclass(frozen=True)
class Hours:
    """When time counts: spans of minutes for each weekday (Monday first), and days on which none does."""

    zone: str
    week: tuple[tuple[Span, ...], ...]
    holidays: frozenset[dt.date] = frozenset()

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Hours:
        """Hours from what `kept()` gave."""
        return cls(kept["zone"], tuple(tuple((a, b) for a, b in day) for day in kept["week"]),
                   frozenset(dt.date.fromisoformat(day) for day in kept["holidays"]))

    def kept(self) -> dict[str, Any]:
        """All of it as JSON, to be kept beside what was promised by it."""
        return {"zone": self.zone, "week": [[list(span) for span in day] for day in self.week],
                "holidays": sorted(day.isoformat() for day in self.holidays)}

    @property
    def is_ever_open(self) -> bool:
        return any(self.week)

    def between(self, start: dt.datetime, end: dt.datetime) -> int:
        """Seconds that count from `start` up to `end` (both aware)."""
        total = 0.0
        for opens, closes in self._open_from(start):
            if opens >= end:
                break
            total += (min(closes, end) - max(opens, start)).total_seconds()
        return round(total)

    def after(self, start: dt.datetime, seconds: int) -> dt.datetime | None:
        """The moment at which `seconds` have counted since `start`; None when that never comes."""
        left = dt.timedelta(seconds=max(0, seconds))
        for opens, closes in self._open_from(start):
            begin = max(opens, start)
            if closes - begin >= left:
                return begin + left
            left -= closes - begin
        return None

    def _open_from(self, start: dt.datetime) -> Iterator[Piece]:
        """The pieces of open time that end after `start`, in order; none when the calendar never opens."""
        if not self.is_ever_open:
            return
        first = start.astimezone(ZoneInfo(self.zone)).date() - dt.timedelta(days=1)
        for number in range(LONGEST_SEARCH):
            day = first + dt.timedelta(days=number)
            if day not in self.holidays and self.week[day.weekday()]:
                for piece in _pieces(self.zone, day, self.week[day.weekday()]):
                    if piece[1] > start:
                        yield piece


@lru_cache(maxsize=4096)
def _pieces(zone: str, day: dt.date, spans: tuple[Span, ...]) -> tuple[Piece, ...]:
    """One local day's open time in UTC: each span within each stretch of the day that has one offset."""
    found = []
    for begin, end, offset in _stretches(zone, day):
        midnight = dt.datetime.combine(day, dt.time(), dt.UTC) - offset
        for opens, closes in spans:
            a = max(begin, midnight + dt.timedelta(minutes=opens))
            b = min(end, midnight + dt.timedelta(minutes=closes))
            if a < b:
                found.append((a, b))
    return tuple(sorted(found))


def _stretches(zone: str, day: dt.date) -> Iterator[tuple[dt.datetime, dt.datetime, dt.timedelta]]:
    """The UTC stretches of a local day, each with its offset; more than one where the clock is moved."""
    there = ZoneInfo(zone)
    first = dt.datetime.combine(day, dt.time(), dt.UTC) - dt.timedelta(hours=26)
    last = first + dt.timedelta(hours=76)
    begin = first
    while begin < last:
        offset = begin.astimezone(there).utcoffset() or dt.timedelta()
        end = _next_change(there, begin, last, offset)
        midnight = dt.datetime.combine(day, dt.time(), dt.UTC) - offset
        a, b = max(begin, midnight), min(end, midnight + dt.timedelta(days=1))
        if a < b:
            yield a, b, offset
        begin = end


def _next_change(there: ZoneInfo, begin: dt.datetime, last: dt.datetime, offset: dt.timedelta) -> dt.datetime:
    """The minute at which a zone leaves an offset, or `last`."""
    step = begin
    while step < last:
        later = min(step + dt.timedelta(hours=6), last)
        if later.astimezone(there).utcoffset() != offset:
            low, high = 0, int((later - step).total_seconds() // 60)
            while low < high:
                middle = (low + high) // 2
                if (step + dt.timedelta(minutes=middle)).astimezone(there).utcoffset() != offset:
                    high = middle
                else:
                    low = middle + 1
            return step + dt.timedelta(minutes=low)
        step = later
    return last


# --- what people type -------------------------------------------------------------------------------------------


def read_hours(text: str) -> tuple[Span, ...]:
    """`09:00-12:00, 13:00-17:00` as minutes; nothing is closed, `00:00-24:00` the whole day. Raises HoursError."""
    spans: list[Span] = []
    for part in (each.strip() for each in text.replace("–", "-").split(",")):
        if not part:
            continue
        found = _SPAN.fullmatch(part)
        opens, closes = (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])) if found else (0, 0)
        if not found or int(found[2]) > 59 or int(found[4]) > 59 or not opens < closes <= DAY:
            raise HoursError("Write hours like 09:00-17:00, several with a comma between, or nothing for closed.")
        if spans and opens < spans[-1][1]:
            raise HoursError("Hours of a day must follow each other: 09:00-12:00, 13:00-17:00.")
        spans.append((opens, closes))
    return tuple(spans)


def write_hours(spans: Sequence[Span]) -> str:
    """The reverse of `read_hours`."""
    return ", ".join(f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in spans)


def read_days(text: str) -> frozenset[dt.date]:
    """Days like 2026-12-24, one a line, whatever follows the day being a remark. Raises HoursError."""
    days = set()
    for line in (each.strip() for each in text.splitlines()):
        if line:
            try:
                days.add(dt.date.fromisoformat(line.split()[0]))
            except ValueError as error:
                raise HoursError("Write days like 2026-12-24, one a line.") from error
    return frozenset(days)
