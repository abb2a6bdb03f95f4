"""What is said in a ticket: replies, notes, forwards. Drafts and sending have their own files beside this one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload, lazyload
from sqlalchemy.orm.attributes import set_committed_value

from inbox.core import (
    answering,
    circuits,
    customers,
    events,
    following,
    mailboxes,
    outgoing_hold,
    overtaken,
    passing_on,
    permissions,
    search,
    tickets,
)
from inbox.core.answering import NOTHING_MORE, Wishes, snippet
from inbox.core.attachments import StoredFile
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import (
    Agent,
    Attachment,
    Customer,
    Department,
    Event,
    Mailbox,
    Message,
    Recipient,
    Ticket,
)
from inbox.core.outgoing_hold import Held, Wait
from inbox.db import fixed, one_plan, session, transaction, utcnow

MAX_RECIPIENTS = 100


@dataclass(frozen=True)
class Body:
    """What an agent wrote: plain text always, sanitised HTML perhaps (the edges sanitise; the core knows no HTML)."""

    text: str
    html: str | None = None
    needs_frame: bool = False


@dataclass(frozen=True)
class Address:
    """A recipient: role `to`, `cc` or `bcc`."""

    role: str
    address: str
    name: str = ""


def get(message_pk: int, agent: Agent) -> Message:
    """A message the agent may see. Raises NotFound."""
    message = session().get(Message, message_pk)
    if message is None or not permissions.sees(agent, message):
        raise NotFound()
    return message


def thread(ticket: Ticket, *, with_drafts: bool = False) -> list[Message]:
    """A ticket's messages, oldest first, with authors, attachments and recipients.

    Drafts are not among them unless asked for (a page needs both, in one query): those of all who write here.
    """
    rows = session().execute(_thread(with_drafts), {"ticket_id": ticket.id}).unique().all()
    _load_files({message.id: message for message, has_files in rows if has_files})
    for message, has_files in rows:
        if not has_files:
            set_committed_value(message, "attachments", [])
    return [message for message, _ in rows]


def _load_files(theirs: Mapping[int, Message]) -> None:
    """The attachments of messages that have some: most threads have none, and are not asked about. Joined like the
    recipients, a message with many of both would come once for each pair."""
    files: dict[int, list[Attachment]] = defaultdict(list)
    if theirs:
        of_them = sa.select(Attachment).where(Attachment.message_pk.in_(theirs)).order_by(Attachment.id)
        for each in session().scalars(of_them):
            files[each.message_pk].append(each)
    for message_pk, message in theirs.items():
        set_committed_value(message, "attachments", files[message_pk])


@cache
def _thread(with_drafts: bool) -> sa.Select[Message, bool]:
    # A LIMIT, for PostgreSQL may answer EXISTS for a few messages by reading all attachments into a hash.
    one_file = sa.select(Attachment.id).where(Attachment.message_pk == Message.id).limit(fixed(1)).scalar_subquery()
    has_files = one_file.is_not(None).label("has_files")
    shown = sa.true() if with_drafts else Message.state != "draft"
    theirs = sa.select(Message, has_files).where(Message.ticket_id == sa.bindparam("ticket_id"), shown)
    return one_plan(theirs.order_by(Message.at, Message.id).options(
        joinedload(Message.agent).lazyload(Agent.memberships),
        joinedload(Message.customer).lazyload(Customer.addresses), joinedload(Message.recipients),
        lazyload(Message.attachments)))


def _last_received(ticket: Ticket, among: Sequence[Message] | None, with_sender: bool = False) -> Any:
    """What a person wrote last: its from_address, from_name, addressed, why; None when nobody has."""
    if among is None:
        return session().execute(_last(with_sender), {"ticket_id": ticket.id}).first()
    return next((each for each in reversed(among) if each.kind == "received" and not each.is_automatic
                 and (each.from_address or not with_sender)), None)


@cache
def _last(with_sender: bool) -> sa.Select[*tuple[Any, ...]]:
    return (sa.select(Message.from_address, Message.from_name, Message.addressed, Message.why).where(
        Message.ticket_id == sa.bindparam("ticket_id"), Message.kind == "received", Message.is_automatic.is_(False),
        *([Message.from_address != ""] if with_sender else []))
        .order_by(Message.at.desc(), Message.id.desc()).limit(1))


def recipients_for_reply(ticket: Ticket, among: Sequence[Message] | None = None) -> list[Address]:
    """Whom a plain reply goes to: who wrote last (their Reply-To, if any), else the customer's first address.

    `among` is the ticket's thread where it is loaded already; a page needs no query then.
    """
    last = _last_received(ticket, among, with_sender=True)
    if last is not None and (said := (last.why or {}).get("written_for")):  # an agent said whose it is
        return [Address("to", said["address"], said.get("name", ""))]
    if last is not None:
        given = [Address("to", each["address"], each.get("name", "")) for each in last.addressed.get("reply_to", [])]
        return given or [Address("to", last.from_address, last.from_name)]
    customer = session().get(Customer, ticket.customer_id)
    return [Address("to", customer.email, customer.name)] if customer is not None and customer.email else []


def others_in(ticket: Ticket, among: Sequence[Message] | None = None) -> list[Address]:
    """Whom "reply all" adds: To and Cc of the last received message without ourselves and without its sender.

    `among` is the ticket's thread where it is loaded already.
    """
    last = _last_received(ticket, among)
    if last is None or len(last.addressed.get("to", [])) + len(last.addressed.get("cc", [])) < 2:
        return []
    ours = mailboxes.own_addresses()
    known = ours | {customers.normalise_address(each.address) for each in recipients_for_reply(ticket, among)}
    found: dict[str, Address] = {}
    for each in [*last.addressed.get("to", []), *last.addressed.get("cc", [])]:
        normal = customers.normalise_address(each["address"])
        if normal not in known:
            found.setdefault(normal, Address("cc", each["address"], each.get("name", "")))
    return list(found.values())


@dataclass(frozen=True)
class Sending:
    """How an answer is sent: `wishes` for its ticket, until when it waits, the newest event its author knew, and what
    its draft kept beside words, files and recipients, should it become one again.
    """

    wishes: Wishes = NOTHING_MORE
    wait: Wait | None = None
    known: int | None = None
    typed: Mapping[str, Any] = field(default_factory=dict)


AT_ONCE = Sending()


def reply(ticket: Ticket, body: Body, *, by: Actor, to: Sequence[Address] | None = None,
          files: Sequence[StoredFile] = (), status: str | None = None, draft: Message | None = None,
          automatic: bool = False, how: Sending = AT_ONCE) -> Message:
    """Answer the customer: the message is stored and queued to be sent.

    `to` holds every recipient with its role; None means `recipients_for_reply`. `status` is set after sending
    ("send and close"). With `draft`, that row becomes the reply and brings its files. An unassigned ticket goes to
    the agent who answers. What no agent writes counts against the budgets of automatic mail; beyond them it is stored
    as failed, with the reason, for a person to send. Raises Overtaken when somebody was faster (`how.known`), Invalid
    (no recipient, empty text), NotFound, NotAllowed.
    """
    permissions.require(by, "reply", ticket)
    if status is not None:
        how = replace(how, wishes=replace(how.wishes, status=status))
    return _send(ticket, "reply", body, by=by, to=recipients_for_reply(ticket) if to is None else to, files=files,
                 draft=draft, automatic=automatic, how=how)


def forward(ticket: Ticket, body: Body, *, by: Actor, to: Sequence[Address], files: Sequence[StoredFile] = (),
            draft: Message | None = None, about: Sequence[Message] | None = None, how: Sending = AT_ONCE) -> Message:
    """Send the matter to somebody else; their answer joins this ticket. The files of what is passed on go along.

    `about`: the messages that are passed on, else the last one that came in.
    """
    permissions.require(by, "reply", ticket)
    passed = passing_on.chosen(ticket, "") if about is None else about
    return _send(ticket, "forward", body, by=by, to=to, files=files, draft=draft, how=how, about=passed)


def _send(ticket: Ticket, kind: str, body: Body, *, by: Actor, to: Sequence[Address], files: Sequence[StoredFile],
          draft: Message | None = None, automatic: bool = False, how: Sending = AT_ONCE,
          about: Sequence[Message] = ()) -> Message:
    check_body(body)
    recipients = check_recipients(to)
    folded = search.text_of(ticket.subject, body.text, *(each.address for each in recipients))
    with transaction(), events.noted() as told:
        overtaken.check(ticket, how.known, by=by)
        by_machine = automatic or by.agent is None
        refused = circuits.hold_back([each.address for each in recipients], ticket_id=ticket.id,
                                     answers=circuits.newest_words(ticket)) if by_machine else None
        before = answering.state_of(ticket) if how.wait is not None else None
        beside = ({"passes_on": [each.id for each in about]} if about else {}) | (
            {"typed": dict(how.typed)} if how.typed and how.wait is not None else {})
        message = _store(ticket, kind, body, by=by, files=files, draft=draft, state="failed" if refused else "queued",
                         is_automatic=automatic, error=refused, subject=_current_subject(ticket), extra=beside,
                         send_after=how.wait.until if how.wait is not None else utcnow(), recipients=[
                             Recipient(message_kind=kind, role=each.role, name=each.name, address=each.address,
                                       error=refused, state="failed" if refused else "queued") for each in recipients])
        passed_on = _pass_on(message, about)
        _index(message, folded, is_new=draft is None)
        if refused and how.wishes.status is not None:
            tickets.set_status(ticket, how.wishes.status, by=by)
        elif not refused:
            _let_go(ticket, message, how, by, Held(passed_on=passed_on), before, told)
        return message


def _let_go(ticket: Ticket, message: Message, how: Sending, by: Actor, held: Held, before: dict[str, Any] | None,
            told: Iterable[Event]) -> None:
    """Queue it. Its ticket is answered now, unless it waits for a time that was chosen."""
    if how.wait is not None and how.wait.later:
        held.later, held.wishes = True, how.wishes
        events.record("reply_scheduled", by=by, ticket=ticket, message=message, until=how.wait.until.isoformat())
    else:
        answering.goes_out(ticket, message, how.wishes, by=by)
        held.changed = answering.changes(ticket, before, told) if before is not None else {}
    if how.wait is not None:
        outgoing_hold.remember(message, held)
    outgoing_hold.enqueue(message)


def _pass_on(message: Message, about: Sequence[Message]) -> list[int]:
    """Attach the files of what is passed on; returns their ids."""
    if not about:
        return []
    own = {each.id for each in message.attachments}
    attach(message, passing_on.files(about))
    session().flush()
    return [each.id for each in message.attachments if each.id not in own]


def _current_subject(ticket: Ticket) -> str:
    """What the matter is called now: a customer who goes on under another subject looks for the answer there."""
    last = _last_received(ticket, None)
    why = (last.why if last is not None else None) or {}
    return tickets.clean_subject(why["subject"]) if why.get("subject") else ticket.subject


def note(ticket: Ticket, body: Body, *, by: Actor, files: Sequence[StoredFile] = (),
         draft: Message | None = None) -> Message:
    """Leave a note that only agents see; it can never be mailed (the database refuses recipients for it). Whom it
    mentions (`@Kari`) follows the ticket."""
    permissions.require(by, "note", ticket)
    check_body(body)
    folded = search.text_of(ticket.subject, body.text)
    called = following.mentioned(body.text, following.who_see(ticket)) if "@" in body.text else []
    with transaction():
        message = _store(ticket, "note", body, by=by, files=files, draft=draft, state="stored")
        _index(message, folded, is_new=draft is None)
        mentioned = following.call_in(message, called, by=by)
        more: dict[str, Any] = {"mentioned": mentioned} if mentioned else {}
        events.record("note_added", by=by, ticket=ticket, message=message, **more)
        return message


def open_ticket(*, by: Actor, department: Department, customer: Customer, subject: str, body: Body, mail_it: bool,
                to: Sequence[Address] | None = None, files: Sequence[StoredFile] = (),
                draft: Message | None = None, assignee: Agent | None = None, tags: Sequence[str] = (),
                how: Sending = AT_ONCE) -> Ticket:
    """An agent opens a ticket: with mail to the customer, or with a note for one. Raises Invalid, NotAllowed."""
    permissions.require(by, "open_ticket", department)
    check_body(body)
    if not subject.strip():
        raise Invalid("subject", "A ticket needs a subject.")
    if to is None:
        to = [Address("to", customer.email, customer.name)] if customer.email else []
    if mail_it:
        permissions.require(by, "reply", department)
        check_recipients(to)
    with transaction():
        ticket = tickets.create(by=by, subject=subject, department=department, customer=customer,
                                channel="agent" if by.source == "web" else by.source, mailbox_id=mailbox_of(department))
        if assignee is not None:
            tickets.assign(ticket, assignee, by=by)
        for name in tags:
            tickets.tag(ticket, name, by=by)
        if mail_it:
            reply(ticket, body, by=by, to=to, files=files, draft=draft, how=how)
        else:
            note(ticket, body, by=by, files=files, draft=draft)
            ticket.snippet = snippet(body.text)
        return ticket


def mailbox_of(department: Department) -> int | None:
    """The mailbox a department writes from: its own choice, else the first one that feeds it."""
    return department.mailbox_id or session().scalar(
        sa.select(Mailbox.id).where(Mailbox.department_id == department.id, Mailbox.is_active).order_by(Mailbox.id))


def _store(ticket: Ticket, kind: str, body: Body, *, by: Actor, files: Sequence[StoredFile], draft: Message | None,
           state: str, **more: Any) -> Message:
    """Insert the message, or turn its draft into it, and move the ticket on. `more`: columns of the message."""
    if tickets.at_the_end_of(ticket.id) != ticket.id:
        raise Invalid("ticket", "This ticket was merged into another one. Write there.")
    message = draft if draft is not None else Message(recipients=[], attachments=[])  # a new one has none to ask for
    if draft is not None and (draft.state != "draft" or by.agent is None or draft.agent_id != by.agent.id):
        raise Invalid("draft", "This draft has been sent or discarded already.")
    message.ticket_id, message.kind, message.state = ticket.id, kind, state
    message.author_kind = "agent" if by.kind == "agent" else "system"
    message.agent_id = by.id if by.kind == "agent" else None
    message.subject = ticket.subject
    message.text, message.html, message.needs_frame = body.text, body.html, body.needs_frame
    message.extra, message.at = {}, utcnow()
    for name, value in more.items():
        setattr(message, name, value)
    attach(message, files)
    session().add(message)
    session().flush()
    ticket.message_count += 1  # written with what else becomes of it
    tickets.touch(ticket)
    return message


def _index(message: Message, folded: str, *, is_new: bool) -> None:
    if is_new:
        search.index_new({message.id: folded})
    else:
        search.index(message.id, folded)


def attach(message: Message, files: Sequence[StoredFile]) -> None:
    """Add stored files to a message."""
    for file in files:
        message.attachments.append(Attachment(
            filename=file.filename, content_type=file.content_type, size=file.size, sha256=file.sha256,
            is_inline=file.is_inline, content_id=file.content_id))


def check_body(body: Body) -> None:
    """Raises Invalid for nothing but blanks."""
    if not body.text.strip() and "<img" not in (body.html or ""):
        raise Invalid("text", "Write something first.")


def check_recipients(to: Sequence[Address]) -> list[Address]:
    """The recipients without doubles. Raises Invalid: none, too many, or not an address."""
    found: dict[str, Address] = {}
    for each in to:
        if each.role not in ("to", "cc", "bcc") or not customers.is_address(each.address):
            raise Invalid("to", f"{each.address!r} is not a mail address. It should look like name@example.com.")
        found.setdefault(customers.normalise_address(each.address), each)
    if not any(each.role == "to" for each in found.values()):
        raise Invalid("to", "There is nobody to write to: this customer has no mail address. Add one first.")
    if len(found) > MAX_RECIPIENTS:
        raise Invalid("to", f"A message goes to at most {MAX_RECIPIENTS} people.")
    return list(found.values())

