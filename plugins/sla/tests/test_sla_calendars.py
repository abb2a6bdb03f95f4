"""Working hours against a reference that looks at every minute."""

import datetime as dt
import random
from zoneinfo import ZoneInfo

import pytest

from inbox_plugins.sla.calendars import Calendar, CalendarError, public_holidays, read_days, read_hours, write_hours

ZONES = ("Europe/Oslo", "Asia/Bangkok", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu",
         "Pacific/Apia", "America/Sao_Paulo", "UTC")
# Nights in which clocks are moved somewhere, and a day that Samoa left out.
MOMENTS = ("2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04", "2011-12-29",
           "2018-11-04", "2026-06-10")
MINUTE = dt.timedelta(minutes=1)


def is_open(calendar: Calendar, moment: dt.datetime) -> bool:
    local = moment.astimezone(ZoneInfo(calendar.zone))
    minute = local.hour * 60 + local.minute
    return local.date() not in calendar.holidays and any(
        opens <= minute < closes for opens, closes in calendar.hours[local.weekday()])


def slow_after(calendar: Calendar, start: dt.datetime, minutes: int) -> dt.datetime:
    """Count open minutes one by one; the end of the last one."""
    moment = start
    while minutes:
        minutes -= is_open(calendar, moment)
        moment += MINUTE
    return moment


def slow_between(calendar: Calendar, start: dt.datetime, end: dt.datetime) -> int:
    count, moment = 0, start
    while moment < end:
        count += is_open(calendar, moment)
        moment += MINUTE
    return count * 60


def some_calendar(chance: random.Random, around: dt.date) -> Calendar:
    days = []
    for _ in range(7):
        ends = sorted(chance.sample(range(0, 1441, 15), chance.choice((0, 2, 2, 4))))
        days.append(tuple((ends[i], ends[i + 1]) for i in range(0, len(ends), 2)))
    if not any(days):
        days[chance.randrange(7)] = ((540, 1020),)
    free = frozenset(around + dt.timedelta(days=chance.randrange(-2, 6)) for _ in range(chance.randrange(3)))
    return Calendar(chance.choice(ZONES), tuple(days), free)


@pytest.mark.parametrize("seed", range(120))
def test_due_times_equal_counting_every_minute(seed: int) -> None:
    chance = random.Random(seed)
    around = dt.date.fromisoformat(chance.choice(MOMENTS))
    calendar = some_calendar(chance, around)
    start = dt.datetime.combine(around, dt.time(), dt.UTC) + MINUTE * chance.randrange(-3000, 3000)
    minutes = chance.randrange(1, 1500)
    due = calendar.after(start, minutes * 60)
    assert due == slow_after(calendar, start, minutes)
    end = start + MINUTE * chance.randrange(6000)
    assert calendar.between(start, end) == slow_between(calendar, start, end)


@pytest.mark.parametrize(("night", "hours"), [("2026-03-29", 2), ("2026-10-25", 4)])
def test_the_night_the_clock_is_moved(night: str, hours: int) -> None:
    calendar = Calendar("Europe/Oslo", (((60, 240),),) * 7)
    midnight = dt.datetime.fromisoformat(night).replace(tzinfo=ZoneInfo("Europe/Oslo")).astimezone(dt.UTC)
    assert calendar.between(midnight, midnight + dt.timedelta(hours=12)) == hours * 3600


def test_what_was_kept_comes_back() -> None:
    calendar = some_calendar(random.Random(4), dt.date(2026, 6, 1))
    assert Calendar.of(calendar.kept()) == calendar


def test_a_calendar_that_never_opens_has_no_due_time() -> None:
    assert Calendar("UTC", ((),) * 7).after(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), 60) is None


def test_nothing_to_wait_for_is_due_when_the_desk_opens() -> None:
    calendar = Calendar("UTC", (((540, 1020),),) * 7)
    assert calendar.after(dt.datetime(2026, 1, 1, 20, tzinfo=dt.UTC), 0) == dt.datetime(2026, 1, 2, 9, tzinfo=dt.UTC)


@pytest.mark.parametrize(("typed", "spans"), [
    ("09:00-17:00", ((540, 1020),)), ("9:00 - 12:00, 13:00–17:30", ((540, 720), (780, 1050))), ("", ()),
    ("00:00-24:00", ((0, 1440),))])
def test_hours_are_read(typed: str, spans: object) -> None:
    assert read_hours(typed) == spans
    assert read_hours(write_hours(read_hours(typed))) == spans


@pytest.mark.parametrize("typed", ["9-17", "17:00-09:00", "09:00-25:00", "09:70-10:00", "09:00-12:00, 11:00-13:00"])
def test_hours_that_cannot_be_used_are_refused(typed: str) -> None:
    with pytest.raises(CalendarError):
        read_hours(typed)


def test_days_are_read_with_remarks() -> None:
    assert read_days("2026-12-24 Christmas Eve\n\n2026-12-31") == {dt.date(2026, 12, 24), dt.date(2026, 12, 31)}
    with pytest.raises(CalendarError):
        read_days("24.12.2026")


def test_holidays_of_a_country() -> None:
    assert public_holidays("NO", [2026])[dt.date(2026, 5, 17)]
    with pytest.raises(CalendarError):
        public_holidays("XX", [2026])
