"""`python -m bench`: seed, measure, print; `--write` keeps the table in docs/reference/benchmarks.md.

Pages are asked of the application in this process by Flask's test client, one after the other; "over HTTP" is the
running program with a new connection for each request. Every mail is taken in durably: bytes synced to the disk,
ledger row committed, then parsed, threaded, sanitised, indexed and committed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from bench import desk, floor, program
from bench.figures import Figure, between, machine, table, timed
from bench.seed import LONG_EVERY
from bench.words import COMMON, RARE, letter
from inbox.app import create_app
from inbox.config import Config
from inbox.core import views
from inbox.core.models import Agent, Ledger, Ticket
from inbox.db import db, session, work_context
from inbox.jobs import engine as jobs
from inbox.jobs import worker
from inbox.mail import ledger, receive
from inbox.secrets import ensure_key
from inbox.web.auth import SignedIn

PAGE = Path("docs/reference/benchmarks.md")
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def measure(tickets: int, *, quick: bool) -> list[Figure]:
    """All figures of one size."""
    rounds = 10 if quick else 60
    with desk.home(tickets) as home:
        config = Config(home=home)
        ensure_key(config)
        app = create_app(config)
        app.config["WTF_CSRF_ENABLED"] = False  # the token is checked in microseconds; a script has none
        try:
            least = floor.measured(home / "inbox.db", rounds, 50 if quick else 400)
            found = [*least.figures, *pages(app, tickets, rounds, least.pages)]
            found += mail_in(app, 50 if quick else 400, least)
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


def pages(app: Flask, tickets: int, rounds: int, least: dict[str, Figure]) -> list[Figure]:
    """Lists, tickets, searches, a reply, a click on a status."""
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

    def click() -> int:
        nonlocal is_closed
        is_closed = not is_closed
        answer = client.post(f"/tickets/{long}/status", headers={"HX-Request": "true"},
                             data={"status": "closed" if is_closed else "open"})
        assert answer.status_code == 200, answer.status
        return len(answer.data)

    is_closed = False
    asked = [
        ("List: unassigned, first page of 50", get("/views/unassigned"), "list"),
        ("List: all tickets, first page", get("/views/all"), "all"),
        ("List: all tickets, in the middle", get("/views/all", after=middle), "all"),
        ("List: mine", get("/views/mine"), ""),
        ("Ticket of 10 messages, with its list", get(f"/tickets/{long}", **{"in": "open"}), "ticket"),
        ("Ticket of 10 messages, the pane alone", get(f"/tickets/{long}", part="pane"), "ticket"),
        ("Search: rare word", get("/search", q=RARE["en"]), "rare"),
        ("Search: common word (a fifth of all messages)", get("/search", q=COMMON["en"]), "common"),
        ("Search: beginning of a common word", get("/search", q=COMMON["en"][:4]), "prefix"),
        ("Search: two words", get("/search", q=f"{COMMON['en']} parcel"), "two"),
        ("Search: common word, Thai", get("/search", q=COMMON["th"]), ""),
        ("Search: common word, Japanese", get("/search", q=COMMON["ja"]), ""),
        ("Reply: stored and queued, thread drawn anew", reply, ""),
        ("Click on a status: changed, pane drawn anew", click, ""),
    ]
    return [timed(what, call, rounds, engine).over(least.get(name)) for what, call, name in asked]


def _cursor_in_the_middle(tickets: int) -> str:
    ticket = session().scalars(sa.select(Ticket).where(Ticket.number == tickets // 2)).one()
    row = views._encode(ticket)  # type: ignore[arg-type]  (it has the two columns)
    return str(row)


def mail_in(app: Flask, count: int, least: floor.Floor) -> list[Figure]:
    """Messages a second through the whole intake, one process; every third answers one that is there.

    First a rush: all of them arrive, then the queue is worked as the worker does it. Then each alone.
    """
    worker.load_handlers()
    begun, worked = time.perf_counter(), time.process_time()
    for number in range(count):
        _arrive(app, number, "rush")
    arrived = _rate("Mail in, a rush: arrived (bytes synced, row committed)", count, begun, worked)
    begun, worked = time.perf_counter(), time.process_time()
    jobs.run_due(app, ["mail.process"])
    taken = _rate("Mail in, a rush: waiting messages become tickets", count, begun, worked)
    with work_context(app):
        assert not session().scalar(sa.select(sa.func.count()).where(Ledger.fate == "waiting"))
    begun, worked = time.perf_counter(), time.process_time()
    for number in range(count):
        row = _arrive(app, number, "bench")
        with work_context(app):
            assert receive.process(row) in ("created", "appended")
    alone = _rate("Mail in, one message alone: arrived and in its ticket", count, begun, worked)
    return [arrived, taken.over(least.sixteen), alone.over(least.one)]


def _arrive(app: Flask, number: int, way: str) -> int:
    reference = f"In-Reply-To: <m{number * 3 + 1}@mail.example>\r\n" if number % 3 == 0 else ""
    with work_context(app):
        mailbox = ledger.mailbox_for("support@desk.example")
        return ledger.arrive(letter(number, way, reference), source="smtp", mailbox_id=mailbox.id if mailbox else None,
                             envelope_from="a@mail.example", envelope_to=["support@desk.example"])


def _rate(what: str, count: int, begun: float, worked: float) -> Figure:
    rate, work = count / (time.perf_counter() - begun), (time.process_time() - worked) * 1000 / count
    return Figure(what, f"{rate:.0f} messages/s", cpu=f"{work:.1f} ms each", work=work)


def whole_program(home: Path, cookie: str, rounds: int) -> list[Figure]:
    """Start, pages over HTTP, memory after them."""
    start = program.best_start(home)
    with program.running(home) as found:
        def get(path: str) -> Callable[[], int]:
            def call() -> int:
                status, data = found.get(path, cookie)
                assert status == 200, (path, status)
                return len(data)
            return call

        over_http = [timed("List: unassigned, over HTTP", get("/views/unassigned"), rounds, elsewhere=True),
                     timed("Ticket of 10 messages, over HTTP", get(f"/tickets/{LONG_EVERY}"), rounds,
                           elsewhere=True)]
        return [*over_http, Figure("From the command to the first page", f"{start:.2f} s"),
                Figure("Memory of the running program (PSS, all processes)", f"{found.memory():.0f} MB")]


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
    for module in ("bench.intake", "bench.hooks", "bench.idle", "bench.plugins"):
        parts.append(in_own_process(module))
        print(f"\n{parts[-1]}", flush=True)
    if options.write:
        PAGE.write_text(between(PAGE.read_text("utf-8"), BEGIN, END, "\n\n".join(parts)), "utf-8")


if __name__ == "__main__":
    main()
