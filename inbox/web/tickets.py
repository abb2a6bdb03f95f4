"""A ticket: its thread, what can be done to it, and opening a new one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, flash, make_response, redirect, render_template, request
from sqlalchemy.orm.util import identity_key

from inbox.core import (
    agents,
    customers,
    departments,
    events,
    messages,
    notifications,
    overtaken,
    permissions,
    revision,
    senders,
    tickets,
)
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, Event, Message, Ticket
from inbox.db import session
from inbox.plugin_host import call
from inbox.web import thread_folds, ticket_words, writing
from inbox.web.auth import actor, me
from inbox.web.colleague_drafts import drafts_of_colleagues
from inbox.web.desk import Place, list_of, sidebar
from inbox.web.htmx import go_to, wants_partial
from inbox.web.i18n import coming, gettext
from inbox.web.message_links import find_links

blueprint = Blueprint("tickets", __name__)
AHEAD = "X-Ahead"  # a header: the mark of a pane that was read ahead
SHOWN_EVENTS = {
    "ticket_assigned", "ticket_status_changed", "ticket_moved", "ticket_subject_changed", "ticket_priority_changed",
    "ticket_tagged", "ticket_untagged", "ticket_snoozed", "ticket_woke", "ticket_marked_spam",
    "ticket_unmarked_spam", "ticket_trashed", "ticket_restored", "ticket_customer_changed", "reply_bounced",
    "reply_called_spam", "reply_undone", "message_moved", "draft_taken_over"} | ticket_words.KINDS


@dataclass
class Line:
    """One line of the timeline: a message, an event, or what a plugin knows of."""

    at: dt.datetime
    message: Message | None = None
    text: str = ""
    key: str = ""
    tone: str = ""
    url: str = ""


def load(number: int) -> Ticket:
    """The ticket of an address, if the agent may see it."""
    return tickets.get(number, me())


@blueprint.get("/tickets/<int:number>")
def show(number: int) -> Any:
    """A ticket with its list beside it; htmx asks for the pane alone."""
    ticket, place = load(number), Place.from_request()
    if ticket.number != number:  # it was merged, or all it held was moved
        if "part" in request.args:
            return redirect(place.ticket_url(ticket.number, part=request.args["part"]), 303)
        flash(gettext("Ticket %(gone)s is part of this ticket now.", gone=number))
        return redirect(place.ticket_url(ticket.number), 303)
    if request.args.get("part") == "pane":
        return pane_or_its_mark(ticket, place)
    rail = sidebar()
    return render_template("ticket/page.html", **rail, **list_of(place, rail), **pane(ticket))


def pane_or_its_mark(ticket: Ticket, place: Place) -> Response:
    """A ticket's pane; nothing for a browser that has read ahead and holds it as it is now (static/js/ahead.js)."""
    held = request.headers.get(AHEAD)
    mark = revision.of_ticket(ticket) if held else ""  # before the pane: it is never newer than what it says
    shown = "" if held and held == mark else render_template("ticket/_pane.html", place=place, **pane(ticket))
    response = make_response(shown)
    if held:
        response.headers[AHEAD] = mark
    return response


def pane(ticket: Ticket, *, is_fresh: bool = False) -> dict[str, Any]:
    """What the ticket's pane shows. `is_fresh`: the page shows it already, and gets what changed."""
    thread = messages.thread(ticket, with_drafts=True)
    said = [each for each in thread if each.state != "draft"]
    find_links(said)
    happened = events.of_ticket(ticket)
    written = writing.facts(ticket, thread)
    lines = with_new(timeline(ticket, said, happened), written["drafts"].values(), happened)
    unread = thread_folds.first_unread(lines, ticket.seen_at, me().id)
    return {"ticket": ticket, **written, "known": happened[-1].id if happened else 0,
            "timeline": thread_folds.folded(lines, unread, is_fresh=is_fresh), "unread": unread,
            "of_colleagues": drafts_of_colleagues(thread, me()),
            "others": customers.tickets_of(ticket.customer, me(), limit=6),
            "can": {name: permissions.may(me(), name) for name in permissions.ABILITIES}}


