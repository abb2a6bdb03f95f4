"""Which plugins are loaded in this process, and which of them are active now."""

from __future__ import annotations

import datetime as dt
import difflib
import inspect
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from inbox import hookspecs
from inbox.config import Config
from inbox.db import Base, db, in_transaction, session, transaction, work_context
from inbox.hookspecs import PROJECT, HookSpec, Kind
from inbox.plugin_host import discover, faults, guards, loading, own_hooks, registrations
from inbox.plugin_host.discover import Found
from inbox.plugin_host.loading import LoadError
from inbox.plugin_host.manifest import Manifest
from inbox.plugin_host.models import Plugin, PluginRevision
from inbox.plugin_host.running import RunningCalls
from inbox.plugin_host.timing import Timing
from inbox.plugin_host.untouched import Original

__all__ = ["LoadError", "PluginHost", "init_app"]

log = logging.getLogger(__name__)
EXTENSION = "inbox_plugins"
FRESH_SECONDS = 1.0  # how old the knowledge of who is active may be
NEVER = float("-inf")


class PluginHost:
    """The plugins of one application object. Each process, and each test, has its own."""

    def __init__(self, app: Flask, config: Config) -> None:
        self.app, self.config = app, config
        self.raise_faults: bool = bool(app.config.get("TESTING"))
        self.pm = pluggy.PluginManager(PROJECT)
        self.specs: dict[str, HookSpec] = {}
        self.add_specs(hookspecs)
        self.builtins: frozenset[str] = frozenset()
        self.broken: dict[str, str] = {}
        self.timing, self.running = Timing(), RunningCalls()
        self.skipped_at: dict[str, float] = {}
        self.original: Original | None = None
        """The functions of the program as they were before the first plugin. Without one nobody need look."""
        self.on_pause: list[Callable[[str, str], None]] = []
        """Told of a plugin that was paused and why, inside the transaction that pauses it."""
        self.on_register: list[Callable[[str, dict[str, list[Any]]], None]] = []
        """Told of what a plugin registers before anything is kept of it; they raise LoadError to refuse it."""
        self._failed: dict[str, dt.datetime] = {}  # what could not be loaded, as it was changed then
        self._loaded: dict[str, str] = {}  # name → version
        self._found: dict[str, Found] = {}  # of those that are loaded
        self._registered: dict[str, list[tuple[str, Any]]] = {}  # hook → (plugin, item)
        self._states: dict[str, str] = {}
        self._active: frozenset[str] = frozenset()  # made of what follows
        self._active_of: tuple[dict[str, str] | None, int, frozenset[str]] = (None, 0, frozenset())
        self.answerers: dict[str, tuple[list[Any], list[Any]]] = {}  # kept by the caller
        self._revision: int | None = None
        self.code: int | None = None  # the number of the code this process has read; None: it has read none yet
        self._looked_at = NEVER
        self._lock = threading.RLock()

    def add_specs(self, module: ModuleType) -> None:
        """Make the hooks of a module known."""
        self.pm.add_hookspecs(module)
        self.specs.update(hookspecs.collect(module))

    def add_builtin(self, name: str, module: ModuleType) -> None:
        """Load an always-active feature. Raises LoadError."""
        self.register(name, module)
        self.builtins |= {name}

    def boot(self) -> None:
        """Load what is installed, at start-up. A database that is gone stops nobody: the next question tries again."""
        try:
            with work_context(self.app):
                self.states()
        except SQLAlchemyError as error:
            log.warning("Plugins are loaded later: the database does not answer (%s).", type(error).__name__)

    # --- who is active -----------------------------------------------------------------------------------------

    def active(self) -> frozenset[str]:
        """Names of those to be asked now; at most a second old."""
        states, before = self.states(), self._active_of
        if before[0] is not states or before[1] != len(self._loaded) or before[2] is not self.builtins:
            self._active = self.builtins | {name for name, state in states.items()
                                            if state == "active" and name in self._loaded}
            self._active_of = states, len(self._loaded), self.builtins
        return self._active

    def states(self) -> dict[str, str]:
        """State of every installed plugin by name; at most a second old. Loads what was installed meanwhile."""
        if self.config.safe_mode:
            return {}
        if time.monotonic() - self._looked_at >= FRESH_SECONDS and not in_transaction():
            self._refresh()
        return self._states

    def not_loaded(self) -> dict[str, list[str] | None]:
        """Active and paused plugins whose code is not in this process, with the event hooks they answered when they
        were loaded last (None: nobody knows). In safe mode that is all of them."""
        if not self.config.safe_mode and all(
                state == "installed" or name in self._loaded for name, state in self.states().items()):
            return {}
        rows = session().execute(sa.select(Plugin.name, Plugin.hears).where(Plugin.state != "installed")
                                 .order_by(Plugin.name)).all()
        return {row.name: row.hears for row in rows if row.name not in self._loaded}

    def registered(self, hook: str) -> list[tuple[str, Any]]:
        """What loaded plugins registered under a hook, active or not, always-active features first, then by name."""
        return self._registered.get(hook, [])

    def items_of(self, plugin: str) -> dict[str, list[Any]]:
        """What one plugin registered, by hook."""
        found = {hook: [item for owner, item in known if owner == plugin] for hook, known in self._registered.items()}
        return {hook: items for hook, items in found.items() if items}

    def folder_of(self, plugin: str) -> Path | None:
        """Where a loaded plugin lies, with its templates, static files and translations; None: a single file."""
        found = self._found.get(plugin)
        if found is not None:
            return found.folder
        module = self.pm.get_plugin(plugin)
        return Path(module.__path__[0]) if module is not None and hasattr(module, "__path__") else None

    def manifest_of(self, plugin: str) -> Manifest | None:
        """What a loaded plugin says about itself; a builtin says nothing."""
        found = self._found.get(plugin)
        return found.manifest if found is not None else None

    def title_of(self, plugin: str) -> str:
        """What people call a plugin."""
        manifest = self.manifest_of(plugin)
        short = plugin.removeprefix("builtin.").replace("_", " ").capitalize()
        return manifest.title if manifest else str(getattr(self.pm.get_plugin(plugin), "TITLE", short))

    def look_again(self) -> None:
        """Look for changes at the next question; who asks meanwhile is told what is known."""
        self._looked_at = NEVER

    def forget(self) -> None:
        """Know nothing any more, and look at the next question."""
        self._looked_at, self._revision = NEVER, None

    def revision(self) -> int:
        """A number that moves when a plugin's state changes (part of every page's ETag)."""
        self.states()
        return self._revision or 0

    def _refresh(self) -> None:
        row = session().execute(sa.select(PluginRevision.value, PluginRevision.code)).first()
        revision, code = (row.value, row.code) if row is not None else (0, 0)
        if self.code is None:
            self.code = code  # before anything is imported: what changes meanwhile is newer
        if revision != self._revision:
            rows = session().execute(sa.select(Plugin.name, Plugin.state, Plugin.error, Plugin.changed_at)).all()
            self._states = {row.name: row.state for row in rows}
            # A paused plugin is loaded, or events could not wait for it; not if its very code does the harm. What
            # could not be loaded is tried again when a person has changed something about it.
            missing = {row.name: row.changed_at for row in rows
                       if row.name not in self._loaded and self._failed.get(row.name) != row.changed_at
                       and not (row.state == "paused" and row.error)}
            if missing and not self._load_all(missing):
                self._looked_at = time.monotonic()
                return
            self._revision = revision
        self._looked_at = time.monotonic()

    def _load_all(self, missing: dict[str, dt.datetime]) -> bool:
        """False when another thread is just loading plugins; nobody who knows something already waits for that."""
        if not self._lock.acquire(blocking=self._revision is None):
            return False
        try:
            found = discover.scan(self.config)
            for name, changed_at in missing.items():
                if name not in self._loaded and self._failed.get(name) != changed_at:
                    self._try_to_load(name, found.get(name), changed_at)
        finally:
            self._lock.release()
        return True

    # --- loading -----------------------------------------------------------------------------------------------

    def _try_to_load(self, name: str, found: Found | None, changed_at: dt.datetime) -> None:
        try:
            self.load(name, found)
        except LoadError as error:
            self._failed[name] = changed_at
            self.broken[name] = str(error)
            log.error("Plugin %s is not loaded: %s", name, error)
            self._note(name, str(error))
        else:
            self._note(name, None)

    def load(self, name: str, found: Found | None) -> None:
        """Import a plugin and make its answers known. Raises LoadError; then nothing of it is left here."""
        with self._lock:
            if name in self._loaded:
                return
            if found is None:
                raise LoadError(f"The folder of plugin {name} is gone. Put it back, or deactivate the plugin.")
            if found.problem or found.manifest is None:
                raise LoadError(found.problem or "It has no manifest.")
            before, original = set(Base.metadata.tables), Original()
            self.original = self.original or original
            discover.open_packages(self.config, name)
            try:
                try:
                    module = loading.run(self, name, "import", discover.import_plugin, found)
                finally:
                    loading.refuse_replacements(self, name, original)
            except LoadError:
                discover.forget(found)
                raise
            except (Exception, SystemExit) as error:
                faults.store(self, name, "import", f"{type(error).__name__}: {error}", error=error)
                raise LoadError(f"Plugin {name} cannot be imported: {type(error).__name__}: {error}") from error
            self._found[name] = found
            try:
                self._fence(name, set(Base.metadata.tables) - before)
                own_hooks.load(self, found)
                self.register(name, module)
            except LoadError:
                del self._found[name]
                discover.forget(found)
                raise
            self._loaded[name] = found.manifest.version
            self.broken.pop(name, None)

    def _fence(self, name: str, tables: set[str]) -> None:
        outside = sorted(each for each in tables if not each.startswith(f"{name}_"))
        if outside:
            for each in outside:
                Base.metadata.remove(Base.metadata.tables[each])
            raise LoadError(f"Plugin {name} declares the table {outside[0]}; its tables must begin with {name}_.")

    def register(self, name: str, module: ModuleType) -> None:
        """Check every answer of a module against its hook, then take them all or none. Raises LoadError."""
        for function, options in registrations.answers(module):
            self._check_answer(name, function, options)
        collected = registrations.collect(self, name, module)
        try:
            self.pm.register(module, name)
        except (ValueError, pluggy.PluginValidationError) as error:
            raise LoadError(f"Plugin {name}: {error}") from error
        try:
            for step in self.on_register:
                step(name, collected)
        except LoadError:
            self.pm.unregister(name=name)
            raise
        for hook, items in collected.items():
            known = [*self._registered.get(hook, []), *((name, item) for item in items)]
            self._registered[hook] = sorted(known, key=lambda each: (not each[0].startswith("builtin."), each[0]))

    def _check_answer(self, plugin: str, function: Any, options: dict[str, Any]) -> None:
        hook = options.get("specname") or function.__name__
        where = f"Plugin {plugin}, {function.__code__.co_filename}:{function.__code__.co_firstlineno}"
        spec = self.specs.get(hook)
        if spec is None and options.get("optionalhook"):
            return  # a hook of another plugin, which may come later or never
        if spec is None:
            near = difflib.get_close_matches(hook, self.specs, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise LoadError(f"{where}: there is no hook called {hook}.{hint}")
        if spec.status == "deprecated":
            log.warning("Plugin %s answers %s, which will go away; the reference of hooks says when.", plugin, hook)
        if options.get("wrapper") or options.get("hookwrapper"):
            raise LoadError(f"{where}: {hook} is written as a wrapper; a plugin answers, it does not wrap others.")
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.default is not parameter.empty:
                raise LoadError(f"{where}: {hook} gives {name} a default value; take the argument or leave it out.")
            if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD or name not in spec.args:
                raise LoadError(f"{where}: {hook} has no argument {parameter}; there is {', '.join(spec.args)}.")

    def hears(self, name: str) -> list[str]:
        """The event hooks that a loaded plugin answers."""
        callers = self.pm.get_hookcallers(self.pm.get_plugin(name)) or []
        return sorted(each.name for each in callers
                      if each.name in self.specs and self.specs[each.name].kind is Kind.event)

    def _note(self, name: str, problem: str | None) -> None:
        """Keep on the plugin's row why it could not be loaded, or what it is to hear: for processes that do not
        import plugins, and for the time when this one cannot be imported."""
        values: dict[str, Any] = {"error": problem} | ({} if problem else {"hears": self.hears(name)})
        try:
            with work_context(self.app) as current:
                row = current.get(Plugin, name)
                if row is not None and any(getattr(row, key) != value for key, value in values.items()):
                    with transaction():
                        current.execute(sa.update(Plugin).where(Plugin.name == name)
                                        .values(**values, changed_at=Plugin.changed_at))
        except SQLAlchemyError:
            log.exception("The state of plugin %s could not be stored.", name)


def init_app(app: Flask, config: Config) -> PluginHost:
    """Give an application its plugin host with the always-active features. Touches no database yet."""
    host = PluginHost(app, config)
    for name, module in discover.builtins():
        host.add_builtin(name, module)
    with app.app_context():
        guards.listen(db.engine)
    app.extensions[EXTENSION] = host
    return host
