"""Sends a folder of real messages through the whole intake: ``python -m tests.corpus.intake [FOLDER]``.

Fifty go in by `inbox receive`, as a mail server's pipe would hand them over, the rest in one process; then one
process gives each its fate. Printed is how many met which fate. Exit code: 0 if every message has a ledger row with
a fate and its bytes are kept unchanged, 1 if not, 2 if there is no folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from flask import Flask

from inbox import secrets
from inbox.app import create_app, create_core_app
from inbox.config import Config
from inbox.core import attachments
from inbox.core.models import Department, Ledger, Mailbox, Message, Ticket
from inbox.db import db, session, transaction, work_context
from inbox.jobs import engine
from inbox.mail import batch, ledger, receive  # noqa: F401  (they declare what runs the jobs)
from inbox.migrate import migrate
from tests.corpus.run import PROJECT, folder

ADDRESS = "support@desk.example"
BY_COMMAND = 50
NOT_MAIL = re.compile(
    r"(^|/)(LICENCE\.txt|.*\.(html|ics|tnef|list|jsonl?|xml|png|jpg|zip|tar|dat|md|xpi|csv|py))$"
    r"|^(caniemail|reply_texts_other|xss_[a-z]+)/|^[^/]+/(mbox|html|tnef|signature_stripped|html_replies|subjects|calendar|attachments)/")


@dataclass
class Report:
    """How it went: messages by fate, and everything that went wrong (empty: all is well)."""

    fates: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    by_command: int = 0
    tickets: int = 0
    seconds: float = 0.0


def messages_in(corpus: Path) -> list[Path]:
    """The files of a folder that are messages."""
    return sorted(path for path in corpus.rglob("*")
                  if path.is_file() and not NOT_MAIL.search(path.relative_to(corpus).as_posix()))


def make_desk(home: Path) -> Flask:
    """An empty desk with one mailbox."""
    config = Config(home=home)
    secrets.ensure_key(config)
    with work_context(create_core_app(config)):
        migrate(db.engine)
        with transaction() as current:
            department = Department(name="Support")
            current.add(department)
            current.flush()
            current.add(Mailbox(address=ADDRESS, department_id=department.id))
        db.engine.dispose()
    return create_app(config)


def run(corpus: Path, home: Path, by_command: int = BY_COMMAND) -> Report:
    """Send every message of a folder through the intake of a new desk in `home`."""
    app, report = make_desk(home), Report()
    files = messages_in(corpus)
    chosen = set(_spread([path for path in files if path.read_bytes().strip()], by_command))
    started = time.monotonic()
    arrived: dict[int, Path] = {}
    with work_context(app):
        box = ledger.mailbox_for(ADDRESS)
        assert box is not None
        for path in files:
            if path in chosen:
                _by_pipe(path, home, report)
            else:
                arrived[ledger.arrive(path.read_bytes(), source="api", mailbox_id=box.id, envelope_to=[ADDRESS])] = path
    engine.run_due(app, ["mail.process"])
    report.seconds = time.monotonic() - started
    with work_context(app):
        _check(files, arrived, report)
    return report


def _spread(paths: list[Path], count: int) -> list[Path]:
    step = max(1, len(paths) // count) if count else len(paths) + 1
    return paths[::step][:count] if count else []


def _by_pipe(path: Path, home: Path, report: Report) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "inbox", "receive", "--home", str(home), "--to", ADDRESS], cwd=PROJECT, check=False,
        input=path.read_bytes(), capture_output=True, env={**os.environ, "PYTHONPATH": str(PROJECT)})
    report.by_command += 1
    if done.returncode != 0:
        report.wrong.append(f"{path}: inbox receive ended with {done.returncode}: {done.stderr.decode()[-300:]}")


def _check(files: list[Path], arrived: dict[int, Path], report: Report) -> None:
    rows = session().scalars(sa.select(Ledger)).all()
    report.fates = Counter(row.fate for row in rows)
    report.tickets = session().scalar(sa.select(sa.func.count(Ticket.id))) or 0
    if len(rows) != len(files):
        report.wrong.append(f"{len(files)} messages, but {len(rows)} rows in the ledger")
    digests = Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    if digests != Counter(row.sha256 for row in rows):
        report.wrong.append("the bytes in the ledger are not those of the messages")
    in_tickets = set(session().scalars(sa.select(Message.ledger_id)))
    for row in rows:
        where = arrived.get(row.id, f"number {row.id}")
        if row.fate == "waiting":
            report.wrong.append(f"{where}: no fate")
        if (row.fate in ("created", "appended")) != (row.id in in_tickets):
            report.wrong.append(f"{where}: its fate is {row.fate}, which its ticket does not bear out")
        if hashlib.sha256(attachments.read(row.sha256)).hexdigest() != row.sha256:
            report.wrong.append(f"{where}: its bytes were changed")
        if row.fate == "quarantined":
            print(f"  quarantined {where}: {row.reason}")


def main() -> int:
    """Run it and print the count."""
    corpus = folder(sys.argv[1] if len(sys.argv) > 1 else None)
    if not corpus.is_dir():
        print(f"There is no corpus at {corpus}. Give its folder as an argument or in INBOX_CORPUS.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="intake-") as home:
        report = run(corpus, Path(home))
    total = report.fates.total()
    print(f"\n{total} messages through the intake in {report.seconds:.0f} s, {report.by_command} of them by "
          f"`inbox receive`; {report.tickets} tickets")
    for fate, count in report.fates.most_common():
        print(f"  {count:6} {fate}")
    for each in report.wrong[:50]:
        print(f"WRONG {each}")
    return 1 if report.wrong or not total else 0


if __name__ == "__main__":
    sys.exit(main())
