"""Fetching mail by IMAP: one thread a mailbox, in the worker process.

What has been fetched is known by our own mark (UIDVALIDITY and the last UID, stored with the ledger rows in one
transaction), never by the server's Seen flag. A lease keeps two processes from fetching the same mailbox; if both
do all the same, the ledger takes each UID once.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import Flask
from imapclient import IMAPClient
from sqlalchemy.exc import SQLAlchemyError

from inbox import secrets
from inbox.config import ConfigError
from inbox.core import arrivals, attachments, mailboxes
from inbox.core.errors import NotFound
from inbox.core.models import Mailbox
from inbox.db import current_config, session, work_context
from inbox.mail import imap_rows as rows
from inbox.mail.headers import message_id as clean_message_id
from inbox.mail.imap_client import SERVER_ERRORS, Account, Trouble, connected, test_connection, words_for
from inbox.mail.imap_rows import Arrived, LeaseLost, Place

__all__ = ["Account", "Fetcher", "account_of", "fetch_new", "test_connection"]

log = logging.getLogger(__name__)

POLL_SECONDS = 60.0  # where the server cannot tell us by itself
IDLE_TICK = 1.0  # how often an idle connection looks whether it is to end
IDLE_SECONDS = 600.0  # renewed so that a dead line is noticed; servers allow 29 minutes
CONTACT_SECONDS = 30.0  # how often the lease is renewed meanwhile
LOOK_SECONDS = 5.0  # for new, changed and removed mailboxes
FIRST_BACKOFF, LONGEST_BACKOFF = 5.0, 300.0
WINDOW = 200  # messages whose sizes are asked for at once
GROUP_MESSAGES, GROUP_BYTES = 50, 8 * 1024 * 1024  # fetched and committed together

DISK = "This desk could not write to its disk ({error}). The mail waits on the server."


def account_of(mailbox: Mailbox) -> Account:
    """Where a mailbox is read, with its password in the clear. Raises SecretLost."""
    password = secrets.decrypt(mailbox.imap_password) if mailbox.imap_password else ""
    return Account(mailbox.imap_host, mailbox.imap_port, mailbox.imap_security, mailbox.imap_user, password,
                   mailbox.imap_folder)


# --- one round --------------------------------------------------------------------------------------------------


def fetch_new(client: IMAPClient, place: Place, owner: str, stop: threading.Event | None = None) -> int:
    """Bring everything new of the open folder into the ledger, in small commits. Returns how many messages.

    Raises LeaseLost, Trouble (disk), SERVER_ERRORS and sqlalchemy's errors; what was committed stays.
    """
    limit = current_config().max_message_bytes
    last = rows.open_folder(place, owner, lambda since: _mark_before(client, since))
    uids = sorted(uid for uid in client.search(["UID", f"{last + 1}:*"]) if uid > last)  # `*` is the last one, always
    anew = bool(uids) and rows.was_numbered_anew(place)
    count = 0
    for start in range(0, len(uids), WINDOW):
        window = uids[start:start + WINDOW]
        sizes = _sizes(client, window)
        if anew:
            known = rows.renumber(place, owner, _identities(client, sizes), window[-1])
            sizes = {uid: size for uid, size in sizes.items() if uid not in known}
        for group in _groups(sizes, limit):
            if stop is not None and stop.is_set():
                return count
            rows.keep(place, owner, _fetch(client, group, sizes, limit), group[-1])
            count += len(group)
    _fetch_whole(client, place, limit)
    return count


def _mark_before(client: IMAPClient, since: dt.date) -> int:
    """The UID before the first message that arrived on that day or later; RFC 3501 SINCE, by the server's calendar."""
    newer = client.search(["SINCE", since])
    return min(newer) - 1 if newer else max(client.search(["UID", "*"]), default=0)


def _sizes(client: IMAPClient, uids: Sequence[int]) -> dict[int, int]:
    """The size of each message, asked before anything is fetched. Those deleted meanwhile are missing."""
    answer = client.fetch(list(uids), ["RFC822.SIZE"])
    return {uid: int(answer[uid][b"RFC822.SIZE"]) for uid in sorted(answer) if b"RFC822.SIZE" in answer[uid]}


