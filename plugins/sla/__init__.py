"""Service levels: answers and solutions within agreed hours."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from inbox.toolkit import (
    Agent,
    Card,
    EventKind,
    Job,
    Link,
    NotificationType,
    Pages,
    Panel,
    Permission,
    PersonalData,
    Placeholder,
    RowBadge,
    Ticket,
    TicketView,
    follow_ups,
    gettext,
    hears_only,
    hookimpl,
    may,
    plugin_url,
)
from inbox_plugins.sla import demo, figures, personal, promise, targets, watch, words
from inbox_plugins.sla.views import SOON, pages, soon


@hookimpl
def register_permissions() -> list[Permission]:
    return [Permission("sla.manage", "Set up calendars and service levels.")]


@hookimpl
def register_blueprints() -> list[Pages]:
    return [Pages(pages)]


@hookimpl
def register_jobs() -> list[Job]:
    return [Job("sla.watch", dt.timedelta(minutes=1), watch.watch),
            Job("sla.holidays", dt.timedelta(days=1), watch.renew_holidays)]


@hookimpl
def register_events() -> list[EventKind]:
    return [EventKind("sla.due_soon", "An answer or a solution was due soon."),
            EventKind("sla.missed", "An answer or a solution was not given in time.")]


@hookimpl
def register_notification_types() -> list[NotificationType]:
    return [NotificationType("sla.due_soon", "A ticket of mine is due soon"),
            NotificationType("sla.missed", "A ticket of mine is late")]


@hookimpl
def register_ticket_views() -> list[TicketView]:
    return [TicketView("sla.soon", "Due soon", where=soon, empty="Nothing is due soon.")]


@hookimpl
def register_placeholders() -> list[Placeholder]:
    return [Placeholder("sla.answer_within", "When we answer, as a sentence", promise.answer_within)]


@hookimpl
def register_personal_data() -> list[PersonalData]:
    return [PersonalData("sla.clocks", export=personal.export, erase=personal.erase)]


# --- what starts, stops and changes clocks ----------------------------------------------------------------------


@hookimpl
def ticket_created(ticket: Ticket) -> None:
    targets.recount(ticket.id)


@hookimpl
@hears_only(follow_ups)
def message_received(ticket: Ticket) -> None:
    targets.recount(ticket.id)


@hookimpl
def reply_queued(ticket: Ticket) -> None:
    targets.recount(ticket.id)


@hookimpl
def reply_undone(ticket: Ticket) -> None:
    targets.recount(ticket.id)


@hookimpl
def ticket_status_changed(ticket: Ticket) -> None:
    targets.recount(ticket.id)


@hookimpl
def ticket_moved(ticket: Ticket) -> None:
    targets.recount(ticket.id, anew=True)


@hookimpl
def ticket_merged(ticket: Ticket, merged_ticket_id: int) -> None:
    targets.recount(ticket.id)
    targets.recount(merged_ticket_id)


@hookimpl
def ticket_unmerged(ticket: Ticket, restored_ticket_id: int) -> None:
    targets.recount(ticket.id)
    targets.recount(restored_ticket_id)


@hookimpl
def ticket_priority_changed(ticket: Ticket) -> None:
    targets.recount(ticket.id, anew=True)


@hookimpl
def ticket_tagged(ticket: Ticket) -> None:
    targets.recount(ticket.id, anew=True)


@hookimpl
def ticket_untagged(ticket: Ticket) -> None:
    targets.recount(ticket.id, anew=True)


# --- what agents see --------------------------------------------------------------------------------------------


@hookimpl
def settings_menu_links(agent: Agent) -> list[Link]:
    return [Link(gettext("Service levels"), plugin_url("index"), icon="clock")] if may(agent, "sla.manage") else []


@hookimpl
def inbox_row_badges(tickets: Sequence[Ticket]) -> list[RowBadge]:
    found = targets.open_of([ticket.id for ticket in tickets])
    return [RowBadge(number, words.short(row), words.tone(row), words.kind_title(row.kind))
            for number, row in found.items()]


@hookimpl
def dashboard_cards(agent: Agent) -> list[Card]:
    soon_or_late, late = targets.how_many(agent, SOON)
    hint = gettext("%(n)s of them late", n=late) if late else gettext("none of them late")
    return [Card(gettext("Due within %(n)s hours", n=SOON.seconds // 3600), str(soon_or_late), url="/views/sla.soon",
                 hint=hint, tone="bad" if late else "", order=10)]


@hookimpl
def ticket_sidebar_panels(ticket: Ticket) -> list[Panel]:
    rows = targets.of_ticket(ticket.id)
    if not rows or ticket.shelf not in (*targets.LIVE, "closed"):
        return []
    facts = {words.kind_title(row.kind): words.standing(row) for row in rows}  # of several answers the latest
    return [Panel(gettext("Service levels"), facts=facts, order=-20)]


@hookimpl
def demo_desk() -> None:
    demo.fill()


@hookimpl(optionalhook=True)
def reports_panels(first: dt.date, last: dt.date, departments: frozenset[int] | None) -> list[Panel]:
    return [Panel(gettext("Service levels"), facts=figures.kept(first, last, departments),
                  empty=gettext("Nothing that was promised was due in these days."))]
