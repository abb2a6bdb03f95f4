"""An SMTP server that keeps what it is sent, and misbehaves on request."""

import asyncio
import base64
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.ports import free_port


@dataclass
class Received:
    """One accepted message with its envelope."""

    sender: str
    recipients: list[str]
    raw: bytes
    over_tls: bool
    login: str | None

    @property
    def message(self) -> EmailMessage:
        """The message, parsed with the modern policy."""
        return message_from_bytes(self.raw, policy=policy.default)  # type: ignore[return-value]


@dataclass
class Behaviour:
    """What the server does with the next message. Change it while the server runs.

    reject: answer to DATA, e.g. "552 5.2.2 mailbox full"; the message is not kept.
    reject_recipient: answers to RCPT, by address, e.g. {"gone@example.com": "550 5.1.1 unknown"}.
    drop_after_data: the message is kept, then the connection is cut before the 250 is sent.
    delay: seconds to wait before answering DATA.
    """

    reject: str | None = None
    reject_recipient: dict[str, str] = field(default_factory=dict)
    drop_after_data: bool = False
    delay: float = 0


class SmtpSink:
    """A running server on 127.0.0.1:port. `messages` holds what was accepted, oldest first.

    login: (user, password) that must be given before mail is taken; None takes mail from anybody.
    tls: "no", "starttls" (offered and required) or "tls" (from the first byte);
    takes_token: whose OAuth 2 token it is (None: nobody's); then only XOAUTH2 is taken.
    certificate: (certificate, key) PEM files, needed for TLS: dovecot.make_certificate makes them.
    """

    def __init__(
        self,
        login: tuple[str, str] | None = None,
        tls: str = "no",
        certificate: tuple[Path, Path] | None = None,
        takes_token: Callable[[str], str | None] | None = None,
    ) -> None:
        self.port = free_port()
        self.messages: list[Received] = []
        self.attempts = 0
        self.behaviour = Behaviour()
        self._login = login
        self._tls = tls == "tls"
        self._takes_token = takes_token
        self._arrived = threading.Condition()
        options: dict[str, Any] = {}
        if tls != "no":
            assert certificate, "TLS needs a certificate"
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*certificate)
            options = (
                {"tls_context": context, "require_starttls": True}
                if tls == "starttls"
                else {"ssl_context": context}
            )
        if takes_token:
            options |= {"auth_required": True, "auth_require_tls": False}
        if login:
            options |= {
                "authenticator": self._authenticate,
                "auth_required": True,
                "auth_require_tls": False,
            }
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)
        self._controller.start()

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        return AuthResult(success=given == self._login, handled=False, auth_data=given)

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:
        """Sign in with OAuth 2; a refusal is told in base64 first, as Google does it."""
        said = dict(each.split("=", 1) for each in base64.b64decode(args[1]).decode().split("\1") if "=" in each)
        token = said.get("auth", "").removeprefix("Bearer ")
        user = self._takes_token(token) if self._takes_token else None
        if user == said.get("user"):
            return AuthResult(success=True, auth_data=(user, token))
        await server.challenge_auth(b'{"status":"400"}')
        return AuthResult(success=False, handled=False)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a recipient, or answer as told."""
        answer = self.behaviour.reject_recipient.get(address)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the message, or misbehave as told."""
        self.attempts += 1
        if self.behaviour.delay:
            await asyncio.sleep(self.behaviour.delay)
        if self.behaviour.reject:
            return self.behaviour.reject
        raw = envelope.content
        assert isinstance(raw, bytes)
        auth = session.auth_data
        over_tls = self._tls or session.ssl is not None
        sender, recipients = envelope.mail_from or "", list(envelope.rcpt_tos)
        kept = Received(sender, recipients, raw, over_tls, auth and auth[0])
        with self._arrived:
            self.messages.append(kept)
            self._arrived.notify_all()
        if self.behaviour.drop_after_data and server.transport:
            server.transport.abort()
        return "250 2.0.0 kept"

    def wait_for(self, count: int = 1, seconds: float = 10) -> list[Received]:
        """Wait until at least `count` messages were kept; return them all. Fails when time is over."""
        end = time.monotonic() + seconds
        with self._arrived:
            while len(self.messages) < count:
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{len(self.messages)} of {count} messages after {seconds} s")
                self._arrived.wait(left)
            return list(self.messages)

    def stop(self) -> None:
        """Close the port."""
        self._controller.stop()
