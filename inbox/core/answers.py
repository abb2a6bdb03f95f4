"""What an agent's answer to a notification mail becomes: a reply to the customer, or a note.

Who may answer is decided by the notification that a token names (see `inbox.mail.answers`), never by a sender address.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence

import sqlalchemy as sa

from inbox.core import circuits, drafts, messages, permissions, settings, words
from inbox.core.attachments import StoredFile
from inbox.core.errors import Invalid, Stale
from inbox.core.events import Actor
from inbox.core.messages import Body, Sending
from inbox.core.models import Agent, Event, Notification, Ticket
from inbox.core.overtaken import Overtaken
from inbox.db import current_config, session, transaction, utcnow

LASTS = dt.timedelta(days=30)
REPLIED = ("ticket_created", "ticket_assigned", "message_received", "reply_queued")  # told of these one may reply
NOTED = ("note_added",)
WAITS = "Somebody wrote in this ticket after you were told. Your answer waits there as a draft."


def become(event: Event, agents: Collection[Agent], ticket: Ticket | None) -> dict[int, str]:
    """What each agent's answer to the mail about an event becomes: `reply`, `note`, or '' (it has no address)."""
    kind = "note" if event.kind in NOTED else "reply" if event.kind in REPLIED else ""
    is_on = bool(kind and agents) and ticket is not None and bool(settings.get("mail.answers"))
    return {agent.id: kind if is_on and permissions.may(agent, kind, ticket) else "" for agent in agents}


def is_over(notification: Notification) -> bool:
    """True when its address takes no answers any more."""
    return notification.at + LASTS < utcnow()


def take(notification: Notification, ticket: Ticket, agent: Agent, kind: str, text: str, *,
         files: Sequence[StoredFile], message_id: str | None, ledger_id: int,
         settle: Callable[[int, bool], str]) -> str:
    """Store an answer in its ticket and use up its address. `settle` writes the fate, in the same transaction: it is
    given the ticket, and whether the answer was sent. When somebody wrote in the ticket after the agent was told, it is
    kept as the agent's draft, and the agent is told.

    Raises Stale when the address is used already, and whatever `messages.reply` and `messages.note` raise.
    """
    by = Actor.of(agent, "mail")
    known = _known(notification, ticket)
    try:
        with transaction():
            _use_up(notification, message_id)
            if kind == "note":
                message = messages.note(ticket, Body(text), by=by, files=files)
            else:
                message = messages.reply(ticket, Body(text), by=by, files=files, how=Sending(known=known))
            message.ledger_id, message.why = ledger_id, {"by": "answer"}
            return settle(ticket.id, True)
    except Overtaken:
        with transaction():
            _use_up(notification, message_id)
            _keep_as_draft(ticket, text, files, known, by=by)
            tell(agent, ticket, WAITS)
            return settle(ticket.id, False)


def _use_up(notification: Notification, message_id: str | None) -> None:
    used = session().execute(
        sa.update(Notification).where(Notification.id == notification.id, Notification.answered_at.is_(None))
        .values(answered_at=utcnow(), answered_with=message_id), execution_options={"synchronize_session": False})
    if used.rowcount != 1:  # type: ignore[attr-defined]
        raise Stale("This address was used already.")


def _known(notification: Notification, ticket: Ticket) -> int:
    """The newest event of the ticket when the agent was told."""
    return session().scalar(sa.select(sa.func.max(Event.id)).where(
        Event.ticket_id == ticket.id, Event.at <= notification.at)) or notification.event_id


def _keep_as_draft(ticket: Ticket, text: str, files: Sequence[StoredFile], known: int, *, by: Actor) -> None:
    assert by.agent is not None
    if drafts.of(ticket, by.agent, "reply") is not None:
        raise Invalid("draft", "Somebody wrote in the ticket meanwhile, and the agent has a draft there already.")
    draft = drafts.save(by=by, kind="reply", body=Body(text), ticket=ticket, extra={"overtaken": known})
    if files:
        drafts.add_files(draft, files, by=by)


def tell(agent: Agent, ticket: Ticket, why: str) -> None:
    """Mail an agent whose answer did not go out, and why (a sentence in English). Inside a transaction."""
    catalogue = words.for_agent(agent)
    subject = catalogue.gettext("Your answer in #%(number)s did not go out") % {"number": ticket.number}
    said = words.say(why, agent.locale or str(settings.get("desk.locale")))
    circuits.post(agent.email, subject, f"{said}\n\n{current_config().public_url}/tickets/{ticket.number}\n",
                  name=agent.name, ticket_id=ticket.id)


def of(notification_id: int) -> tuple[Notification, Agent | None, Ticket | None] | None:
    """A notification mail about a ticket, with whom it was sent to and what it is about."""
    found = session().get(Notification, notification_id)
    if found is None or found.way != "mail" or found.ticket_id is None:
        return None
    return found, session().get(Agent, found.agent_id), session().get(Ticket, found.ticket_id)
