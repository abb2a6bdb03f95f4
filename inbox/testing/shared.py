"""What one application object after another would make anew, and a test process makes once.

Without it most of the time of a test goes into compiling the same templates, the same SQL and the same routes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

STATEMENTS = 5000  # the statements of the core and of all bundled plugins, and room


class Shared:
    """Compiled templates and compiled statements, for every application of this process."""

    def __init__(self, folder: Path) -> None:
        self._templates = FileSystemBytecodeCache(str(folder))
        self._statements: LRUCache[Any, Any] = LRUCache(STATEMENTS)
        self._dialects: dict[str, sa.Dialect] = {}  # compiled statements are kept by the dialect object
        _share_routes()

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


def _share_routes() -> None:
    """Take each route apart once, not in every application."""
    parse: Any = Rule._parse_rule
    known: dict[Any, Any] = {}

    def parse_once(rule: Rule, text: str) -> Any:
        assert rule.map is not None
        key = (text, rule.is_leaf, rule.strict_slashes, tuple(rule.map.converters.values()))
        if key not in known:
            begin = len(rule._trace)
            parts = list(parse(rule, text))
            known[key] = parts, rule._trace[begin:], dict(rule._converters)
            return parts
        parts, trace, converters = known[key]
        rule._trace += trace
        rule._converters.update(converters)
        rule.arguments |= set(converters)
        return parts

    Rule._parse_rule = parse_once  # type: ignore[assignment,method-assign]


def _do_not_wait_for_the_disk(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")  # a database that goes with its test need not survive a power cut
