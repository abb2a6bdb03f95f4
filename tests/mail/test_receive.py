"""From the ledger into a ticket: every message gets a fate, once, whatever it is and whatever fails."""

import errno

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from inbox.core import attachments, tickets
from inbox.core.events import Actor
from inbox.core.models import Attachment, Customer, Event, Ledger, Mailbox, Message, Recipient, Ticket
from inbox.db import session, transaction
from inbox.mail import ledger, receive
from tests.mail.conftest import letter

SYSTEM = Actor.system("test")


@pytest.fixture
def take(session, mailbox):
    """Let a message arrive and process it; returns its ledger row."""

    def call(raw, **options):
        row_id = ledger.arrive(raw, **{"source": "smtp", "mailbox_id": mailbox, "envelope_from": "kari@example.com",
                                       "envelope_to": ["support@desk.example"]} | options)
        receive.process(row_id)
        return session.get(Ledger, row_id, populate_existing=True)

    return call


def messages(**where):
    return list(session().scalars(sa.select(Message).filter_by(**where).order_by(Message.id)))


def reply_of_ours(ticket, message_id="ours.1@desk.example", to="kari@example.com"):
    with transaction() as current:
        message = Message(ticket_id=ticket, kind="reply", state="sent", author_kind="agent", text="It left today.",
                          message_id=message_id)
        message.recipients = [Recipient(message_kind="reply", address=to, state="sent")]
        current.add(message)
        current.flush()
        return message


def test_a_message_becomes_a_ticket(take, mailbox):
    row = take(letter(sender="Kari Nordmo <Kari@Example.com>", subject="Hvor blir pakken?", message_id="a@example.com"))
    assert (row.fate, row.message_id, row.subject, row.attempts) == ("created", "a@example.com", "Hvor blir pakken?", 1)
    ticket = session().get(Ticket, row.ticket_id)
    (message,) = messages(ticket_id=ticket.id)
    assert (ticket.subject, ticket.status, ticket.mailbox_id) == ("Hvor blir pakken?", "open", mailbox)
    assert ticket.department_id == session().get(Mailbox, mailbox).department_id
    assert (message.kind, message.text, message.from_name) == ("received", "Where is my parcel?", "Kari Nordmo")
    assert (message.ledger_id, message.message_id, message.at) == (row.id, "a@example.com", row.arrived_at)
    assert session().get(Customer, ticket.customer_id).email.lower() == "kari@example.com"
    kinds = session().scalars(sa.select(Event.kind).where(Event.ticket_id == ticket.id)).all()
    assert kinds == ["ticket_created", "message_received"]


def test_attachments_lie_in_the_blob_store(take):
    raw = (b"From: a@example.com\r\nSubject: file\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n"
           b"\r\n--x\r\nContent-Type: text/plain\r\n\r\nsee file\r\n--x\r\nContent-Type: application/pdf\r\n"
           b"Content-Disposition: attachment; filename=bill.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
           b"JVBERi0xLjQK\r\n--x--\r\n")
    row = take(raw)
    (file,) = session().scalars(sa.select(Attachment))
    assert (row.fate, file.filename, file.size, file.content_type) == ("created", "bill.pdf", 9, "application/pdf")
    assert attachments.read(file.sha256) == b"%PDF-1.4\n"


def test_an_answer_to_our_reply_joins_the_ticket_and_says_why(take):
    first = take(letter(message_id="a@example.com"))
    ours = reply_of_ours(first.ticket_id)
    second = take(letter(subject="Re: Hello", text="Thanks", message_id="b@example.com",
                         In_Reply_To="<ours.1@desk.example>", References="<a@example.com> <ours.1@desk.example>"))
    assert (second.fate, second.ticket_id) == ("appended", first.ticket_id)
    why = messages(message_id="b@example.com")[0].why
    assert (why["by"], why["message_id"], why["message_pk"]) == ("in_reply_to", "ours.1@desk.example", ours.id)


def test_an_answer_opens_a_closed_ticket_again(take):
    first = take(letter(message_id="a@example.com"))
    ticket = session().get(Ticket, first.ticket_id)
    tickets.set_status(ticket, "closed", by=SYSTEM)
    take(letter(text="Still broken", In_Reply_To="<a@example.com>"))
    session().refresh(ticket)
    assert ticket.status == "open"


