"""Sending for real: a message in the database, an SMTP server that misbehaves, and what a person sees afterwards."""

import datetime as dt
import email
from email import policy
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from inbox.core import customers, messages, sending
from inbox.core.events import Actor
from inbox.core.messages import Address, Body
from inbox.core.models import Agent, CaughtMail, Event, Mailbox, Message, SendAttempt, Ticket
from inbox.db import transaction, utcnow
from inbox.mail import catcher, compose, deliver
from inbox.testing.factories import make_agent, make_department, make_file, make_mailbox, make_message, make_ticket
from tests.support.ports import free_port
from tests.support.smtp_sink import SmtpSink


@pytest.fixture
def mailbox(session: Session, smtp_sink: SmtpSink) -> Mailbox:
    department = make_department("Support", signature="Support\nBoots Ltd", sender_name="Boots support")
    return make_mailbox("help@desk.example", department=department, outgoing="smtp", smtp_host="127.0.0.1",
                        smtp_port=smtp_sink.port, smtp_security="none")


@pytest.fixture
def agent(mailbox: Mailbox) -> Agent:
    return make_agent("Kari", departments=[mailbox.department])


@pytest.fixture
def ticket(mailbox: Mailbox) -> Ticket:
    return make_ticket("Boots", mailbox=mailbox, text="Where are they?")


def answer(ticket: Ticket, agent: Agent, text: str = "On the way.", **options: Any) -> Message:
    return messages.reply(ticket, Body(text), by=Actor.of(agent), **options)


def parsed(raw: bytes) -> Any:
    return email.message_from_bytes(raw, policy=policy.default)


def states(message: Message) -> dict[str, str]:
    return {each.address: each.state for each in message.recipients}


def kinds(session: Session, message: Message) -> list[str]:
    return list(session.scalars(sa.select(Event.kind).where(Event.message_pk == message.id).order_by(Event.id)))


def make_due(session: Session, message: Message) -> None:
    with transaction():
        message.send_after = utcnow()


def test_a_reply_threads_in_the_customers_program(ticket: Ticket, agent: Agent, smtp_sink: SmtpSink,
                                                  session: Session) -> None:
    asked = messages.thread(ticket)[0]
    message = answer(ticket, agent)
    deliver.send(message.id)
    (kept,) = smtp_sink.messages
    sent = kept.message
    assert kept.sender == "help@desk.example" and kept.recipients == [asked.from_address]
    assert sent["From"] == "Boots support <help@desk.example>" and sent["Subject"] == "Re: Boots"
    assert sent["In-Reply-To"] == f"<{asked.message_id}>" and sent["References"] == f"<{asked.message_id}>"
    text = sent.get_body(("plain",)).get_content()
    assert text.startswith("On the way.") and "Boots Ltd" in text and "> Where are they?" in text
    assert (message.state, message.error, states(message)) == ("sent", None, {asked.from_address: "sent"})
    assert sent["Message-ID"] == f"<{message.message_id}>"
    assert compose.read_message_id(message.message_id or "", deliver.key()) == (ticket.id, message.id)
    assert kinds(session, message) == ["reply_queued", "reply_sent"]


def test_the_chain_of_references_grows(ticket: Ticket, agent: Agent, smtp_sink: SmtpSink, session: Session) -> None:
    from inbox.core.models import Reference

    first = messages.thread(ticket)[0]
    ours = answer(ticket, agent)
    deliver.send(ours.id)
    again = make_message(ticket, "Thanks, but when?")
    with transaction() as current:
        current.add_all(Reference(message_pk=again.id, position=place, value=value, ticket_id=ticket.id)
                        for place, value in enumerate([first.message_id, ours.message_id]))
    deliver.send(answer(ticket, agent, "Tomorrow.").id)
    assert smtp_sink.messages[1].message["References"] == (
        f"<{first.message_id}> <{ours.message_id}> <{again.message_id}>")


def test_a_new_ticket_has_no_re_and_a_follow_up_joins_it(mailbox: Mailbox, agent: Agent, smtp_sink: SmtpSink) -> None:
    customer = customers.find_or_create("ola@example.no", "Ola", by=Actor.system("test"))
    ticket = messages.open_ticket(by=Actor.of(agent), department=mailbox.department, customer=customer,
                                  subject="Your boots", body=Body("They are here."), mail_it=True)
    first = messages.thread(ticket)[0]
    deliver.send(first.id)
    deliver.send(answer(ticket, agent, "Still here.", to=[Address("to", "ola@example.no")]).id)
    opening, follow_up = (each.message for each in smtp_sink.messages)
    assert opening["Subject"] == "Your boots" and opening["In-Reply-To"] is None
    assert follow_up["Subject"] == "Re: Your boots" and follow_up["References"] == f"<{first.message_id}>"


