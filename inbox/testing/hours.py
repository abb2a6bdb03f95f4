"""Working hours by chance, and the slow way to ask whether they are open: for tests of what counts them."""

from __future__ import annotations

import datetime as dt
import random
from zoneinfo import ZoneInfo

from inbox.core.hours import Hours, Span

ZONES = ("Europe/Oslo", "Asia/Bangkok", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu",
         "Pacific/Apia", "America/Sao_Paulo", "UTC")
# Nights in which clocks are moved somewhere, and a day that Samoa left out.
MOMENTS = ("2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04", "2011-12-29",
           "2018-11-04", "2026-06-10")
MINUTE = dt.timedelta(minutes=1)


def is_open(hours: Hours, moment: dt.datetime) -> bool:
    local = moment.astimezone(ZoneInfo(hours.zone))
    minute = local.hour * 60 + local.minute
    return local.date() not in hours.holidays and any(
        opens <= minute < closes for opens, closes in hours.week[local.weekday()])


def some_hours(chance: random.Random, around: dt.date) -> Hours:
    days: list[tuple[Span, ...]] = []
    for _ in range(7):
        ends = sorted(chance.sample(range(0, 1441, 15), chance.choice((0, 2, 2, 4))))
        days.append(tuple((ends[i], ends[i + 1]) for i in range(0, len(ends), 2)))
    if not any(days):
        days[chance.randrange(7)] = ((540, 1020),)
    free = frozenset(around + dt.timedelta(days=chance.randrange(-2, 6)) for _ in range(chance.randrange(3)))
    return Hours(chance.choice(ZONES), tuple(days), free)
