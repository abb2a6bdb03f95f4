"""Watchfulness: the nightly check of all mail, banners for those whom they concern, health, a round trip."""

import datetime as dt

import pytest
import sqlalchemy as sa

from inbox import doctor, round_trip, secrets
from inbox.core import alarms, attachments, mailboxes
from inbox.core.models import Attachment, Event, Job, Ledger, Mailbox, Message, Ticket
from inbox.db import at_time, transaction, utcnow
from inbox.jobs import dispatch
from inbox.jobs.schedule import beat
from inbox.mail import ledger, ledger_health, receive, reconcile
from inbox.testing.factories import make_agent, make_department, make_mailbox, make_message, make_ticket
from tests.mail.conftest import letter
from tests.support.smtp_sink import SmtpSink
from tests.web.browse import Visitor


@pytest.fixture
def box(session, config):
    secrets.ensure_key(config)
    return make_mailbox("support@desk.example", department=make_department("Support"))


def arrive(box, **options) -> int:
    row = ledger.arrive(letter(**options), source="smtp", mailbox_id=box.id)
    receive.process(row)
    return row


# --- the nightly check ----------------------------------------------------------------------------------------------


def test_a_desk_that_is_whole(box, session) -> None:
    arrive(box)
    assert reconcile.check() == []
    event = session.scalars(sa.select(Event).where(Event.kind == "mail_reconciled")).one()
    assert event.data == {"problems": 0, "words": []} and alarms.look().missing == 0


def test_a_message_that_is_in_no_ticket_any_more(box, session) -> None:
    number = arrive(box)
    with transaction() as current:
        current.execute(sa.delete(Message))
    assert reconcile.check() == [f"Messages that should lie in tickets are not there: ledger rows {number}."]


def test_bytes_that_are_gone_from_the_disk(box, session, config) -> None:
    number = arrive(box)
    message = make_message(make_ticket(mailbox=box))
    digest = attachments.store(b"a file")
    with transaction() as current:
        current.add(Attachment(message_pk=message.id, filename="a", size=6, sha256=digest))
    for path in config.blob_folder.rglob("??/??/*"):
        path.unlink()
    assert reconcile.check() == [f"Messages as they came are missing on the disk: ledger rows {number}.",
                                 "Attachments are missing on the disk: numbers 1."]


def test_what_was_purged_is_not_missing(box, session) -> None:
    from inbox.core import purge
    from inbox.core.events import Actor

    arrive(box)
    purge.purge(session.scalars(sa.select(Ticket)).one(), by=Actor.system("test"))
    attachments.sweep(grace_seconds=-10)
    assert reconcile.check() == []


def test_messages_that_wait_for_an_hour(box, session) -> None:
    with at_time(utcnow() - dt.timedelta(hours=2)):
        ledger.arrive(letter(), source="smtp", mailbox_id=box.id)
    assert "more than an hour" in reconcile.check()[0]


def test_messages_in_the_account_that_never_arrived(box, session, dovecot) -> None:
    from tests.mail.test_pop3 import round_by_imap

    with transaction():
        box.incoming, box.imap_host, box.imap_port, box.imap_security = "imap", "127.0.0.1", dovecot.port, "none"
        box.imap_user, box.imap_password = "support", secrets.encrypt("secret")
    dovecot.append(*(letter(subject=f"Number {each}") for each in range(3)))
    round_by_imap(None, box)
    session.expire_all()
    assert reconcile.check() == []
    with transaction() as current:  # as a fault of this program would leave it
        current.execute(sa.delete(Message))
        current.execute(sa.delete(Ledger).where(Ledger.subject == "Number 1"))
        current.execute(sa.update(Ledger).values(fate="ignored"))
    assert "1 messages lie in support@desk.example that never arrived here." in reconcile.check()[0]


def test_mail_reconciled_is_told_to_admins_when_something_is_missing(app, box, session, config) -> None:
    ada = make_agent("Ada", role="admin")
    make_agent("Kari", departments=[box.department])
    arrive(box)
    for path in config.blob_folder.rglob("??/??/*"):
        path.unlink()
    reconcile.check()
    dispatch.deliver_due(app)
    session.rollback()
    mails = [job.args for job in session.scalars(sa.select(Job).where(Job.kind == "mail.system")) if (
        "nightly check" in job.args["subject"])]
    assert [each["to"] for each in mails] == [ada.email] and "missing on the disk" in mails[0]["text"]
    page = Visitor(app).sign_in(ada).get("/settings/status").text
    assert "missing on the disk" in page and "The nightly check found mail" in page


# --- banners --------------------------------------------------------------------------------------------------------


@pytest.fixture
def people(app, box):
    """An author, a colleague and an admin, each with a browser."""
    return {name: make_agent(name, role=role, departments=[box.department])
            for name, role in (("Kari", "agent"), ("Per", "agent"), ("Ada", "admin"))}


def banner(app, agent) -> str:
    app.extensions.pop("inbox_alarms", None)
    browser = Visitor(app).sign_in(agent)
    return browser.get("/alarms").text


