"""A running desk under load with plugins that misbehave, and the judge of what came of it."""

import http.client
import itertools
import json
import shutil
import smtplib
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from flask import Flask

from inbox.app import create_app
from inbox.config import Config
from inbox.core import api_tokens, sending
from inbox.core.events import Actor
from inbox.core.models import Agent, Mailbox, Message, Ticket
from inbox.db import db, session, transaction, utcnow, work_context
from inbox.plugin_host import faults
from inbox.plugin_host.models import Plugin, PluginFault
from inbox.prepare import make_tables
from inbox.testing.factories import make_agent, make_department, make_mailbox, make_ticket
from inbox.web.auth import SignedIn
from tests.support.program import Program
from tests.support.smtp_sink import SmtpSink

SAMPLES = Path(__file__).parent.parent / "sample_plugins"
ADDRESS = "support@desk.example"
UNLOADED = ("brokenimport", "patcher", "slowimport", "twins")  # their code cannot be used; the others are paused
WAITS = 90.0  # seconds a browser waits for a page
LETTER = ("From: Customer {n} <customer{n}@mail.example>\r\nTo: {to}\r\nSubject: Question {n}\r\n"
          "Message-ID: <chaos{n}@mail.example>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0100\r\n\r\n"
          "Where is order {n}?\r\n")


