"""Tells a customer that the message arrived: once a ticket, never to a machine, in the site owner's own words.

Off until `auto_reply.on` is set, for the site or for one mailbox, and `auto_reply.text` holds something.
"""

from __future__ import annotations

import datetime as dt

from inbox.toolkit import Body, Message, Ticket, hookimpl, me, messages, settings, spend, transaction, why_not_answer

PER_ADDRESS, WITHIN = 5, dt.timedelta(days=1)


@hookimpl
def ticket_created(ticket: Ticket, message: Message) -> None:
    text = _text_for(ticket)
    if not text or ticket.is_spam or ticket.trashed_at is not None or why_not_answer(message):
        return
    body = Body(text)
    with transaction():
        if any(each.is_automatic and each.kind == "reply" for each in messages.thread(ticket)):
            return  # told of the same event before
        to = messages.recipients_for_reply(ticket)
        if to and spend(f"auto_reply:{to[0].address.lower()}", PER_ADDRESS, WITHIN):
            messages.reply(ticket, body, by=me(), to=to[:1], automatic=True)


def _text_for(ticket: Ticket) -> str:
    """The site owner's words with `{number}`, `{subject}` and `{name}` filled in; empty when it is off."""
    scope = f"mailbox:{ticket.mailbox_id}" if ticket.mailbox_id else settings.SITE
    chosen = settings.get_all(["auto_reply.on", "auto_reply.text"], scope)
    text = str(chosen["auto_reply.text"]).strip() if chosen["auto_reply.on"] else ""
    known = {"{number}": str(ticket.number), "{subject}": ticket.subject, "{name}": ticket.customer.name}
    for mark, value in known.items():
        text = text.replace(mark, value)
    return text.strip()
