"""Power cuts: `kill -9` in the middle of taking in mail loses nothing and doubles nothing. `make soak` does it with
thousands of messages."""

import smtplib
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter

import pytest
import sqlalchemy as sa

from inbox import secrets
from inbox.core.models import Department, Ledger, Mailbox, Message
from inbox.db import db, session, transaction, work_context
from inbox.mail import ledger, receive
from tests.mail.conftest import letter
from tests.support.ports import free_port
from tests.support.program import environment

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def desk(app, config):
    """A desk with the mailbox support@, as a program started on `config.home` finds it."""
    secrets.ensure_key(config)
    with work_context(app), transaction() as current:
        department = Department(name="Support")
        current.add(department)
        current.flush()
        current.add(Mailbox(address="support@desk.example", department_id=department.id))
    return app


@pytest.fixture
def program(desk, config, start_program):
    """Start one of the real processes on this desk."""
    env = {"INBOX_DATABASE_URL": config.database_url} if config.database_url else {}
    return lambda *words: start_program(*words, home=config.home, env=env, wait=False)


def fates(app):
    with work_context(app):
        rows = session().execute(sa.select(Ledger.fate, sa.func.count()).group_by(Ledger.fate)).all()
        db.session.remove()
        return {row[0]: row[1] for row in rows}


def wait_for(check, seconds):
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)


def in_tickets(app):
    """How often each Message-ID is in a ticket."""
    with work_context(app):
        return Counter(session().scalars(sa.select(Message.message_id).where(Message.kind == "received")))


@pytest.mark.once
def test_killed_five_times_while_it_fetches_a_full_mailbox(desk, config, dovecot, program):
    names = [f"{number}@example.com" for number in range(150)]
    dovecot.append(*(letter(subject=name, message_id=name) for name in names))
    with work_context(desk), transaction() as current:
        box = current.scalars(sa.select(Mailbox)).one()
        box.incoming, box.imap_host, box.imap_port = "imap", "127.0.0.1", dovecot.port
        box.imap_security, box.imap_user, box.imap_password = "none", "support", secrets.encrypt("secret")
    worker = program("worker")  # it fetches, and makes the tickets
    for wanted in (1, 30, 60, 90, 120):
        wait_for(lambda wanted=wanted: sum(fates(desk).values()) >= wanted, 120)
        worker.kill()
        worker.start_again()
    wait_for(lambda: sum(fates(desk).values()) >= 150 and "waiting" not in fates(desk), 240)
    assert fates(desk) == {"created": 150}
    assert in_tickets(desk) == Counter(names)


def test_killed_three_times_while_it_listens_every_acknowledged_message_is_there(desk, config, program):
    acknowledged, done = [], threading.Event()
    port = free_port()
    processes = [program("smtp", "--smtp-port", str(port)), program("worker")]

    def send():
        number = 0
        while not done.is_set():
            name = f"{number}@example.com"
            try:
                with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
                    while not done.is_set():
                        name = f"{number}@example.com"
                        client.sendmail("a@example.com", "support@desk.example",
                                        letter(subject=name, message_id=name))
                        acknowledged.append(name)
                        number += 1
            except (OSError, smtplib.SMTPException):
                time.sleep(0.05)  # it was not acknowledged: the same message again, as a mail server does

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for _ in range(3):
            before = len(acknowledged)
            wait_for(lambda before=before: len(acknowledged) >= before + 15, 120)
            for each in processes:
                each.kill()
            for each in processes:
                each.start_again()
        before = len(acknowledged)
        wait_for(lambda: len(acknowledged) >= before + 15, 120)
    finally:
        done.set()
        sender.join()
    wait_for(lambda: "waiting" not in fates(desk), 240)
    found = in_tickets(desk)
    assert set(acknowledged) <= set(found)
    assert set(found.values()) == {1}
    assert set(fates(desk)) <= {"created", "duplicate"}


POISON = """
    import os, sys
    from pathlib import Path
    from inbox.app import create_core_app
    from inbox.config import load_config
    from inbox.db import utcnow, work_context
    from inbox.jobs import engine
    from inbox.mail import batch, receive

    parse = receive.parse.parse

    def deadly(raw):
        if b"POISON" in raw:
            os._exit(9)
        return parse(raw)

    receive.parse.parse = deadly
    app = create_core_app(load_config())
    with work_context(app):
        engine.take_back_lost(utcnow() + 2 * engine.LEASE)
    engine.run_due(app, ["mail.process"])
"""


def test_a_message_that_ends_the_process_twice_is_held_unread_and_the_next_ones_arrive(desk, config):
    with work_context(desk):
        box = ledger.mailbox_for("support@desk.example").id
        before, poison, after = (
            ledger.arrive(letter(subject=subject), source="smtp", mailbox_id=box)
            for subject in ("before", "POISON", "after"))
    env = environment(config.home, {"INBOX_DATABASE_URL": config.database_url} if config.database_url else {})
    ends = [subprocess.run([sys.executable, "-c", textwrap.dedent(POISON)], env=env, timeout=120).returncode
            for _ in range(5)]
    assert ends == [9, 9, 9, 0, 0]  # together with the others, then twice by itself
    with work_context(desk):
        row = session().get(Ledger, poison)
        assert (row.fate, row.reason, row.attempts) == ("quarantined", receive.ENDED_TWICE, 2)
        assert {session().get(Ledger, each).fate for each in (before, after)} == {"created"}