@dataclass
class Views:
    """Pages that were asked for: seconds of each that was answered, server errors, connections that broke."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)  # "500 /tickets/3"
    broken: int = 0  # the process ended while it worked on the page, or was just being replaced

    @property
    def median(self) -> float:
        return statistics.median(self.seconds) if self.seconds else 0.0


class Desk:
    """A desk of its own in a folder, the program running on it, and a mail server that takes what goes out."""

    def __init__(self, home: Path, *, database_url: str = "", web_processes: int = 2, memory_limit: int = 400) -> None:
        self.home, self.sink = home, SmtpSink()
        self.config = Config(home=home, database_url=database_url)
        home.mkdir(parents=True, exist_ok=True)
        make_tables(self.config)
        self.app: Flask = create_app(self.config)
        self.environment = {"INBOX_WEB_PROCESSES": str(web_processes), "INBOX_MEMORY_LIMIT": str(memory_limit)}
        if database_url:
            self.environment["INBOX_DATABASE_URL"] = database_url
        with work_context(self.app):
            department = make_department("Support")
            self.owner = make_agent("Olga", role="owner", departments=[department])
            make_mailbox(ADDRESS, department=department, outgoing="smtp", smtp_host="127.0.0.1",
                         smtp_port=self.sink.port, smtp_security="none")
            mailbox = session().scalars(sa.select(Mailbox)).one()
            for _ in range(60):
                make_ticket(mailbox=mailbox)
            self.token = api_tokens.create(self.owner)[1]
            self.cookie = self._sign_in()
            self.tickets = list(session().scalars(sa.select(Ticket.number)))
        self.program = Program(home, env=self.environment)

    def _sign_in(self) -> str:
        client = self.app.test_client()
        with client.session_transaction() as kept:
            kept["_user_id"], kept["_fresh"] = SignedIn(session().get_one(Agent, self.owner.id)).get_id(), True
        cookie = client.get_cookie(self.app.config["SESSION_COOKIE_NAME"])
        assert cookie is not None
        return f"{cookie.key}={cookie.value}"

    def stop(self) -> None:
        """End everything."""
        self.program.stop()
        self.sink.stop()
        with work_context(self.app):
            db.engine.dispose()

    # --- plugins -----------------------------------------------------------------------------------------------

    def activate(self, names: Iterable[str]) -> None:
        """All at once, as if each had been active and its code had just become bad: nobody looks at it first."""
        for name in names:
            shutil.copytree(SAMPLES / name, self.config.plugin_folder / name,
                            ignore=shutil.ignore_patterns("__pycache__"))
        with work_context(self.app), transaction() as current:
            for name in names:
                current.add(Plugin(name=name, version="1.0", state="active", changed_at=utcnow()))
            current.flush()
            faults.move_revision()

    def ask(self, query: sa.Select[tuple[object, ...]] | sa.Select[tuple[str, str]]) -> list[tuple[object, ...]]:
        """Rows of a query, read afresh."""
        with work_context(self.app):
            return [tuple(row) for row in session().execute(query)]

    def paused(self) -> set[str]:
        """The plugins that are paused now."""
        return {str(name) for name, in self.ask(sa.select(Plugin.name).where(Plugin.state == "paused"))}

    def unloaded(self) -> set[str]:
        """The plugins that say why they are not loaded."""
        return {str(name) for name, in self.ask(sa.select(Plugin.name).where(Plugin.error.is_not(None)))}

    def blamed(self) -> dict[str, list[tuple[str, int | None, str]]]:
        """By plugin: hook, ticket and summary of each fault."""
        found: dict[str, list[tuple[str, int | None, str]]] = {}
        with work_context(self.app):
            for row in session().scalars(sa.select(PluginFault).where(PluginFault.weight > 0).order_by(PluginFault.id)):
                found.setdefault(row.plugin, []).append((row.hook, row.ticket_id, row.summary))
        return found

    # --- load --------------------------------------------------------------------------------------------------

    def send(self, numbers: Iterable[int]) -> None:
        """Mail from customers, one connection each; what was not accepted is sent again, as a mail server does."""
        for n in numbers:
            while True:
                try:
                    with smtplib.SMTP("127.0.0.1", self.program.smtp_port, timeout=30) as server:
                        server.sendmail(f"customer{n}@mail.example", [ADDRESS], LETTER.format(n=n, to=ADDRESS).encode())
                    break
                except (OSError, smtplib.SMTPException):
                    time.sleep(0.5)

    def reply(self, numbers: Iterable[int]) -> Counter[int]:
        """Replies through the API, each under a key, again until it is taken. Returns how often it said what."""
        said: Counter[int] = Counter()
        for n, ticket in zip(numbers, itertools.cycle(self.tickets), strict=False):
            body = json.dumps({"kind": "reply", "text": f"Reply number {n}."})
            while True:
                status = self._post(f"/api/v1/tickets/{ticket}/messages", body, f"reply-{n}")
                said[status] += 1
                if status == 201:
                    break
                time.sleep(0.5)
        return said

    def _post(self, path: str, body: str, key: str) -> int:
        """The status; 0 when the connection broke."""
        connection = http.client.HTTPConnection("127.0.0.1", self.program.port, timeout=WAITS)
        try:
            connection.request("POST", path, body, {
                "Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Idempotency-Key": key})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def view(self, path: str, views: Views) -> None:
        """One page, over a connection of its own."""
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.program.port, timeout=WAITS)
        try:
            connection.request("GET", path, headers={"Cookie": self.cookie})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            views.broken += 1
            time.sleep(0.2)
            return
        finally:
            connection.close()
        views.seconds.append(time.monotonic() - began)
        if answer.status != 200:
            views.errors.append(f"{answer.status} {path}")

    def pages(self) -> Iterator[str]:
        """What people look at: a list, then tickets."""
        for number in itertools.cycle(self.tickets):
            yield f"/tickets/{number}"
            if number % 3 == 0:
                yield "/views/unassigned"

    def look_around(self, count: int) -> Views:
        """So many pages, one after the other, on a desk that does nothing else."""
        views = Views()
        for path in itertools.islice(self.pages(), count + 6):
            self.view(path, views)
        views.seconds = views.seconds[6:]
        return views

    @contextmanager
    def viewers(self, count: int) -> Iterator[Views]:
        """So many people who open one page after the other until the end of the block."""
        views, done = Views(), threading.Event()

        def look(first: int) -> None:
            for path in itertools.islice(self.pages(), first * 5, None):
                if done.is_set():
                    return
                self.view(path, views)
                time.sleep(0.4)

        for place in range(count):
            threading.Thread(target=look, args=(place,), daemon=True).start()
        yield views
        done.set()

    def decide(self) -> int:
        """What a person does about replies of which the desk cannot know whether they went out, because its process
        ended while the mail server answered: look there, then send again or mark as sent. Returns how many."""
        arrived = self.sent_out()
        with work_context(self.app):
            unknown = session().scalars(sa.select(Message).where(
                Message.kind == "reply", Message.state == "unknown")).all()
            for each in unknown:
                act = sending.mark_sent if each.text.strip() in arrived else sending.retry
                act(each, by=Actor.of(session().get_one(Agent, self.owner.id)))
            return len(unknown)

    # --- the judge ---------------------------------------------------------------------------------------------

    def taken_in(self) -> Counter[str]:
        """How often each message of ours is in a ticket."""
        rows = self.ask(sa.select(Message.message_id, sa.func.count()).where(
            Message.message_id.like("chaos%@mail.example"), Message.kind == "received").group_by(Message.message_id))
        return Counter({str(message_id): int(str(count)) for message_id, count in rows})

    def sent_out(self) -> Counter[str]:
        """How often each of our replies reached the mail server."""
        texts = (each.message.get_body(("plain",)) for each in list(self.sink.messages))
        first = (part.get_content().strip().splitlines()[0] for part in texts if part is not None)
        return Counter(line for line in first if line.startswith("Reply number "))


def wait_for(what: Callable[[], bool], seconds: float, step: float = 0.5) -> bool:
    """True as soon as it is so; False after the time."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(step)
    return True
