"""Taking in what a customer wrote: the one function that mail, forms and channels hand a message to.

In two steps. `plan()` asks plugins, on committed state and an unsaved ticket, outside of any transaction; `accept()`
writes ticket, message, search row and events, inside the caller's transaction, so that the ledger's fate is
stored together with what became of the message. `accept_many()` does so for several in the same statements.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inbox.core import customers, events, messages, outgoing_hold, search, tickets
from inbox.core.attachments import StoredFile
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import Customer, Department, Mailbox, Message, Reference, Ticket
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
    mailbox_id: int | None
    department_id: int
    target_id: int | None  # the ticket it joins; None: a new one
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
    return Plan(incoming, mailbox.id if mailbox is not None else None, home.id,
                target.id if target is not None else None, ticket, message, why or {}, folded)


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
    return accept_many([(plan, ledger_id)])[0]


def accept_many(plans: Sequence[tuple[Plan, int | None]]) -> list[Message]:
    """The same for several plans, each with its row in the ledger, which know nothing of each other: none answers
    another. A flush for each kind of row, however many there are."""
    if not in_transaction():
        raise RuntimeError("accept() belongs into the transaction that settles the message's fate.")
    steps = [_Step(plan, ledger_id) for plan, ledger_id in plans]
    _find_customers(steps)
    _find_tickets(steps)
    for step in steps:
        _say(step)
    session().flush()
    search.index_new({step.plan.message.id: step.plan.folded for step in steps})
    for step in steps:
        index_references(step.plan.message, step.plan.incoming.references)
        _move_on(step)
        events.put("message_received", by=step.by, ticket=step.ticket, message=step.plan.message, first=step.is_new,
                   automatic=step.plan.message.is_automatic)
    session().flush()
    return [step.plan.message for step in steps]


class _Step:
    """A plan while it is carried out."""

    customer: Customer
    ticket: Ticket
    by: Actor

    def __init__(self, plan: Plan, ledger_id: int | None) -> None:
        self.plan, self.ledger_id = plan, ledger_id
        self.is_new = plan.target_id is None


def _find_customers(steps: list[_Step]) -> None:
    for channel in dict.fromkeys(step.plan.incoming.channel for step in steps):
        these = [step for step in steps if step.plan.incoming.channel == channel]
        people = [(each.from_address if customers.is_address(each.from_address) else "", each.from_name)
                  for each in (step.plan.incoming for step in these)]
        for step, customer in zip(these, customers.find_or_create_many(people, by=Actor.system(channel)), strict=True):
            step.customer, step.by = customer, Actor.customer(customer, channel)
    if wrote := {step.plan.incoming.from_address for step in steps
                 if step.plan.incoming.from_address and not step.plan.incoming.is_automatic}:
        customers.heard_from(wrote)


def _find_tickets(steps: list[_Step]) -> None:
    """New ones, or those the messages join: read anew, for they may have been merged a moment ago."""
    new = [step for step in steps if step.is_new]
    for step, number in zip(new, tickets.next_numbers(len(new)) if new else (), strict=True):
        incoming, ticket = step.plan.incoming, step.plan.ticket or Ticket()
        tickets.fill(ticket, number, subject=incoming.subject, department_id=step.plan.department_id,
                     customer_id=step.customer.id, mailbox_id=step.plan.mailbox_id, channel=incoming.channel)
        _count_in(ticket, step.plan.message, is_new=True)
        step.ticket = ticket
        session().add(ticket)
    session().flush()
    for step in new:
        tickets.created(step.ticket, by=step.by)
    joined = [step for step in steps if not step.is_new]
    meant = tickets.kept({step.plan.target_id for step in joined if step.plan.target_id is not None})
    for step in joined:
        step.ticket = _still(step.plan, meant)
        if not step.plan.message.is_automatic:
            outgoing_hold.stop(step.ticket, by=step.by)


def _still(plan: Plan, meant: Mapping[int, Ticket]) -> Ticket:
    """The ticket a message was meant for, or the one it was merged into a moment ago."""
    target = meant.get(plan.target_id or 0)
    if target is None:
        raise NotFound()  # it was deleted for good a moment ago
    if target.merged_into_id is None:
        return target
    plan.message.why = {**plan.message.why, "merged": target.number}
    return session().get_one(Ticket, tickets.at_the_end_of(target.id))


def _say(step: _Step) -> None:
    message = step.plan.message
    message.ticket_id, message.customer_id, message.ledger_id = step.ticket.id, step.customer.id, step.ledger_id
    session().add(message)


def index_references(message: Message, references: Sequence[str]) -> None:
    """Keep the Message-IDs a message names, so that siblings meet. Inside a transaction."""
    kept = list(dict.fromkeys(references))
    if len(kept) > MAX_REFERENCES:
        kept = kept[:1] + kept[-(MAX_REFERENCES - 1):]
    session().add_all(Reference(message_pk=message.id, position=position, value=value, ticket_id=message.ticket_id)
                      for position, value in enumerate(kept))


def _count_in(ticket: Ticket, message: Message, *, is_new: bool) -> None:
    ticket.message_count = 1 if is_new else ticket.message_count + 1
    ticket.last_message_at = message.at if is_new else max(ticket.last_message_at, message.at)
    ticket.snippet = messages.snippet(message.text)
    if ticket.waiting_since is None and (is_new or not message.is_automatic):
        ticket.waiting_since = message.at


def _move_on(step: _Step) -> None:
    ticket, message = step.ticket, step.plan.message
    if not step.is_new:
        _count_in(ticket, message, is_new=False)
        tickets.touch(ticket)
        if message.is_automatic:
            return  # an out-of-office note or a bounce neither reopens a ticket nor makes it wait for us
    if ticket.trashed_at is not None:
        tickets.restore(ticket, by=Actor.system("mail"))
    if ticket.snoozed_until is not None:
        tickets.wake(ticket, by=step.by)
    elif ticket.status != "open":
        tickets.set_status(ticket, "open", by=step.by)
