"""The listener, spoken to by smtplib over a real connection."""

import contextlib
import smtplib
import socket
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa

import inbox.db
from inbox import blobs
from inbox.core import attachments
from inbox.core.models import Job, Mailbox
from inbox.db import db, session, transaction, work_context
from inbox.mail import smtp_server
from tests.mail.conftest import letter


def send(listener, raw, to="support@desk.example", sender="kari@example.com", options=()):
    with smtplib.SMTP("127.0.0.1", listener.port, timeout=20) as client:
        return client.sendmail(sender, to, raw, options)


def test_a_250_means_that_row_job_and_bytes_are_stored(app, mailbox, listen, ledger_rows):
    raw = letter()
    send(listen(), raw)
    (row,) = ledger_rows()
    assert (row.mailbox_id, row.source, row.fate, row.envelope_from) == (mailbox, "smtp", "waiting", "kari@example.com")
    assert row.envelope_to == ["support@desk.example"]
    assert row.remote == "127.0.0.1"
    with work_context(app):
        stored = attachments.read(row.sha256)
        job = session().scalars(sa.select(Job)).one()
    assert stored == raw + b"\r\n"  # which smtplib adds to a message with bare line feeds
    assert (job.kind, job.args, job.key) == ("mail.process", {"ledger_id": row.id}, f"ledger:{row.id}")


def test_an_unknown_recipient_is_refused_with_550(mailbox, listen, ledger_rows):
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(listen(), letter(), to="nobody@desk.example")
    assert refused.value.recipients["nobody@desk.example"][0] == 550
    assert ledger_rows() == []


def test_an_inactive_mailbox_is_unknown(app, mailbox, listen):
    with work_context(app), transaction() as current:
        current.get(Mailbox, mailbox).is_active = False
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(listen(), letter())


@pytest.mark.parametrize("address", [
    "support+order42@desk.example", "Support@Desk.Example", "SUPPORT+a+b@Desk.example"])
def test_plus_addresses_and_case_find_the_mailbox(mailbox, listen, ledger_rows, address):
    send(listen(), letter(), to=address)
    assert ledger_rows()[0].mailbox_id == mailbox


def test_one_envelope_for_two_mailboxes_makes_a_row_for_each(mailbox, listen, ledger_rows):
    to = ["support@desk.example", "returns@desk.example", "support+x@desk.example"]
    send(listen(), letter(), to=to)
    rows = ledger_rows()
    assert len({row.mailbox_id for row in rows}) == len(rows) == 2
    assert rows[0].envelope_to == ["support@desk.example", "support+x@desk.example"]
    assert rows[0].sha256 == rows[1].sha256


def test_known_recipients_get_the_message_though_another_is_unknown(mailbox, listen, ledger_rows):
    refused = send(listen(), letter(), to=["nobody@desk.example", "returns@desk.example"])
    assert list(refused) == ["nobody@desk.example"]
    assert [row.envelope_to for row in ledger_rows()] == [["returns@desk.example"]]


def test_the_size_limit_is_announced_and_enforced(mailbox, listen, ledger_rows):
    listener = listen(max_message_bytes=20_000)
    with smtplib.SMTP("127.0.0.1", listener.port) as client:
        client.ehlo()
        assert client.esmtp_features["size"] == "20000"
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:  # sendmail announces the size
            client.sendmail("a@example.com", "support@desk.example", letter(text="x" * 70 + "\n") + b"y\n" * 20_000)
    assert refused.value.smtp_code == 552
    with smtplib.SMTP("127.0.0.1", listener.port) as client:
        client.ehlo()
        client.docmd("MAIL FROM:<a@example.com>")
        client.docmd("RCPT TO:<support@desk.example>")
        code, _ = client.data(b"Subject: x\r\n\r\n" + b"y\r\n" * 20_000)  # did not announce it
    assert code == 552
    assert ledger_rows() == []


def test_bounces_come_with_an_empty_sender(mailbox, listen, ledger_rows):
    send(listen(), letter(), sender="")
    assert ledger_rows()[0].envelope_from == ""


def test_smtputf8_addresses(app, mailbox, listen, ledger_rows):
    with work_context(app), transaction() as current:
        current.get(Mailbox, mailbox).address = "støtte@desk.example"
    send(listen(), letter(), to="støtte@desk.example", sender="kåre@example.com", options=["SMTPUTF8"])
    assert ledger_rows()[0].envelope_from == "kåre@example.com"


def test_overlong_lines_are_taken(mailbox, listen, ledger_rows):
    send(listen(), letter() + b"<p>" + b"x" * 100_000 + b"</p>\n")
    assert ledger_rows()[0].size > 100_000


@pytest.mark.parametrize("body", [b".", b"..", b".\r\n.\r\n", b"", b"a\r\n.b\r\n..\r\n", b"x\n.y\n..z\n", b"\r\n\r\n"])
def test_dots_and_line_ends_come_through_unchanged(app, mailbox, listen, ledger_rows, body):
    raw = b"Subject: dots\r\n\r\n" + body if b"\n." not in body or b"\r" in body else b"Subject: dots\n\n" + body
    send(listen(), raw)
    with work_context(app):
        stored = attachments.read(ledger_rows()[0].sha256)
    assert stored == (raw if raw.endswith(b"\r\n") else raw + b"\r\n")


def test_an_empty_message_and_the_next_command_are_told_apart(mailbox, listen, ledger_rows):
    with smtplib.SMTP("127.0.0.1", listen().port) as client:
        client.ehlo()
        for _ in range(2):
            client.docmd("MAIL FROM:<a@example.com>")
            client.docmd("RCPT TO:<support@desk.example>")
            client.docmd("DATA")
            assert client.docmd(".")[0] == 250
    assert [row.size for row in ledger_rows()] == [0, 0]


