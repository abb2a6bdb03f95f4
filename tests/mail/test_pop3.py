"""Fetching by POP3 from a real server, deleting what was taken in, and copies of what was sent."""

import datetime as dt

import pytest
import sqlalchemy as sa

from inbox import holders, secrets
from inbox.core import settings
from inbox.core.events import Actor
from inbox.core.models import Job, Ledger, Mailbox, Ticket
from inbox.db import at_time, session, transaction, utcnow, work_context
from inbox.mail import fetcher, imap, imap_after, imap_rows, pop3, receive
from inbox.mail.imap_client import Account, connected
from inbox.testing.factories import make_message, make_ticket
from tests.mail.conftest import letter
from tests.support import dovecot as dovecots


@pytest.fixture
def account(dovecot):
    if not dovecots.speaks_pop3():
        pytest.skip("Dovecot has no POP3 here (Debian: apt install dovecot-pop3d)")
    return Account("127.0.0.1", dovecot.pop3_port, "none", "support", "secret")


@pytest.fixture
def box(app, config, mailbox, account, session):
    secrets.ensure_key(config)
    with transaction() as current:
        row = current.get(Mailbox, mailbox)
        row.incoming, row.imap_host, row.imap_port = "pop3", account.host, account.port
        row.imap_security, row.imap_user, row.imap_password = "none", "support", secrets.encrypt("secret")
        return row


@pytest.fixture
def fetch(app, box, account):
    owner = holders.new_name()

    def call(delete_after=None):
        assert imap_rows.take_lease(box.id, owner)
        with pop3.connected(account) as client:
            count = pop3.fetch_new(client, box.id, owner)
            if delete_after is not None:
                pop3.tidy(client, box.id, delete_after)
        for row in session().scalars(sa.select(Ledger.id).where(Ledger.fate == "waiting").order_by(Ledger.id)).all():
            receive.process(row)
        return count

    yield call
    holders.forget(owner)


def test_each_message_is_fetched_once_and_stays(dovecot, fetch) -> None:
    dovecot.append(letter(subject="One"), letter(subject="Two", text="." * 5000 + "\n..dots\n"))
    assert [fetch(), fetch()] == [2, 0]
    dovecot.append(letter(subject="Three"))
    assert fetch() == 1 and dovecot.count() == 3
    assert session().scalars(sa.select(Ticket.subject).order_by(Ticket.id)).all() == ["One", "Two", "Three"]
    assert set(session().scalars(sa.select(Ledger.source))) == {"pop3"}


def test_what_lies_in_a_ticket_is_deleted_when_its_time_has_come(dovecot, fetch) -> None:
    dovecot.append(letter(subject="One"))
    fetch(delete_after=7)  # not taken in yet when we look, and too young besides
    fetch(delete_after=7)
    assert dovecot.count() == 1
    with at_time(utcnow() + dt.timedelta(days=8)):
        fetch(delete_after=7)
    assert dovecot.count() == 0 and fetch() == 0


def test_what_is_held_is_not_deleted(dovecot, fetch, monkeypatch) -> None:
    monkeypatch.setattr(receive.parse, "parse", lambda raw: 1 / 0)
    dovecot.append(letter())
    fetch()
    fetch(delete_after=0)
    assert dovecot.count() == 1 and session().scalars(sa.select(Ledger.fate)).all() == ["quarantined"]


def test_older_mail_than_the_start_stays_where_it_is(dovecot, fetch, box) -> None:
    settings.put("mail.start", "2026-11-01", by=Actor.system("test"), scope=f"mailbox:{box.id}")
    old = letter(subject="Old").replace(b"21 Nov 2026", b"21 Oct 2026")
    dovecot.append(old, letter(subject="New"))
    assert [fetch(), fetch()] == [1, 0]


def test_of_what_is_too_big_only_the_header_is_fetched(dovecot, fetch, app) -> None:
    import dataclasses

    app.config["INBOX"] = dataclasses.replace(app.config["INBOX"], max_message_bytes=2000)
    dovecot.append(letter(subject="Big", text="x" * 80 + "\n" + "y\n" * 4000))
    fetch()
    row = session().scalars(sa.select(Ledger)).one()
    assert row.fate == "quarantined" and row.subject == "Big" and "Only the header" in row.reason
    app.config["INBOX"] = dataclasses.replace(app.config["INBOX"], max_message_bytes=200_000)
    fetch()
    session().expire_all()
    assert row.fate == "created"


