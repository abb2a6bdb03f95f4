"""What an answer does to its ticket as it goes out, and how that is taken back while the answer still can be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from inbox.core import events, macros, tickets
from inbox.core.events import Actor
from inbox.core.models import Agent, Event, Message, Tag, Ticket
from inbox.db import session

SNIPPET = 160
TOGETHER = ("status", "closed_at", "snoozed_until")  # one decision in three columns
EACH = ("assignee_id", "department_id", "priority", "waiting_since", "last_message_at", "snippet")


@dataclass(frozen=True)
class Wishes:
    """What becomes of the ticket once its answer goes out: a status, or put away until a time; `acts` of saved replies
    (see inbox.core.macros).
    """

    status: str | None = None
    snooze: dt.datetime | None = None
    acts: tuple[str, ...] = ()

    def kept(self) -> dict[str, Any]:
        """As JSON, for an answer that waits."""
        found = {"status": self.status, "snooze": self.snooze and self.snooze.isoformat(), "acts": list(self.acts)}
        return {name: value for name, value in found.items() if value}

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Wishes:
        snooze = kept.get("snooze")
        return cls(kept.get("status"), dt.datetime.fromisoformat(snooze) if snooze else None,
                   tuple(kept.get("acts", ())))


NOTHING_MORE = Wishes()


def snippet(text: str) -> str:
    """The beginning of a text on one line."""
    return " ".join(text[:SNIPPET * 4].split())[:SNIPPET]


def goes_out(ticket: Ticket, message: Message, wishes: Wishes, *, by: Actor) -> None:
    """A message leaves now, or as soon as nobody can undo it: the ticket is answered. Inside a transaction."""
    if message.kind == "reply" and not message.is_automatic:
        ticket.waiting_since = None
        ticket.last_message_at = message.at
        ticket.snippet = snippet(message.text)
        if ticket.assignee_id is None and by.agent is not None:
            tickets.assign(ticket, by.agent, by=by)
    events.record("reply_queued", by=by, ticket=ticket, message=message,
                  to=[each.address for each in message.recipients])
    macros.do(ticket, macros.read(wishes.acts), by=by)
    if wishes.status is not None:
        tickets.set_status(ticket, wishes.status, by=by)
    if wishes.snooze is not None:
        tickets.snooze(ticket, wishes.snooze, by=by)


# --- what it changed, and back ----------------------------------------------------------------------------------


def state_of(ticket: Ticket) -> dict[str, Any]:
    """How a ticket stands, as JSON: what an answer may change of it."""
    return {"ticket": ticket.id,
            "state": {name: _kept(getattr(ticket, name)) for name in (*TOGETHER, *EACH)},
            "tags": sorted(each.name for each in ticket.tags)}


def newest_event(ticket: Ticket) -> int:
    """The id of the last thing that happened to a ticket; 0 for nothing."""
    return session().scalar(sa.select(sa.func.max(Event.id)).where(Event.ticket_id == ticket.id)) or 0


def changes(ticket: Ticket, before: dict[str, Any], told: Iterable[Event]) -> dict[str, Any]:
    """What was changed since `before`, and the stored events that tell of it. As JSON, to be kept with the message."""
    after = state_of(ticket)
    return {"ticket": ticket.id, "events": sorted(each.id for each in told if each.ticket_id == ticket.id),
            "before": before["state"], "after": after["state"], "tags": [before["tags"], after["tags"]]}


def take_back(ticket: Ticket, changed: dict[str, Any]) -> None:
    """Put back what an answer did to its ticket, except what somebody has changed since. Inside a transaction."""
    if changed.get("ticket") != ticket.id:
        return  # the message is in another ticket by now
    before, after = changed["before"], changed["after"]

    def stands(names: tuple[str, ...]) -> bool:
        return all(_kept(getattr(ticket, name)) == after[name] for name in names)

    for names in (TOGETHER, *((name,) for name in EACH)):
        if stands(names):
            for name in names:
                setattr(ticket, name, _value(name, before[name]))
    if ticket.assignee_id is not None and session().get(Agent, ticket.assignee_id) is None:
        ticket.assignee_id = None
    _take_back_tags(ticket, *changed.get("tags", ((), ())))
    ticket.reshelve()
    session().flush()
    session().expire(ticket, ["assignee", "department"])


def _take_back_tags(ticket: Ticket, before: Sequence[str], after: Sequence[str]) -> None:
    """Without those that were put on, with those that were taken off."""
    kept = [each for each in ticket.tags if each.name not in after or each.name in before]
    missing = set(before) - set(after) - {each.name for each in kept}
    ticket.tags = [*kept, *session().scalars(sa.select(Tag).where(Tag.name.in_(missing)))] if missing else kept


def _kept(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.datetime) else value


def _value(name: str, kept: Any) -> Any:
    is_time = name.endswith(("_at", "_until", "_since")) and kept is not None
    return dt.datetime.fromisoformat(kept) if is_time else kept
