"""What the tests of incoming mail share: a desk with mailboxes, a running listener, messages."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import EmailMessage

import pytest
from flask import Flask

from inbox.config import Config
from inbox.core.models import Department, Mailbox
from inbox.db import session, transaction, work_context
from inbox.mail.smtp_server import Listener
from tests.support.ports import free_port


def letter(sender: str = "kari@example.com", to: str = "support@desk.example", subject: str = "Hello",
           text: str = "Where is my parcel?", message_id: str | None = "auto", **headers: str) -> bytes:
    """A plain message as bytes. `message_id`: "auto" makes one of the subject, None leaves it out."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"] = "Sat, 21 Nov 2026 10:00:00 +0000"
    if message_id:
        message["Message-ID"] = f"<{hash((subject, sender, text)) & 0xffffffff:x}@example.com>" if (
            message_id == "auto") else f"<{message_id}>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


@pytest.fixture
def mailbox(app: Flask) -> int:
    """A desk with the mailboxes support@ (returned) and returns@, in two departments."""
    with work_context(app), transaction() as current:
        for name in ("support", "returns"):
            department = Department(name=name.title())
            current.add(department)
            current.flush()
            current.add(Mailbox(address=f"{name}@desk.example", name=name.title(), department_id=department.id))
        current.flush()
        return current.query(Mailbox).filter_by(address="support@desk.example").one().id


class RunningListener:
    """The listener in a thread of its own."""

    def __init__(self, app: Flask, config: Config) -> None:
        self.host, self.port = config.smtp_host, config.smtp_port
        self.loop = asyncio.new_event_loop()
        self.listener = Listener(app, config)
        self.loop.run_until_complete(self.listener.start())
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.listener.stop(), self.loop).result(20)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()


@pytest.fixture
def listen(app: Flask, config: Config) -> Iterator[Callable[..., RunningListener]]:
    """Start the listener, with other settings when given: `listen(smtp_protocol="lmtp")`."""
    running: list[RunningListener] = []

    def start(**changes: object) -> RunningListener:
        running.append(RunningListener(app, replace(config, smtp_port=free_port(), **changes)))
        return running[-1]

    yield start
    for each in running:
        each.stop()


@pytest.fixture
def ledger_rows(app: Flask) -> Callable[[], list]:
    """All rows of the ledger, read afresh."""
    from inbox.core.models import Ledger

    def read() -> list:
        with work_context(app):
            rows = session().query(Ledger).order_by(Ledger.id).all()
            session().expunge_all()
            return rows

    return read
