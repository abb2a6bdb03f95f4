"""Two machines on one database, one key and one bucket, with data folders of their own: what one does, the other knows.

A balancer may give every request to another machine. Whatever a page needs must therefore lie in the database, in the
bucket or in the signed cookie, and nowhere else.
"""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from flask import Flask

from inbox import secrets
from inbox.app import create_app
from inbox.changes import ChangeWatcher
from inbox.config import Config
from inbox.core import agents, presence
from inbox.core.events import Actor
from inbox.core.models import Attachment, Attempt, Message
from inbox.db import db, transaction, work_context
from inbox.testing.factories import make_customer, make_file, make_message, make_ticket
from inbox.web import live
from tests.support.fake_s3 import FakeS3
from tests.web.browse import Visitor

PATIENCE = 30  # seconds for what takes milliseconds


@pytest.fixture
def s3() -> Iterator[FakeS3]:
    server = FakeS3()
    yield server
    server.close()


@pytest.fixture
def config(config: Config, s3: FakeS3) -> Config:
    return replace(config, secret_key=Fernet.generate_key().decode(), blobs="s3://desk/mail", blobs_endpoint=s3.url,
                   blobs_region=s3.region, blobs_key_id=s3.key_id, blobs_secret=s3.secret, max_hold=60)


@pytest.fixture
def other(app: Flask, config: Config, tmp_path: Path, shared) -> Iterator[Flask]:
    """The application of the second machine, whose data folder is empty."""
    home = tmp_path / "second"
    home.mkdir()
    machine = create_app(replace(config, home=home, database_url=config.sqlalchemy_url))
    with machine.app_context():
        shared.lend_to(machine, db.engine)
    yield machine
    machine.extensions[live.EXTENSION].stop()
    with machine.app_context():
        db.session.remove()
        db.engine.dispose()
    assert [each.name for each in home.iterdir() if each.name != "cache"] == []


@pytest.fixture
def ticket(session, support):
    return make_ticket("Boots", department=support, customer=make_customer("Ola", "ola@example.no"))


@pytest.fixture
def here(app, kari) -> Visitor:
    return Visitor(app).sign_in(kari)


@pytest.fixture
def there(here, other) -> Visitor:
    """The same browser, answered by the other machine: it shows the same cookies."""
    browser = Visitor(other)
    browser.client._cookies = here.client._cookies
    return browser


def test_a_form_of_one_machine_is_sent_to_the_other(here, there, ticket) -> None:
    token = here.token("/views/all")
    answer = there._open("POST", f"/tickets/{ticket.number}/messages", data={
        "csrf_token": token, "kind": "note", "text": "Looked at it."})
    assert answer.status_code == 303
    assert "Looked at it." in here.get(f"/tickets/{ticket.number}").text


def test_a_reply_sent_by_one_machine_is_undone_by_the_other(here, there, ticket, session) -> None:
    here.post(f"/tickets/{ticket.number}/messages", {"kind": "reply", "text": "On their way."}, page="/views/all")
    reply = session.scalars(sa.select(Message).where(Message.kind == "reply")).one()
    assert reply.state == "queued"
    page = there.get("/views/all").text
    assert f'action="/messages/{reply.id}/undo' in page  # the offer travels in the cookie
    there.post(f"/messages/{reply.id}/undo", page="/views/all")
    session.refresh(reply)
    assert reply.state == "draft"
    assert "On their way." in here.get(f"/tickets/{ticket.number}").text


def test_a_file_taken_by_one_machine_is_given_by_the_other(here, there, ticket, session) -> None:
    make_message(ticket, "With a file.", files=[make_file(b"\x00 some bytes", "a.bin")])
    number = session.scalar(sa.select(Attachment.id))
    assert there.get(f"/attachments/{number}/a.bin").data == here.get(f"/attachments/{number}/a.bin").data


def test_tries_at_a_password_count_on_both(app, other, kari) -> None:
    wrong = {"email": kari.email, "password": "a wrong one"}
    with transaction() as current:
        current.add_all(Attempt(key=f"sign-in:{kari.email}") for _ in range(agents.TRIES_A_PERSON - 1))
    assert Visitor(app).post("/sign-in", wrong).status_code == 422
    assert Visitor(other).post("/sign-in", wrong).status_code == 429


def test_a_password_changed_on_one_ends_the_session_on_the_other(here, there, kari) -> None:
    assert there.get("/views/all").status_code == 200
    agents.set_password(kari, "another long password", by=Actor.system("test"))
    assert there.get("/views/all").status_code == 303


def test_what_one_encrypts_the_other_reads(app, other) -> None:
    with work_context(app):
        stored = secrets.encrypt("hush")
    with work_context(other):
        assert secrets.decrypt(stored) == "hush"


@pytest.mark.each_database
def test_the_live_stream_of_one_tells_of_the_other(app, other, kari, ticket) -> None:
    """Also that a stream hears at once: the limit below is for slow machines."""
    with work_context(other):
        stream = other.extensions[live.EXTENSION].open(kari)
    make_message(ticket, "They leak.")
    assert stream.hints.get(timeout=PATIENCE) == {"tickets": [ticket.number]}


@pytest.mark.each_database
def test_who_is_at_a_ticket_is_seen_from_the_other(app, other, kari, support, ticket) -> None:
    from inbox.testing.factories import make_agent

    colleague = make_agent("Ola", departments=[support])
    with work_context(other):
        stream = other.extensions[live.EXTENSION].open(kari)
    presence.here(ticket, colleague, "reply")
    while "presence" not in (hint := stream.hints.get(timeout=PATIENCE)):
        pass
    assert [each["name"] for each in hint["presence"][str(ticket.number)]] == ["Ola"]


@pytest.mark.each_database
def test_a_job_asked_for_on_one_is_done_by_the_other_once(app, other, session) -> None:
    from inbox.core import queue
    from inbox.jobs import engine, schedule  # noqa: F401  (which declares the kind)

    with transaction():
        queue.enqueue("tickets.wake", key="once")
    with work_context(other):
        first = engine.turn([], ["tickets.wake"])
    with work_context(app):
        second = engine.turn([], ["tickets.wake"])
    assert (len(first), second) == (1, [])


@pytest.mark.each_database
def test_a_restarted_database_server_is_listened_to_again(app, session, config) -> None:
    """What the driver raises by itself ended the watching for good."""
    if config.is_sqlite:
        return  # which has no server
    told = threading.Event()
    watcher = ChangeWatcher(app)
    watcher.subscribe(told.set)
    watcher.start()
    try:
        assert told.wait(PATIENCE)  # it listens
        told.clear()
        session.execute(sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                "WHERE datname = current_database() AND pid <> pg_backend_pid()"))
        assert told.wait(PATIENCE)  # it listens anew, and says so: something may have come meanwhile
    finally:
        watcher.stop()


@pytest.mark.each_database
def test_a_connection_that_was_cut_while_it_rested_is_replaced_unnoticed(app, session, config, monkeypatch) -> None:
    if config.is_sqlite:
        return  # which has no server
    session.rollback()
    session.close()
    own = sa.text("SELECT pg_backend_pid()")
    with db.engine.connect() as connection:
        before = connection.scalar(own)
    with db.engine.connect() as connection:
        assert connection.scalar(own) == before  # used a moment ago: it is not asked first
    with sa.create_engine(config.sqlalchemy_url).connect() as other:
        other.execute(sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                              "WHERE datname = current_database() AND pid <> pg_backend_pid()"))
    monkeypatch.setattr("inbox.db.REST_SECONDS", 0.0)
    with db.engine.connect() as connection:
        assert connection.scalar(own) != before
