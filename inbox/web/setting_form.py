"""Forms drawn from what a plugin declares: what was typed, and the buttons that try it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from inbox.core import settings
from inbox.core.settings import Field
from inbox.db import session
from inbox.plugin_host import call
from inbox.plugin_host.items import SettingTest

AGAIN = "The server has changed, so type this again."
ELSEWHERE = "A secret of this plugin is kept for the whole desk, and goes to no other server than the desk’s."


@dataclass(frozen=True)
class Line:
    """What a test of settings found, in plain words."""

    is_ok: bool
    title: str
    words: str = ""


def typed(fields: list[Field], form: Mapping[str, str]) -> dict[str, Any]:
    """The values in a form, by name. A secret that was left empty is not among them: it stays."""
    values: dict[str, Any] = {}
    for field in fields:
        item, text = field.item, form.get(field.item.name, "")
        if item.secret:
            if text:
                values[item.name] = text
        elif item.python_type is bool:
            values[item.name] = bool(text)
        elif item.python_type is int:
            values[item.name] = _number(text)
        else:
            values[item.name] = text.replace("\r\n", "\n") if item.type == "lines" else text.strip()
    return values


def _number(text: str) -> Any:
    """A number, zero for nothing; else the text, which the core refuses."""
    plain = text.strip()
    return int(plain) if plain.lstrip("-").isdecimal() and len(plain) < 18 else plain or 0


def changed(fields: list[Field], values: Mapping[str, Any], scope: str) -> dict[str, Any]:
    """What is to be stored: in a mailbox only what differs from the site's, so that the rest goes on following it."""
    shown = {field.item.name: field for field in fields}
    return {name: value for name, value in values.items()
            if scope == settings.SITE or shown[name].is_own or shown[name].item.secret or value != shown[name].value}


def problems(fields: list[Field], values: Mapping[str, Any], scope: str) -> dict[str, str]:
    """What is wrong, by name. A stored secret is used only for the server it was given for."""
    found = settings.problems(values, scope)
    moved = _moved(fields, values)
    for field in fields:
        if not field.item.secret or field.item.name in values:
            continue
        if field.is_set and moved:
            found[field.item.name] = AGAIN
        elif field.item.required and not field.is_set:
            found[field.item.name] = "This has to be filled in."
    if moved and scope != settings.SITE and _keeps_others(fields):
        found.update({name: ELSEWHERE for name in moved if name not in found})
    return found


def _moved(fields: list[Field], values: Mapping[str, Any]) -> list[str]:
    """The addresses that lead to another server now, or to one where there was none: a secret can outlive it."""
    return [field.item.name for field in fields
            if field.item.type == "url" and not field.item.secret and values.get(field.item.name)
            and _server(field.value) != _server(values[field.item.name])]


def _keeps_others(fields: list[Field]) -> bool:
    """True when the plugin has secrets that this form does not show, so that nobody can type them again here."""
    shown = {field.item.name for field in fields}
    return any(each.is_set for each in settings.fields(fields[0].item.plugin) if each.item.name not in shown)


def _server(address: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(address)
        return parts.scheme, parts.hostname, parts.port
    except ValueError:
        return "", address, None


def tests(plugin: str) -> list[SettingTest]:
    """The test buttons of a plugin; only an active one can be asked."""
    return [item for owner, item in call.register("register_setting_tests") if owner == plugin]


def try_out(test: SettingTest, values: Mapping[str, Any], scope: str) -> Line:
    """Press a test button with the values as typed; what was left empty of secrets is as stored. May take its time."""
    stored = settings.get_all([field.item.name for field in settings.fields(test.plugin)], scope)
    session().rollback()  # ends the read: no database snapshot is held while servers take their time

    def run() -> Line:
        try:
            return Line(True, test.title, str(test.run({**stored, **values})))
        except ValueError as wrong:
            return Line(False, test.title, str(wrong))

    good, line = call.guard(test.plugin, "register_setting_tests", run)
    return line if good and line is not None else Line(
        False, test.title, "The plugin failed while it tried. The fault is on its page.")
