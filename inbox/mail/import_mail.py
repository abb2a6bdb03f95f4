"""Bringing in old mail: read, taken into tickets, one message a transaction, and no noise made about any of it.

The job does a slice and asks for the next, so that the program can stop at any time. A message that ends the process
is found out by what was tried last, and is held unread.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
import traceback
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from inbox import secrets
from inbox.config import ConfigError
from inbox.core import attachments, imports, queue
from inbox.core.errors import CoreError
from inbox.core.models import Ledger, Mailbox, MailImport
from inbox.db import current_config, session, transaction, utcnow
from inbox.exchange import bring
from inbox.jobs.engine import handler
from inbox.mail import imap as by_imap
from inbox.mail import import_sources, receive
from inbox.mail.imap_client import SERVER_ERRORS, Trouble, connected, words_for
from inbox.mail.import_sources import Old

log = logging.getLogger(__name__)
SLICE_SECONDS = 5.0  # then the job lets others do their work, and the program may stop
UPLOADED = "upload-"  # how the names of files begin that came through the browser
DEADLY = "The program ended while it read this message, so it was not read again. The original is kept."
UNREADABLE = "This message could not be taken in ({what}). The original is kept; retry after an update."


@handler(imports.JOB, lane="imports", retries=1000)
def import_job(args: dict[str, Any]) -> None:
    """Job: bring in a slice of `args["import"]`."""
    if work(int(args["import"])):
        with transaction():
            queue.enqueue(imports.JOB, args, run_at=utcnow())


def work(import_id: int, seconds: float = SLICE_SECONDS) -> bool:
    """Go on with an import for some seconds. True when there is more to do."""
    row = imports.get(import_id)
    if row.state not in imports.UNFINISHED:
        return False
    was_running = row.state == "running"
    with transaction():
        row.state = "running"
    try:
        more = _bring_desk(row, seconds) if row.kind == "desk" else _Mail(row, careful=was_running).work(seconds)
    except (CoreError, Trouble, secrets.SecretLost, ConfigError, zipfile.BadZipFile) as error:
        imports.finish(imports.get(import_id), str(error))
        return False
    except SERVER_ERRORS as error:
        imports.finish(imports.get(import_id), words_for(error))
        return False
    if imports.is_stopped(import_id):
        return False
    if not more:
        imports.finish(imports.get(import_id))
        _throw_away(imports.get(import_id))
        return False
    with transaction():
        imports.get(import_id).state = "queued"  # between slices; `running` is left behind by a crash alone
    return True


def _throw_away(row: MailImport) -> None:
    """An uploaded file is of no more use, and holds other people's mail."""
    path = Path(row.source)
    if row.kind != "imap" and path.name.startswith(UPLOADED) and path.parent == current_config().home / "imports":
        path.unlink(missing_ok=True)


def _bring_desk(row: MailImport, seconds: float) -> bool:
    bring.look(row.source)
    if not row.position:
        bring.require_empty()
    bringer, end, import_id = bring.Bringer(row), time.monotonic() + seconds, row.id
    try:
        while bringer.step():
            if time.monotonic() > end or imports.is_stopped(import_id):
                return True
        return False
    except IntegrityError as error:
        raise Trouble("source", f"The file does not fit together: {error.orig}") from error
    finally:
        bringer.close()


