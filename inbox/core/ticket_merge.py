"""Two tickets made into one, and made two again: what moved is written down, and goes back.

The merged ticket stays as a pointer: its number leads to the survivor, and so does all mail that belongs to it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from inbox.core import customers, events, moving, permissions, tickets
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import (
    Agent,
    CaughtMail,
    Follower,
    Ledger,
    Message,
    Reference,
    Ticket,
    TicketMerge,
)
from inbox.core.scope import LIVE
from inbox.core.ticket_fields import of_tickets
from inbox.db import session, transaction, utcnow

BATCH = 500  # ids in one statement
INHERITED = ("assignee_id", "type", "mailbox_id")  # what the survivor takes over when it has none


def merge(ticket: Ticket, into: Ticket, *, by: Actor) -> None:
    """Make one ticket out of two: the messages of `ticket` are in `into` from now on, and its number leads there.

    What moved is kept in a `TicketMerge`. Raises Invalid (the same, merged already, in the trash), NotFound,
    NotAllowed.
    """
    permissions.require(by, "change", ticket)
    permissions.require(by, "change", into)
    ids = ticket.id, into.id
    with transaction() as current:
        lost, kept = _locked(*ids)
        _check(lost, kept)
        moved: dict[str, Any] = {
            "messages": _ids(lost.id, Message.state != "draft"), "drafts": _take_drafts(lost.id, kept.id),
            "tags": _unite_tags(lost, kept), "followers": _unite_followers(lost.id, kept.id),
            "fields": _lend_fields(lost.id, kept.id), "checklist": _unite_checklists(lost, kept),
            "kept": _inherit(kept, lost), "status": kept.status,
            "snoozed_until": _written(lost.snoozed_until), "waited_since": _written(lost.waiting_since),
            "stays_waiting_since": _written(kept.waiting_since)}
        _carry(moved["messages"], kept.id)
        waits = _earliest(kept, lost if lost.shelf in LIVE else kept)
        if lost.status == "open" and not lost.is_spam and kept.status != "open":
            tickets.set_status(kept, "open", by=by)
        elif lost.shelf == "open" and lost.waiting_since is not None and kept.snoozed_until is not None:
            tickets.wake(kept, by=by)  # somebody waits for an answer to what came along
        lost.merged_into_id, lost.snoozed_until = kept.id, None
        _settle(kept, waits)
        _settle(lost, None)
        current.add(TicketMerge(ticket_id=lost.id, into_id=kept.id, agent_id=by.agent.id if by.agent else None,
                                moved=moved))
        _record("ticket_merged", kept, by, merged_ticket_id=lost.id, number=lost.number)
        _record("ticket_merged_away", lost, by, into_ticket_id=kept.id, number=kept.number)
        current.expire_all()


def _locked(*ids: int) -> list[Ticket]:
    """The tickets as they are now, in the order asked for. Nobody else merges, answers or moves them meanwhile."""
    query = (sa.select(Ticket).where(Ticket.id.in_(ids)).order_by(Ticket.id)
             .with_for_update(of=Ticket, key_share=True).execution_options(populate_existing=True))
    found = {each.id: each for each in session().scalars(query)}
    if len(found) != len(set(ids)):
        raise NotFound()
    return [found[each] for each in ids]


def _check(lost: Ticket, kept: Ticket) -> None:
    if lost.id == kept.id or lost.merged_into_id is not None or kept.merged_into_id is not None:
        raise Invalid("number", "These two are one ticket already.")
    if lost.trashed_at is not None or kept.trashed_at is not None:
        raise Invalid("number", "One of these tickets is in the trash. Restore it first.")


def _ids(ticket_id: int, *conditions: sa.ColumnElement[bool]) -> list[int]:
    return list(session().scalars(sa.select(Message.id).where(Message.ticket_id == ticket_id, *conditions)
                                  .order_by(Message.id)))


def _take_drafts(lost: int, kept: int) -> list[int]:
    """An agent has one draft of a kind in a ticket: a second one is added to the first. Returns those that moved."""
    query = sa.select(Message).where(Message.ticket_id.in_((lost, kept)), Message.state == "draft").order_by(Message.id)
    every = list(session().scalars(query))
    there = {(each.agent_id, each.kind): each for each in every if each.ticket_id == kept}
    moved = []
    for draft in (each for each in every if each.ticket_id == lost):
        other = there.get((draft.agent_id, draft.kind))
        if other is None:
            draft.ticket_id = kept
            moved.append(draft.id)
        else:
            _add_draft(other, draft)
    session().flush()
    return moved


def _add_draft(draft: Message, other: Message) -> None:
    """What an agent had begun in both stands in one: nothing is lost."""
    both_html = draft.html and other.html
    draft.html = f"{draft.html}{other.html}" if both_html else None
    draft.text = f"{draft.text}\n\n{other.text}".strip()
    draft.version += 1
    for file in list(other.attachments):
        file.message = draft
    session().flush()
    session().delete(other)


def _unite_tags(lost: Ticket, kept: Ticket) -> list[int]:
    new = [each for each in lost.tags if each not in kept.tags]
    kept.tags.extend(new)
    return [each.id for each in new]


def _unite_followers(lost: int, kept: int) -> list[int]:
    """Whoever follows the one follows both. Returns the agents who are new to it."""
    here = sa.select(Follower.agent_id)
    known = set(session().scalars(here.where(Follower.ticket_id == kept)))
    new = [each for each in session().scalars(here.where(Follower.ticket_id == lost)) if each not in known]
    session().add_all(Follower(agent_id=each, ticket_id=kept) for each in new)
    return new


def _lend_fields(lost: int, kept: int) -> list[int]:
    """The survivor gets what it has nothing for. Returns the ids of those fields."""
    mine = of_tickets.of(kept)
    rows = [each for each in of_tickets.written_down(lost) if each["field_id"] not in mine]
    of_tickets.bring_back(kept, rows)
    return sorted({each["field_id"] for each in rows})


def _unite_checklists(lost: Ticket, kept: Ticket) -> dict[str, int]:
    """What has to be done for one has to be done for both. Returns the new ids of the lines, and their old ones."""
    last = max((each["id"] for each in kept.checklist), default=0)
    new = {last + place: each for place, each in enumerate(lost.checklist, start=1)}
    if new:
        kept.checklist = [*kept.checklist, *({**each, "id": line_id} for line_id, each in new.items())]
    return {str(line_id): each["id"] for line_id, each in new.items()}


def _inherit(kept: Ticket, lost: Ticket) -> dict[str, Any]:
    """Fill in what the survivor has not. Returns what it took over."""
    changed: dict[str, Any] = {}
    for name in INHERITED:
        value = getattr(lost, name)
        if getattr(kept, name) is None and value is not None and (name != "assignee_id" or _works_on(value, kept)):
            changed[name] = value
            setattr(kept, name, value)
    return changed


def _works_on(agent_id: int, ticket: Ticket) -> bool:
    agent = session().get(Agent, agent_id)
    return agent is not None and permissions.may(agent, "reply", ticket)


def _earliest(*both: Ticket) -> dt.datetime | None:
    return min((each.waiting_since for each in both if each.waiting_since is not None), default=None)


def _carry(message_ids: Sequence[int], ticket_id: int) -> None:
    """Messages go to a ticket with what hangs on them."""
    for batch in _batches(message_ids):
        ledger = sa.select(Message.ledger_id).where(Message.id.in_(batch), Message.ledger_id.is_not(None))
        for table, here in ((Message, Message.id.in_(batch)), (Reference, Reference.message_pk.in_(batch)),
                            (CaughtMail, CaughtMail.message_pk.in_(batch)), (Ledger, Ledger.id.in_(ledger))):
            session().execute(sa.update(table).where(here).values(ticket_id=ticket_id)
                              .execution_options(synchronize_session=False))


def _batches(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start:start + BATCH] for start in range(0, len(ids), BATCH))


def _settle(ticket: Ticket, waits: dt.datetime | None) -> None:
    """What a ticket's row says of its messages, and since when its customer waits."""
    session().flush()
    moving.recount(ticket)
    ticket.waiting_since = waits if ticket.status != "closed" else None
    ticket.reshelve()
    session().flush()


