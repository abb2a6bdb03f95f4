"""Notices when a plugin replaces functions of the program (monkey-patching), and puts them back.

What counts is identity: of functions, classes, properties and modules in the modules and classes of the program, and
of a function's code. New names are nobody's loss.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

KEPT = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type, staticmethod, classmethod, property)
PROGRAM = "inbox"


@dataclass(frozen=True)
class Replaced:
    """Something of the program that is not what it was: `inbox.db.transaction`, and what stood there instead."""

    name: str
    by: Any

    @property
    def places(self) -> set[str]:
        """Modules and files the replacement may come from."""
        found = getattr(self.by, "__func__", None) or getattr(self.by, "fget", None) or self.by
        code = found if isinstance(found, types.CodeType) else getattr(found, "__code__", None)
        return {str(getattr(found, "__module__", "")), code.co_filename if code is not None else ""} - {""}


class Original:
    """How the program is now: modules that are loaded, and their classes."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, Any, dict[str, Any]]] = []
        self._code: list[tuple[str, types.FunctionType, types.CodeType]] = []
        for name, module in list(sys.modules.items()):
            if name == PROGRAM or name.startswith(f"{PROGRAM}."):
                self._keep(name, module)

    def _keep(self, name: str, owner: Any) -> None:
        values = {key: value for key, value in list(vars(owner).items()) if isinstance(value, KEPT)}
        self._kept.append((name, owner, values))
        for key, value in values.items():
            where = f"{name}.{key}"
            if isinstance(value, types.FunctionType):
                self._code.append((where, value, value.__code__))
            elif isinstance(value, type) and value.__module__ == name and isinstance(owner, types.ModuleType):
                self._keep(where, value)

    def restore(self) -> list[Replaced]:
        """Put everything back that is not as it was. Returns what it was."""
        replaced = list(self._restore())
        for where, function, code in self._code:
            if function.__code__ is not code:
                replaced.append(Replaced(where, function.__code__))
                function.__code__ = code
        return replaced

    def _restore(self) -> Iterator[Replaced]:
        for name, owner, values in self._kept:
            now = vars(owner)
            for key, value in values.items():
                if now.get(key) is not value:
                    yield Replaced(f"{name}.{key}", now.get(key))
                    setattr(owner, key, value)
