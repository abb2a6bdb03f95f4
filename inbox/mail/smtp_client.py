"""Talks SMTP to the mail server a mailbox sends through, and says exactly how far it came.

The standard library's `sendmail` hides what matters here: whether a broken connection broke before or after the
server could have accepted the message. So the conversation is led step by step.
"""

from __future__ import annotations

import base64
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from inbox.mail import mime

CONNECT_SECONDS = 30
COMMAND_SECONDS = 60
ANSWER_SECONDS = 300  # after the text: the server may look for viruses first (RFC 5321 §4.5.3.2.6 says 10 minutes)
SLOWEST_LINE = 50_000  # bytes a second; the time for the text follows from it
LONGEST_TALK = 900  # seconds from the first command to the text, however many recipients there are


@dataclass(frozen=True)
class Account:
    """Where and how to send. `security` is `tls`, `starttls` or `none`; `hello` is the name we greet with."""

    host: str
    port: int
    security: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    hello: str = "localhost"
    sign_in: str = "password"  # else the OAuth provider, and `token` is what it gave us for now
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Result:
    """How sending ended: `sent` (to all but `refused` and `delayed`), `refused`, `later` or `unknown`.

    `response` is the server's words, or ours when it had none. The two maps go from address to the server's words.
    """

    outcome: str
    response: str
    refused: dict[str, str] = field(default_factory=dict)
    delayed: dict[str, str] = field(default_factory=dict)
    step: str = ""  # where it ended, when it did not come to the text


class Trouble(Exception):
    """A step failed. `outcome` is `refused` when trying again cannot help, else `later`; `step` names the step."""

    def __init__(self, step: str, outcome: str, words: str) -> None:
        super().__init__(words)
        self.step, self.outcome, self.words = step, outcome, words


def send(account: Account, sender: str, recipients: Sequence[str], data: bytes, *, needs_smtputf8: bool = False,
         before_text: Callable[[], bool] = lambda: True) -> Result:
    """Hand `data` to the server for `recipients` (addresses; at least one).

    `before_text` is called when the server is ready for the text: it records that from here on a crash means
    "nobody knows", and may answer False to stop. Raises nothing of the network's; whatever it raises comes through.
    """
    try:
        with _connected(account) as smtp:
            return _converse(smtp, sender, recipients, data, needs_smtputf8, before_text)
    except Trouble as trouble:
        return Result(trouble.outcome, trouble.words, step=trouble.step)


def _converse(smtp: smtplib.SMTP, sender: str, recipients: Sequence[str], data: bytes, needs_smtputf8: bool,
              before_text: Callable[[], bool]) -> Result:
    options = _options(smtp, sender, recipients, data, needs_smtputf8)
    with _step("sender"):
        code, words = smtp.mail(mime.wire_address(sender), options)
        _check("sender", code, words)
    refused, delayed = {}, {}
    end = time.monotonic() + LONGEST_TALK
    for address in recipients:
        if time.monotonic() > end:
            raise Trouble("recipient", "later", "The mail server is too slow; this took too long.")
        with _step("recipient"):
            code, words = smtp.rcpt(mime.wire_address(address))
        if code >= 500:
            refused[address] = _spoken(code, words)
        elif code >= 300 or code < 200:
            delayed[address] = _spoken(code, words)
    if len(refused) == len(recipients):
        return Result("refused", next(iter(refused.values())), refused)
    if len(refused) + len(delayed) == len(recipients):
        return Result("later", next(iter(delayed.values())), refused, delayed)
    with _step("text"):
        code, words = smtp.docmd("DATA")
        if code != 354:
            _check("text", code, words, failed=True)
    if not before_text():
        return Result("later", "Another process took this message over.")
    with _step("text"):
        if smtp.sock is not None:
            smtp.sock.settimeout(max(ANSWER_SECONDS, len(data) / SLOWEST_LINE))
        smtp.send(_stuffed(data))  # an error here means that the end of the text has not left: it was not accepted
    return _last_answer(smtp, refused, delayed)


def _last_answer(smtp: smtplib.SMTP, refused: dict[str, str], delayed: dict[str, str]) -> Result:
    """The answer to the text. Without one nobody knows whether the server took the message."""
    if smtp.sock is not None:
        smtp.sock.settimeout(ANSWER_SECONDS)
    try:
        code, words = smtp.getreply()
    except (OSError, smtplib.SMTPException) as error:
        return Result("unknown", "The connection ended after the message was handed over and before the server "
                                 f"confirmed it. It may have been sent. ({_spoken_error(error)})")
    if 200 <= code < 300:
        return Result("sent", _spoken(code, words), refused, delayed)
    return Result("refused" if code >= 500 else "later", _spoken(code, words), refused, delayed)