def _record(kind: str, ticket: Ticket, by: Actor, **data: Any) -> None:
    events.record(kind, by=by, ticket=ticket, waiting_since=_written(ticket.waiting_since), **data)


def _written(moment: dt.datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _read(moment: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(moment) if moment else None


# --- looking --------------------------------------------------------------------------------------------------------


def proposals(ticket: Ticket, agent: Agent, limit: int = 8) -> list[Ticket]:
    """What a ticket may be merged with: the other tickets of its customer, the open ones first."""
    others = [each for each in customers.tickets_of(ticket.customer, agent, limit=3 * limit)
              if each.id != ticket.id and each.shelf != "spam"]
    return sorted(others, key=lambda each: not each.is_open)[:limit]


def of(ticket: Ticket) -> list[TicketMerge]:
    """Merges into a ticket that can be undone, newest first."""
    query = (sa.select(TicketMerge).where(TicketMerge.into_id == ticket.id).order_by(TicketMerge.at.desc())
             .options(sa.orm.joinedload(TicketMerge.ticket).lazyload(Ticket.tags),
                      sa.orm.joinedload(TicketMerge.agent).lazyload(Agent.memberships)))
    return list(session().scalars(query).unique())


def number_before(message_pk: int, ticket: Ticket) -> int | None:
    """The number of the merged ticket that a message of a ticket came along with; None: it came with none."""
    rows = session().execute(sa.select(Ticket.number, TicketMerge.moved).join(
        Ticket, Ticket.id == TicketMerge.ticket_id).where(TicketMerge.into_id == ticket.id))
    return next((row.number for row in rows if message_pk in row.moved["messages"]), None)


# --- undoing --------------------------------------------------------------------------------------------------------


def undo(ticket_id: int, *, by: Actor) -> Ticket:
    """Make a merged ticket one of its own again, with the messages it brought along; what was said since stays.

    Raises Invalid (undone already, or the survivor was merged since), NotFound, NotAllowed.
    """
    with transaction() as current:
        found = current.get(TicketMerge, ticket_id, with_for_update=True)
        if found is None:
            raise Invalid("number", "This merge cannot be undone: it was undone already.")
        lost, kept = _locked(ticket_id, found.into_id)
        permissions.require(by, "change", lost)
        permissions.require(by, "change", kept)
        if kept.merged_into_id is not None:
            raise Invalid("number", "The ticket that stayed was merged with another one since. Undo that merge first.")
        _give_back(found, lost, kept)
        lost.merged_into_id = None
        until = _read(found.moved["snoozed_until"])
        lost.snoozed_until = until if until is not None and until > utcnow() else None
        waits = _waits_without(found, kept)
        if waits is None and kept.status == "open" != found.moved["status"] and not _spoken_since(found, kept):
            tickets.set_status(kept, found.moved["status"], by=by)  # what came along had opened it again
        _settle(lost, _read(found.moved["waited_since"]))
        _settle(kept, waits)
        current.delete(found)
        _record("ticket_unmerged", kept, by, restored_ticket_id=lost.id, number=lost.number)
        _record("ticket_came_back", lost, by, from_ticket_id=kept.id, number=kept.number)
        current.flush()
        current.expire_all()
        return lost


def _give_back(found: TicketMerge, lost: Ticket, kept: Ticket) -> None:
    """Messages, drafts, tags and what the survivor took over and nobody changed since."""
    for batch in _batches(found.moved["messages"]):
        _carry(_ids(kept.id, Message.id.in_(batch)), lost.id)
    _carry(_ids(kept.id, Message.id.in_(found.moved["drafts"]), Message.state == "draft"), lost.id)
    lent = set(found.moved["tags"])
    kept.tags = [each for each in kept.tags if each.id not in lent]
    session().execute(sa.delete(Follower).where(
        Follower.ticket_id == kept.id, Follower.agent_id.in_(found.moved["followers"])))
    mine, theirs = of_tickets.of(kept.id), of_tickets.of(lost.id)
    of_tickets.put(kept.id, {each: [] for each in found.moved["fields"] if mine.get(each) == theirs.get(each)})
    came = found.moved["checklist"]
    now = {came[str(each["id"])]: each for each in kept.checklist if str(each["id"]) in came}
    if came:  # what was ticked off meanwhile is done
        kept.checklist = [each for each in kept.checklist if str(each["id"]) not in came]
        lost.checklist = [{**each, "done": now[each["id"]]["done"]} if each["id"] in now else each
                          for each in lost.checklist]
    for name, given in found.moved["kept"].items():
        if getattr(kept, name) == given:
            setattr(kept, name, None)
    session().flush()


def _waits_without(found: TicketMerge, kept: Ticket) -> dt.datetime | None:
    """Since when the survivor's customer waits once the merged ticket's messages are gone again."""
    came = _read(found.moved["waited_since"])
    if came is None or kept.waiting_since != came:
        return kept.waiting_since  # it was answered since, or waited already
    return _read(found.moved["stays_waiting_since"]) or session().scalar(sa.select(sa.func.min(Message.at)).where(
        Message.ticket_id == kept.id, Message.kind == "received", Message.is_automatic.is_(False),
        Message.at >= found.at))


def _spoken_since(found: TicketMerge, kept: Ticket) -> bool:
    return session().scalar(sa.select(Message.id).where(
        Message.ticket_id == kept.id, Message.at >= found.at, Message.state != "draft").limit(1)) is not None
