"""Asks a plugin, once, when it is loaded, for what it registers, and checks each item before anything is kept."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from inbox.hookspecs import PROJECT, Kind
from inbox.plugin_host import faults, loading
from inbox.plugin_host.items import Item
from inbox.plugin_host.loading import LoadError

if TYPE_CHECKING:
    from inbox.plugin_host.registry import PluginHost


def answers(module: ModuleType) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The functions of a module that answer a hook, and how they are marked."""
    for function in list(vars(module).values()):
        if inspect.isroutine(function):  # `request` and its like, imported there, must not be looked into
            options = getattr(function, f"{PROJECT}_impl", None)
            if isinstance(options, dict):
                yield function, options


def collect(host: PluginHost, plugin: str, module: ModuleType) -> dict[str, list[Any]]:
    """What a module registers, by hook. Raises LoadError when it fails, or when an item cannot be used."""
    found: dict[str, list[Any]] = {}
    for function, options in answers(module):
        hook = options.get("specname") or function.__name__
        if hook in host.specs and host.specs[hook].kind is Kind.register:
            found[hook] = _items(host, plugin, hook, function)
    return found


def _items(host: PluginHost, plugin: str, hook: str, function: Any) -> list[Any]:
    try:
        items = loading.run(host, plugin, hook, function)
    except LoadError:
        raise
    except (Exception, SystemExit) as error:
        faults.store(host, plugin, hook, f"{type(error).__name__}: {error}", error=error)
        raise LoadError(f"Plugin {plugin}: {hook} failed: {type(error).__name__}: {error}") from error
    if items is None:
        return []
    if not isinstance(items, list):
        raise LoadError(f"Plugin {plugin}: {hook} returned {type(items).__name__}; it returns a list.")
    wanted, taken = host.specs[hook].item, {
        getattr(item, "name", None): owner for owner, item in host.registered(hook)}
    for item in items:
        if wanted is not None and not isinstance(item, wanted):
            raise LoadError(f"Plugin {plugin}: {hook} returned a list with {type(item).__name__}; "
                            f"it holds {wanted.__name__}.")
        _check_name(plugin, hook, getattr(item, "name", None), taken)
        if isinstance(item, Item):
            object.__setattr__(item, "plugin", plugin)
    return items


def _check_name(plugin: str, hook: str, name: str | None, taken: dict[str | None, str]) -> None:
    """Names begin with the plugin's own; two of the same name stop the second."""
    if name is None:
        return
    prefix = plugin.removeprefix("builtin.")
    if not name.startswith(f"{prefix}."):
        raise LoadError(f"Plugin {plugin}: {hook} registers {name!r}; its names begin with {prefix!r} and a point.")
    if name in taken:
        raise LoadError(f"Plugin {plugin}: {hook} registers {name!r}, which {taken[name]} has registered before.")
    taken[name] = plugin
