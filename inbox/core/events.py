"""The event log: who did what, when, through what. Written only by the core, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from inbox.core import audit
from inbox.core.models import Agent, Customer, Event, Message, Ticket
from inbox.db import fixed, in_transaction, one_plan, session, utcnow

MAX_DEPTH = 5  # answers of plugins to answers of plugins
OWN_DEPTH = 2  # answers of a plugin to its own
IMPORT = "import"  # the source of an actor who brings in old mail
WINDOW = 10_000  # events that are looked through for one page of the log

KINDS: dict[str, str] = {
    "ticket_created": "A ticket was opened.",
    "ticket_assigned": "A ticket was given to an agent, or to nobody.",
    "tickets_handed_over": "All open tickets of an agent went to a colleague, or to nobody.",
    "ticket_status_changed": "A ticket was opened, set to pending, closed or reopened.",
    "ticket_moved": "A ticket went to another department.",
    "ticket_subject_changed": "A ticket got another subject.",
    "ticket_priority_changed": "A ticket got another priority.",
    "ticket_customer_changed": "A ticket is another customer's.",
    "ticket_type_changed": "A ticket got another type, or none.",
    "ticket_fields_changed": "What a ticket has in fields of this desk was changed.",
    "ticket_linked": "A ticket was linked with another one.",
    "ticket_unlinked": "A link between two tickets was taken away.",
    "checklist_changed": "A line of a ticket's checklist was added, ticked off, renamed, moved or removed.",
    "ticket_tagged": "A tag was put on a ticket.",
    "ticket_untagged": "A tag was taken off a ticket.",
    "ticket_snoozed": "A ticket was put away until a time.",
    "ticket_woke": "A snoozed ticket came back.",
    "ticket_marked_spam": "A ticket was put into the spam folder.",
    "ticket_unmarked_spam": "A ticket was taken out of the spam folder.",
    "ticket_trashed": "A ticket was put into the trash.",
    "ticket_restored": "A ticket was taken out of the trash.",
    "ticket_deleted": "A ticket was deleted for good.",
    "bulk_done": "An agent did the same to many tickets at once; the events of each ticket were told before.",
    "bulk_undone": "What was done to many tickets at once was taken back.",
    "message_received": "A message came in from a customer.",
    "note_added": "An agent left a note.",
    "draft_taken_over": "An agent goes on with what a colleague had begun to write.",
    "reply_queued": "A reply waits to be sent.",
    "reply_scheduled": "A reply waits for a time that its author has chosen.",
    "reply_undone": "A reply was taken back before it was sent, with what it did to its ticket; it is a draft again.",
    "reply_sent": "The mail server accepted a reply.",
    "reply_failed": "A reply could not be sent, or nobody knows whether it was.",
    "reply_bounced": "A reply came back.",
    "reply_called_spam": "A recipient called a reply spam.",
    "ticket_merged": "Another ticket was merged into a ticket.",
    "ticket_merged_away": "A ticket was merged into another one; its number leads there.",
    "ticket_unmerged": "A merge was undone: what the other ticket had brought along left a ticket.",
    "ticket_came_back": "A ticket that had been merged is one of its own again.",
    "message_moved": "A message was moved between tickets.",
    "customer_created": "Somebody wrote for the first time.",
    "customer_changed": "A customer's name or fields were changed.",
    "customer_merged": "Two customers turned out to be one.",
    "customer_merge_undone": "A customer who had been merged is one of their own again.",
    "customer_erased": "Everything about a customer was deleted.",
    "agent_created": "An agent joined.",
    "agent_changed": "An agent's role, departments or password changed.",
    "agent_deactivated": "An agent was deactivated.",
    "agent_signed_in": "An agent signed in.",
    "mailbox_fetch_failed": "Mail could not be fetched from a mailbox.",
    "mailbox_fetch_recovered": "Mail is fetched from a mailbox again.",
    "mailbox_login_granted": "A mailbox was connected with its provider.",
    "mailbox_login_refused": "The provider of a mailbox does not let us in any more.",
    "mailbox_login_expiring": "The login of a mailbox ends in 30, 7 or 1 day.",
    "mail_reconciled": "The nightly check compared the ledger with tickets, files and mailboxes.",
    "mail_imported": "Old mail, or a desk, was brought in.",
    "desk_exported": "Everything in the desk was exported into a file.",
    "mail_quarantined": "A message could not be taken in and waits for a person.",
    "automatic_mail_held": "So much automatic mail went out that it is held back.",
    "automatic_mail_resumed": "Automatic mail that was held back may go out again.",
    "sender_decided": "A sender is let in from now on, or kept out, or neither.",
    "settings_changed": "A setting of the desk was changed.",
    "plugin_paused": "A plugin failed again and again, so it is not asked any more.",
    "plugin_changed": "A plugin was added, installed, activated, deactivated, upgraded, uninstalled or removed.",
}


def kinds() -> dict[str, str]:
    """Every kind of event there can be now, and what it says: ours, and those of active plugins."""
    from inbox.plugin_host import call  # the arrival process records events, and does without plugins

    return KINDS | {item.name: item.title for _plugin, item in call.register("register_events")}


class Loop(RuntimeError):
    """Plugins answer each other without end."""

    weighs = 5  # as a plugin's fault: each such chain has cost as much as several others (inbox.plugin_host.faults)


@dataclass(frozen=True)
class Actor:
    """Who does something, and through what: `web`, `mail`, `api`, `cli`, `rule`, `plugin:<name>`.

    `caused_by` and `depth` are set while a plugin answers an event, so that loops end; `bulk` while the same is done
    to many tickets, and stands in the data of each event, so that nobody is mailed about every one of them.
    """

    kind: str  # agent, customer, system
    id: int | None
    source: str
    agent: Agent | None = None
    caused_by: int | None = None
    depth: int = 0
    bulk: int | None = None  # the act on many tickets this is part of

    @classmethod
    def of(cls, agent: Agent, source: str = "web") -> Actor:
        return cls("agent", agent.id, source, agent)

    @classmethod
    def customer(cls, customer: Customer, source: str = "mail") -> Actor:
        return cls("customer", customer.id, source)

    @classmethod
    def system(cls, source: str) -> Actor:
        return cls("system", None, source)

    def because_of(self, event: Event) -> Actor:
        """The same actor, acting in answer to `event`. Who answers its own answers may do so twice."""
        is_loop = event.source == self.source and event.depth >= OWN_DEPTH
        return replace(self, caused_by=event.id, depth=MAX_DEPTH + 1 if is_loop else event.depth + 1)


def record(kind: str, *, by: Actor, ticket: Ticket | None = None, message: Message | None = None,
           audit_subject: str = "", changes: audit.Changes | None = None, **data: Any) -> Event:
    """Write down a fact in the current transaction. `data` holds ids and short values, never bodies.

    What was done to the desk itself gets a line in the audit log, too: `audit_subject` says to what, `changes` what was
    there before and after; neither is told to plugins. Raises RuntimeError outside of a transaction, and Loop when
    plugins answer each other without end.
    """
    event = put(kind, by=by, ticket=ticket, message=message, **data)
    audit.note_event(kind, data, by=by, subject=audit_subject, changes=changes)
    session().flush()
    return event


def put(kind: str, *, by: Actor, ticket: Ticket | None = None, message: Message | None = None, **data: Any) -> Event:
    """The same for a fact of a ticket, one of many: it is stored with the next flush, and has no id before."""
    event = _fact(kind, by, data)
    event.ticket_id, event.message_pk = ticket.id if ticket else None, message.id if message else None
    session().add(event)
    return event


def record_many(kind: str, facts: Iterable[dict[str, Any]], *, by: Actor) -> None:
    """Write down many facts of one kind, by their `data`, in a few statements. Raises as `record`."""
    session().add_all([_fact(kind, by, data) for data in facts])
    session().flush()


@contextmanager
def noted() -> Iterator[list[Event]]:
    """The facts that are written down within the block, in their order. They have ids once they are stored."""
    found: list[Event] = []
    mark = _noted.set(found)
    try:
        yield found
    finally:
        _noted.reset(mark)


_noted: ContextVar[list[Event] | None] = ContextVar("inbox_noted", default=None)


def _fact(kind: str, by: Actor, data: dict[str, Any]) -> Event:
    if not in_transaction():
        raise RuntimeError("An event is recorded in the transaction that made it true.")
    if kind not in KINDS and "." not in kind:
        raise RuntimeError(f"There is no event called {kind}; list it in inbox.core.events.KINDS.")
    if by.depth > MAX_DEPTH:
        raise Loop(f"{kind}: plugins have answered each other {MAX_DEPTH} times in a row, or one itself.")
    if by.bulk is not None:
        data = {**data, "bulk": by.bulk}
    told = utcnow() if by.source == IMPORT else None  # what is old is told to nobody: no answer, no notice, no webhook
    event = Event(kind=kind, actor_kind=by.kind, actor_id=by.id, source=by.source, caused_by=by.caused_by,
                  depth=by.depth, data=data, dispatched_at=told)
    noted_so_far = _noted.get()
    if noted_so_far is not None:
        noted_so_far.append(event)
    return event


def follow_ups(facts: Sequence[Event]) -> list[Event]:
    """Events of messages without those of a ticket's first message, which is told with `ticket_created`."""
    return [each for each in facts if not (each.data or {}).get("first")]


