"""What the guards make of a message on its way in: reports, machines, spam, senders who pretend."""

import pytest
import sqlalchemy as sa

from inbox.core import circuits, senders, settings, tickets
from inbox.core.events import Actor
from inbox.core.models import CustomerAddress, Event, Ledger, Ticket
from inbox.db import session, transaction
from inbox.mail import answers, compose, deliver, ledger
from inbox.testing.factories import make_agent
from tests.mail.conftest import letter
from tests.mail.test_receive import DSN, messages, reply_of_ours, take  # noqa: F401 (a fixture)

SYSTEM = Actor.system("test")


@pytest.fixture
def ours(take):  # noqa: F811
    """A reply of ours, in a closed ticket of Kari's."""
    reply = reply_of_ours(take(letter(message_id="a@example.com")).ticket_id)
    tickets.set_status(session().get(Ticket, reply.ticket_id), "closed", by=SYSTEM)
    return reply


def report(status="5.1.1", words="550 5.1.1 No such user", action="failed"):
    return (DSN.replace("Status: 5.1.1", f"Status: {status}").replace("550 5.1.1 No such user", words)
            .replace("Action: failed", f"Action: {action}")).encode()


@pytest.mark.parametrize(("status", "words", "action", "kind", "state"), [
    ("5.1.1", "550 5.1.1 No such user", "failed", "hard", "bounced"),
    ("5.2.2", "552 5.2.2 Mailbox full", "failed", "full", "bounced"),
    ("5.0.0", "552 The mailbox is over quota", "failed", "full", "bounced"),
    ("5.7.1", "550 5.7.1 Message refused", "failed", "blocked", "bounced"),
    ("5.7.17", "550 sorry, no mailbox here by that name", "failed", "hard", "bounced"),
    ("5.0.0", "554 blocked, see https://dnsbl.example", "failed", "blocked", "bounced"),
    ("4.4.1", "451 no answer from host", "delayed", "soft", "sent")])
def test_a_report_is_noted_on_the_reply_it_concerns(take, ours, status, words, action, kind, state) -> None:  # noqa: F811
    row = take(report(status, words, action), envelope_from="")
    session().refresh(ours)
    (recipient,) = ours.recipients
    assert (row.ticket_id, recipient.bounce, recipient.state, ours.state) == (ours.ticket_id, kind, state, state)
    assert words.partition(" ")[2][-12:] in recipient.error
    assert session().get(Ticket, ours.ticket_id).status == "closed"
    avoided = session().scalar(sa.select(CustomerAddress.bounced_at).where(
        CustomerAddress.normalised == "kari@example.com"))
    assert (avoided is not None) == (kind == "hard")


def test_no_machine_writes_to_an_address_that_does_not_work_until_somebody_writes_from_it(take, ours) -> None:  # noqa: F811
    take(report(), envelope_from="")
    assert circuits.hold_back(["kari@example.com"]) == circuits.AVOIDED
    take(letter(text="I am here again", message_id="b@example.com"))
    assert circuits.hold_back(["kari@example.com"]) is None


COMPLAINT = b"""\
From: fbl@isp.example
To: support@desk.example
Subject: complaint about message
Message-ID: <arf@isp.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report.
--b
Content-Type: message/feedback-report

Feedback-Type: abuse
Version: 1

--b
Content-Type: message/rfc822

From: support@desk.example
To: kari@example.com
Message-ID: <ours.1@desk.example>

It left today.
--b--
"""


def test_a_complaint_joins_the_reply_it_is_about_and_stops_automatic_mail(take, ours) -> None:  # noqa: F811
    row = take(COMPLAINT)
    (message,) = messages(ledger_id=row.id)
    session().refresh(ours)
    assert (row.ticket_id, message.why["by"], message.extra["machine"]) == (ours.ticket_id, "complaint", "complaint")
    assert (ours.recipients[0].bounce, ours.state) == ("complaint", "sent")
    assert session().get(Ticket, ours.ticket_id).status == "closed"
    assert session().scalar(sa.select(Event.kind).where(Event.kind == "reply_called_spam"))
    assert circuits.hold_back(["kari@example.com"]) == circuits.AVOIDED


def test_a_report_about_a_notification_opens_no_ticket_that_would_be_notified_of(take, config) -> None:  # noqa: F811
    notice = compose.system_message_id("support@desk.example", deliver.key())
    row = take(report().replace(b"ours.1@desk.example", notice.encode()), envelope_from="")
    assert (row.fate, row.ticket_id) == ("ignored", None)
    assert "kari@example.com" in row.reason and "No such user" in row.reason
    away = take(letter(subject="Automatic reply: New ticket", Auto_Submitted="auto-replied", In_Reply_To=f"<{notice}>"))
    assert (away.fate, away.reason) == ("ignored", answers.MACHINE)
    assert take(letter(subject="Re: New ticket", In_Reply_To=f"<{notice}>")).fate == "created"  # a person's is read


