"""Mail through a desk to which everything happens: part of ``make soak``, or ``python -m tests.chaos.mail``.

Half of the messages lie in an IMAP mailbox, half come over SMTP. Meanwhile the program is killed at random moments, its
database is locked for half a minute, its disk fills, the IMAP server goes away, cuts connections and numbers all its
messages anew. In the end each message has to be in a ticket, exactly once.
"""

from __future__ import annotations

import argparse
import imaplib
import random
import signal
import smtplib
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from inbox import secrets
from inbox.config import Config
from inbox.db import db, work_context
from inbox.prepare import make_tables
from inbox.testing.factories import make_department, make_mailbox
from tests.chaos.desk import LETTER, wait_for
from tests.support.dovecot import WHY_NOT, Dovecot, is_installed
from tests.support.program import Program

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "chaos.md"
BEGIN, END = "<!-- mail -->", "<!-- end of mail -->"
IMAP, SMTP = "support@desk.example", "sales@desk.example"
LOCKED_SECONDS, FULL_SECONDS, AWAY_SECONDS = 30, 20, 15
DISK = 64 * 1024 * 1024  # bytes


class Desk:
    """The program on a folder of its own, an IMAP server, and what can be done to them."""

    def __init__(self, home: Path) -> None:
        self.home, self.blobs = home, home / "blobs"
        self.dovecot = Dovecot()
        config = Config(home=home)
        home.mkdir(parents=True)
        app = make_tables(config)
        with work_context(app):
            department = make_department("Support")
            make_mailbox(SMTP, department=department)
            make_mailbox(IMAP, department=department, incoming="imap", imap_host="127.0.0.1",
                         imap_port=self.dovecot.port, imap_security="none", imap_user="support",
                         imap_password=secrets.encrypt("secret"))
            db.engine.dispose()
        self.blobs.mkdir(exist_ok=True)
        self.small_disk = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", self.blobs],
                                         capture_output=True).returncode == 0
        self.numbered: list[tuple[str, int]] = []
        self.program = Program(home)

    def stop(self) -> None:
        """End everything."""
        self.program.stop()
        self.dovecot.stop()
        if self.small_disk:
            subprocess.run(["umount", "--lazy", self.blobs], check=False)

    # --- what happens to it ------------------------------------------------------------------------------------

    def power_cut(self) -> None:
        """kill -9 for all of its processes, and a new start."""
        self.program.kill()
        self.program.restart()

    def lock_database(self) -> None:
        """Another program has the database for half a minute."""
        with closing(sqlite3.connect(self.home / "inbox.db", timeout=30, isolation_level=None)) as database:
            database.execute("BEGIN EXCLUSIVE")
            time.sleep(LOCKED_SECONDS)
            database.execute("ROLLBACK")

    def fill_disk(self) -> None:
        """No room for the bytes of a message, for a while."""
        if not self.small_disk:
            return
        ballast = self.blobs / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):  # until it is full
            while True:
                file.write(bytes(1 << 16))
        time.sleep(FULL_SECONDS)
        ballast.unlink()

    def take_server_away(self) -> None:
        """The IMAP server stops and comes back."""
        self.dovecot.stop_for_a_while()
        time.sleep(AWAY_SECONDS)
        self.dovecot.resume()

    def cut_connections(self) -> None:
        """The IMAP server drops everybody in the middle of what they do."""
        subprocess.run(["pkill", "-9", "-P", str(self.dovecot.process.pid), "imap"], check=False)

    def renumber(self) -> None:
        """The IMAP server was restored from a back-up: another UIDVALIDITY, other UIDs for the same messages."""
        self.numbered = self.ask("SELECT uidvalidity, last_uid FROM mailbox WHERE uidvalidity IS NOT NULL")
        self.dovecot.stop_for_a_while()
        for name in ("dovecot-uidlist", "dovecot-uidvalidity*", "dovecot.index*"):
            for each in (self.dovecot.folder / "mail" / "support" / "Maildir").glob(name):
                each.unlink()
        time.sleep(1.1)  # the new number is the second in which it was made
        self.dovecot.resume()

    # --- mail --------------------------------------------------------------------------------------------------

    def put(self, numbers: range) -> None:
        """Into the IMAP mailbox, a few at a time."""
        for first in range(numbers.start, numbers.stop, 50):
            batch = [LETTER.format(n=n, to=IMAP).encode() for n in range(first, min(first + 50, numbers.stop))]
            _again(lambda batch=batch: self.dovecot.append(*batch))  # type: ignore[misc]
            time.sleep(0.5)

    def send(self, numbers: range) -> None:
        """Over SMTP; what was not acknowledged is sent again, as a mail server does."""
        def one(n: int) -> None:
            with smtplib.SMTP("127.0.0.1", self.program.smtp_port, timeout=60) as server:
                server.sendmail(f"customer{n}@mail.example", [SMTP], LETTER.format(n=n, to=SMTP).encode())

        for n in numbers:
            _again(lambda n=n: one(n))  # type: ignore[misc]

    def ask(self, query: str) -> list[tuple[str, int]]:
        """Rows of a query, read beside the program; nothing while the database is locked."""
        try:
            with closing(sqlite3.connect(f"file:{self.home}/inbox.db?mode=ro", uri=True, timeout=1)) as database:
                return database.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []

    def in_tickets(self) -> Counter[str]:
        """How often each message is in a ticket."""
        return Counter(dict(self.ask("SELECT message_id, count(*) FROM message WHERE kind = 'received' GROUP BY 1")))


