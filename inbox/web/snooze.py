"""Choosing a time that is to come: the menu with its presets, what was typed, and putting a ticket away until then."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, render_template, request
from flask_babel import get_locale

from inbox.core import tickets, times
from inbox.core.errors import Invalid
from inbox.core.models import Department
from inbox.db import utcnow
from inbox.web import i18n
from inbox.web.auth import actor, me
from inbox.web.desk import Place, sidebar
from inbox.web.htmx import wants_partial
from inbox.web.i18n import gettext

blueprint = Blueprint("snooze", __name__)


def choices(department: Department | None = None) -> list[tuple[str, dt.datetime]]:
    """The times to choose from, in words, soonest first: for any menu that asks "until when?"."""
    words = {"later": gettext("Later today"), "tomorrow": gettext("Tomorrow morning"),
             "next_day": gettext("Next working day"), "monday": gettext("Monday morning"),
             "week": gettext("In a week"), "month": gettext("In a month")}
    found = times.presets(utcnow(), times.usual(i18n.choose_zone()))
    return [(words[name], at) for name, at in found.items()]


@blueprint.app_template_global("snooze_choices")
def offered() -> tuple[tuple[str, str, str], ...]:
    """The same for a menu in a page: what it is called, what the form posts, when that is."""
    return tuple((label, at.isoformat(), i18n.coming(at)) for label, at in choices())


def chosen(department: Department | None = None) -> dt.datetime:
    """The time a form asks for: `at`, one that the menu offered, or `until`, what was typed. Raises Invalid."""
    at, typed = request.values.get("at", ""), request.values.get("until", "")
    if at:
        try:
            return dt.datetime.fromisoformat(at).astimezone(dt.UTC)
        except (ValueError, OverflowError) as error:
            raise Invalid("until", "Choose a time that is still to come.") from error
    return times.understand(typed, utcnow(), times.usual(i18n.choose_zone()), str(get_locale() or "en"))


@blueprint.get("/times")
def preview() -> str:
    """What a time that is being typed would be, or how to write one."""
    try:
        at, problem = chosen(), ""
    except Invalid as error:
        at, problem = None, str(error)
    return render_template("snooze/_preview.html", at=at, problem=problem)


@blueprint.get("/tickets/<int:number>/snooze")
def menu(number: int) -> Any:
    """The menu of times, loaded when it is opened; a page of its own without JavaScript."""
    ticket = tickets.get(number, me())
    values = {"ticket": ticket, "place": Place.from_request(), "choices": choices(ticket.department)}
    if wants_partial():
        return render_template("snooze/_menu.html", **values)
    return render_template("snooze/page.html", **sidebar(), **values)


@blueprint.post("/tickets/<int:number>/snooze")
def snooze(number: int) -> Any:
    from inbox.web.tickets import answer

    ticket = tickets.get(number, me())
    tickets.snooze(ticket, chosen(ticket.department), by=actor())
    return answer(ticket)
