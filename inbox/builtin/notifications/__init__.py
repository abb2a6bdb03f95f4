"""Tells agents of what concerns them, by mail and in a list of their own; each chooses in the profile what that is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Blueprint, redirect, request

from inbox.builtin.notifications import accounts
from inbox.toolkit import (
    Agent,
    Event,
    Link,
    Message,
    NotificationType,
    Pages,
    Ticket,
    current_agent,
    follow_ups,
    gettext,
    hears_only,
    hookimpl,
    notifications,
    plugin_url,
    render,
    words_for,
)

LONGEST = 1000  # characters of a message in the mail
MINE = "/views/mine"
pages = Blueprint("pages", __name__)


@hookimpl
def register_notification_types() -> list[NotificationType]:
    return [
        NotificationType("notifications.new_ticket", "Somebody opens a ticket in a department of mine"),
        NotificationType("notifications.assigned", "A ticket is given to me"),
        NotificationType("notifications.answer",
                         "A customer writes in a ticket that is mine, nobody’s, or of somebody I stand in for"),
        NotificationType("notifications.woke", "A snoozed ticket of mine comes back as its time has come"),
        NotificationType("notifications.note", "A colleague leaves a note in a ticket of mine"),
        NotificationType("notifications.mention", "A colleague mentions me in a note"),
        NotificationType("notifications.followed", "Somebody writes in a ticket that I follow"),
        NotificationType("notifications.draft", "A colleague takes a draft of mine over"),
        NotificationType("notifications.failed", "A reply of mine could not be sent"),
        NotificationType("notifications.stopped", "A reply of mine that waits is stopped, since the customer wrote"),
        NotificationType("notifications.bounced", "A reply of mine came back"),
        NotificationType(accounts.KIND, "A mailbox that I look after cannot be read, or its login ends soon"),
    ]


# --- the list ---------------------------------------------------------------------------------------------------


@hookimpl
def register_blueprints() -> list[Pages]:
    return [Pages(pages)]


@hookimpl
def main_menu_links(agent: Agent) -> list[Link]:
    return [Link(gettext("Notifications"), plugin_url("index"), icon="bell", count=notifications.unread(agent) or None,
                 order=-10)]


@pages.get("/")
def index() -> str:
    """What the agent was told, newest first."""
    return _page("list.html")


@pages.get("/rows")
def rows() -> str:
    """The lines alone, for live updates."""
    return _page("_rows.html")


def _page(template: str) -> str:
    found, following = notifications.page(_agent(), before=request.args.get("before", type=int))
    return render(template, rows=found, next=following)


@pages.post("/read")
def read() -> Any:
    """All of it is read."""
    notifications.mark_read(_agent())
    return redirect(plugin_url("index"), 303)


def _agent() -> Agent:
    agent = current_agent()
    assert agent is not None  # these pages want a signed-in agent
    return agent


# --- telling ----------------------------------------------------------------------------------------------------


@hookimpl
def ticket_created(ticket: Ticket, message: Message, event: Event) -> None:
    if ticket.assignee_id is None and event.actor_kind != "agent" and not _is_away(ticket):
        _tell(notifications.members(ticket), "new_ticket", ticket, message, event)


@hookimpl
def ticket_assigned(ticket: Ticket, agent: Agent | None, event: Event) -> None:
    is_told_once = {"many", "bulk"} & set(event.data or {})
    if agent is not None and ticket.assignee_id == agent.id and not is_told_once:
        _tell([agent], "assigned", ticket, None, event)


@hookimpl
def ticket_woke(ticket: Ticket, event: Event) -> None:
    """By its time alone: of an answer the agent is told anyway."""
    if event.source == "schedule" and ticket.assignee is not None and not _is_away(ticket):
        _tell([ticket.assignee], "woke", ticket, None, event)


@hookimpl
def bulk_done(count: int, agent: Agent | None, event: Event) -> None:
    """Many tickets were given to somebody: that is told once."""
    kind = "notifications.assigned"
    if agent is None or not count or not notifications.wants_any(agent, kind):
        return
    said = words_for(agent).ngettext("%(num)s ticket is yours now", "%(num)s tickets are yours now", count) % {
        "num": count}
    text = f"{said}.\n\n{notifications.page_address(MINE)}\n"
    notifications.notify(event, kind, letters=[notifications.Letter(agent, said, text)], path=MINE)


@hookimpl
@hears_only(follow_ups)
def message_received(ticket: Ticket, message: Message, event: Event) -> None:
    if not message.is_automatic and not _is_away(ticket):
        _tell(notifications.responsible(ticket), "answer", ticket, message, event)
        _tell(notifications.followers(ticket), "followed", ticket, message, event)


@hookimpl
def note_added(ticket: Ticket, note: Message, event: Event) -> None:
    """Who is told in one way is not told again in another: a mention is more than a note in a ticket of mine."""
    called = set((event.data or {}).get("mentioned", ()))
    followers = notifications.followers(ticket)
    _tell([each for each in followers if each.id in called], "mention", ticket, note, event)
    if ticket.assignee is not None and ticket.assignee_id not in called:
        _tell([ticket.assignee], "note", ticket, note, event)
    _tell([each for each in followers if each.id not in called], "followed", ticket, note, event)


@hookimpl
def reply_queued(ticket: Ticket, message: Message, event: Event) -> None:
    if not message.is_automatic:
        _tell(notifications.followers(ticket), "followed", ticket, message, event)


@hookimpl
def draft_taken_over(ticket: Ticket, agent: Agent | None, previous_agent: Agent | None, event: Event) -> None:
    if agent is not None and previous_agent is not None:
        _tell([previous_agent], "draft", ticket, None, event, by=agent)


@hookimpl
def reply_failed(ticket: Ticket, message: Message, error: str, event: Event) -> None:
    to = message.agent or ticket.assignee
    if to is not None:
        _tell([to], "failed", ticket, message, event, error)


@hookimpl
def mailbox_fetch_failed(mailbox: Any, error: str, event: Event) -> None:
    accounts.cannot_fetch(mailbox, error, event)


@hookimpl
def mailbox_login_refused(mailbox: Any, error: str, event: Event) -> None:
    accounts.refused(mailbox, error, event)


@hookimpl
def mailbox_login_expiring(mailbox: Any, days: int, event: Event) -> None:
    accounts.expiring(mailbox, days, event)


@hookimpl
def mail_reconciled(problems: int, event: Event) -> None:
    accounts.missing(problems, event)


@hookimpl
def reply_undone(ticket: Ticket, agent: Agent | None, event: Event) -> None:
    if agent is not None and (event.data or {}).get("why") == "answered":
        _tell([agent], "stopped", ticket, None, event)


@hookimpl
def reply_bounced(ticket: Ticket, message: Message, reason: str, event: Event) -> None:
    to = message.agent or ticket.assignee
    if to is not None and not message.is_automatic:
        _tell([to], "bounced", ticket, message, event, f"{(event.data or {}).get('address', '')}: {reason}")


def _is_away(ticket: Ticket) -> bool:
    return ticket.is_spam or ticket.trashed_at is not None


def _tell(agents: Iterable[Agent], wish: str, ticket: Ticket, message: Message | None, event: Event,
          error: str = "", by: Agent | None = None) -> None:
    """Tell those who want to know, each in the own language."""
    kind = f"notifications.{wish}"
    letters, words = [], {}
    for agent in agents:
        if notifications.wants_any(agent, kind):
            if agent.locale not in words:
                words[agent.locale] = _words(words_for(agent).gettext, wish, ticket, message, error, by)
            subject, first = words[agent.locale]
            text = _text(first, message, notifications.ticket_address(ticket))
            letters.append(notifications.Letter(agent, subject, text))
    notifications.notify(event, kind, ticket=ticket, letters=letters)


def _words(_: Callable[[str], str], wish: str, ticket: Ticket, message: Message | None,
           error: str, by: Agent | None) -> tuple[str, str]:
    """The subject and the first line."""
    author = by or (message.agent if message is not None else None)
    facts = {"number": ticket.number, "subject": ticket.subject, "error": error and _(error),
             "customer": ticket.customer.display_name,
             "author": author.name if author is not None else ticket.customer.display_name}
    subject, first = {
        "new_ticket": (_("New ticket #%(number)s: %(subject)s"), _("%(customer)s opened ticket #%(number)s.")),
        "assigned": (_("Ticket #%(number)s is yours: %(subject)s"), _("You were given ticket #%(number)s.")),
        "answer": (_("Answer in #%(number)s: %(subject)s"), _("%(customer)s wrote in ticket #%(number)s.")),
        "woke": (_("#%(number)s is back: %(subject)s"), _("The time you let ticket #%(number)s rest is over.")),
        "note": (_("Note in #%(number)s: %(subject)s"), _("%(author)s left a note in ticket #%(number)s.")),
        "mention": (_("You are mentioned in #%(number)s: %(subject)s"),
                    _("%(author)s mentions you in ticket #%(number)s.")),
        "followed": (_("News in #%(number)s: %(subject)s"),
                     _("%(author)s wrote in ticket #%(number)s, which you follow.")),
        "draft": (_("Your draft in #%(number)s was taken over: %(subject)s"),
                  _("%(author)s goes on with what you had begun to write in ticket #%(number)s.")),
        "failed": (_("Not sent, #%(number)s: %(subject)s"),
                   _("Your reply in ticket #%(number)s could not be sent: %(error)s")),
        "stopped": (_("A draft again, #%(number)s: %(subject)s"),
                    _("%(customer)s wrote in ticket #%(number)s before your reply went out. It is a draft again.")),
        "bounced": (_("Came back, #%(number)s: %(subject)s"),
                    _("Your reply in ticket #%(number)s did not arrive. %(error)s")),
    }[wish]
    return subject % facts, first % facts


def _text(first: str, message: Message | None, address: str) -> str:
    quoted = message.text.strip()[:LONGEST] if message is not None else ""
    return "\n\n".join(part for part in (first, quoted, address) if part) + "\n"
