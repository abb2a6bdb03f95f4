"""Header fields of a message: decoded text, addresses, dates and Message-IDs.

mail-parser reads addresses and dates: it recovers what the standard library refuses. It is given header
fields that were made whole before (raw bytes decoded, encoded words turned into UTF-8 ones), since it drops
bytes that it cannot decode. Where it raises or finds nothing, the standard library is asked.
"""

from __future__ import annotations

import base64
import binascii
import email.utils
import logging
import quopri
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.message import Message

import mailparser
from mailparser.exceptions import MailParserError

from inbox.mail import charsets

logging.getLogger("mailparser").setLevel(logging.ERROR)  # it warns of every oddity; we list them ourselves

MAX_VALUE = 500_000  # characters of one field that are looked at
MAX_LIST = 150_000  # characters of a list of recipients
_WORD = re.compile(r"=\?([^?\s=]{1,75})\?([bBqQ])\?([^?]{0,8000}(?:\?(?!=)[^?]{0,200}){0,4})\?=")
_GAP = re.compile(r"[ \t\r\n]+")
_CONTROL = re.compile("[\x00-\x1f\x7f\x80-\x9f\u2028\u2029]+")
_UNFOLD = re.compile(r"[\r\n]+[ \t]*|[\t]+")
_ID = re.compile(r"<([^<>]{1,998})>")
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"'\\@]{1,128}@[^\s<>()\[\],;:\"'\\@]{1,255}")
_ONCE = ("from", "reply-to", "subject", "date", "message-id", "in-reply-to", "references")
_MANY = ("to", "cc", "bcc", "delivered-to")


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox: decoded display name ('' if none) and address with its domain in lower case."""

    name: str
    address: str


@dataclass(slots=True)
class Envelope:
    """What the header fields say; lists are empty and values None where a field is absent."""

    from_: Address | None
    reply_to: list[Address]
    to: list[Address]
    cc: list[Address]
    bcc: list[Address]
    delivered_to: list[str]
    subject: str
    date: datetime | None
    message_id: str | None
    in_reply_to: list[str]
    references: list[str]
    defects: list[str]


def raw_bytes(value: str) -> bytes:
    """The bytes that the standard library keeps as surrogates in a header value."""
    return value[:MAX_VALUE].encode("utf-8", "surrogateescape")


def decode_raw(value: str, hint: str | None = None) -> str:
    """A raw header value with 8-bit bytes made text; ``hint`` is the charset the body declares."""
    if value.isascii() and "\x1b$" not in value:
        return value[:MAX_VALUE]
    data = raw_bytes(value)
    if "\x1b$" in value:  # ISO-2022-JP without a word about it
        return charsets.decode(data, hint)[0]
    for codec in ("utf-8", charsets.codec_name(hint)):
        if codec:
            try:
                return data.decode(codec)
            except (UnicodeError, ValueError):
                continue
    return charsets.decode(data, hint)[0]


def decode_words(value: str) -> str:
    """Text of a field with its encoded words (RFC 2047) decoded, on one line, without controls."""
    return clean("".join(text for _, text in _pieces(value)) if "=?" in value else value)


def clean(text: str) -> str:
    """One line without control characters: nothing of a header may break a log, a header or a row."""
    return text.strip() if text.isprintable() else _CONTROL.sub(" ", _UNFOLD.sub(" ", text)).strip()


def utf8_words(value: str) -> str:
    """The same field with every run of encoded words replaced by UTF-8 ones that mail-parser reads."""
    if "=?" not in value:
        return value
    out = []
    for encoded, text in _pieces(value):
        if not encoded:
            out.append(text)
            continue
        data = base64.b64encode(clean(text).encode("utf-8", "replace")).decode("ascii")
        before = "" if not out or out[-1][-1:] in (" ", "\t", "(", "\n", "") else " "
        out.append(f"{before}=?utf-8?b?{data}?= ")
    return "".join(out)


def _pieces(value: str) -> list[tuple[bool, str]]:
    """(was encoded, text) for each stretch; words that stand together are joined as bytes first, since
    some programs split a character between two words."""
    out: list[tuple[bool, str]] = []
    run: list[tuple[str, bytes]] = []
    at = 0
    for match in _WORD.finditer(value[:MAX_VALUE]):
        between = value[at : match.start()]
        if not (run and not between.strip()):
            out += _decoded_run(run)
            run = []
            out.append((False, between))
        data = _word_bytes(match.group(2), match.group(3))
        if data is None or _is_rubbish(data, match.group(1)):
            out += _decoded_run(run)
            run = []
            out.append((False, match.group(0)))
        else:
            run.append((match.group(1).split("*")[0].lower(), data))
        at = match.end()
    out += _decoded_run(run)
    out.append((False, value[at:MAX_VALUE]))
    return [piece for piece in out if piece[1]]


def _is_rubbish(data: bytes, charset: str) -> bool:
    """Bytes that are not what the word says they are: then the word is shown as it came."""
    if charset.lower() not in ("utf-8", "utf8") or not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", data):
        return False
    return b"\xff" in data or "\ufffd" in data.decode("utf-8", "replace")


def _decoded_run(run: list[tuple[str, bytes]]) -> list[tuple[bool, str]]:
    texts, at = [], 0
    while at < len(run):
        charset, end = run[at][0], at
        while end < len(run) and run[end][0] == charset:
            end += 1
        joined = b"".join(data for _, data in run[at:end])
        text, defect = charsets.decode(joined, charset)
        if defect and end - at > 1 and charset.startswith("iso-2022"):
            text = "".join(charsets.decode(data, charset)[0] for _, data in run[at:end])
        texts.append(text)
        at = end
    return [(True, "".join(texts))] if texts else []


def _word_bytes(encoding: str, text: str) -> bytes | None:
    if encoding in "qQ":
        data = text.replace("_", " ").encode("utf-8", "surrogateescape")
        return quopri.decodestring(data.replace(b"\n", b" "), header=True)
    packed = re.sub(rb"[^A-Za-z0-9+/]", b"", text.encode("utf-8", "surrogateescape"))
    if len(packed) % 4 == 1:
        packed = packed[:-1]
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4))
    except (binascii.Error, ValueError):
        return None


def message_ids(value: str | None, limit: int) -> list[str]:
    """At most ``limit`` Message-IDs of a field, without angle brackets and blanks, in order, each once."""
    if not value:
        return []
    value = value[:MAX_VALUE]
    found = [re.sub(r"\s+", "", match) for match in _ID.findall(value)]
    if not found:
        found = [word.strip("<>,;\"'()") for word in value.split() if "@" in word]
    return [word[:998] for word in dict.fromkeys(map(clean, found)) if word][:limit]


def message_id(value: str | None) -> str | None:
    """The first Message-ID of a field; a value that is no id is kept as it is, without blanks."""
    if not value or not value.strip():
        return None
    ids = message_ids(value, 1)
    bare = re.sub(r"\s+", "", clean(value)).strip("<>")[:998]
    return ids[0] if ids else bare or None


def read(message: Message, hint: str | None, max_ids: int, max_addresses: int) -> Envelope:
    """Everything the desk needs of the header of ``message``; never raises."""
    fields, defects = _collect(message, hint)
    parsed = _mailparser(fields)
    if parsed is None:
        defects.append("The header of the message is damaged.")
    lists = {name: _addresses(parsed, name, fields.get(name, ""), max_addresses)
             for name in ("from", "reply-to", "to", "cc", "bcc")}
    sender = lists["from"][0] if lists["from"] else None
    if sender is None:
        defects.append("The message does not say who sent it.")
    date = _date(parsed, fields.get("date"))
    if date is None:
        defects.append("The message has no date that can be read.")
    return Envelope(
        from_=sender, reply_to=lists["reply-to"], to=lists["to"], cc=lists["cc"], bcc=lists["bcc"],
        delivered_to=[a.address for a in _addresses(None, "", fields.get("delivered-to", ""), 50)],
        subject=decode_words(fields.get("subject", "")), date=date,
        message_id=message_id(fields.get("message-id")),
        in_reply_to=message_ids(fields.get("in-reply-to"), max_ids),
        references=message_ids(fields.get("references"), max_ids), defects=defects)


def _collect(message: Message, hint: str | None) -> tuple[dict[str, str], list[str]]:
    """One decoded value a field name: the first that says something, or all joined for recipients."""
    values: dict[str, list[str]] = {}
    for name, raw in message.raw_items():
        key = name.strip().lower()
        if key in _ONCE or key in _MANY or key in ("x-original-to", "apparently-to"):
            values.setdefault(key, []).append(decode_raw(str(raw), hint))
    defects = []
    if sum(1 for value in values.get("from", []) if value.strip()) > 1:
        defects.append("The message names its sender more than once; the first that can be read is shown.")
    fields = {}
    for key, found in values.items():
        found = [value for value in found if value.strip()]
        if not found:
            continue
        if key == "from":
            readable = (value for value in found if "@" in value and _ADDRESS.search(value))
            fields[key] = next(readable, found[0])
        elif key == "references":
            fields[key] = " ".join(found)
        else:
            fields[key] = found[0] if key in _ONCE else _bounded(", ".join(found[:200]))
    return fields, defects


def _bounded(recipients: str) -> str:
    """A list of recipients without its end, where it is so long that reading it would take seconds."""
    return recipients if len(recipients) <= MAX_LIST else recipients[: recipients.rfind(",", 0, MAX_LIST)]


def _mailparser(fields: dict[str, str]) -> mailparser.MailParser | None:
    """mail-parser over the fields it serves for; None where it raises."""
    bare = Message()
    for name in ("from", "reply-to", "to", "cc", "bcc"):
        if name in fields:
            bare[name] = _UNFOLD.sub(" ", utf8_words(fields[name]))
    if "date" in fields:
        bare["date"] = _UNFOLD.sub(" ", fields["date"])
    try:
        return mailparser.MailParser(bare)
    except (MailParserError, AttributeError, IndexError, KeyError, LookupError, TypeError, ValueError,
            HeaderParseError, RecursionError):
        return None


def _addresses(parsed: mailparser.MailParser | None, name: str, value: str, limit: int) -> list[Address]:
    if not value:
        return []
    pairs = getattr(parsed, name.replace("-", "_") if name != "from" else "from_") if parsed else []
    found = [made for pair in pairs[:limit] if (made := _address(*pair))]
    if not found:
        found = _addresses_stdlib(value)
    return found[:limit]


def _addresses_stdlib(value: str) -> list[Address]:
    """For fields that mail-parser finds ambiguous: the standard library, then whatever looks like one."""
    value = value[:20_000]
    try:
        pairs = email.utils.getaddresses([utf8_words(value)])
    except (ValueError, IndexError, TypeError, RecursionError):
        pairs = []
    found = [made for name, address in pairs if (made := _address(decode_words(name), address))]
    if found:
        return found
    decoded = decode_words(value)
    matches = list(_ADDRESS.finditer(decoded))
    if len(matches) == 1 or (matches and "," not in decoded):
        last = matches[-1]
        name = clean(decoded[: last.start()].replace("<", " ")).strip(" \"'")
        return [a for a in [_address(name, last.group())] if a]
    return [a for a in (_address("", match.group()) for match in matches) if a]


def _address(name: str, address: str) -> Address | None:
    address = re.sub(r"\s+", "", clean(address)).strip("<>,;")
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain or len(address) > 320:
        return None
    domain = domain.lower().rstrip(".")
    if "xn--" in domain:
        domain = _unicode_domain(domain)
    name = clean(name).strip()
    if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1].strip()
    return Address(name[:300], f"{local}@{domain}")


def _unicode_domain(domain: str) -> str:
    try:
        return domain.encode("ascii").decode("idna").lower()
    except UnicodeError:
        return domain


def _date(parsed: mailparser.MailParser | None, value: str | None) -> datetime | None:
    if not value:
        return None
    when = parsed.date if parsed is not None else None
    if when is None:
        when = _lenient_date(clean(decode_words(value)))
    if when is None or not 1980 <= when.year <= 2100:
        return None
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


def _lenient_date(value: str) -> datetime | None:
    try:
        return email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        pass
    try:
        return datetime.fromisoformat(value[:40].strip().replace("Z", "+00:00"))
    except ValueError:
        return None
