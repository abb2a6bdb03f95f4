"""The pages on which calendars and policies are set up."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, flash, redirect, request
from flask_babel import format_date

from inbox.toolkit import (
    Agent,
    Department,
    Invalid,
    NotAllowed,
    NotFound,
    Ticket,
    current_agent,
    gettext,
    may,
    plugin_url,
    render,
    session,
    utcnow,
)
from inbox_plugins.sla import policies, segments, words
from inbox_plugins.sla.models import SlaCalendar, SlaPolicy, SlaTarget

pages = Blueprint("pages", __name__)
SOON = dt.timedelta(hours=8)


@pages.before_request
def _only_those_who_may() -> None:
    agent = current_agent()
    if agent is None or not may(agent, "sla.manage"):
        raise NotAllowed()


def soon() -> sa.ColumnElement[bool]:
    """The tickets of the view "Due soon": something is due within hours, or late."""
    return Ticket.id.in_(sa.select(SlaTarget.ticket_id).where(SlaTarget.due_at <= utcnow() + SOON))


def _done(said: str) -> Any:
    flash(said)
    return redirect(plugin_url("index"), 303)


@pages.get("/")
def index() -> str:
    """All policies and calendars."""
    departments = {each.id: each.name for each in session().scalars(sa.select(Department))}
    return render("index.html", policies=policies.policies(), calendars=policies.calendars(), departments=departments,
                  segments=segments.every(), time=policies.write_minutes, titles=words.kind_title)


# --- policies ---------------------------------------------------------------------------------------------------


@pages.route("/policies/new", methods=["GET", "POST"])
def new_policy() -> Any:
    """A new policy."""
    return _policy(None)


@pages.route("/policies/<int:policy_id>", methods=["GET", "POST"])
def policy(policy_id: int) -> Any:
    """One policy, to be changed."""
    return _policy(_get(SlaPolicy, policy_id))


def _policy(policy: SlaPolicy | None) -> Any:
    if request.method == "GET":
        return _policy_page(policy, _values(policy))
    typed = {field: request.form.get(field, "") for field in _values(None)}
    try:
        policies.save_policy(policy, typed)
    except Invalid as problem:
        return _policy_page(policy, typed, problem), 422
    return _done(gettext("The service level is saved."))


def _values(policy: SlaPolicy | None) -> dict[str, Any]:
    """What the form shows."""
    if policy is None:
        return {"name": "", "department_id": "", "priority": "", "tag": "", "segment": "", "calendar_id": "",
                "first_reply": "4 h", "next_reply": "8 h", "resolution": "", "warn": "30 min", "is_active": "1",
                "notify": "1", "raise_priority": "", "assign_to": ""}
    times = {field: policies.write_minutes(getattr(policy, field))
             for field in ("first_reply", "next_reply", "resolution", "warn")}
    flags = {field: "1" if getattr(policy, field) else "" for field in ("is_active", "notify", "raise_priority")}
    keys = {field: str(getattr(policy, field) or "") for field in ("department_id", "calendar_id", "assign_to")}
    return {"name": policy.name, "priority": policy.priority, "tag": policy.tag, "segment": policy.segment,
            **times, **flags, **keys}


def _policy_page(policy: SlaPolicy | None, values: dict[str, Any], error: Invalid | None = None) -> str:
    departments = session().scalars(sa.select(Department).where(Department.is_active).order_by(Department.name)).all()
    agents = session().scalars(sa.select(Agent).where(Agent.is_active).order_by(Agent.name)).all()
    groups = segments.every()
    if values["segment"] and values["segment"] not in groups:  # its plugin is not active, or it was deleted
        groups[values["segment"]] = gettext("a segment that is not there now")
    return render(
        "policy.html", policy=policy, values=values, error=error,
        segment_titles=sorted(groups.items(), key=lambda each: each[1].casefold()),
        department_titles=[(each.id, each.name) for each in departments],
        agent_titles=[(each.id, each.name) for each in agents],
        calendar_titles=[(each.id, each.name) for each in policies.calendars()],
        priority_titles=list(zip(policies.PRIORITIES, (gettext("low"), gettext("normal"), gettext("high"),
                                                       gettext("urgent")), strict=True)))


@pages.post("/policies/<int:policy_id>/up")
def policy_up(policy_id: int) -> Any:
    """Try a policy before the one above it."""
    policies.swap(_get(SlaPolicy, policy_id))
    return redirect(plugin_url("index"), 303)


@pages.post("/policies/<int:policy_id>/delete")
def delete_policy(policy_id: int) -> Any:
    """Delete a policy."""
    policies.delete_policy(_get(SlaPolicy, policy_id))
    return _done(gettext("The service level is gone."))


# --- calendars --------------------------------------------------------------------------------------------------


@pages.route("/calendars/new", methods=["GET", "POST"])
def new_calendar() -> Any:
    """A new calendar."""
    return _calendar(None)


@pages.route("/calendars/<int:calendar_id>", methods=["GET", "POST"])
def calendar(calendar_id: int) -> Any:
    """One calendar, to be changed."""
    return _calendar(_get(SlaCalendar, calendar_id))


def _calendar(calendar: SlaCalendar | None) -> Any:
    values = policies.shown(calendar)
    if request.method == "GET":
        return _calendar_page(calendar, values)
    values = {field: request.form.get(field, "") for field in ("name", "zone", "country", "own_days")}
    values["week"] = [request.form.get(f"hours-{day}", "") for day in range(7)]
    try:
        policies.save_calendar(calendar, values, values["week"])
    except Invalid as problem:
        return _calendar_page(calendar, values, problem), 422
    return _done(gettext("The calendar is saved."))


def _calendar_page(calendar: SlaCalendar | None, values: dict[str, Any], error: Invalid | None = None) -> str:
    week = [dt.date(2024, 1, day) for day in range(1, 8)]  # one that began on a Monday
    weekdays = [format_date(day, "EEEE") for day in week]
    free = calendar.definition["holidays"] if calendar is not None else []
    return render("calendar.html", calendar=calendar, values=values, error=error, weekdays=weekdays, free=free,
                  zones=sorted(zoneinfo.available_timezones()))


@pages.post("/calendars/<int:calendar_id>/delete")
def delete_calendar(calendar_id: int) -> Any:
    """Delete a calendar that no policy needs."""
    found = _get(SlaCalendar, calendar_id)
    try:
        policies.delete_calendar(found)
    except Invalid as problem:
        return _calendar_page(found, policies.shown(found), problem), 422
    return _done(gettext("The calendar is gone."))


def _get(kind: type[Any], number: int) -> Any:
    found = session().get(kind, number)
    if found is None:
        raise NotFound()
    return found