def test_bcc_goes_to_the_envelope_only(ticket: Ticket, agent: Agent, smtp_sink: SmtpSink) -> None:
    message = answer(ticket, agent, to=[Address("to", "a@example.com", "Å"), Address("cc", "c@example.com"),
                                        Address("bcc", "secret@example.com")])
    deliver.send(message.id)
    (kept,) = smtp_sink.messages
    assert kept.recipients == ["a@example.com", "c@example.com", "secret@example.com"]
    assert b"secret@example.com" not in kept.raw


def test_attachments_are_sent(ticket: Ticket, agent: Agent, smtp_sink: SmtpSink) -> None:
    deliver.send(answer(ticket, agent, files=[make_file(b"%PDF-1", "Kvittering æ.pdf")]).id)
    (part,) = smtp_sink.messages[0].message.iter_attachments()
    assert part.get_filename() == "Kvittering æ.pdf" and part.get_content() == b"%PDF-1"


def test_automatic_replies_say_so_and_quote_nothing(ticket: Ticket, agent: Agent, smtp_sink: SmtpSink) -> None:
    deliver.send(messages.reply(ticket, Body("We got it."), by=Actor.system("rule"), automatic=True).id)
    (kept,) = smtp_sink.messages
    assert kept.message["Auto-Submitted"] == "auto-replied" and b"Where are they" not in kept.raw


def test_a_forward_carries_the_message_and_leaves_the_customers_thread(ticket: Ticket, agent: Agent,
                                                                       smtp_sink: SmtpSink) -> None:
    message = messages.forward(ticket, Body("Can you look?"), by=Actor.of(agent),
                               to=[Address("to", "expert@example.com")])
    deliver.send(message.id)
    sent = smtp_sink.messages[0].message
    assert sent["Subject"] == "Fwd: Boots" and sent["In-Reply-To"] is None and sent["References"] is None
    assert "> Where are they?" in sent.get_body(("plain",)).get_content()


def test_a_refused_reply_is_marked_with_the_servers_words(ticket: Ticket, agent: Agent, smtp_sink: SmtpSink,
                                                          session: Session) -> None:
    smtp_sink.behaviour.reject = "554 5.7.1 looks like spam"
    message = answer(ticket, agent)
    deliver.send(message.id)
    assert (message.state, message.error) == ("failed", "554 5.7.1 looks like spam")
    assert set(states(message).values()) == {"failed"}
    assert kinds(session, message)[-1] == "reply_failed"
    smtp_sink.behaviour.reject = None
    sending.retry(message, by=Actor.of(agent))
    deliver.send(message.id)
    assert (message.state, message.error) == ("sent", None)


def test_trouble_that_may_pass_is_tried_again_with_growing_delay_and_the_same_id(
        ticket: Ticket, agent: Agent, smtp_sink: SmtpSink, session: Session) -> None:
    smtp_sink.behaviour.reject = "451 4.7.1 greylisted"
    message = answer(ticket, agent)
    waits = []
    for _number in range(2):
        deliver.send(message.id)
        assert (message.state, message.error) == ("queued", "451 4.7.1 greylisted")
        assert message.send_after is not None
        waits.append((message.send_after - utcnow()).total_seconds())
        make_due(session, message)
    first_id = message.message_id
    smtp_sink.behaviour.reject = None
    deliver.send(message.id)
    assert 55 < waits[0] < 61 and 290 < waits[1] < 301
    assert message.state == "sent" and smtp_sink.messages[0].message["Message-ID"] == f"<{first_id}>"
    assert kinds(session, message) == ["reply_queued", "reply_sent"]


def test_a_message_is_not_sent_before_its_time(ticket: Ticket, agent: Agent, smtp_sink: SmtpSink) -> None:
    message = answer(ticket, agent)
    with transaction():
        message.send_after = utcnow() + dt.timedelta(minutes=1)
    deliver.send(message.id)
    assert message.state == "queued" and smtp_sink.attempts == 0


def test_after_two_days_it_is_given_up(ticket: Ticket, agent: Agent, mailbox: Mailbox, session: Session) -> None:
    with transaction():
        mailbox.smtp_port = free_port()
    message = answer(ticket, agent)
    for _number in range(len(deliver.DELAYS)):
        deliver.send(message.id)
        assert message.state == "queued"
        make_due(session, message)
    deliver.send(message.id)
    assert message.state == "failed" and (message.error or "").startswith("Given up after two days.")
    assert 44 * 3600 < sum(deliver.DELAYS) <= 48 * 3600


