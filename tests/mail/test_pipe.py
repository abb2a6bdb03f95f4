"""A message from a mail server's pipe: the exit code says whether to try again."""

import pytest
import sqlalchemy as sa

import inbox.db
from inbox import blobs
from inbox.db import db, work_context
from inbox.mail import pipe
from tests.mail.conftest import letter


def test_a_message_is_kept(app, mailbox, ledger_rows):
    code, words = pipe.receive_pipe(app, ["support@desk.example"], letter(), envelope_from="kari@example.com")
    (row,) = ledger_rows()
    assert (code, words) == (pipe.EX_OK, f"Kept as {row.id}.")
    assert (row.source, row.mailbox_id, row.envelope_from, row.fate) == ("pipe", mailbox, "kari@example.com", "waiting")


def test_two_recipients_make_two_rows(app, mailbox, ledger_rows):
    assert pipe.receive_pipe(app, ["support@desk.example", "returns@desk.example"], letter())[0] == pipe.EX_OK
    assert len({row.mailbox_id for row in ledger_rows()}) == 2


@pytest.mark.parametrize(("to", "raw", "code"), [
    ([], b"Subject: x\n\nx", pipe.EX_USAGE),
    (["nobody@desk.example"], b"Subject: x\n\nx", pipe.EX_NOUSER),
    (["support@desk.example", "nobody@desk.example"], b"Subject: x\n\nx", pipe.EX_NOUSER),
    (["support@desk.example"], b" \n", pipe.EX_DATAERR),
    (["support@desk.example"], b"x" * (50 * 1024 * 1024 + 1), pipe.EX_DATAERR),
], ids=["no recipient", "unknown", "one unknown", "nothing", "too big"])
def test_what_cannot_be_kept_has_its_code_and_leaves_nothing(app, mailbox, ledger_rows, to, raw, code):
    assert pipe.receive_pipe(app, to, raw)[0] == code
    assert ledger_rows() == []


@pytest.mark.once
def test_a_locked_database_means_try_again(app, mailbox, ledger_rows, monkeypatch):
    with work_context(app):
        db.engine.dispose()
    monkeypatch.setattr(inbox.db, "SQLITE_BUSY_MS", 200)
    with work_context(app), db.engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        raw.execute("BEGIN IMMEDIATE")
        code, words = pipe.receive_pipe(app, ["support@desk.example"], letter())
        raw.execute("ROLLBACK")
    assert (code, "locked" in words) == (pipe.EX_TEMPFAIL, True)
    assert ledger_rows() == []
    assert pipe.receive_pipe(app, ["support@desk.example"], letter())[0] == pipe.EX_OK


def test_a_database_that_is_gone_means_try_again(app, mailbox, monkeypatch):
    def gone(*_args, **_options):
        raise sa.exc.OperationalError("select", {}, Exception("server closed the connection unexpectedly"))

    monkeypatch.setattr(pipe.ledger, "mailbox_for", gone)
    code, words = pipe.receive_pipe(app, ["support@desk.example"], letter())
    assert (code, "server closed the connection" in words) == (pipe.EX_TEMPFAIL, True)


def test_a_full_disk_means_try_again(app, mailbox, ledger_rows, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(blobs.os, "fsync", full)
    code, words = pipe.receive_pipe(app, ["support@desk.example"], letter())
    assert (code, "No space left" in words) == (pipe.EX_TEMPFAIL, True)
    assert ledger_rows() == []
