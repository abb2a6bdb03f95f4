"""THE caller of hooks (placeholder until the plugin host lands: no plugin is asked)."""

from __future__ import annotations

from typing import Any


def prepare(hook: str, subject: Any, **arguments: Any) -> None:
    """Let plugins change fields of an unsaved object."""
