"""The threads that fetch mail in the worker process: one a mailbox, by IMAP or POP3."""

from __future__ import annotations

import logging
import threading
import time

import sqlalchemy as sa
from flask import Flask
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError
from sqlalchemy.exc import SQLAlchemyError

from inbox import holders, secrets
from inbox.config import ConfigError
from inbox.core import logins, mailbox_folders, mailboxes
from inbox.core.errors import NotFound
from inbox.core.models import Mailbox
from inbox.db import session, work_context
from inbox.mail import imap_after, imap_client, pop3
from inbox.mail import imap_rows as rows
from inbox.mail.imap import account_of, fetch_new, signed
from inbox.mail.imap_client import Account, Trouble, connected, words_for
from inbox.mail.imap_rows import LeaseLost, Place

log = logging.getLogger(__name__)

POLL_SECONDS = 60.0  # where the server cannot tell us by itself
IDLE_TICK = 1.0  # how often an idle connection looks whether it is to end
IDLE_SECONDS = 600.0  # renewed so that a dead line is noticed; servers allow 29 minutes
CONTACT_SECONDS = 30.0  # how often the lease is renewed meanwhile
LOOK_SECONDS = 5.0  # for new, changed and removed mailboxes
FIRST_BACKOFF, LONGEST_BACKOFF = 5.0, 300.0
SERVER_ERRORS = (*imap_client.SERVER_ERRORS, *pop3.SERVER_ERRORS)


class _MailboxThread(threading.Thread):
    """Fetches one mailbox until told to stop: whenever the server says there is something, else every minute."""

    def __init__(self, app: Flask, mailbox_id: int, account: Account, owner: str, poll_seconds: float) -> None:
        super().__init__(name=f"imap-{mailbox_id}", daemon=True)
        self.account = account
        self.stopping = threading.Event()
        self._app, self._mailbox_id, self._owner, self._poll = app, mailbox_id, owner, poll_seconds
        self._has_further = False

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
                self._failed(error, backoff)
                self.stopping.wait(backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF)
        self._let_go()

    def _converse(self) -> None:
        """One connection, for as long as it holds."""
        with work_context(self._app):
            account = signed(self.account, self._mailbox_id)
        with connected(account) as (client, state):
            place = Place(self._mailbox_id, self.account.folder, int(state[b"UIDVALIDITY"]))
            idles = client.has_capability("IDLE")
            while not self.stopping.is_set():
                with work_context(self._app):
                    self._fetch_further(client, place)
                    fetch_new(client, place, self._owner, self.stopping)
                    mailbox = mailboxes.get(self._mailbox_id)
                    mailboxes.fetch_worked(mailbox)
                    if mailbox.delete_after is not None:
                        imap_after.tidy(client, place, mailbox.delete_after)
                if idles:
                    self._idle(client)
                else:
                    self._wait(self._poll)
                    client.noop()

    def _fetch_further(self, client: IMAPClient, own: Place) -> None:
        """The further folders of the account, one after another; then its own is open again. One that cannot be opened
        says so and keeps nobody waiting. Raises as a round does."""
        names = [each.name for each in mailbox_folders.of(own.mailbox_id)]
        self._has_further = bool(names)
        for name in names:
            if self.stopping.is_set():
                return
            try:
                state = client.select_folder(name, readonly=True)
            except IMAPClientAbortError:
                raise
            except IMAPClientError as error:
                mailbox_folders.noted(own.mailbox_id, name, words_for(error))
                continue
            place = Place(own.mailbox_id, name, int(state[b"UIDVALIDITY"]), is_further=True)
            fetch_new(client, place, self._owner, self.stopping)
            days = mailboxes.get(own.mailbox_id).delete_after
            if days is not None:
                imap_after.tidy(client, place, days)
            mailbox_folders.noted(own.mailbox_id, name)
        if names and int(client.select_folder(own.folder, readonly=True)[b"UIDVALIDITY"]) != own.uidvalidity:
            raise ConnectionResetError("the folder was numbered anew")

    def _idle(self, client: IMAPClient) -> None:
        """Wait until the server says that something came, or until it is time to ask. Raises OSError (line dead)."""
        client.idle()
        longest = min(IDLE_SECONDS, self._poll) if self._has_further else IDLE_SECONDS  # it hears of one folder only
        end, contact, empty = time.monotonic() + longest, time.monotonic() + CONTACT_SECONDS, 0
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

    def _failed(self, error: Exception, wait: float) -> None:
        words = words_for(error)
        log.warning("Mailbox %d cannot be fetched: %s", self._mailbox_id, words)
        try:
            with work_context(self._app):
                mailboxes.fetch_failed(mailboxes.get(self._mailbox_id), words, wait=wait,
                                       is_login=isinstance(error, Trouble) and error.step == "permission")
                if isinstance(error, Trouble) and error.step == "login" and self.account.sign_in != "password":
                    logins.forget_access(self._mailbox_id)  # it was not taken: ask for another next time
        except (SQLAlchemyError, NotFound) as error:
            log.warning("That could not be written down: %s", error)

    def _let_go(self) -> None:
        try:
            with work_context(self._app):
                rows.release(self._mailbox_id, self._owner)
        except SQLAlchemyError as error:
            log.info("The lease of mailbox %d runs out by itself: %s", self._mailbox_id, error)


