"""A message of the ledger, read: its bytes parsed, the guards asked, what the core is to be given. Stores nothing
but files.

What it is held against (our addresses, names of ours, senders that were decided about) is a `Desk`, read once for as
many messages as are read together.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from inbox.core import attachments, mailboxes, senders
from inbox.core.attachments import StoredFile
from inbox.core.customers import normalise_address
from inbox.core.intake import Incoming
from inbox.core.models import Mailbox
from inbox.mail import body as bodies
from inbox.mail import bounces, forwards, guards, judge
from inbox.mail.parse import ParsedMessage

FOLDERS = ("imap", "pop3", "import")  # what may have lain elsewhere before it came here
LONGEST_ID = 900  # characters of a Message-ID we index
MOST_NAMED = 200  # recipients looked at for a mailbox of ours
TOLD_TO_PLUGINS = ("x-priority", "x-msmail-priority", "importance", "priority")


@dataclass(frozen=True)
class Waiting:
    """The row of a message that is to be taken in."""

    id: int
    source: str
    mailbox_id: int | None
    sha256: str
    size: int
    envelope_from: str | None
    arrived_at: dt.datetime
    envelope_to: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What the guards found. `quiet`: it joins its ticket without reopening it; `unanswerable`: no machine may
    answer, and why ('' when one may); `dated`: it has a date, so that a second one alike is the same one."""

    quiet: bool
    unanswerable: str
    bounce: guards.Bounce | None
    dated: bool = True
    machine: str = ""  # which sort of machine wrote it; see inbox.mail.judge
    returned: tuple[str, ...] = ()  # Message-IDs that a report is about
    judged: judge.Judgement = field(default_factory=judge.Judgement)


@dataclass(frozen=True)
class Letter:
    """A message that is to go into a ticket."""

    row: Waiting
    incoming: Incoming
    facts: Facts
    mailbox: Mailbox  # whose department gets a new ticket
    known: dict[str, Any]  # what the ledger shows of it
    named: list[str]  # Message-IDs it names, the most telling first


@dataclass(frozen=True)
class Desk:
    """What messages are held against."""

    mailboxes: list[Mailbox]
    ours: set[str]  # every address of ours, normalised
    names: judge.Names
    decided: dict[str, str]  # allowed and blocked senders, of those asked for

    @classmethod
    def now(cls, parsed: Iterable[ParsedMessage]) -> Desk:
        """As it is now, for these messages."""
        boxes = mailboxes.all_mailboxes()
        people = [each.address for one in parsed for each in [one.from_, *one.reply_to] if each is not None]
        ours = {address for each in boxes for address in (each.address, *each.aliases)}
        return cls(boxes, ours, judge.Names.now(boxes), senders.decided_about(people))

    def mailbox(self, mailbox_id: int | None) -> Mailbox | None:
        """One of ours by its id."""
        return next((each for each in self.mailboxes if each.id == mailbox_id), None)

    def home(self, parsed: ParsedMessage, mailbox: Mailbox) -> Mailbox:
        """The mailbox whose department gets the ticket: of several that one message names the first in To, else in
        Cc, whichever copy comes in first; where it names none (a Bcc, a catch-all) the one it came to."""
        active = [each for each in self.mailboxes if each.is_active]
        named = (mailboxes.match(each.address, active, catch_all=False)
                 for each in [*parsed.to, *parsed.cc][:MOST_NAMED])
        return next((each for each in named if each is not None), mailbox)


def facts_of(parsed: ParsedMessage, row: Waiting, desk: Desk) -> Facts:
    """A list or a group in front of the desk makes a message unanswerable by machines, yet a person wrote it: only
    what a machine wrote is quiet."""
    allowed, reason = guards.may_answer(parsed, row.envelope_from, desk.ours)
    bounce = guards.bounce(parsed)
    machine = judge.machine(parsed, bounce, row.envelope_from)
    returned = bounce.original_message_ids if bounce is not None else (
        bounces.original_ids(parsed) if machine == "complaint" else [])
    sender = _sender(parsed, bool(machine), desk.ours)[0]
    judged = judge.judge(parsed, senders.verdict_in(desk.decided, sender), desk.names, desk.ours)
    return Facts(quiet=bool(machine), unanswerable="" if allowed else reason, bounce=bounce, returned=tuple(returned),
                 dated=parsed.date is not None, machine=machine, judged=judged)


