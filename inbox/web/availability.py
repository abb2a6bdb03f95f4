"""Say that one is away, or that a colleague is; hand open tickets over."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask_babel import ngettext
from markupsafe import Markup

from inbox.core import agents, availability, handover, permissions
from inbox.core.errors import Invalid, NotFound
from inbox.core.models import Agent
from inbox.web import snooze
from inbox.web.auth import actor, me
from inbox.web.i18n import coming, gettext

blueprint = Blueprint("availability", __name__)


@blueprint.post("/agents/<int:agent_id>/availability")
def say(agent_id: int) -> Any:
    """Away (`away=1`, perhaps `until` and `substitute`), or here again."""
    agent, form = _agent(agent_id), request.form
    try:
        if not form.get("away"):
            availability.come_back(agent, by=actor())
            flash(gettext("%(name)s is available again.", name=agent.name))
        else:
            until = snooze.chosen() if form.get("until", "").strip() else None
            availability.go_away(agent, by=actor(), until=until, substitute=_colleague(form.get("substitute", "")))
            flash(gettext("%(name)s is away.", name=agent.name))
    except Invalid as problem:
        flash(gettext(str(problem)), "bad")
    return redirect(_page_of(agent), 303)


@blueprint.post("/agents/<int:agent_id>/handover")
def hand_over(agent_id: int) -> Any:
    """All open tickets of an agent go to a colleague (`to`), or to nobody."""
    agent = _agent(agent_id)
    to = _colleague(request.form.get("to", ""))
    if to is not None and (to.id == agent.id or not to.is_active):
        raise Invalid("to", "Choose a colleague who works here.")
    done = handover.hand_over(agent, to, by=actor())
    said = [ngettext("%(num)s ticket is %(name)s’s now.", "%(num)s tickets are %(name)s’s now.", done.given,
                     name=to.name)] if to is not None else []
    if done.freed or to is None:
        said.append(ngettext("%(num)s ticket is unassigned now.", "%(num)s tickets are unassigned now.", done.freed))
    flash(" ".join(said))
    return redirect(_page_of(agent), 303)


def _agent(agent_id: int) -> Agent:
    """Oneself, or a colleague for those who manage agents: others learn not even whether there is one."""
    found = agents.by_id(agent_id)
    if found is None or (found.id != me().id and not permissions.may(me(), "manage_agents")):
        raise NotFound()
    return found


def _colleague(chosen: str) -> Agent | None:
    return agents.by_id(int(chosen)) if chosen.isdigit() and len(chosen) < 10 else None


def _page_of(agent: Agent) -> str:
    if agent.id == me().id and not request.form.get("settings"):
        return url_for("profile.show")
    return url_for("settings.agent", agent_id=agent.id)


# --- in words ---------------------------------------------------------------------------------------------------


@blueprint.app_template_global("away_words")
def away_words(agent: Agent) -> str:
    """`away until Mon 23 Nov 9:00`, `away`; empty for who is available."""
    if not agent.is_away:
        return ""
    return gettext("away until %(time)s", time=coming(agent.away_until)) if agent.away_until else gettext("away")


@blueprint.app_template_global("colleague_words")
def colleague_words(agent: Agent) -> Markup:
    """A colleague to choose: a dot, the name, and a word where they are away."""
    words = away_words(agent)
    rest = Markup(' <small class="push soft">{}</small>').format(words) if words else ""
    return Markup('<i class="dot{}"></i> {}{}').format(" off" if words else " here-now", agent.name, rest)


@blueprint.app_template_global("availability_of")
def availability_of(agent: Agent) -> dict[str, Any]:
    """What the card about an agent's availability shows."""
    substitute = agents.by_id(agent.substitute_id) if agent.substitute_id is not None else None
    return {"words": away_words(agent), "substitute": substitute, "count": handover.count(agent),
            "colleagues": [each for each in agents.all_agents(active=True) if each.id != agent.id]}