def test_an_absence_note_joins_without_opening_it_again(take):
    first = take(letter(message_id="a@example.com"))
    ticket = session().get(Ticket, first.ticket_id)
    tickets.set_status(ticket, "closed", by=SYSTEM)
    row = take(letter(subject="Automatic reply: Hello", In_Reply_To="<a@example.com>", Auto_Submitted="auto-replied"))
    session().refresh(ticket)
    assert (row.fate, ticket.status) == ("appended", "closed")
    assert messages(ledger_id=row.id)[0].is_automatic


def test_a_mailing_list_in_front_of_the_desk_is_a_person_whom_no_machine_answers(take):
    row = take(letter(List_Id="<support.group.example>", Precedence="list"))
    (message,) = messages(ledger_id=row.id)
    assert not message.is_automatic
    assert message.extra["unanswerable"]


def test_the_same_message_twice_is_one_and_a_duplicate(take):
    raw = letter(message_id="a@example.com")
    first = take(raw)
    second = take(b"Received: from elsewhere\n" + raw)
    assert (second.fate, second.ticket_id) == ("duplicate", first.ticket_id)
    assert f"number {first.id} " in second.reason
    assert len(messages()) == 1


def test_the_same_message_id_with_other_words_is_another_message(take):
    first = take(letter(message_id="a@example.com", text="One"))
    second = take(letter(message_id="a@example.com", text="Two"))
    assert {first.fate, second.fate} == {"created"}


def test_without_message_id_the_bytes_tell(take):
    raw = letter(message_id=None)
    assert [take(raw).fate, take(raw).fate, take(letter(message_id=None, text="Other")).fate] == [
        "created", "duplicate", "created"]


def test_a_duplicate_of_a_quarantined_message_is_none(take, monkeypatch):
    raw = letter(message_id=None)
    with monkeypatch.context() as patch:
        patch.setattr(receive.parse, "parse", lambda raw: 1 / 0)
        assert take(raw).fate == "quarantined"
    assert take(raw).fate == "created"


def test_our_own_reply_coming_back_is_ignored(take):
    first = take(letter(message_id="a@example.com"))
    reply_of_ours(first.ticket_id)
    row = take(letter(sender="support@desk.example", message_id="ours.1@desk.example"))
    assert (row.fate, row.reason) == ("ignored", receive.OUR_OWN)


def test_an_automatic_mail_of_ours_coming_back_is_ignored(take):
    row = take(letter(sender="returns@desk.example", Auto_Submitted="auto-generated"))
    assert (row.fate, row.reason) == ("ignored", receive.OUR_ROBOT)


def test_a_form_on_our_site_writes_for_the_visitor(take):
    row = take(letter(sender="Web form <support@desk.example>", Reply_To="Ola <ola@example.com>"))
    (message,) = messages(ledger_id=row.id)
    assert (message.from_address, message.from_name, message.is_automatic) == ("ola@example.com", "Ola", False)


def test_mail_from_our_own_address_is_never_answered_by_a_machine(take):
    row = take(letter(sender="support@desk.example"))
    (message,) = messages(ledger_id=row.id)
    assert (row.fate, message.is_automatic) == ("created", True)


def test_without_from_there_is_a_ticket_of_an_unknown_sender(take):
    row = take(b"Subject: Who am I\r\n\r\nHello\r\n")
    (message,) = messages(ledger_id=row.id)
    customer = session().get(Customer, message.customer_id)
    assert (row.fate, message.from_address, customer.email) == ("created", "", None)
    assert message.is_automatic  # nothing is sent


def test_an_empty_message_is_ignored_and_says_so(take):
    row = take(b"\r\n\r\n")
    assert (row.fate, row.reason) == ("ignored", receive.EMPTY)


DSN = """\
From: MAILER-DAEMON@mx.example.net
To: support@desk.example
Subject: Undelivered Mail Returned to Sender
Message-ID: <dsn@mx.example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I'm sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; kari@example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 No such user

--b
Content-Type: message/rfc822

From: support@desk.example
To: kari@example.com
Subject: Re: Hello
Message-ID: <ours.1@desk.example>

It left today.
--b--
"""


