"""What an answer does beside being sent: acts of saved replies as a form names them, and as people read them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint

from inbox.core import agents, departments, macros, times
from inbox.core.macros import Act
from inbox.core.models import PRIORITIES, STATUSES, Department
from inbox.db import utcnow
from inbox.web.i18n import choose_zone, gettext

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


# --- in the settings --------------------------------------------------------------------------------------------


def act_choices(everywhere: Iterable[Department]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """What a saved reply can do, but for tags: the kind, its title, and its values in words."""
    def said(kind: str, values: Iterable[str]) -> list[tuple[str, str]]:
        return [(value, _words(Act(kind, value))) for value in values]

    whom = [("me", gettext("whoever answers")), ("none", gettext("nobody")),
            *((str(each.id), each.name) for each in agents.answering())]
    return [("status", gettext("Status"), said("status", STATUSES)),
            ("snooze", gettext("Snooze"), list(snooze_words().items())),
            ("assign", gettext("Assign to"), whom),
            ("priority", gettext("Priority"), [(each, gettext(each)) for each in PRIORITIES]),
            ("department", gettext("Move to"), [(str(each.id), each.name) for each in everywhere])]


def acts_from_settings(form: Mapping[str, str], *, check: bool = True) -> list[str]:
    """What was chosen in the form of a saved reply, as it is kept. Raises Invalid unless told not to look."""
    found = [f"{kind}:{'' if form[f'act_{kind}'] == 'none' else form[f'act_{kind}']}"
             for kind in ("status", "snooze", "assign", "priority", "department") if form.get(f"act_{kind}")]
    for kind in ("tag", "untag"):
        found += [f"{kind}:{each.strip()}" for each in form.get(f"act_{kind}", "").split(",") if each.strip()]
    return [str(each) for each in macros.read(found)] if check else found


def chosen_acts(kept: Iterable[str]) -> dict[str, str]:
    """What a saved reply does, by the fields of its form."""
    found: dict[str, str] = {}
    for kind, _, value in (each.partition(":") for each in kept):
        if kind in ("tag", "untag"):
            found[kind] = ", ".join(filter(None, (found.get(kind), value)))
        else:
            found[kind] = value or "none"
    return found
