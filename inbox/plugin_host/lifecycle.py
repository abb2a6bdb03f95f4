"""Install, activate, deactivate: what the command line and the plugins page call.

Listing and deactivating import no plugin: they work however broken one is. A change takes effect in every process
within two seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from flask import current_app

from inbox.config import Config
from inbox.db import Base, session, transaction, utcnow
from inbox.migrate import MigrationError
from inbox.plugin_host import discover, faults, migrate
from inbox.plugin_host.discover import Found
from inbox.plugin_host.models import Plugin
from inbox.plugin_host.registry import EXTENSION, LoadError, PluginHost


class PluginError(Exception):
    """What was asked of a plugin cannot be done; the message names it and the way out. Nothing was changed."""


@dataclass(frozen=True)
class PluginInfo:
    """A plugin as a list shows it. States: discovered, installed, active, paused, broken, incompatible."""

    name: str
    title: str
    version: str
    state: str
    problem: str = ""  # why it is paused, broken or incompatible
    folder: Path | None = None


def plugins() -> list[PluginInfo]:
    """Every plugin that lies here or was installed here, by name. Imports none."""
    found = discover.scan(_config())
    rows = {row.name: row for row in session().scalars(sa.select(Plugin))}
    return [_info(name, found.get(name), rows.get(name)) for name in sorted(found.keys() | rows.keys())]


def _info(name: str, found: Found | None, row: Plugin | None) -> PluginInfo:
    manifest = found.manifest if found else None
    title = manifest.title if manifest else name
    version = row.version if row else manifest.version if manifest else ""
    state, problem = row.state if row else "discovered", row.reason if row else ""
    if _config().safe_mode:
        problem = "Safe mode: no plugin is loaded."
    elif found is None:
        state, problem = "broken", "Its folder is gone. Put it back, or deactivate it."
    elif manifest is not None and manifest.incompatible:
        state, problem = "incompatible", manifest.incompatible
    elif found.problem or (row is not None and row.error):
        state, problem = "broken", found.problem or (row.error if row else "") or ""
    return PluginInfo(name, title, version, state, problem, found.folder if found else None)


def install(name: str) -> None:
    """Trust a plugin's code and make its tables; it is not active yet. Raises PluginError."""
    found = _usable(name)
    _require_others(found)
    try:
        migrate.to_newest(found)
    except MigrationError as error:
        raise PluginError(str(error)) from error
    with transaction() as current:
        row = current.get(Plugin, name)
        if row is None:
            row = Plugin(name=name, state="installed")
            current.add(row)
        assert found.manifest is not None
        row.version, row.error = found.manifest.version, None
        current.flush()
        faults.move_revision()
    _look_again()


def activate(name: str) -> None:
    """Ask a plugin from now on; install it first when it is new here; resume it when it is paused.

    Raises PluginError, also when its code cannot be loaded.
    """
    row = session().get(Plugin, name)
    if row is None:
        install(name)
    found = _usable(name)
    _require_others(found)
    host = _host()
    if host is not None:
        try:
            host.load(name, found)
        except LoadError as error:
            raise PluginError(str(error)) from error
    _set_state(name, "active")


def deactivate(name: str) -> None:
    """Ask a plugin no longer. Its data and settings stay, events that waited for it are dropped. Raises PluginError."""
    row = session().get(Plugin, name)
    if row is None:
        raise PluginError(f"There is no installed plugin called {name}. `inbox plugin list` shows them.")
    needed = [each.name for each in plugins() if each.state == "active" and each.name != name
              and name in _requirements(each.name)]
    if needed:
        raise PluginError(f"{', '.join(needed)} needs {name}; deactivate it first.")
    _set_state(name, "installed")


def _set_state(name: str, state: str) -> None:
    with transaction() as current:
        row = current.get_one(Plugin, name)
        row.state, row.reason, row.changed_at = state, "", utcnow()
        if state == "active":
            row.error = None
        current.flush()
        faults.move_revision()
    _look_again()


def _usable(name: str) -> Found:
    config = _config()
    if config.safe_mode:
        raise PluginError("Safe mode is on (INBOX_SAFE_MODE): no plugin is loaded. Start without it first.")
    found = discover.scan(config).get(name)
    if found is None:
        raise PluginError(f"There is no plugin called {name}. `inbox plugin list` shows them; "
                          f"put a plugin's folder into {config.plugin_folder}.")
    if found.problem or found.manifest is None:
        raise PluginError(f"Plugin {name} cannot be used: {found.problem}")
    core = {mapper.local_table.name for mapper in Base.registry.mappers  # type: ignore[attr-defined]
            if mapper.class_.__module__.startswith("inbox.")}
    taken = next((table for table in sorted(core) if table == name or table.startswith(f"{name}_")), None)
    if taken:
        raise PluginError(f"Plugin {name} must be called something else: the table {taken} would look like its own.")
    return found


def _require_others(found: Found) -> None:
    states = {row.name: row.state for row in session().scalars(sa.select(Plugin))}
    missing = [each for each in _requirements(found.name) if states.get(each) != "active"]
    if missing:
        raise PluginError(f"Plugin {found.name} needs {', '.join(missing)}; activate that first.")


def _requirements(name: str) -> tuple[str, ...]:
    found = discover.scan(_config()).get(name)
    return found.manifest.requires_plugins if found and found.manifest else ()


def _config() -> Config:
    config: Config = current_app.config["INBOX"]
    return config


def _host() -> PluginHost | None:
    return current_app.extensions.get(EXTENSION)


def _look_again() -> None:
    host = _host()
    if host is not None:
        host.forget()
