"""A plugin's settings, drawn from what it declares: for the site, or for one mailbox."""

from __future__ import annotations

from typing import Any

from flask import render_template, request

from inbox.core import mailboxes, settings
from inbox.core.errors import NotFound
from inbox.core.models import Mailbox
from inbox.web import setting_form
from inbox.web.auth import actor
from inbox.web.i18n import gettext
from inbox.web.plugin_page import Form, plugin_id, plugin_page
from inbox.web.plugin_parts import said_by
from inbox.web.setting_form import Line
from inbox.web.settings import blueprint, require, saved


@blueprint.route("/plugins/<name>/settings", methods=["GET", "POST"])
def plugin_settings(name: str) -> Any:
    """The form; what is wrong is said beside its field, and nothing is stored then."""
    require("manage_settings")
    mailbox, scope = _scope()
    form = Form(settings.fields(plugin_id(name), scope), mailbox)
    if not form.fields and not settings.fields(plugin_id(name)):
        raise NotFound()
    if request.method == "GET":
        return plugin_page(name, form=form)
    form.values = setting_form.typed(form.fields, request.form)
    form.wrong = setting_form.problems(form.fields, form.values, scope)
    if form.wrong:
        return plugin_page(name, form=form, status=422)
    settings.put_all(setting_form.changed(form.fields, form.values, scope), by=actor(), scope=scope)
    return _back(name, mailbox, gettext("The settings are saved."))


def _scope() -> tuple[Mailbox | None, str]:
    chosen = request.values.get("mailbox", "")
    mailbox = mailboxes.get(int(chosen)) if chosen.isdecimal() else None
    return mailbox, settings.mailbox_scope(mailbox) if mailbox else settings.SITE


def _back(name: str, mailbox: Mailbox | None, words: str) -> Any:
    return saved("settings.plugin_settings", words, name=name, mailbox=mailbox.id if mailbox else None)


@blueprint.post("/plugins/<name>/settings/clear")
def clear_plugin_setting(name: str) -> Any:
    """Remove a stored secret, or what a mailbox has of its own."""
    require("manage_settings")
    mailbox, scope = _scope()
    key = request.form.get("key", "")
    if key not in {each.item.name for each in settings.fields(plugin_id(name), scope)}:
        raise NotFound()
    settings.put(key, None, by=actor(), scope=scope)
    return _back(name, mailbox, gettext("It is removed."))


@blueprint.post("/plugins/<name>/settings/test/<test>")
def test_plugin_settings(name: str, test: str) -> Any:
    """Press one of the plugin's test buttons, with what is typed; the answer is a part of the page."""
    require("manage_settings")
    plugin = plugin_id(name)
    mailbox, scope = _scope()
    wanted = next((each for each in setting_form.tests(plugin) if each.name == test), None)
    if wanted is None:
        raise NotFound()
    form = Form(settings.fields(plugin, scope), mailbox)
    form.values = setting_form.typed(form.fields, request.form)
    form.wrong = setting_form.problems(form.fields, form.values, scope)
    titles = {each.item.name: each.item.title for each in form.fields}
    form.lines = [Line(False, said_by(plugin, titles[key]), gettext(words)) for key, words in form.wrong.items()] or [
        setting_form.try_out(wanted, form.values, scope)]
    if request.htmx:  # type: ignore[attr-defined]
        return render_template("settings/_plugin_tests.html", lines=form.lines, plugin=plugin)
    return plugin_page(name, form=form)
