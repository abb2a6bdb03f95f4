"""The life of a reply on its way out: queued → sending → sent, failed, bounced, or unknown.

`inbox.mail.deliver` talks to servers; here are only the facts. Every attempt is recorded and committed before SMTP
begins, so that a crash leaves a trace a person can see instead of a silent second copy.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from inbox.core import events, outgoing_hold, permissions, queue, tickets
from inbox.core.customers import normalise_address
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import CustomerAddress, Message, Recipient, SendAttempt, Ticket
from inbox.db import fixed, session, transaction, utcnow

OUTCOMES = ("sent", "refused", "later", "unknown")


def begin(message_pk: int, *, message_id: str | None) -> SendAttempt | None:
    """Claim a queued message for sending and record the attempt. None when it is not to be sent (any more).

    `message_id` is stored unless the message has one already: a second attempt carries the Message-ID of the first.
    """
    with transaction() as current:
        claimed = current.execute(
            sa.update(Message).where(Message.id == message_pk, Message.state == "queued",
                                     Message.send_after <= utcnow()).values(state="sending"))
        if claimed.rowcount != 1:  # type: ignore[attr-defined]
            return None
        message = current.get(Message, message_pk, populate_existing=True)
        if message is not None and not outgoing_hold.leaves(message):
            return None
        if message is not None and message.message_id is None:  # a second attempt keeps the first one's
            message.message_id = message_id
        attempt = SendAttempt(message_pk=message_pk)
        current.add(attempt)
        current.flush()
        return attempt


def handed_over(attempt: SendAttempt) -> bool:
    """The text of the message is about to go over the line: from here on a crash means "nobody knows".

    False when the attempt was settled meanwhile, by a process that took this one for dead: do not send then.
    """
    with transaction() as current:
        marked = current.execute(
            sa.update(SendAttempt).where(SendAttempt.id == attempt.id, SendAttempt.outcome == "started")
            .values(outcome="handed"))
        return bool(marked.rowcount == 1)  # type: ignore[attr-defined]


def finish(attempt: SendAttempt, outcome: str, response: str = "", *, refused: dict[str, str] | None = None,
           delayed: dict[str, str] | None = None, retry_at: dt.datetime | None = None) -> None:
    """Record how an attempt ended. `response` is the server's words; `refused` and `delayed` map addresses to theirs.

    `later`, and `sent` with `delayed` recipients, queue the message again for `retry_at`, for those who have not got
    it; `unknown` waits for a person. Raises Invalid for other outcomes.
    """
    if outcome not in OUTCOMES:
        raise Invalid("outcome", f"An attempt ends as one of {', '.join(OUTCOMES)}.")
    refused, delayed = refused or {}, delayed or {}
    with transaction() as current:
        message = current.get(Message, attempt.message_pk)
        if message is None:
            return  # its ticket was purged meanwhile
        attempt.outcome, attempt.response, attempt.finished_at = outcome, response[:2000], utcnow()
        message.error = next(iter(delayed.values()), response)[:2000] if outcome != "sent" or delayed else None
        for recipient in recipients_left(message):
            words = refused.get(recipient.address) or delayed.get(recipient.address) or response
            recipient.state = _state_after(outcome, recipient.address, refused, delayed)
            recipient.error = None if recipient.state == "sent" else words[:2000]
        if recipients_left(message):
            _queue_again(message, retry_at or utcnow())
        else:
            _settle(message)


def _state_after(outcome: str, address: str, refused: dict[str, str], delayed: dict[str, str]) -> str:
    """What an attempt means for one recipient who was still to get the message."""
    if address in refused or outcome == "refused":
        return "failed"
    if outcome == "later" or (outcome == "sent" and address in delayed):
        return "queued"
    # Nothing is tried again by itself while it is unknown who got it.
    return "failed" if address in delayed else outcome


def _queue_again(message: Message, at: dt.datetime) -> None:
    message.state, message.send_after = "queued", at
    queue.enqueue("mail.send", {"message": message.id}, key=f"send:{message.id}:{at.timestamp():.0f}", run_at=at)
    _changed(message)


def _settle(message: Message) -> None:
    """The message's state follows from its recipients'; the event tells."""
    states = {each.state for each in message.recipients}
    by = Actor.system("mail")
    ticket = session().get(Ticket, message.ticket_id)
    if "unknown" in states:
        message.state = "unknown"
    elif "bounced" in states:
        message.state = "bounced"
    elif "failed" in states:
        message.state = "failed"
        message.error = next((each.error for each in message.recipients if each.error), message.error)
    else:
        message.state = "sent"
        message.sent_at = utcnow()
    if "sent" in states and message.sent_at is None:
        message.sent_at = utcnow()
    kind = "reply_sent" if message.state == "sent" else "reply_failed"
    events.record(kind, by=by, ticket=ticket, message=message, state=message.state)
    _changed(message)


def _changed(message: Message) -> None:
    ticket = session().get(Ticket, message.ticket_id)
    if ticket is not None:
        tickets.touch(ticket)


def left_behind(message: Message) -> SendAttempt | None:
    """The attempt that a process which has ended left unfinished, of a message in state `sending`."""
    if message.state != "sending":
        return None
    return session().scalar(
        sa.select(SendAttempt).where(SendAttempt.message_pk == message.id, SendAttempt.finished_at.is_(None))
        .order_by(SendAttempt.id.desc()).limit(1))


def tries(message: Message) -> int:
    """How many attempts in a row ended with "later"; a person who sends it again starts anew."""
    count = 0
    ended = sa.select(SendAttempt.outcome).where(SendAttempt.message_pk == message.id,
                                                 SendAttempt.finished_at.is_not(None))
    for outcome in session().scalars(ended.order_by(SendAttempt.id.desc())):
        if outcome != "later":
            break
        count += 1
    return count


def forgotten(before: dt.datetime, limit: int = 200) -> list[int]:
    """Messages that should have been sent before that time and still wait or hang, whatever became of their jobs."""
    return list(session().scalars(
        sa.select(Message.id).where(Message.state.in_((fixed("queued"), fixed("sending"))), Message.send_after < before)
        .order_by(Message.send_after).limit(limit)))


def send_again(message_pk: int) -> None:
    """Queue the job of a message once more; a job that waits or runs already stays the only one."""
    with transaction():
        queue.enqueue("mail.send", {"message": message_pk}, key=f"send:{message_pk}")


def retry(message: Message, *, by: Actor) -> None:
    """Send a failed or unknown message again, to those who have not got it. A person decides this."""
    permissions.require(by, "reply", message)
    with transaction():
        if message.state not in ("failed", "unknown", "bounced"):
            raise Invalid("message", "Only a message that failed can be sent again.")
        for recipient in message.recipients:
            if recipient.state != "sent":
                recipient.state, recipient.error = "queued", None
        message.error = None
        outgoing_hold.forget(message)
        _queue_again(message, utcnow())


def mark_sent(message: Message, *, by: Actor) -> None:
    """A person knows that an "unknown" message arrived."""
    permissions.require(by, "reply", message)
    with transaction():
        if message.state != "unknown":
            raise Invalid("message", "Only a message that may have been sent can be marked as sent.")
        for recipient in message.recipients:
            if recipient.state == "unknown":
                recipient.state = "sent"
        message.error = None
        _settle(message)


def bounced(message: Message, address: str, reason: str, *, kind: str = "hard", permanent: bool = True) -> bool:
    """A delivery report says that a recipient did not get a message, or not yet. True when that recipient is known.

    `kind`: hard, soft, full, blocked. Only an address that is wrong for good is marked as one that does not work.
    """
    with transaction() as current:
        hit = _recipients_at(message, address)
        for recipient in hit:
            recipient.bounce, recipient.error = kind, reason[:2000]
            if permanent:
                recipient.state = "bounced"
        if hit and permanent:
            message.state, message.error = "bounced", reason[:2000]
            if kind == "hard":
                _avoid(address)
            ticket = current.get(Ticket, message.ticket_id)
            events.record("reply_bounced", by=Actor.system("mail"), ticket=ticket, message=message,
                          address=address, reason=reason[:300], sort=kind)
        if hit:
            _changed(message)
        return bool(hit)


def complained(message: Message, address: str) -> bool:
    """A provider says that a recipient called a message spam (RFC 5965). True when that recipient is known."""
    with transaction() as current:
        hit = _recipients_at(message, address)
        for recipient in hit:
            recipient.bounce = "complaint"
        if hit:
            _avoid(address)
            events.record("reply_called_spam", by=Actor.system("mail"), ticket=current.get(Ticket, message.ticket_id),
                          message=message, address=address)
            _changed(message)
        return bool(hit)


def _recipients_at(message: Message, address: str) -> list[Recipient]:
    wanted = normalise_address(address)
    return [each for each in message.recipients if normalise_address(each.address) == wanted]


def _avoid(address: str) -> None:
    """No machine writes to an address any more until somebody writes from it."""
    session().execute(sa.update(CustomerAddress).where(
        CustomerAddress.kind == "mail", CustomerAddress.normalised == normalise_address(address))
        .values(bounced_at=utcnow()))


def recipients_left(message: Message) -> list[Recipient]:
    """Those who are still to get it."""
    return [each for each in message.recipients if each.state == "queued"]
