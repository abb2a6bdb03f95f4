"""Plugins for tests: written into INBOX_HOME/plugins, or registered straight from functions."""

from __future__ import annotations

import textwrap
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask

from inbox import hookimpl
from inbox.plugin_host.registry import EXTENSION, PluginHost


def host_of(app: Flask) -> PluginHost:
    """The plugin host of an application."""
    host: PluginHost = app.extensions[EXTENSION]
    return host


def without_builtins(app: Flask) -> PluginHost:
    """The plugin host with the always-active features taken out: a test then sees its own plugins only."""
    host = host_of(app)
    for name in host.builtins:
        host.pm.unregister(name=name)
    host.builtins = frozenset()
    return host


def write_plugin(folder: Path, name: str, code: str = "", **manifest: Any) -> Path:
    """A plugin's folder below `folder` with a manifest and the code of its `__init__.py`. Returns its place."""
    values: dict[str, Any] = {"name": name, "title": name.title(), "version": "1.0"} | manifest
    lines = [f"{key} = {[*value] if isinstance(value, list | tuple) else repr(value)}"
             for key, value in values.items()]
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    (place / "plugin.toml").write_text("\n".join(lines).replace("'", '"') + "\n", "utf-8")
    (place / "__init__.py").write_text(textwrap.dedent(code), "utf-8")
    return place


def plug(app: Flask, name: str, *functions: Callable[..., Any]) -> None:
    """Register functions as the answers of a plugin that is active at once, in this application only."""
    module = types.ModuleType(name)
    for function in functions:
        setattr(module, function.__name__, hookimpl(function))
    host_of(app).add_builtin(name, module)
