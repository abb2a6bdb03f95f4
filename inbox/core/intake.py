"""Taking in what a customer wrote: the one function that mail, forms and channels hand a message to.

In two steps. `plan()` asks plugins, on committed state and an unsaved ticket, outside of any transaction; `accept()`
writes ticket, message, search row and events, inside the caller's transaction, so that the ledger's fate is
stored together with what became of the message.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from inbox.core import customers, events, messages, outgoing_hold, search, tickets
from inbox.core.attachments import StoredFile
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Department, Mailbox, Message, Reference, Ticket
from inbox.db import in_transaction, session, utcnow
from inbox.plugin_host import call

MAX_REFERENCES = 100


@dataclass
class Incoming:
    """A message from outside, parsed and sanitised, with its files already in the blob store."""

    subject: str
    from_address: str  # empty: unknown sender, nothing is ever sent back
    from_name: str = ""
    text: str = ""  # the visible part
    text_quoted: str = ""
    text_signature: str = ""
    html: str | None = None  # sanitised
    html_quoted: str | None = None
    html_signature: str | None = None
    needs_frame: bool = False
    message_id: str | None = None  # without <>
    references: Sequence[str] = ()  # In-Reply-To and References, without <>
    addressed: dict[str, Any] = field(default_factory=dict)  # to, cc, reply_to: lists of {address, name}
    files: Sequence[StoredFile] = ()
    fingerprint: str = ""
    at: dt.datetime | None = None  # when it arrived; None: now
    is_automatic: bool = False  # joins its ticket without reopening it; never answered automatically
    is_spam: bool = False
    defects: Sequence[str] = ()
    extra: dict[str, Any] = field(default_factory=dict)  # facts for plugins: header importance, authentication …
    channel: str = "mail"


@dataclass
class Plan:
    """What is going to happen to an incoming message; made by `plan`, carried out by `accept`."""

    incoming: Incoming
    mailbox: Mailbox | None
    department: Department
    target: Ticket | None
    ticket: Ticket | None  # unsaved, prepared by plugins, when a new one is to be opened
    message: Message  # unsaved
    why: dict[str, Any]
    folded: str


def plan(incoming: Incoming, *, mailbox: Mailbox | None, target: Ticket | None = None,
         department: Department | None = None, why: dict[str, Any] | None = None) -> Plan:
    """Decide and ask plugins; stores nothing. `target` is the ticket it belongs to, None opens one.

    Raises RuntimeError inside a transaction, Invalid without mailbox and department.
    """
    if in_transaction():
        raise RuntimeError("Plugins are asked before a write begins, never inside one.")
    home = department or (mailbox.department if mailbox is not None else None)
    if home is None:
        raise Invalid("department", "A message needs a mailbox or a department.")
    message = _message(incoming, why or {})
    ticket = None
    if target is None:
        ticket = Ticket(subject=tickets.clean_subject(incoming.subject), status="open", priority="normal",
                        is_spam=incoming.is_spam, channel=incoming.channel, department_id=home.id)
        call.prepare("prepare_ticket", ticket, message=message)
    folded = search.text_of(incoming.subject, search.all_of(incoming), incoming.from_name, incoming.from_address)
    return Plan(incoming, mailbox, home, target, ticket, message, why or {}, folded)


def _message(incoming: Incoming, why: dict[str, Any]) -> Message:
    message = Message(
        kind="received", state="stored", author_kind="customer", is_automatic=incoming.is_automatic,
        subject=tickets.clean_subject(incoming.subject), text=incoming.text, text_quoted=incoming.text_quoted,
        text_signature=incoming.text_signature, html=incoming.html, html_quoted=incoming.html_quoted,
        html_signature=incoming.html_signature, needs_frame=incoming.needs_frame,
        from_name=incoming.from_name, from_address=incoming.from_address, addressed=incoming.addressed,
        message_id=incoming.message_id, fingerprint=incoming.fingerprint, why=why, defects=list(incoming.defects),
        at=incoming.at or utcnow(), extra=incoming.extra)
    messages.attach(message, incoming.files)
    return message


def accept(plan: Plan, *, ledger_id: int | None = None) -> Message:
    """Carry out a plan, in the caller's transaction. Returns the stored message (`message.ticket_id` says where)."""
    if not in_transaction():
        raise RuntimeError("accept() belongs into the transaction that settles the message's fate.")
    incoming, message = plan.incoming, plan.message
    customer = customers.find_or_create(incoming.from_address if customers.is_address(incoming.from_address) else "",
                                        incoming.from_name, by=Actor.system(incoming.channel))
    if not incoming.is_automatic and incoming.from_address:
        customers.heard_from(incoming.from_address)
    by = Actor.customer(customer, incoming.channel)
    is_new = plan.target is None
    ticket = _still(plan.target, message) if plan.target is not None else tickets.create(
        by=by, subject=incoming.subject, department=plan.department, customer=customer, channel=incoming.channel,
        mailbox_id=plan.mailbox.id if plan.mailbox else None, like=plan.ticket)
    if not is_new and not message.is_automatic:
        outgoing_hold.stop(ticket, by=by)
    message.ticket_id, message.customer_id, message.ledger_id = ticket.id, customer.id, ledger_id
    session().add(message)
    session().flush()
    index_references(message, incoming.references)
    search.index(message.id, plan.folded)
    _move_on(ticket, message, by, is_new=is_new)
    events.record("message_received", by=by, ticket=ticket, message=message, first=is_new,
                  automatic=message.is_automatic)
    return message


def _still(target: Ticket, message: Message) -> Ticket:
    """The ticket a message was meant for, or the one it was merged into a moment ago."""
    ticket_id = tickets.at_the_end_of(target.id)
    if ticket_id == target.id:
        return target
    message.why = {**message.why, "merged": target.number}
    return session().get_one(Ticket, ticket_id)


def index_references(message: Message, references: Sequence[str]) -> None:
    """Keep the Message-IDs a message names, so that siblings meet. Inside a transaction."""
    kept = list(dict.fromkeys(references))
    if len(kept) > MAX_REFERENCES:
        kept = kept[:1] + kept[-(MAX_REFERENCES - 1):]
    session().add_all(Reference(message_pk=message.id, position=position, value=value, ticket_id=message.ticket_id)
                      for position, value in enumerate(kept))


def _move_on(ticket: Ticket, message: Message, by: Actor, *, is_new: bool) -> None:
    ticket.message_count += 1
    ticket.last_message_at = max(ticket.last_message_at, message.at) if not is_new else message.at
    ticket.snippet = messages.snippet(message.text)
    tickets.touch(ticket)
    if message.is_automatic and not is_new:
        return  # an out-of-office note or a bounce neither reopens a ticket nor makes it wait for us
    if ticket.waiting_since is None:
        ticket.waiting_since = message.at
    if ticket.trashed_at is not None:
        tickets.restore(ticket, by=Actor.system("mail"))
    if ticket.snoozed_until is not None:
        tickets.wake(ticket, by=by)
    elif ticket.status != "open":
        tickets.set_status(ticket, "open", by=by)
    session().flush()
