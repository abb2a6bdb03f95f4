"""Inviting people by mail, and agents whom mail does not reach."""

from __future__ import annotations

from typing import Any

from flask import current_app, request

from inbox.core import agents, departments, invitations, notices
from inbox.core.errors import Invalid, RateLimited
from inbox.core.models import Invitation
from inbox.web.auth import actor
from inbox.web.i18n import gettext
from inbox.web.settings import blueprint, page, require, saved
from inbox.web.settings_people import chosen_departments, the_agent


def _link() -> str:
    return str(current_app.config["INBOX"].public_url) + "/welcome/{token}"


@blueprint.route("/agents/invite", methods=["GET", "POST"])
def invite() -> Any:
    """Invite somebody by address, role and departments."""
    require("manage_agents")
    if request.method == "GET":
        return _page({"role": "agent"})
    form, chosen = request.form, chosen_departments()
    try:
        invitations.invite(form.get("email", ""), _link(), by=actor(), role=form.get("role", ""), departments=chosen)
    except (Invalid, RateLimited) as problem:
        error = problem if isinstance(problem, Invalid) else Invalid("email", str(problem))
        return _page(form, {each.id for each in chosen}, error, 422 if problem is error else 429)
    return saved("settings.agent_list", gettext("The invitation is on its way. Its link is good for seven days."))


def _page(values: Any, chosen: frozenset[int] | set[int] = frozenset(), error: Invalid | None = None,
          status: int = 200) -> Any:
    return page("invite", status, values=values, chosen=chosen, error=error, roles=agents.roles(),
                departments=departments.all_departments())


@blueprint.post("/agents/invitations/<int:invitation_id>/resend")
def resend_invitation(invitation_id: int) -> Any:
    """Mail a new link."""
    found = _invitation(invitation_id)
    try:
        invitations.resend(found, _link(), by=actor())
    except (Invalid, RateLimited) as problem:
        return saved("settings.agent_list", gettext(str(problem)))
    return saved("settings.agent_list", gettext("A new link is on its way; the old one is worth nothing any more."))


@blueprint.post("/agents/invitations/<int:invitation_id>/revoke")
def revoke_invitation(invitation_id: int) -> Any:
    """Take it back."""
    invitations.revoke(_invitation(invitation_id), by=actor())
    return saved("settings.agent_list", gettext("The invitation is taken back."))


def _invitation(invitation_id: int) -> Invitation:
    require("manage_agents")
    return invitations.get(invitation_id, by=actor())


@blueprint.post("/agents/<int:agent_id>/mail-works")
def mail_works(agent_id: int) -> Any:
    """An admin knows that mail reaches an agent again."""
    found = the_agent(agent_id)
    notices.clear(found, by=actor())
    current_app.extensions.pop("inbox_alarms", None)  # the banner goes at once
    return saved("settings.agent", gettext("The mark is gone. If a notice comes back again, you are told."),
                 agent_id=found.id)
