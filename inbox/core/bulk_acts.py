"""What can be done to many tickets at once: each act, what it changes of a ticket, and how that goes back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from inbox.core import departments, tickets
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import STATUSES, Agent, Department, Ticket
from inbox.db import session, utcnow

Args = Mapping[str, Any]
STATE = ("status", "snoozed_until", "closed_at", "waiting_since")


@dataclass(frozen=True)
class Act:
    """`read` checks what a form sends and makes arguments of it that can be stored; `run` does it to one ticket.

    `keeps` names the columns it changes; `tags` stands for the one tag it is about.
    """

    ability: str
    run: Callable[[Ticket, Args, Actor], None]
    keeps: tuple[str, ...]
    read: Callable[[str], dict[str, Any]] = lambda value: {}


def _agent(value: str) -> dict[str, Any]:
    chosen = session().get(Agent, int(value)) if value.isdigit() else None
    if value and (chosen is None or not chosen.is_active):
        raise Invalid("value", "There is no such agent.")
    return {"agent": chosen.id if chosen else None}


def _status(value: str) -> dict[str, Any]:
    if value not in STATUSES:
        raise Invalid("value", "A ticket is open, pending or closed.")
    return {"status": value}


def _department(value: str) -> dict[str, Any]:
    return {"department": departments.get(int(value) if value.isdigit() else 0).id}


def _until(value: str) -> dict[str, Any]:
    until = dt.datetime.fromisoformat(value)
    if until <= utcnow():
        raise Invalid("until", "Choose a time that is still to come.")
    return {"until": until.isoformat()}


def _tag(value: str) -> dict[str, Any]:
    return {"tag": tickets.clean_tag(value)}


def _assign(ticket: Ticket, args: Args, by: Actor) -> None:
    tickets.assign(ticket, session().get(Agent, args["agent"]) if args["agent"] else None, by=by)


def _move(ticket: Ticket, args: Args, by: Actor) -> None:
    department = session().get(Department, args["department"])
    if department is None:
        raise NotFound()
    tickets.move(ticket, department, by=by)


ACTS: dict[str, Act] = {
    "assign": Act("assign", _assign, ("assignee_id",), _agent),
    "status": Act("change", lambda ticket, args, by: tickets.set_status(ticket, args["status"], by=by), STATE, _status),
    "snooze": Act("change", lambda ticket, args, by: tickets.snooze(
        ticket, dt.datetime.fromisoformat(args["until"]), by=by), STATE, _until),
    "wake": Act("change", lambda ticket, args, by: tickets.wake(ticket, by=by), STATE),
    "tag": Act("tag", lambda ticket, args, by: tickets.tag(ticket, args["tag"], by=by), ("tags",), _tag),
    "untag": Act("tag", lambda ticket, args, by: tickets.untag(ticket, args["tag"], by=by), ("tags",), _tag),
    "move": Act("move", _move, ("department_id", "assignee_id"), _department),
    "spam": Act("spam", lambda ticket, args, by: tickets.mark_spam(ticket, by=by), ("is_spam",)),
    "not_spam": Act("spam", lambda ticket, args, by: tickets.mark_not_spam(ticket, by=by), ("is_spam",)),
    "trash": Act("trash", lambda ticket, args, by: tickets.trash(ticket, by=by), ("trashed_at",)),
    "restore": Act("trash", lambda ticket, args, by: tickets.restore(ticket, by=by), ("trashed_at",)),
}


def kept(ticket: Ticket, act: Act, args: Args) -> dict[str, Any]:
    """What a ticket is like before the act, as far as the act changes it."""
    found: dict[str, Any] = {}
    for name in act.keeps:
        value = (args["tag"] in {each.name for each in ticket.tags}) if name == "tags" else getattr(ticket, name)
        found[name] = value.isoformat() if isinstance(value, dt.datetime) else value
    return found


def put_back(ticket: Ticket, act: Act, args: Args, before: Mapping[str, Any], by: Actor) -> None:
    """Make a ticket again what it was, through the same doors, so that events are recorded. Raises CoreError."""
    if "tags" in act.keeps:
        (tickets.tag if before["tags"] else tickets.untag)(ticket, args["tag"], by=by)
    if "is_spam" in act.keeps:
        (tickets.mark_spam if before["is_spam"] else tickets.mark_not_spam)(ticket, by=by)
    if "trashed_at" in act.keeps:
        (tickets.trash if before["trashed_at"] else tickets.restore)(ticket, by=by)
    if "department_id" in act.keeps:
        _move(ticket, {"department": before["department_id"]}, by)
    if "assignee_id" in act.keeps:
        _assign(ticket, {"agent": before["assignee_id"]}, by)
    if "status" in act.keeps:
        _put_back_state(ticket, before, by)


def _put_back_state(ticket: Ticket, before: Mapping[str, Any], by: Actor) -> None:
    """Status and snooze; who waited since when goes back with them."""
    until = _time(before["snoozed_until"])
    tickets.set_status(ticket, before["status"], by=by)
    if until is not None and until > utcnow() and before["status"] != "closed":
        tickets.snooze(ticket, until, by=by)
    ticket.closed_at, ticket.waiting_since = _time(before["closed_at"]), _time(before["waiting_since"])


def _time(value: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(value) if value else None
