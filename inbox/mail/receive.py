"""From the ledger into a ticket: the second of the two commits, the *fate* of a message.

Attempts are counted and committed before anything is parsed: a message that ended the process twice is put into
quarantine unparsed. Parsing, sanitising, plugins and files come before the transaction; ticket, message, events and
fate are stored in one. A fault of one message never stops the next. Several at once: `inbox.mail.batch`.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import traceback
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from inbox.core import arrivals, attachments, intake, mailboxes, notices, purge, sending
from inbox.core.customers import normalise_address
from inbox.core.errors import NotFound
from inbox.core.intake import Incoming
from inbox.core.models import Ledger, Message, Ticket
from inbox.db import current_config, session, transaction
from inbox.jobs.engine import handler
from inbox.mail import answers, ledger, letters, parse, thread
from inbox.mail.letters import FOLDERS, Desk, Facts, Letter, Waiting
from inbox.mail.parse import ParsedMessage

log = logging.getLogger(__name__)

TRANSIENT = (OperationalError, InterfaceError, PoolTimeout, OSError)  # the job tries again; the message is kept
TRIES = 3  # when another worker stores a related message at the same moment

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
one_at_a_time = threading.Lock()
_survived: dict[int, int] = {}  # attempts that ended in a fault we caught but could not write down


Ending = Callable[[], str]
"""Writes down the fate of a message that goes into no ticket, or in a way of its own, and returns it."""


class Overtaken(Exception):
    """Another worker stored a message of the same thread meanwhile: decide again."""


class Settled(Exception):
    """Another worker gave this message its fate meanwhile: nothing of ours is kept."""


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
    with one_at_a_time:
        row = _begin(ledger_id)
        try:
            fate = _take_in_or_hold(row) if row is not None else None
        except TRANSIENT:
            _give_back(ledger_id)
            raise
        except Settled:
            fate = None
        _survived.pop(ledger_id, None)
        return fate or session().scalar(sa.select(Ledger.fate).where(Ledger.id == ledger_id)) or "gone"


def _take_in_or_hold(row: Waiting) -> str:
    try:
        return _take_in(row)
    except (*TRANSIENT, Settled):
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
    parsed = opened(row)
    if not isinstance(parsed, ParsedMessage):
        return parsed()
    found = examine(row, parsed, Desk.now([parsed]))
    return _accept(found) if isinstance(found, Letter) else found()


def opened(row: Waiting) -> ParsedMessage | Ending:
    """The bytes of a message, read; or how it ends without."""
    try:
        raw = attachments.read(row.sha256, packed=True)
    except NotFound:
        return lambda: _settle(row, _Verdict("quarantined", LOST_BYTES))
    if not raw.strip() and len(raw) >= row.size:
        return lambda: _settle(row, _Verdict("ignored", EMPTY))
    parsed = parse.parse(raw)
    if len(raw) < row.size:
        known = letters.known_of(parsed)
        return lambda: _settle(row, _Verdict("quarantined", _too_big(row)), **known)
    return parsed


def examine(row: Waiting, parsed: ParsedMessage, desk: Desk) -> Letter | Ending:
    """What is to go into a ticket; or how the message ends."""
    known, mailbox = letters.known_of(parsed), desk.mailbox(row.mailbox_id)
    if mailbox is None:
        return lambda: _settle(row, _Verdict("quarantined", NO_HOME), **known)
    facts = letters.facts_of(parsed, row, desk)
    if (token := answers.token_in(answers.addressed(parsed, row.envelope_to or ()))) is not None:
        return lambda: answers.take(
            token, parsed, is_quiet=facts.quiet, envelope_from=row.envelope_from, ledger_id=row.id,
            files=lambda: letters.files_of(parsed), settle=lambda fate, reason, ticket_id: _settle(
                row, _Verdict(fate, reason), ticket_id=ticket_id, **known))
    if facts.quiet and facts.bounce is None and parsed.from_ and normalise_address(parsed.from_.address) in desk.ours:
        return lambda: _settle(row, _Verdict("ignored", OUR_ROBOT), **known)
    if facts.quiet and thread.is_of_desk([*facts.returned, *parsed.in_reply_to, *parsed.references]):
        return lambda: _notice_returned(row, facts, known)
    incoming = letters.incoming_of(row, parsed, facts, desk.ours)
    return Letter(row, incoming, facts, desk.home(parsed, mailbox), known,
                  thread.candidates(incoming.extra["in_reply_to"], incoming.references))


def _notice_returned(row: Waiting, facts: Facts, known: dict[str, Any]) -> str:
    if facts.bounce is not None and facts.bounce.permanent:
        notices.came_back(facts.bounce.recipients, facts.bounce.reason or facts.bounce.status or "")
    return _settle(row, _Verdict("ignored", _about_our_notice(facts)), **known)


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


def _accept(letter: Letter) -> str:
    """Decide with the plugins, then store; again when another worker was in between."""
    last: Exception | None = None
    for _ in range(TRIES):
        plan = decide(letter)
        try:
            with transaction():
                return store([(letter, plan)])[0]
        except (IntegrityError, NotFound, Overtaken) as error:
            last = error
    raise last or Overtaken


def decide(letter: Letter, known: Collection[str] | None = None) -> intake.Plan:
    """Where a message goes, and what plugins say of it. `known`: see `thread.find_ticket`."""
    target, why = place(letter.incoming, letter.facts, known)
    if target is not None and letter.facts.judged.is_blocked:
        letter.incoming.is_automatic = True
    return intake.plan(letter.incoming, mailbox=letter.mailbox, target=target, why=why)


def place(incoming: Incoming, facts: Facts, known: Collection[str] | None = None) -> tuple[Ticket | None, thread.Why]:
    """The ticket a message joins, None for a new one, and why."""
    in_reply_to, references = incoming.extra["in_reply_to"], list(incoming.references)
    if facts.returned:
        ticket, why = thread.find_ticket(in_reply_to=facts.returned, references=[], subject="", sender="")
        if ticket is not None:
            return ticket, {**why, "by": facts.machine}
    ticket, why = thread.find_ticket(in_reply_to=in_reply_to, references=references, subject=incoming.subject,
                                     sender=incoming.from_address, message_id=incoming.message_id, known=known)
    if ticket is not None and not facts.quiet and (renamed := thread.new_subject(ticket, incoming.subject)):
        why["subject"] = renamed
    return ticket, why


def store(planned: Sequence[tuple[Letter, intake.Plan]]) -> list[str]:
    """In the one transaction: messages with all that hangs on them, and their fates, which it returns. Of several none
    may have to do with another. Raises Overtaken and Settled: then nothing of it may be committed."""
    seen = _Seen.now([letter for letter, _plan in planned])
    verdicts = [seen.before(letter.row, letter.incoming, letter.facts) for letter, _plan in planned]
    for (letter, _plan), verdict in zip(planned, verdicts, strict=True):
        if verdict is not None:
            _write_fate(letter.row, verdict[0], ticket_id=verdict[1], **letter.known)
    taken = [pair for pair, verdict in zip(planned, verdicts, strict=True) if verdict is None]
    if taken:
        _store_new(taken)
    return [verdict[0].fate if verdict is not None else _fate_of(plan)
            for (_letter, plan), verdict in zip(planned, verdicts, strict=True)]


def _fate_of(plan: intake.Plan) -> str:
    return "created" if plan.target_id is None else "appended"


def _store_new(taken: list[tuple[Letter, intake.Plan]]) -> None:
    _require_first([letter for letter, plan in taken if plan.target_id is None])
    stored = intake.accept_many([(plan, letter.row.id) for letter, plan in taken])
    for letter, plan in taken:
        if letter.facts.returned and plan.why.get("message_pk"):
            _mark_returned(plan.why["message_pk"], letter.facts)
    if not arrivals.settle_taken([
            {"ledger_id": letter.row.id, "fate": _fate_of(plan), "ticket_id": message.ticket_id, **letter.known}
            for (letter, plan), message in zip(taken, stored, strict=True)]):
        raise Settled


def _require_first(new: list[Letter]) -> None:
    """Raises Overtaken where what a message answers, or an answer to it, was stored a moment ago."""
    known = thread.known_among({each for letter in new for each in ids_of(letter)})
    for letter in new:
        if known.intersection(ids_of(letter)) and place(letter.incoming, letter.facts)[0] is not None:
            raise Overtaken


def ids_of(letter: Letter) -> list[str]:
    """The Message-IDs by which a message has to do with others: its own, and those it names."""
    return [*letter.named, *([letter.incoming.message_id] if letter.incoming.message_id else [])]


@dataclass(frozen=True)
class _Seen:
    """What is here already of some messages: what we sent ourselves and got back, what was deleted for good, and what
    is in a ticket, by Message-ID and fingerprint."""

    buried: set[str]
    stored: dict[str, list[Any]]

    @classmethod
    def now(cls, several: Sequence[Letter]) -> _Seen:
        ids = {each.incoming.message_id for each in several if each.incoming.message_id is not None}
        return cls.of(ids)

    @classmethod
    def of(cls, ids: set[str]) -> _Seen:
        stored: dict[str, list[Any]] = {}
        query = sa.select(Message.message_id, Message.kind, Message.fingerprint, Message.ticket_id, Message.ledger_id)
        for row in session().execute(query.where(Message.message_id.in_(ids)).order_by(Message.id)) if ids else ():
            stored.setdefault(row.message_id, []).append(row)
        return cls(purge.buried_of(ids), stored)

    def before(self, row: Waiting, incoming: Incoming, facts: Facts) -> tuple[_Verdict, int | None] | None:
        """How a message ends that was seen before, and the ticket it belongs to, if there is one; None for a new one.

        A script that sends neither id nor date says the same thing twice when it happens twice ("disk full"): by SMTP
        and pipe such a message is never a second copy. From a folder it is: renumbering shows every message again.
        """
        if incoming.message_id is None:
            return _same_bytes(row) if facts.dated or row.source in FOLDERS else None
        if incoming.message_id in self.buried:
            return _Verdict("ignored", BURIED), None
        for other in self.stored.get(incoming.message_id, ()):
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
    """Inside a transaction. Raises Settled."""
    if not arrivals.settle(row.id, verdict.fate, verdict.reason, error=verdict.error, **known):
        raise Settled
    return verdict.fate


# --- old mail (inbox.mail.import_mail) ---------------------------------------------------------------------------


def read_old(raw: bytes, row: Waiting) -> tuple[Incoming, Facts, dict[str, Any]]:
    """Read a message that is not in the ledger yet: what the core is given, what the guards found, what the ledger
    shows. It came when its server took it in, else when it was written."""
    parsed = parse.parse(raw)
    desk = Desk.now([parsed])
    facts = letters.facts_of(parsed, row, desk)
    incoming = letters.incoming_of(row, parsed, facts, desk.ours)
    if incoming.at == row.arrived_at and parsed.date is not None:
        written = parsed.date if parsed.date.tzinfo else parsed.date.replace(tzinfo=dt.UTC)
        incoming.at = min(written.astimezone(dt.UTC), row.arrived_at)
    return incoming, facts, letters.known_of(parsed)


def seen_before(row: Waiting, incoming: Incoming, facts: Facts) -> tuple[str, str, int | None] | None:
    """Fate, reason and ticket of a message that is here already. Inside a transaction."""
    found = _Seen.of({incoming.message_id} if incoming.message_id else set()).before(row, incoming, facts)
    return (found[0].fate, found[0].reason, found[1]) if found is not None else None