def test_thirty_megabytes_with_bare_line_feeds(mailbox, listen, ledger_rows):
    raw = letter() + b"0123456789" * 7 * 450_000
    send(listen(), raw)
    assert ledger_rows()[0].size == len(raw) + 2


def test_lmtp_answers_once_a_recipient(mailbox, listen, ledger_rows):
    listener = listen(smtp_protocol="lmtp")
    with smtplib.LMTP("127.0.0.1", listener.port) as client:
        client.ehlo()
        client.docmd("MAIL FROM:<a@example.com>")
        assert client.docmd("RCPT TO:<support@desk.example>")[0] == 250
        assert client.docmd("RCPT TO:<nobody@desk.example>")[0] == 550
        assert client.docmd("RCPT TO:<returns@desk.example>")[0] == 250
        client.putcmd("DATA")
        assert client.getreply()[0] == 354
        client.send(letter().replace(b"\n", b"\r\n") + b".\r\n")
        assert [client.getreply()[0], client.getreply()[0]] == [250, 250]
        assert client.noop()[0] == 250
    assert [row.source for row in ledger_rows()] == ["lmtp", "lmtp"]


@pytest.fixture
def impatient(monkeypatch, app):
    """SQLite gives up waiting for the write lock soon."""
    with work_context(app):
        db.engine.dispose()
    monkeypatch.setattr(inbox.db, "SQLITE_BUSY_MS", 200)


@contextlib.contextmanager
def write_lock(app):
    """Another connection holds what a writer needs."""
    with work_context(app), db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            raw = connection.connection.dbapi_connection
            raw.execute("BEGIN IMMEDIATE")
            yield
            raw.execute("ROLLBACK")
        else:
            connection.exec_driver_sql("LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE")
            yield
            connection.rollback()


@pytest.mark.once
def test_a_locked_database_is_a_451_and_the_second_try_arrives(app, mailbox, listen, ledger_rows, impatient):
    listener = listen()
    with write_lock(app), pytest.raises(smtplib.SMTPDataError) as refused:
        send(listener, letter())
    assert refused.value.smtp_code == 451
    assert ledger_rows() == []
    send(listener, letter())
    assert len(ledger_rows()) == 1


@pytest.mark.once
def test_a_database_that_is_gone_is_a_451(app, config, mailbox, listen):
    listener = listen()
    with work_context(app):
        db.engine.dispose()
    path = config.home / "inbox.db"
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.rename(path.with_name("gone"))
    path.mkdir()
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(listener, letter())
    assert refused.value.recipients["support@desk.example"][0] == 451
    path.rmdir()
    path.with_name("gone").rename(path)
    send(listener, letter())


@pytest.mark.parametrize("step", ["write", "fsync"])
def test_a_full_disk_is_a_4xx_and_leaves_nothing_behind(app, config, mailbox, listen, ledger_rows, monkeypatch, step):
    listener = listen()
    with monkeypatch.context() as patch:
        def full(*_args):
            raise OSError(28, "No space left on device")
        if step == "fsync":
            patch.setattr(blobs.os, "fsync", full)
        else:
            patch.setattr(blobs, "_write_synced", full)
        with pytest.raises(smtplib.SMTPDataError) as refused:
            send(listener, letter())
    assert refused.value.smtp_code == 452
    assert ledger_rows() == []
    assert [path for path in config.blob_folder.rglob("*") if path.is_file()] == []
    send(listener, letter())
    assert len(ledger_rows()) == 1


@pytest.mark.once
def test_a_really_full_disk(app, config, mailbox, listen, ledger_rows):
    import os

    folder = config.blob_folder
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        listener = listen()
        with pytest.raises(smtplib.SMTPDataError) as refused:
            send(listener, letter() + os.urandom(100_000).hex().encode())
        assert refused.value.smtp_code == 452
        assert ledger_rows() == []
        send(listener, letter())
        assert len(ledger_rows()) == 1
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_too_many_conversations_are_turned_away(mailbox, listen, monkeypatch):
    monkeypatch.setattr(smtp_server, "MAX_CONNECTIONS_PER_PEER", 2)
    listener = listen()
    first, second = smtplib.SMTP("127.0.0.1", listener.port), smtplib.SMTP("127.0.0.1", listener.port)
    with pytest.raises(smtplib.SMTPConnectError) as refused:
        smtplib.SMTP("127.0.0.1", listener.port)
    assert refused.value.smtp_code == 421
    first.quit()
    second.noop()
    smtplib.SMTP("127.0.0.1", listener.port).quit()
    second.quit()


def test_a_silent_conversation_ends(mailbox, listen, monkeypatch):
    monkeypatch.setattr(smtp_server, "IDLE_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", listen().port), timeout=5) as connection:
        assert connection.recv(100).startswith(b"220 ")
        assert connection.recv(100) == b""


def test_many_senders_at_once_are_all_kept(mailbox, listen, ledger_rows):
    listener = listen()

    def work(name):
        with smtplib.SMTP("127.0.0.1", listener.port, timeout=30) as client:
            for number in range(20):
                client.sendmail("a@example.com", "support@desk.example", letter(subject=f"{name} {number}"))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(ledger_rows()) == 100


@pytest.mark.once
def test_the_arrival_process_loads_neither_parser_nor_plugins_nor_web():
    code = ("import sys, inbox.mail.smtp_server; bad = [m for m in sys.modules if m in ('mailparser', 'nh3',"
            " 'inbox.mail.parse', 'inbox.mail.receive', 'inbox.hookspecs') or m.startswith(('inbox.web',"
            " 'inbox.plugin_host', 'inbox.builtin', 'inbox_plugins'))]; sys.exit(', '.join(bad) or 0)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
