"""Fetching mail by POP3. What has been fetched is known by the server's own names (UIDL), kept with the ledger's rows.

A connection shows the mailbox as it was when it began, and what is marked for deletion goes when it ends well.
"""

from __future__ import annotations

import base64
import datetime as dt
import logging
import poplib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime

import sqlalchemy as sa

from inbox.core import arrivals, attachments, settings
from inbox.core.models import Ledger, Pop3Seen
from inbox.db import current_config, session, transaction, utcnow
from inbox.mail import imap_rows as rows
from inbox.mail import ledger
from inbox.mail.imap import store
from inbox.mail.imap_after import TAKEN_IN
from inbox.mail.imap_client import CONNECT_SECONDS, NOT_TAKEN, READ_SECONDS, Account, Tried, Trouble, require_server

log = logging.getLogger(__name__)
SERVER_ERRORS = (poplib.error_proto, OSError, ValueError)
STEPS = ("host", "port", "tls", "login", "folder")  # the last: that the server names its messages
FORGET_AFTER = dt.timedelta(days=30)  # a name the server does not show any more
CHUNK = 400
poplib._MAXLINE = 10_000_000  # type: ignore[attr-defined]  # the standard library gives up at lines of 2048 bytes


# --- connecting ---------------------------------------------------------------------------------------------------


@contextmanager
def connected(account: Account) -> Iterator[poplib.POP3]:
    """A signed-in client. Deletions are carried out when the block ends without an error. Raises Trouble."""
    client = _open(account)
    try:
        if account.security == "starttls":
            _start_tls(client, account)
        _log_in(client, account)
        yield client
        client.quit()
    finally:
        client.close()


def _open(account: Account) -> poplib.POP3:
    require_server(account)
    try:
        if account.security == "tls":
            client: poplib.POP3 = poplib.POP3_SSL(account.host, account.port, timeout=CONNECT_SECONDS,
                                                  context=ssl.create_default_context())
        else:
            client = poplib.POP3(account.host, account.port, timeout=CONNECT_SECONDS)
    except ssl.SSLCertVerificationError as error:
        raise Trouble("tls", f"The certificate of {account.host} cannot be trusted: {error.verify_message}. "
                             "Is the host name the one your provider states?") from error
    except ssl.SSLError as error:
        raise Trouble("tls", f"No encrypted connection could be made on port {account.port}. Port 995 wants TLS, port "
                             f"110 STARTTLS. ({error.reason or error})") from error
    except SERVER_ERRORS as error:
        raise Trouble("port", f"{account.host} does not answer by POP3 on port {account.port}. Usual are 995 and 110. "
                              f"({_text(error)})") from error
    client.sock.settimeout(READ_SECONDS)
    return client


def _start_tls(client: poplib.POP3, account: Account) -> None:
    try:
        client.stls(ssl.create_default_context())
    except ssl.SSLError as error:
        raise Trouble("tls", f"No encrypted connection could be made on port {account.port}. Port 995 wants TLS, port "
                             f"110 STARTTLS. ({error.reason or error})") from error
    except SERVER_ERRORS as error:
        raise Trouble("tls", f"{account.host} offers no STARTTLS on port {account.port}. Choose TLS (often port 995). "
                             f"({_text(error)})") from error


def _log_in(client: poplib.POP3, account: Account) -> None:
    try:
        if account.sign_in != "password":
            _show_token(client, account)
            return
        client.user(account.user)
        client.pass_(account.password)
    except poplib.error_proto as error:
        if account.sign_in != "password":
            raise Trouble("login", NOT_TAKEN.format(text=_text(error))) from error
        raise Trouble("login", f"The server refused the user name or the password. It said: {_text(error)}") from error
    except SERVER_ERRORS as error:
        raise Trouble("login", f"The server broke off while we signed in: {_text(error)}") from error


def _show_token(client: poplib.POP3, account: Account) -> None:
    """Sign in with OAuth 2 (XOAUTH2), in two lines as Microsoft wants it."""
    said = base64.b64encode(f"user={account.user}\1auth=Bearer {account.token}\1\1".encode()).decode("ascii")
    client._shortcmd("AUTH XOAUTH2")  # type: ignore[attr-defined]
    answer = client._shortcmd(said)  # type: ignore[attr-defined]
    if answer.startswith(b"+ ") and not answer.startswith(b"+OK"):
        client._shortcmd("")  # type: ignore[attr-defined]  # the reason came first; this asks for the answer


def _text(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else (
        getattr(error, "strerror", None) or str(error))
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:500] or type(error).__name__


def test_connection(account: Account) -> list[Tried]:
    """Try an account up to the list of messages; tell step by step how it went. The last step may have failed."""
    steps = [each for each in STEPS if each != "tls" or account.security != "none"]
    try:
        with connected(account) as client:
            _names(client)
        return [Tried(each, True) for each in steps]
    except Trouble as trouble:
        before = steps[:steps.index(trouble.step)] if trouble.step in steps else []
        return [*(Tried(each, True) for each in before), Tried(trouble.step, False, trouble.words)]
    except SERVER_ERRORS as error:
        return [*(Tried(each, True) for each in steps[:-1]), Tried("folder", False, _text(error))]


test_connection.__test__ = False  # type: ignore[attr-defined]  # not for pytest


# --- one round ------------------------------------------------------------------------------------------------------


