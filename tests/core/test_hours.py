"""Working hours against a reference that looks at every minute."""

import datetime as dt
import random
from zoneinfo import ZoneInfo

import pytest

from inbox.core.hours import Hours, HoursError, read_days, read_hours, write_hours
from inbox.testing.hours import MINUTE, MOMENTS, is_open, some_hours


def slow_after(calendar: Hours, start: dt.datetime, minutes: int) -> dt.datetime:
    """Count open minutes one by one; the end of the last one."""
    moment = start
    while minutes:
        minutes -= is_open(calendar, moment)
        moment += MINUTE
    return moment


def slow_between(calendar: Hours, start: dt.datetime, end: dt.datetime) -> int:
    count, moment = 0, start
    while moment < end:
        count += is_open(calendar, moment)
        moment += MINUTE
    return count * 60


@pytest.mark.parametrize("seed", range(120))
def test_due_times_equal_counting_every_minute(seed: int) -> None:
    chance = random.Random(seed)
    around = dt.date.fromisoformat(chance.choice(MOMENTS))
    calendar = some_hours(chance, around)
    start = dt.datetime.combine(around, dt.time(), dt.UTC) + MINUTE * chance.randrange(-3000, 3000)
    minutes = chance.randrange(1, 1500)
    due = calendar.after(start, minutes * 60)
    assert due == slow_after(calendar, start, minutes)
    end = start + MINUTE * chance.randrange(6000)
    assert calendar.between(start, end) == slow_between(calendar, start, end)


@pytest.mark.parametrize(("night", "hours"), [("2026-03-29", 2), ("2026-10-25", 4)])
def test_the_night_the_clock_is_moved(night: str, hours: int) -> None:
    calendar = Hours("Europe/Oslo", (((60, 240),),) * 7)
    midnight = dt.datetime.fromisoformat(night).replace(tzinfo=ZoneInfo("Europe/Oslo")).astimezone(dt.UTC)
    assert calendar.between(midnight, midnight + dt.timedelta(hours=12)) == hours * 3600


def test_what_was_kept_comes_back() -> None:
    calendar = some_hours(random.Random(4), dt.date(2026, 6, 1))
    assert Hours.of(calendar.kept()) == calendar


def test_a_calendar_that_never_opens_has_no_due_time() -> None:
    assert Hours("UTC", ((),) * 7).after(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), 60) is None


def test_nothing_to_wait_for_is_due_when_the_desk_opens() -> None:
    calendar = Hours("UTC", (((540, 1020),),) * 7)
    assert calendar.after(dt.datetime(2026, 1, 1, 20, tzinfo=dt.UTC), 0) == dt.datetime(2026, 1, 2, 9, tzinfo=dt.UTC)


@pytest.mark.parametrize(("typed", "spans"), [
    ("09:00-17:00", ((540, 1020),)), ("9:00 - 12:00, 13:00–17:30", ((540, 720), (780, 1050))), ("", ()),
    ("00:00-24:00", ((0, 1440),))])
def test_hours_are_read(typed: str, spans: object) -> None:
    assert read_hours(typed) == spans
    assert read_hours(write_hours(read_hours(typed))) == spans


@pytest.mark.parametrize("typed", ["9-17", "17:00-09:00", "09:00-25:00", "09:70-10:00", "09:00-12:00, 11:00-13:00"])
def test_hours_that_cannot_be_used_are_refused(typed: str) -> None:
    with pytest.raises(HoursError):
        read_hours(typed)


def test_days_are_read_with_remarks() -> None:
    assert read_days("2026-12-24 Christmas Eve\n\n2026-12-31") == {dt.date(2026, 12, 24), dt.date(2026, 12, 31)}
    with pytest.raises(HoursError):
        read_days("24.12.2026")