def _again(act: Callable[[], None]) -> None:
    """Until it works. An append that failed half way doubles messages in the mailbox, never in tickets."""
    while True:
        try:
            act()
            return
        except (OSError, smtplib.SMTPException, imaplib.IMAP4.error, AssertionError, EOFError):
            time.sleep(0.5)


def run(desk: Desk, messages: int, seed: int, patience: float) -> tuple[list[str], Counter[str]]:
    """Mail and trouble side by side. Returns what happened when, and how often each message is in a ticket."""
    chance, half, told = random.Random(seed), messages // 2, []
    acts = [desk.power_cut, desk.lock_database, desk.power_cut, desk.fill_disk, desk.cut_connections, desk.renumber,
            desk.power_cut, desk.take_server_away, desk.cut_connections, desk.power_cut]
    work = [threading.Thread(target=desk.put, args=(range(half),), daemon=True),
            threading.Thread(target=desk.send, args=(range(half, messages),), daemon=True)]
    began = time.monotonic()
    for each in work:
        each.start()
    for place, act in enumerate(acts, 1):
        wanted = int(messages * (place - 1 + chance.random()) / len(acts))
        wait_for(lambda wanted=wanted: len(desk.in_tickets()) >= wanted, patience)  # type: ignore[misc]
        told.append(f"| {time.monotonic() - began:.0f} s | {len(desk.in_tickets())} | {act.__doc__} |")
        print(told[-1], flush=True)
        act()
    wait_for(lambda: len(desk.in_tickets()) >= messages and not any(each.is_alive() for each in work)
             and not desk.ask("SELECT fate, id FROM ledger WHERE fate = 'waiting' LIMIT 1"), patience, 2)
    told.append(f"| {time.monotonic() - began:.0f} s | {len(desk.in_tickets())} | the end |")
    return told, desk.in_tickets()


def main() -> int:
    """Command line. Exit code: 0 all is well, 1 not, 2 something is missing here."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.mail", description=__doc__)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=1800, help="seconds to wait for anything")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {PAGE}")
    options, _ = parser.parse_known_args()
    if not is_installed():
        print(WHY_NOT, file=sys.stderr)
        return 2
    desk = Desk(Path(tempfile.mkdtemp(prefix="pluginbox-mail-")) / "home")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        told, counted = run(desk, options.messages, options.seed, options.patience)
        fates = dict(desk.ask("SELECT fate, count(*) FROM ledger GROUP BY fate"))
        anew = desk.ask("SELECT uidvalidity, last_uid FROM mailbox WHERE uidvalidity IS NOT NULL") != desk.numbered
    finally:
        desk.stop()
    lost = {f"chaos{n}@mail.example" for n in range(options.messages)} - counted.keys()
    doubled = sum(times > 1 for times in counted.values())
    disk = "" if desk.small_disk else " The disk was not filled: that takes the right to mount one."
    table = "\n".join([
        f"{options.messages} messages, half by IMAP and half by SMTP; lost: {len(lost)}, doubled: {doubled}. "
        f"Rows of the ledger by fate: {', '.join(f'{name} {count}' for name, count in sorted(fates.items()))}.{disk}",
        "", "| after | in tickets | what happened then |", "|---|---|---|", *told])
    print(table)
    if options.write:
        head, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{head}{BEGIN}\n\n{table}\n\n{END}{rest.partition(END)[2]}", "utf-8")
    good = anew and not lost and not doubled and fates.keys() <= {"created", "duplicate"}
    print("", "All is well." if good else f"NOT GOOD: {sorted(lost)[:5]} {fates}", sep="\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