def fetch_new(client: poplib.POP3, mailbox_id: int, owner: str, stop: threading.Event | None = None) -> int:
    """Bring everything new into the ledger, each message in a commit of its own. Returns how many messages.

    Raises LeaseLost, Trouble, SERVER_ERRORS; what was committed stays.
    """
    there = _names(client)
    known = _known(mailbox_id, list(there.values()))
    is_first = not known and session().scalar(
        sa.select(Pop3Seen.uidl).where(Pop3Seen.mailbox_id == mailbox_id).limit(1)) is None
    since = settings.get("mail.start", f"mailbox:{mailbox_id}") if is_first else ""
    first_day = dt.date.fromisoformat(since) if since else None
    count = 0
    for number, name in there.items():
        if stop is not None and stop.is_set():
            break
        if name in known:
            continue
        if first_day is not None and _day(client, number) < first_day:
            _remember(mailbox_id, owner, name, None)
            continue
        _take(client, number, name, mailbox_id, owner)
        count += 1
    _fetch_whole(client, mailbox_id, {name: number for number, name in there.items()})
    _forget(mailbox_id, set(there.values()))
    return count


def _fetch_whole(client: poplib.POP3, mailbox_id: int, numbers: dict[str, int]) -> None:
    """Messages that were too big, and are not any more since somebody raised the limit."""
    limit = current_config().max_message_bytes
    cut = session().execute(sa.select(Ledger.id, Pop3Seen.uidl).join(Pop3Seen, Pop3Seen.ledger_id == Ledger.id).where(
        Ledger.mailbox_id == mailbox_id, Ledger.fate == "quarantined", Ledger.size <= limit,
        Ledger.reason.startswith(arrivals.ONLY_HEADER)).order_by(Ledger.id).limit(20)).all()
    for row in cut:
        if row.uidl in numbers:
            raw = b"\r\n".join(client.retr(numbers[row.uidl])[1]) + b"\r\n"
            arrivals.completed(row.id, store(raw), len(raw))


def _names(client: poplib.POP3) -> dict[int, str]:
    """The server's names of its messages, by number. Raises Trouble when it has none."""
    try:
        lines = client.uidl()[1]  # type: ignore[index]
    except poplib.error_proto as error:
        raise Trouble("folder", "This server does not name its messages (UIDL), so nobody can know which are new. "
                                "Use IMAP if it offers that.") from error
    pairs = (line.decode("utf-8", "replace").split(None, 1) for line in lines)
    return {int(number): name.strip() for number, name in pairs}


def _known(mailbox_id: int, names: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(names), CHUNK):
        found.update(session().scalars(sa.select(Pop3Seen.uidl).where(
            Pop3Seen.mailbox_id == mailbox_id, Pop3Seen.uidl.in_(names[start:start + CHUNK]))))
    return found


def _day(client: poplib.POP3, number: int) -> dt.date:
    """When the server took a message in, by its topmost Received line, else when it was written."""
    head = BytesHeaderParser().parsebytes(b"\r\n".join(client.top(number, 0)[1]))
    stamp = str(head.get("received", "")).rpartition(";")[2].strip() or str(head.get("date", ""))
    try:
        return parsedate_to_datetime(stamp).date()
    except (ValueError, TypeError):
        return utcnow().date()


def _take(client: poplib.POP3, number: int, name: str, mailbox_id: int, owner: str) -> None:
    """One message; of what is too big only the header."""
    size = int(client.list(number).split()[2])  # type: ignore[attr-defined]  # for one message: its line
    if size <= current_config().max_message_bytes:
        raw = b"\r\n".join(client.retr(number)[1]) + b"\r\n"
        size = len(raw)
    else:
        raw = b"\r\n".join(client.top(number, 0)[1]) + b"\r\n"
    digest = store(raw)
    _remember(mailbox_id, owner, name, (digest, size))


def _remember(mailbox_id: int, owner: str, name: str, arrived: tuple[str, int] | None) -> None:
    """The arrival and the name, in one transaction. Raises LeaseLost; then nothing is kept."""
    with transaction() as current:
        ledger_id = None
        if arrived is not None:
            ledger_id = ledger.add(*arrived, ledger.Origin("pop3"), mailbox_id)
        current.add(Pop3Seen(mailbox_id=mailbox_id, uidl=name, ledger_id=ledger_id))
        current.flush()
        rows.extend(current, mailbox_id, owner, fetched_at=utcnow())


def _forget(mailbox_id: int, there: set[str]) -> None:
    """Names that the server has not shown for a while need not be kept."""
    old = [name for name in session().scalars(sa.select(Pop3Seen.uidl).where(
        Pop3Seen.mailbox_id == mailbox_id, Pop3Seen.at < utcnow() - FORGET_AFTER)) if name not in there]
    for start in range(0, len(old), CHUNK):
        with transaction() as current:
            current.execute(sa.delete(Pop3Seen).where(
                Pop3Seen.mailbox_id == mailbox_id, Pop3Seen.uidl.in_(old[start:start + CHUNK]))
                .execution_options(synchronize_session=False))


def tidy(client: poplib.POP3, mailbox_id: int, days: int) -> int:
    """Mark for deletion what was taken in at least `days` ago: what has a fate, came whole and lies in our own store.

    Returns how many messages; they go when the connection ends well.
    """
    before, count = utcnow() - dt.timedelta(days=days), 0
    numbers = {name: number for number, name in _names(client).items()}
    found = session().execute(
        sa.select(Pop3Seen.uidl, Ledger.sha256).join(Ledger, Ledger.id == Pop3Seen.ledger_id).where(
            Pop3Seen.mailbox_id == mailbox_id, Pop3Seen.at <= before, Ledger.fate.in_(TAKEN_IN),
            Ledger.raw_purged_at.is_(None))).all()
    for row in found:
        if row.uidl in numbers and attachments.exists(row.sha256, packed=True):
            client.dele(numbers[row.uidl])
            count += 1
    return count


