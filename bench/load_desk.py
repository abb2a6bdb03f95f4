"""The desk that `bench.load` loads: PostgreSQL, two web and two worker processes, a mail listener, plugins active."""

from __future__ import annotations

import datetime as dt
import os
import re
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from flask import Flask

from bench.plugins import NAMES
from bench.program import family
from bench.seed import Size, seed
from inbox.app import create_app
from inbox.config import Config
from inbox.core import notifications
from inbox.core.models import Agent, Department, Event, Ledger, Message, Recipient, Ticket
from inbox.db import db, session, work_context
from inbox.jobs.worker import run_everything
from inbox.plugin_host import lifecycle
from inbox.plugin_host.models import Plugin
from inbox.prepare import make_tables
from inbox.testing.factories import make_agent, make_department, make_mailbox
from inbox.web.auth import SignedIn
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.program import Program
from tests.support.smtp_sink import SmtpSink

STREAMS_EACH = 224  # one web process has all live streams while the other is away
WORDS = re.compile(r"reply-\d+-\d+-end")
TICKS = os.sysconf("SC_CLK_TCK")


class Reply(NamedTuple):
    """A reply as the desk stored it."""

    words: str  # the agent's, by which it is known
    message_id: str
    state: str


class LoadDesk:
    """Seeded with tickets, then 20 departments more with a mailbox each, and agents in them.

    What a desk does in its first hours has been done: the nightly jobs, and reports of the tickets there are.
    """

    def __init__(self, home: Path, *, tickets: int, departments: int, agents: int, letters: bool) -> None:
        self.home, self.sink, self.postgres = home, SmtpSink(), Postgres(durable=True)
        self.processes: dict[str, Program] = {}
        self.restarted: Counter[str] = Counter()
        self._worked: Counter[str] = Counter()  # seconds of the processor, by those that were killed
        home.mkdir(parents=True)
        self.config = Config(home=home, database_url=self.postgres.url("postgres"))
        app = make_tables(self.config)
        with work_context(app):
            with db.engine.begin() as connection:
                seed(connection, Size(tickets), dt.datetime.now(dt.UTC))
            with db.engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")
            db.engine.dispose()
        self.app: Flask = create_app(self.config)
        with work_context(self.app):
            for name in NAMES:
                lifecycle.install(name)
                lifecycle.activate(name)
        self.app = create_app(self.config)
        from inbox_plugins.reports import keep as reports  # there is such a package once plugins are found

        self.addresses: list[str] = []
        self.cookies: list[str] = []
        with work_context(self.app):
            self._people(departments, agents, letters)
            run_everything(self.app)
            while (made := reports.progress()) is None or made.done_id < made.last_id:
                reports.go_on()
            self.newest_before = session().scalar(sa.select(sa.func.max(Message.id))) or 0

    def _people(self, departments: int, agents: int, letters: bool) -> None:
        wishes = {} if letters else {"notify": {kind: {"mail": False} for kind in notifications.types()}}
        made: list[Department] = []
        for number in range(departments):
            made.append(make_department(f"Load {number}"))
            self.addresses.append(f"load{number}@desk.example")
            make_mailbox(self.addresses[-1], department=made[-1], outgoing="smtp", smtp_host="127.0.0.1",
                         smtp_port=self.sink.port, smtp_security="none")
        for number in range(agents):
            self.cookies.append(self._cookie(make_agent(
                email=f"load{number}@desk.example", departments=[made[number % departments]],
                preferences=wishes)))

    def _cookie(self, agent: Agent) -> str:
        client = self.app.test_client()
        with client.session_transaction() as kept:
            kept["_user_id"], kept["_fresh"] = SignedIn(agent).get_id(), True
        cookie = client.get_cookie(self.app.config["SESSION_COOKIE_NAME"])
        assert cookie is not None
        return f"{cookie.key}={cookie.value}"

    # --- processes ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start them all, as so many machines would."""
        environment = {
            "INBOX_DATABASE_URL": self.config.database_url, "INBOX_LIVE_STREAMS": str(STREAMS_EACH),
            "INBOX_WEB_THREADS": str(STREAMS_EACH + 32)}
        self.web_ports, self.smtp_port = [free_port(), free_port()], free_port()
        for name, words in (("web 1", ("web", "--port", str(self.web_ports[0]))),
                            ("web 2", ("web", "--port", str(self.web_ports[1]))),
                            ("worker 1", ("worker",)), ("worker 2", ("worker",)),
                            ("smtp", ("smtp", "--smtp-port", str(self.smtp_port)))):
            self.processes[name] = Program(self.home, *words, env=environment, wait=False)
        for name, port in zip(("web 1", "web 2"), self.web_ports, strict=True):
            program = self.processes[name]
            program.port, program.url = port, f"http://127.0.0.1:{port}"
            program.wait_until_ready()

    def kill(self, name: str) -> None:
        """`kill -9`, and a new start at once, as systemd would."""
        self._worked[name] += _worked(self.processes[name].members())
        self.processes[name].kill()
        self.restarted[name] += 1
        self.processes[name].start_again()

    def memory(self) -> dict[str, float]:
        """Proportional set size in MB by process (a web process with what is below it)."""
        return {name: sum(map(_pss, program.members())) for name, program in self.processes.items()}

    def worked(self) -> dict[str, float]:
        """Seconds of the processor each process has taken so far, with those killed before it, and PostgreSQL."""
        return {**{name: self._worked[name] + _worked(program.members()) for name, program in self.processes.items()},
                "PostgreSQL": _worked(family(self.postgres.process.pid), is_with_ended=True)}

    def stop(self) -> None:
        """End everything, whatever state it is in."""
        for program in self.processes.values():
            program.kill()
        self.sink.stop()
        with work_context(self.app):
            db.engine.dispose()
        self.postgres.stop()

    # --- what came of it ---------------------------------------------------------------------------------------

    def settle(self, patience: float) -> float:
        """Wait until all mail is in tickets and all replies have gone; seconds it took, or the patience."""
        begun = time.monotonic()
        waiting = (sa.select(sa.func.count()).select_from(Ledger).where(Ledger.fate == "waiting"),
                   sa.select(sa.func.count()).select_from(Recipient).where(Recipient.state == "queued"))
        while time.monotonic() - begun < patience:
            with work_context(self.app):
                if not any(session().scalar(each) for each in waiting):
                    break
            time.sleep(0.5)
        return time.monotonic() - begun

    def received(self) -> tuple[Counter[int], dict[int, int]]:
        """How often each message of the load is in a ticket, and the ticket's number, both by its own number."""
        times: Counter[int] = Counter()
        tickets: dict[int, int] = {}
        query = sa.select(Message.message_id, Ticket.number).join(Ticket, Ticket.id == Message.ticket_id).where(
            Message.id > self.newest_before, Message.kind == "received")
        with work_context(self.app):
            for name, number in session().execute(query):
                if name and name.startswith("load"):
                    mail = int(name.partition("@")[0].removeprefix("load"))
                    times[mail] += 1
                    tickets[mail] = number
        return times, tickets

    def events_of(self, number: int) -> str:
        """The events of a ticket, each with its id and time."""
        query = sa.select(Event.id, Event.kind, Event.at).join(Ticket, Ticket.id == Event.ticket_id).where(
            Ticket.number == number).order_by(Event.id)
        with work_context(self.app):
            return ", ".join(f"{row.id} {row.kind} {row.at:%H:%M:%S.%f}" for row in session().execute(query))

    def not_active(self) -> list[str]:
        """The bundled plugins that were paused meanwhile, each with the reason."""
        query = sa.select(Plugin.name, Plugin.reason).where(Plugin.name.in_(NAMES), Plugin.state != "active")
        with work_context(self.app):
            return [f"{row.name} ({row.reason})" for row in session().execute(query)]

    def replies(self) -> list[Reply]:
        """What the desk knows of the replies of the load."""
        query = sa.select(Message.text, Message.message_id, Message.state).where(
            Message.id > self.newest_before, Message.kind == "reply", Message.state != "draft")
        with work_context(self.app):
            return [Reply(found[0], row.message_id or "", row.state) for row in session().execute(query)
                    if (found := WORDS.search(row.text))]


def _pss(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0  # it ended while we looked
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0) / 1024


def _worked(pids: Iterable[int], *, is_with_ended: bool = False) -> float:
    """Seconds of the processor these have taken; `is_with_ended`: with their children that ended before."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        total += sum(map(int, fields[11:15 if is_with_ended else 13]))
    return total / TICKS