def timeline(ticket: Ticket, thread: list[Message], happened: list[Event]) -> list[Line]:
    """Messages and events in the order they happened."""
    lines = [Line(each.at, message=each, key=f"m{each.id}") for each in thread] + event_lines(happened)
    lines += [Line(each.at, text=each.text, key=f"x{place}", tone=each.tone, url=each.url)
              for place, each in enumerate(call.slot("timeline_entries", ticket=ticket, agent=me()))]
    return sorted(lines, key=lambda line: (line.at, line.message is None, line.key))


def event_lines(happened: list[Event]) -> list[Line]:
    """Those events that people see, in words."""
    found = [each for each in happened if each.kind in SHOWN_EVENTS and each.data is not None]
    names = _names(found)
    return [Line(each.at, text=describe(each, names), key=f"e{each.id}") for each in found]


def with_new(lines: list[Line], drafts: Iterable[Message], happened: list[Event]) -> list[Line]:
    """The same, with a line above what was said since a draft was begun that could not be sent."""
    known = min((each.extra["overtaken"] for each in drafts if "overtaken" in (each.extra or {})), default=None)
    if known is None:
        return lines
    said = {each.message_pk for each in happened if each.id > known and each.kind in overtaken.SAID
            and (each.actor_kind, each.actor_id) != ("agent", me().id)}
    first = next((place for place, line in enumerate(lines) if line.message and line.message.id in said), None)
    if first is not None:
        lines.insert(first, Line(lines[first].at, text=gettext("New since you began to write"), key="new"))
    return lines


def _names(found: list[Event]) -> dict[tuple[str, int], str]:
    """Names of the agents and departments that events speak of: mostly loaded already, the others in one query."""
    wanted: set[tuple[str, int]] = set()
    for each in found:
        data = each.data or {}
        if each.actor_kind == "agent" and each.actor_id:
            wanted.add(("agent", each.actor_id))
        if each.kind == "ticket_assigned" and data.get("agent"):
            wanted.add(("agent", data["agent"]))
        if each.kind == "draft_taken_over" and data.get("before"):
            wanted.add(("agent", data["before"]))
        if each.kind == "ticket_moved" and data.get("department"):
            wanted.add(("department", data["department"]))
    return names_of(wanted)


