"""Which ticket a message belongs to, and why. The reason is stored with the message and shown to people.

Order: a Message-ID we know (In-Reply-To first, then References from the newest back); one that we have signed; a
Message-ID that another message named too, so that siblings meet though their parent never reached us, and a question
meets an answer that was faster; a ticket number in the subject, when the sender takes part in that ticket; else a new
ticket.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from inbox import secrets
from inbox.config import ConfigError
from inbox.core import customers, ticket_merge
from inbox.core.customers import normalise_address
from inbox.core.models import Message, Recipient, Reference, Ticket
from inbox.core.tickets import NO_SUBJECT
from inbox.db import session
from inbox.mail import compose

MAX_IDS = 60  # of a long References field: the first one and the newest
MAX_MERGES = 20
_NUMBER = re.compile(r"\[#(\d{1,15})\]")

Why = dict[str, Any]


def find_ticket(*, in_reply_to: Sequence[str], references: Sequence[str], subject: str, sender: str,
                message_id: str | None = None, known: Collection[str] | None = None) -> tuple[Ticket | None, Why]:
    """The ticket a message joins, or None for a new one; and why, for people (see `inbox.web.why`).

    `why["by"]` is one of in_reply_to, references, sibling, subject, new. `why["stranger_to"]` is the number of a
    ticket that the subject names and the sender has no part in. A ticket in the trash comes back with the answer.
    `known`: those of the ids that stand in tickets, where somebody has asked `known_among` before.
    """
    named = candidates(in_reply_to, references)
    for ticket, reason in _by_ids(named, in_reply_to, sender, message_id, known):
        joined = survivor(ticket)
        if joined is not None:
            return joined, _with_merge(reason, ticket, joined)
    return _by_subject(subject, sender)


def _with_merge(reason: Why, ticket: Ticket, joined: Ticket) -> Why:
    """The reason, with the number of the merged ticket that was meant, if it was one."""
    number = ticket.number if joined.id != ticket.id else (
        ticket_merge.number_before(reason["message_pk"], joined) if "message_pk" in reason else None)
    return reason if number is None else {**reason, "merged": number}


def candidates(in_reply_to: Sequence[str], references: Sequence[str]) -> list[str]:
    """The Message-IDs a message names, the most telling first, each once."""
    newest_first = list(reversed(references))
    if len(newest_first) > MAX_IDS:
        newest_first = [*newest_first[:MAX_IDS - 1], newest_first[-1]]
    return list(dict.fromkeys([*in_reply_to[:MAX_IDS], *newest_first]))


def _by_known_id(named: list[str], in_reply_to: Sequence[str]) -> list[tuple[Ticket, Why]]:
    """Tickets that hold a message with one of the named ids."""
    if not named:
        return []
    rows = session().execute(
        sa.select(Message.message_id, Message.id, Message.ticket_id, Message.at, Message.kind)
        .where(Message.message_id.in_(named), Message.ticket_id.is_not(None)).order_by(Message.id)).all()
    found = {row.message_id: row for row in rows}
    result = []
    for each in named:
        row = found.get(each)
        ticket = session().get(Ticket, row.ticket_id) if row else None
        if row is not None and ticket is not None:
            by = "in_reply_to" if each in in_reply_to else "references"
            result.append((ticket, {"by": by, "message_id": each, "message_pk": row.id, "kind": row.kind,
                                    "at": row.at.isoformat()}))
    return result


def _by_ids(named: list[str], in_reply_to: Sequence[str], sender: str, message_id: str | None,
            known: Collection[str] | None) -> Iterator[tuple[Ticket, Why]]:
    """Tickets that hold or name one of the ids, the most telling first; asked only as far as needed."""
    there, own = ([each for each in ids if known is None or each in known] for ids in (named, _own(message_id)))
    yield from _by_known_id(there, in_reply_to)
    yield from _by_signature(named, in_reply_to, sender)
    yield from _by_sibling(own)  # somebody answered this very message before it came
    for ticket, why in _by_sibling(there):
        if takes_part(sender, ticket) or was_addressed(sender, ticket):
            yield ticket, why  # two strangers who answer the same newsletter are not in one conversation


def is_of_desk(named: Sequence[str]) -> bool:
    """True when one of these Message-IDs is that of a notification, or of another mail of the desk itself."""
    try:
        return any(compose.is_of_desk(each, secrets.derived_key("message-id")) for each in named)
    except ConfigError:  # no key: nothing can be ours
        return False


def new_subject(ticket: Ticket, subject: str) -> str | None:
    """The subject of a message that begins something new in a ticket; None when anybody has called it so there."""
    bare = _bare_subject(subject)
    known = session().scalars(sa.select(Message.subject).where(
        Message.ticket_id == ticket.id, Message.state != "draft").distinct().limit(MAX_IDS))
    if not bare or bare == _bare_subject(NO_SUBJECT):
        return None
    return None if bare in {_bare_subject(each) for each in (ticket.subject, *known)} else subject[:200]


def _bare_subject(subject: str) -> str:
    """A subject without Re:, Fwd:, [lists], ticket numbers, and all but letters and digits."""
    before, now = None, re.sub(r"\[[^\]]{0,60}\]", " ", subject[:500])
    while before != now:
        before = now
        for prefix in (compose.REPLY_PREFIX, compose.FORWARD_PREFIX):
            found = prefix.match(now.strip())
            now = now.strip()[found.end():] if found else now
    return "".join(c for c in now.casefold() if c.isalnum())


def _own(message_id: str | None) -> list[str]:
    return [message_id] if message_id else []


def _by_signature(named: list[str], in_reply_to: Sequence[str], sender: str) -> Iterator[tuple[Ticket, Why]]:
    """Tickets that stand in a Message-ID we have signed, though the message itself is not here: a backup was restored
    that is older than our reply. A ticket may have got the same id since, so the sender must take part in it."""
    for each in named:
        try:
            looks_ours = compose.OURS.fullmatch(each) is not None
            place = compose.read_message_id(each, secrets.derived_key("message-id")) if looks_ours else None
        except ConfigError:  # no key: nothing can be ours
            return
        ticket = session().get(Ticket, place[0]) if place else None
        if ticket is not None and takes_part(sender, ticket):
            yield ticket, {"by": "in_reply_to" if each in in_reply_to else "references", "message_id": each,
                           "signed": True}


def _by_sibling(named: list[str]) -> list[tuple[Ticket, Why]]:
    """Tickets with a message that names the same id as ours, though nobody has the message of that id."""
    if not named:
        return []
    rows = session().execute(
        sa.select(Reference.value, Reference.ticket_id, sa.func.max(Reference.message_pk).label("message_pk"))
        .where(Reference.value.in_(named)).group_by(Reference.value, Reference.ticket_id)).all()
    rank = {each: position for position, each in enumerate(named)}
    result = []
    for row in sorted(rows, key=lambda row: (rank[row.value], -row.message_pk)):
        ticket = session().get(Ticket, row.ticket_id)
        if ticket is not None:
            result.append((ticket, {"by": "sibling", "message_id": row.value, "message_pk": row.message_pk}))
    return result


def _by_subject(subject: str, sender: str) -> tuple[Ticket | None, Why]:
    """The ticket whose number the subject bears, for those who take part in it. A stranger gets a new ticket."""
    why: Why = {"by": "new"}
    for number in dict.fromkeys(int(each) for each in _NUMBER.findall(subject)):
        ticket = survivor(session().scalar(sa.select(Ticket).where(Ticket.number == number)))
        if ticket is None:
            continue
        if takes_part(sender, ticket):
            why = {"by": "subject", "number": number}
            return ticket, why if ticket.number == number else {**why, "merged": number}
        why.setdefault("stranger_to", number)
    return None, why


def survivor(ticket: Ticket | None) -> Ticket | None:
    """The ticket another was merged into, through any number of merges."""
    for _ in range(MAX_MERGES):
        if ticket is None or ticket.merged_into_id is None:
            return ticket
        ticket = session().get(Ticket, ticket.merged_into_id)
    return None


def takes_part(sender: str, ticket: Ticket) -> bool:
    """True when an address is the customer's, or has written to or been written to in the ticket."""
    address = normalise_address(sender)
    if not address:
        return False
    customer = customers.by_address(address)
    if customer is not None and customer.id == ticket.customer_id:
        return True
    wrote: sa.Select[int] | sa.CompoundSelect[int] = sa.select(Message.id).where(
        Message.ticket_id == ticket.id, sa.func.lower(Message.from_address) == address, Message.state != "draft")
    if customer is not None:
        wrote = sa.union(wrote, sa.select(Message.id).where(
            Message.ticket_id == ticket.id, Message.customer_id == customer.id))
    got = sa.select(Recipient.id).join(Message, Message.id == Recipient.message_pk).where(
        Message.ticket_id == ticket.id, sa.func.lower(Recipient.address) == address)
    return any(session().execute(query.limit(1)).first() is not None for query in (wrote, got))


def was_addressed(sender: str, ticket: Ticket) -> bool:
    """True when an address stands in To or Cc of a message that came into the ticket."""
    wanted = normalise_address(sender)
    addressed = session().scalars(sa.select(Message.addressed).where(
        Message.ticket_id == ticket.id, Message.kind == "received").limit(MAX_IDS))
    return any(normalise_address(each["address"]) == wanted
               for people in addressed for role in ("to", "cc") for each in people.get(role, []))


def known_among(ids: Collection[str]) -> set[str]:
    """Those of some Message-IDs that stand in tickets: of a message there, or named by one."""
    if not ids:
        return set()
    stored = sa.select(Message.message_id).where(Message.message_id.in_(ids), Message.ticket_id.is_not(None))
    named = sa.select(Reference.value).where(Reference.value.in_(ids))
    return {each for query in (stored, named) for each in session().scalars(query.distinct()) if each is not None}