def _options(smtp: smtplib.SMTP, sender: str, recipients: Sequence[str], data: bytes, utf8: bool) -> list[str]:
    options = []
    if utf8 or not all(each.partition("@")[0].isascii() for each in (sender, *recipients)):
        if not smtp.has_extn("smtputf8"):
            raise Trouble("sender", "refused", "An address contains letters beyond A to Z before the @, and this "
                                               "mail server cannot take such addresses (no SMTPUTF8).")
        options += ["SMTPUTF8", "BODY=8BITMIME"]
        smtp.command_encoding = "utf-8"
    limit = smtp.esmtp_features.get("size", "")
    if limit.isdigit() and 0 < int(limit) < len(data):
        raise Trouble("sender", "refused", f"The message has {_megabytes(len(data))} MB; "
                                           f"this mail server takes at most {_megabytes(int(limit))} MB.")
    return [*options, f"SIZE={len(data)}"] if smtp.has_extn("size") else options


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f}"


def _stuffed(data: bytes) -> bytes:
    """The text for the line: a dot that begins a line doubled, the end marked (RFC 5321 §4.5.2)."""
    lines = data if data.endswith(b"\r\n") else data + b"\r\n"
    lines = lines.replace(b"\r\n.", b"\r\n..")
    return (b"." + lines if lines.startswith(b".") else lines) + b".\r\n"


# --- connecting -----------------------------------------------------------------------------------------------


@contextmanager
def _connected(account: Account) -> Iterator[smtplib.SMTP]:
    """A connection, encrypted and logged in as the account says. Raises Trouble."""
    smtp = _open(account)
    try:
        if account.security == "starttls":
            _start_tls(smtp, account)
        if account.sign_in != "password":
            _show_token(smtp, account)
        elif account.user:
            _log_in(smtp, account)
        if smtp.sock is not None:
            smtp.sock.settimeout(COMMAND_SECONDS)
        yield smtp
        _say_goodbye(smtp)
    finally:
        smtp.close()


def _open(account: Account) -> smtplib.SMTP:
    if not account.host:
        raise Trouble("connect", "refused", "No mail server is set for this mailbox. Fill in its host name.")
    with _step("connect"):
        if account.security == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                account.host, account.port, account.hello, timeout=CONNECT_SECONDS,
                context=ssl.create_default_context())
        else:
            smtp = smtplib.SMTP(account.host, account.port, account.hello, timeout=CONNECT_SECONDS)
        try:
            smtp.ehlo_or_helo_if_needed()
        except BaseException:
            smtp.close()
            raise
    return smtp


def _start_tls(smtp: smtplib.SMTP, account: Account) -> None:
    if not smtp.has_extn("starttls"):
        raise Trouble("tls", "refused", f"{account.host} offers no STARTTLS on port {account.port}. "
                                        "Choose TLS (often port 465), or no encryption if you trust the way there.")
    with _step("tls"):
        code, words = smtp.starttls(context=ssl.create_default_context())
        _check("tls", code, words)
        smtp.ehlo_or_helo_if_needed()


def _log_in(smtp: smtplib.SMTP, account: Account) -> None:
    try:
        if (account.user + account.password).isascii():
            smtp.login(account.user, account.password)
        else:  # smtplib knows ASCII passwords only; RFC 4616 says UTF-8
            answer = base64.b64encode(f"\0{account.user}\0{account.password}".encode()).decode("ascii")
            code, words = smtp.docmd("AUTH", f"PLAIN {answer}")
            _check("login", code, words)
    except smtplib.SMTPAuthenticationError as error:
        _check("login", error.smtp_code, error.smtp_error, failed=True)
    except smtplib.SMTPNotSupportedError as error:
        raise Trouble("login", "refused", f"{account.host} offers no login on this connection. "
                                          "Leave user and password empty, or choose TLS or STARTTLS.") from error
    except smtplib.SMTPServerDisconnected as error:
        raise Trouble("login", "later", _spoken_error(error)) from error
    except smtplib.SMTPException as error:
        raise Trouble("login", "refused", f"{account.host} offers no kind of login we know: {error}") from error
    except OSError as error:
        raise Trouble("login", "later", _spoken_error(error)) from error


