"""`python -m bench`: seed, measure, print; `--write` keeps the table in docs/reference/benchmarks.md.

Pages are asked of the application in this process by Flask's test client, one after the other; "over HTTP" is the
running program with a new connection for each request. Every mail is taken in durably: bytes synced to the disk,
ledger row committed, then parsed, threaded, sanitised, indexed and committed.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from bench import desk, program
from bench.seed import LONG_EVERY
from bench.words import COMMON, RARE, letter
from inbox import __version__
from inbox.app import create_app
from inbox.config import Config
from inbox.core import arrivals, views
from inbox.core.models import Agent, Ticket
from inbox.db import db, session, work_context
from inbox.jobs import engine
from inbox.mail import batch, ledger, receive  # noqa: F401  (batch declares how many are taken in at once)
from inbox.secrets import ensure_key
from inbox.web.auth import SignedIn

PAGE = Path("docs/reference/benchmarks.md")
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


@dataclass
class Figure:
    """One line of the table; times in milliseconds."""

    what: str
    median: str
    p95: str = ""
    cpu: str = ""  # median of the processor time: what stays true on a machine that does other things, too
    queries: str = ""
    size: str = ""

    @property
    def cells(self) -> list[str]:
        return [self.what, self.median, self.p95, self.cpu, self.queries, self.size]


def timed(what: str, call: Callable[[], int], rounds: int, engine: sa.Engine | None = None) -> Figure:
    """Median and 95th percentile of a call that returns how many bytes it got. The first two rounds do not count."""
    times, busy, queries, size = [], [], 0, 0

    def count(*_: object) -> None:
        nonlocal queries
        queries += 1

    for number in range(rounds + 2):
        if engine is not None and number == 2:
            sa.event.listen(engine, "before_cursor_execute", count)
        begun, worked = time.perf_counter(), time.process_time()
        size = call()
        times.append((time.perf_counter() - begun) * 1000)
        busy.append((time.process_time() - worked) * 1000)
        if engine is not None and number == 2:
            sa.event.remove(engine, "before_cursor_execute", count)
    times = sorted(times[2:])
    p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
    return Figure(what, f"{statistics.median(times):.1f} ms", f"{p95:.1f} ms",
                  f"{statistics.median(busy[2:]):.1f} ms" if engine else "",  # over HTTP another process works
                  str(queries - 1) if engine else "", f"{size:,}" if size else "")  # BEGIN is no query


def measure(tickets: int, *, quick: bool) -> list[Figure]:
    """All figures of one size."""
    rounds = 10 if quick else 60
    with desk.home(tickets) as home:
        config = Config(home=home)
        ensure_key(config)
        app = create_app(config)
        app.config["WTF_CSRF_ENABLED"] = False  # the token is checked in microseconds; a script has none
        try:
            found = pages(app, tickets, rounds)
            found += mail_in(app, 50 if quick else 400)
            cookie = signed_in(app)[1]
        finally:
            with work_context(app):
                db.engine.dispose()
        return found + whole_program(home, cookie, rounds)


def signed_in(app: Flask) -> tuple[FlaskClient, str]:
    """A browser of the owner, and its cookie for requests over HTTP."""
    client = app.test_client()
    with work_context(app), client.session_transaction() as cookie:
        cookie["_user_id"] = SignedIn(session().get_one(Agent, 1)).get_id()
        cookie["_fresh"] = True
    kept = client.get_cookie(app.config["SESSION_COOKIE_NAME"])
    return client, f"{kept.key}={kept.value}" if kept else ""


def pages(app: Flask, tickets: int, rounds: int) -> list[Figure]:
    """Lists, tickets, searches, a reply."""
    client = signed_in(app)[0]
    with work_context(app):
        engine, middle = db.engine, _cursor_in_the_middle(tickets)
    long = tickets // LONG_EVERY // 2 * LONG_EVERY

    def get(path: str, **query: str) -> Callable[[], int]:
        def call() -> int:
            answer = client.get(path, query_string=query)
            assert answer.status_code == 200, (path, answer.status)
            return len(answer.data)
        return call

    def reply() -> int:
        answer = client.post(f"/tickets/{long}/messages", headers={"HX-Request": "true"},
                             data={"kind": "reply", "text": "Thank you, it is on its way."})
        assert answer.status_code == 200, answer.status
        return len(answer.data)

    asked = [
        ("List: unassigned, first page of 50", get("/views/unassigned")),
        ("List: all tickets, first page", get("/views/all")),
        ("List: all tickets, in the middle", get("/views/all", after=middle)),
        ("List: mine", get("/views/mine")),
        ("Ticket of 10 messages, with its list", get(f"/tickets/{long}", **{"in": "open"})),
        ("Ticket of 10 messages, the pane alone", get(f"/tickets/{long}", part="pane")),
        ("Search: rare word", get("/search", q=RARE["en"])),
        ("Search: common word (a fifth of all messages)", get("/search", q=COMMON["en"])),
        ("Search: common word, Thai", get("/search", q=COMMON["th"])),
        ("Search: common word, Japanese", get("/search", q=COMMON["ja"])),
        ("Reply: stored and queued, thread drawn anew", reply),
    ]
    return [timed(what, call, rounds, engine) for what, call in asked]


def _cursor_in_the_middle(tickets: int) -> str:
    ticket = session().scalars(sa.select(Ticket).where(Ticket.number == tickets // 2)).one()
    row = views._encode(ticket)  # type: ignore[arg-type]  (it has the two columns)
    return str(row)


def mail_in(app: Flask, count: int) -> list[Figure]:
    """Messages a second in one process, every third an answer to one that is there: kept (bytes synced, row
    committed); then, all waiting, in tickets and searchable, as the worker does it; and one alone from end to end."""
    with work_context(app):
        mailbox = ledger.mailbox_for("support@desk.example")
        mailbox_id = mailbox.id if mailbox else None

    def arrive(way: str) -> list[int]:
        rows = []
        for number in range(count):
            reference = f"In-Reply-To: <m{number * 3 + 1}@mail.example>\r\n" if number % 3 == 0 else ""
            with work_context(app):
                rows.append(ledger.arrive(letter(number, way, reference), source="smtp", mailbox_id=mailbox_id,
                                          envelope_from="a@mail.example", envelope_to=["support@desk.example"]))
        return rows

    def alone() -> None:
        for row in arrive("alone"):
            with work_context(app):
                assert receive.process(row) in ("created", "appended")

    def rush() -> None:
        assert engine.run_due(app, [arrivals.JOB]) >= count

    size = f"{len(letter(1, 'rush', '')) / 1000:.1f} kB each"
    found = [_rate(f"Mail arrived: synced and committed ({size})", count, lambda: arrive("rush")),
             _rate("Mail in tickets, many waiting", count, rush)]
    return [*found, _rate("Mail arrived and in its ticket, one by one", count, alone)]


def _rate(what: str, count: int, call: Callable[[], object]) -> Figure:
    begun, worked = time.perf_counter(), time.process_time()
    call()
    rate = count / (time.perf_counter() - begun)
    return Figure(what, f"{rate:.0f} messages/s", cpu=f"{(time.process_time() - worked) * 1000 / count:.1f} ms each")


def whole_program(home: Path, cookie: str, rounds: int) -> list[Figure]:
    """Cold start, pages over HTTP, memory after them."""
    with program.running(home) as found:
        def get(path: str) -> Callable[[], int]:
            def call() -> int:
                status, data = found.get(path, cookie)
                assert status == 200, (path, status)
                return len(data)
            return call

        over_http = [timed("List: unassigned, over HTTP", get("/views/unassigned"), rounds),
                     timed("Ticket of 10 messages, over HTTP", get(f"/tickets/{LONG_EVERY}"), rounds)]
        return [*over_http, Figure("Cold start to the first page", f"{found.cold_start:.2f} s"),
                Figure("Memory of the running program (PSS, all processes)", f"{found.memory():.0f} MB")]


# --- report -----------------------------------------------------------------------------------------------------


def machine() -> str:
    """What it was measured on, in one line."""
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (f"{os.cpu_count()} × {model}, {memory:.0f} GB, {platform.system()}; Pluginbox {__version__}, "
            f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version} (WAL, synchronous=FULL); "
            f"load when it began {os.getloadavg()[0]:.1f}")


def table(tickets: int, figures: list[Figure]) -> str:
    """The figures of one size as a table in Markdown."""
    lines = [f"### {tickets:,} tickets, {tickets * 4:,} messages", "",
             "| what | median | 95th percentile | processor | queries | bytes |", "|---|---|---|---|---|---|"]
    return "\n".join([*lines, *("| " + " | ".join(each.cells) + " |" for each in figures)])


def in_own_process(module: str) -> str:
    """What another module of this folder prints."""
    done = subprocess.run([sys.executable, "-m", module], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--size", type=int, action="append", help="tickets; may be given several times "
                                                                  "(10000 and 100000 when not given)")
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it works")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE}")
    options = parser.parse_args()
    parts = [machine()]
    print(parts[0], flush=True)
    for tickets in options.size or (10_000, 100_000):
        parts.append(table(tickets, measure(tickets, quick=options.quick)))
        print(f"\n{parts[-1]}", flush=True)
    for module in ("bench.intake", "bench.hooks", "bench.plugins"):
        parts.append(in_own_process(module))
        print(f"\n{parts[-1]}", flush=True)
    if options.write:
        head, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{head}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    main()
