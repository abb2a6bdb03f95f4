"""`inbox upgrade --check`: would every installed plugin work with this version? Changes nothing.

Each is imported in a process of its own, its answers are held against the hooks of this version, and on SQLite its
migrations are run on a copy of the database that has been brought to this version first.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from inbox import migrate
from inbox.app import create_core_app
from inbox.backup import copy_sqlite, sqlite_path
from inbox.config import Config
from inbox.db import db, work_context
from inbox.plugin_host import discover, requirements, trial
from inbox.plugin_host.requirements import RequirementsError
from inbox.prepare import EMPTY, NEWER, database_state
from inbox.processes import StartError


@dataclass(frozen=True)
class Verdict:
    """One installed plugin: the version in use, the version that lies here, why it would break, what to mend soon."""

    name: str
    version: str
    lies: str
    state: str
    problem: str = ""
    deprecated: tuple[str, ...] = ()


def check(config: Config) -> list[Verdict]:
    """Try every installed plugin, by name. Raises StartError when there is no desk that fits."""
    if config.is_sqlite and not sqlite_path(config).exists():
        raise StartError(f"{EMPTY} (data folder: {config.home})")
    app = create_core_app(config)
    with work_context(app):
        state = database_state(db.engine)
        if state in ("empty", "new"):
            raise StartError(EMPTY if state == "empty" else NEWER)
        rows = _installed()
    with tempfile.TemporaryDirectory() as folder:
        scratch = _scratch(config, Path(folder)) if config.is_sqlite and rows else None
        found = discover.scan(config)
        return [_verdict(config, name, version, state, found.get(name), scratch) for name, version, state in rows]


def _installed() -> list[tuple[str, str, str]]:
    """What is installed; by plain words, since the tables may still be of an older version."""
    if not sa.inspect(db.engine).has_table("plugin"):
        return []
    with db.engine.connect() as connection:
        return [(row.name, row.version, row.state) for row in connection.execute(
            sa.text("SELECT name, version, state FROM plugin ORDER BY name"))]


def _scratch(config: Config, folder: Path) -> Path:
    """A copy of the database, brought to this version."""
    copy = folder / "scratch.db"
    copy_sqlite(sqlite_path(config), copy)
    engine = sa.create_engine(f"sqlite:///{copy}")
    try:
        migrate.migrate(engine)
    finally:
        engine.dispose()
    return copy


def _verdict(config: Config, name: str, version: str, state: str, found: discover.Found | None,
             scratch: Path | None) -> Verdict:
    if found is None:
        return Verdict(name, version, "", state, "Its folder is gone. Put it back, or uninstall the plugin.")
    lies = found.manifest.version if found.manifest else ""
    if found.problem or found.manifest is None:
        return Verdict(name, version, lies, state, found.problem or "It has no manifest.")
    try:
        wanted = requirements.missing(config, name, requirements.of(config, found))
    except RequirementsError as error:
        return Verdict(name, version, lies, state, str(error))
    if wanted:
        return Verdict(name, version, lies, state, f"It requires {', '.join(wanted)}: "
                                                   f"{requirements.command(config, name, wanted)}")
    outcome = trial.run(config, found, scratch=scratch)
    return Verdict(name, version, lies, state, outcome.problem, outcome.deprecated)
