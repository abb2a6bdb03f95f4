"""Answers that wait before they go out: for some seconds, so that they can be undone, or for a time that was chosen.

Such a message is `queued`, with `send_after` in the future, and remembers in `extra["held"]` what sending it meant, so
that it can become the same draft again. Whoever is first decides: the worker that claims it, or the person who takes
it back; both ask the row, under lock. From the first attempt on nothing is remembered, and nothing can be undone.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any

import sqlalchemy as sa

from inbox.core import answering, events, macros, permissions, queue, search, settings, tickets
from inbox.core.answering import Wishes
from inbox.core.errors import Invalid, NotFound, Stale
from inbox.core.events import Actor
from inbox.core.models import Agent, Message, Recipient, Ticket
from inbox.db import current_config, fixed, session, transaction, utcnow

GRACE = dt.timedelta(seconds=3)  # the hold lasts longer than undo is offered, so that a late click still wins
OFFERED = dt.timedelta(seconds=15)  # how long undo is offered for what is to go out at a chosen time
TOO_LATE = "It is on its way already."
TAKEN_BACK = "This was taken back already."


@dataclass(frozen=True)
class Wait:
    """Until when a message waits. `later`: until a time that a person chose, else for as long as it can be undone."""

    until: dt.datetime
    later: bool = False


def for_undo() -> Wait | None:
    """As long as the desk holds what agents send; None where it goes out at once."""
    seconds = min(int(settings.get("mail.hold")), current_config().max_hold)
    return Wait(utcnow() + dt.timedelta(seconds=seconds)) if seconds > 0 else None


def until(moment: dt.datetime) -> Wait:
    """Until a time that is still to come. Raises Invalid."""
    if moment <= utcnow():
        raise Invalid("later", "Choose a time that is still to come.")
    return Wait(moment, later=True)


@dataclass
class Held:
    """What a waiting message remembers; kept as JSON."""

    later: bool = False
    wishes: Wishes = field(default_factory=Wishes)
    changed: dict[str, Any] = field(default_factory=dict)  # see inbox.core.answering
    passed_on: list[int] = field(default_factory=list)  # attachments that a forward took from the message it passes on

    def kept(self) -> dict[str, Any]:
        return {"later": self.later, "wishes": self.wishes.kept(), "changed": self.changed, "passed_on": self.passed_on}

    @classmethod
    def of(cls, message: Message) -> Held | None:
        """What a message remembers while it waits, else None."""
        return cls.left_in(message) if message.state == "queued" else None

    @classmethod
    def left_in(cls, message: Message) -> Held | None:
        """The same, whatever its state."""
        kept = (message.extra or {}).get("held")
        return cls(kept["later"], Wishes.of(kept["wishes"]), kept["changed"], kept["passed_on"]) if kept else None


def remember(message: Message, held: Held) -> None:
    """Let a message wait: from now on it can be taken back."""
    message.extra = {**(message.extra or {}), "held": held.kept()}


def forget(message: Message) -> None:
    """It is tried now, or was tried: what comes after cannot be undone."""
    if "held" in (message.extra or {}):
        message.extra = {key: value for key, value in message.extra.items() if key != "held"}


def shown_until(message: Message) -> dt.datetime | None:
    """Until when undo is offered for what was sent just now; None for what cannot be undone."""
    held = Held.of(message)
    if held is None or held.later or message.send_after is None:
        return None
    return max(message.send_after - GRACE, message.at)


def can_undo(message: Message, agent: Agent) -> bool:
    """True while what an agent has sent just now can be undone by that agent."""
    held = Held.of(message)
    return held is not None and not held.later and message.agent_id == agent.id


def waits_for_later(message: Message) -> bool:
    """True for what is to go out at a time that was chosen."""
    held = Held.of(message)
    return held is not None and held.later


def enqueue(message: Message) -> None:
    """The job that sends a message at its time. Each time is a job of its own: one from before finds nothing to do."""
    at = message.send_after or utcnow()
    queue.add("mail.send", {"message": message.id}, key=f"send:{message.id}:{at.timestamp():.3f}", run_at=at)


# --- by a person ------------------------------------------------------------------------------------------------


def undo(message_pk: int, *, by: Actor) -> Message:
    """Take back what was sent just now, or waits for its time: the same draft again, and the ticket as it was.

    Raises Stale when it is on its way already, NotFound, NotAllowed.
    """
    with transaction():
        message, held = _waiting(message_pk, by)
        if not held.later and (by.agent is None or message.agent_id != by.agent.id):
            raise NotFound()
        return _back_to_draft(message, held, by=by, why="later" if held.later else "")


def send_now(message_pk: int, *, by: Actor) -> Message:
    """Send what waits for its time. Raises as `undo`."""
    with transaction():
        message, held = _waiting(message_pk, by)
        if held.later:
            message.send_after = utcnow()
            enqueue(message)
            tickets.touch(session().get_one(Ticket, message.ticket_id))
        return message


def _waiting(message_pk: int, by: Actor) -> tuple[Message, Held]:
    message = session().get(Message, message_pk, with_for_update=True, populate_existing=True)
    if message is None or message.ticket_id is None:
        raise NotFound()
    permissions.require(by, "reply", message)
    held = Held.of(message)
    if held is None:
        raise Stale(TAKEN_BACK if message.state == "draft" else TOO_LATE)
    return message, held


# --- by what happens --------------------------------------------------------------------------------------------


def leaves(message: Message) -> bool:
    """A worker has claimed a message: nobody can take it back any more. Inside the transaction of the claim.

    What waited for its time answers its ticket now. False when it must not go: its ticket was thrown away meanwhile,
    and the message is a draft again.
    """
    held = Held.left_in(message)
    if held is None or not held.later:
        forget(message)
        return True
    ticket = session().get_one(Ticket, message.ticket_id)
    if ticket.trashed_at is not None or ticket.is_spam:
        _back_to_draft(message, held, by=Actor.system("schedule"), why="thrown_away")
        return False
    forget(message)
    message.at = utcnow()
    author = session().get(Agent, message.agent_id) if message.agent_id is not None else None
    may = permissions.may(author, "reply", ticket) and permissions.may(author, "change", ticket)
    by = Actor.of(author) if author is not None and may else Actor.system("schedule")
    is_over = held.wishes.snooze is not None and held.wishes.snooze <= utcnow()
    wishes = replace(held.wishes, snooze=None if is_over else held.wishes.snooze, acts=())
    answering.goes_out(ticket, message, wishes, by=by)
    macros.do(ticket, macros.read(held.wishes.acts), by=by, what_can_be=True)
    return True


def stop(ticket: Ticket, *, by: Actor) -> None:
    """A customer has written: what waits for its time in this ticket is a draft again, for its author to look at."""
    for message in session().scalars(sa.select(Message).where(
            Message.ticket_id == ticket.id, Message.state == fixed("queued")).with_for_update()):
        held = Held.of(message)
        if held is not None and held.later:
            known = answering.newest_event(ticket)
            draft = _back_to_draft(message, held, by=by, why="answered")
            draft.extra = {**draft.extra, "overtaken": known}


# --- a draft again ----------------------------------------------------------------------------------------------


def _back_to_draft(message: Message, held: Held, *, by: Actor, why: str) -> Message:
    """The message as it was before it was sent. What its author has begun since stands below it."""
    ticket = session().get_one(Ticket, message.ticket_id)
    begun = session().scalar(sa.select(Message).where(
        Message.ticket_id == ticket.id, Message.agent_id == message.agent_id, Message.kind == message.kind,
        Message.state == fixed("draft")))
    message.attachments = [each for each in message.attachments if each.id not in held.passed_on]
    if begun is not None:
        _add(message, begun)
    to = [each.address for each in message.recipients]
    message.extra = {**(message.extra or {}).get("typed", {}),
                     **{role: _typed(message.recipients, role) for role in ("to", "cc", "bcc")
                        if _typed(message.recipients, role)}}
    message.recipients = []
    message.state, message.send_after, message.subject, message.error = "draft", None, "", None
    message.version += 1
    message.at = utcnow()
    search.remove([message.id])
    if held.changed:
        answering.take_back(ticket, held.changed)
    ticket.message_count -= 1
    tickets.touch(ticket)
    session().flush()
    events.record("reply_undone", by=by, ticket=ticket, message=message, agent=message.agent_id, why=why, to=to,
                  undoes=held.changed.get("events", []))
    return message


def _add(message: Message, begun: Message) -> None:
    """There is one draft a person, ticket and kind: the words begun since come to stand below, with their files."""
    if begun.text.strip():
        if message.html is not None or begun.html is not None:
            message.html = f"{_html(message)}<div><br></div>{_html(begun)}"
        message.text = f"{message.text}\n\n{begun.text}"
        message.needs_frame = message.needs_frame or begun.needs_frame
    for each in list(begun.attachments):
        message.attachments.append(each)
    session().flush()
    session().delete(begun)
    session().flush()


def _html(message: Message) -> str:
    plain = escape(message.text).replace("\n", "<br>")
    return message.html if message.html is not None else f"<div>{plain}</div>"


def _typed(recipients: list[Recipient], role: str) -> str:
    """Recipients as an agent would have typed them."""
    return ", ".join(
        f"{each.name} <{each.address}>" if each.name and not set(each.name) & set('",;<>') else each.address
        for each in recipients if each.role == role)
