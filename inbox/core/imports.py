"""Bringing in what is old: imports and how far they are, and old messages that become part of tickets.

Old mail makes no noise: its events are told to nobody, no ticket is opened again, nothing is answered or sent.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from inbox.core import audit, customers, events, mailboxes, messages, permissions, queue, search, tickets
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import IMPORT, Actor
from inbox.core.intake import Incoming, index_references
from inbox.core.models import Agent, Customer, Job, Mailbox, MailImport, Message, Recipient, Ticket
from inbox.db import fixed, session, transaction, utcnow

JOB = "mail.import"
KINDS = ("mbox", "maildir", "eml", "zip", "imap", "desk")
UNFINISHED = ("queued", "running")
BY_IMPORT = Actor.system(IMPORT)


# --- imports ------------------------------------------------------------------------------------------------------


def begin(*, by: Actor, kind: str, source: str, mailbox: Mailbox | None = None, since: dt.date | None = None,
          is_closed: bool = True, again: bool = False) -> MailImport:
    """Ask for an import; the worker does it. The same one that was stopped goes on where it was; with `again` the one
    that is under way is given back, if it is the same.

    Raises Invalid, NotAllowed.
    """
    permissions.require(by, "manage_owners")
    if kind not in KINDS:
        raise Invalid("kind", "Choose mbox, Maildir, a folder of .eml files, zip, a folder of the account, or a desk.")
    if kind != "desk" and mailbox is None:
        raise Invalid("mailbox_id", "Choose the mailbox whose old mail this is.")
    mine = mailbox.id if mailbox is not None else None
    same = sa.and_(MailImport.kind == kind, MailImport.source == source, MailImport.mailbox_id == mine)
    with transaction() as current:
        going = current.scalar(sa.select(MailImport).where(same, MailImport.state.in_(UNFINISHED)).limit(1))
        if going is not None and again:
            return going
        if current.scalar(sa.select(MailImport.id).where(MailImport.state.in_(UNFINISHED)).limit(1)) is not None or (
                current.scalar(sa.select(Job.id).where(Job.kind == JOB, Job.state == "running").limit(1)) is not None):
            raise Invalid("source", "An import is under way. Wait for its end, or stop it.")
        row = current.scalar(sa.select(MailImport).where(
            same, MailImport.state.in_(("stopped", "failed"))).order_by(MailImport.id.desc()).limit(1))
        if row is None or (row.since, row.is_closed) != (since, is_closed):
            row = MailImport(kind=kind, source=source, mailbox_id=mine, since=since, is_closed=is_closed,
                             agent_id=by.id if by.kind == "agent" else None, position=[], counts={})
            current.add(row)
        row.state, row.error, row.finished_at = "queued", None, None
        current.flush()
        queue.enqueue(JOB, {"import": row.id}, key=f"import:{row.id}")
        audit.note("import_changed", by=by, subject=f"{kind} {source}", changes={"state": (None, "begun")})
        return row


def get(import_id: int) -> MailImport:
    """An import. Raises NotFound."""
    row = session().get(MailImport, import_id, populate_existing=True)
    if row is None:
        raise NotFound()
    return row


def newest(limit: int = 20) -> list[MailImport]:
    """The last imports, newest first."""
    return list(session().scalars(sa.select(MailImport).order_by(MailImport.id.desc()).limit(limit)))


def stop(row: MailImport, *, by: Actor) -> None:
    """End an import after the message in hand. It can go on later."""
    permissions.require(by, "manage_owners")
    with transaction():
        if row.state in UNFINISHED:
            row.state = "stopped"
            audit.note("import_changed", by=by, subject=f"{row.kind} {row.source}",
                       changes={"state": (None, "stopped")})


def go_on(row: MailImport, *, by: Actor) -> None:
    """Go on where an import was stopped or failed."""
    begin(by=by, kind=row.kind, source=row.source, since=row.since, is_closed=row.is_closed,
          mailbox=session().get(Mailbox, row.mailbox_id) if row.mailbox_id is not None else None)


def finish(row: MailImport, error: str | None = None) -> None:
    """All of it is here, or it cannot go on."""
    with transaction():
        row.state, row.error, row.finished_at = ("failed" if error else "done"), error, utcnow()
        if not error:
            row.done_part = 1.0
            events.record("mail_imported", by=BY_IMPORT, what=row.kind, counts=row.counts)


def exported(*, by: Actor) -> None:
    """Somebody takes the whole desk out. Raises NotAllowed."""
    permissions.require(by, "manage_owners")
    with transaction():
        events.record("desk_exported", by=by)


def is_stopped(import_id: int) -> bool:
    """True when somebody stopped it, or threw its row away."""
    return session().scalar(sa.select(MailImport.state).where(MailImport.id == import_id)) not in UNFINISHED


# --- an old message -------------------------------------------------------------------------------------------------


def accept(incoming: Incoming, *, mailbox: Mailbox, target: Ticket | None, why: dict[str, Any], ledger_id: int,
           is_closed: bool) -> Message:
    """An old message becomes part of a ticket, of its own or of `target`. In the caller's transaction.

    What was written from one of our own addresses becomes a reply that was sent.
    """
    ours = mailboxes.own_addresses()
    is_own = customers.normalise_address(incoming.from_address) in ours
    at = incoming.at or utcnow()
    customer = _customer(incoming, target, ours, is_own)
    ticket = target or _open(incoming, mailbox, customer, is_closed, at)
    message = _reply(incoming, ours) if is_own else Message(
        kind="received", state="stored", author_kind="customer", customer_id=customer.id,
        addressed=incoming.addressed)
    message.ticket_id, message.ledger_id, message.at, message.why = ticket.id, ledger_id, at, why
    message.subject = tickets.clean_subject(incoming.subject)
    message.text, message.text_quoted = incoming.text, incoming.text_quoted
    message.html, message.html_quoted, message.needs_frame = incoming.html, incoming.html_quoted, incoming.needs_frame
    message.from_name, message.from_address = incoming.from_name, incoming.from_address
    message.message_id, message.fingerprint = incoming.message_id, incoming.fingerprint
    message.is_automatic, message.defects = incoming.is_automatic and not is_own, list(incoming.defects)
    message.extra = {**incoming.extra, "unanswerable": "It was imported."}
    messages.attach(message, incoming.files)
    session().add(message)
    session().flush()
    index_references(message, incoming.references)
    search.index(message.id, search.text_of(
        incoming.subject, f"{incoming.text}\n{incoming.text_quoted}", incoming.from_name, incoming.from_address))
    _count_in(ticket, message)
    if not is_own:
        events.record("message_received", by=Actor("customer", customer.id, IMPORT), ticket=ticket, message=message,
                      first=target is None, automatic=message.is_automatic)
    return message


def _customer(incoming: Incoming, target: Ticket | None, ours: set[str], is_own: bool) -> Customer:
    if is_own and target is not None:
        return session().get_one(Customer, target.customer_id)
    address, name = incoming.from_address, incoming.from_name
    if is_own:
        people = [each for role in ("to", "cc") for each in incoming.addressed.get(role, [])]
        other = next((each for each in people if customers.normalise_address(each["address"]) not in ours), None)
        address, name = (other["address"], other["name"]) if other is not None else ("", "")
    return customers.find_or_create(address if customers.is_address(address) else "", name, by=BY_IMPORT)


def _open(incoming: Incoming, mailbox: Mailbox, customer: Customer, is_closed: bool, at: dt.datetime) -> Ticket:
    like = Ticket(status="closed" if is_closed else "open", priority="normal", is_spam=incoming.is_spam)
    ticket = tickets.create(by=BY_IMPORT, subject=incoming.subject, department=mailbox.department, customer=customer,
                            channel=incoming.channel, mailbox_id=mailbox.id, like=like)
    ticket.created_at = ticket.last_message_at = at
    if is_closed:
        ticket.closed_at = at
    return ticket


def _reply(incoming: Incoming, ours: set[str]) -> Message:
    author = session().scalar(sa.select(Agent).where(
        Agent.email == customers.normalise_address(incoming.from_address)))
    message = Message(kind="reply", state="sent", author_kind="agent", agent_id=author.id if author else None,
                      sent_at=incoming.at or utcnow(), addressed={})
    message.recipients = [
        Recipient(message_kind="reply", role=role, name=each["name"], address=each["address"], state="sent")
        for role in ("to", "cc") for each in incoming.addressed.get(role, [])
        if customers.normalise_address(each["address"]) not in ours]
    return message


def _count_in(ticket: Ticket, message: Message) -> None:
    """The ticket's sums. Neither its status nor who waits for whom is changed by what is old."""
    ticket.message_count += 1
    ticket.created_at = min(ticket.created_at, message.at)
    if message.at >= ticket.last_message_at:
        ticket.last_message_at, ticket.snippet = message.at, messages.snippet(message.text)
        if ticket.status == "open":
            ticket.waiting_since = message.at if message.kind == "received" else None
        if ticket.closed_at is not None and ticket.closed_at < message.at and message.why.get("imported"):
            ticket.closed_at = message.at
    tickets.touch(ticket)
    session().flush()


def progress_of(row: MailImport) -> int:
    """How much is done, in percent."""
    return 100 if row.state == "done" else min(99, int(row.done_part * 100))


def take_up() -> None:
    """An import whose job was lost (a restored backup, a job given up) gets another."""
    if session().scalar(sa.select(Job.id).where(
            Job.kind == JOB, Job.state.in_((fixed("queued"), fixed("running")))).limit(1)) is not None:
        return
    for import_id in session().scalars(sa.select(MailImport.id).where(MailImport.state.in_(UNFINISHED))).all():
        with transaction():
            queue.enqueue(JOB, {"import": import_id}, key=f"import:{import_id}")
