"""`python -m bench`: seed, measure, print; `--write` keeps the tables in docs/reference/benchmarks.md.

Pages are asked of the application in this process by Flask's test client, one after the other; "over HTTP" is the
running program with a new connection for each request. Every mail is taken in durably: bytes synced to the disk,
ledger row committed, then parsed, threaded, sanitised, indexed and committed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from bench import desk, floor, program
from bench.figures import Figure, best, kept, machine, table, timed
from bench.seed import LONG, LONG_EVERY
from bench.throughput import pages_a_second
from bench.words import COMMON, RARE, letter, message_id
from inbox import preload
from inbox.app import create_app
from inbox.config import Config
from inbox.core import views
from inbox.core.models import Agent, CustomerAddress, Event, Ledger, Message, Ticket
from inbox.db import db, session, work_context
from inbox.jobs import engine as jobs
from inbox.jobs import worker
from inbox.mail import ledger, receive
from inbox.secrets import ensure_key
from inbox.web.auth import SignedIn
from inbox.web.thread_folds import HEADER, LAST_OPEN

PAGE = Path("docs/reference/benchmarks.md")
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
AGENTS_AT_ONCE = 8
MOST_LONG = 1000  # tickets of ten messages that are looked at for some that nobody has written to


def measure(tickets: int, database: str, *, quick: bool) -> tuple[str, list[Figure]]:
    """All figures of one desk, once, and what database it lies in."""
    rounds = 10 if quick else 60
    with desk.opened(tickets, database) as config:
        ensure_key(config)
        app = create_app(config)
        preload.settle()  # as in a web process
        app.config["WTF_CSRF_ENABLED"] = False  # the token is checked in microseconds; a script has none
        try:
            least = floor.measured(config, rounds, 50 if quick else 400)
            found = [*least.figures, *pages(app, tickets, rounds, least.pages)]
            found += mail_in(app, 50 if quick else 400, least)
            cookies = [signed_in(app, number)[1] for number in range(1, AGENTS_AT_ONCE + 1)]
            with work_context(app):
                if tickets > desk.COPIED:
                    desk.purge_what_came(tickets)
                desk.leave_nothing_waiting(db.engine)
                named = _named(db.engine)
        finally:
            with work_context(app):
                db.engine.dispose()
        return named, found + whole_program(config, cookies, rounds, 2.0 if quick else 10.0)


def _named(engine: sa.Engine) -> str:
    """The database and what it promises, for the line above the table; nothing for SQLite, which stands there."""
    if engine.dialect.name == "sqlite":
        return ""
    with engine.connect() as connection:
        version, *durable = (connection.exec_driver_sql(f"SHOW {name}").scalar() for name in (
            "server_version", "fsync", "synchronous_commit", "shared_buffers"))
    fsync, commit, buffers = durable
    return (f"PostgreSQL {str(version).split()[0]} (fsync {fsync}, synchronous_commit {commit}, "
            f"shared_buffers {buffers})")


def signed_in(app: Flask, agent: int = 1) -> tuple[FlaskClient, str]:
    """A browser of an agent (1 is the owner), and its cookie for requests over HTTP."""
    client = app.test_client()
    with work_context(app), client.session_transaction() as cookie:
        cookie["_user_id"] = SignedIn(session().get_one(Agent, agent)).get_id()
        cookie["_fresh"] = True
    kept = client.get_cookie(app.config["SESSION_COOKIE_NAME"])
    return client, f"{kept.key}={kept.value}" if kept else ""


def pages(app: Flask, tickets: int, rounds: int, least: dict[str, Figure]) -> list[Figure]:
    """Lists, tickets, searches, a reply, a click on a status."""
    client = signed_in(app)[0]
    with work_context(app):
        engine, middle, long = db.engine, _cursor_in_the_middle(tickets), _long_tickets(tickets)
        known = session().scalar(sa.select(sa.func.max(Event.id))) or 0
    shown = next(long).number
    clicks = ((each, after) for each in long  # there and back
              for after in (("open", "closed") if each.status == "closed" else ("closed", each.status)))

    def get(path: str, **query: str) -> Callable[[], int]:
        def call() -> int:
            answer = client.get(path, query_string=query)
            assert answer.status_code == 200, (path, answer.status)
            return len(answer.data)
        return call

    def post(ticket: Long, act: str, **data: str) -> int:  # as the page does it, which shows the thread folded
        answer = client.post(f"/tickets/{ticket.number}/{act}", data=data,
                             headers={"HX-Request": "true", "HX-Request-Type": "partial", HEADER: ticket.earlier})
        assert answer.status_code == 200, (act, answer.status)
        return len(answer.data)

    def reply() -> int:
        ticket = next(long)
        return post(ticket, "messages", kind="reply", html="<p>Thank you, it is on <b>its</b> way.</p>",
                    known=str(known), shown=ticket.customer)

    def click() -> int:
        ticket, status = next(clicks)
        return post(ticket, "status", status=status)

    asked = [
        ("List: unassigned, first page of 50", get("/views/unassigned"), "list"),
        ("List: all tickets, first page", get("/views/all"), "all"),
        ("List: all tickets, in the middle", get("/views/all", after=middle), "all"),
        ("List: mine", get("/views/mine"), ""),
        ("Ticket of 10 messages, with its list", get(f"/tickets/{shown}", **{"in": "open"}), "ticket"),
        ("Ticket of 10 messages, the pane alone", get(f"/tickets/{shown}", part="pane"), "ticket"),
        ("Search: rare word", get("/search", q=RARE["en"]), "rare"),
        ("Search: common word (a fifth of all messages)", get("/search", q=COMMON["en"]), "common"),
        ("Search: beginning of a common word", get("/search", q=COMMON["en"][:4]), "prefix"),
        ("Search: two words", get("/search", q=f"{COMMON['en']} parcel"), "two"),
        ("Search: common word, best match", get("/search", q=COMMON["en"], sort="best"), ""),
        ("Search: two words, best match", get("/search", q=f"{COMMON['en']} parcel", sort="best"), ""),
        ("Search: common word, Thai", get("/search", q=COMMON["th"]), ""),
        ("Search: common word, Thai, best match", get("/search", q=COMMON["th"], sort="best"), ""),
        ("Search: common word, Japanese", get("/search", q=COMMON["ja"]), ""),
        ("Reply: stored and queued, thread drawn anew", reply, ""),
        ("Click on a status: changed, pane drawn anew", click, ""),
    ]
    return [timed(what, call, rounds, engine).over(least.get(name)) for what, call, name in asked]


def _cursor_in_the_middle(tickets: int) -> str:
    ticket = session().scalars(sa.select(Ticket).where(Ticket.number == tickets // 2)).one()
    row = views._encode(ticket)  # type: ignore[arg-type]  (it has the two columns)
    return str(row)


class Long(NamedTuple):
    """A ticket of ten messages. `earlier`: the last one that its page does not show; `customer`: their address."""

    number: int
    status: str
    earlier: str
    customer: str


def _long_tickets(tickets: int) -> Iterator[Long]:
    """Some of them, one after the other: what is written to one changes what the next page of it costs, in this run
    and in the next one on the same desk."""
    numbers = range(tickets // LONG_EVERY * LONG_EVERY, 0, -LONG_EVERY)
    found = session().execute(sa.select(Ticket.id, Ticket.number, Ticket.status, CustomerAddress.value).join(
        CustomerAddress, CustomerAddress.customer_id == Ticket.customer_id).where(
        Ticket.number.in_(numbers[:MOST_LONG]), Ticket.message_count == LONG, Ticket.shelf.in_(("open", "closed")))
        .order_by(Ticket.number)).all()
    said: dict[int, list[int]] = {}
    for ticket_id, pk in session().execute(sa.select(Message.ticket_id, Message.id).where(
            Message.ticket_id.in_([row.id for row in found])).order_by(Message.at, Message.id)):
        said.setdefault(ticket_id, []).append(pk)
    return itertools.cycle([Long(row.number, row.status, f"m{said[row.id][-LAST_OPEN - 1]}", row.value)
                            for row in found])


def mail_in(app: Flask, count: int, least: floor.Floor) -> list[Figure]:
    """Messages a second through the whole intake, one process; every third answers one that is there.

    First a rush: all of them arrive, then the queue is worked as the worker does it. Then each alone.
    """
    worker.load_handlers()
    begun, worked = time.perf_counter(), time.process_time()
    for number in range(count):
        _arrive(app, number)
    arrived = _rate("Mail in, a rush: arrived (bytes synced, row committed)", count, begun, worked)
    begun, worked = time.perf_counter(), time.process_time()
    jobs.run_due(app, ["mail.process"])
    taken = _rate("Mail in, a rush: waiting messages become tickets", count, begun, worked)
    with work_context(app):
        assert not session().scalar(sa.select(sa.func.count()).where(Ledger.fate == "waiting"))
    begun, worked = time.perf_counter(), time.process_time()
    for number in range(count):
        row = _arrive(app, number)
        with work_context(app):
            assert receive.process(row) in ("created", "appended")
    alone = _rate("Mail in, one message alone: arrived and in its ticket", count, begun, worked)
    return [arrived, taken.over(least.sixteen), alone.over(least.one)]


def _arrive(app: Flask, number: int) -> int:
    """A message that no run has sent before, and no other is near in an index by Message-ID."""
    reference = f"In-Reply-To: <{message_id(number * 3 + 1)}>\r\n" if number % 3 == 0 else ""
    with work_context(app):
        mailbox = ledger.mailbox_for("support@desk.example")
        return ledger.arrive(letter(number, f"{secrets.token_hex(8)}.", reference), source="smtp",
                             mailbox_id=mailbox.id if mailbox else None,
                             envelope_from="a@mail.example", envelope_to=["support@desk.example"])


def _rate(what: str, count: int, begun: float, worked: float) -> Figure:
    rate, work = count / (time.perf_counter() - begun), (time.process_time() - worked) * 1000 / count
    return Figure(what, f"{rate:.0f} messages/s", cpu=f"{work:.1f} ms each", work=work, rank=1 / rate)


def whole_program(config: Config, cookies: list[str], rounds: int, seconds: float) -> list[Figure]:
    """Start, pages over HTTP, memory after them; then with two web processes, as many pages as they give."""
    settings = {"database_url": config.database_url}
    start = program.best_start(config.home, **settings)
    with program.running(config.home, **settings) as found:
        def get(path: str) -> Callable[[], int]:
            def call() -> int:
                status, data = found.get(path, cookies[0])
                assert status == 200, (path, status)
                return len(data)
            return call

        over_http = [timed("List: unassigned, over HTTP", get("/views/unassigned"), rounds, elsewhere=True),
                     timed("Ticket of 10 messages, over HTTP", get(f"/tickets/{LONG_EVERY}"), rounds,
                           elsewhere=True)]
        memory, of_web = found.memory(), found.memory("inbox web")
    rest = [Figure("From the command to the first page", f"{start:.2f} s", rank=start),
            Figure("Memory of the running program (PSS, all processes)", f"{memory:.0f} MB", rank=memory),
            Figure("Of it the web process, with the one it was forked from", f"{of_web:.0f} MB", rank=of_web)]
    with program.running(config.home, **settings, web_processes=2) as found:
        at_once = pages_a_second(found.port, "/views/unassigned", cookies, seconds)
    return [*over_http, at_once, *rest]


def in_own_process(module: str) -> str:
    """What another module of this folder prints."""
    done = subprocess.run([sys.executable, "-m", module], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def section(tickets: int, database: str, *, runs: int, quick: bool) -> str:
    """The best of several runs on one desk, as a section of the page."""
    name, load = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[database], os.getloadavg()[0]
    found = [measure(tickets, database, quick=quick) for _ in range(runs)]
    described = machine(found[0][0], load) + (f"; best of {runs}" if runs > 1 else "")
    return (f"### {tickets:,} tickets, {tickets * 4:,} messages, {name}\n\n{described}\n\n"
            f"{table(best([figures for _, figures in found]))}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--size", type=int, action="append", help="tickets; may be given several times "
                                                                  "(10000 and 100000 when not given)")
    parser.add_argument("--database", choices=desk.DATABASES, action="append",
                        help="may be given twice (sqlite when not given); PostgreSQL is started below .bench")
    parser.add_argument("--runs", type=int, default=1, help="of which the best counts, line for line")
    parser.add_argument("--desks-only", action="store_true", help="not mail by way and step, not plugins")
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it works")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE}; those of desks that are "
                                                             "not measured now stay")
    options = parser.parse_args()

    def add(text: str) -> None:
        print(f"\n{text}", flush=True)
        if options.write:  # at once: what was measured is kept whatever comes after
            PAGE.write_text(kept(PAGE.read_text("utf-8"), BEGIN, END, [text]), "utf-8")

    for database in options.database or ("sqlite",):
        for tickets in options.size or (10_000, 100_000):
            add(section(tickets, database, runs=options.runs, quick=options.quick))
    for module in () if options.desks_only else ("bench.intake", "bench.hooks", "bench.idle", "bench.plugins"):
        add(in_own_process(module).replace("\n\n", f"\n\n{machine()}\n\n", 1))


if __name__ == "__main__":
    main()
