"""The nightly check: is everything that reached us where it should be? Ledger against tickets, files and mailboxes.

It only looks. What it finds is an event, which shows on the status page and tells those who set up mailboxes.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

import sqlalchemy as sa

from inbox import secrets
from inbox.config import ConfigError
from inbox.core import arrivals, attachments, mailbox_folders, mailboxes
from inbox.core.models import Attachment, Ledger, Mailbox, Message
from inbox.db import session, utcnow
from inbox.jobs.engine import handler
from inbox.mail.imap import account_of, signed
from inbox.mail.imap_client import SERVER_ERRORS, Trouble, connected

log = logging.getLogger(__name__)
PAGE = 2000
TOGETHER = 500  # contents that are asked for at once
LATE = dt.timedelta(hours=1)
NAMED = 10  # rows that a sentence names


@handler("mail.reconcile", every=dt.timedelta(days=1))
def reconcile_job(_args: dict[str, Any]) -> None:
    """Compare, and write down what was found."""
    check()


def check() -> list[str]:
    """Compare everything. Returns what is wrong, in plain words, and records it as an event."""
    found = [*_without_message(), *_without_bytes(), *_waiting(), *_not_fetched()]
    arrivals.reconciled(found)
    for each in found:
        log.error("The nightly check: %s", each)
    return found


def _pages(query: Any, key: Any) -> Iterator[Any]:
    last = 0
    while rows := session().execute(query.where(key > last).order_by(key).limit(PAGE)).all():
        yield from rows
        last = rows[-1].id
        session().rollback()  # no long read


def _names(ids: list[int]) -> str:
    return ", ".join(map(str, ids[:NAMED])) + (" …" if len(ids) > NAMED else "")


def _without_message() -> Iterator[str]:
    """Rows that say "in a ticket", and there is no message."""
    has_one = sa.exists().where(Message.ledger_id == Ledger.id)
    lost = [row.id for row in _pages(sa.select(Ledger.id).where(
        Ledger.fate.in_(("created", "appended")), Ledger.ticket_id.is_not(None), Ledger.raw_purged_at.is_(None),
        ~has_one), Ledger.id)]
    if lost:
        yield f"Messages that should lie in tickets are not there: ledger rows {_names(lost)}."


def _without_bytes() -> Iterator[str]:
    """Rows whose files are not in the store. Its list is read beside the rows: to ask for each would take days."""
    raw = _lost(Ledger, Ledger.raw_purged_at.is_(None))
    files = _lost(Attachment)
    if raw:
        yield f"Messages as they came are missing on the disk: ledger rows {_names(raw)}."
    if files:
        yield f"Attachments are missing on the disk: numbers {_names(files)}."


def _lost(table: type[Ledger | Attachment], *conditions: sa.ColumnElement[bool]) -> list[int]:
    """The rows of each content that is not in the store."""
    lost: list[int] = []
    missing = attachments.missing(_digests(sa.select(table.sha256).where(*conditions), table.sha256))
    while some := list(islice(missing, TOGETHER)):
        lost += session().scalars(sa.select(table.id).where(table.sha256.in_(some), *conditions))
    return sorted(lost)


def _digests(query: Any, key: Any) -> Iterator[str]:
    """Every content once, in order."""
    last = ""
    while found := session().scalars(query.where(key > last).order_by(key).limit(PAGE)).all():
        yield from dict.fromkeys(found)
        last = found[-1]
        session().rollback()  # no long read


def _waiting() -> Iterator[str]:
    late = list(session().scalars(sa.select(Ledger.id).where(
        Ledger.fate == "waiting", Ledger.arrived_at < utcnow() - LATE).order_by(Ledger.id).limit(1000)))
    if late:
        yield f"Messages have waited for more than an hour to be read: ledger rows {_names(late)}."


def _not_fetched() -> Iterator[str]:
    """Messages that lie in an account below our mark, and that the ledger does not know."""
    for mailbox_id in [each.id for each in mailboxes.all_mailboxes(active=True) if each.incoming == "imap"]:
        mailbox = mailboxes.get(mailbox_id)
        if mailbox.fetch_error is not None:
            continue  # told of already
        for read in _read_folders(mailbox):
            try:
                there = _uids(mailboxes.get(mailbox_id), read)
            except (Trouble, secrets.SecretLost, ConfigError, *SERVER_ERRORS) as error:
                log.warning("Mailbox %d could not be compared: %s", mailbox_id, error)
                continue
            missing = _unknown(mailbox_id, read, there)
            if missing:
                yield (f"{len(missing)} messages lie in {mailboxes.get(mailbox_id).address} that never arrived here. "
                       "Bring the folder in under Settings, Import and export: what is here already is not doubled.")


class _Read(NamedTuple):
    """A folder and how far it was read."""

    folder: str
    uidvalidity: int
    mark: int


def _read_folders(mailbox: Mailbox) -> list[_Read]:
    """The folders of a mailbox that were ever fetched and can be."""
    own = [(mailbox.imap_folder, mailbox.uidvalidity, mailbox.last_uid)]
    further = [(each.name, each.uidvalidity, each.last_uid) for each in mailbox_folders.of(mailbox.id)
               if each.error is None]
    return [_Read(name, validity, mark) for name, validity, mark in own + further if validity is not None]


def _uids(mailbox: Mailbox, read: _Read) -> list[int]:
    """The messages in a folder up to our mark; none when the server has numbered it anew."""
    account = replace(signed(account_of(mailbox), mailbox.id), folder=read.folder)
    session().rollback()  # no read is held while the server takes its time
    with connected(account) as (client, state):
        if int(state[b"UIDVALIDITY"]) != read.uidvalidity:
            return []
        return [uid for uid in client.search("ALL") if uid <= read.mark]


def _unknown(mailbox_id: int, read: _Read, there: list[int]) -> list[int]:
    """Those of the account that no row names; older ones than our first were left there on purpose."""
    where = (Ledger.mailbox_id == mailbox_id, Ledger.folder == read.folder, Ledger.uidvalidity == read.uidvalidity)
    first = session().scalar(sa.select(sa.func.min(Ledger.uid)).where(*where))
    if first is None:
        return []
    known: set[int | None] = set()
    for start in range(0, len(there), PAGE):
        some = there[start:start + PAGE]
        known.update(session().scalars(sa.select(Ledger.uid).where(
            *where, Ledger.uid >= min(some), Ledger.uid <= max(some))))
    return [uid for uid in there if uid >= first and uid not in known]
