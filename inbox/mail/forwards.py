"""Whose message a forward passes on, read from the block that mail programs put above it.

Anybody can write such a block, so nothing acts on it by itself: it is offered to an agent, who may make the
original sender the customer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.parser import BytesHeaderParser

from inbox.mail import headers
from inbox.mail import quote_words as words
from inbox.mail.parse import ParsedMessage
from inbox.mail.quote_heads import MAX_LINE, attribution, field_kind
from inbox.mail.quotes import is_forward_subject

_LINES = 2000  # of the text that are looked at
_BLOCK = 14
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-\u00a1-\uffff]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_ON_ONE_LINE = re.compile(r"^[-_]{3,20}\s?[^-_]{3,60}?\s?[-_]{3,20}\s+(\S.{5,})")
_LABEL = re.compile(r"^[*_]{0,2}([^\W\d_][^:：<>@\n]{1,24}?)\s?[*_]{0,2}\s?[:：]")
_MARKS = re.compile(r"^(?:\s{0,3}[>＞|]){1,20}")


@dataclass(frozen=True, slots=True)
class Original:
    """The sender of a forwarded message, as the forward says it."""

    address: str  # lower case
    name: str


def original(parsed: ParsedMessage) -> Original | None:
    """Who sent the message that ``parsed`` passes on; None if it is no forward or does not say."""
    lines = [_MARKS.sub("", line[:MAX_LINE]).replace("\xa0", " ").strip()
             for line in parsed.text.splitlines()[:_LINES]]
    by_subject = is_forward_subject(parsed.subject)
    mark = next((i for i, line in enumerate(lines) if words.FORWARDED.match(line)), None)
    if mark is None and not by_subject:
        return None
    return _in_text(lines, mark) or _attached(parsed) or _unknown_words(lines)


def _in_text(lines: list[str], mark: int | None) -> Original | None:
    if mark is not None:
        found = _block(lines, mark + 1)
        if found:
            return found
    for i, line in enumerate(lines):
        flat = _ON_ONE_LINE.match(line)
        if flat and field_kind(flat.group(1)) == "from":  # Yahoo's plain text has all fields on the line of the mark
            return _sender(re.split("[:：]", flat.group(1), maxsplit=1)[1])
        if field_kind(line) in ("from", "date", "subject", "to"):
            found = _block(lines, i)
            if found:
                return found
        cut = attribution(lines, [False] * len(lines), i) if line.endswith((":", "：")) else None
        if cut and cut.certain:
            return _sender(" ".join(lines[cut.start : cut.after]))
    return None


def _block(lines: list[str], start: int) -> Original | None:
    """The sender in a block of at least two header fields that begins at ``start`` or a few lines below."""
    found, kinds = None, set()
    for i in range(start, min(start + _BLOCK, len(lines))):
        kind = field_kind(lines[i])
        if kind is None:
            continue
        kinds.add(kind)
        if kind == "from" and found is None:
            value = re.split("[:：]", lines[i], maxsplit=1)[1]
            below = lines[i + 1] if i + 1 < len(lines) and field_kind(lines[i + 1]) is None else ""
            found = _sender(value) or _sender(f"{value} {below}")
    return found if found and len(kinds) >= 2 else None


def _unknown_words(lines: list[str]) -> Original | None:
    """In a language we do not know: the first address in a block of at least four lines "word: value"."""
    run = 0
    found = None
    for line in lines:
        label = _LABEL.match(line)
        run = run + 1 if label else 0
        if run == 0:
            found = None
        elif label and found is None:
            found = _sender(line[label.end() :])
        if run >= 4 and found:
            return found
    return None


def _sender(text: str) -> Original | None:
    address = _ADDRESS.search(text.replace("mailto:", " "))
    if not address:
        return None
    name = re.split(r"[<\[(]|[^\s<\[(]{1,64}@", text, maxsplit=1)[0].strip(" *_\"'«»“”,:")
    return Original(address.group().strip(".'").lower(), headers.clean(name)[:200])


def _attached(parsed: ParsedMessage) -> Original | None:
    """The sender of the one message that is attached, where that is all there is."""
    messages = [each for each in parsed.attachments if each.content_type == "message/rfc822"]
    if len(messages) != 1:
        return None
    inner = BytesHeaderParser().parsebytes(messages[0].data[:200_000].lstrip())
    sender = headers.read(inner, None, 1, 10).from_
    return Original(sender.address.lower(), sender.name) if sender and sender.address else None
