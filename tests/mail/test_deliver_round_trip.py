"""A customer writes, an agent answers, the customer answers the answer: one ticket, one thread in both programs."""

import email
from email import policy
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import attachments, messages
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import CaughtMail, Mailbox, Message, Ticket
from inbox.jobs import engine
from inbox.mail import deliver, ledger, receive  # noqa: F401  (they declare their jobs)
from inbox.testing.factories import make_agent, make_mailbox


def arrive(app: Flask, session: Session, mailbox: Mailbox, raw: bytes) -> None:
    ledger.arrive(raw, source="smtp", mailbox_id=mailbox.id, envelope_to=[mailbox.address])
    engine.run_due(app)
    session.rollback()
    session.expire_all()


@pytest.mark.parametrize(("subject", "text", "charset"), [
    ("Hvor er støvlene?", "Hei,\n\nhvor er de?\n", "utf-8"),
    ("ご注文の件", "いつ届きますか。\n", "iso-2022-jp"),
    ("ขอความช่วยเหลือ", "รองเท้าอยู่ที่ไหน\n", "utf-8"),
])
def test_there_and_back(app: Flask, session: Session, subject: str, text: str, charset: str) -> None:
    mailbox = make_mailbox("help@desk.example")
    asked = EmailMessage()
    asked["From"], asked["To"], asked["Subject"] = "Kunde <kunde@example.no>", "help@desk.example", subject
    asked["Message-ID"], asked["Date"] = "<asked@example.no>", "Tue, 03 Nov 2026 12:00:00 +0100"
    asked.set_content(text, charset=charset)
    arrive(app, session, mailbox, asked.as_bytes())
    ticket = session.scalars(sa.select(Ticket)).one()

    messages.reply(ticket, Body("De er på vei."), by=Actor.of(make_agent(departments=[mailbox.department])))
    engine.run_due(app)
    session.rollback()
    caught = session.scalars(sa.select(CaughtMail)).one()
    sent = email.message_from_bytes(attachments.read(caught.sha256), policy=policy.default)
    assert sent["References"] == "<asked@example.no>" and sent["Subject"] == f"Re: {subject}"
    assert text.split()[0].rstrip(",") in sent.get_body(("plain",)).get_content()

    again = EmailMessage()
    again["From"], again["To"], again["Subject"] = "Kunde <kunde@example.no>", "help@desk.example", "Takk"
    again["Message-ID"], again["In-Reply-To"] = "<again@example.no>", sent["Message-ID"]
    again["Date"] = "Tue, 03 Nov 2026 13:00:00 +0100"
    again.set_content("Takk!\n\n" + "".join(f"> {line}\n" for line in
                                            sent.get_body(("plain",)).get_content().splitlines()))
    arrive(app, session, mailbox, again.as_bytes())
    assert session.scalar(sa.select(sa.func.count(Ticket.id))) == 1
    answer = session.scalars(sa.select(Message).where(Message.message_id == "again@example.no")).one()
    assert answer.ticket_id == ticket.id and answer.text.strip() == "Takk!"
