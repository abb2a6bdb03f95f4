"""A plugin's settings, drawn from what it declares: for the site, or for one mailbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import render_template, request
from flask_babel import gettext

from inbox.core import mailboxes, settings
from inbox.core.errors import NotFound
from inbox.core.models import Mailbox
from inbox.core.settings import Field
from inbox.plugin_host import call, lifecycle
from inbox.web import setting_form
from inbox.web.auth import actor
from inbox.web.setting_form import Line
from inbox.web.settings import blueprint, page, require, saved


def plugin_id(name: str) -> str:
    """What the plugin host calls it: always-on features stand in addresses without their prefix."""
    host = call.current()
    return f"builtin.{name}" if host is not None and f"builtin.{name}" in host.builtins else name


def title_of(name: str) -> str:
    """The title of a plugin or of an always-on feature. Raises NotFound."""
    plugin, host = plugin_id(name), call.current()
    if host is not None and plugin in host.builtins:
        return str(getattr(host.pm.get_plugin(plugin), "TITLE", name.replace("_", " ").capitalize()))
    found = next((each for each in lifecycle.plugins() if each.name == name), None)
    if found is None:
        raise NotFound()
    return found.title


def has_settings(name: str) -> bool:
    """True when a loaded plugin has declared any."""
    return bool(settings.fields(plugin_id(name)))


@blueprint.route("/plugins/<name>/settings", methods=["GET", "POST"])
def plugin_settings(name: str) -> Any:
    """The form; what is wrong is said beside its field, and nothing is stored then."""
    require("manage_settings")
    mailbox = _mailbox()
    scope = settings.mailbox_scope(mailbox) if mailbox else settings.SITE
    fields = settings.fields(plugin_id(name), scope)
    if request.method == "GET":
        return _page(name, fields, mailbox)
    values = setting_form.typed(fields, request.form)
    wrong = setting_form.problems(fields, values, scope)
    if not wrong:
        settings.put_all(setting_form.changed(fields, values, scope), by=actor(), scope=scope)
        return saved("settings.plugin_settings", gettext("The settings are saved."), name=name,
                     mailbox=mailbox.id if mailbox else None)
    return _page(name, fields, mailbox, values=values, wrong=wrong, status=422)


def _mailbox() -> Mailbox | None:
    chosen = request.values.get("mailbox", "")
    return mailboxes.get(int(chosen)) if chosen.isdecimal() else None


def _page(name: str, fields: list[Field], mailbox: Mailbox | None, *, values: dict[str, Any] | None = None,
          wrong: dict[str, str] | None = None, lines: Sequence[Line] = (), status: int = 200) -> Any:
    title = title_of(name)
    everywhere = settings.fields(plugin_id(name)) if mailbox else fields
    if not everywhere:
        raise NotFound()
    return page("plugin_settings", status, name=name, title=title, fields=fields, mailbox=mailbox,
                values=values or {}, wrong=wrong or {}, lines=lines, tests=setting_form.tests(plugin_id(name)),
                mailboxes=mailboxes.all_mailboxes() if any(each.item.per_mailbox for each in everywhere) else [])


@blueprint.post("/plugins/<name>/settings/clear")
def clear_plugin_setting(name: str) -> Any:
    """Remove a stored secret, or what a mailbox has of its own."""
    require("manage_settings")
    mailbox, key = _mailbox(), request.form.get("key", "")
    scope = settings.mailbox_scope(mailbox) if mailbox else settings.SITE
    if key not in {each.item.name for each in settings.fields(plugin_id(name), scope)}:
        raise NotFound()
    settings.put(key, None, by=actor(), scope=scope)
    return saved("settings.plugin_settings", gettext("It is removed."), name=name,
                 mailbox=mailbox.id if mailbox else None)


@blueprint.post("/plugins/<name>/settings/test/<test>")
def test_plugin_settings(name: str, test: str) -> Any:
    """Press one of the plugin's test buttons, with what is typed; the answer is a part of the page."""
    require("manage_settings")
    mailbox = _mailbox()
    scope = settings.mailbox_scope(mailbox) if mailbox else settings.SITE
    fields = settings.fields(plugin_id(name), scope)
    wanted = next((each for each in setting_form.tests(plugin_id(name)) if each.name == test), None)
    if wanted is None:
        raise NotFound()
    values = setting_form.typed(fields, request.form)
    wrong = setting_form.problems(fields, values, scope)
    titles = {each.item.name: each.item.title for each in fields}
    lines = [Line(False, gettext(titles[key]), gettext(words)) for key, words in wrong.items()] or [
        setting_form.try_out(wanted, values, scope)]
    if request.htmx:  # type: ignore[attr-defined]
        return render_template("settings/_plugin_tests.html", lines=lines)
    return _page(name, fields, mailbox, values=values, wrong=wrong, lines=lines)