class _Pop3Thread(_MailboxThread):
    """The same by POP3, which shows a mailbox as it was when the connection began: a new one for each look."""

    def _converse(self) -> None:
        while not self.stopping.is_set():
            with work_context(self._app):
                account = signed(self.account, self._mailbox_id)
                mailbox = mailboxes.get(self._mailbox_id)
                with pop3.connected(account) as client:
                    pop3.fetch_new(client, self._mailbox_id, self._owner, self.stopping)
                    if mailbox.delete_after is not None:
                        pop3.tidy(client, self._mailbox_id, mailbox.delete_after)
                mailboxes.fetch_worked(mailboxes.get(self._mailbox_id))
            self._wait(self._poll)


KINDS = {"imap": _MailboxThread, "pop3": _Pop3Thread}


class Fetcher:
    """Runs a thread for every active mailbox that is fetched, and follows changes of their settings."""

    def __init__(self, app: Flask, poll_seconds: float = POLL_SECONDS) -> None:
        self._app, self._poll = app, poll_seconds
        self._owner = holders.new_name()
        self._threads: dict[int, _MailboxThread] = {}
        self._kinds: dict[int, str] = {}
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
        holders.forget(self._owner)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with work_context(self._app):
                    self._follow(self._wanted())
            except SQLAlchemyError as error:
                log.warning("The list of mailboxes cannot be read: %s", error)
            self._stopping.wait(LOOK_SECONDS)

    def _wanted(self) -> dict[int, tuple[str, Account]]:
        wanted: dict[int, tuple[str, Account]] = {}
        query = sa.select(Mailbox).where(Mailbox.is_active, Mailbox.incoming.in_(mailboxes.FETCHED))
        for mailbox in session().scalars(query).all():
            try:
                wanted[mailbox.id] = mailbox.incoming, account_of(mailbox)
            except (secrets.SecretLost, ConfigError) as error:
                mailboxes.fetch_failed(mailbox, str(error))
        return wanted

    def _follow(self, wanted: dict[int, tuple[str, Account]]) -> None:
        for mailbox_id, thread in list(self._threads.items()):
            if wanted.get(mailbox_id) != (self._kinds[mailbox_id], thread.account):
                thread.stopping.set()
            if not thread.is_alive():
                del self._threads[mailbox_id]
        for mailbox_id, (kind, account) in wanted.items():
            if mailbox_id not in self._threads:
                self._kinds[mailbox_id] = kind
                self._threads[mailbox_id] = KINDS[kind](self._app, mailbox_id, account, self._owner, self._poll)
                self._threads[mailbox_id].start()