def _identities(client: IMAPClient, sizes: Mapping[int, int]) -> dict[int, tuple[str, int]]:
    """Message-ID and size, by which a message is recognised under its new number."""
    if not sizes:
        return {}
    name = b"BODY[HEADER.FIELDS (MESSAGE-ID)]"
    answer = client.fetch(list(sizes), ["BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"])
    found = {}
    for uid, data in answer.items():
        line = (data.get(name) or b"").decode("utf-8", "replace").partition(":")[2]
        message_id = clean_message_id(line.strip())
        if uid in sizes and message_id:
            found[uid] = (message_id, sizes[uid])
    return found


def _groups(sizes: Mapping[int, int], limit: int) -> Iterator[list[int]]:
    """UIDs in order, cut so that a group stays small in number and bytes."""
    group: list[int] = []
    weight = 0
    for uid, size in sizes.items():
        size = min(size, limit)
        if group and (len(group) >= GROUP_MESSAGES or weight + size > GROUP_BYTES):
            yield group
            group, weight = [], 0
        group.append(uid)
        weight += size
    if group:
        yield group


def _fetch(client: IMAPClient, group: Sequence[int], sizes: Mapping[int, int], limit: int) -> list[Arrived]:
    """The bytes of a group, stored on disk; of what is too big only the header."""
    whole = [uid for uid in group if sizes[uid] <= limit]
    heads = [uid for uid in group if sizes[uid] > limit]
    answer: dict[int, dict[bytes, Any]] = {}
    for uids, part in ((whole, "BODY.PEEK[]"), (heads, "BODY.PEEK[HEADER]")):
        if uids:
            answer.update(client.fetch(uids, [part]))
    arrived = []
    for uid in group:
        if uid not in answer:
            continue  # deleted on the server since we asked for its size
        raw = answer[uid].get(b"BODY[]") if uid in whole else answer[uid].get(b"BODY[HEADER]")
        raw = raw or b""  # what the server does not give is held, and says so
        arrived.append(Arrived(uid, _store(raw), sizes[uid] if uid in heads or not raw else len(raw)))
    return arrived


def _store(raw: bytes) -> str:
    try:
        return attachments.store(raw, compress=True)
    except OSError as error:
        raise Trouble("disk", DISK.format(error=error.strerror or error)) from error


def _fetch_whole(client: IMAPClient, place: Place, limit: int) -> None:
    """Messages that were too big, and are not any more since somebody raised the limit."""
    for ledger_id, uid in rows.cut_short(place, limit):
        raw = client.fetch([uid], ["BODY.PEEK[]"]).get(uid, {}).get(b"BODY[]")
        if raw:
            arrivals.completed(ledger_id, _store(raw), len(raw))


# --- a mailbox, for as long as the program runs ----------------------------------------------------------------------


