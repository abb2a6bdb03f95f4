"""A desk to try a plugin on: the whole program on a database that is thrown away."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
from collections.abc import Callable, Mapping
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.policy import SMTP, default
from pathlib import Path

import sqlalchemy as sa
from flask import Flask

from inbox.config import Config
from inbox.core import arrivals, attachments
from inbox.core.models import Agent, CaughtMail, Event, Ledger, Mailbox, Message, Ticket
from inbox.db import session, transaction, utcnow, work_context
from inbox.jobs import dispatch, engine, worker
from inbox.mail import pipe
from inbox.plugin_host import call, discover, lifecycle
from inbox.plugin_host.models import PluginFault
from inbox.plugin_host.registry import PluginHost
from inbox.testing import factories
from inbox.testing.plugins import host_of
from inbox.testing.visitor import Visitor

_numbers = itertools.count(1)
ADDRESS = "support@desk.example"
SENDING = ("mail.send", "mail.system")
UNDO = dt.timedelta(hours=1)  # a reply's job is due when the time to undo it is over: certainly by then


class Desk:
    """An application with what a test does to it. Its work context has to be entered (the fixture does)."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.config: Config = app.config["INBOX"]
        self.host: PluginHost = host_of(app)
        self._looked_at: set[tuple[int, dt.datetime]] = set()  # faults; SQLite gives a number again
        self._taken = 0  # the newest mail of the Outbox that was looked at
        worker.load_handlers()

    # --- plugins ------------------------------------------------------------------------------------------------

    def put(self, folder: Path, name: str) -> None:
        """Let a plugin's folder, wherever it lies, be found by this desk. Nothing is copied."""
        if name in discover.scan(self.config):
            return  # bundled, or installed in this environment
        self.config.plugin_folder.mkdir(parents=True, exist_ok=True)
        (self.config.plugin_folder / name).symlink_to(folder.resolve(), target_is_directory=True)

    def activate(self, name: str) -> None:
        """Install (when it is new here) and activate a plugin."""
        lifecycle.activate(name)

    def deactivate(self, name: str) -> None:
        lifecycle.deactivate(name)

    def faults(self) -> list[PluginFault]:
        """Every stored fault, oldest first; they count as looked at."""
        session().rollback()
        found = list(session().scalars(sa.select(PluginFault).order_by(PluginFault.id)))
        self._looked_at |= {(each.id, each.at) for each in found}
        return found

    def new_faults(self) -> list[PluginFault]:
        """Faults that nobody has looked at."""
        seen = set(self._looked_at)
        return [each for each in self.faults() if (each.id, each.at) not in seen]

    def deliver_events(self, *, twice: bool = False) -> int:
        """Tell plugins of everything that happened, and of what follows from it. Returns how many calls were made.

        `twice` tells them everything a second time, as happens when a process ends at the wrong moment: an answer has
        to notice by `event.id`.
        """
        first = session().scalar(sa.select(sa.func.min(Event.id)).where(Event.dispatched_at.is_(None)))
        count = dispatch.deliver_due(self.app)
        if twice and first is not None:
            with transaction() as current:
                current.execute(sa.update(Event).where(Event.id >= first).values(dispatched_at=None))
            count += dispatch.deliver_due(self.app)
        session().rollback()
        session().expire_all()
        return count

    def tell(self, plugin: str, hook: str) -> None:
        """Tell one active plugin about itself, by a hook of the kind lifecycle."""
        call.lifecycle(plugin, hook)
        session().rollback()
        session().expire_all()

    def run_job(self, name: str) -> None:
        """Run a job that an active plugin has registered, once, now."""
        plugin, job = next((plugin, job) for plugin, job in call.register("register_jobs") if job.name == name)
        call.guard(plugin, f"job {name}", job.run, may_write=True)
        session().rollback()
        session().expire_all()

    def at_once(self, *acts: Callable[[], object]) -> None:
        """Do several things at the same moment, each in a thread and a work context of its own, as several workers do.

        Hand them numbers, no rows: a row belongs to one session. Raises what went wrong in the first that failed. On
        SQLite one write waits for the other; PostgreSQL tells more.
        """
        together, wrong = threading.Barrier(len(acts)), []

        def work(act: Callable[[], object]) -> None:
            with work_context(self.app):
                session().connection()  # a first connection takes its time
                together.wait(20)
                try:
                    act()
                except Exception as error:
                    wrong.append(error)

        workers = [threading.Thread(target=work, args=(act,)) for act in acts]
        for each in workers:
            each.start()
        for each in workers:
            each.join()
        session().rollback()
        session().expire_all()
        if wrong:
            raise wrong[0]

    # --- mail ---------------------------------------------------------------------------------------------------

    def mailbox(self) -> Mailbox:
        """The desk's first mailbox, made when there is none: support@desk.example of the department Support."""
        found = session().scalar(sa.select(Mailbox).order_by(Mailbox.id).limit(1))
        return found or factories.make_mailbox(ADDRESS, department=factories.make_department("Support"))

    def receive_email(self, text: str = "Hello, where is my order?", *, subject: str | None = None,
                      sender: str = "Kari Nordmann <kari@example.com>", to: str | None = None, html: str | None = None,
                      answers: Message | None = None, files: Mapping[str, bytes] | None = None,
                      headers: Mapping[str, str] | None = None, raw: bytes | None = None) -> Ticket:
        """Let a mail arrive through the real intake (or `raw`, as it is). Returns the ticket it came to.

        `answers` makes it an answer to a message of ours. Raises LookupError when it came to none; says why.
        """
        number, to = next(_numbers), to or self.mailbox().address
        if raw is None:
            letter = EmailMessage(policy=SMTP)
            letter["From"], letter["To"], letter["Subject"] = sender, to, subject or f"Question {number}"
            letter["Date"], letter["Message-ID"] = utcnow(), f"<kit{number}@mail.example.com>"
            if answers is not None:
                letter["In-Reply-To"] = f"<{answers.message_id}>"
            for name, value in (headers or {}).items():
                letter[name] = value
            letter.set_content(text)
            if html is not None:
                letter.add_alternative(html, subtype="html")
            for name, data in (files or {}).items():
                letter.add_attachment(data, "application", "octet-stream", filename=name)
            raw = letter.as_bytes()
        code, words = pipe.receive_pipe(self.app, [to], raw)
        if code != pipe.EX_OK:
            raise LookupError(words)
        engine.run_due(self.app, [arrivals.JOB])
        session().rollback()
        session().expire_all()
        row = session().scalars(sa.select(Ledger).order_by(Ledger.id.desc()).limit(1)).one()
        ticket = session().get(Ticket, row.ticket_id) if row.fate in ("created", "appended") else None
        if ticket is None:
            raise LookupError(f"The mail came to no ticket: {row.fate}. {row.reason}")
        return ticket

    def mail_out(self) -> list[MIMEPart]:
        """Send what waits to be sent, and return the mail that went out since the last look, oldest first.

        Nothing leaves this machine: it is taken from the Outbox. `mail["To"]`, `mail.get_body().get_content()`.
        """
        with transaction() as current:  # nobody waits for the time in which a person could undo it
            current.execute(sa.update(Message).where(Message.state == "queued", Message.send_after > utcnow())
                            .values(send_after=utcnow()))
        engine.run_due(self.app, SENDING, now=utcnow() + UNDO)
        session().rollback()
        session().expire_all()
        caught = list(session().scalars(sa.select(CaughtMail).where(CaughtMail.id > self._taken)
                                        .order_by(CaughtMail.id)))
        self._taken = caught[-1].id if caught else self._taken
        return [BytesParser(policy=default).parsebytes(attachments.read(each.sha256)) for each in caught]

    # --- people -------------------------------------------------------------------------------------------------

    def visitor(self, agent: Agent | None = None) -> Visitor:
        """A browser, signed in as `agent`."""
        made = Visitor(self.app)
        return made.sign_in(agent) if agent is not None else made
