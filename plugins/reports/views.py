"""The pages of the reports."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, abort, flash, redirect, request
from flask_babel import format_date

from inbox.toolkit import (
    Agent,
    Department,
    NotAllowed,
    Ticket,
    asks,
    current_agent,
    gettext,
    may,
    plugin_url,
    reach,
    render,
    session,
    visible,
)
from inbox_plugins.reports import figures, keep, monday, story, tables, words
from inbox_plugins.reports.figures import Choice, Period

pages = Blueprint("pages", __name__)
LONGEST = 800  # days of one report


def _me() -> Agent:
    agent = current_agent()
    assert agent is not None  # these pages want a signed-in agent
    return agent


@pages.before_request
def _only_those_who_may() -> None:
    if not may(_me(), "reports.see"):
        raise NotAllowed()


# --- what is chosen ---------------------------------------------------------------------------------------------


def _choice() -> Choice:
    """The period, department and clock that the address names."""
    within = figures.narrowed(reach(_me()), request.args.get("department", type=int))
    return Choice(_period(), within, request.args.get("clock") == "work")


def _period() -> Period:
    days = request.args.get("days", 28, type=int)
    try:
        first, last = (dt.date.fromisoformat(request.args[name]) for name in ("first", "last"))
    except (KeyError, ValueError):
        return words.last(days if days in words.PERIODS else 28)
    return Period(first, last) if dt.timedelta() <= last - first < dt.timedelta(days=LONGEST) else words.last(28)


def _kept(**more: Any) -> dict[str, Any]:
    """What stays in the address from page to page."""
    kept = {name: value for name in ("days", "first", "last", "department", "clock")
            if (value := request.args.get(name))}
    return kept | more


def _page(template: str, choice: Choice, here: str, **values: Any) -> str:
    departments = session().execute(visible_departments(_me())).all()
    return render(template, choice=choice, here=here, kept=_kept(), departments=departments, periods=words.PERIODS,
                  subscription=monday.subscription(_me()), progress=keep.progress(), days_of=_days_of,
                  may_rebuild=may(_me(), "reports.manage"), **values)


def visible_departments(agent: Agent) -> sa.Select[Any]:
    """Ids and names of the departments within an agent's reach."""
    within, query = reach(agent), sa.select(Department.id, Department.name).order_by(
        Department.position, Department.name)
    return query if within is None else query.where(Department.id.in_(sorted(within)))


def _days_of(period: Period) -> str:
    return f"{format_date(period.first, 'd MMM')} – {format_date(period.last, 'd MMM yyyy')}"


# --- pages ------------------------------------------------------------------------------------------------------


@pages.get("/")
def overview() -> Any:
    """Tiles, a line a day, a row a department."""
    choice, table = _choice(), tables.by_department(_choice())
    if request.args.get("format") == "csv":
        return _csv(table, "overview")
    now, before = (figures.figures(each).get(0, figures.Figures()) for each in (choice, choice.before()))
    days = figures.per_day(choice)
    panels = asks.slot("reports_panels", first=choice.period.first, last=choice.period.last,
                       departments=choice.departments)
    return _page("overview.html", choice, "overview", tiles=words.tiles(now, before), days=days, chart=_chart(days),
                 table=table, key="department", panels=panels)


def _chart(days: dict[dt.date, dict[str, int]]) -> dict[str, Any]:
    """The points of a line for each kind, in a field of 900 by 180; what its highest point stands for."""
    top = max((count for day in days.values() for count in day.values()), default=0) or 1
    step = 900 / max(1, len(days) - 1)
    lines = {kind: " ".join(f"{place * step:.1f},{170 - 150 * day[kind] / top:.1f}"
                            for place, day in enumerate(days.values())) for kind in ("opened", "closed")}
    return {**lines, "top": top, "names": [_day_name(day) for day in days]}


def _day_name(day: dt.date) -> str:
    return format_date(day, "d MMM")