def test_a_bounce_joins_the_ticket_and_marks_the_recipient(take):
    first = take(letter(message_id="a@example.com"))
    ours = reply_of_ours(first.ticket_id)
    ticket = session().get(Ticket, first.ticket_id)
    tickets.set_status(ticket, "closed", by=SYSTEM)
    row = take(DSN.encode(), envelope_from="")
    session().refresh(ours)
    session().refresh(ticket)
    assert (row.fate, row.ticket_id, ticket.status) == ("appended", ticket.id, "closed")
    assert (ours.state, ours.recipients[0].state) == ("bounced", "bounced")
    assert "No such user" in ours.recipients[0].error
    assert messages(ledger_id=row.id)[0].why["by"] == "bounce"
    assert session().scalar(sa.select(sa.func.count()).where(Event.kind == "reply_bounced")) == 1


def test_a_late_bounce_does_not_touch_what_only_was_delayed(take):
    first = take(letter(message_id="a@example.com"))
    ours = reply_of_ours(first.ticket_id)
    take(DSN.replace("Action: failed", "Action: delayed").replace("5.1.1", "4.4.1").replace("550", "450").encode())
    session().refresh(ours)
    assert ours.state == "sent"


# --- what can go wrong ---------------------------------------------------------------------------------------


def test_a_fault_while_reading_is_quarantined_and_can_be_retried(take, session, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(receive.parse, "parse", lambda raw: {}["nothing"])
        row = take(letter())
    assert (row.fate, row.ticket_id) == ("quarantined", None)
    assert "KeyError" in row.reason
    assert "Traceback" in row.error
    assert session.scalar(sa.select(Event.kind).where(Event.kind == "mail_quarantined"))
    assert messages() == []
    ledger.retry(row.id, SYSTEM)
    receive.process(row.id)
    session.refresh(row)
    assert (row.fate, row.error, row.reason) == ("created", None, "")


def test_a_fault_while_storing_leaves_nothing_half_done(take, monkeypatch):
    def fail(*_args, **_options):
        raise ValueError("broken index")

    monkeypatch.setattr(receive.intake.search, "index_new", fail)
    row = take(letter())
    assert row.fate == "quarantined"
    assert messages() == []
    assert session().scalar(sa.select(sa.func.count(Ticket.id))) == 0


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"),
                                   OperationalError("insert", {}, Exception("database is locked"))])
def test_trouble_of_disk_or_database_is_for_the_job_to_retry(take, session, monkeypatch, mailbox, error):
    def fail(*_args, **_options):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(receive.letters.bodies, "build", fail)
        for _ in range(4):
            with pytest.raises(type(error)):
                take(letter())
    for row in session.scalars(sa.select(Ledger)):
        session.refresh(row)
        assert (row.fate, row.attempts) == ("waiting", 0)
        receive.process(row.id)
    fates = list(session.scalars(sa.select(Ledger.fate).order_by(Ledger.id)))
    assert fates == ["created", "duplicate", "duplicate", "duplicate"]


def test_attempts_that_could_not_be_given_back_are_not_held_against_the_message(take, session, mailbox, monkeypatch):
    row_id = ledger.arrive(letter(), source="smtp", mailbox_id=mailbox)
    with monkeypatch.context() as patch:
        def fail(*_args, **_options):
            raise OSError(errno.EIO, "Input/output error")

        def locked(_ledger_id):
            receive._survived[row_id] = receive._survived.get(row_id, 0) + 1

        patch.setattr(receive.letters.bodies, "build", fail)
        patch.setattr(receive, "_give_back", locked)
        for _ in range(3):
            with pytest.raises(OSError):
                receive.process(row_id)
    assert receive.process(row_id) == "created"


def test_a_message_that_ended_the_process_twice_is_not_read_again(take, session, mailbox, monkeypatch):
    row_id = ledger.arrive(letter(), source="smtp", mailbox_id=mailbox)
    with transaction() as current:
        current.get(Ledger, row_id).attempts = 2
    monkeypatch.setattr(receive.parse, "parse", lambda raw: pytest.fail("it was read"))
    assert receive.process(row_id) == "quarantined"
    assert session.get(Ledger, row_id, populate_existing=True).reason == receive.ENDED_TWICE


def test_missing_bytes_are_said_plainly(take, session, mailbox, config):
    row_id = ledger.arrive(letter(), source="smtp", mailbox_id=mailbox)
    for path in config.blob_folder.rglob("*.gz"):
        path.unlink()
    receive.process(row_id)
    assert session.get(Ledger, row_id, populate_existing=True).reason == receive.LOST_BYTES


