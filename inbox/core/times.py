"""Times to come, as people choose and type them: "tomorrow morning", "fri 10", "in 3 hours", "24 dec".

Days begin when work begins. The hours are those of a department, read on the clock of the agent who asks: "tomorrow
morning" is nine on one's own wall. Nothing here stores or sends anything; snoozing and sending later share it.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from inbox.core.errors import Invalid
from inbox.core.hours import Hours, Span
from inbox.core.time_words import MONTHS, UNITS, WEEKDAYS, in_english

USUAL: tuple[tuple[Span, ...], ...] = (((9 * 60, 17 * 60),),) * 5 + ((), ())  # Monday to Friday, nine to five
SLACK = dt.timedelta(minutes=30)
FARTHEST = dt.timedelta(days=5 * 366)
PARTS = {"morning": None, "afternoon": dt.time(14), "evening": dt.time(18)}  # a morning begins when work does
FILLERS = frozenset(("at", "on", "the", "of", "t", "this"))
_NOT_UNDERSTOOD = ("This time is not understood. Write for example: tomorrow 14:30, fri 10, in 3 hours, 24 dec or "
                   "2026-12-24.")
_UNIT = {word: unit for unit, words in UNITS.items() for word in words}
_TOKEN = re.compile(r"(?P<iso>\d{4}-\d{1,2}-\d{1,2})|(?P<dotted>\d{1,2}\.\d{1,2}\.(?:\d{4})?)"
                    r"|(?P<slashed>\d{1,2}/\d{1,2}(?:/\d{4})?)|(?P<clock>\d{1,2}[:.]\d{2})(?::\d{2})?(?!\d)"
                    r"|(?P<number>\d{1,4})(?!\d)|(?P<word>[^\W\d_]+)|[\s,.]+")


def usual(zone: str) -> Hours:
    """Hours where nobody has set any."""
    return Hours(zone, USUAL)


def presets(now: dt.datetime, hours: Hours) -> dict[str, dt.datetime]:
    """Times to choose from, by name, soonest first, each once: `later`, `tomorrow` or `next_day`, `monday`, `week`,
    `month`. All but the first are when work begins on a day on which it does."""
    today = now.astimezone(ZoneInfo(hours.zone)).date()
    tomorrow = today + dt.timedelta(days=1)
    found = {"tomorrow" if _is_open(tomorrow, hours) else "next_day": _begin(tomorrow, hours),
             "monday": _begin(today + dt.timedelta(days=7 - today.weekday()), hours),
             "week": _begin(today + dt.timedelta(days=7), hours), "month": _begin(_months_on(today, 1), hours)}
    if found.get("next_day") == found["monday"]:
        del found["next_day"]
    if (later := _later_today(now, hours)) is not None:
        found["later"] = later
    once = {at: name for name, at in reversed(found.items())}
    return {once[at]: at for at in sorted(once)}


def understand(text: str, now: dt.datetime, hours: Hours, locale: str = "en") -> dt.datetime:
    """The moment that somebody typed, on the clock of `hours`. Raises Invalid with examples, or when it has passed.

    A day without a clock is when work begins on it; a clock without a day the next time it is that late. `3/4` is
    read as the language does, and not at all in English, which reads it both ways.
    """
    reader = _Reader(_tokens(in_english(text[:200])), now.astimezone(ZoneInfo(hours.zone)), hours, locale)
    try:
        moment = reader.moment()
    except (ValueError, OverflowError) as error:  # no such day: 31 feb
        raise _not_understood() from error
    if moment <= now:
        raise Invalid("until", "Choose a time that is still to come.")
    if moment - now > FARTHEST:
        raise Invalid("until", "Choose a time within five years.")
    return moment


def _not_understood() -> Invalid:
    return Invalid("until", _NOT_UNDERSTOOD)


# --- days and clocks --------------------------------------------------------------------------------------------


def _is_open(day: dt.date, hours: Hours) -> bool:
    return bool(hours.week[day.weekday()]) and day not in hours.holidays


def _spans(day: dt.date, hours: Hours) -> tuple[int, int]:
    """Minutes at which work begins and ends on a day; on a closed one, those of the earliest and the latest day."""
    days = [hours.week[day.weekday()]] if _is_open(day, hours) else [each for each in hours.week if each]
    return (min(each[0][0] for each in days), max(each[-1][1] for each in days)) if days else USUAL[0][0]


def _at(day: dt.date, minutes: int, zone: str) -> dt.datetime:
    """A local time of a day in UTC; `minutes` may be those of the next midnight."""
    local = dt.datetime.combine(day, dt.time()) + dt.timedelta(minutes=minutes)
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)


def _working_day(day: dt.date, hours: Hours) -> dt.date:
    """The day, or the next on which work is done."""
    days = (day + dt.timedelta(days=number) for number in range(60))
    return next((each for each in days if _is_open(each, hours)), day)


def _begin(day: dt.date, hours: Hours) -> dt.datetime:
    """When work begins on a day, or on the next on which it does."""
    chosen = _working_day(day, hours)
    return _at(chosen, _spans(chosen, hours)[0], hours.zone)


def _later_today(now: dt.datetime, hours: Hours) -> dt.datetime | None:
    """In some three hours, at a round time, and half an hour before the end of work at the latest; None: too late."""
    today = now.astimezone(ZoneInfo(hours.zone)).date()
    half_hours = -(-(now + 6 * SLACK).timestamp() // SLACK.total_seconds())
    wanted = dt.datetime.fromtimestamp(half_hours * SLACK.total_seconds(), dt.UTC)
    chosen = min(wanted, _at(today, _spans(today, hours)[1], hours.zone) - SLACK)
    return chosen if chosen >= now + SLACK else None


def _months_on(day: dt.date, count: int) -> dt.date:
    month = day.month - 1 + count
    year, month = day.year + month // 12, month % 12 + 1
    return day.replace(year=year, month=month, day=min(day.day, calendar.monthrange(year, month)[1]))


# --- reading ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Token:
    kind: str  # iso, dotted, slashed, clock, number, word
    text: str


def _tokens(text: str) -> list[_Token]:
    found, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _not_understood()
        if match.lastgroup and match[match.lastgroup] not in FILLERS - {"at"}:
            found.append(_Token(match.lastgroup, match[match.lastgroup]))
        place = match.end()
    return found


@dataclass
class _Reader:
    """Goes through the words once and gathers a day, a clock, or how long from now."""

    tokens: list[_Token]
    local: dt.datetime
    hours: Hours
    locale: str
    day: dt.date | None = None
    clock: dt.time | None = None
    part: str = ""
    away: dt.timedelta = field(default_factory=dt.timedelta)
    at_closing: bool = False

    def moment(self) -> dt.datetime:
        """The moment in UTC. Raises Invalid, ValueError."""
        while self.tokens:
            if not (self._span() or self._date() or self._named_day() or self._time()):
                raise _not_understood()
        zone = self.hours.zone
        if self.away:
            if self.day or self.clock or self.part:
                raise _not_understood()
            return (self.local + self.away).astimezone(dt.UTC)
        if not (self.day or self.clock or self.part or self.at_closing):
            raise _not_understood()
        day = self.day or self.local.date()
        clock = self._clock_of(day)
        moment = _at(day, clock, zone)
        if self.day is None and moment <= self.local:
            moment = _at(day + dt.timedelta(days=1), clock, zone)
        return moment

    def _clock_of(self, day: dt.date) -> int:
        """Minutes since midnight: as said, else when work begins."""
        begins, ends = _spans(day, self.hours)
        if self.clock is not None:
            late = 12 * 60 if self.part in ("afternoon", "evening") and self.clock.hour < 12 else 0
            return self.clock.hour * 60 + self.clock.minute + late
        if self.at_closing:
            return ends
        part = PARTS.get(self.part)
        return part.hour * 60 if part is not None else begins

    def _take(self, count: int) -> bool:
        del self.tokens[:count]
        return True

    def _word(self, place: int) -> str:
        return self.tokens[place].text if place < len(self.tokens) and self.tokens[place].kind == "word" else ""

    def _kind(self, place: int) -> str:
        return self.tokens[place].kind if place < len(self.tokens) else ""

    def _span(self) -> bool:
        """`in 3 hours`, `2 weeks`, `in an hour`."""
        start = 1 if self._word(0) == "in" else 0
        unit = _UNIT.get(self._word(start + 1), "")
        is_one = start == 1 and self._word(1) in ("a", "an", "one")
        if not unit or not (is_one or self._kind(start) == "number"):
            return False
        count = 1 if is_one else int(self.tokens[start].text)
        if unit in ("minute", "hour"):
            self.away += dt.timedelta(**{f"{unit}s": count})
        else:
            today = self.local.date()
            day = _months_on(today, count) if unit == "month" else today + dt.timedelta(
                days=count * (7 if unit == "week" else 1))
            self._set_day(day if unit == "day" else _working_day(day, self.hours))
        return self._take(start + 2)

    def _set_day(self, day: dt.date) -> None:
        if self.day is not None:
            raise _not_understood()
        self.day = day

    def _date(self) -> bool:
        """`2026-12-24`, `24 dec`, `dec 24 2026`, `24.12.`, `24/12`."""
        first = self.tokens[0]
        if first.kind == "iso":
            year, month, number = (int(each) for each in first.text.split("-"))
            self._set_day(dt.date(year, month, number))
            return self._take(1)
        if first.kind in ("dotted", "slashed"):
            parts = [int(each) for each in re.split(r"[./]", first.text) if each]
            number, month = self._day_and_month(parts[0], parts[1], first.kind == "dotted")
            self._set_day(self._dated(number, month, parts[2] if len(parts) == 3 else None))
            return self._take(1)
        order = (0, 1) if self._kind(0) == "number" else (1, 0)
        month_name = self._word(order[1])
        if self._kind(order[0]) != "number" or month_name not in MONTHS:
            return False
        number = int(self.tokens[order[0]].text)
        has_year = self._kind(2) == "number" and len(self.tokens[2].text) == 4
        year_given = int(self.tokens[2].text) if has_year else None
        self._set_day(self._dated(number, MONTHS.index(month_name) + 1, year_given))
        return self._take(3 if has_year else 2)

    def _day_and_month(self, one: int, other: int, is_dotted: bool) -> tuple[int, int]:
        if is_dotted or one > 12 or self.locale in ("nb", "th"):
            return one, other
        if other > 12 or one == other or self.locale in ("ja", "zh_Hant"):
            return other, one
        raise _not_understood()

    def _dated(self, number: int, month: int, year: int | None) -> dt.date:
        """A day by its numbers; without a year the next one. Thai years count from the Buddha."""
        if year is not None:
            return dt.date(year - 543 if year > 2400 else year, month, number)
        today = self.local.date()
        this = dt.date(today.year if (month, number) != (2, 29) or calendar.isleap(today.year) else today.year
                       + 4 - today.year % 4, month, number)
        return this if this >= today else this.replace(year=today.year + 1)

    def _named_day(self) -> bool:
        """`today`, `tomorrow`, `fri`, `next fri`, `next week`, `next month`."""
        word, today = self._word(0), self.local.date()
        ahead = {"today": 0, "tomorrow": 1, "overmorrow": 2}.get(word)
        if ahead is not None:
            self._set_day(today + dt.timedelta(days=ahead))
            return self._take(1)
        next_monday = today + dt.timedelta(days=7 - today.weekday())
        if word == "next" and self._word(1) == "week" and self._word(2) not in WEEKDAYS:
            self._set_day(_working_day(next_monday, self.hours))
            return self._take(2)
        if word == "next" and self._word(1) == "month":
            self._set_day(_working_day(_months_on(today.replace(day=1), 1), self.hours))
            return self._take(2)
        skip = (2 if self._word(1) == "week" else 1) if word == "next" else 0
        if self._word(skip) not in WEEKDAYS:
            return False
        weekday = WEEKDAYS.index(self._word(skip))
        after = (1 + (self._word(skip + 2) == "week")) if self._word(skip + 1) == "next" else 0
        if skip or after:
            self._set_day(next_monday + dt.timedelta(days=weekday))
        else:
            self._set_day(today + dt.timedelta(days=(weekday - today.weekday()) % 7))
            self._take(1)
            return self._today_or_in_a_week(weekday == today.weekday())
        return self._take(skip + 1 + after)

    def _today_or_in_a_week(self, is_today: bool) -> bool:
        """`fri 10` said on a Friday: today while that is to come, else in a week."""
        while self.tokens and self._time():
            pass
        if is_today and self.day is not None:
            clock = self._clock_of(self.day)
            if _at(self.day, clock, self.hours.zone) <= self.local:
                self.day += dt.timedelta(days=7)
        return True

    def _time(self) -> bool:
        """`14:30`, `2 pm`, `at 10`, `morning`; a number alone is an hour only behind a day or `at`."""
        word = self._word(0)
        if word in PARTS:
            self.part = word
            return self._take(1)
        if word == "closing":
            self.at_closing = True
            return self._take(1)
        start = 1 if word == "at" else 0
        kind, half = self._kind(start), self._word(start + 1)
        if kind not in ("clock", "number") or self.clock is not None:
            return False
        if kind == "number" and not (start or self.day or self.part or half in ("am", "pm")):
            return False
        hour, minute = (int(each) for each in (*re.split("[:.]", self.tokens[start].text), "0")[:2])
        if half in ("am", "pm"):
            if not 1 <= hour <= 12:
                raise _not_understood()
            hour = hour % 12 + (12 if half == "pm" else 0)
        self.clock = dt.time(hour, minute)
        return self._take(start + (2 if half in ("am", "pm") else 1))
