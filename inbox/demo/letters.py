"""The mail of the demo desk as it comes in: the files of `messages/` with their dates and threads filled in.

A file is a message as a mail program wrote it, with placeholders where it depends on what happened before:
`%%REPLY-ID%%` is the Message-ID of our last reply in the ticket, `%%en%%`, `%%nb-outlook%%` … the time of that
reply as a mail program writes it above a quote (`-1`, `-2` at the end: days earlier).
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from email.utils import format_datetime as rfc5322_date
from importlib.resources import files

import sqlalchemy as sa
from babel.dates import format_datetime

from inbox.core.models import Message
from inbox.db import session

BERGEN = dt.timezone(dt.timedelta(hours=1))
# What mail programs write above a quote: pattern and locale, by the placeholder's name.
WHEN = {
    "en": ("EEE, d MMM yyyy 'at' HH:mm", "en_GB"),
    "en-outlook": ("d MMMM yyyy HH:mm", "en_GB"),
    "nb": ("EEE d. MMM yyyy 'kl.' HH:mm", "nb_NO"),
    "nb-plain": ("dd.MM.yyyy HH:mm", "nb_NO"),
    "nb-outlook": ("d. MMMM yyyy HH:mm", "nb_NO"),
    "th": ("EEE d MMM yyyy 'เวลา' HH:mm", "th_TH"),
    "ja": ("yyyy'年'M'月'd'日'(EEE) HH:mm", "ja_JP"),
    "zh": ("yyyy'年'M'月'd'日' EEE ah:mm", "zh_Hant_TW"),
}
_PLACE = re.compile(rb"%%([a-zA-Z]+(?:-[a-zA-Z]+)?)(?:-(\d))?%%")
_DATE = re.compile(rb"^Date: .*$", re.MULTILINE)
_TO = re.compile(rb"^To: .*?<?([a-z]+@fjordthread\.example)>?$", re.MULTILINE)
_RETURN_PATH = re.compile(rb"^Return-Path: <(.*)>\n", re.MULTILINE)


@dataclass(frozen=True)
class Context:
    """What happened in the ticket before: our last reply's Message-ID and time."""

    reply_id: str = ""
    reply_at: dt.datetime | None = None


@dataclass(frozen=True)
class Letter:
    """A message ready to arrive."""

    raw: bytes
    to: str
    envelope_from: str


def context(ticket_id: int | None) -> Context:
    """The last reply we sent in a ticket."""
    last = session().scalar(
        sa.select(Message).where(Message.ticket_id == ticket_id, Message.kind == "reply",
                                 Message.message_id.is_not(None))
        .order_by(Message.at.desc(), Message.id.desc()).limit(1)) if ticket_id is not None else None
    return Context(last.message_id or "", last.at) if last is not None else Context()


def write(name: str, at: dt.datetime, before: Context) -> Letter:
    """The message of a file, sent half a minute before `at`. Raises ValueError for a placeholder nobody knows."""
    data = files("inbox.demo").joinpath("messages", f"{name}.eml").read_bytes().replace(b"\r\n", b"\n")
    envelope = _RETURN_PATH.search(data)
    to = _TO.search(data)
    if envelope is None or to is None:
        raise ValueError(f"{name}.eml lacks Return-Path, or To one of our mailboxes.")
    sent = rfc5322_date((at - dt.timedelta(seconds=30)).astimezone(BERGEN))

    def fill(place: re.Match[bytes]) -> bytes:
        key = place[1].decode()
        if key == "REPLY-ID":
            return before.reply_id.encode()
        if key == "DATE":
            return sent.encode()
        pattern, locale = WHEN[key]
        when = (before.reply_at or at) - dt.timedelta(days=3 * int(place[2] or 0))
        return format_datetime(when, pattern, tzinfo=BERGEN, locale=locale).encode()

    data = _RETURN_PATH.sub(b"", data, count=1)
    data = _PLACE.sub(fill, _DATE.sub(b"Date: " + sent.encode(), data, count=1))
    return Letter(data.replace(b"\n", b"\r\n"), to[1].decode(), envelope[1].decode())
