"""What a saved reply does beside its text: acts on the ticket that are done when the answer goes out.

An act is written `kind:value`: `status:closed`, `tag:refund`, `assign:7` (an agent, `me`, or nothing for nobody).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from inbox.core import agents, departments, permissions, tickets
from inbox.core.errors import CoreError, Invalid
from inbox.core.events import Actor
from inbox.core.models import PRIORITIES, STATUSES, Ticket

ABILITY = {"department": "move", "tag": "tag", "untag": "tag", "priority": "change", "assign": "assign",
           "status": "change", "snooze": "change"}
KINDS = tuple(ABILITY)
"""In the order they are done: who may be assigned hangs on the department, and a closed ticket cannot be snoozed."""
SNOOZES = {"hours": "in 3 hours", "tomorrow": "tomorrow morning", "days": "in 3 days", "monday": "monday morning",
           "week": "in 1 week", "month": "in 1 month"}
"""How long a ticket can be put away, as `inbox.core.times` understands it."""
MOST = 20


@dataclass(frozen=True)
class Act:
    """One thing to do with a ticket."""

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


def read(written: Iterable[str]) -> list[Act]:
    """Acts as they are written, checked: one of a kind, but for tags. Raises Invalid."""
    found: dict[str, Act] = {}
    for line in written:
        kind, _, value = line.partition(":")
        act = Act(kind, _checked(kind, value.strip()))
        found[str(act) if kind in ("tag", "untag") else kind] = act
    if len(found) > MOST:
        raise Invalid("actions", "That is too much for one saved reply.")
    return sorted(found.values(), key=lambda act: KINDS.index(act.kind))


def _checked(kind: str, value: str) -> str:
    if kind in ("tag", "untag"):
        return tickets.clean_tag(value)
    is_good = {"status": value in STATUSES, "priority": value in PRIORITIES, "snooze": value in SNOOZES,
               "assign": value in ("", "me") or _is_id(value), "department": _is_id(value)}
    if not is_good.get(kind):
        raise Invalid("actions", "This is nothing a saved reply can do.")
    return value


def _is_id(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) < 16


def possible(acts: Iterable[Act], by: Actor) -> list[Act]:
    """Those of the acts that somebody may do."""
    return [act for act in acts if by.agent is None or permissions.may(by.agent, ABILITY[act.kind])]


def do(ticket: Ticket, acts: Iterable[Act], *, by: Actor, until: Callable[[str], dt.datetime] | None = None,
       what_can_be: bool = False) -> None:
    """Do what was asked for, in the transaction of the answer. `until` says when a snooze such as `tomorrow` ends.

    Raises Invalid, NotAllowed: then the answer does not go out either, and a person drops what cannot be done. With
    `what_can_be` (nobody is there to ask) the rest is done.
    """
    for act in sorted(acts, key=lambda act: KINDS.index(act.kind)):
        try:
            _do(ticket, act, by, until)
        except CoreError:
            if not what_can_be:
                raise


def _do(ticket: Ticket, act: Act, by: Actor, until: Callable[[str], dt.datetime] | None) -> None:
    if act.kind == "department":
        tickets.move(ticket, departments.get(int(act.value)), by=by)
    elif act.kind == "tag":
        tickets.tag(ticket, act.value, by=by)
    elif act.kind == "untag":
        tickets.untag(ticket, act.value, by=by)
    elif act.kind == "priority":
        tickets.set_priority(ticket, act.value, by=by)
    elif act.kind == "assign":
        _assign(ticket, act.value, by)
    elif act.kind == "status":
        tickets.set_status(ticket, act.value, by=by)
    elif act.kind == "snooze" and until is not None:
        tickets.snooze(ticket, until(act.value), by=by)


def _assign(ticket: Ticket, whom: str, by: Actor) -> None:
    assignee = by.agent if whom == "me" else agents.by_id(int(whom)) if whom else None
    if whom and (assignee is None or not assignee.is_active):
        raise Invalid("agent", "There is no such agent.")
    tickets.assign(ticket, assignee, by=by)
