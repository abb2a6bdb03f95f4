"""Agents answer notifications by mail: by the token alone, once, never as a customer."""

import datetime as dt
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import agents, attachments, departments, drafts, messages, settings, tickets
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Agent, CaughtMail, Department, Job, Ledger, Message, Notification, Ticket
from inbox.db import at_time, transaction, utcnow
from inbox.jobs import dispatch
from inbox.mail import answers, deliver, ledger, mime, parse, receive
from inbox.secrets import ensure_key
from inbox.testing.factories import make_agent, make_customer, make_department, make_mailbox, make_message, make_ticket
from tests.mail.conftest import letter


@pytest.fixture
def ada(app: Flask, session: Session) -> Agent:
    ensure_key(app.config["INBOX"])
    support = make_department("Support")
    make_mailbox("support@desk.example", department=support)
    return make_agent("Ada", departments=[support])


@pytest.fixture
def ticket(ada: Agent) -> Ticket:
    return make_ticket("Printer", customer=make_customer("Ola", "ola@example.com"), assignee=ada,
                       department=home_of(ada))


def home_of(agent: Agent) -> Department:
    return departments.get(min(agent.department_ids))


def told(app: Flask, session: Session) -> list[dict]:
    """The mails to agents that wait now, sent for real (into the catcher); what each job was."""
    dispatch.deliver_due(app)
    session.rollback()
    jobs = [dict(each.args) for each in session.scalars(sa.select(Job).where(Job.kind == "mail.system"))]
    with transaction() as current:
        current.execute(sa.delete(Job))
    return jobs


def address_for(app: Flask, session: Session, subject: str) -> str:
    """Send the notification of a subject, and read where its answer goes to."""
    job = next(each for each in told(app, session) if subject in each["subject"])
    deliver.system_job(job)
    session.rollback()
    mail = session.scalars(sa.select(CaughtMail).order_by(CaughtMail.id.desc()).limit(1)).one()
    sent = parse.parse(attachments.read(mail.sha256))
    assert "Answer this mail" in sent.text
    return sent.reply_to[0].address


def answer(session: Session, to: str, text: str = "On its way.", *, sender: str = "ada.private@home.example",
           envelope: bool = True, **fields) -> Ledger:
    mailbox = ledger.mailbox_for(to)
    assert mailbox is not None
    raw = letter(sender=sender, to="support@desk.example" if envelope else to, text=text, **fields)
    row = ledger.arrive(raw, source="smtp", mailbox_id=mailbox.id, envelope_from=sender,
                        envelope_to=[to] if envelope else [])
    receive.process(row)
    return session.get_one(Ledger, row, populate_existing=True)


def said(session: Session, kind: str) -> list[tuple[str, str | None]]:
    return [(each.text, each.agent.name if each.agent else None) for each in session.scalars(
        sa.select(Message).where(Message.kind == kind, Message.state != "draft").order_by(Message.id))]


@pytest.mark.parametrize("envelope", [True, False])
def test_an_answer_becomes_the_agents_reply_whoever_the_mail_says_it_is_from(app, session, ada, ticket, envelope):
    make_message(ticket, "Any news?")
    row = answer(session, address_for(app, session, "Answer in"), "On its way.\n\n> Any news?", envelope=envelope)
    assert (row.fate, row.ticket_id) == ("appended", ticket.id)
    assert said(session, "reply") == [("On its way.", "Ada")]
    reply = session.scalars(sa.select(Message).where(Message.kind == "reply")).one()
    assert [each.address for each in reply.recipients] == ["ola@example.com"] and reply.state == "queued"
    assert (reply.ledger_id, reply.why) == (row.id, {"by": "answer"})
    assert session.scalar(sa.select(sa.func.count()).select_from(Ticket)) == 1


def test_an_answer_to_a_note_becomes_a_note(app, session, ada, ticket):
    ben = make_agent("Ben", role="admin")
    messages.note(ticket, Body("@Ada what now?"), by=Actor.of(ben))
    row = answer(session, address_for(app, session, "mentioned"), "Ask @Ben.")
    assert row.fate == "appended" and said(session, "note")[-1] == ("Ask @Ben.", "Ada") and not said(session, "reply")


def test_it_works_once_and_the_same_mail_again_is_a_duplicate(app, session, ada, ticket):
    to = address_for(app, session, "is yours")
    first = answer(session, to, message_id="one@home.example")
    again = answer(session, to, message_id="one@home.example")
    other = answer(session, to, "And this.", message_id="two@home.example")
    assert [each.fate for each in (first, again, other)] == ["appended", "duplicate", "quarantined"]
    assert other.reason == answers.USED and len(said(session, "reply")) == 1


def test_after_thirty_days_it_is_held(app, session, ada, ticket):
    to = address_for(app, session, "is yours")
    with at_time(utcnow() + dt.timedelta(days=31)):
        row = answer(session, to)
    assert (row.fate, row.reason) == ("quarantined", answers.EXPIRED) and not said(session, "reply")


def test_a_token_that_was_made_up_is_held_and_opens_no_ticket(app, session, ada, ticket):
    to = address_for(app, session, "is yours")
    other = to.replace("+r", "+n")  # a note's address made of a reply's
    unknown = answers.address("support@desk.example", "reply", notification_id=999, agent_id=ada.id,
                              ticket_id=ticket.id)
    for each in (other, unknown):
        row = answer(session, each, sender="ada@desk.example")
        assert (row.fate, row.reason) == ("quarantined", answers.UNKNOWN)
    assert not said(session, "reply") and not said(session, "note")
    assert session.scalar(sa.select(sa.func.count()).select_from(Ticket)) == 1