def test_each_recipient_has_a_state_of_its_own(ticket: Ticket, agent: Agent, smtp_sink: SmtpSink,
                                               session: Session) -> None:
    smtp_sink.behaviour.reject_recipient = {"gone@example.com": "550 5.1.1 unknown", "busy@example.com": "450 busy"}
    message = answer(ticket, agent, to=[Address("to", each) for each in (
        "ola@example.no", "gone@example.com", "busy@example.com")])
    deliver.send(message.id)
    assert states(message) == {"ola@example.no": "sent", "gone@example.com": "failed", "busy@example.com": "queued"}
    assert (message.state, message.error) == ("queued", "450 busy")
    smtp_sink.behaviour.reject_recipient = {}
    make_due(session, message)
    deliver.send(message.id)
    assert [each.recipients for each in smtp_sink.messages] == [["ola@example.no"], ["busy@example.com"]]
    assert (message.state, message.error) == ("failed", "550 5.1.1 unknown")
    assert states(message)["busy@example.com"] == "sent"


def test_a_line_lost_after_the_text_waits_for_a_person(ticket: Ticket, agent: Agent, smtp_sink: SmtpSink,
                                                       session: Session) -> None:
    smtp_sink.behaviour.drop_after_data = True
    message = answer(ticket, agent)
    deliver.send(message.id)
    smtp_sink.behaviour.drop_after_data = False
    assert message.state == "unknown" and "may have been sent" in (message.error or "")
    deliver.send(message.id)
    deliver.sweep_job({})
    deliver.send(message.id)
    assert len(smtp_sink.messages) == 1
    sending.mark_sent(message, by=Actor.of(agent))
    assert message.state == "sent"


def test_a_crash_before_the_text_sends_again_and_after_it_does_not(ticket: Ticket, agent: Agent, smtp_sink: SmtpSink,
                                                                   session: Session) -> None:
    early, late = answer(ticket, agent, "early"), answer(ticket, agent, "late")
    sending.begin(early.id, message_id="early@desk.example")
    attempt = sending.begin(late.id, message_id="late@desk.example")
    assert attempt is not None and sending.handed_over(attempt)
    for message in (early, late):
        deliver.send(message.id)
    session.expire_all()
    assert (early.state, late.state) == ("queued", "unknown")
    assert kinds(session, late)[-1] == "reply_failed" and "may have been sent" in (late.error or "")
    make_due(session, early)
    deliver.send(early.id)
    deliver.send(late.id)
    assert [each.message["Message-ID"] for each in smtp_sink.messages] == ["<early@desk.example>"]