def _show_token(smtp: smtplib.SMTP, account: Account) -> None:
    """Sign in with OAuth 2 (XOAUTH2). A refusal may pass: another token is asked for, or a person connects anew."""
    said = base64.b64encode(f"user={account.user}\1auth=Bearer {account.token}\1\1".encode()).decode("ascii")
    try:
        code, words = smtp.docmd("AUTH", f"XOAUTH2 {said}")
        if code == 334:  # the reason, in base64; an empty line asks for the answer itself
            code, words = smtp.docmd("")
    except (OSError, smtplib.SMTPException) as error:
        raise Trouble("login", "later", _spoken_error(error)) from error
    if not 200 <= code < 300:
        raise Trouble("login", "later", _spoken(code, words))


def _say_goodbye(smtp: smtplib.SMTP) -> None:
    try:
        if smtp.sock is not None:
            smtp.sock.settimeout(5)
            smtp.quit()
    except (OSError, smtplib.SMTPException):
        return  # the message has been answered; how the line ends does not matter


@contextmanager
def _step(name: str) -> Iterator[None]:
    """Turns what smtplib and the network raise within one step into Trouble that may pass."""
    try:
        yield
    except smtplib.SMTPResponseException as error:
        _check(name, error.smtp_code, error.smtp_error, failed=True)
    except ssl.SSLCertVerificationError as error:
        raise Trouble("tls", "later", f"The server's certificate cannot be trusted: {error.verify_message}.") from error
    except ssl.SSLError as error:
        raise Trouble("tls", "later", "No encrypted connection could be made. Is this the right port for this kind of "
                                      f"encryption? ({error.reason or error})") from error
    except (OSError, smtplib.SMTPException) as error:
        raise Trouble(name, "later", _spoken_error(error)) from error


def _check(step: str, code: int, words: bytes | str, *, failed: bool = False) -> None:
    if failed or not 200 <= code < 300:
        raise Trouble(step, "refused" if 500 <= code < 600 else "later", _spoken(code, words))


def _spoken(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return mime.clean(f"{code} {text}")[:2000]


def _spoken_error(error: Exception) -> str:
    text = mime.clean(getattr(error, "strerror", None) or str(error)) or type(error).__name__
    return f"The mail server cannot be reached: {text}"


# --- trying an account ----------------------------------------------------------------------------------------

STEPS = ("connect", "tls", "login", "sender")


@dataclass(frozen=True)
class Tried:
    """One step of a connection test: `connect`, `tls`, `login` or `sender`; the words say what is wrong."""

    step: str
    is_ok: bool
    words: str = ""


def test_connection(account: Account, sender: str | None = None) -> list[Tried]:
    """Try an account up to the point of sending, and tell step by step how it went; the last one may have failed.

    With `sender` the server is also asked whether it lets us send in that name. Sends nothing.
    """
    done: list[str] = ["connect"] + (["tls"] if account.security != "none" else []) + (
        ["login"] if account.user or account.sign_in != "password" else [])
    try:
        with _connected(account) as smtp:
            if sender is not None:
                done.append("sender")
                with _step("sender"):
                    code, words = smtp.mail(mime.wire_address(sender))
                    _check("sender", code, words)
                    smtp.rset()
    except Trouble as trouble:
        before = done[:done.index(trouble.step)] if trouble.step in done else []
        return [*(Tried(each, True) for each in before), Tried(trouble.step, False, _advice(trouble, account))]
    return [Tried(each, True) for each in done]


test_connection.__test__ = False  # type: ignore[attr-defined]  # a name pytest would collect


def _advice(trouble: Trouble, account: Account) -> str:
    """The words of the trouble, with what to look at first."""
    cause = trouble.__cause__
    if trouble.step == "connect":
        name = type(cause).__name__
        if name == "gaierror":
            return f"There is no server called {account.host}. Look at the spelling of the host name."
        if isinstance(cause, ConnectionRefusedError):
            return (f"{account.host} answers, but not on port {account.port}. "
                    "Usual ports are 587 (STARTTLS), 465 (TLS) and 25.")
        if isinstance(cause, TimeoutError):
            return (f"{account.host} does not answer on port {account.port}. Is the port right, "
                    "and does your provider let mail out?")
        if isinstance(cause, smtplib.SMTPServerDisconnected):
            return (f"{account.host} hung up on port {account.port}. "
                    "A port that expects TLS from the start does so (465): choose TLS.")
    if trouble.step == "login" and account.sign_in != "password":
        return ("The server did not take the permission that the provider gave us. Is sending (SMTP) switched on for "
                f"the account? It said: {trouble.words}")
    if trouble.step == "login":
        return f"The server does not accept this user and password. It said: {trouble.words}"
    return trouble.words
