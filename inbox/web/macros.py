"""What an answer does beside being sent: acts of saved replies as a form names them, and as people read them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint
from flask_babel import gettext

from inbox.core import agents, departments, macros, times
from inbox.core.macros import Act
from inbox.db import utcnow
from inbox.web.i18n import choose_zone

blueprint = Blueprint("macros", __name__)


def acts_from_form(form: Any) -> list[Act]:
    """What is ticked below the text."""
    return macros.read(form.getlist("act"))


def snooze_end(choice: str) -> dt.datetime:
    """When `tomorrow` and the like end, in the agent's time zone and working hours."""
    return times.understand(macros.SNOOZES[choice], utcnow(), times.usual(choose_zone()))


def snooze_words() -> dict[str, str]:
    """The times a saved reply can put a ticket away until."""
    return {"hours": gettext("for three hours"), "tomorrow": gettext("until tomorrow morning"),
            "days": gettext("for three days"), "monday": gettext("until Monday morning"),
            "week": gettext("for a week"), "month": gettext("for a month")}


@blueprint.app_template_global("acts_in_words")
def in_words(acts: Iterable[Act | str]) -> list[dict[str, str]]:
    """Acts as a person reads them: `close`, `tag refund`. What names somebody or something that is gone is left out."""
    found = []
    for act in acts:
        made = act if isinstance(act, Act) else next(iter(macros.read([act])))
        if words := _words(made):
            found.append({"value": str(made), "words": words})
    return found


def _words(act: Act) -> str:
    if act.kind == "assign":
        return _assign_words(act.value)
    if act.kind == "department":
        department = next((each for each in departments.all_departments() if each.id == int(act.value)), None)
        return gettext("move to %(name)s", name=department.name) if department else ""
    fixed: Mapping[str, str] = {
        "status:open": gettext("set to open"), "status:pending": gettext("set to pending"),
        "status:closed": gettext("close"), "tag": gettext("tag %(name)s", name=act.value),
        "untag": gettext("take off the tag %(name)s", name=act.value),
        "priority": gettext("set the priority to %(name)s", name=gettext(act.value) if act.kind == "priority" else ""),
        "snooze": gettext("snooze %(time)s", time=snooze_words().get(act.value, act.value))}
    return fixed.get(str(act)) or fixed.get(act.kind, "")


def _assign_words(whom: str) -> str:
    if whom == "me":
        return gettext("assign to me")
    if not whom:
        return gettext("unassign")
    agent = agents.by_id(int(whom))
    return gettext("assign to %(name)s", name=agent.name) if agent is not None and agent.is_active else ""
