"""What one application object after another would make anew, and a test process makes once.

Without it most of the time of a test goes into compiling the same templates and the same SQL.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from sqlalchemy.util import LRUCache

STATEMENTS = 5000  # the statements of the core and of all bundled plugins, and room


class Shared:
    """Compiled templates and compiled statements, for every application of this process."""

    def __init__(self, folder: Path) -> None:
        self._templates = FileSystemBytecodeCache(str(folder))
        self._statements: LRUCache[Any, Any] = LRUCache(STATEMENTS)
        self._dialects: dict[str, sa.Dialect] = {}  # compiled statements are kept by the dialect object

    def lend_to(self, app: Flask, engine: sa.Engine) -> None:
        """Give them to an application that has not talked to its database yet."""
        app.jinja_env.bytecode_cache = self._templates
        engine._compiled_cache = self._statements
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", _do_not_wait_for_the_disk)
        known = self._dialects.get(engine.dialect.name)
        if known is None:
            engine.connect().close()  # a dialect knows its server after the first connection of its own engine
            self._dialects[engine.dialect.name] = engine.dialect
        else:
            engine.dialect = engine.pool._dialect = known


def _do_not_wait_for_the_disk(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")  # a database that goes with its test need not survive a power cut