@pages.get("/departments")
def departments() -> Any:
    """A row a department."""
    return _table(tables.by_department(_choice()), "departments", "department")


@pages.get("/agents")
def agents() -> Any:
    """A row an agent."""
    return _table(tables.by_agent(_choice()), "agents", "agent")


@pages.get("/tags")
def tags() -> Any:
    """A row a tag."""
    return _table(tables.by_tag(_choice(), _me()), "tags", "tag")


def _table(table: tables.Table, here: str, key: str) -> Any:
    if request.args.get("format") == "csv":
        return _csv(table, here)
    return _page("table.html", _choice(), here, table=table, key=key)


@pages.get("/hours")
def busiest() -> Any:
    """When questions come in: weekdays by hours."""
    choice = _choice()
    counts = figures.per_hour(choice)
    names = [format_date(dt.date(2024, 1, day), "EEE") for day in range(1, 8)]  # a week that began on a Monday
    if request.args.get("format") == "csv":
        rows = [[name, *map(str, row)] for name, row in zip(names, counts, strict=True)]
        return _csv(tables.Table([gettext("Day"), *map(str, range(24))], rows), "hours")
    most = max(map(max, counts)) or 1
    return _page("hours.html", choice, "busiest", names=names, counts=counts,
                 steps=[[-(-5 * count // most) for count in row] for row in counts])


@pages.get("/tickets/<kind>")
def behind(kind: str) -> Any:
    """The tickets behind a figure, newest first."""
    if kind not in story.KINDS:
        abort(404)
    choice = _choice()
    day = _day(request.args.get("day", ""))
    found = figures.tickets_of(choice, kind, department=request.args.get("of_department", type=int),
                               agent=request.args.get("agent", type=int), day=day, tag=request.args.get("tag"),
                               weekday=request.args.get("weekday", type=int), hour=request.args.get("hour", type=int),
                               before=request.args.get("before", type=int), limit=51)
    shown = found[:50]
    tickets = {ticket.id: ticket for ticket in session().scalars(visible(
        sa.select(Ticket).where(Ticket.id.in_({ticket_id for _, ticket_id in shown})), _me()))}
    more = {name: value for name in ("of_department", "agent", "day", "tag", "weekday", "hour")
            if (value := request.args.get(name))}
    following = plugin_url("behind", kind=kind, before=shown[-1][0], **_kept(**more)) if len(found) > 50 else None
    return _page("tickets.html", choice, "", kind=kind, next=following,
                 tickets=[tickets[each] for each in dict.fromkeys(ticket_id for _, ticket_id in shown)
                          if each in tickets])


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _csv(table: tables.Table, name: str) -> Response:
    period = _period()
    return Response(tables.as_csv(table), mimetype="text/csv", headers={
        "Content-Disposition": f'attachment; filename="{name}-{period.first}-{period.last}.csv"'})


# --- acts -------------------------------------------------------------------------------------------------------


@pages.post("/monday")
def every_monday() -> Any:
    """Send me the report every Monday, or no longer."""
    wanted, department = request.form.get("wanted") == "1", request.form.get("department", type=int)
    if department is not None and session().scalar(visible_departments(_me()).where(
            Department.id == department)) is None:
        abort(404)
    monday.subscribe(_me(), wanted, department)
    flash(gettext("The report comes by mail every Monday.") if wanted else gettext("The report is sent no longer."))
    return redirect(plugin_url("overview"), 303)


@pages.post("/rebuild")
def rebuild() -> Any:
    """Make all lines anew."""
    if not may(_me(), "reports.manage"):
        raise NotAllowed()
    keep.begin_rebuild()
    return redirect(plugin_url("overview"), 303)


@pages.get("/progress")
def progress() -> str:
    """How far a rebuild is, asked for by the page while it runs."""
    return render("_progress.html", progress=keep.progress(), may_rebuild=may(_me(), "reports.manage"))
