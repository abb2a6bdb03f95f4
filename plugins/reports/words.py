"""Figures in words: lengths of time, changes against the period before."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from inbox.toolkit import gettext, settings, utcnow
from inbox_plugins.reports.figures import Figures, Period

PERIODS = (7, 28, 91)


@dataclass(frozen=True)
class Tile:
    """One large figure. `change` is put into words; `tone` says whether it is good (`up`), bad (`down`) or neither."""

    title: str
    value: str
    change: str
    tone: str = ""


def today() -> dt.date:
    """The day of the desk's clock."""
    return utcnow().astimezone(ZoneInfo(settings.get("desk.time_zone"))).date()


def length(seconds: int | None) -> str:
    """A stretch of time with its two largest units at most."""
    if seconds is None:
        return "–"
    minutes = round(seconds / 60)
    if minutes < 60:
        return gettext("%(n)s min", n=minutes)
    if minutes < 48 * 60:
        whole, rest = divmod(minutes, 60)
        return gettext("%(h)s h %(m)s min", h=whole, m=rest) if rest and whole < 10 else gettext("%(h)s h", h=whole)
    return gettext("%(n)s days", n=round(minutes / (24 * 60)))


def tiles(now: Figures, before: Figures) -> list[Tile]:
    """The four figures on top of the overview."""
    return [
        Tile(gettext("New tickets"), str(now.opened), *_change(now.opened, before.opened)),
        Tile(gettext("First answer, median"), length(median(now)), *_change(median(now), median(before), less=True)),
        Tile(gettext("Solved with one answer"), _percent(now.in_one_percent),
             *_points(now.in_one_percent, before.in_one_percent)),
        Tile(gettext("Closed"), str(now.closed), *_change(now.closed, before.closed)),
    ]


def median(figures: Figures) -> int | None:
    return figures.first_reply.get(50) if figures.first_reply else None


def _percent(value: int | None) -> str:
    return "–" if value is None else gettext("%(n)s %%", n=value)


def _change(now: int | None, before: int | None, *, less: bool = False) -> tuple[str, str]:
    """The change in per cent; `less` is better where time is measured, and only there it is judged."""
    if not before or now is None:
        return gettext("nothing to compare"), ""
    percent = round(100 * (now - before) / before)
    if percent == 0:
        return gettext("unchanged"), ""
    arrow = "▲" if percent > 0 else "▼"
    return gettext("%(arrow)s %(n)s %%", arrow=arrow, n=abs(percent)), (
        ("down" if percent > 0 else "up") if less else "")


def _points(now: int | None, before: int | None) -> tuple[str, str]:
    if now is None or before is None:
        return gettext("nothing to compare"), ""
    if now == before:
        return gettext("unchanged"), ""
    return (gettext("%(arrow)s %(n)s points", arrow="▲" if now > before else "▼", n=abs(now - before)),
            "up" if now > before else "down")


def last(days: int) -> Period:
    """So many days up to yesterday: today is not over."""
    end = today() - dt.timedelta(days=1)
    return Period(end - dt.timedelta(days=days - 1), end)
