"""Makes the message that goes out: from a reply, a forward or a system text to RFC 5322 bytes. Touches no database."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import format_datetime
from html import escape

from inbox.mail import mime
from inbox.mail.mime import Part

MOST_REFERENCES = 20
LONGEST_REFERENCE = 400  # characters; what is longer is no Message-ID any program made on purpose
LONGEST_QUOTE = 20_000  # characters
REPLY_PREFIX = re.compile(
    r"(?:(?:re|r|sv|vs|aw|antw|odp|ynt|ris|rif|res|回复|回覆|答复|答覆|返信|ตอบกลับ)"
    r"\s*(?:\[\d{1,3}\]|\(\d{1,3}\)|\d{1,2})?\s*[:：]\s*)+", re.IGNORECASE)
FORWARD_PREFIX = re.compile(r"(?:(?:fwd?|wg|vb|tr|转发|轉寄|転送)\s*[:：]\s*)+", re.IGNORECASE)
OURS = re.compile(r"t(\d{1,18})\.m(\d{1,18})\.([0-9a-f]{20})@[^@\s<>]+")
_OF_DESK = re.compile(r"s\.([0-9a-f]{24})\.([0-9a-f]{20})@[^@\s<>]+")
CID_IMAGE = re.compile(r"<img\b(?:[^>\"]|\"[^\"]*\")*?\ssrc=\"cid:([^\"]*)\"(?:[^>\"]|\"[^\"]*\")*>", re.IGNORECASE)
QUOTE_STYLE = "margin:0 0 0 .8ex;border-left:2px solid #ccc;padding-left:1ex"


@dataclass(frozen=True)
class File:
    """A file to send. With `content_id` and named in the HTML as `cid:…` it is an image inside of the text."""

    filename: str
    content_type: str
    data: bytes
    content_id: str | None = None


@dataclass(frozen=True)
class Quote:
    """What is answered or passed on, below the answer: a line that introduces it, its text and its HTML."""

    intro: str
    text: str
    html: str | None = None
    longest: int = LONGEST_QUOTE  # characters; what is longer is cut


@dataclass(frozen=True)
class Letter:
    """All that a message to be sent consists of. Addresses are `(name, address)`; Bcc is a matter of the envelope."""

    sender: tuple[str, str]
    to: Sequence[tuple[str, str]]
    subject: str
    message_id: str  # without <>
    date: dt.datetime
    text: str
    html: str | None = None
    cc: Sequence[tuple[str, str]] = ()
    in_reply_to: str | None = None
    references: Sequence[str] = ()
    signature: str = ""
    quote: Quote | None = None
    files: Sequence[File] = field(default=())
    reply_to: str = ""
    automatic: str = ""  # "auto-replied" or "auto-generated" (RFC 3834 §5); empty: a person wrote it


@dataclass(frozen=True)
class Composed:
    """The bytes to send, and whether an address in the headers demands SMTPUTF8 of the server."""

    data: bytes
    needs_smtputf8: bool


def compose(letter: Letter) -> Composed:
    """`letter` as bytes. Composing the same letter twice gives the same bytes. Raises mime.AddressError."""
    headers = [
        ("From", mime.address_tokens([letter.sender])),
        ("To", mime.address_tokens(letter.to) or ["undisclosed-recipients:;"]),
        ("Cc", mime.address_tokens(letter.cc)),
        ("Reply-To", mime.address_tokens([("", letter.reply_to)]) if letter.reply_to else []),
        ("Subject", mime.text_tokens(letter.subject)),
        ("Date", [format_datetime(letter.date.astimezone(dt.UTC))]),
        ("Message-ID", [f"<{letter.message_id}>"]),
        ("In-Reply-To", _ids([letter.in_reply_to] if letter.in_reply_to else [])),
        ("References", _ids(letter.references)),
        ("Auto-Submitted", [letter.automatic] if letter.automatic else []),
        ("X-Auto-Response-Suppress", ["OOF, AutoReply"] if letter.automatic else []),
        ("MIME-Version", ["1.0"]),
    ]
    written = [(name, tokens) for name, tokens in headers if tokens or name == "Subject"]
    seed = hashlib.sha256(letter.message_id.encode()).hexdigest()[:24]
    data = _body(letter).write(seed, written)
    top = data.split(b"\r\n\r\n", 1)[0]
    return Composed(data, needs_smtputf8=not top.isascii())


def compose_system(to: tuple[str, str], subject: str, text: str, *, sender: tuple[str, str], date: dt.datetime,
                   message_id: str | None = None, html: str | None = None, reply_to: str = "") -> Composed:
    """A notification, a forgotten password: mail of the desk itself to one person. Raises mime.AddressError."""
    return compose(Letter(sender=sender, to=[to], subject=subject, date=date, text=text, html=html, reply_to=reply_to,
                          message_id=message_id or random_message_id(sender[1]), automatic="auto-generated"))


def _body(letter: Letter) -> Part:
    has_html = bool(letter.html) or bool(letter.quote and letter.quote.html) or not letter.automatic
    html = full_html(letter) if has_html else None
    inside = [each for each in letter.files
              if html and each.content_id and f"cid:{each.content_id}" in html]
    alternatives = [mime.text_part(full_text(letter))]
    if html is not None:
        images = [mime.file_part(each.data, filename=each.filename, content_type=each.content_type,
                                 content_id=each.content_id, is_inline=True) for each in inside]
        alternatives.append(mime.multipart("related", [mime.text_part(html, "html"), *images]))
    attached = [mime.file_part(each.data, filename=each.filename, content_type=each.content_type)
                for each in letter.files if each not in inside]
    return mime.multipart("mixed", [mime.multipart("alternative", alternatives), *attached])


# --- the text -------------------------------------------------------------------------------------------------


def full_text(letter: Letter) -> str:
    """The plain text as sent: answer, signature, quote."""
    parts = [letter.text.strip("\r\n")]
    if letter.signature.strip():
        # "-- " hides all that follows in many programs, so it is written only when nothing follows.
        parts.append(("" if letter.quote else "-- \n") + letter.signature.strip())
    if letter.quote:
        lines = _shortened(letter.quote).strip().splitlines() or [""]
        parts.append("\n".join([letter.quote.intro, *(f">{each}" if each.startswith(">") else f"> {each}".rstrip()
                                                      for each in lines)]))
    return "\n\n".join(parts) + "\n"


def full_html(letter: Letter) -> str:
    """The HTML as sent: answer, signature, quote. `letter.html` must be sanitised already."""
    parts = [letter.html or html_from_text(letter.text)]
    if letter.signature.strip():
        parts.append(f'<div class="signature">{html_from_text(letter.signature.strip())}</div>')
    if letter.quote:
        quoted = letter.quote.html
        if quoted is None or len(quoted) > 4 * letter.quote.longest:
            quoted = html_from_text(_shortened(letter.quote))
        parts.append(f'<div class="gmail_quote"><div class="gmail_attr">{html_from_text(letter.quote.intro)}</div>'
                     f'<blockquote type="cite" class="gmail_quote" style="{QUOTE_STYLE}">'
                     f"{_without_foreign_images(quoted, letter.files)}</blockquote></div>")
    body = "\n".join(parts)
    return f'<!DOCTYPE html>\n<html>\n<head><meta charset="utf-8"></head>\n<body>\n{body}\n</body>\n</html>\n'


def html_from_text(text: str) -> str:
    """Plain text as HTML: paragraphs at empty lines, line breaks kept, everything escaped."""
    blocks = re.split(r"\n[ \t]*\n+", text.replace("\r\n", "\n").strip("\n"))
    return "\n".join(f"<p>{'<br>'.join(escape(line) for line in each.splitlines())}</p>" for each in blocks)


def _shortened(quote: Quote) -> str:
    return quote.text if len(quote.text) <= quote.longest else quote.text[:quote.longest].rstrip() + " …"


def _without_foreign_images(html: str, files: Sequence[File]) -> str:
    """Takes out images that would name a file of another message, which this one does not carry."""
    carried = {each.content_id for each in files}
    return CID_IMAGE.sub(lambda found: found.group(0) if found.group(1) in carried else "", html)


# --- subjects, Message-IDs, references ------------------------------------------------------------------------


def reply_subject(subject: str) -> str:
    """`Re: ` and the subject, once, whatever the customer's program wrote before it in whichever language."""
    return f"Re: {_without(REPLY_PREFIX, subject)}"


