"""Install, activate, deactivate, uninstall: what the command line and the plugins page call (see also `bring`).

Listing, deactivating and uninstalling import no plugin: they work however broken one is. A change of state takes
effect in every process within two seconds, new code as soon as the processes have replaced themselves.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

import sqlalchemy as sa
from flask import current_app

from inbox.db import Base, current_config, session, transaction, utcnow
from inbox.migrate import MigrationError
from inbox.plugin_host import discover, faults, migrate, requirements, store, trial
from inbox.plugin_host.discover import Found
from inbox.plugin_host.manifest import Manifest
from inbox.plugin_host.models import Plugin, PluginFault, PluginTiming
from inbox.plugin_host.registry import EXTENSION, LoadError, PluginHost
from inbox.plugin_host.requirements import RequirementsError
from inbox.plugin_host.trial import TrialError


class PluginError(Exception):
    """What was asked of a plugin cannot be done; the message names it and the way out. Nothing was changed."""


Tell = Callable[[str, str, str], None]
"""Called with (what was done, plugin, version) inside the transaction that makes it so: see `core.plugins.teller`."""


P = ParamSpec("P")
R = TypeVar("R")


def alone(verb: Callable[P, R]) -> Callable[P, R]:
    """One at a time: two people's changes would mix their files and tables, as would a button pressed twice."""

    @functools.wraps(verb)
    def call(*words: P.args, **options: P.kwargs) -> R:
        try:
            with store.one_at_a_time(current_config()):
                return verb(*words, **options)
        except store.Busy as error:
            raise PluginError(str(error)) from error

    return call


def nobody(did: str, name: str, version: str) -> None:
    """Tells nobody: for start-up and tests. A person's deed is told to the core."""


@dataclass(frozen=True)
class PluginInfo:
    """A plugin as a list shows it. States: discovered, installed, active, paused, broken, incompatible."""

    name: str
    title: str
    version: str  # that is installed, else that lies here
    state: str
    problem: str = ""  # why it is paused, broken or incompatible
    folder: Path | None = None
    source: str = ""  # bundled, site, python, dev; empty when its files are gone
    manifest: Manifest | None = None  # of the code that lies here
    is_installed: bool = False

    @property
    def newer(self) -> str:
        """The version that lies here when it is not the one that was installed; else nothing."""
        lies = self.manifest.version if self.manifest else ""
        return lies if self.is_installed and lies != self.version else ""

    @property
    def is_ours(self) -> bool:
        """True when its files are this site's to replace and remove."""
        return self.source == "site"


def plugins() -> list[PluginInfo]:
    """Every plugin that lies here or was installed here, by name. Imports none."""
    found = discover.scan(current_config())
    rows = {row.name: row for row in session().scalars(sa.select(Plugin))}
    return [_info(name, found.get(name), rows.get(name)) for name in sorted(found.keys() | rows.keys())]


def details(name: str) -> PluginInfo:
    """One plugin. Raises PluginError when there is none of that name."""
    for each in plugins():
        if each.name == name:
            return each
    raise PluginError(f"There is no plugin called {name}. `inbox plugin list` shows them.")


def catalogue() -> list[PluginInfo]:
    """What came with the program and is not installed yet."""
    return [each for each in plugins() if each.source == "bundled" and not each.is_installed]


def _info(name: str, found: Found | None, row: Plugin | None) -> PluginInfo:
    manifest = found.manifest if found else None
    title = manifest.title if manifest else name
    version = row.version if row else manifest.version if manifest else ""
    state, problem = row.state if row else "discovered", row.reason if row else ""
    if current_config().safe_mode:
        problem = "Safe mode: no plugin is loaded."
    elif found is None:
        state, problem = "broken", "Its folder is gone. Put it back, or deactivate it."
    elif manifest is not None and manifest.incompatible:
        state, problem = "incompatible", manifest.incompatible
    elif found.problem or (row is not None and row.error):
        state, problem = "broken", found.problem or (row.error if row else "") or ""
    return PluginInfo(name, title, version, state, problem, found.folder if found else None,
                      found.source if found else "", manifest, row is not None)


@alone
def install(name: str, *, tell: Tell = nobody, try_first: bool = False) -> None:
    """Trust a plugin that lies here, fetch what it requires, make its tables; it is not active yet.

    With `try_first` its code is imported in a process of its own before anything else, so that whatever it does there
    hurts nobody: what people ask for is done so. Raises PluginError.
    """
    found = usable(name)
    require_others(found)
    take_up(found, tell, "installed", try_first=try_first)


def take_up(found: Found, tell: Tell, did: str, *, try_first: bool = True) -> None:
    """Use the code that lies here: fetch what it requires, try it with that, make its tables.

    Raises PluginError; then its packages and tables are as they were.
    """
    config = current_config()
    staged = store.Staged(found.name, None, None, found.folder, found.module)
    try:
        wanted = requirements.missing(config, found.name, requirements.of(config, found))
        if wanted:
            requirements.install(config, found.name, wanted, store.stage_packages(config, staged))
        if try_first:
            trial.require(config, found, packages=staged.packages)
        with store.packages_placed(config, staged):
            bring_tables(found)
            store_version(found, tell, did)
    except TrialError as error:
        raise PluginError(str(error)) from error
    except (RequirementsError, OSError) as error:
        raise PluginError(f"Plugin {found.name}: {error}") from error
    finally:
        store.discard(staged)


def bring_tables(found: Found) -> None:
    """Run a plugin's migrations. Raises PluginError; then its tables are as they were."""
    try:
        migrate.to_newest(found)
    except MigrationError as error:
        raise PluginError(str(error)) from error


