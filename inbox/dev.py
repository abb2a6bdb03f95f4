"""`inbox run --dev`: for authors of plugins. What they save is taken up by itself.

Templates are read again at the next page (Flask's own watch). Any other file of an installed plugin that changes makes
every process replace itself; the worker first brings the plugin's tables to what its migrations say now.
"""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path

from flask import Flask

from inbox import processes
from inbox.config import Config
from inbox.db import work_context
from inbox.migrate import MigrationError
from inbox.plugin_host import discover, lifecycle, migrate
from inbox.plugin_host.lifecycle import PluginError

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
NOT_WATCHED = (".html", ".pyc", ".md", ".txt", "~", ".swp")
Marks = dict[Path, tuple[int, int]]


def prepare(config: Config) -> None:
    """Install and activate the plugins that somebody works on. Within a work context; what fails is printed."""
    for folder in discover.dev_folders(config):
        try:
            lifecycle.install(folder.name)
            lifecycle.activate(folder.name)
        except PluginError as error:
            print(f"{error}", file=sys.stderr)


def watch(app: Flask, *, brings_tables: bool) -> None:
    """Watch the folders of the installed plugins in a thread. Call it before any plugin is imported."""
    config: Config = app.config["INBOX"]
    with work_context(app):
        folders = {each.name: each.folder for each in lifecycle.plugins() if each.is_installed and each.folder}
        if brings_tables:
            for name in folders:
                _bring_tables(config, name)
    before = {name: _marks(folder) for name, folder in folders.items()}
    threading.Thread(target=_watch, args=(app, folders, before, brings_tables), name="dev-watcher",
                     daemon=True).start()


def _watch(app: Flask, folders: dict[str, Path], before: dict[str, Marks], brings_tables: bool) -> None:
    pause = threading.Event()
    while True:
        pause.wait(LOOK_SECONDS)
        for name, folder in folders.items():
            now = _marks(folder)
            if now == before[name]:
                continue
            before[name] = now
            if brings_tables:
                with work_context(app):
                    _bring_tables(app.config["INBOX"], name)
            processes.recycle_me(f"Plugin {name} was saved.")


def _bring_tables(config: Config, name: str) -> None:
    found = discover.scan(config).get(name)
    if found is None:
        return
    try:
        migrate.to_newest(found)
    except MigrationError as error:
        log.error("%s", error)


def _marks(folder: Path) -> Marks:
    """When each file was changed, and how long it is."""
    found: Marks = {}
    for path in folder.rglob("*"):
        if path.name.endswith(NOT_WATCHED) or "__pycache__" in path.parts or path.name.startswith("."):
            continue
        try:
            state = path.stat()
        except OSError:  # an editor is just replacing it
            continue
        if not path.is_dir():
            found[path] = (state.st_mtime_ns, state.st_size)
    return found
