"""Mail marked as urgent opens a ticket of high priority, through the hook prepare_ticket."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import intake
from inbox.core.intake import Incoming
from inbox.db import transaction
from inbox.testing.factories import make_mailbox


@pytest.mark.parametrize(("headers", "priority"), [
    ({}, "normal"),
    ({"x-priority": "3 (Normal)"}, "normal"),
    ({"x-priority": "1 (Highest)"}, "high"),
    ({"x-priority": "2"}, "high"),
    ({"importance": "High"}, "high"),
    ({"importance": "low"}, "normal"),
    ({"priority": "urgent"}, "high"),
    ({"x-msmail-priority": "High"}, "high"),
])
def test_prepare_ticket_reads_the_sender_s_mark(app: Flask, session: Session, headers, priority) -> None:
    plan = intake.plan(Incoming("Help", "kari@example.com", extra={"headers": headers}), mailbox=make_mailbox())
    with transaction():
        message = intake.accept(plan)
    from inbox.core.models import Ticket

    assert session.get(Ticket, message.ticket_id).priority == priority


@pytest.mark.parametrize(("line", "priority"), [("X-Priority: 1", "high"), ("X-Mailer: x", "normal")])
def test_a_real_message_brings_its_headers(app: Flask, session: Session, line: str, priority: str) -> None:
    from inbox.core.models import Ticket
    from inbox.mail import ledger, receive

    mailbox = make_mailbox("help@desk.example")
    raw = (f"From: Kari <kari@example.com>\r\nTo: help@desk.example\r\nSubject: Now\r\nMessage-ID: <a@b.example>\r\n"
           f"{line}\r\n\r\nIt burns.\r\n").encode()
    row = ledger.arrive(raw, source="pipe", mailbox_id=mailbox.id, envelope_from="kari@example.com",
                        envelope_to=["help@desk.example"])
    assert receive.process(row) == "created"
    assert session.query(Ticket).one().priority == priority
