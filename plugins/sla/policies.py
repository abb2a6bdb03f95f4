"""Setting up calendars and policies: what a form says, checked, as rows."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from inbox.toolkit import Agent, Department, Invalid, hours, session, transaction
from inbox_plugins.sla import holidays, segments
from inbox_plugins.sla.clocks import KINDS
from inbox_plugins.sla.models import SlaCalendar, SlaPolicy

PRIORITIES = ("low", "normal", "high", "urgent")
LONGEST = 60 * 24 * 365  # minutes
UNITS = {"min": 1, "h": 60, "d": 24 * 60}


def calendars() -> list[SlaCalendar]:
    """All calendars by name."""
    return list(session().scalars(sa.select(SlaCalendar).order_by(SlaCalendar.name, SlaCalendar.id)))


def policies() -> list[SlaPolicy]:
    """All policies in the order in which they are tried."""
    return list(session().scalars(sa.select(SlaPolicy).order_by(SlaPolicy.position, SlaPolicy.id)))


# --- calendars --------------------------------------------------------------------------------------------------


def shown(calendar: SlaCalendar | None) -> dict[str, Any]:
    """A calendar as its form shows it; a new one is open on weekdays."""
    if calendar is None:
        return {"name": "", "zone": "UTC", "country": "", "own_days": "",
                "week": ["09:00-17:00"] * 5 + ["", ""]}
    return {"name": calendar.name, "zone": calendar.definition["zone"], "country": calendar.country,
            "own_days": calendar.own_days, "week": [hours.write_hours(day) for day in calendar.hours.week]}


def save_calendar(calendar: SlaCalendar | None, typed: Mapping[str, Any], week: Sequence[str]) -> None:
    """Store a calendar. Clocks that run keep the hours they began with. Raises Invalid."""
    name, zone, country = typed["name"].strip(), typed["zone"].strip(), typed["country"].strip().upper()
    if not 0 < len(name) <= 100:
        raise Invalid("name", "Give it a name of at most 100 characters.")
    if zone not in zoneinfo.available_timezones():
        raise Invalid("zone", "There is no such time zone; write for example Europe/Oslo.")
    days = tuple(_hours(number, text) for number, text in enumerate(week))
    if not any(days):
        raise Invalid("hours-0", "A calendar that never opens promises nothing: give at least one day hours.")
    try:
        free = holidays.days_off(country, typed["own_days"])
    except hours.HoursError as error:
        raise Invalid("own_days", str(error)) from error
    definition = {**hours.Hours(zone, days).kept(), "holidays": free}
    with transaction() as current:
        if calendar is None:
            current.add(SlaCalendar(name=name, country=country, own_days=typed["own_days"], definition=definition))
        else:
            calendar.name, calendar.country, calendar.own_days = name, country, typed["own_days"]
            calendar.definition = definition


def _hours(number: int, text: str) -> tuple[tuple[int, int], ...]:
    try:
        return hours.read_hours(text)
    except hours.HoursError as error:
        raise Invalid(f"hours-{number}", str(error)) from error


def delete_calendar(calendar: SlaCalendar) -> None:
    """Delete a calendar that no policy needs. Raises Invalid."""
    with transaction() as current:
        user = current.scalar(sa.select(SlaPolicy.name).where(SlaPolicy.calendar_id == calendar.id).limit(1))
        if user is not None:
            raise Invalid("name", "A service level needs this calendar. Give that another one first.")
        current.delete(current.get_one(SlaCalendar, calendar.id))


# --- policies ---------------------------------------------------------------------------------------------------


def save_policy(policy: SlaPolicy | None, typed: Mapping[str, str]) -> None:
    """Store a policy. Clocks that run keep what they were promised. Raises Invalid."""
    values: dict[str, Any] = {kind: read_minutes(kind, typed[kind]) for kind in KINDS}
    if not any(values.values()):
        raise Invalid("first_reply", "Promise something: give at least one of the three times.")
    values |= {"name": typed["name"].strip(), "tag": typed["tag"].strip(), "priority": typed["priority"],
               "segment": typed["segment"],
               "warn": read_minutes("warn", typed["warn"]) or 0, "is_active": bool(typed.get("is_active")),
               "notify": bool(typed.get("notify")), "raise_priority": bool(typed.get("raise_priority"))}
    if not 0 < len(values["name"]) <= 100:
        raise Invalid("name", "Give it a name of at most 100 characters.")
    if values["priority"] not in ("", *PRIORITIES):
        raise Invalid("priority", "There is no such priority.")
    known = {"", policy.segment if policy is not None else "", *segments.every()}
    if values["segment"] not in known:
        raise Invalid("segment", "That is gone; choose another one.")
    with transaction() as current:
        for field, table in (("department_id", Department), ("assign_to", Agent), ("calendar_id", SlaCalendar)):
            number = int(typed[field]) if typed[field].isdecimal() else None
            if number is not None and current.get(table, number) is None:
                raise Invalid(field, "That is gone; choose another one.")
            values[field] = number
        if values["calendar_id"] is None:
            raise Invalid("calendar_id", "Choose a calendar; make one first if there is none.")
        if policy is None:
            last = current.scalar(sa.select(sa.func.max(SlaPolicy.position)))
            current.add(SlaPolicy(position=(last or 0) + 1, **values))
        else:
            for field, value in values.items():
                setattr(policy, field, value)


def read_minutes(field: str, text: str) -> int | None:
    """`30 min`, `4 h`, `2 d` (of 24 hours) or a bare number of minutes; empty is None. Raises Invalid."""
    words = text.replace(" ", "").lower()
    if not words:
        return None
    unit = next((each for each in ("min", "h", "d") if words.endswith(each)), "")
    number = words.removesuffix(unit)
    if not number.isascii() or not number.isdecimal() or not int(number) * UNITS.get(unit, 1) <= LONGEST:
        raise Invalid(field, "Write a time like 30 min, 4 h or 2 d.")
    return int(number) * UNITS.get(unit, 1)


def write_minutes(minutes: int | None) -> str:
    """The reverse of `read_minutes`, in the largest unit that fits."""
    if minutes is None:
        return ""
    return f"{minutes // 60} h" if minutes and minutes % 60 == 0 else f"{minutes} min"


def swap(policy: SlaPolicy) -> None:
    """Let a policy be tried before the one that stands above it."""
    with transaction() as current:
        others = list(current.scalars(sa.select(SlaPolicy).order_by(SlaPolicy.position, SlaPolicy.id)))
        place = next(number for number, each in enumerate(others) if each.id == policy.id)
        if place:
            others[place - 1], others[place] = others[place], others[place - 1]
        for number, each in enumerate(others):
            each.position = number


def delete_policy(policy: SlaPolicy) -> None:
    """Delete a policy; what it promised is shown on its tickets as long as their clocks have stopped."""
    with transaction() as current:
        current.delete(current.get_one(SlaPolicy, policy.id))
