"""The settings: desk, tags. Mailboxes, people, saved replies and plugins have files of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_babel import lazy_gettext

from inbox.core import permissions, settings, setup, tags
from inbox.core.errors import Invalid, NotAllowed, NotFound
from inbox.core.models import Tag
from inbox.db import session, transaction
from inbox.plugin_host import call
from inbox.web import i18n
from inbox.web.auth import actor, me
from inbox.web.i18n import gettext
from inbox.web.profile import time_zones

blueprint = Blueprint("settings", __name__, url_prefix="/settings")


@dataclass(frozen=True)
class Section:
    """A line in the rail of the settings; `prefix` is where its pages lie."""

    endpoint: str
    title: Any
    prefix: str
    ability: str


SECTIONS = (
    Section("settings.start", lazy_gettext("Go live"), "/settings/start", "manage_settings"),
    Section("settings.desk", lazy_gettext("General"), "/settings/desk", "manage_settings"),
    Section("settings.mailbox_list", lazy_gettext("Mailboxes"), "/settings/mailboxes", "manage_mailboxes"),
    Section("settings.department_list", lazy_gettext("Departments"), "/settings/departments", "manage_departments"),
    Section("settings.agent_list", lazy_gettext("Agents and roles"), "/settings/agents", "manage_agents"),
    Section("settings.tag_list", lazy_gettext("Tags"), "/settings/tags", "manage_settings"),
    Section("settings.field_list", lazy_gettext("Customer fields"), "/settings/fields", "manage_settings"),
    Section("settings.ticket_field_list", lazy_gettext("Ticket fields"), "/settings/ticket-fields", "manage_settings"),
    Section("settings.saved_reply_list", lazy_gettext("Saved replies"), "/settings/saved-replies", "reply"),
    Section("settings.guards", lazy_gettext("Spam and loops"), "/settings/guards", "manage_settings"),
    Section("settings.plugin_list", lazy_gettext("Plugins"), "/settings/plugins", "manage_settings"),
    Section("settings.theme_list", lazy_gettext("Themes"), "/settings/themes", "manage_settings"),
    Section("settings.exchange", lazy_gettext("Import and export"), "/settings/exchange", "manage_owners"),
    Section("settings.audit_log", lazy_gettext("Audit log"), "/settings/audit", "manage_settings"),
    Section("settings.status", lazy_gettext("Status"), "/settings/status", "manage_settings"),
)


def load_pages() -> None:
    """The pages that lie in files of their own put themselves on the blueprint."""
    from inbox.web import (  # noqa: F401
        settings_add,
        settings_addresses,
        settings_audit,
        settings_declared,
        settings_exchange,
        settings_fields,
        settings_guards,
        settings_invitations,
        settings_mailboxes,
        settings_people,
        settings_plugins,
        settings_replies,
        settings_start,
        settings_status,
        settings_themes,
    )


def allowed_sections() -> list[Section]:
    """What the signed-in agent may set."""
    return [each for each in SECTIONS if permissions.may(me(), each.ability)]


def page(template: str, status: int = 200, **values: Any) -> Any:
    """A page of the settings."""
    return render_template(f"settings/{template}.html", sections=allowed_sections(), place=None,
                           error=values.pop("error", None), **values), status


def need_you() -> int:
    """How many plugins are paused or cannot be loaded, for those who may mend it. Costs no query of its own."""
    host = call.current()
    if host is None or not permissions.may(me(), "manage_plugins"):
        return 0
    states = host.states()
    return len({name for name, state in states.items() if state == "paused"}
               | {name for name in host.broken if states.get(name) == "active"})


def require(ability: str) -> None:
    """Raises NotAllowed for those who may not open a section."""
    permissions.require(actor(), ability)


def saved(endpoint: str, text: str, **values: Any) -> Any:
    """To the page that shows what was stored, with a word about it."""
    flash(text)
    return redirect(url_for(endpoint, **values), 303)


@blueprint.get("")
def index() -> Any:
    """The first section the agent may open."""
    sections = allowed_sections()
    if not sections:
        raise NotAllowed()
    return redirect(url_for(sections[0].endpoint))


# --- the desk ---------------------------------------------------------------------------------------------------

DESK = ("desk.name", "desk.locale", "desk.time_zone", "mail.hold", "mail.quote", "mail.answers", "keep.trash_days",
        "keep.job_days", "keep.fault_days")


@blueprint.route("/desk", methods=["GET", "POST"])
def desk() -> Any:
    """Name, language, clock, what is quoted, how long things are kept."""
    require("manage_settings")
    if request.method == "GET":
        return _desk_page(settings.get_all(list(DESK)))
    typed = {key: _typed(key) for key in DESK}
    try:
        with transaction():
            for key, value in typed.items():
                settings.put(key, value, by=actor())
    except Invalid as problem:
        return _desk_page(typed, problem, 422)
    i18n.forget_desk()
    return saved("settings.desk", gettext("The settings are saved."))


def _typed(key: str) -> Any:
    """A setting's value from a form. A number that is none stays text, and is refused by the core."""
    text = request.form.get(key, "").strip()
    kind = settings.DECLARED[key].type
    if kind is bool:
        return bool(text)
    return int(text) if kind is int and text.isdecimal() and len(text) < 9 else text.replace("\r\n", "\n")


def _desk_page(values: dict[str, Any], error: Invalid | None = None, status: int = 200) -> Any:
    return page("desk", status, values=values, error=error, zones=time_zones(), is_set_up=setup.is_done(),
                address=current_app.config["INBOX"].public_url)


# --- tags -------------------------------------------------------------------------------------------------------


@blueprint.get("/tags")
def tag_list() -> Any:
    """Every tag, to rename, recolour or throw away."""
    require("manage_settings")
    return page("tags", tags=tags.all_tags(), counts=tags.counts())


@blueprint.post("/tags/<int:tag_id>")
def change_tag(tag_id: int) -> Any:
    """Rename a tag, or give it another colour."""
    tag, hue = _tag(tag_id), request.form.get("hue", "")
    try:
        tags.change(tag, by=actor(), name=request.form.get("name", ""), hue=int(hue) if hue.isdecimal() else None)
    except Invalid as problem:
        return page("tags", 422, tags=tags.all_tags(), counts=tags.counts(), error=problem, wrong_tag=tag_id)
    return saved("settings.tag_list", gettext("The tag is saved."))


@blueprint.post("/tags/<int:tag_id>/delete")
def delete_tag(tag_id: int) -> Any:
    """Take a tag off every ticket."""
    tags.delete(_tag(tag_id), by=actor())
    return saved("settings.tag_list", gettext("The tag is gone."))


def _tag(tag_id: int) -> Tag:
    require("manage_settings")
    tag = session().get(Tag, tag_id)
    if tag is None:
        raise NotFound()
    return tag