def test_a_process_taken_for_dead_does_not_send_after_all(ticket: Ticket, agent: Agent, smtp_sink: SmtpSink,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    message = answer(ticket, agent)
    handed_over = sending.handed_over

    def slow(attempt: SendAttempt) -> bool:
        sending.finish(attempt, "later", "another process settled this attempt")
        return handed_over(attempt)

    monkeypatch.setattr(sending, "handed_over", slow)
    deliver.send(message.id)
    assert not smtp_sink.messages


def test_a_database_that_is_locked_for_a_while_makes_nothing_unknown(
        ticket: Ticket, agent: Agent, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    message = answer(ticket, agent)
    finish, calls = sending.finish, []

    def busy(*args: Any, **options: Any) -> None:
        calls.append(args)
        if len(calls) < 3:
            raise sa.exc.OperationalError("BEGIN", {}, Exception("database is locked"))
        finish(*args, **options)

    monkeypatch.setattr(sending, "finish", busy)
    monkeypatch.setattr(deliver, "PATIENCE", (0, 0, 0))
    deliver.send(message.id)
    assert message.state == "sent" and len(smtp_sink.messages) == 1


def test_two_workers_send_once(ticket: Ticket, agent: Agent, smtp_sink: SmtpSink) -> None:
    message = answer(ticket, agent)
    assert sending.begin(message.id, message_id="x@desk.example") is not None
    assert sending.begin(message.id, message_id="x@desk.example") is None


def test_a_message_whose_job_was_lost_is_found(ticket: Ticket, agent: Agent, session: Session) -> None:
    from inbox.core.models import Job

    message = answer(ticket, agent)
    with transaction() as current:
        current.execute(sa.delete(Job))
        message.send_after = utcnow() - dt.timedelta(hours=2)
    deliver.sweep_job({})
    (job,) = session.scalars(sa.select(Job)).all()
    assert (job.kind, job.args) == ("mail.send", {"message": message.id})


def test_without_a_mailbox_the_words_say_what_to_do(session: Session) -> None:
    ticket = make_ticket("Boots")
    message = answer(ticket, make_agent(role="admin"))
    deliver.send(message.id)
    assert message.state == "failed" and "Set one up" in (message.error or "")


def test_a_lost_file_fails_visibly(ticket: Ticket, agent: Agent, smtp_sink: SmtpSink, config: Any) -> None:
    file = make_file(b"soon gone")
    message = answer(ticket, agent, files=[file])
    for path in config.blob_folder.rglob(file.sha256 + "*"):
        path.unlink()
    deliver.send(message.id)
    assert message.state == "failed" and "no longer in the store" in (message.error or "")


def test_the_departments_own_mailbox_comes_first(ticket: Ticket, agent: Agent, mailbox: Mailbox) -> None:
    other = make_mailbox("sales@desk.example", department=mailbox.department)
    message = answer(ticket, agent)
    assert deliver.mailbox_for(message) is not None and deliver.mailbox_for(message).id == mailbox.id
    with transaction():
        mailbox.department.mailbox_id = other.id
    assert deliver.mailbox_for(message).id == other.id


# --- the catcher ------------------------------------------------------------------------------------------------


@pytest.fixture
def caught_ticket(session: Session) -> Ticket:
    return make_ticket("Boots", mailbox=make_mailbox("catch@desk.example"), text="Where are they?")


def test_the_catcher_keeps_what_the_customer_would_get(caught_ticket: Ticket, session: Session) -> None:
    from inbox.core import attachments

    asked = messages.thread(caught_ticket)[0]
    message = answer(caught_ticket, make_agent(role="admin"))
    deliver.send(message.id)
    (caught,) = session.scalars(sa.select(CaughtMail)).all()
    sent = parsed(attachments.read(caught.sha256))
    assert sent["References"] == f"<{asked.message_id}>" and sent["Message-ID"] == f"<{message.message_id}>"
    assert (caught.envelope_to, caught.message_pk, message.state) == ([asked.from_address], message.id, "sent")


def test_catching_and_settling_are_one(caught_ticket: Ticket, session: Session,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    message = answer(caught_ticket, make_agent(role="admin"))

    def fails(*args: object, **options: object) -> None:
        raise sa.exc.OperationalError("COMMIT", {}, Exception("disk full"))

    with monkeypatch.context() as patch:
        patch.setattr(sending, "finish", fails)
        with pytest.raises(sa.exc.OperationalError):
            deliver.send(message.id)
    assert session.scalar(sa.select(sa.func.count(CaughtMail.id))) == 0
    deliver.send(message.id)
    make_due(session, message)
    deliver.send(message.id)
    assert session.scalar(sa.select(sa.func.count(CaughtMail.id))) == 1 and message.state == "sent"


def test_the_outbox_shows_each_agent_their_own_departments(caught_ticket: Ticket, session: Session) -> None:
    deliver.send(answer(caught_ticket, make_agent(role="admin")).id)
    deliver.send_system(("Kari", "kari@example.com"), "New password", "link")
    system, reply = session.scalars(sa.select(CaughtMail).order_by(CaughtMail.id.desc())).all()
    member = make_agent(departments=[caught_ticket.department])
    assert [each.id for each in catcher.page(make_agent(role="admin"))[0]] == [system.id, reply.id]
    assert [each.id for each in catcher.page(member)[0]] == [reply.id]
    assert catcher.page(make_agent())[0] == []
    with pytest.raises(catcher.NotFound):
        catcher.get(system.id, member)
    with pytest.raises(catcher.NotFound):
        catcher.get(reply.id, make_agent())


def test_system_mail_goes_out(mailbox: Mailbox, smtp_sink: SmtpSink) -> None:
    deliver.system_job({"to": "kari@example.com", "name": "Kari", "subject": "New password", "text": "Follow it."})
    (kept,) = smtp_sink.messages
    assert kept.message["To"] == "Kari <kari@example.com>" and kept.message["Auto-Submitted"] == "auto-generated"


def test_system_mail_is_tried_again_only_when_it_cannot_have_arrived(mailbox: Mailbox, smtp_sink: SmtpSink) -> None:
    smtp_sink.behaviour.reject = "451 later"
    with pytest.raises(deliver.NotSent):
        deliver.send_system(("", "kari@example.com"), "s", "t")
    smtp_sink.behaviour.reject = None
    smtp_sink.behaviour.drop_after_data = True
    deliver.send_system(("", "kari@example.com"), "s", "t")
    assert len(smtp_sink.messages) == 1


def test_what_came_without_a_message_id_is_quoted_and_passed_on(
        ticket: Ticket, agent: Agent, smtp_sink: SmtpSink, session: Session) -> None:
    asked = messages.thread(ticket)[0]
    with transaction():
        asked.message_id = None
    deliver.send(answer(ticket, agent).id)
    passed_on = messages.forward(ticket, Body("Please look."), by=Actor.of(agent), to=[Address("to", "x@y.example")])
    deliver.send(passed_on.id)
    reply, forward = (kept.message for kept in smtp_sink.messages)
    assert reply["Subject"] == "Re: Boots" and reply["In-Reply-To"] is None
    assert all("Where are they?" in each.get_body(("plain",)).get_content() for each in (reply, forward))