def incoming_of(row: Waiting, parsed: ParsedMessage, facts: Facts, ours: Collection[str]) -> Incoming:
    """What the core is given. Its files are in the blob store afterwards."""
    body = bodies.build(parsed)
    sender, name, automatic = _sender(parsed, facts.quiet, ours)
    return Incoming(
        subject=parsed.subject, from_address=sender, from_name=name, text=body.text_visible,
        text_quoted=body.text_quoted, text_signature=body.text_signature, html=body.html, html_quoted=body.html_quoted,
        html_signature=body.html_signature, needs_frame=body.needs_frame,
        message_id=id_of(parsed), references=[*parsed.references, *parsed.in_reply_to],
        addressed={role: [{"address": each.address, "name": each.name} for each in getattr(parsed, role)]
                   for role in ("to", "cc", "reply_to")},
        files=files_of(parsed), fingerprint=fingerprint(parsed), at=_at(row, parsed), is_automatic=automatic,
        is_spam=facts.judged.is_spam, defects=parsed.defects,
        extra={"in_reply_to": list(parsed.in_reply_to), "unanswerable": facts.unanswerable,
               "headers": _headers_for_plugins(parsed), "marks": facts.judged.marks, "machine": facts.machine,
               **_passed_on(parsed)})


def known_of(parsed: ParsedMessage) -> dict[str, Any]:
    """What the ledger shows of a message."""
    return {"message_id": id_of(parsed), "subject": parsed.subject[:500],
            "from_address": parsed.from_.address[:320] if parsed.from_ else ""}


def _passed_on(parsed: ParsedMessage) -> dict[str, Any]:
    """Whose message a forward passes on, for the agent who reads it; nothing acts on it."""
    original = forwards.original(parsed)
    return {"forwarded_from": {"address": original.address, "name": original.name}} if original else {}


def _headers_for_plugins(parsed: ParsedMessage) -> dict[str, str]:
    """What the mail says about itself as a whole, by lower-case name, for hooks such as prepare_ticket."""
    found = {name: parsed.header(name) for name in TOLD_TO_PLUGINS}
    return {name: value[:200] for name, value in found.items() if value}


def _sender(parsed: ParsedMessage, quiet: bool, ours: Collection[str]) -> tuple[str, str, bool]:
    """Who wrote. A form on our own site writes in our name, with the visitor in Reply-To: then it is the visitor."""
    if parsed.from_ is None:
        return "", "", True
    sender = parsed.from_
    if normalise_address(sender.address) in ours:
        other = next((each for each in parsed.reply_to if normalise_address(each.address) not in ours), None)
        return (other.address, other.name, quiet) if other else (sender.address, sender.name, True)
    return sender.address, sender.name, quiet


def files_of(parsed: ParsedMessage) -> list[StoredFile]:
    """The files of a message, put into the blob store."""
    return [StoredFile(filename=each.filename, content_type=each.content_type, size=len(each.data),
                       sha256=attachments.store(each.data), is_inline=each.is_inline, content_id=each.content_id)
            for each in parsed.attachments]


def _at(row: Waiting, parsed: ParsedMessage) -> dt.datetime:
    """When it arrived. Mail that lay in an IMAP folder before we looked arrived when its server took it in: the date of
    the topmost Received line (RFC 5321, 4.4), never the sender's own clock."""
    if row.source not in FOLDERS:
        return row.arrived_at
    stamp = (parsed.header("received") or "").rpartition(";")[2].strip()
    try:
        taken = parsedate_to_datetime(stamp) if stamp else row.arrived_at
    except ValueError:
        return row.arrived_at
    taken = taken if taken.tzinfo else taken.replace(tzinfo=dt.UTC)
    return min(taken.astimezone(dt.UTC), row.arrived_at)


def id_of(parsed: ParsedMessage) -> str | None:
    """Its Message-ID, where it has one that can be indexed."""
    return parsed.message_id if parsed.message_id and len(parsed.message_id) <= LONGEST_ID else None


def fingerprint(parsed: ParsedMessage) -> str:
    """SHA-256 of what stays the same on every road a message takes: From, Date, Subject and body, not the trace."""
    sender = parsed.from_.address.lower() if parsed.from_ else ""
    date = parsed.date.isoformat() if parsed.date else ""
    text = " ".join(parsed.text.split())
    return hashlib.sha256(json.dumps([sender, date, " ".join(parsed.subject.split()), text]).encode()).hexdigest()