def test_an_unsent_reply_is_a_banner_for_its_author_and_the_admin(app, box, people, session) -> None:
    ticket = make_ticket("Parcel", mailbox=box)
    with at_time(utcnow() - dt.timedelta(minutes=4)):
        message = make_message(ticket, "Soon.", kind="reply", by=people["Kari"])
    assert not any("not been sent" in banner(app, each) for each in people.values())
    with transaction():
        message.at = message.send_after = utcnow() - dt.timedelta(minutes=7)
    assert "Your reply has not been sent for 7 min" in banner(app, people["Kari"])
    assert "A reply has not been sent for 7 min" in banner(app, people["Ada"])
    assert f"/tickets/{ticket.number}" in banner(app, people["Ada"])
    assert "not been sent" not in banner(app, people["Per"])


def test_a_reply_that_is_tried_again_and_again_is_unsent_too(app, box, people, session) -> None:
    message = make_message(make_ticket(mailbox=box), "Soon.", kind="reply", by=people["Kari"])
    with transaction():
        message.at, message.send_after = utcnow() - dt.timedelta(minutes=6), utcnow() + dt.timedelta(minutes=10)
        message.error = "451 try later"
    assert "451 try later" in banner(app, people["Kari"])
    with transaction():
        message.error = None  # written now to be sent later
    assert "not been sent" not in banner(app, people["Kari"])


def test_a_silent_worker_is_seen_by_everybody(app, people, session) -> None:
    with at_time(utcnow() - dt.timedelta(minutes=3)):
        beat("worker:here:1")
    assert "worker was last heard of 3 min ago" in banner(app, people["Per"])
    assert "inbox doctor" in banner(app, people["Ada"]) and "inbox doctor" not in banner(app, people["Per"])
    beat("worker:here:2")
    assert "worker was last heard of" not in banner(app, people["Per"])


def test_every_page_carries_the_banners(app, people, session) -> None:
    with at_time(utcnow() - dt.timedelta(minutes=3)):
        beat("worker:here:1")
    browser = Visitor(app).sign_in(people["Ada"])
    for path in ("/", "/settings/mailboxes", "/ledger", "/profile"):
        assert "worker was last heard of" in browser.get(path, follow_redirects=True).text, path


def test_a_mailbox_that_cannot_be_read_for_long_is_seen_by_those_who_mend_it(app, box, people, session) -> None:
    mailboxes.fetch_failed(box, "There is no server called imap.example.", wait=20)
    assert "imap.example" not in banner(app, people["Ada"])  # a moment is no alarm
    with transaction():
        box.fetch_error_at = utcnow() - dt.timedelta(minutes=20)
    assert "There is no server called imap.example." in banner(app, people["Ada"])
    assert "imap.example" not in banner(app, people["Per"])


# --- how a mailbox is -----------------------------------------------------------------------------------------------


def test_the_next_try_and_the_lag_are_shown(app, box, people, session) -> None:
    with transaction():
        box.incoming = "imap"
    raw = letter(Received="from a by b; Sat, 21 Nov 2026 10:00:00 +0000")
    with at_time(dt.datetime(2026, 11, 21, 10, 3, tzinfo=dt.UTC)):
        receive.process(ledger.arrive(raw, source="imap", mailbox_id=box.id))
    assert ledger_health.lag_of(box) == dt.timedelta(minutes=3)
    for _ in range(2):
        mailboxes.fetch_failed(box, "The server is away.", wait=300)
    page = Visitor(app).sign_in(people["Ada"]).get("/ledger").text
    assert "Next try" in page and "<dd>2</dd>" in page and "3 min" in page
    mailboxes.fetch_worked(box)
    assert (box.failures, box.next_try_at) == (0, None)


# --- a real message out and back --------------------------------------------------------------------------------------


def test_a_round_trip_ends_in_the_ledger_and_makes_no_ticket(app, box, session) -> None:
    sink = SmtpSink()
    with transaction():
        box.outgoing, box.smtp_host, box.smtp_port, box.smtp_security = "smtp", "127.0.0.1", sink.port, "none"
    try:
        (lost,) = round_trip.run(0.0)
        assert not lost[1] and "did not come back" in lost[2]
        trip = round_trip.run(60.0)
        message_id = None

        def deliver(*_args: object) -> None:
            nonlocal message_id
            raw = sink.wait_for(2)[1].raw
            row = ledger.arrive(raw, source="smtp", mailbox_id=box.id)
            assert receive.process(row) == "ignored"

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(round_trip.time, "sleep", deliver)
            (back,) = list(trip)
        assert back[:2] == ("support@desk.example", True) and "came back in" in back[2]
        assert session.scalar(sa.select(sa.func.count(Ticket.id))) == 0
    finally:
        sink.stop()


def test_a_round_trip_that_cannot_begin_says_why(box, session) -> None:
    with transaction():
        box.outgoing, box.smtp_host, box.smtp_port = "smtp", "127.0.0.1", 1
    ((address, is_well, words, mend),) = round_trip.run(0.0)
    assert address == "support@desk.example" and not is_well and "could not be sent" in words and mend


def test_the_doctor_tells_of_the_nightly_check_and_of_logins(app, config, box, session) -> None:
    with transaction() as current:
        made = current.get_one(Mailbox, box.id)
        made.incoming, made.imap_host, made.sign_in = "imap", "127.0.0.1", "google"
    reconcile.check()
    found = {each.name: each for each in doctor.examine(config, plugins=False)}
    assert found["nightly check"].state == doctor.OK
    assert "not connected" in found["support@desk.example"].words and "Connect" in found["support@desk.example"].mend
