"""Fills a database with as many tickets as a desk has after years: rows in bulk, as the program would have made them.

Everything is there that the program would have stored: ledger rows, references, recipients, events, attempts, jobs,
the search index. Only blobs are missing (attachments name files that are not on the disk).
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bench.rows import Rows, hurried
from bench.words import LANGUAGES, Text, Writer, digest, message_id
from inbox.core import search
from inbox.core.models import (
    Agent,
    Attachment,
    Counter,
    Customer,
    CustomerAddress,
    Department,
    Event,
    Job,
    Ledger,
    Mailbox,
    Membership,
    Message,
    Recipient,
    Reference,
    Role,
    SendAttempt,
    SettingValue,
    Tag,
    Ticket,
    TicketSeen,
    TicketTag,
)

VERSION = 4  # moves when what is seeded changes
DEPARTMENTS = ("Support", "Returns", "Sales", "Wholesale")
AGENTS = 20
TAGS = 40
SPAN = dt.timedelta(days=700)
BATCH = 2000  # tickets held in memory
LONG_EVERY, LONG = 100, 10  # every so many tickets has this many messages
COUNTS = (2, 3, 4, 4, 5, 6)  # messages of the others: four on average

@dataclass(frozen=True)
class Size:
    """How much to seed. `length` is that of a message in characters, on average."""

    tickets: int
    length: int = 700
    customers: int = 0  # 0: one for five tickets


def seed(connection: sa.Connection, size: Size, now: dt.datetime) -> None:
    """Fill an empty, migrated database. The caller commits."""
    roles = {row.name: row.id for row in connection.execute(sa.select(Role.name, Role.id))}
    with hurried(connection) as rows:
        _people(rows, roles, size, now)
        rows.flush()
        writer, chance, next_pk = Writer(size.length), random.Random(4), 1
        for number in range(1, size.tickets + 1):
            next_pk = _ticket(rows, writer, chance, number, next_pk, size, now)
            if number % BATCH == 0:
                rows.flush()
    _set_counters(connection, size.tickets)


def _people(rows: Rows, roles: dict[str, int], size: Size, now: dt.datetime) -> None:
    rows.add(SettingValue, scope="site", key="setup.done", value=rows.json(True))
    for number, name in enumerate(DEPARTMENTS, 1):
        rows.add(Department, id=number, name=name, sender_name=name, signature="Kind regards", hue=number,
                 position=number)
        rows.add(Mailbox, id=number, address=f"{name.lower()}@desk.example", name=name, department_id=number)
    for number in range(1, AGENTS + 1):
        role = "owner" if number == 1 else "agent"
        rows.add(Agent, id=number, email=f"agent{number}@desk.example", name=f"Agent {number}", role_id=roles[role])
        for department in range(1, 5) if number == 1 else {number % 4 + 1, number % 3 + 1}:
            rows.add(Membership, agent_id=number, department_id=department)
    for number in range(1, TAGS + 1):
        rows.add(Tag, id=number, name=f"tag {number}", hue=number % 12)
    for number in range(1, _customers(size) + 1):
        at = now - SPAN * (1 - number / _customers(size))
        rows.add(Customer, id=number, name=f"Customer {number}", created_at=rows.time(at), updated_at=rows.time(at))
        rows.add(CustomerAddress, id=number, customer_id=number, value=f"customer{number}@mail.example",
                 normalised=f"customer{number}@mail.example")


def _customers(size: Size) -> int:
    return size.customers or max(1, size.tickets // 5)


def messages_of(tickets: int) -> int:
    """How many messages so many tickets have; their ids begin with 1."""
    return sum(map(_count, range(1, tickets + 1)))


def _count(number: int) -> int:
    return LONG if number % LONG_EVERY == 0 else COUNTS[number % len(COUNTS)]


def _ticket(rows: Rows, writer: Writer, chance: random.Random, number: int, first_pk: int, size: Size,
            now: dt.datetime) -> int:
    """One ticket with all that hangs on it. Returns the next free message id."""
    language = LANGUAGES[number % len(LANGUAGES)]
    created = now - SPAN * (1 - number / size.tickets) - dt.timedelta(hours=6)  # nothing is of tomorrow
    count = _count(number)
    department, customer = number % 4 + 1, chance.randint(1, _customers(size))
    shelf = _shelf(chance)
    agents = [each for each in range(2, AGENTS + 1) if department in (each % 4 + 1, each % 3 + 1)]
    assignee = chance.choice(agents) if chance.random() < 0.7 else None
    times = [rows.time(created + dt.timedelta(minutes=13 * step)) for step in range(count)]
    opened = times[0]
    texts = [writer.write(language) for _ in range(count)]
    subject = texts[0].text.split("\n")[0][:70]
    last_received = (count - 1) % 2 == 0
    rows.add(Ticket, id=number, number=number, subject=subject, status="closed" if shelf == "trash" else
             {"snoozed": "open", "spam": "open"}.get(shelf, shelf), shelf=shelf, is_spam=shelf == "spam",
             trashed_at=times[-1] if shelf == "trash" else None,
             snoozed_until=rows.time(now + dt.timedelta(days=3)) if shelf == "snoozed" else None,
             department_id=department, mailbox_id=department, customer_id=customer, assignee_id=assignee,
             created_at=opened, updated_at=times[-1], last_message_at=times[-1],
             closed_at=times[-1] if shelf == "closed" else None,
             waiting_since=times[-1] if shelf == "open" and last_received else None, snippet=texts[-1].text[:160],
             message_count=count, version=count + 2)
    for name in {chance.randint(1, TAGS) for _ in range(chance.randint(0, 2))}:
        rows.add(TicketTag, ticket_id=number, tag_id=name)
    if assignee is not None:
        rows.add(TicketSeen, agent_id=assignee, ticket_id=number, seen_at=times[-1])
    _event(rows, "ticket_created", number, None, "customer", customer, opened, department=department)
    if assignee is not None:
        _event(rows, "ticket_assigned", number, None, "agent", assignee, opened, agent=assignee)
    heading = search.fold(subject)
    for step, (at, text) in enumerate(zip(times, texts, strict=True)):
        kind = _message(rows, chance, number, first_pk, step, at, text, subject, customer, assignee or agents[0],
                        department)
        people = {"received": f"customer {customer} customer{customer} mail example",
                  "reply": f"customer{customer} mail example", "note": ""}[kind]
        rows.index(first_pk + step, f"{heading} {people} {text.folded}")
    if shelf == "closed":
        _event(rows, "ticket_status_changed", number, None, "agent", assignee or agents[0], times[-1], status="closed")
    if number % 20 == 0:
        rows.add(Job, kind="mail.process", args=rows.json({"ledger_id": first_pk}), key=f"ledger:{first_pk}",
                 state="done", run_at=opened, created_at=opened, done_at=opened, attempts=1)
    return first_pk + count


def _shelf(chance: random.Random) -> str:
    """A fifth is open, the rest is closed, a few lie elsewhere."""
    value = chance.random()
    for share, shelf in ((0.20, "open"), (0.23, "pending"), (0.235, "snoozed"), (0.245, "spam"), (0.25, "trash")):
        if value < share:
            return shelf
    return "closed"


def _message(rows: Rows, chance: random.Random, ticket: int, first_pk: int, step: int, at: Any, text: Text,
             subject: str, customer: int, agent: int, department: int) -> str:
    """One message with its ledger row, references, events, recipients, attempts. Returns its kind."""
    pk = first_pk + step
    kind = "received" if step % 2 == 0 else "note" if chance.random() < 0.1 else "reply"
    address, name = f"customer{customer}@mail.example", message_id(pk)
    known = {"id": pk, "ticket_id": ticket, "kind": kind, "subject": subject, "text": text.text, "at": at}
    html = f"<p>{text.text}</p>" if chance.random() < 0.5 else None
    if kind == "received":
        rows.add(Ledger, id=pk, source="smtp", mailbox_id=department, sha256=digest(name), size=len(text.text) + 900,
                 envelope_from=address, envelope_to=rows.json([f"{DEPARTMENTS[department - 1].lower()}@desk.example"]),
                 arrived_at=at, message_id=name, from_address=address, subject=subject,
                 fate="appended" if step else "created", attempts=1, fated_at=at, ticket_id=ticket)
        rows.add(Message, **known, state="stored", author_kind="customer", customer_id=customer, agent_id=None,
                 html=html, from_name=f"Customer {customer}", from_address=address, message_id=name,
                 fingerprint=digest(text.text[:40] + name), ledger_id=pk, sent_at=None,
                 why=rows.json({"by": "in_reply_to" if step else "new"}))
        if step:
            rows.add(Reference, message_pk=pk, position=0, value=message_id(pk - 1), ticket_id=ticket)
            rows.add(Reference, message_pk=pk, position=1, value=message_id(first_pk), ticket_id=ticket)
        _event(rows, "message_received", ticket, pk, "customer", customer, at, first=step == 0)
    else:
        is_reply = kind == "reply"
        rows.add(Message, **known, state="sent" if is_reply else "stored", author_kind="agent", customer_id=None,
                 agent_id=agent, html=html, from_name="", from_address="",
                 message_id=name if is_reply else None, fingerprint="", ledger_id=None,
                 sent_at=at if is_reply else None)
        if is_reply:
            rows.add(Recipient, message_pk=pk, message_kind="reply", role="to", address=address, state="sent")
            rows.add(SendAttempt, message_pk=pk, started_at=at, finished_at=at, outcome="sent", response="250 OK")
            _event(rows, "reply_queued", ticket, pk, "agent", agent, at, to=[address])
            _event(rows, "reply_sent", ticket, pk, "system", None, at, state="sent")
        else:
            _event(rows, "note_added", ticket, pk, "agent", agent, at)
    if chance.random() < 0.1:
        rows.add(Attachment, message_pk=pk, filename="label.jpg", content_type="image/jpeg", size=48_213,
                 sha256=digest(f"file{pk}"), is_inline=False)
    return kind


def _event(rows: Rows, kind: str, ticket: int, message: int | None, actor: str, actor_id: int | None,
           at: Any, **data: Any) -> None:
    rows.add(Event, kind=kind, ticket_id=ticket, message_pk=message, actor_kind=actor, actor_id=actor_id,
             source="mail" if actor == "customer" else "web", data=rows.json(data), at=at, dispatched_at=at)


def _set_counters(connection: sa.Connection, tickets: int) -> None:
    """What the database hands out next."""
    if connection.dialect.name == "sqlite":
        connection.execute(sa.update(Counter).where(Counter.name == "ticket_number").values(value=tickets))
        return
    connection.execute(sa.text("SELECT setval('ticket_number', :last)"), {"last": tickets})
    for table in _with_sequences():
        connection.execute(sa.text(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT coalesce(max(id), 1) FROM {table}))"))


def _with_sequences() -> Iterator[str]:
    for model in (Agent, Attachment, Customer, CustomerAddress, Department, Event, Job, Ledger, Mailbox, Message,
                  Recipient, SendAttempt, Tag, Ticket):
        yield f'"{model.__tablename__}"'
