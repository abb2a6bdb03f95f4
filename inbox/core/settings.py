"""Settings that people change while the program runs: typed, with defaults, for the site or for one mailbox.

What an installation needs before it has a database is in `inbox.config` instead.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from inbox.core import events, permissions
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Mailbox, SettingValue
from inbox.db import session, transaction

SITE = "site"
LOCALES = ("en", "nb", "th", "ja", "zh_Hant")


@dataclass(frozen=True)
class Setting:
    """A declared setting: its type, its default, what is wrong with a value (None: nothing)."""

    key: str
    type: type
    default: Any
    check: Callable[[Any], str | None] = lambda value: None


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


def _date(value: str) -> str | None:
    try:
        dt.date.fromisoformat(value or "2000-01-01")
        return None
    except ValueError:
        return "Write a day like 2025-01-31, or nothing."


DECLARED: dict[str, Setting] = {each.key: each for each in (
    Setting("desk.name", str, "Pluginbox", _name),
    Setting("desk.locale", str, "en", _one_of(*LOCALES)),
    Setting("desk.time_zone", str, "UTC", _zone),
    Setting("mail.quote", bool, True),  # the customer's last message below our answers
    Setting("mail.start", str, "", _date),  # older mail stays in the account; empty: all of it is fetched
    Setting("keep.trash_days", int, 30, _days),
    Setting("keep.job_days", int, 7, _days),
    Setting("keep.fault_days", int, 90, _days),
    Setting("setup.done", bool, False),
    Setting("demo.seeded", bool, False),
    Setting("auto_reply.on", bool, False),
    Setting("auto_reply.text", str, ""),
)}


def declare(setting: Setting) -> None:
    """Add a setting; plugins and builtins declare theirs. Raises RuntimeError for a key that is taken."""
    if DECLARED.get(setting.key, setting) != setting:
        raise RuntimeError(f"The setting {setting.key} is declared twice.")
    DECLARED[setting.key] = setting


def mailbox_scope(mailbox: Mailbox) -> str:
    """The scope of one mailbox; what is not set there falls back to the site."""
    return f"mailbox:{mailbox.id}"


def get(key: str, scope: str = SITE) -> Any:
    """The value of a setting: of the scope, else of the site, else the default. LookupError for an unknown key."""
    return get_all([key], scope)[key]


def get_all(keys: list[str], scope: str = SITE) -> dict[str, Any]:
    """Several settings in one query."""
    unknown = [key for key in keys if key not in DECLARED]
    if unknown:
        raise LookupError(f"There is no setting called {', '.join(unknown)}.")
    rows = session().execute(sa.select(SettingValue.scope, SettingValue.key, SettingValue.value).where(
        SettingValue.scope.in_({SITE, scope}), SettingValue.key.in_(keys))).all()
    stored = {(row.scope, row.key): row.value for row in rows}
    return {key: stored.get((scope, key), stored.get((SITE, key), DECLARED[key].default)) for key in keys}


def put(key: str, value: Any, *, by: Actor, scope: str = SITE) -> None:
    """Store a setting. Raises LookupError, Invalid (wrong type or value), NotAllowed."""
    permissions.require(by, "manage_settings")
    setting = DECLARED.get(key)
    if setting is None:
        raise LookupError(f"There is no setting called {key}.")
    if not isinstance(value, setting.type) or (setting.type is int and isinstance(value, bool)):
        raise Invalid(key, f"{key} must be of type {setting.type.__name__}.")
    if problem := setting.check(value):
        raise Invalid(key, problem)
    with transaction() as current:
        row = current.get(SettingValue, (scope, key))
        if row is None:
            current.add(SettingValue(scope=scope, key=key, value=value))
        elif row.value == value:
            return
        else:
            row.value = value
        current.flush()
        events.record("settings_changed", by=by, key=key, scope=scope)
