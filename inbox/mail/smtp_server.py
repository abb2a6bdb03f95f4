"""The listener: SMTP (RFC 5321) or LMTP (RFC 2033). It says 250 only after our commit.

It knows the ledger and nothing else: no parser, no plugin, no web. Whatever a message does to the program later,
the port stays open. A commit runs in a thread, so that a slow disk does not stop other conversations.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask
from sqlalchemy.exc import DBAPIError

from inbox import preload
from inbox.app import create_core_app
from inbox.config import Config
from inbox.db import work_context
from inbox.mail import ledger

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_RECIPIENTS = 100
MAX_CONNECTIONS = 200
MAX_CONNECTIONS_PER_PEER = 50
IDLE_SECONDS = 120
LONGEST_CONVERSATION = 3600  # seconds
COMMIT_THREADS = 8  # most of them wait for the disk, or for a bucket
PIECE = 64 * 1024  # bytes read at a time
END = b"\r\n.\r\n"

NO_SUCH_MAILBOX = "550 5.1.1 No mailbox of this desk has that address"
TRY_LATER = "451 4.3.0 The message could not be stored just now; please send it again later"
DISK_FULL = "452 4.3.1 The disk of this desk is full; please send the message again later"
TOO_MANY_RECIPIENTS = "452 4.5.3 Too many recipients; send the rest in another message"
TOO_BIG = "552 5.3.4 The message is larger than this desk takes"
BUSY = b"421 4.7.0 Too many connections; please come back later\r\n"


class Arrivals:
    """What the protocol asks: is there such a mailbox, and is the message stored?"""

    def __init__(self, app: Flask, source: str, max_bytes: int) -> None:
        self._app, self._source, self._max_bytes = app, source, max_bytes
        self._threads = ThreadPoolExecutor(COMMIT_THREADS, thread_name_prefix="arrival")
        self._turn = threading.Lock()  # SQLite's own waiting sleeps; among our threads a lock is quicker
        self.stored = 0

    async def _in_thread(self, call: Callable[..., T], *args: Any) -> T:
        """Run with a session of its own. It is not cancelled with the conversation: a commit begun is a commit."""

        def work() -> T:
            with work_context(self._app):
                return call(*args)

        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def handle_RCPT(self, server: SMTP, _session: Session, envelope: Envelope, address: str,
                          _options: list[str]) -> str:
        """Take a recipient who has a mailbox here."""
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return TOO_MANY_RECIPIENTS
        try:
            mailbox_id = await self._in_thread(self._find, address)
        except DBAPIError as error:
            log.error("The database did not answer: %s", error)
            return TRY_LATER
        if mailbox_id is None:
            return NO_SUCH_MAILBOX
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.append(mailbox_id)  # type: ignore[arg-type]
        return "250 2.1.5 OK"

    @staticmethod
    def _find(address: str) -> int | None:
        mailbox = ledger.mailbox_for(address.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
        return mailbox.id if mailbox else None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Store the message; only then say so. LMTP wants one answer a recipient (RFC 2033, 4.2)."""
        answer = await self._store(session, envelope)
        return "\r\n".join([answer] * len(envelope.rcpt_tos)) if isinstance(server, LMTP) else answer

    async def _store(self, session: Session, envelope: Envelope) -> str:
        raw = envelope.original_content or b""
        if len(raw) > self._max_bytes:
            return TOO_BIG
        deliveries: dict[int | None, list[str]] = {}
        for address, mailbox_id in zip(envelope.rcpt_tos, envelope.rcpt_options, strict=True):
            deliveries.setdefault(mailbox_id, []).append(address)  # type: ignore[arg-type]
        sender = "" if envelope.mail_from in (None, "<>") else envelope.mail_from
        origin = ledger.Origin(self._source, sender, _peer_name(session.peer))
        try:
            rows = await self._in_thread(self._keep, raw, origin, deliveries)
        except (DBAPIError, OSError) as error:
            return self._refusal(error)
        self.stored += 1
        return f"250 2.0.0 Kept as {', '.join(map(str, rows))}"

    def _keep(self, raw: bytes, origin: ledger.Origin, deliveries: dict[int | None, list[str]]) -> list[int]:
        digest = ledger.store(raw)  # a bucket takes its time: others may commit meanwhile
        with self._turn:
            return ledger.arrive_stored(digest, len(raw), origin, deliveries)

    @staticmethod
    def _refusal(error: DBAPIError | OSError) -> str:
        """What to tell the sender: always to try again, since nothing was kept."""
        log.error("A message was refused for now, its sender will try again: %s", error)
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        return DISK_FULL if full or "disk is full" in str(error) else TRY_LATER

    async def handle_exception(self, error: Exception) -> str:
        """A fault of ours: the sender keeps the message and tries again."""
        log.exception("The listener failed at a command", exc_info=error)
        return TRY_LATER

    def close(self) -> None:
        """Wait for the commits that have begun."""
        self._threads.shutdown(wait=True)