def forward_subject(subject: str) -> str:
    """`Fwd: ` and the subject, once."""
    return f"Fwd: {_without(FORWARD_PREFIX, subject)}"


def _without(prefix: re.Pattern[str], subject: str) -> str:
    subject = mime.clean(subject)
    found = prefix.match(subject)
    return subject[found.end():] if found else subject


def signed_message_id(ticket_id: int, message_pk: int, address: str, key: bytes) -> str:
    """The Message-ID (without <>) of a message of ours: it names ticket and message, and nobody else can make it."""
    return f"t{ticket_id}.m{message_pk}.{_signature(ticket_id, message_pk, key)}@{_domain(address)}"


def read_message_id(message_id: str, key: bytes) -> tuple[int, int] | None:
    """`(ticket id, message id)` when this installation made the Message-ID, else None."""
    found = OURS.fullmatch(message_id.strip().strip("<>"))
    if found is None:
        return None
    ticket_id, message_pk = int(found[1]), int(found[2])
    is_ours = hmac.compare_digest(found[3], _signature(ticket_id, message_pk, key))
    return (ticket_id, message_pk) if is_ours else None


def random_message_id(address: str) -> str:
    """A Message-ID (without <>) that belongs to no ticket."""
    return f"s.{secrets.token_hex(12)}@{_domain(address)}"


