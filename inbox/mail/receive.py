"""From the ledger into a ticket: the second of the two commits, the *fate* of a message.

Attempts are counted and committed before anything is parsed: a message that ended the process twice is put into
quarantine unparsed. Parsing, sanitising, plugins and files come before the transaction; ticket, message, events and
fate are stored in one. A fault of one message never stops the next.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import threading
import traceback
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from inbox.core import arrivals, attachments, intake, mailboxes, notices, purge, sending
from inbox.core.attachments import StoredFile
from inbox.core.customers import normalise_address
from inbox.core.errors import NotFound
from inbox.core.intake import Incoming
from inbox.core.models import Ledger, Mailbox, Message, Ticket
from inbox.db import current_config, session, transaction
from inbox.jobs.engine import handler
from inbox.mail import answers, bounces, forwards, guards, judge, ledger, parse, thread
from inbox.mail import body as bodies
from inbox.mail.parse import ParsedMessage

log = logging.getLogger(__name__)

TRANSIENT = (OperationalError, InterfaceError, PoolTimeout, OSError)  # the job tries again; the message is kept
FOLDERS = ("imap", "pop3", "import")  # what may have lain elsewhere before it came here
TRIES = 3  # when another worker stores a related message at the same moment
LONGEST_ID = 900  # characters of a Message-ID we index
TOLD_TO_PLUGINS = ("x-priority", "x-msmail-priority", "importance", "priority")

ENDED_TWICE = ("The program ended twice while it read this message, so it was not read again. "
               "The original is kept; retry after an update.")
UNREADABLE = "This message could not be taken in ({what}). The original is kept; retry after an update."
LOST_BYTES = "The stored bytes of this message are missing from the disk."
NO_HOME = "The mailbox this message came for no longer exists. Give its address to a mailbox, then retry."
EMPTY = "The message is empty."
BURIED = "This message was deleted for good earlier."
OUR_OWN = "This is our own message, which came back to us."
OUR_ROBOT = "This is an automatic mail of this desk, which came back to us."

# A message that ends the process takes no innocent one with it: they are read one at a time in each process.
_one_at_a_time = threading.Lock()
_survived: dict[int, int] = {}  # attempts that ended in a fault we caught but could not write down


class _Overtaken(Exception):
    """Another worker stored a message of the same thread meanwhile: decide again."""


class _Settled(Exception):
    """Another worker gave this message its fate meanwhile: nothing of ours is kept."""


@dataclass(frozen=True)
class Waiting:
    """The row of a message whose attempt was just counted."""

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
class _Verdict:
    """What the row is to say."""

    fate: str
    reason: str = ""
    error: str | None = None


@handler(arrivals.JOB, lane="intake", retries=1000)  # it is given up only by its fate, never by the queue
def process_job(args: dict[str, Any]) -> None:
    """Give one message its fate."""
    process(args["ledger_id"])


@handler("ledger.sweep", every=dt.timedelta(minutes=10))
def sweep_job(_args: dict[str, Any]) -> None:
    """Messages that wait without a job (a restored backup) get one."""
    ledger.sweep_forgotten()


def process(ledger_id: int) -> str:
    """Give a waiting message its fate. Returns the fate ("gone" when there is no such row).

    Raises one of TRANSIENT when database or disk fail; the message waits and the job tries again.
    """
    with _one_at_a_time:
        row = _begin(ledger_id)
        try:
            fate = _take_in_or_hold(row) if row is not None else None
        except TRANSIENT:
            _give_back(ledger_id)
            raise
        except _Settled:
            fate = None
        _survived.pop(ledger_id, None)
        return fate or session().scalar(sa.select(Ledger.fate).where(Ledger.id == ledger_id)) or "gone"


def _take_in_or_hold(row: Waiting) -> str:
    try:
        return _take_in(row)
    except (*TRANSIENT, _Settled):
        raise
    except Exception as error:  # whatever is wrong with this message, the next one goes on
        log.exception("Message %d of the ledger is put into quarantine", row.id)
        what = f"{type(error).__name__}: {error}"[:200]
        return _settle(row, _Verdict("quarantined", UNREADABLE.format(what=what), traceback.format_exc()[-20_000:]))


def _begin(ledger_id: int) -> Waiting | None:
    """Count the attempt. None when there is nothing (more) to do."""
    limit = ledger.MAX_ATTEMPTS + _survived.get(ledger_id, 0)
    with transaction() as current:
        row = current.execute(
            sa.update(Ledger).where(Ledger.id == ledger_id, Ledger.fate == "waiting", Ledger.attempts < limit)
            .values(attempts=Ledger.attempts + 1)
            .returning(Ledger.id, Ledger.source, Ledger.mailbox_id, Ledger.sha256, Ledger.size, Ledger.envelope_from,
                       Ledger.arrived_at, Ledger.envelope_to), execution_options={"synchronize_session": False}).first()
        if row is not None:
            return Waiting(**row._mapping)
        arrivals.settle(ledger_id, "quarantined", ENDED_TWICE)  # unless it has another fate already
        return None


def _give_back(ledger_id: int) -> None:
    """The attempt did not end the process: it does not count. Remembered here when the database cannot."""
    try:
        with transaction() as current:
            current.execute(sa.update(Ledger).where(Ledger.id == ledger_id, Ledger.attempts > 0)
                            .values(attempts=Ledger.attempts - 1))
    except (OperationalError, InterfaceError, PoolTimeout):
        _survived[ledger_id] = _survived.get(ledger_id, 0) + 1


# --- what becomes of it ------------------------------------------------------------------------------------------


def _take_in(row: Waiting) -> str:
    try:
        raw = attachments.read(row.sha256)
    except NotFound:
        return _settle(row, _Verdict("quarantined", LOST_BYTES))
    if not raw.strip() and len(raw) >= row.size:
        return _settle(row, _Verdict("ignored", EMPTY))
    parsed = parse.parse(raw)
    mailbox = session().get(Mailbox, row.mailbox_id) if row.mailbox_id is not None else None
    ours = mailboxes.own_addresses()
    known = {"message_id": _message_id(parsed), "subject": parsed.subject[:500],
             "from_address": parsed.from_.address[:320] if parsed.from_ else ""}
    if mailbox is None:
        return _settle(row, _Verdict("quarantined", NO_HOME), **known)
    if len(raw) < row.size:
        return _settle(row, _Verdict("quarantined", _too_big(row)), **known)
    facts = _facts(parsed, row, ours)
    if (token := answers.token_in(answers.addressed(parsed, row.envelope_to or ()))) is not None:
        return answers.take(
            token, parsed, is_quiet=facts.quiet, envelope_from=row.envelope_from, ledger_id=row.id,
            files=lambda: _files(parsed), settle=lambda fate, reason, ticket_id: _settle(
                row, _Verdict(fate, reason), ticket_id=ticket_id, **known))
    if facts.quiet and facts.bounce is None and parsed.from_ and normalise_address(parsed.from_.address) in ours:
        return _settle(row, _Verdict("ignored", OUR_ROBOT), **known)
    if facts.quiet and thread.is_of_desk([*facts.returned, *parsed.in_reply_to, *parsed.references]):
        if facts.bounce is not None and facts.bounce.permanent:
            notices.came_back(facts.bounce.recipients, facts.bounce.reason or facts.bounce.status or "")
        return _settle(row, _Verdict("ignored", _about_our_notice(facts)), **known)
    incoming = _incoming(row, parsed, facts, ours)
    return _accept(row, incoming, facts, _home(parsed, mailbox), known)


def _home(parsed: ParsedMessage, mailbox: Mailbox) -> Mailbox:
    """The mailbox whose department gets the ticket: of several that one message names the first in To, else in Cc,
    whichever copy comes in first; where it names none (a Bcc, a catch-all) the one it came to."""
    ours = mailboxes.all_mailboxes(active=True)
    named = (mailboxes.match(each.address, ours, catch_all=False) for each in [*parsed.to, *parsed.cc][:200])
    return next((each for each in named if each is not None), mailbox)


def _about_our_notice(facts: Facts) -> str:
    """A ticket of it would be told to the agents by mail, whose machines would answer that, and so on."""
    if facts.bounce is None:
        return answers.MACHINE
    to = ", ".join(facts.bounce.recipients[:3]) or "?"
    return f"It reports that a notification of this desk to {to} was not delivered: {facts.bounce.reason or '–'}"


def _too_big(row: Waiting) -> str:
    limit = current_config().max_message_bytes
    return (f"{arrivals.ONLY_HEADER}: it has {row.size / 1_000_000:.1f} MB, and this desk takes "
            f"{limit / 1_000_000:.1f} MB. It is still on the mail server, and is fetched when max_message_bytes is "
            "raised.")


def _accept(row: Waiting, incoming: Incoming, facts: Facts, mailbox: Mailbox, known: dict[str, Any]) -> str:
    """Decide with the plugins, then store; again when another worker was in between."""
    named = thread.candidates(incoming.extra["in_reply_to"], incoming.references)
    for _ in range(TRIES):
        target, why = _place(incoming, facts)
        if target is not None and facts.judged.is_blocked:
            incoming.is_automatic = True
        plan = intake.plan(incoming, mailbox=mailbox, target=target, why=why)
        try:
            with transaction():
                return _store(row, plan, facts, named, known)
        except (IntegrityError, _Overtaken) as error:
            last: Exception = error
    raise last


def _place(incoming: Incoming, facts: Facts) -> tuple[Ticket | None, thread.Why]:
    in_reply_to, references = incoming.extra["in_reply_to"], list(incoming.references)
    if facts.returned:
        ticket, why = thread.find_ticket(in_reply_to=facts.returned, references=[], subject="", sender="")
        if ticket is not None:
            return ticket, {**why, "by": facts.machine}
    ticket, why = thread.find_ticket(in_reply_to=in_reply_to, references=references, subject=incoming.subject,
                                     sender=incoming.from_address, message_id=incoming.message_id)
    if ticket is not None and not facts.quiet and (renamed := thread.new_subject(ticket, incoming.subject)):
        why["subject"] = renamed
    return ticket, why


def _store(row: Waiting, plan: intake.Plan, facts: Facts, named: list[str], known: dict[str, Any]) -> str:
    """The one transaction: the message with all that hangs on it, and the fate."""
    seen = _seen_before(row, plan.incoming, facts)
    if seen is not None:
        verdict, ticket_id = seen
        return _write_fate(row, verdict, ticket_id=ticket_id, **known)
    if (plan.target is None and thread.is_known(named, plan.incoming.message_id)
            and _place(plan.incoming, facts)[0] is not None):
        raise _Overtaken  # what it answers was stored a moment ago
    message = intake.accept(plan, ledger_id=row.id)
    if facts.returned and plan.why.get("message_pk"):
        _mark_returned(plan.why["message_pk"], facts)
    fate = "created" if plan.target is None else "appended"
    _write_fate(row, _Verdict(fate), ticket_id=message.ticket_id, **known)
    return fate


def _seen_before(row: Waiting, incoming: Incoming, facts: Facts) -> tuple[_Verdict, int | None] | None:
    """What we sent ourselves and got back, what was deleted for good, and what is in a ticket already: by Message-ID
    and fingerprint, or by its bytes when it has no id. Also the ticket it belongs to, if there is one.

    A script that sends neither id nor date says the same thing twice when it happens twice ("disk full"): by SMTP and
    pipe such a message is never a second copy. From a folder it is: renumbering shows every message again.
    """
    if incoming.message_id is None:
        return _same_bytes(row) if facts.dated or row.source in FOLDERS else None
    if purge.is_buried(incoming.message_id):
        return _Verdict("ignored", BURIED), None
    for other in session().execute(sa.select(
            Message.kind, Message.fingerprint, Message.ticket_id, Message.ledger_id).where(
            Message.message_id == incoming.message_id)):
        if other.kind in ("reply", "forward"):
            if normalise_address(incoming.from_address) in mailboxes.own_addresses():
                return _Verdict("ignored", OUR_OWN), other.ticket_id
            continue  # somebody else's message that bears an id of ours is read, not dropped
        if other.fingerprint == incoming.fingerprint:
            words = f"The same message as number {other.ledger_id} of the ledger."
            return _Verdict("duplicate", words), other.ticket_id
    return None


def _same_bytes(row: Waiting) -> tuple[_Verdict, int | None] | None:
    same = sa.select(Ledger).where(Ledger.sha256 == row.sha256, Ledger.id != row.id).order_by(Ledger.id)
    for other in session().scalars(same.with_for_update()):
        if other.fate in ("created", "appended"):
            return _Verdict("duplicate", f"The same bytes as number {other.id} of the ledger."), other.ticket_id
    return None


def _mark_returned(message_pk: int, facts: Facts) -> None:
    """What a report says of a reply of ours is noted on it, for each recipient."""
    message = session().get(Message, message_pk)
    if message is None or message.kind not in ("reply", "forward"):
        return
    bounce = facts.bounce
    failed = bounce.recipients if bounce is not None else []
    if not failed and len(message.recipients) == 1:  # the report does not say who, and there is only one
        failed = [message.recipients[0].address]
    for address in failed:
        if bounce is not None:
            sending.bounced(message, address, bounce.reason or bounce.status or "", kind=bounce.kind,
                            permanent=bounce.permanent)
        elif facts.machine == "complaint":
            sending.complained(message, address)


def _settle(row: Waiting, verdict: _Verdict, **known: Any) -> str:
    with transaction():
        return _write_fate(row, verdict, **known)


def _write_fate(row: Waiting, verdict: _Verdict, **known: Any) -> str:
    """Inside a transaction. Raises _Settled."""
    if not arrivals.settle(row.id, verdict.fate, verdict.reason, error=verdict.error, **known):
        raise _Settled
    return verdict.fate


def _facts(parsed: ParsedMessage, row: Waiting, ours: set[str]) -> Facts:
    """A list or a group in front of the desk makes a message unanswerable by machines, yet a person wrote it: only
    what a machine wrote is quiet."""
    allowed, reason = guards.may_answer(parsed, row.envelope_from, ours)
    bounce = guards.bounce(parsed)
    machine = judge.machine(parsed, bounce, row.envelope_from)
    returned = bounce.original_message_ids if bounce is not None else (
        bounces.original_ids(parsed) if machine == "complaint" else [])
    sender = _sender(parsed, bool(machine), ours)[0]
    return Facts(quiet=bool(machine), unanswerable="" if allowed else reason, bounce=bounce, returned=tuple(returned),
                 dated=parsed.date is not None, machine=machine, judged=judge.judge(parsed, sender, ours))


# --- what the core is given --------------------------------------------------------------------------------------


def _incoming(row: Waiting, parsed: ParsedMessage, facts: Facts, ours: set[str]) -> Incoming:
    body = bodies.build(parsed)
    sender, name, automatic = _sender(parsed, facts.quiet, ours)
    return Incoming(
        subject=parsed.subject, from_address=sender, from_name=name, text=body.text_visible,
        text_quoted=body.text_quoted, text_signature=body.text_signature, html=body.html, html_quoted=body.html_quoted,
        html_signature=body.html_signature, needs_frame=body.needs_frame,
        message_id=_message_id(parsed), references=[*parsed.references, *parsed.in_reply_to],
        addressed={role: [{"address": each.address, "name": each.name} for each in getattr(parsed, role)]
                   for role in ("to", "cc", "reply_to")},
        files=_files(parsed), fingerprint=fingerprint(parsed), at=_at(row, parsed), is_automatic=automatic,
        is_spam=facts.judged.is_spam, defects=parsed.defects,
        extra={"in_reply_to": list(parsed.in_reply_to), "unanswerable": facts.unanswerable,
               "headers": _headers_for_plugins(parsed), "marks": facts.judged.marks, "machine": facts.machine,
               **_passed_on(parsed)})


def _passed_on(parsed: ParsedMessage) -> dict[str, Any]:
    """Whose message a forward passes on, for the agent who reads it; nothing acts on it."""
    original = forwards.original(parsed)
    return {"forwarded_from": {"address": original.address, "name": original.name}} if original else {}


def _headers_for_plugins(parsed: ParsedMessage) -> dict[str, str]:
    """What the mail says about itself as a whole, by lower-case name, for hooks such as prepare_ticket."""
    found = {name: parsed.header(name) for name in TOLD_TO_PLUGINS}
    return {name: value[:200] for name, value in found.items() if value}


def _sender(parsed: ParsedMessage, quiet: bool, ours: set[str]) -> tuple[str, str, bool]:
    """Who wrote. A form on our own site writes in our name, with the visitor in Reply-To: then it is the visitor."""
    if parsed.from_ is None:
        return "", "", True
    sender = parsed.from_
    if normalise_address(sender.address) in ours:
        other = next((each for each in parsed.reply_to if normalise_address(each.address) not in ours), None)
        return (other.address, other.name, quiet) if other else (sender.address, sender.name, True)
    return sender.address, sender.name, quiet


def _files(parsed: ParsedMessage) -> list[StoredFile]:
    return [StoredFile(filename=each.filename, content_type=each.content_type, size=len(each.data),
                       sha256=attachments.store(each.data), is_inline=each.is_inline, content_id=each.content_id)
            for each in parsed.attachments]


def _at(row: Waiting, parsed: ParsedMessage) -> Any:
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


def _message_id(parsed: ParsedMessage) -> str | None:
    return parsed.message_id if parsed.message_id and len(parsed.message_id) <= LONGEST_ID else None


def fingerprint(parsed: ParsedMessage) -> str:
    """SHA-256 of what stays the same on every road a message takes: From, Date, Subject and body, not the trace."""
    sender = parsed.from_.address.lower() if parsed.from_ else ""
    date = parsed.date.isoformat() if parsed.date else ""
    text = " ".join(parsed.text.split())
    return hashlib.sha256(json.dumps([sender, date, " ".join(parsed.subject.split()), text]).encode()).hexdigest()


# --- old mail (inbox.mail.import_mail) ---------------------------------------------------------------------------


def read_old(raw: bytes, row: Waiting) -> tuple[Incoming, Facts, dict[str, Any]]:
    """Read a message that is not in the ledger yet: what the core is given, what the guards found, what the ledger
    shows. It came when its server took it in, else when it was written."""
    parsed = parse.parse(raw)
    ours = mailboxes.own_addresses()
    facts = _facts(parsed, row, ours)
    incoming = _incoming(row, parsed, facts, ours)
    if incoming.at == row.arrived_at and parsed.date is not None:
        written = parsed.date if parsed.date.tzinfo else parsed.date.replace(tzinfo=dt.UTC)
        incoming.at = min(written.astimezone(dt.UTC), row.arrived_at)
    known = {"message_id": _message_id(parsed), "subject": parsed.subject[:500],
             "from_address": parsed.from_.address[:320] if parsed.from_ else ""}
    return incoming, facts, known


def place(incoming: Incoming, facts: Facts) -> tuple[Ticket | None, thread.Why]:
    """The ticket a message joins, None for a new one, and why."""
    return _place(incoming, facts)


def seen_before(row: Waiting, incoming: Incoming, facts: Facts) -> tuple[str, str, int | None] | None:
    """Fate, reason and ticket of a message that is here already. Inside a transaction."""
    seen = _seen_before(row, incoming, facts)
    return (seen[0].fate, seen[0].reason, seen[1]) if seen is not None else None
