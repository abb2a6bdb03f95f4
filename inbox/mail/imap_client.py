"""A connection to an IMAP server: opened step by step, so that what is wrong can be said in plain words.

Nothing here writes to the mailbox: folders are opened read-only and messages are read with BODY.PEEK, so what a
person has read or not stays as it is.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError, LoginError

log = logging.getLogger(__name__)
logging.getLogger("imapclient").setLevel(logging.WARNING)  # below that it writes down passwords

CONNECT_SECONDS = 15
READ_SECONDS = 90
STEPS = ("host", "port", "tls", "login", "folder")

NOT_TAKEN = ("The server did not take the permission that the provider gave us. Is this way of reading mail switched "
             "on for the account, and is the user the one that was connected? It said: {text}")

# Whatever a conversation with a server can raise; imapclient parses some broken answers with ValueError.
SERVER_ERRORS = (IMAPClientError, OSError, ValueError, AssertionError)


@dataclass(frozen=True)
class Account:
    """Where to read mail. `security` is `tls`, `starttls` or `none`."""

    host: str
    port: int = 993
    security: str = "tls"
    user: str = ""
    password: str = field(default="", repr=False)
    folder: str = "INBOX"
    sign_in: str = "password"  # else the OAuth provider, and `token` is what it gave us for now
    grant: str = ""  # which of its permissions: a new one is tried at once
    token: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True)
class Tried:
    """One step of a connection test (STEPS); the words say what is wrong and what to do."""

    step: str
    is_ok: bool
    words: str = ""


class Trouble(Exception):
    """A step failed; `str()` is for people."""

    def __init__(self, step: str, words: str) -> None:
        super().__init__(words)
        self.step, self.words = step, words


@contextmanager
def connected(account: Account) -> Iterator[tuple[IMAPClient, dict[bytes, Any]]]:
    """A signed-in client with the folder open for reading, and what the server said of the folder. Raises Trouble."""
    client = _open(account)
    try:
        if account.security == "starttls":
            _start_tls(client, account)
        _log_in(client, account)
        yield client, _select(client, account)
        _say_goodbye(client)
    except BaseException:
        _hang_up(client)
        raise


def _say_goodbye(client: IMAPClient) -> None:
    try:
        client.logout()
    except SERVER_ERRORS as error:
        log.debug("A server hung up instead of saying goodbye: %s", error)
        _hang_up(client)


def _hang_up(client: IMAPClient) -> None:
    try:
        client.shutdown()
    except OSError as error:
        log.debug("The line was dead already: %s", error)


def require_server(account: Account) -> None:
    """The first step of every connection: a host is named, and its name is known. Raises Trouble."""
    if not account.host:
        raise Trouble("host", "No mail server is set for this mailbox. Fill in its host name.")
    try:
        socket.getaddrinfo(account.host, account.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Trouble("host", f"There is no server called {account.host}. Check how the name is spelt.") from error


def _open(account: Account) -> IMAPClient:
    require_server(account)
    try:
        return IMAPClient(account.host, account.port, ssl=account.security == "tls", use_uid=True,
                          ssl_context=ssl.create_default_context() if account.security == "tls" else None,
                          timeout=SocketTimeout(CONNECT_SECONDS, READ_SECONDS))
    except ssl.SSLError as error:
        raise Trouble("tls", _tls_words(error, account)) from error
    except (TimeoutError, OSError) as error:
        raise Trouble("port", _port_words(error, account)) from error
    except IMAPClientError as error:
        words = (f"Something answers on port {account.port} of {account.host}, but it does not speak IMAP the way we "
                 f"asked. Try 993 with TLS, or 143 with STARTTLS. ({_text(error)})")
        raise Trouble("port", words) from error


def _start_tls(client: IMAPClient, account: Account) -> None:
    try:
        client.starttls(ssl.create_default_context())
    except ssl.SSLError as error:
        raise Trouble("tls", _tls_words(error, account)) from error
    except (IMAPClientError, OSError) as error:
        raise Trouble("tls", f"{account.host} offers no STARTTLS on port {account.port}. Choose TLS (often port 993). "
                             f"({_text(error)})") from error


def _log_in(client: IMAPClient, account: Account) -> None:
    try:
        if account.sign_in != "password":
            client.oauth2_login(account.user, account.token)
        elif (account.user + account.password).isascii():
            client.login(account.user, account.password)
        else:  # LOGIN knows ASCII only; RFC 4616 says UTF-8
            client.plain_login(account.user, account.password)
    except LoginError as error:
        if account.sign_in != "password":
            raise Trouble("login", NOT_TAKEN.format(text=_text(error))) from error
        raise Trouble("login", f"The server refused the user name or the password. It said: {_text(error)}") from error
    except (IMAPClientError, OSError) as error:
        raise Trouble("login", f"The server broke off while we signed in: {_text(error)}") from error


def _select(client: IMAPClient, account: Account) -> dict[bytes, Any]:
    try:
        return client.select_folder(account.folder, readonly=True)
    except IMAPClientError as error:
        raise Trouble("folder", f"There is no folder called {account.folder} that we may read. "
                                f"The server said: {_text(error)}") from error
    except OSError as error:
        raise Trouble("folder", f"The connection broke while the folder was opened: {_text(error)}") from error


def _tls_words(error: ssl.SSLError, account: Account) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (f"The certificate of {account.host} cannot be trusted: {error.verify_message}. "
                "Is the host name the one your provider states?")
    return (f"No encrypted connection could be made on port {account.port}. Port 993 wants TLS, port 143 STARTTLS. "
            f"({error.reason or error})")


def _port_words(error: OSError, account: Account) -> str:
    if isinstance(error, TimeoutError):
        return (f"{account.host} did not answer on port {account.port} within {CONNECT_SECONDS} seconds. "
                "Is the port right, and does a firewall stand between?")
    if isinstance(error, ConnectionRefusedError):
        return f"{account.host} refuses connections on port {account.port}. Is the port right? Usual are 993 and 143."
    return f"{account.host} cannot be reached on port {account.port}: {_text(error)}"


def words_for(error: Exception) -> str:
    """What to tell people about an error in the middle of a conversation."""
    if isinstance(error, Trouble):
        return error.words
    if error.args and isinstance(error.args[0], bytes):  # of POP3
        return f"The conversation with the server broke off: {error.args[0].decode('utf-8', 'replace')[:300]}"
    if isinstance(error, TimeoutError):
        return f"The server stopped answering for {READ_SECONDS} seconds."
    return f"The conversation with the server broke off: {_text(error)}"


def _text(error: Exception) -> str:
    """An error's words on one line, without Python's b'…' around them."""
    text = getattr(error, "strerror", None) or str(error)
    if text[:2] in ("b'", 'b"'):
        text = text[2:-1]
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:500] or type(error).__name__


def test_connection(account: Account) -> list[Tried]:
    """Try an account up to the open folder; tell step by step how it went. The last step may have failed."""
    steps = [each for each in STEPS if each != "tls" or account.security != "none"]
    try:
        with connected(account):
            return [Tried(each, True) for each in steps]
    except Trouble as trouble:
        before = steps[:steps.index(trouble.step)] if trouble.step in steps else []
        return [*(Tried(each, True) for each in before), Tried(trouble.step, False, trouble.words)]


test_connection.__test__ = False  # type: ignore[attr-defined]  # not for pytest
