"""Bytes of one message in, a plain record out.

``parse`` never raises and never hangs, whatever the bytes are: what cannot be read is left out of the text,
named in ``defects`` and still there in the raw bytes that the ledger keeps. The standard library (with the
``compat32`` policy, which refuses least) splits the MIME tree; ``inbox.mail.headers`` reads the fields.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import MessageError
from email.feedparser import BytesFeedParser
from email.message import Message
from email.parser import BytesHeaderParser

from inbox.mail import headers, repair
from inbox.mail.headers import Address
from inbox.mail.parts import TOO_MANY_PARTS, ParsedAttachment, Walk

__all__ = ["DEFAULT", "Address", "Limits", "ParsedAttachment", "ParsedMessage", "parse"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one message may cost. Sizes in bytes or characters."""

    parts: int = 1000
    depth: int = 100
    header_bytes: int = 1_000_000
    header_count: int = 1000
    header_value: int = 20_000
    message_ids: int = 200
    addresses: int = 2000
    text_chars: int = 2_000_000
    html_chars: int = 5_000_000
    fallback_charset: str | None = None  # the mailbox's own code page, for text that declares none


DEFAULT = Limits()
UNREADABLE_TEXT = "This message could not be read. Open the original to see it."
TOO_DEEP = "The message is nested too deep; only its header was read."
_PIECE = 8_192  # the parser holds four bytes for each character of a piece
# A header that leaves no doubt where it ends: fields and their folded lines, then an empty line.
_HEAD = re.compile(rb"(?:(?:[!-9;-~]{1,200}:|[ \t])[^\r\n]*\r?\n)+\r?\n")
NOTHING = "The message is empty."


@dataclass(slots=True)
class ParsedMessage:
    """One message as the desk sees it. Message-IDs bear no angle brackets; times are aware UTC."""

    message_id: str | None = None
    in_reply_to: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    subject: str = ""
    from_: Address | None = None
    reply_to: list[Address] = field(default_factory=list)
    to: list[Address] = field(default_factory=list)
    cc: list[Address] = field(default_factory=list)
    bcc: list[Address] = field(default_factory=list)
    delivered_to: list[str] = field(default_factory=list)
    date: datetime | None = None
    text: str = ""  # whole plain text; made from the HTML where the message brings none
    text_from_html: bool = False
    html: str | None = None  # as sent, not sanitised
    attachments: list[ParsedAttachment] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)  # decoded, in order
    content_type: str = "text/plain"  # of the whole message, for guards
    report_type: str | None = None  # of a multipart/report: delivery-status, feedback-report …
    defects: list[str] = field(default_factory=list)  # sentences for people
    degraded: bool = False  # something of the message is not shown as it was meant

    def header(self, name: str) -> str | None:
        """The first field of that name (any case), decoded, or None."""
        name = name.lower()
        return next((value for key, value in self.headers if key.lower() == name), None)

    def header_all(self, name: str) -> list[str]:
        """Every field of that name (any case), decoded, in order."""
        name = name.lower()
        return [value for key, value in self.headers if key.lower() == name]


def parse(raw: bytes, limits: Limits = DEFAULT) -> ParsedMessage:
    """Reads one RFC 5322 message.

    Args: ``raw``, the bytes as they came (any line ends, any damage); ``limits``, see Limits.
    Returns a ParsedMessage, at worst one whose text says that the message could not be read.
    """
    raw = bytes(raw)
    try:
        return _parse(raw, limits)
    except RecursionError:
        reason = TOO_DEEP
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, AssertionError, OverflowError,
            RuntimeError):
        # The standard library raises any of these on some damaged mail. The message is kept and offered.
        reason = "The message is damaged; only its header was read."
    return _header_only(raw, limits, reason)


def _parse(raw: bytes, limits: Limits) -> ParsedMessage:
    if not (raw[:_PIECE].strip() or raw.strip()):
        return ParsedMessage(defects=[NOTHING, "The message does not say who sent it."], degraded=True)
    raw, defects = repair.repair(raw, limits.header_bytes)
    if repair.too_costly(raw, limits.depth):
        return _header_only(raw, limits, TOO_DEEP)
    raw, cut = repair.cut_parts(raw)
    message = _tree(raw)
    walk = Walk(limits)
    walk.run(message)
    parsed = _from_header(message, walk.charset_hint, limits)
    parsed.text, parsed.html, parsed.text_from_html = walk.body()
    parsed.attachments = walk.attachments
    parsed.content_type = message.get_content_type()
    report = message.get_param("report-type")
    parsed.report_type = report.lower() if isinstance(report, str) else None
    parsed.degraded = walk.degraded or cut
    parsed.defects = list(dict.fromkeys([*defects, *parsed.defects, *walk.defects, *([TOO_MANY_PARTS] if cut else [])]))
    return parsed


def _tree(raw: bytes) -> Message:
    """The MIME tree, fed piece by piece: ``message_from_bytes`` makes two copies, one of four bytes a character.

    The body of a message without parts is not fed at all: the parser would cut it into lines only to join them again.
    """
    parser = BytesFeedParser()
    head = _HEAD.match(raw)
    if head:
        parser.feed(head.group())
        message = parser.close()
        if message.get_content_maintype() not in ("multipart", "message"):
            message.set_payload(raw[head.end() :].decode("ascii", "surrogateescape"))
            return message
        parser = BytesFeedParser()
    for at in range(0, len(raw), _PIECE):
        parser.feed(raw[at : at + _PIECE])
    return parser.close()


def _from_header(message: Message, hint: str | None, limits: Limits) -> ParsedMessage:
    env = headers.read(message, hint, limits.message_ids, limits.addresses)
    listed = []
    for name, value in list(message.raw_items())[: limits.header_count]:
        text = headers.decode_words(headers.decode_raw(str(value)[: limits.header_value], hint))
        listed.append((headers.clean(headers.decode_raw(name))[:200], text))
    return ParsedMessage(
        message_id=env.message_id, in_reply_to=env.in_reply_to, references=env.references,
        subject=env.subject, from_=env.from_, reply_to=env.reply_to, to=env.to, cc=env.cc, bcc=env.bcc,
        delivered_to=env.delivered_to, date=env.date, headers=listed, defects=env.defects)


def _header_only(raw: bytes, limits: Limits, reason: str) -> ParsedMessage:
    """The last resort: what the header says, and a sentence in place of the body."""
    message = BytesHeaderParser().parsebytes(repair.head_of(raw, limits.header_bytes))
    try:
        parsed = _from_header(message, None, limits)
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        parsed = ParsedMessage()
    parsed.text = UNREADABLE_TEXT
    parsed.degraded = True
    parsed.defects = list(dict.fromkeys([reason, *parsed.defects]))
    return parsed
