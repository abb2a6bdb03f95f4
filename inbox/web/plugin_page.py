"""The page of one plugin, or of an always-on feature: put together from what the plugin host knows of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import current_app
from flask_babel import lazy_gettext

from inbox.core import mailboxes, permissions, settings
from inbox.core.errors import NotFound
from inbox.core.models import Mailbox, Ticket
from inbox.core.settings import Field
from inbox.db import session
from inbox.jobs import deliveries
from inbox.plugin_host import call, glance, lifecycle, report, requirements
from inbox.plugin_host.lifecycle import PluginInfo
from inbox.plugin_host.models import Plugin
from inbox.plugin_host.registry import EXTENSION, PluginHost
from inbox.plugin_host.report import HookTime, Report
from inbox.plugin_host.requirements import RequirementsError
from inbox.web import setting_form
from inbox.web.auth import me
from inbox.web.setting_form import Line
from inbox.web.settings import page

ASKS = {"network": (lazy_gettext("Talks to other servers"), lazy_gettext("Does not ask to talk to other servers")),
        "mail": (lazy_gettext("Sends mail"), lazy_gettext("Does not ask to send mail")),
        "files": (lazy_gettext("Reads and writes files"), lazy_gettext("Does not ask for files"))}


@dataclass(frozen=True)
class TakesPart:
    """A hook that a plugin answers: what it is for, and how its answers went."""

    hook: str
    what: str
    time: HookTime | None = None


@dataclass(frozen=True)
class Feature:
    """An always-on feature in the list."""

    name: str
    title: str
    report: Report
    has_settings: bool


@dataclass
class Form:
    """The settings as they are shown: stored, or typed and wrong."""

    fields: list[Field]
    mailbox: Mailbox | None = None
    values: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    lines: Sequence[Line] = ()


def host() -> PluginHost:
    """The plugin host of this process."""
    found: PluginHost = current_app.extensions[EXTENSION]
    return found


def plugin_id(name: str) -> str:
    """What the plugin host calls it: always-on features stand in addresses without their prefix."""
    return f"builtin.{name}" if f"builtin.{name}" in host().builtins else name


def always_on() -> list[Feature]:
    """The features that come with the program and are written as plugins."""
    reports = report.overview()
    return [Feature(each.removeprefix("builtin."), host().title_of(each), reports.get(each, Report(each)),
                    bool(settings.fields(each))) for each in sorted(host().builtins)]


def plugin_page(name: str, *, form: Form | None = None, problem: str = "", status: int = 200) -> Any:
    """Everything about one plugin. Raises NotFound."""
    plugin = plugin_id(name)
    info = next((each for each in lifecycle.plugins() if each.name == name), None)
    if info is None and plugin not in host().builtins:
        raise NotFound()
    known = report.report(plugin)
    fields = settings.fields(plugin)
    return page(
        "plugin", status, name=plugin.removeprefix("builtin."), plugin=plugin, info=info, problem=problem,
        title=info.title if info else host().title_of(plugin), report=known, asks=ASKS,
        checks=[item for owner, item in call.register("register_health_checks") if owner == plugin],
        form=form or Form(fields), tests=setting_form.tests(plugin),
        mailboxes=mailboxes.all_mailboxes() if any(each.item.per_mailbox for each in fields) else [],
        parts=_takes_part(plugin, info, known), tickets=_ticket_numbers(known),
        kept=glance.kept(name) if info and info.is_installed else [], secrets=sum(each.is_set for each in fields),
        waiting=deliveries.waiting(plugin).get(plugin, {}), row=session().get(Plugin, name),
        readme=glance.readme(info.folder) if info and info.folder else "", pip=_pip_command(info))


def _takes_part(plugin: str, info: PluginInfo | None, known: Report) -> list[TakesPart]:
    """The hooks it answers: of the code that runs, else of the code that lies here, unimported."""
    module = host().pm.get_plugin(plugin)
    if module is not None:
        hooks = sorted(each.name for each in host().pm.get_hookcallers(module) or [])
    else:
        hooks = _in_folder(info.folder) if info and info.folder else []
    times = {each.hook: each for each in known.times}
    found = [TakesPart(hook, what(hook), times.get(hook)) for hook in hooks]
    return sorted(found, key=lambda each: -(each.time.calls * each.time.mean_ms if each.time else 0))


def _in_folder(folder: Path) -> list[str]:
    return glance.hooks_in_folder(folder) if folder.is_dir() else []


def what(hook: str) -> str:
    """The first sentence about a hook."""
    spec = host().specs.get(hook)
    words = " ".join(spec.doc.split()) if spec else ""
    return f"{words.split('. ')[0].rstrip('.')}." if words else ""


def _ticket_numbers(known: Report) -> dict[int, int]:
    """Numbers of the tickets that faults are about, as far as the agent may see them."""
    ids = {each.ticket_id for each in [*known.faults, *known.notes] if each.ticket_id is not None}
    query = permissions.visible(sa.select(Ticket.id, Ticket.number).where(Ticket.id.in_(ids)), me())
    return {row.id: row.number for row in session().execute(query)} if ids else {}


def _pip_command(info: PluginInfo | None) -> str:
    """What to type where a plugin misses Python packages and nothing may be installed from here."""
    config = current_app.config["INBOX"]
    manifest = info.manifest if info else None
    if info is None or manifest is None or not manifest.requires_python or requirements.can_install(config):
        return ""
    try:
        wanted = requirements.missing(config, info.name, manifest.requires_python)
    except RequirementsError:
        return ""  # said when it is installed
    return requirements.command(config, info.name, wanted) if wanted else ""
