"""Reports: how much comes in, how fast it is answered, by whom and when."""

from __future__ import annotations

import datetime as dt

from inbox.toolkit import (
    Agent,
    Card,
    Job,
    Link,
    Pages,
    Permission,
    PersonalData,
    Setting,
    Ticket,
    follow_ups,
    gettext,
    hears_only,
    hookimpl,
    hours,
    may,
    plugin_url,
)
from inbox_plugins.reports import cards, keep, monday, personal
from inbox_plugins.reports.views import pages

DAYS = (("mon", "Monday"), ("tue", "Tuesday"), ("wed", "Wednesday"), ("thu", "Thursday"), ("fri", "Friday"),
        ("sat", "Saturday"), ("sun", "Sunday"))


@hookimpl
def register_settings() -> list[Setting]:
    hint = "Working hours, like 09:00-12:00, 13:00-17:00; empty: closed."
    return [Setting(f"reports.{day}", "text", title, default="09:00-17:00" if place < 5 else "", hint=hint,
                    check=_hours, order=place) for place, (day, title) in enumerate(DAYS)]


def _hours(typed: str) -> str | None:
    try:
        hours.read_hours(typed)
    except hours.HoursError as error:
        return str(error)
    return None


@hookimpl
def register_permissions() -> list[Permission]:
    return [Permission("reports.see", "See reports."), Permission("reports.manage", "Make the reports anew.")]


@hookimpl
def register_blueprints() -> list[Pages]:
    return [Pages(pages)]


@hookimpl
def register_jobs() -> list[Job]:
    return [Job("reports.rebuild", dt.timedelta(seconds=10), keep.go_on),
            Job("reports.monday", dt.timedelta(hours=1), monday.send)]


@hookimpl
def register_personal_data() -> list[PersonalData]:
    return [PersonalData("reports.lines", export=personal.export, erase=personal.erase)]


@hookimpl
def main_menu_links(agent: Agent) -> list[Link]:
    return [Link(gettext("Reports"), plugin_url("overview"), icon="chart")] if may(agent, "reports.see") else []


@hookimpl
def dashboard_cards(agent: Agent) -> list[Card]:
    return cards.cards(agent)


# --- what is counted --------------------------------------------------------------------------------------------


@hookimpl
def ticket_created(ticket: Ticket) -> None:
    keep.retell(ticket.id)


@hookimpl
@hears_only(follow_ups)
def message_received(ticket: Ticket) -> None:
    keep.retell(ticket.id)


@hookimpl
def reply_queued(ticket: Ticket) -> None:
    keep.retell(ticket.id)


@hookimpl
def reply_undone(ticket: Ticket) -> None:
    keep.retell(ticket.id)


@hookimpl
def ticket_status_changed(ticket: Ticket) -> None:
    keep.retell(ticket.id)


@hookimpl
def ticket_moved(ticket: Ticket) -> None:
    keep.retell(ticket.id)


@hookimpl
def ticket_merged(ticket: Ticket, merged_ticket_id: int) -> None:
    keep.retell(ticket.id, merged_ticket_id)


@hookimpl
def ticket_unmerged(ticket: Ticket, restored_ticket_id: int) -> None:
    keep.retell(ticket.id, restored_ticket_id)


@hookimpl
def demo_desk() -> None:
    keep.go_on()
