"""The plugins of this desk: what there is, how it does, and the switches. Adding new ones lies in settings_add."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import current_app, request

from inbox.core import settings
from inbox.core.plugins import teller
from inbox.db import session
from inbox.jobs import deliveries
from inbox.plugin_host import bring, lifecycle, report
from inbox.plugin_host.lifecycle import PluginError, PluginInfo
from inbox.plugin_host.models import Plugin
from inbox.plugin_host.report import Report
from inbox.web.auth import actor
from inbox.web.i18n import gettext
from inbox.web.plugin_page import always_on, plugin_page
from inbox.web.settings import blueprint, page, require, saved
from inbox.web.settings_add import may_upload


@dataclass(frozen=True)
class Card:
    """A plugin in the list."""

    info: PluginInfo
    report: Report
    waiting: int = 0
    latest: str = ""  # what its last fault said
    has_settings: bool = False
    is_on: bool = False  # to be asked, as far as it can be

    @property
    def chip(self) -> tuple[str, str]:
        """A tone and a word about how it does."""
        if self.info.state == "paused":
            return "bad", gettext("paused")
        if self.info.state == "broken":
            return "bad", gettext("broken")
        if self.info.state == "incompatible":
            return "warn", gettext("does not fit")
        if self.info.state == "active" and self.report.fault_count:
            return "warn", gettext("had faults")
        return ("", "") if self.info.is_installed else ("", gettext("not installed"))


def waiting_counts() -> dict[str, int]:
    """Events that plugins have not taken yet, by plugin."""
    return {plugin: sum(states.values()) for plugin, states in deliveries.waiting().items()}


def _cards() -> list[Card]:
    reports, waiting = report.overview(), waiting_counts()
    on = set(session().scalars(sa.select(Plugin.name).where(Plugin.state == "active")))
    return [Card(each, reports.get(each.name, Report(each.name)), waiting.get(each.name, 0), _latest(each),
                 bool(settings.fields(each.name)), each.name in on)
            for each in lifecycle.plugins() if each.is_installed or each.source != "bundled"]


def _latest(info: PluginInfo) -> str:
    faults = report.report(info.name, latest=1).faults if info.state == "paused" else []
    return f"{faults[0].hook}: {faults[0].summary}" if faults else ""


@blueprint.get("/plugins")
def plugin_list() -> Any:
    """Every plugin that was brought or installed here, and the always-on features."""
    require("manage_settings")
    return _list()


def _list(problem: str = "", status: int = 200) -> Any:
    cards = _cards()
    config = current_app.config["INBOX"]
    paused = {row.name: row.changed_at for row in session().query(Plugin).where(Plugin.state == "paused")}
    return page("plugins", status, cards=cards, problem=problem, paused_at=paused, features=always_on(),
                installed=sum(each.info.is_installed for each in cards),
                active=sum(each.info.state == "active" for each in cards), safe_mode=config.safe_mode,
                may_upload=may_upload())


@blueprint.get("/plugins/<name>")
def plugin(name: str) -> Any:
    """One plugin: settings, what it asks for and stores, where it takes part, faults."""
    require("manage_settings")
    return plugin_page(name)


# --- verbs ------------------------------------------------------------------------------------------------------


def _do(name: str, verb: Callable[[], object], words: str, *, stays: bool = True) -> Any:
    """Do something to a plugin, then show its page; what the plugin host refuses is said there."""
    require("manage_plugins")
    try:
        verb()
    except PluginError as problem:
        if request.form.get("from") == "list":
            return _list(str(problem), 422)
        return plugin_page(name, problem=str(problem), status=422)
    if not stays or request.form.get("from") == "list":
        return saved("settings.plugin_list", words)
    return saved("settings.plugin", words, name=name)


@blueprint.post("/plugins/<name>/active")
def switch_plugin(name: str) -> Any:
    """Switch a plugin on (installing it first when it is new here, resuming it when it is paused) or off."""
    title = _title(name)
    if request.form.get("on") == "1":
        return _do(name, lambda: _activate(name), gettext("%(title)s is switched on.", title=title))
    return _do(name, lambda: lifecycle.deactivate(name, tell=teller(actor())),
               gettext("%(title)s is switched off. Its settings and data stay.", title=title))


def _activate(name: str) -> None:
    tell = teller(actor())
    if session().get(Plugin, name) is None:
        lifecycle.install(name, tell=tell, try_first=True)
    lifecycle.activate(name, tell=tell)


@blueprint.post("/plugins/<name>/upgrade")
def upgrade_plugin(name: str) -> Any:
    """Take up the newer code that lies in its folder."""
    return _do(name, lambda: bring.upgrade(name, tell=teller(actor())),
               gettext("%(title)s is upgraded.", title=_title(name)))


@blueprint.post("/plugins/<name>/again")
def try_plugin_again(name: str) -> Any:
    """Tell it of the events that it could not take, now."""
    return _do(name, lambda: deliveries.try_again(name), gettext("The events that failed are tried again."))


@blueprint.post("/plugins/<name>/uninstall")
def uninstall_plugin(name: str) -> Any:
    """Delete its tables and settings, after the name was typed; its files stay."""
    typed, force = request.form.get("typed", ""), bool(request.form.get("force"))
    return _do(name, lambda: lifecycle.uninstall(name, typed, force=force, tell=teller(actor())),
               gettext("%(title)s is uninstalled: its data and settings are deleted.", title=_title(name)), stays=False)


@blueprint.post("/plugins/<name>/remove")
def remove_plugin(name: str) -> Any:
    """Delete the files of one that is not installed."""
    return _do(name, lambda: bring.remove(name, tell=teller(actor())),
               gettext("The files of %(title)s are deleted.", title=_title(name)), stays=False)


def _title(name: str) -> str:
    require("manage_plugins")
    return next((each.title for each in lifecycle.plugins() if each.name == name), name)