def test_a_notification_that_came_back_is_noted_on_its_agent(take, config) -> None:  # noqa: F811
    kari, ola = make_agent("Kari", email="kari@example.com"), make_agent("Ola", email="ola@example.com")
    notice = compose.system_message_id("support@desk.example", deliver.key())
    take(report().replace(b"ours.1@desk.example", notice.encode()), envelope_from="")
    session().expire_all()
    assert kari.mail_failed_at is not None and "No such user" in kari.mail_failure and ola.mail_failed_at is None


def test_somebody_elses_id_is_none_of_the_desk(session) -> None:
    assert not compose.is_of_desk(compose.system_message_id("a@desk.example", b"another key"), deliver.key())
    assert not compose.is_of_desk("s.0123@desk.example", deliver.key())


# --- spam ----------------------------------------------------------------------------------------------------


def of(row):
    (message,) = messages(ledger_id=row.id)
    return session().get(Ticket, row.ticket_id), message


def kinds(message):
    return [each["kind"] for each in message.extra["marks"]]


def test_mail_of_somebody_who_is_kept_out_goes_into_the_spam_folder_and_back(take) -> None:  # noqa: F811
    senders.decide("bad.example", "block", by=SYSTEM)
    ticket, message = of(take(letter(sender="x@mail.bad.example")))
    assert (ticket.shelf, kinds(message)) == ("spam", ["spam_list"])
    tickets.mark_not_spam(ticket, by=SYSTEM)
    assert ticket.shelf == "open" and ticket.waiting_since is not None
    senders.decide("good@mail.bad.example", "allow", by=SYSTEM)
    assert of(take(letter(sender="good@mail.bad.example")))[0].shelf == "open"


def test_somebody_who_is_kept_out_reopens_nothing(take, ours) -> None:  # noqa: F811
    senders.decide("kari@example.com", "block", by=SYSTEM)
    ticket, message = of(take(letter(text="Again", In_Reply_To="<ours.1@desk.example>")))
    assert (ticket.id, ticket.status, ticket.is_spam, message.is_automatic) == (ours.ticket_id, "closed", False, True)


def through_us(**fields):
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"Received: from x by mx.desk.example; Sat, 21 Nov 2026 10:00:00 +0000\r\n{head}".encode()


def test_a_filter_in_front_of_the_desk_is_believed_once_it_is_named(take, ours) -> None:  # noqa: F811
    field = through_us(X_Spam_Flag="YES")
    assert of(take(field + letter(subject="Before", sender="a@else.example")))[0].shelf == "open"
    settings.put("mail.trusted_servers", "mx.desk.example", by=SYSTEM)
    ticket, message = of(take(field + letter(subject="After", sender="a@else.example")))
    assert (ticket.shelf, kinds(message)) == ("spam", ["spam_field"])
    senders.decide("a@else.example", "allow", by=SYSTEM)
    assert of(take(field + letter(subject="Let in", sender="a@else.example")))[0].shelf == "open"
    answer, message = of(take(field + letter(text="Thanks", In_Reply_To="<ours.1@desk.example>")))
    assert (answer.id, answer.is_spam, kinds(message)) == (ours.ticket_id, False, ["spam_field"])


def test_who_is_let_in_must_be_who_they_say(take) -> None:  # noqa: F811
    settings.put("mail.trusted_servers", "mx.desk.example", by=SYSTEM)
    senders.decide("kari@example.com", "allow", by=SYSTEM)
    fields = {"X_Spam_Flag": "YES", "Authentication_Results": "mx.desk.example; dmarc=fail header.from=example.com"}
    ticket, message = of(take(through_us(**fields) + letter()))
    assert (ticket.shelf, kinds(message)) == ("spam", ["sender_failed", "spam_field"])


def test_a_stranger_with_the_name_of_an_agent_is_marked(take) -> None:  # noqa: F811
    make_agent("Ada Lovelace")
    assert kinds(of(take(letter(sender="Ada  Lovelace <ada@else.example>")))[1]) == ["name_ours"]
    assert kinds(of(take(letter(sender='"support@bank.example" <x@else.example>')))[1]) == ["name_address"]
    assert kinds(of(take(letter(sender="Kari <kari@example.com>", subject="x")))[1]) == []


# --- which department ------------------------------------------------------------------------------------------


def test_the_ledger_keeps_what_was_taken_for_spam(take) -> None:  # noqa: F811
    senders.decide("kari@example.com", "block", by=SYSTEM)
    row = take(letter())
    assert (row.fate, session().get(Ledger, row.id).ticket_id) == ("created", row.ticket_id)
    with transaction():
        assert ledger.raw_of(row) == letter()
