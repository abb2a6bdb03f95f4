"""Settings that people change while the program runs: typed, with defaults, for the site or for one mailbox.

What an installation needs before it has a database is in `inbox.config` instead.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from inbox import colors
from inbox.core import audit, events, permissions, plugin_settings
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Mailbox, SettingValue
from inbox.db import columns, one_plan, transaction
from inbox.plugin_host.items import Setting

SITE = "site"
LOCALES = ("en", "nb", "th", "ja", "zh_Hant")


@dataclass(frozen=True)
class Own:
    """A setting of the desk itself: its type, its default, what is wrong with a value (None: nothing)."""

    key: str
    type: type
    default: Any
    check: Callable[[Any], str | None] = lambda value: None


class WrongValues(Invalid):
    """Several values that cannot be taken: `problems` says by key what is wrong with each. Nothing was stored."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(*next(iter(problems.items())))
        self.problems = problems


def _one_of(*choices: str) -> Callable[[Any], str | None]:
    return lambda value: None if value in choices else f"Choose one of {', '.join(choices)}."


def _name(value: str) -> str | None:
    return None if 0 < len(value.strip()) <= 100 else "Give the desk a name of at most 100 characters."


@cache
def time_zones() -> frozenset[str]:
    """Every zone of the tz database; finding them walks through its files, so it is done once."""
    return frozenset(zoneinfo.available_timezones())


def is_time_zone(value: str) -> bool:
    """True for a zone of the tz database, like Europe/Oslo."""
    return value in time_zones()


def _zone(value: str) -> str | None:
    return None if is_time_zone(value) else "There is no such time zone; write for example Europe/Oslo."


def _days(value: int) -> str | None:
    return None if 1 <= value <= 36500 else "Give a number of days, at least one."


def _count(value: int) -> str | None:
    return None if 1 <= value <= 100_000 else "Give a number from 1 to 100000."


def _hold(value: int) -> str | None:
    return None if 0 <= value <= 60 else "Give a number of seconds from 0 to 60."


def _date(value: str) -> str | None:
    try:
        dt.date.fromisoformat(value or "2000-01-01")
        return None
    except ValueError:
        return "Write a day like 2025-01-31, or nothing."


DECLARED: dict[str, Own] = {each.key: each for each in (
    Own("desk.name", str, "Pluginbox", _name),
    Own("desk.locale", str, "en", _one_of(*LOCALES)),
    Own("desk.time_zone", str, "UTC", _zone),
    Own("mail.hold", int, 18, _hold),  # seconds that what agents send can be undone, and three more
    Own("desk.ticket_types", str, ""),  # one on each line: see inbox.core.ticket_fields
    Own("mail.quote", bool, True),  # the customer's last message below our answers
    Own("mail.answers", bool, True),  # agents may answer notifications by mail: see inbox.core.answers
    Own("mail.start", str, "", _date),  # older mail stays in the account; empty: all of it is fetched
    Own("mail.trusted_servers", str, ""),  # whose verdicts count: see inbox.mail.verdicts
    Own("automatic.per_address", int, 10, _count),  # automatic mails to one customer in a day
    Own("automatic.per_ticket", int, 10, _count),  # … in a day
    Own("automatic.per_content", int, 10, _count),  # … that answer the same text, in an hour
    Own("automatic.per_hour", int, 200, _count),  # … to all customers
    Own("automatic.notices_per_agent", int, 60, _count),  # notifications by mail in an hour
    Own("automatic.notices_per_hour", int, 2000, _count),
    Own("keep.trash_days", int, 30, _days),
    Own("keep.job_days", int, 7, _days),
    Own("keep.fault_days", int, 90, _days),
    Own("theme.name", str, ""),  # empty: our own look
    Own("brand.accent", str, "", colors.accent_problem),
    Own("brand.logo", str, ""),  # a PNG in base64: see inbox.core.brand
    Own("brand.logo_name", str, ""),
    Own("desk.go_live_hidden", str, ""),  # see inbox.core.go_live
    Own("setup.done", bool, False),
    Own("demo.seeded", bool, False),
)}


def mailbox_scope(mailbox: Mailbox) -> str:
    """The scope of one mailbox; what is not set there falls back to the site."""
    return f"mailbox:{mailbox.id}"


def get(key: str, scope: str = SITE) -> Any:
    """The value of a setting: of the scope, else of the site, else the default.

    Raises LookupError for an unknown key, NotAllowed when a plugin asks for another plugin's.
    """
    return get_all([key], scope)[key]


def get_all(keys: list[str], scope: str = SITE) -> dict[str, Any]:
    """Several settings in one query."""
    defaults = {key: _default(key) for key in keys}
    stored = _stored(keys, {SITE, scope})
    return {key: plugin_settings.shown(stored.get((scope, key), stored.get((SITE, key), default)))
            for key, default in defaults.items()}


