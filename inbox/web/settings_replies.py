"""Settings of saved replies: one's own, those of a department, those of the desk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request
from markupsafe import escape

from inbox.core import departments, permissions, saved_replies
from inbox.core.errors import Invalid
from inbox.core.models import Department, SavedReply
from inbox.mail.written import from_agent_html
from inbox.plugin_host import call
from inbox.web.auth import actor, me
from inbox.web.composer import files_from_form
from inbox.web.i18n import gettext
from inbox.web.macros import act_choices, acts_from_settings, chosen_acts
from inbox.web.settings import blueprint, page, require, saved


@blueprint.get("/saved-replies")
def saved_reply_list() -> Any:
    """Every saved reply the agent can use."""
    require("reply")
    names = {each.id: each.name for each in departments.all_departments(active=None)}
    return page("saved_replies", replies=saved_replies.available_to(me()), departments=names, may_change=_may_change)


def _may_change(found: SavedReply) -> bool:
    return found.agent_id == me().id or permissions.may(me(), "manage_saved_replies")


@blueprint.route("/saved-replies/new", methods=["GET", "POST"])
def new_saved_reply() -> Any:
    """Another saved reply."""
    return _edit(None)


@blueprint.route("/saved-replies/<int:saved_reply_id>", methods=["GET", "POST"])
def saved_reply(saved_reply_id: int) -> Any:
    """One saved reply."""
    require("reply")
    return _edit(saved_replies.get(saved_reply_id, me()))


def _edit(stored: SavedReply | None) -> Any:
    require("reply")
    if request.method == "GET":
        whose = "me" if stored is None or stored.agent_id else str(stored.department_id or "desk")
        return _page(stored, {"name": stored.name if stored else "", "text": stored.text if stored else "",
                              "html": stored.html if stored else "", "whose": whose})
    form = request.form
    text, html = _written(form, stored)
    try:
        kept = [each for each in saved_replies.files_of(stored) if each.sha256 not in form.getlist("drop")
                ] if stored is not None else []
        saved_replies.save(by=actor(), name=form.get("name", ""), text=text, html=html, saved_reply=stored,
                           personal=form.get("whose", "me") == "me", department=_department(form.get("whose", "")),
                           actions=acts_from_settings(form), files=[*kept, *files_from_form()])
    except Invalid as problem:
        return _page(stored, form, problem, 422)
    return saved("settings.saved_reply_list", gettext("The saved reply is stored."))


def _written(form: Mapping[str, str], stored: SavedReply | None) -> tuple[str, str]:
    """Text and HTML: of the editor, or plain text, with the formats of before where nothing was changed."""
    if form.get("html", "").strip():
        made = from_agent_html(form["html"])
        return made.text, made.html or as_html(made.text)
    text = form.get("text", "").replace("\r\n", "\n").strip()
    return text, stored.html if stored is not None and stored.text.strip() == text else as_html(text)


def as_html(text: str) -> str:
    """Plain text as paragraphs, for the editor."""
    paragraphs = (str(escape(each.strip())) for each in text.split("\n\n") if each.strip())
    return "".join(f"<p>{each.replace(chr(10), '<br>')}</p>" for each in paragraphs)


def _department(whose: str) -> Department | None:
    return departments.get(int(whose)) if whose.isdecimal() else None


def _page(stored: SavedReply | None, values: Any, error: Invalid | None = None, status: int = 200) -> Any:
    everywhere = departments.all_departments()
    shared = [each for each in everywhere if permissions.sees(me(), each)]
    acts = chosen_acts(acts_from_settings(values, check=False) if request.method == "POST"
                       else stored.actions if stored is not None else [])
    return page("saved_reply", status, reply=stored, values=values, error=error, departments=shared, acts=acts,
                act_choices=act_choices(everywhere), files=saved_replies.files_of(stored) if stored else [],
                placeholders=[item for _, item in call.register("register_placeholders")],
                may_change=stored is None or _may_change(stored))


@blueprint.post("/saved-replies/<int:saved_reply_id>/delete")
def delete_saved_reply(saved_reply_id: int) -> Any:
    """Throw one away."""
    require("reply")
    saved_replies.delete(saved_replies.get(saved_reply_id, me()), by=actor())
    return saved("settings.saved_reply_list", gettext("The saved reply is gone."))