class _MailboxThread(threading.Thread):
    """Fetches one mailbox until told to stop: whenever the server says there is something, else every minute."""

    def __init__(self, app: Flask, mailbox_id: int, account: Account, owner: str, poll_seconds: float) -> None:
        super().__init__(name=f"imap-{mailbox_id}", daemon=True)
        self.account = account
        self.stopping = threading.Event()
        self._app, self._mailbox_id, self._owner, self._poll = app, mailbox_id, owner, poll_seconds

    def run(self) -> None:
        backoff = FIRST_BACKOFF
        while not self.stopping.is_set():
            try:
                with work_context(self._app):
                    if not rows.take_lease(self._mailbox_id, self._owner):
                        self.stopping.wait(LOOK_SECONDS)
                        continue
                self._converse()
                backoff = FIRST_BACKOFF
            except (LeaseLost, NotFound):
                log.info("Mailbox %d was changed, or is fetched by another process now.", self._mailbox_id)
            except SQLAlchemyError as error:
                log.warning("The database cannot be reached (%s); mailbox %d waits.", error, self._mailbox_id)
                self.stopping.wait(FIRST_BACKOFF)
            except (Trouble, *SERVER_ERRORS) as error:
                self._failed(words_for(error))
                self.stopping.wait(backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF)
        self._let_go()

    def _converse(self) -> None:
        """One connection, for as long as it holds."""
        with connected(self.account) as (client, state):
            place = Place(self._mailbox_id, self.account.folder, int(state[b"UIDVALIDITY"]))
            idles = client.has_capability("IDLE")
            while not self.stopping.is_set():
                with work_context(self._app):
                    fetch_new(client, place, self._owner, self.stopping)
                    mailboxes.fetch_worked(mailboxes.get(self._mailbox_id))
                if idles:
                    self._idle(client)
                else:
                    self._wait(self._poll)
                    client.noop()

    def _idle(self, client: IMAPClient) -> None:
        """Wait until the server says that something came, or until it is time to ask. Raises OSError (line dead)."""
        client.idle()
        end, contact, empty = time.monotonic() + IDLE_SECONDS, time.monotonic() + CONTACT_SECONDS, 0
        try:
            while not self.stopping.is_set() and time.monotonic() < end:
                asked = time.monotonic()
                answers = client.idle_check(timeout=IDLE_TICK)
                if any(len(each) > 1 and each[1] in (b"EXISTS", b"RECENT") for each in answers):
                    return
                empty = empty + 1 if not answers and time.monotonic() - asked < IDLE_TICK / 2 else 0
                if empty > 3 or any(each[:1] == (b"BYE",) for each in answers):
                    raise ConnectionResetError("the server closed the connection")
                if time.monotonic() > contact:
                    contact = time.monotonic() + CONTACT_SECONDS
                    self._in_contact()
        finally:
            client.idle_done()

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self.stopping.wait(max(0.0, min(CONTACT_SECONDS, end - time.monotonic()))):
            self._in_contact()
            if time.monotonic() >= end:
                return

    def _in_contact(self) -> None:
        with work_context(self._app):
            rows.in_contact(self._mailbox_id, self._owner)

    def _failed(self, words: str) -> None:
        log.warning("Mailbox %d cannot be fetched: %s", self._mailbox_id, words)
        try:
            with work_context(self._app):
                mailboxes.fetch_failed(mailboxes.get(self._mailbox_id), words)
        except (SQLAlchemyError, NotFound) as error:
            log.warning("That could not be written down: %s", error)

    def _let_go(self) -> None:
        try:
            with work_context(self._app):
                rows.release(self._mailbox_id, self._owner)
        except SQLAlchemyError as error:
            log.info("The lease of mailbox %d runs out by itself: %s", self._mailbox_id, error)


class Fetcher:
    """Runs a thread for every active IMAP mailbox, and follows changes of their settings."""

    def __init__(self, app: Flask, poll_seconds: float = POLL_SECONDS) -> None:
        self._app, self._poll = app, poll_seconds
        self._owner = rows.new_owner()
        self._threads: dict[int, _MailboxThread] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="imap", daemon=True)

    def start(self) -> None:
        """Begin. Returns at once."""
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Finish the group in hand, close the connections. A server that does not answer is not waited for."""
        self._stopping.set()
        end = time.monotonic() + timeout
        self._thread.join(timeout)
        for each in self._threads.values():
            each.stopping.set()
        for each in self._threads.values():
            each.join(max(0.1, end - time.monotonic()))
        rows.forget_owner(self._owner)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with work_context(self._app):
                    self._follow(self._wanted())
            except SQLAlchemyError as error:
                log.warning("The list of mailboxes cannot be read: %s", error)
            self._stopping.wait(LOOK_SECONDS)

    def _wanted(self) -> dict[int, Account]:
        wanted = {}
        query = sa.select(Mailbox).where(Mailbox.is_active, Mailbox.incoming == "imap")
        for mailbox in session().scalars(query).all():
            try:
                wanted[mailbox.id] = account_of(mailbox)
            except (secrets.SecretLost, ConfigError) as error:
                mailboxes.fetch_failed(mailbox, str(error))
        return wanted

    def _follow(self, wanted: dict[int, Account]) -> None:
        for mailbox_id, thread in list(self._threads.items()):
            if wanted.get(mailbox_id) != thread.account:
                thread.stopping.set()
            if not thread.is_alive():
                del self._threads[mailbox_id]
        for mailbox_id, account in wanted.items():
            if mailbox_id not in self._threads:
                self._threads[mailbox_id] = _MailboxThread(self._app, mailbox_id, account, self._owner, self._poll)
                self._threads[mailbox_id].start()