def store_version(found: Found, tell: Tell, did: str) -> None:
    """Write down that the code that lies here is the one to be used, and let every process take it up."""
    assert found.manifest is not None
    with transaction() as current:
        row = current.get(Plugin, found.name)
        if row is None:
            row = Plugin(name=found.name, state="installed")
            current.add(row)
        row.version, row.error = found.manifest.version, None
        if row.state == "paused":  # its author has mended it, one may hope; its events waited
            row.state, row.reason, row.changed_at = "active", "", utcnow()
        current.flush()
        faults.move_revision(code=True)
        tell(did, found.name, found.manifest.version)
    look_again()


def activate(name: str, *, tell: Tell = nobody) -> None:
    """Ask a plugin from now on; install it first when it is new here; resume it when it is paused.

    Raises PluginError, also when its code cannot be loaded.
    """
    row = session().get(Plugin, name)
    if row is None:
        install(name, tell=tell)
    found = usable(name)
    require_others(found)
    host = _host()
    if host is not None:
        try:
            host.load(name, found)
        except LoadError as error:
            raise PluginError(str(error)) from error
    _set_state(name, "active", tell, "activated", host.hears(name) if host is not None else None)


def deactivate(name: str, *, tell: Tell = nobody) -> None:
    """Ask a plugin no longer. Its data and settings stay, events that waited for it are dropped. Raises PluginError."""
    row = session().get(Plugin, name)
    if row is None:
        raise PluginError(f"There is no installed plugin called {name}. `inbox plugin list` shows them.")
    require_unneeded(name)
    _set_state(name, "installed", tell, "deactivated")


@alone
def uninstall(name: str, typed_name: str, *, force: bool = False, tell: Tell = nobody) -> None:
    """Delete what a plugin has kept: its tables, its settings (by `tell`), its faults; its files stay.

    `typed_name` is what the person has typed to say that this is meant. With `force` the tables go even when the
    plugin's own migrations fail at it. Raises PluginError.
    """
    row = session().get(Plugin, name)
    if row is None:
        raise PluginError(f"There is no installed plugin called {name}. `inbox plugin list` shows them.")
    if typed_name.strip() != name:
        raise PluginError(f"Nothing was deleted: type {name} to say that all data of this plugin may go.")
    require_unneeded(name)
    before, version = row.state, row.version
    if before != "installed":
        _set_state(name, "installed", nobody, "")  # nobody calls it any more while its tables go
    try:
        migrate.remove_tables(name, discover.scan(current_config()).get(name), force=force)
    except MigrationError as error:
        if before != "installed":
            _set_state(name, before, nobody, "")
        raise PluginError(f"{error} Nothing was deleted.") from error
    with transaction() as current:
        for table in (PluginFault, PluginTiming):
            current.execute(sa.delete(table).where(table.plugin == name))
        current.execute(sa.delete(Plugin).where(Plugin.name == name))
        faults.move_revision(code=True)
        tell("uninstalled", name, version)
    look_again()


def _set_state(name: str, state: str, tell: Tell, did: str, hears: list[str] | None = None) -> None:
    with transaction() as current:
        row = current.get_one(Plugin, name)
        row.state, row.reason, row.changed_at = state, "", utcnow()
        if state == "active":
            row.error = None
        if hears is not None:
            row.hears = hears
        current.flush()
        faults.move_revision()
        tell(did, name, row.version)
    look_again()


def usable(name: str) -> Found:
    config = current_config()
    if config.safe_mode:
        raise PluginError("Safe mode is on (INBOX_SAFE_MODE): no plugin is loaded. Start without it first.")
    found = discover.scan(config).get(name)
    if found is None:
        raise PluginError(f"There is no plugin called {name}. `inbox plugin list` shows them; "
                          f"put a plugin's folder into {config.plugin_folder}.")
    check_usable(found)
    return found


def check_usable(found: Found) -> None:
    """Raise PluginError for a plugin that this program cannot run."""
    name = found.name
    if found.problem or found.manifest is None:
        raise PluginError(f"Plugin {name} cannot be used: {found.problem}")
    core = {mapper.local_table.name for mapper in Base.registry.mappers  # type: ignore[attr-defined]
            if mapper.class_.__module__.startswith("inbox.")}
    taken = next((table for table in sorted(core) if table == name or table.startswith(f"{name}_")), None)
    if taken:
        raise PluginError(f"Plugin {name} must be called something else: the table {taken} would look like its own.")


def require_others(found: Found) -> None:
    """Raise PluginError when a plugin that this one builds on is not active."""
    assert found.manifest is not None
    states = {row.name: row.state for row in session().scalars(sa.select(Plugin))}
    missing = [each for each in found.manifest.requires_plugins if states.get(each) != "active"]
    if missing:
        raise PluginError(f"Plugin {found.name} needs {', '.join(missing)}; activate that first.")


def require_unneeded(name: str) -> None:
    """Raise PluginError while an active plugin builds on this one."""
    needed = [each.name for each in plugins() if each.state == "active" and each.name != name
              and each.manifest is not None and name in each.manifest.requires_plugins]
    if needed:
        raise PluginError(f"{', '.join(needed)} needs {name}; deactivate it first.")


def _host() -> PluginHost | None:
    return current_app.extensions.get(EXTENSION)


def look_again() -> None:
    """Let this process see a change at once; the others see it within a second."""
    host = _host()
    if host is not None:
        host.look_again()
