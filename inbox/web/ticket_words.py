"""What happened to a ticket in words, as far as it is about other tickets, its checklist and its fields."""

from __future__ import annotations

from inbox.core.models import Event
from inbox.web.i18n import gettext

KINDS = {"ticket_merged", "ticket_merged_away", "ticket_unmerged", "ticket_came_back", "ticket_linked",
         "ticket_unlinked", "checklist_changed", "ticket_type_changed", "ticket_fields_changed"}


def about_parts(event: Event, who: str) -> str:
    """Who did what; empty for other events."""
    data = event.data or {}
    number, text = data.get("number", "?"), data.get("text", "")
    if event.kind == "checklist_changed":
        return {"added": gettext("%(who)s put “%(text)s” on the checklist", who=who, text=text),
                "ticked": gettext("%(who)s ticked off “%(text)s”", who=who, text=text),
                "unticked": gettext("%(who)s says that “%(text)s” is not done", who=who, text=text),
                "renamed": gettext("%(who)s changed the checklist: “%(text)s”", who=who, text=text),
                "removed": gettext("%(who)s took “%(text)s” off the checklist", who=who, text=text),
                "moved": gettext("%(who)s ordered the checklist", who=who)}.get(data.get("what", ""), "")
    if event.kind == "ticket_type_changed":
        return (gettext("%(who)s set the type to %(name)s", who=who, name=data["type"]) if data.get("type")
                else gettext("%(who)s took the type away", who=who))
    return {
        "ticket_merged": gettext("%(who)s merged ticket %(number)s into this one", who=who, number=number),
        "ticket_merged_away": gettext("%(who)s merged it into ticket %(number)s", who=who, number=number),
        "ticket_unmerged": gettext("%(who)s took ticket %(number)s out of this one", who=who, number=number),
        "ticket_came_back": gettext("%(who)s took it out of ticket %(number)s", who=who, number=number),
        "ticket_linked": gettext("%(who)s linked it with ticket %(number)s", who=who, number=number),
        "ticket_unlinked": gettext("%(who)s took away the link with ticket %(number)s", who=who, number=number),
        "ticket_fields_changed": gettext("%(who)s changed its details", who=who),
    }.get(event.kind, "")