def names_of(wanted: set[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Names by (`agent` or `department`, id). What the session holds already is not asked for again."""
    models: dict[str, type[Agent] | type[Department]] = {"agent": Agent, "department": Department}
    names, missing = {}, []
    for kind, number in wanted:
        held = session().identity_map.get(identity_key(models[kind], number))
        if held is not None:
            names[kind, number] = held.name  # type: ignore[attr-defined]
        else:
            missing.append((kind, number))
    if missing:
        parts = [sa.select(sa.literal(kind).label("kind"), model.id, model.name).where(
            model.id.in_([number for each, number in missing if each == kind])) for kind, model in models.items()]
        names |= {(row.kind, row.id): row.name for row in session().execute(sa.union_all(*parts))}
    return names


def describe(event: Event, names: dict[tuple[str, int], str]) -> str:
    """An event in words: who did what."""
    data = event.data or {}
    who = names.get(("agent", event.actor_id or 0), "")
    if event.actor_kind == "customer":
        who = gettext("The customer")
    elif not who:
        who = event.source.removeprefix("plugin:").capitalize() if event.source.startswith("plugin") else "Pluginbox"
    assignee = names.get(("agent", data.get("agent") or 0), "")
    said = {
        "draft_taken_over": gettext("%(who)s took over a draft of %(name)s", who=who,
                                    name=names.get(("agent", data.get("before") or 0), "?")),
        "ticket_assigned": (gettext("%(who)s assigned it to %(name)s", who=who, name=assignee) if assignee
                            else gettext("%(who)s unassigned it", who=who)),
        "ticket_status_changed": _status_words(who, data),
        "ticket_moved": gettext("%(who)s moved it to %(name)s", who=who,
                                name=names.get(("department", data.get("department") or 0), "?")),
        "ticket_subject_changed": gettext("%(who)s changed the subject", who=who),
        "ticket_priority_changed": gettext("%(who)s set the priority to %(name)s", who=who,
                                           name=gettext(data.get("priority") or "normal")),
        "ticket_customer_changed": gettext("%(who)s said whose it is", who=who),
        "ticket_tagged": gettext("%(who)s added the tag %(name)s", who=who, name=data.get("tag", "")),
        "ticket_untagged": gettext("%(who)s took off the tag %(name)s", who=who, name=data.get("tag", "")),
        "ticket_snoozed": gettext("%(who)s snoozed it until %(time)s", who=who, time=coming(data.get("until"))),
        "ticket_woke": gettext("It is back from snooze"),
        "ticket_marked_spam": gettext("%(who)s marked it as spam", who=who),
        "ticket_unmarked_spam": gettext("%(who)s took it out of spam", who=who),
        "ticket_trashed": gettext("%(who)s put it into the trash", who=who),
        "ticket_restored": gettext("%(who)s restored it", who=who),
        "reply_bounced": gettext("A reply came back: %(name)s", name=data.get("reason", "")),
        "reply_called_spam": gettext("%(name)s called a reply spam", name=data.get("address", "")),
        "reply_undone": _undone_words(who, data),
        "message_moved": gettext("%(who)s moved a message from ticket %(before)s to ticket %(number)s", who=who,
                                 before=data.get("before", "?"), number=data.get("to", "?")),
    }
    return said.get(event.kind) or ticket_words.about_parts(event, who) or event.kind


def _undone_words(who: str, data: dict[str, Any]) -> str:
    return {"answered": gettext("The customer wrote, so the reply that waited was not sent: it is a draft again"),
            "thrown_away": gettext("The reply that waited was not sent: it is a draft again"),
            }.get(data.get("why", ""), gettext("%(who)s took a reply back before it was sent", who=who))


def _status_words(who: str, data: dict[str, Any]) -> str:
    if data.get("reopened"):
        return gettext("%(who)s reopened it", who=who)
    return {"closed": gettext("%(who)s closed it", who=who), "pending": gettext("%(who)s set it to pending", who=who)
            }.get(data.get("status", ""), gettext("%(who)s opened it", who=who))


# --- live updates -----------------------------------------------------------------------------------------------


@blueprint.get("/tickets/<int:number>/conversation")
def conversation(number: int) -> Any:
    """The head and the thread alone, when something was said or done elsewhere."""
    ticket = load(number)
    return render_template("ticket/_fresh.html", place=Place.from_request(), **pane(ticket, is_fresh=True))


@blueprint.post("/tickets/<int:number>/seen")
def seen(number: int) -> Any:
    """The agent is looking at it; sent by the page once it is shown."""
    ticket = load(number)
    tickets.mark_seen(ticket, me())
    notifications.mark_read(me(), ticket=ticket)
    return "", 204


# --- what can be done -------------------------------------------------------------------------------------------


def answer(ticket: Ticket, *, composer: bool = False, focus: str = "", is_read: bool = False) -> Any:
    """After a change: the fresh parts for htmx (with `composer` that one, too, `focus` names the kind that is written
    on), the ticket's page for a plain form. `is_read`: the change was to columns of the ticket, which was loaded for
    this agent and read again in the transaction of the change."""
    if wants_partial():
        fresh = ticket if is_read else tickets.get(ticket.number, me())
        return render_template("ticket/_fresh.html", place=Place.from_request(), with_composer=composer, focus=focus,
                               **pane(fresh, is_fresh=True))
    return go_to(Place.from_request().ticket_url(ticket.number))


def leave(ticket: Ticket) -> Any:
    """After a change that takes the ticket out of the list (closed, trashed, spam): back to the list."""
    return go_to(Place.from_request().url())


def onward(number: int) -> Any:
    """After a change that is done with a ticket: the next one of the list, in the pane or as a page."""
    address = Place.from_request().ticket_url(number)
    if not wants_partial():
        return go_to(address)
    response = pane_or_its_mark(load(number), Place.from_request())
    response.headers["HX-Push-Url"] = address
    return response


@blueprint.get("/tickets/<int:number>/assignees")
def assignees(number: int) -> Any:
    """The menu of colleagues, loaded when it is opened."""
    ticket = load(number)
    return render_template("ticket/_assignees.html", ticket=ticket, place=Place.from_request(),
                           colleagues=agents.colleagues(ticket.department_id))


@blueprint.post("/tickets/<int:number>/assignee")
def assign(number: int) -> Any:
    ticket, chosen = load(number), request.form.get("agent", "")
    assignee = agents.by_id(int(chosen)) if chosen.isdigit() else None
    if chosen and assignee is None:
        raise Invalid("agent", "There is no such agent.")
    tickets.assign(ticket, assignee, by=actor())
    return answer(ticket)


@blueprint.post("/tickets/<int:number>/status")
def status(number: int) -> Any:
    ticket, new = load(number), request.form.get("status", "")
    tickets.set_status(ticket, new, by=actor())
    if new != "closed" or not request.form.get("leave"):
        return answer(ticket, is_read=True)
    following = request.form.get("next", 0, type=int)
    return onward(following) if following else leave(ticket)


@blueprint.get("/tickets/<int:number>/departments")
def department_menu(number: int) -> Any:
    """The menu of departments to move to, loaded when it is opened."""
    return render_template("ticket/_departments.html", ticket=load(number), place=Place.from_request(),
                           all_departments=departments.all_departments())


@blueprint.post("/tickets/<int:number>/department")
def move(number: int) -> Any:
    ticket = load(number)
    tickets.move(ticket, departments.get(request.form.get("department", 0, type=int)), by=actor())
    return answer(ticket) if permissions.sees(me(), ticket) else leave(ticket)


@blueprint.post("/tickets/<int:number>/subject")
def subject(number: int) -> Any:
    ticket = load(number)
    tickets.set_subject(ticket, request.form.get("subject", ""), by=actor())
    return answer(ticket)


@blueprint.post("/tickets/<int:number>/priority")
def priority(number: int) -> Any:
    ticket = load(number)
    tickets.set_priority(ticket, request.form.get("priority", ""), by=actor())
    return answer(ticket)


@blueprint.post("/tickets/<int:number>/tags/remove")
def untag(number: int) -> Any:
    ticket = load(number)
    tickets.untag(ticket, request.form.get("tag", ""), by=actor())
    return answer(ticket)


def spam_and_block(ticket: Ticket, *, by: Actor) -> None:
    """Into the spam folder, with all that its sender writes from now on."""
    _decide(ticket, "block", by)
    tickets.mark_spam(ticket, by=by)


def not_spam_and_allow(ticket: Ticket, *, by: Actor) -> None:
    """Out of the spam folder, and what its sender writes never goes there again."""
    _decide(ticket, "allow", by)
    tickets.mark_not_spam(ticket, by=by)


def _decide(ticket: Ticket, verdict: str, by: Actor) -> None:
    permissions.require(by, "spam", ticket)
    if ticket.customer.email:
        senders.decide(ticket.customer.email, verdict, by=by)


ACTS = {"wake": tickets.wake, "trash": tickets.trash, "restore": tickets.restore, "spam": tickets.mark_spam,
        "not-spam": tickets.mark_not_spam, "block": spam_and_block, "allow": not_spam_and_allow}


@blueprint.post("/tickets/<int:number>/<any(wake, trash, restore, spam, 'not-spam', block, allow):act>")
def simple_act(number: int, act: str) -> Any:
    """The acts that need nothing but a click."""
    ticket = load(number)
    ACTS[act](ticket, by=actor())
    return leave(ticket) if act in ("trash", "spam", "block") else answer(ticket)