def test_the_connection_is_tried_step_by_step(account) -> None:
    from dataclasses import replace

    assert [each.step for each in pop3.test_connection(account) if each.is_ok] == ["host", "port", "login", "folder"]
    tried = pop3.test_connection(replace(account, password="wrong"))
    assert (tried[-1].step, tried[-1].is_ok) == ("login", False) and "refused" in tried[-1].words


def test_the_worker_fetches_it(app, box, dovecot, ledger_rows, monkeypatch) -> None:
    from tests.mail.test_imap import wait_until

    monkeypatch.setattr(fetcher, "LOOK_SECONDS", 0.1)
    dovecot.append(letter())
    running = fetcher.Fetcher(app, poll_seconds=0.2)
    running.start()
    try:
        wait_until(lambda: len(ledger_rows()) == 1, 60)
        dovecot.append(letter(subject="Another"))
        wait_until(lambda: len(ledger_rows()) == 2, 60)
    finally:
        running.stop()


# --- what is written to an IMAP account -------------------------------------------------------------------------------


@pytest.fixture
def by_imap(box, dovecot, session):
    with transaction():
        here = session.get(Mailbox, box.id)
        here.incoming, here.imap_port, here.sent_folder = "imap", dovecot.port, "Sent"
        return here


def round_by_imap(app, box, days=None):
    owner = holders.new_name()
    assert imap_rows.take_lease(box.id, owner)
    with connected(imap.account_of(box)) as (client, state):
        place = imap_rows.Place(box.id, "INBOX", int(state[b"UIDVALIDITY"]))
        imap.fetch_new(client, place, owner)
        for row in session().scalars(sa.select(Ledger.id).where(Ledger.fate == "waiting")).all():
            receive.process(row)
        gone = imap_after.tidy(client, place, days) if days is not None else 0
    imap_rows.release(box.id, owner)
    holders.forget(owner)
    return gone


def test_imap_deletes_only_what_was_taken_in(app, by_imap, dovecot) -> None:
    dovecot.append(letter(subject="One"), letter(subject="Two"))
    assert round_by_imap(app, by_imap, 7) == 0 and dovecot.count() == 2
    with transaction() as current:
        current.scalars(sa.select(Ledger).where(Ledger.subject == "Two")).one().fate = "quarantined"
    assert round_by_imap(app, by_imap, 0) == 1 and dovecot.count() == 1
    dovecot.append(letter(subject="Three"))
    assert round_by_imap(app, by_imap) == 0 and session().scalar(sa.select(sa.func.count(Ledger.id))) == 3


def test_a_copy_of_what_was_sent_lies_in_its_folder_once(app, by_imap, dovecot, smtp_sink) -> None:
    from inbox.mail import deliver

    with transaction():
        by_imap.outgoing, by_imap.smtp_host, by_imap.smtp_port = "smtp", "127.0.0.1", smtp_sink.port
        by_imap.smtp_security = "none"
    message = make_message(make_ticket("Parcel", mailbox=by_imap), "It is on its way.", kind="reply")
    with transaction():
        message.send_after = utcnow()
    deliver.send(message.id)
    (job,) = session().scalars(sa.select(Job).where(Job.kind == "mail.sent_copy"))
    for _ in range(2):
        imap_after.sent_copy_job(job.args)
    assert dovecot.count(folder="Sent") == 1
    assert imap_after.folders_of(by_imap.id) == ["INBOX", "Sent"]


def test_folders_are_shown_to_choose_from(app, by_imap, dovecot) -> None:
    from inbox.testing.factories import make_agent
    from tests.web.browse import Visitor

    dovecot.append(letter(), folder="INBOX")
    page = Visitor(app).sign_in(make_agent(role="admin")).get(f"/settings/mailboxes/{by_imap.id}/folders").text
    assert '<option value="INBOX">' in page


def test_a_preset_fills_in_the_servers(app, session, mailbox) -> None:
    from inbox.testing.factories import make_agent
    from tests.web.browse import Visitor

    browser = Visitor(app).sign_in(make_agent(role="admin"))
    page = browser.post("/settings/mailboxes/fields", {"address": "shop@gmail.com", "incoming": "imap"},
                        page="/settings/mailboxes/new").text
    assert 'value="imap.gmail.com"' in page and 'value="google" checked' in page
    page = browser.post("/settings/mailboxes/fields", {"preset": "gmx", "incoming": "pop3"},
                        page="/settings/mailboxes/new").text
    assert 'value="pop.gmx.net"' in page and 'value="pop3" checked' in page and 'value="995"' in page
    with work_context(app):
        assert session.get(Mailbox, mailbox).imap_host == ""