def log(agent: Agent, *, of_agent: int | None = None, kind: str | None = None, ticket: Ticket | None = None,
        before: int | None = None, limit: int = 50) -> tuple[list[Event], int | None]:
    """The events an agent may see, newest first, and the id to go on from (None: these are the last).

    Whoever does not reach every department sees what happened to tickets of their own departments. Theirs are looked
    for in `WINDOW` events at a time, so such a page can be short, or empty, and not be the last.
    """
    query, floor = sa.select(Event).order_by(Event.id.desc()).limit(limit + 1), 0
    if of_agent is not None:
        query = query.where(Event.actor_kind == fixed("agent"), Event.actor_id == of_agent)
    if kind is not None:
        query = query.where(Event.kind == kind)
    if ticket is not None:
        query = query.where(Event.ticket_id == ticket.id)
    if before is not None:
        query = query.where(Event.id < before)
    if "reach_all" not in agent.role.abilities:
        theirs = sa.exists().where(Ticket.id == Event.ticket_id, Ticket.department_id.in_(sorted(agent.department_ids)))
        query = query.where(theirs)  # a join would be begun at the tickets, and sort all that ever happened to them
        if ticket is None:
            floor = (before or (session().scalar(sa.select(sa.func.max(Event.id))) or 0) + 1) - WINDOW
            query = query.where(Event.id >= floor)
    found = list(session().scalars(query))
    if len(found) > limit:
        return found[:limit], found[limit - 1].id
    return found, floor if floor > 1 else None


_OF_TICKET = one_plan(sa.select(Event).where(Event.ticket_id == sa.bindparam("ticket_id")).order_by(Event.id.desc())
              .limit(sa.bindparam("most")))


def of_ticket(ticket: Ticket, limit: int = 500) -> list[Event]:
    """A ticket's events, oldest first; at most the newest `limit`."""
    return list(reversed(session().scalars(_OF_TICKET, {"ticket_id": ticket.id, "most": limit}).all()))
