"""What an agent's answer to a notification mail becomes: a reply to the customer, or a note.

Who may answer is decided by the notification that a token names (see `inbox.mail.answers`), never by a sender address.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from inbox.core import messages, permissions, settings
from inbox.core.attachments import StoredFile
from inbox.core.errors import Stale
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Agent, Event, Notification, Ticket
from inbox.db import session, transaction, utcnow

LASTS = dt.timedelta(days=30)
REPLIED = ("ticket_created", "ticket_assigned", "message_received", "reply_queued")  # told of these one may reply
NOTED = ("note_added",)


def becomes(event: Event, agent: Agent, ticket: Ticket | None) -> str:
    """What an agent's answer to the mail about an event becomes: `reply`, `note`, or '' (it has no address)."""
    kind = "note" if event.kind in NOTED else "reply" if event.kind in REPLIED else ""
    is_on = bool(kind) and ticket is not None and bool(settings.get("mail.answers"))
    return kind if is_on and permissions.may(agent, kind, ticket) else ""


def is_over(notification: Notification) -> bool:
    """True when its address takes no answers any more."""
    return notification.at + LASTS < utcnow()


def take(notification: Notification, ticket: Ticket, agent: Agent, kind: str, text: str, *,
         files: Sequence[StoredFile], message_id: str | None, ledger_id: int,
         settle: Callable[[int], str]) -> str:
    """Store an answer in its ticket and use up its address; `settle` writes the fate, in the same transaction.

    Raises Stale when the address is used already, and whatever `messages.reply` and `messages.note` raise.
    """
    by = Actor.of(agent, "mail")
    with transaction() as current:
        used = current.execute(
            sa.update(Notification).where(Notification.id == notification.id, Notification.answered_at.is_(None))
            .values(answered_at=utcnow(), answered_with=message_id), execution_options={"synchronize_session": False})
        if used.rowcount != 1:  # type: ignore[attr-defined]
            raise Stale("This address was used already.")
        write = messages.note if kind == "note" else messages.reply
        message = write(ticket, Body(text), by=by, files=files)
        message.ledger_id, message.why = ledger_id, {"by": "answer"}
        return settle(ticket.id)


def of(notification_id: int) -> tuple[Notification, Agent | None, Ticket | None] | None:
    """A notification mail about a ticket, with whom it was sent to and what it is about."""
    found = session().get(Notification, notification_id)
    if found is None or found.way != "mail" or found.ticket_id is None:
        return None
    return found, session().get(Agent, found.agent_id), session().get(Ticket, found.ticket_id)
