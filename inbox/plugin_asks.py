"""Asks other plugins by the hooks a plugin has declared in its `hookspecs.py`: `asks.slot("reports_panels", first=…)`.

The same rules as for ours: isolation, time, type-checked answers (docs/reference/hooks.md).
"""

from __future__ import annotations

from typing import Any, TypeVar

from inbox.plugin_host import call

T = TypeVar("T")


def _own(name: str) -> str:
    """Raises RuntimeError when the running plugin asks by a hook that is not its own."""
    running = call.answering()
    if running is None or not name.startswith(f"{running.plugin}_"):
        raise RuntimeError(f"{name} is not a hook of the plugin that asks; its hooks begin with its name.")
    return name


def slot(name: str, **facts: Any) -> list[Any]:
    """The items of all plugins, in order."""
    return call.slot(_own(name), **facts)


def filter(name: str, value: T, **facts: Any) -> T:
    """The value, as plugins left it."""
    return call.filter(_own(name), value, **facts)


def choose(name: str, **facts: Any) -> Any:
    """The first answer that is not None, else None."""
    return call.choose(_own(name), **facts)


def check(name: str, **facts: Any) -> None:
    """Silence, or raises Rejected."""
    call.check(_own(name), **facts)
