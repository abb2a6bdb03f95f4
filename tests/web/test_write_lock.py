"""A write that takes long, by anybody, keeps nobody from reading."""

import sqlite3
import time

import pytest

from inbox.core import agents
from inbox.core.events import Actor
from inbox.db import work_context
from inbox.testing.factories import make_department, make_mailbox, make_ticket

PASSWORD = "correct horse battery"

pytestmark = pytest.mark.once  # PostgreSQL locks rows, not the database


@pytest.fixture
def ticket_number(app):
    app.config["WTF_CSRF_ENABLED"] = False
    with work_context(app):
        department = make_department("Support")
        agents.create(by=Actor.system("test"), email="ola@desk.example", name="Ola", role="owner", password=PASSWORD)
        return make_ticket("Wrong size", mailbox=make_mailbox(department=department)).number


def test_pages_answer_while_another_connection_holds_the_write_lock(app, config, client, ticket_number):
    client.post("/sign-in", data={"email": "ola@desk.example", "password": PASSWORD})
    writer = sqlite3.connect(config.home / "inbox.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        writer.execute("UPDATE counter SET value = value + 1")
        began = time.monotonic()
        for page in ("/views/unassigned", f"/tickets/{ticket_number}", "/search?q=size", "/profile", "/healthz",
                     f"/tickets/{ticket_number}/conversation"):
            assert client.get(page).status_code == 200, page
        assert time.monotonic() - began < 8  # the busy time-out is 10 s: nothing waited for the lock
    finally:
        writer.execute("ROLLBACK")
        writer.close()


def test_a_write_waits_for_the_lock_and_says_so_when_it_does_not_come(app, config, client, ticket_number):
    client.post("/sign-in", data={"email": "ola@desk.example", "password": PASSWORD})
    with work_context(app):
        from inbox.db import db

        with db.engine.connect() as connection:  # every pooled connection of this test gives up at once
            connection.exec_driver_sql("PRAGMA busy_timeout=50")
    writer = sqlite3.connect(config.home / "inbox.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        answer = client.post(f"/tickets/{ticket_number}/status", data={"status": "closed"})
    finally:
        writer.execute("ROLLBACK")
        writer.close()
    assert answer.status_code == 503 and "Nothing was changed" in answer.text
    assert client.post(f"/tickets/{ticket_number}/status", data={"status": "closed"}).status_code == 303