def test_who_may_not_see_the_ticket_any_more_answers_nothing(app, session, ada, ticket):
    to = address_for(app, session, "is yours")
    with transaction():
        ada.memberships = []
    assert answer(session, to).reason == answers.NOT_ALLOWED


def test_a_deactivated_agent_answers_nothing(app, session, ada, ticket):
    to = address_for(app, session, "is yours")
    agents.deactivate(ada, by=Actor.system("test"))
    assert answer(session, to).reason == answers.NOT_ALLOWED


def test_automatic_mail_is_dropped_with_its_reason_and_uses_nothing_up(app, session, ada, ticket):
    to = address_for(app, session, "is yours")
    row = answer(session, to, "I am away.", Auto_Submitted="auto-replied")
    assert (row.fate, row.reason) == ("ignored", answers.MACHINE)
    row = answer(session, to, "Digest", Precedence="bulk")
    assert row.fate == "quarantined" and "bulk mail" in row.reason
    assert answer(session, to).fate == "appended"


def test_nothing_of_its_own_is_held(app, session, ada, ticket):
    row = answer(session, address_for(app, session, "is yours"), "> It is on fire.\n")
    assert (row.fate, row.reason) == ("quarantined", answers.NO_WORDS)


def test_what_cannot_be_sent_is_held_and_may_be_tried_again(app, session, ada):
    ticket = make_ticket("Nobody", customer=make_customer("Nobody", ""), department=home_of(ada), text=None)
    tickets.assign(ticket, ada, by=Actor.system("test"))
    to = address_for(app, session, "is yours")
    row = answer(session, to)
    assert row.fate == "quarantined" and "nobody to write to" in row.reason
    assert session.scalars(sa.select(Notification.answered_at).where(Notification.answered_at.is_not(None))).all() == []


def test_who_was_overtaken_finds_the_answer_as_a_draft_and_is_told(app, session, ada, ticket):
    make_message(ticket, "Any news?")
    to = address_for(app, session, "Answer in")
    messages.reply(ticket, Body("I was faster."), by=Actor.of(make_agent("Ben", role="admin")))
    row = answer(session, to, "Me, too.")
    assert (row.fate, row.reason, row.ticket_id) == ("appended", answers.KEPT, ticket.id)
    assert said(session, "reply") == [("I was faster.", "Ben")]
    draft = drafts.of(ticket, ada, "reply")
    assert draft.text == "Me, too." and draft.extra["overtaken"]
    told_of = session.scalars(sa.select(Job).where(Job.kind == "mail.system")).all()
    assert [(each.args["to"], each.args["subject"]) for each in told_of] == [
        (ada.email, f"Your answer in #{ticket.number} did not go out")]
    assert answer(session, to, "Again", message_id="again@home.example").reason == answers.USED


def test_the_agent_is_told_of_an_answer_that_is_held_and_strangers_are_not(app, session, ada, ticket):
    to = address_for(app, session, "is yours")
    answer(session, to, message_id="one@home.example")
    answer(session, to, message_id="two@home.example", sender="mallory@evil.example")
    answer(session, answers.address("support@desk.example", "reply", notification_id=999, agent_id=ada.id,
                                    ticket_id=ticket.id))
    jobs = session.scalars(sa.select(Job).where(Job.kind == "mail.system")).all()
    assert [each.args["to"] for each in jobs] == [ada.email] and "used already" in jobs[0].args["text"]


def test_files_come_along(app, session, ada, ticket):
    to = address_for(app, session, "is yours")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Message-ID"] = "ada@home.example", to, "<f@home.example>"
    mail.set_content("See the label.")
    mail.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="label.pdf")
    mailbox = ledger.mailbox_for(to)
    receive.process(ledger.arrive(mail.as_bytes(), source="smtp", mailbox_id=mailbox.id, envelope_to=[to]))
    session.rollback()
    reply = session.scalars(sa.select(Message).where(Message.kind == "reply")).one()
    assert [each.filename for each in reply.attachments] == ["label.pdf"]


def test_who_may_only_read_gets_no_address_and_it_can_be_switched_off(app, session, ada, ticket):
    told(app, session)
    light = make_agent("Lee", role="light", departments=[home_of(ada)])
    tickets.assign(ticket, None, by=Actor.system("test"))
    make_message(ticket, "Any news?")
    jobs = {each["name"]: each for each in told(app, session)}
    assert "answer" in jobs["Ada"] and "answer" not in jobs[light.name]
    settings.put("mail.answers", False, by=Actor.system("test"))
    make_message(ticket, "Any news now?")
    assert all("answer" not in each for each in told(app, session))


@pytest.mark.parametrize(("mailbox", "has_room"), [("support@desk.example", True), ("a" * 30 + "@desk.example", True),
                                                   ("a" * 50 + "@desk.example", False), ("a+b@desk.example", False)])
def test_an_address_fits_or_there_is_none(app, session, mailbox, has_room):
    ensure_key(app.config["INBOX"])
    found = answers.address(mailbox, "reply", notification_id=2**40, agent_id=1, ticket_id=1)
    assert bool(found) is has_room
    if has_room:
        assert mime.wire_address(found) and answers.token_in([found.upper()]) == answers.token_in([found]) is not None