def test_a_message_for_a_deleted_mailbox_waits_for_a_person(session, mailbox):
    row_id = ledger.arrive(letter(), source="smtp", mailbox_id=None)
    receive.process(row_id)
    row = session.get(Ledger, row_id, populate_existing=True)
    assert (row.fate, row.reason, row.subject) == ("quarantined", receive.NO_HOME, "Hello")


def test_processing_again_what_has_a_fate_changes_nothing(take):
    row = take(letter())
    assert receive.process(row.id) == "created"
    assert len(messages()) == 1


def test_a_parent_stored_meanwhile_is_found(take, session, mailbox, monkeypatch):
    """The answer is processed at the same moment as what it answers."""
    parent = ledger.arrive(letter(message_id="a@example.com"), source="smtp", mailbox_id=mailbox)
    answer = ledger.arrive(letter(message_id="b@example.com", text="x", In_Reply_To="<a@example.com>"),
                           source="smtp", mailbox_id=mailbox)
    ask, asked = receive.intake.plan, []

    def plan(incoming, **options):
        made = ask(incoming, **options)
        if not asked:
            asked.append(1)
            receive.one_at_a_time.release()
            receive.process(parent)
            receive.one_at_a_time.acquire()
        return made

    monkeypatch.setattr(receive.intake, "plan", plan)
    assert receive.process(answer) == "appended"
    assert session.scalar(sa.select(sa.func.count(Ticket.id))) == 1


def test_two_workers_on_one_message_store_it_once(take, session, mailbox, monkeypatch):
    row_id = ledger.arrive(letter(message_id=None), source="smtp", mailbox_id=mailbox)
    ask, asked = receive.intake.plan, []

    def plan(incoming, **options):
        made = ask(incoming, **options)
        if not asked:
            asked.append(1)
            receive.one_at_a_time.release()
            receive.process(row_id)
            receive.one_at_a_time.acquire()
        return made

    monkeypatch.setattr(receive.intake, "plan", plan)
    receive.process(row_id)
    assert len(messages()) == 1
    assert session.get(Ledger, row_id, populate_existing=True).fate == "created"


@pytest.mark.parametrize("raw", [
    b"\x00\x01\x02\xff\xfe", b"From: a@example.com\r\n", b"no header at all",
    b"From: \x00@\x00\r\nSubject: \x00\r\n\r\n\x00",
    b"From: a@example.com\r\nSubject: =?utf-8?b?AAAA?=\r\n\r\nNUL\x00byte",
    b"From: a@example.com\r\nContent-Type: text/plain; charset=nonsense\r\n\r\n\xe5\xe6\xf8",
    b"From: a@example.com\r\nMessage-ID: <" + b"x" * 5000 + b"@y>\r\n\r\nlong id",
    b"From: " + b"\xf0\x9f" * 400 + b" <a@example.com>\r\n\r\nx",
    b"From: a@example.com\r\nDate: the day after\r\nTo: undisclosed-recipients:;\r\n\r\nodd date",
], ids=range(9))
def test_broken_messages_are_taken_in_or_held_but_never_lost(take, raw):
    assert take(raw).fate in ("created", "ignored")


def test_two_hundred_nested_parts(take):
    raw = b"From: a@example.com\r\nSubject: deep\r\nMIME-Version: 1.0\r\n"
    for level in range(200):
        raw += b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
    assert take(raw + b"Content-Type: text/plain\r\n\r\nat the bottom\r\n").fate == "created"


def test_a_script_that_says_the_same_without_id_and_date_is_heard_each_time(take, mailbox):
    raw = b"From: alarm@host.example\r\nTo: support@desk.example\r\nSubject: Disk full\r\n\r\nDisk full.\r\n"
    rows = [ledger.arrive(raw, source="smtp", mailbox_id=mailbox) for _ in range(2)]
    for row in rows:
        receive.process(row)
    assert [session().get(Ledger, row, populate_existing=True).fate for row in rows] == ["created", "created"]


def test_a_strangers_message_that_bears_our_message_id_is_read(take):
    ours = reply_of_ours(take(letter()).ticket_id).message_id
    assert take(letter(sender="somebody@else.example", message_id=ours)).fate == "created"