def _default(key: str) -> Any:
    if key in DECLARED:
        return DECLARED[key].default
    item = _of_a_plugin(key)
    plugin_settings.require_own(item)
    return item.empty


def _of_a_plugin(key: str) -> Setting:
    item = plugin_settings.declared().get(key)
    if item is None:
        raise LookupError(f"There is no setting called {key}.")
    return item


def _stored(keys: list[str], scopes: set[str]) -> dict[tuple[str, str], Any]:
    rows: Iterable[Any] = columns(_STORED, {"scopes": list(scopes), "keys": list(keys)})
    return {(row.scope, row.key): row.value for row in rows}


_STORED = one_plan(sa.select(SettingValue.scope, SettingValue.key, SettingValue.value).where(
    SettingValue.scope.in_(sa.bindparam("scopes", expanding=True)),
    SettingValue.key.in_(sa.bindparam("keys", expanding=True))))


def put(key: str, value: Any, *, by: Actor, scope: str = SITE) -> None:
    """Store a setting; None: forget it, so that the site's or the default counts again.

    Raises LookupError, Invalid (wrong type or value), NotAllowed.
    """
    put_all({key: value}, by=by, scope=scope)


def put_all(values: Mapping[str, Any], *, by: Actor, scope: str = SITE) -> None:
    """Store several settings, all or none. Raises as `put`; WrongValues names every wrong one."""
    permissions.require(by, "manage_settings")
    if wrong := problems(values, scope):
        raise WrongValues(wrong)
    with transaction() as current:
        for key, value in values.items():
            _put(current, key, value, by, scope)


def problems(values: Mapping[str, Any], scope: str = SITE) -> dict[str, str]:
    """What is wrong with values, by key. Raises LookupError for an unknown key."""
    return {key: wrong for key, value in values.items() if (wrong := _problem(key, value, scope))}


def _problem(key: str, value: Any, scope: str) -> str | None:
    own = DECLARED.get(key)
    if own is None:
        item = _of_a_plugin(key)
        plugin_settings.require_own(item)
        if scope != SITE and not item.per_mailbox:
            raise LookupError(f"The setting {key} is for the whole site.")
        return None if value is None else plugin_settings.problem(item, value)
    if value is None:
        return None
    if not isinstance(value, own.type) or (own.type is int and isinstance(value, bool)):
        return f"{key} must be of type {own.type.__name__}."
    return own.check(value)


def _put(current: Session, key: str, value: Any, by: Actor, scope: str) -> None:
    row = current.get(SettingValue, (scope, key))
    before = row.value if row is not None else None
    is_secret = key not in DECLARED and _of_a_plugin(key).secret
    if value is None or (is_secret and value == ""):
        if row is None:
            return
        current.delete(row)
    elif is_secret:
        current.merge(SettingValue(scope=scope, key=key, value=plugin_settings.hidden(value)))
    elif row is None:
        current.add(SettingValue(scope=scope, key=key, value=value))
    elif row.value == value:
        return
    else:
        row.value = value
    current.flush()
    events.record("settings_changed", by=by, key=key, scope=scope, changes={
        "value": audit.masked(before, value) if is_secret else (before, value)})


def note_file(kind: str, name: str, *, by: Actor) -> None:
    """Write down that files of the look (a theme) were brought or deleted. Raises NotAllowed."""
    permissions.require(by, "manage_settings")
    with transaction():
        events.record("settings_changed", by=by, key=f"{kind}:{name}", scope=SITE)


def forget_plugin(name: str) -> int:
    """Delete every stored setting of a plugin, in all scopes. Returns how many. The plugin need not be loaded."""
    with transaction() as current:
        return len(current.execute(sa.delete(SettingValue).where(
            SettingValue.key.startswith(f"{name}.", autoescape=True)).returning(SettingValue.key)).all())


# --- what a page shows ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """A declared setting of a plugin and how it stands. The value of a secret is never in it."""

    item: Setting
    value: Any
    is_own: bool  # the scope has a value of its own
    is_set: bool = False  # a secret: there is one
    is_lost: bool = False  # a secret that cannot be read any more
    set_at: dt.datetime | None = None  # a secret: since when


def fields(plugin: str, scope: str = SITE) -> list[Field]:
    """The settings of a plugin, for its page; in a mailbox only those that a mailbox can have."""
    items = [each for each in plugin_settings.of_plugin(plugin) if scope == SITE or each.per_mailbox]
    stored = _stored([each.name for each in items], {SITE, scope})
    return [_field(each, stored, scope) for each in items]


def _field(item: Setting, stored: Mapping[tuple[str, str], Any], scope: str) -> Field:
    is_own = (scope, item.name) in stored
    value = stored.get((scope, item.name), stored.get((SITE, item.name), item.empty))
    if not item.secret:
        return Field(item, value, is_own)
    if not plugin_settings.is_secret(value):
        return Field(item, "", is_own)
    return Field(item, "", is_own, True, not plugin_settings.shown(value), dt.datetime.fromisoformat(value["at"]))