class _Conversation:
    """Mixed into the protocols: limits on conversations, and a DATA command that takes lines of any length.

    aiosmtpd refuses a message with a line of more than 1000 bytes, and to it a message with bare line feeds (what
    Python's smtplib sends when it is given bytes) is one long line.
    """

    line_length_limit = PIECE  # of a command; message lines may be of any length, see smtp_DATA
    open_by_peer: Counter[str]

    def connection_made(self, transport: Any) -> None:
        peer = _peer_name(transport.get_extra_info("peername")) or ""
        if self.open_by_peer.total() >= MAX_CONNECTIONS or self.open_by_peer[peer] >= MAX_CONNECTIONS_PER_PEER:
            transport.write(BUSY)
            transport.close()
            self._counted: str | None = None
            return
        self._counted = peer
        self.open_by_peer[peer] += 1
        self._end = asyncio.get_running_loop().call_later(LONGEST_CONVERSATION, transport.abort)
        super().connection_made(transport)  # type: ignore[misc]

    def connection_lost(self, error: Exception | None) -> None:
        if self._counted is None:
            return
        self._end.cancel()
        self.open_by_peer[self._counted] -= 1
        self.open_by_peer += Counter()  # forgets the zeros
        super().connection_lost(error)  # type: ignore[misc]

    def data_received(self, data: bytes) -> None:
        if self._counted is not None:
            self._reset_timeout()  # type: ignore[attr-defined]  # a big message over a slow line is not idle
            super().data_received(data)  # type: ignore[misc]

    async def smtp_DATA(self: Any, arg: str | None) -> None:
        if await self.check_helo_needed():
            return
        if not self.envelope.rcpt_tos:
            await self.push("503 Error: need RCPT command")
            return
        if arg:
            await self.push("501 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        raw = await self._read_message()
        if raw is None:
            status = TOO_BIG
        else:
            self.envelope.content = self.envelope.original_content = raw
            status = await self.event_handler.handle_DATA(self, self.session, self.envelope)
        self._set_post_data_state()
        await self.push(status)

    async def _read_message(self: Any) -> bytes | None:
        """Everything up to the line with a lone dot, and nothing after it; None when it is larger than allowed."""
        self._reader._buffer[:0] = b"\r\n"  # so that a dot on the first line ends the message like any other
        pieces: list[bytes] = []
        size, done = 0, False
        while not done:
            try:
                piece, done = await self._reader.readuntil(END), True
            except asyncio.LimitOverrunError as more:
                piece = await self._reader.readexactly(more.consumed)
            size += len(piece)
            if size <= self.data_size_limit + len(END):
                pieces.append(piece)
            else:
                pieces.clear()  # read on to the end, to answer where the answer belongs
        if size > self.data_size_limit + len(END):
            return None
        return _unstuffed(b"".join(pieces)[:-3])

    def eof_received(self) -> bool | None:
        return super().eof_received() if self._counted is not None else None  # type: ignore[misc]


class _Smtp(_Conversation, SMTP):
    pass


class _Lmtp(_Conversation, LMTP):
    pass


class Listener:
    """The open port, inside a running event loop."""

    def __init__(self, app: Flask, config: Config) -> None:
        self._config = config
        self.arrivals = Arrivals(app, config.smtp_protocol, config.max_message_bytes)
        self._open: Counter[str] = Counter()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Open the port. Raises OSError (taken, or not allowed)."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._protocol, self._config.smtp_host, self._config.smtp_port, reuse_address=True, backlog=200)

    def _protocol(self) -> SMTP:
        kind = _Lmtp if self._config.smtp_protocol == "lmtp" else _Smtp
        protocol = kind(self.arrivals, data_size_limit=self._config.max_message_bytes, enable_SMTPUTF8=True,
                        hostname=socket.gethostname(), ident="Pluginbox", timeout=IDLE_SECONDS,
                        loop=asyncio.get_running_loop())
        protocol.open_by_peer = self._open
        return protocol

    async def stop(self) -> None:
        """Close the port, then let every commit that has begun finish."""
        if self._server is not None:
            self._server.close()
        await asyncio.get_running_loop().run_in_executor(None, self.arrivals.close)
        await asyncio.sleep(0.1)  # their answers go out


def run_smtp(config: Config) -> int:
    """Listen until SIGTERM or SIGINT. Returns the exit code. Raises OSError when the port cannot be opened."""
    app = create_core_app(config)
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd tells of every command

    async def serve() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, ended.set)
        listener = Listener(app, config)
        preload.settle()
        await listener.start()
        log.info("Listening for mail (%s) on %s:%d", config.smtp_protocol, config.smtp_host, config.smtp_port)
        await ended.wait()
        await listener.stop()

    asyncio.run(serve())
    return 0


def _unstuffed(data: bytes) -> bytes:
    """The message without the dots that the sender doubled (RFC 5321, 4.5.2). `data` begins with our own CRLF."""
    if data.find(b"\r\n", 2, len(data) - 2) < 0:  # bare line feeds only: smtplib doubles dots after these, too
        data = data.replace(b"\n.", b"\n")
    return data.replace(b"\r\n.", b"\r\n")[2:]


def _peer_name(peer: Any) -> str | None:
    return str(peer[0]) if isinstance(peer, tuple) and peer else None
