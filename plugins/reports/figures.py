"""The figures: counts, medians, comparisons, read from the lines in a few queries each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from inbox.toolkit import Tag, Ticket, session
from inbox_plugins.reports.models import ReportsLine

PERCENTILES = (50, 90)
Key = Any  # a department's or agent's id, or None


@dataclass(frozen=True)
class Period:
    """Days of the desk's calendar, both included."""

    first: dt.date
    last: dt.date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def before(self) -> Period:
        """As many days just before."""
        return Period(self.first - dt.timedelta(days=self.days), self.first - dt.timedelta(days=1))


@dataclass(frozen=True)
class Choice:
    """What a report is about. `departments`: those within the reader's reach (None: all)."""

    period: Period
    departments: frozenset[int] | None = None
    in_work_hours: bool = False

    def before(self) -> Choice:
        return Choice(self.period.before(), self.departments, self.in_work_hours)

    def where(self, *kinds: str) -> list[sa.ColumnElement[bool]]:
        """The lines that count."""
        found = [ReportsLine.kind.in_(kinds), ReportsLine.day.between(self.period.first, self.period.last)]
        if self.departments is not None:
            found.append(ReportsLine.department_id.in_(sorted(self.departments)))
        return found

    @property
    def seconds(self) -> sa.orm.InstrumentedAttribute[int | None]:
        return ReportsLine.work_seconds if self.in_work_hours else ReportsLine.seconds


def narrowed(within: frozenset[int] | None, department_id: int | None) -> frozenset[int] | None:
    """An agent's reach, narrowed to one department (None: to none); one out of reach leaves nothing."""
    if department_id is None:
        return within
    return frozenset({department_id}) if within is None or department_id in within else frozenset()


@dataclass
class Figures:
    """The figures of one group. Times in seconds, by percentile; None: nothing to measure."""

    opened: int = 0
    asked: int = 0
    answered: int = 0
    closed: int = 0
    reopened: int = 0
    in_one: int = 0  # closed after a single answer
    first_reply: Mapping[int, int] | None = None
    solution: Mapping[int, int] | None = None

    @property
    def in_one_percent(self) -> int | None:
        return round(100 * self.in_one / self.closed) if self.closed else None


BY = {"all": sa.literal(0), "department": ReportsLine.department_id, "agent": ReportsLine.agent_id}


def figures(choice: Choice, by: str = "all") -> dict[Key, Figures]:
    """The figures of every group: of all (key 0), by `department`, by `agent` (who answered or closed)."""
    group = BY[by].label("grouped")
    found: dict[Key, Figures] = {}
    counted = session().execute(
        sa.select(group, ReportsLine.kind, sa.func.count(), sa.func.sum(sa.cast(ReportsLine.is_first, sa.Integer)))
        .where(*choice.where("opened", "asked", "answered", "closed", "reopened")).group_by(group, ReportsLine.kind))
    for key, kind, count, first in counted:
        figure = found.setdefault(key, Figures())
        setattr(figure, kind, count)
        if kind == "closed":
            figure.in_one = first or 0
    for key, times in _times(choice, by, "answered", ReportsLine.is_first).items():
        found.setdefault(key, Figures()).first_reply = times
    for key, times in _times(choice, by, "closed").items():
        found.setdefault(key, Figures()).solution = times
    return found


def _times(choice: Choice, by: str, kind: str, *more: sa.ColumnElement[bool]) -> dict[Key, dict[int, int]]:
    """Percentiles by nearest rank: the smallest value that at least so many per cent do not exceed."""
    group, value = BY[by], choice.seconds
    ranked = sa.select(
        group.label("grouped"), value.label("value"),
        sa.func.row_number().over(partition_by=group, order_by=value).label("place"),
        sa.func.count().over(partition_by=group).label("size"),
    ).where(*choice.where(kind), value.is_not(None), *more).subquery()
    found: dict[Key, dict[int, int]] = {}
    for each in PERCENTILES:
        rank = (ranked.c.size * each + 99) // 100
        for key, seconds in session().execute(sa.select(ranked.c.grouped, ranked.c.value).where(
                ranked.c.place == rank)):
            found.setdefault(key, {})[each] = seconds
    return found


def per_day(choice: Choice, kinds: Iterable[str] = ("opened", "closed")) -> dict[dt.date, dict[str, int]]:
    """How many of each kind on every day of the period, days without any included."""
    kinds = tuple(kinds)
    days = {choice.period.first + dt.timedelta(days=number): dict.fromkeys(kinds, 0)
            for number in range(choice.period.days)}
    for day, kind, count in session().execute(sa.select(ReportsLine.day, ReportsLine.kind, sa.func.count()).where(
            *choice.where(*kinds)).group_by(ReportsLine.day, ReportsLine.kind)):
        days[day][kind] = count
    return days


def per_hour(choice: Choice) -> list[list[int]]:
    """How many questions came in each hour (0 to 23) of each weekday (Monday first)."""
    table = [[0] * 24 for _ in range(7)]
    for day, hour, count in session().execute(sa.select(ReportsLine.day, ReportsLine.hour, sa.func.count()).where(
            *choice.where("asked")).group_by(ReportsLine.day, ReportsLine.hour)):
        table[day.weekday()][hour] += count
    return table


def tickets_of(choice: Choice, kind: str, *, department: int | None = None, agent: int | None = None,
               day: dt.date | None = None, tag: str | None = None, weekday: int | None = None, hour: int | None = None,
               before: int | None = None, limit: int = 50) -> list[tuple[int, int]]:
    """The lines behind a figure as (event id, ticket id), newest first; `before` an event id to go on from."""
    query = sa.select(ReportsLine.event_id, ReportsLine.ticket_id).where(*choice.where(kind))
    for column, value in ((ReportsLine.department_id, department), (ReportsLine.agent_id, agent),
                          (ReportsLine.day, day), (ReportsLine.hour, hour)):
        if value is not None:
            query = query.where(column == value)
    if tag is not None:
        query = query.where(ReportsLine.ticket_id.in_(
            sa.select(Ticket.id).join(Ticket.tags).where(Tag.name == tag)))
    if weekday is not None:
        days = (choice.period.first + dt.timedelta(days=number) for number in range(choice.period.days))
        query = query.where(ReportsLine.day.in_([each for each in days if each.weekday() == weekday]))
    if before is not None:
        query = query.where(ReportsLine.event_id < before)
    return [(row[0], row[1]) for row in session().execute(query.order_by(ReportsLine.event_id.desc()).limit(limit))]
