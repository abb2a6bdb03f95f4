"""Who did what, when, through what: a page over the whole event log, and a panel beside each ticket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, request

from inbox.toolkit import (
    Agent,
    Event,
    Link,
    NotAllowed,
    NotFound,
    Pages,
    Panel,
    Permission,
    Ticket,
    agents,
    current_agent,
    events,
    gettext,
    hookimpl,
    may,
    plugin_url,
    render,
    tickets,
)

VIEW = "activity_log.view"
IN_PANEL = 12  # lines
pages = Blueprint("pages", __name__)


@hookimpl
def register_permissions() -> list[Permission]:
    return [Permission(VIEW, "See the activity log.")]


@hookimpl
def register_blueprints() -> list[Pages]:
    return [Pages(pages)]


@hookimpl
def main_menu_links(agent: Agent) -> list[Link]:
    return [Link(gettext("Activity"), plugin_url("index"), icon="clock")] if may(agent, VIEW) else []


@hookimpl
def ticket_sidebar_panels(ticket: Ticket, agent: Agent) -> list[Panel]:
    if not may(agent, VIEW):
        return []
    return [Panel(gettext("Activity"), load=plugin_url("of_ticket", number=ticket.number), lines=8, order=90)]


@hookimpl
def ticket_menu_items(ticket: Ticket, agent: Agent) -> list[Link]:
    if not may(agent, VIEW):
        return []
    return [Link(gettext("All that happened to it"), plugin_url("index", ticket=ticket.number), icon="clock")]


@dataclass(frozen=True)
class Line:
    """One event in words."""

    event: Event
    who: str
    what: str
    number: int | None  # of the ticket
    through: str


@pages.get("/")
def index() -> str:
    """The log, newest first; by agent, kind of event, ticket."""
    agent, args = _agent(), request.args
    number = args.get("ticket", type=int)
    found, following = events.log(
        agent, of_agent=args.get("agent", type=int), kind=args.get("kind") or None,
        ticket=tickets.get(number, agent) if number else None, before=args.get("before", type=int))
    wanted = {name: args.get(name) or None for name in ("agent", "kind", "ticket")}
    return render("page.html", lines=_lines(found), next=following, wanted=wanted, agents=agents.all_agents(),
                  kinds={kind: gettext(words) for kind, words in events.kinds().items()})


@pages.get("/tickets/<int:number>")
def of_ticket(number: int) -> str:
    """The newest lines of one ticket."""
    agent = _agent()
    found, _following = events.log(agent, ticket=tickets.get(number, agent), limit=IN_PANEL)
    return render("panel.html", lines=_lines(found))


def _agent() -> Agent:
    agent = current_agent()
    if agent is None:
        raise NotFound()
    if not may(agent, VIEW):
        raise NotAllowed()
    return agent


def _lines(found: list[Event]) -> list[Line]:
    names = {each.id: each.name for each in agents.all_agents()}
    numbers = tickets.numbers(each.ticket_id for each in found)
    kinds = events.kinds()
    return [Line(each, _who(each, names), _what(each, names, kinds), numbers.get(each.ticket_id or 0),
                 _through(each.source)) for each in found]


def _who(event: Event, names: dict[int, str]) -> str:
    if event.actor_kind == "agent":
        return names.get(event.actor_id or 0, gettext("An agent who is gone"))
    return gettext("A customer") if event.actor_kind == "customer" else gettext("The desk")


def _what(event: Event, names: dict[int, str], kinds: dict[str, str]) -> str:
    words = gettext(kinds[event.kind]) if event.kind in kinds else event.kind
    data: dict[str, Any] = event.data or {}
    detail = {"ticket_assigned": names.get(data.get("agent") or 0, ""), "settings_changed": data.get("key", "")}.get(
        event.kind, data.get("tag") or data.get("status") or data.get("priority") or "")
    return f"{words} ({detail})" if detail else words


def _through(source: str) -> str:
    """What an event came through, for people."""
    kind, _, name = source.partition(":")
    return {"web": gettext("pages"), "mail": gettext("mail"), "api": gettext("the API"), "cli": gettext("a command"),
            "plugin": gettext("the plugin %(name)s", name=name.removeprefix("builtin."))}.get(kind, source)
