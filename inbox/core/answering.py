"""What an answer does to its ticket as it goes out, and how that is taken back while the answer still can be."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from inbox.core import events, tickets
from inbox.core.events import Actor
from inbox.core.models import Agent, Event, Message, Ticket
from inbox.db import session

SNIPPET = 160
TOGETHER = ("status", "closed_at", "snoozed_until")  # one decision in three columns
EACH = ("assignee_id", "waiting_since", "last_message_at", "snippet")


@dataclass(frozen=True)
class Wishes:
    """What becomes of the ticket once its answer goes out: a status, or put away until a time."""

    status: str | None = None
    snooze: dt.datetime | None = None

    def kept(self) -> dict[str, str]:
        """As JSON, for an answer that waits."""
        return {name: value if isinstance(value, str) else value.isoformat()
                for name, value in (("status", self.status), ("snooze", self.snooze)) if value is not None}

    @classmethod
    def of(cls, kept: dict[str, str]) -> Wishes:
        snooze = kept.get("snooze")
        return cls(kept.get("status"), dt.datetime.fromisoformat(snooze) if snooze else None)


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
    session().flush()
    events.record("reply_queued", by=by, ticket=ticket, message=message,
                  to=[each.address for each in message.recipients])
    if wishes.status is not None:
        tickets.set_status(ticket, wishes.status, by=by)
    if wishes.snooze is not None:
        tickets.snooze(ticket, wishes.snooze, by=by)


# --- what it changed, and back ----------------------------------------------------------------------------------


def state_of(ticket: Ticket) -> dict[str, Any]:
    """How a ticket stands, as JSON: what an answer may change of it, and which event was its newest."""
    return {"ticket": ticket.id, "event": newest_event(ticket),
            "state": {name: _kept(getattr(ticket, name)) for name in (*TOGETHER, *EACH)}}


def newest_event(ticket: Ticket) -> int:
    """The id of the last thing that happened to a ticket; 0 for nothing."""
    return session().scalar(sa.select(sa.func.max(Event.id)).where(Event.ticket_id == ticket.id)) or 0


def changes(ticket: Ticket, before: dict[str, Any], *, by: Actor) -> dict[str, Any]:
    """What was changed since `before`, and the events that tell of it. As JSON, to be kept with the message."""
    session().flush()
    told = session().scalars(sa.select(Event.id).where(
        Event.ticket_id == ticket.id, Event.id > before["event"], Event.actor_kind == by.kind, Event.actor_id == by.id))
    return {"ticket": ticket.id, "events": sorted(told),
            "before": before["state"], "after": state_of(ticket)["state"]}


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
    ticket.reshelve()
    session().flush()
    session().expire(ticket, ["assignee"])


def _kept(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.datetime) else value


def _value(name: str, kept: Any) -> Any:
    is_time = name.endswith(("_at", "_until", "_since")) and kept is not None
    return dt.datetime.fromisoformat(kept) if is_time else kept