class _Mail:
    """One slice of an import of mail."""

    def __init__(self, row: MailImport, *, careful: bool) -> None:
        self._id, self._careful = row.id, careful
        self._died_at = row.trying if careful else None

    def work(self, seconds: float) -> bool:
        """True when there is more to do."""
        row = imports.get(self._id)
        mailbox = session().get(Mailbox, row.mailbox_id) if row.mailbox_id is not None else None
        if mailbox is None:
            raise Trouble("source", "The mailbox that this mail was for is gone.")
        end = time.monotonic() + seconds
        with _messages(row, mailbox) as messages:
            for old in messages:
                self._take(old, mailbox.id)
                if time.monotonic() > end or imports.is_stopped(self._id):
                    return True
        return False

    def _take(self, old: Old, mailbox_id: int) -> None:
        row = imports.get(self._id)
        if self._careful:  # the last slice ended with the process, or this one began just after it
            with transaction():
                row.trying = old.after
        if old.raw is None:
            self._settle(old, "too_big")
            return
        digest = attachments.store(old.raw, compress=True)
        waiting = receive.Waiting(0, "import", mailbox_id, digest, len(old.raw), None, utcnow())
        if self._died_at == old.after:
            self._hold(old, waiting, DEADLY, None)
            return
        try:
            self._read(old, waiting, row)
        except (*receive.TRANSIENT,):
            raise
        except Exception as error:  # whatever is wrong with this message, the next one goes on
            log.exception("A message of import %d is held (%s)", self._id, old.name)
            what = f"{type(error).__name__}: {error}"[:200]
            self._hold(old, waiting, UNREADABLE.format(what=what), traceback.format_exc()[-20_000:])

    def _read(self, old: Old, waiting: receive.Waiting, row: MailImport) -> None:
        incoming, facts, known = receive.read_old(old.raw or b"", waiting)
        at = incoming.at or utcnow()
        if row.since is not None and at.date() < row.since:
            self._settle(old, "skipped")
            return
        is_closed = row.is_closed
        target, why = receive.place(incoming, facts)
        with transaction() as current:
            ledger_row = self._arrive(waiting, **known)
            seen = receive.seen_before(replace(waiting, id=ledger_row.id), incoming, facts)
            if seen is not None:
                ledger_row.fate, ledger_row.reason, ledger_row.ticket_id = seen
            else:
                mailbox = current.get_one(Mailbox, waiting.mailbox_id)
                message = imports.accept(incoming, mailbox=mailbox, target=target, ledger_id=ledger_row.id,
                                         why={**why, "imported": self._id}, is_closed=is_closed)
                ledger_row.fate = "appended" if target is not None else "created"
                ledger_row.ticket_id = message.ticket_id
            self._count(current, old, ledger_row.fate)

    def _arrive(self, waiting: receive.Waiting, **known: Any) -> Ledger:
        row = Ledger(source="import", mailbox_id=waiting.mailbox_id, sha256=waiting.sha256, size=waiting.size,
                     fate="waiting", attempts=1, fated_at=utcnow(), **known)
        session().add(row)
        session().flush()
        return row

    def _hold(self, old: Old, waiting: receive.Waiting, reason: str, error: str | None) -> None:
        with transaction() as current:
            row = self._arrive(waiting)
            row.fate, row.reason, row.error = "quarantined", reason, error
            self._count(current, old, "quarantined")

    def _settle(self, old: Old, how: str) -> None:
        with transaction() as current:
            self._count(current, old, how)

    def _count(self, current: sa.orm.Session, old: Old, how: str) -> None:
        row = current.get_one(MailImport, self._id)
        row.position, row.done_part, row.trying = old.after, old.part, None
        row.counts = {**row.counts, how: row.counts.get(how, 0) + 1}


@contextmanager
def _messages(row: MailImport, mailbox: Mailbox) -> Iterator[Iterator[Old]]:
    """What is still to come. Raises Trouble and what servers and files raise."""
    limit, place = current_config().max_message_bytes, list(row.position)
    if row.kind != "imap":
        yield import_sources.read(row.kind, Path(row.source), place, limit)
        return
    account = by_imap.signed(by_imap.account_of(mailbox), mailbox.id)
    folder = row.source
    session().rollback()
    with connected(account) as (client, _state):
        state = client.select_folder(folder, readonly=True)
        yield import_sources.imap(client, int(state[b"UIDVALIDITY"]), place, limit)


@handler("imports.sweep", every=dt.timedelta(minutes=5))
def sweep_job(_args: dict[str, Any]) -> None:
    """Imports whose job was lost go on."""
    imports.take_up()
