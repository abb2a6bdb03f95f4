"""Mail in, by way and by step: `python -m bench.intake` prints a table.

By way: how many messages a second are acknowledged, which means bytes synced to the disk and ledger row committed. By
step: what the processor works for one message from there until it is in its ticket, of a rush of waiting messages
(taken in by sixteen, as a worker does) and of one alone.
"""

from __future__ import annotations

import shutil
import smtplib
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from flask import Flask

from bench.words import letter
from inbox import secrets
from inbox.app import create_app
from inbox.config import Config
from inbox.core import attachments, intake, search
from inbox.core.arrivals import JOB
from inbox.db import db, work_context
from inbox.jobs import engine as jobs
from inbox.jobs import worker
from inbox.mail import body, ledger, parse, pipe, receive
from inbox.prepare import make_tables
from inbox.testing.factories import make_department, make_mailbox
from tests.support.dovecot import Dovecot, is_installed
from tests.support.ports import free_port
from tests.support.program import Program

COUNT = 200
ADDRESS = "support@desk.example"


def letters(way: str, count: int = COUNT) -> list[bytes]:
    """Messages of 4.5 kB to our mailbox."""
    return [letter(n, way) for n in range(count)]


def by_pipe(app: Flask) -> float:
    """Messages a second through `inbox receive`, without the start of its process."""
    begun = time.perf_counter()
    for raw in letters("pipe"):
        code, said = pipe.receive_pipe(app, [ADDRESS], raw)
        assert code == 0, said
    return COUNT / (time.perf_counter() - begun)


def by_smtp(home: Path, connections: int) -> float:
    """Messages a second that the listener answers with 250, over so many connections side by side."""
    port = free_port()

    def send(way: str) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            for raw in letters(way, count=COUNT // connections):
                client.sendmail("a@mail.example", [ADDRESS], raw)

    with Program(home, "smtp", "--smtp-port", str(port), wait=False):
        while not _answers(port):
            time.sleep(0.05)
        threads = [threading.Thread(target=send, args=(f"smtp{connections}.{each}.",)) for each in range(connections)]
        begun = time.perf_counter()
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        return COUNT / (time.perf_counter() - begun)


def by_imap(home: Path) -> tuple[float, float]:
    """Messages a second fetched into the ledger, and into tickets, by a worker that does both side by side."""
    def fetched(where: str) -> int:
        with closing(sqlite3.connect(home / "inbox.db", timeout=30)) as database:
            return int(database.execute(f"SELECT count(*) FROM ledger WHERE source = 'imap' {where}").fetchone()[0])

    with Program(home, "worker", wait=False):
        while not fetched(""):
            time.sleep(0.02)
        begun, first = time.perf_counter(), fetched("")
        while fetched("") < COUNT:
            time.sleep(0.02)
        there = (COUNT - first) / (time.perf_counter() - begun)
        while fetched("AND fate = 'created'") < COUNT:
            time.sleep(0.02)
        return there, COUNT / (time.perf_counter() - begun)


def _answers(port: int) -> bool:
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=5):
            return True
    except OSError:
        return False


# --- by step ----------------------------------------------------------------------------------------------------

STEPS = {"read the bytes (parse)": (parse, "parse"), "clean, fold, shorten (sanitise)": (body, "build"),
         "rows of ticket, message, event (store)": (intake, "accept_many"), "index for search": (search, "index_new"),
         "files to the blob store": (attachments, "store")}


@contextmanager
def measured(spent: Counter[str]) -> Iterator[None]:
    """Add up the processor's seconds in each step; a step within another is counted for itself."""
    kept, running = {}, [0.0]

    def wrap(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            begun = time.process_time()
            running.append(0.0)
            try:
                return function(*args, **options)
            finally:
                took = time.process_time() - begun
                spent[name] += took - running.pop()
                running[-1] += took
        return call

    for name, (module, attribute) in STEPS.items():
        kept[name] = getattr(module, attribute)
        setattr(module, attribute, wrap(name, kept[name]))
    try:
        yield
    finally:
        for name, (module, attribute) in STEPS.items():
            setattr(module, attribute, kept[name])


def by_step(app: Flask, *, rush: bool) -> list[tuple[str, float]]:
    """Milliseconds of the processor for one message, step by step; the last line is all of it."""
    spent: Counter[str] = Counter()
    raws, arrived = letters("rush" if rush else "step"), []
    worker.load_handlers()
    jobs.run_due(app, [JOB])  # what the ways have left
    begun = time.process_time()
    for raw in raws:
        with work_context(app):
            mailbox = ledger.mailbox_for(ADDRESS)
            arrived.append(ledger.arrive(raw, source="smtp", mailbox_id=mailbox.id if mailbox else None))
    arrival, begun = time.process_time() - begun, time.process_time()
    with measured(spent):
        if rush:
            assert jobs.run_due(app, [JOB]) >= COUNT
        else:
            for row in arrived:
                with work_context(app):
                    assert receive.process(row) == "created"
    whole = time.process_time() - begun
    rest = whole - sum(spent.values())
    rows = [("arrival: bytes synced, row committed", arrival), *((name, spent[name]) for name in STEPS),
            ("the rest: threading, guards, plugins, queue, commits", rest), ("together", arrival + whole)]
    return [(name, seconds * 1000 / COUNT) for name, seconds in rows]


def new_desk(home: Path, **mailbox: Any) -> Flask:
    """A desk with one mailbox and no mail."""
    home.mkdir()
    config = Config(home=home)
    with work_context(make_tables(config)):
        if "imap_password" in mailbox:
            mailbox["imap_password"] = secrets.encrypt(mailbox["imap_password"])
        make_mailbox(ADDRESS, department=make_department("Support"), **mailbox)
    return create_app(config)


def over_imap(home: Path) -> list[tuple[str, float]]:
    """On a desk of its own, where nothing else waits."""
    dovecot = Dovecot()
    app = new_desk(home, incoming="imap", imap_host="127.0.0.1", imap_port=dovecot.port, imap_security="none",
                   imap_user="support", imap_password="secret")
    with app.app_context():
        db.engine.dispose()
    dovecot.append(*letters("imap"))
    there, in_tickets = by_imap(home)
    dovecot.stop()
    return [("IMAP, while the same process makes tickets of them", there),
            ("IMAP, until all are in tickets", in_tickets)]


def main() -> None:
    """Print the tables."""
    folder = Path(tempfile.mkdtemp(prefix="pluginbox-bench-"))
    app = new_desk(folder / "home")
    ways = [("pipe (`inbox receive`, one process)", by_pipe(app)),
            ("SMTP, one connection", by_smtp(folder / "home", 1)),
            ("SMTP, four connections", by_smtp(folder / "home", 4))]
    rush, alone = by_step(app, rush=True), by_step(app, rush=False)
    if is_installed():
        ways += over_imap(folder / "imap")
    shutil.rmtree(folder, ignore_errors=True)
    print("### Mail in\n\n| acknowledged: synced and committed | messages/s |\n|---|---|")
    print("\n".join(f"| {name} | {rate:.0f} |" for name, rate in ways))
    print("\n| step of one message (4.5 kB) | in a rush | alone |\n|---|---|---|")
    print("\n".join(f"| {name} | {spent:.2f} ms | {lone:.2f} ms |"
                    for (name, spent), (_, lone) in zip(rush, alone, strict=True)))


if __name__ == "__main__":
    main()