def system_message_id(address: str, key: bytes) -> str:
    """The Message-ID (without <>) of a mail of the desk itself, known again by `is_of_desk` when a machine answers."""
    token = secrets.token_hex(12)
    return f"s.{token}.{_system_signature(token, key)}@{_domain(address)}"


def is_of_desk(message_id: str, key: bytes) -> bool:
    """True for a Message-ID that this installation gave to a notification or another mail of its own."""
    found = _OF_DESK.fullmatch(message_id.strip().strip("<>"))
    return found is not None and hmac.compare_digest(found[2], _system_signature(found[1], key))


def _system_signature(token: str, key: bytes) -> str:
    return hmac.new(key, f"system-id:{token}".encode(), hashlib.sha256).hexdigest()[:20]


def _signature(ticket_id: int, message_pk: int, key: bytes) -> str:
    return hmac.new(key, f"message-id:{ticket_id}.{message_pk}".encode(), hashlib.sha256).hexdigest()[:20]


def _domain(address: str) -> str:
    return mime.wire_address(address).rpartition("@")[2].strip("[]")


def references(of_parent: Sequence[str], parent: str | None) -> list[str]:
    """The References of an answer to `parent`: those of the parent and the parent itself (RFC 5322 §3.6.4).

    A long chain keeps its first and its last ones: programs that lack the middle still find both ends.
    """
    chain = list(dict.fromkeys(each for each in (*of_parent, parent) if each and each != parent))
    chain += [parent] if parent else []
    return chain if len(chain) <= MOST_REFERENCES else [chain[0], *chain[-(MOST_REFERENCES - 1):]]


def _ids(values: Sequence[str]) -> list[str]:
    bare = [each.strip().strip("<>") for each in values]
    return [f"<{each}>" for each in bare if each.isascii() and re.fullmatch(r"[\x21-\x7e]+", each)
            and len(each) <= LONGEST_REFERENCE]
