"""The life of a reply on its way out: queued → sending → sent, failed, bounced, or unknown.

`inbox.mail.deliver` talks to servers; here are only the facts. Every attempt is recorded and committed before SMTP
begins, so that a crash leaves a trace a person can see instead of a silent second copy.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from inbox.core import events, permissions, queue, tickets
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Customer, CustomerAddress, Message, Recipient, SendAttempt, Ticket
from inbox.db import session, transaction, utcnow

OUTCOMES = ("sent", "refused", "later", "unknown")


def begin(message_pk: int, *, message_id: str) -> SendAttempt | None:
    """Claim a queued message for sending and record the attempt. None when it is not to be sent (any more)."""
    with transaction() as current:
        claimed = current.execute(
            sa.update(Message).where(Message.id == message_pk, Message.state == "queued",
                                     Message.send_after <= utcnow()).values(state="sending"))
        if claimed.rowcount != 1:  # type: ignore[attr-defined]
            return None
        message = current.get(Message, message_pk, populate_existing=True)
        if message is not None and message.message_id is None:  # a second attempt keeps the first one's
            message.message_id = message_id
        attempt = SendAttempt(message_pk=message_pk)
        current.add(attempt)
        current.flush()
        return attempt


def handed_over(attempt: SendAttempt) -> None:
    """The text of the message is about to go over the line: from here on a crash means "nobody knows"."""
    with transaction():
        attempt.outcome = "handed"


def finish(attempt: SendAttempt, outcome: str, response: str = "", *, refused: dict[str, str] | None = None,
           retry_at: dt.datetime | None = None) -> None:
    """Record how an attempt ended. `response` is the server's words; `refused` maps addresses to theirs.

    `later` queues the message again for `retry_at`; `unknown` waits for a person. Raises Invalid for other outcomes.
    """
    if outcome not in OUTCOMES:
        raise Invalid("outcome", f"An attempt ends as one of {', '.join(OUTCOMES)}.")
    refused = refused or {}
    with transaction() as current:
        message = current.get(Message, attempt.message_pk)
        if message is None:
            return  # its ticket was purged meanwhile
        attempt.outcome, attempt.response, attempt.finished_at = outcome, response[:2000], utcnow()
        message.error = response[:2000] if outcome != "sent" else None
        if outcome == "later":
            _queue_again(message, retry_at or utcnow())
            return
        for recipient in message.recipients:
            failed = outcome == "refused" or recipient.address in refused
            if recipient.state == "queued":
                recipient.state = "unknown" if outcome == "unknown" else "failed" if failed else "sent"
                recipient.error = refused.get(recipient.address) or (response[:2000] if failed else None)
        _settle(message)


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


def recover() -> int:
    """After a crash: messages left in `sending` go back to the queue, or to "unknown" when the text may have left.

    Called by the worker that starts, under the lease of the send lane. Returns how many were found.
    """
    left = session().scalars(sa.select(Message.id).where(Message.state == "sending")).all()
    for message_pk in left:
        attempt = session().scalar(sa.select(SendAttempt).where(SendAttempt.message_pk == message_pk)
                                   .order_by(SendAttempt.id.desc()).limit(1))
        if attempt is None:
            continue
        if attempt.outcome == "handed":
            finish(attempt, "unknown", "The program ended while the message was being handed over. "
                                       "It may have been sent.")
        elif attempt.outcome == "started":
            finish(attempt, "later", "The program ended before the message was handed over.")
    return len(left)


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


def bounced(message: Message, address: str, reason: str) -> bool:
    """A delivery report says that a recipient did not get a message. True when that recipient is known."""
    from inbox.core.customers import normalise_address

    with transaction() as current:
        wanted = normalise_address(address)
        hit = [each for each in message.recipients if normalise_address(each.address) == wanted]
        for recipient in hit:
            recipient.state, recipient.error = "bounced", reason[:2000]
        if hit:
            message.state, message.error = "bounced", reason[:2000]
            current.execute(sa.update(CustomerAddress).where(
                CustomerAddress.kind == "mail", CustomerAddress.normalised == wanted).values(bounced_at=utcnow()))
            ticket = current.get(Ticket, message.ticket_id)
            events.record("reply_bounced", by=Actor.system("mail"), ticket=ticket, message=message,
                          address=address, reason=reason[:300])
            _changed(message)
        return bool(hit)


def recipients_left(message: Message) -> list[Recipient]:
    """Those who are still to get it."""
    return [each for each in message.recipients if each.state == "queued"]


def customer_name(message: Message) -> str:
    """The name of the customer of the message's ticket, for the quote line."""
    ticket = session().get(Ticket, message.ticket_id)
    customer = session().get(Customer, ticket.customer_id) if ticket else None
    return customer.display_name if customer else ""
