"""Makes the things tests need, in one call each, by the core's own functions where there are any.

Every function wants a work context (the `session` fixture) and stores what it returns. What is not
given is invented and unique.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from inbox.core import customers, intake, messages, tickets
from inbox.core.attachments import StoredFile, store
from inbox.core.events import Actor
from inbox.core.intake import Incoming
from inbox.core.messages import Body
from inbox.core.models import Agent, Customer, Department, Mailbox, Membership, Message, Role, Ticket
from inbox.db import session, transaction

_numbers = itertools.count(1)
SYSTEM = Actor.system("test")


def make_department(name: str | None = None, **columns: Any) -> Department:
    """A department with a signature."""
    number = next(_numbers)
    with transaction() as current:
        department = Department(
            **{"name": name or f"Department {number}", "signature": "Kind regards", "hue": number % 12} | columns)
        current.add(department)
        current.flush()
        return department


def make_agent(name: str | None = None, *, role: str = "agent", departments: Iterable[Department] = (),
               **columns: Any) -> Agent:
    """An active agent of a role (owner, admin, agent, light) who works in `departments`; without a password."""
    number = next(_numbers)
    with transaction() as current:
        row = current.scalars(sa.select(Role).where(Role.name == role)).one()
        agent = Agent(**{"name": name or f"Agent {number}", "email": f"agent{number}@desk.example"} | columns, role=row)
        agent.memberships = [Membership(department_id=each.id) for each in departments]
        current.add(agent)
        current.flush()
        return agent


def make_mailbox(address: str | None = None, *, department: Department | None = None, **columns: Any) -> Mailbox:
    """A mailbox that takes mail by SMTP and keeps what it sends on the Outbox page."""
    department = department or make_department()
    with transaction() as current:
        values = {"address": address or f"box{next(_numbers)}@desk.example"} | columns
        mailbox = Mailbox(**values, department=department)
        current.add(mailbox)
        current.flush()
        return mailbox


def make_customer(name: str | None = None, address: str | None = None) -> Customer:
    """A customer with one mail address."""
    number = next(_numbers)
    return customers.find_or_create(
        f"customer{number}@example.com" if address is None else address, name or f"Customer {number}", by=SYSTEM)


def make_ticket(subject: str | None = None, *, department: Department | None = None,
                customer: Customer | None = None, mailbox: Mailbox | None = None, assignee: Agent | None = None,
                status: str = "open", text: str | None = "Hello, where is my order?",
                tags: Sequence[str] = ()) -> Ticket:
    """A ticket that a received message has opened; `text=None` leaves it without any."""
    department = department or (mailbox.department if mailbox else make_department())
    customer, subject = customer or make_customer(), subject or f"Question {next(_numbers)}"
    if text is not None and customer.email:
        first = _receive(customer, None, department, mailbox, subject=subject, text=text)
        ticket = session().get_one(Ticket, first.ticket_id)
    else:
        with transaction():
            ticket = tickets.create(by=SYSTEM, subject=subject, department=department, customer=customer,
                                    channel="mail", mailbox_id=mailbox.id if mailbox else None)
        if text is not None:
            make_message(ticket, text)
    with transaction():
        for name in tags:
            tickets.tag(ticket, name, by=SYSTEM)
        if assignee is not None:
            tickets.assign(ticket, assignee, by=SYSTEM)
        if status != "open":
            tickets.set_status(ticket, status, by=SYSTEM)
        return ticket


def make_message(ticket: Ticket, text: str = "One more thing.", *, kind: str = "received",
                 by: Agent | None = None, html: str | None = None, files: Sequence[StoredFile] = (),
                 at: dt.datetime | None = None, **columns: Any) -> Message:
    """A message in a ticket: received from its customer, or a reply or note by an agent."""
    if kind != "received":
        actor = Actor.of(by or make_agent(role="admin"))
        write = {"reply": messages.reply, "note": messages.note}[kind]
        return write(ticket, Body(text, html), by=actor, files=files)
    customer = session().get_one(Customer, ticket.customer_id)
    return _receive(customer, ticket, ticket.department, None, **{
        "subject": ticket.subject, "text": text, "html": html, "at": at, "files": files} | columns)


def _receive(customer: Customer, ticket: Ticket | None, department: Department, mailbox: Mailbox | None,
             **fields: Any) -> Message:
    number = next(_numbers)
    plan = intake.plan(Incoming(**{
        "from_name": customer.name, "from_address": customer.email or "",
        "message_id": f"m{number}@mail.example.com", "fingerprint": f"factory-{number}"} | fields),
        mailbox=mailbox, department=department, target=ticket, why={"by": "test"})
    with transaction():
        return intake.accept(plan)


def make_file(data: bytes = b"%PDF-1.4 an invoice", filename: str = "invoice.pdf",
              content_type: str = "application/pdf", **columns: Any) -> StoredFile:
    """A file in the blob store, to give to `make_message` or a core function. Not inside a transaction."""
    return StoredFile(filename, content_type, len(data), store(data), **columns)
