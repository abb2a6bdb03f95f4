"""Runs migrations: one runner for the core and for every plugin, each with its own version table.

There is no env.py and no alembic.ini: a component ships only a folder of revisions. When a plugin's folder
disappears, nobody else's migrations are in its way.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:  # Alembic is loaded when there is something to migrate: every process starts sooner without it
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

CORE = "core"
CORE_FOLDER = Path(__file__).parent / "migrations"
_SAID = re.compile(r"^(revision|down_revision)\b[^=\n]*=\s*(.*?)\s*(?:#.*)?$", re.M)
_PLAIN = re.compile(r"""["']([^"'\\]+)["']""")
PG_LOCK = 72_811  # any number, the same in every process: one migration at a time


class MigrationError(Exception):
    """A migration failed or left broken references; the database is as it was before."""


def version_table(component: str) -> str:
    """The name of the table that holds a component's revision."""
    return "alembic_version" if component == CORE else f"{component}_alembic_version"


def current(engine: sa.Engine, component: str = CORE) -> str | None:
    """The revision the database is at, or None before the first migration."""
    table = sa.table(version_table(component), sa.column("version_num"))
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(table.name):
            return None
        return connection.execute(sa.select(table.c.version_num)).scalar()


def can_run_on(engine: sa.Engine) -> bool:
    """True when this program fits the core's tables: they are its own, or newer and only added to since.

    During an upgrade old and new processes work side by side on the new tables. Each migration leaves behind which
    revision a program has to know at least: that of the newest migration which took something away (`contract = True`).
    """
    revision = current(engine)
    if revision is None or revision == head():
        return revision is not None
    return not knows(revision) and (floor := _floor(engine)) is not None and knows(floor)


def _floor(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        names = {each["name"] for each in sa.inspect(connection).get_columns(version_table(CORE))}
        table = sa.table(version_table(CORE), sa.column("floor"))
        return connection.execute(sa.select(table.c.floor)).scalar() if "floor" in names else None


def floor_of(folder: Path = CORE_FOLDER) -> str:
    """The revision that a program has to know at least to run on the tables of this one."""
    ordered = list(_scripts(folder).walk_revisions())  # the newest first
    return next(each.revision for each in ordered if getattr(each.module, "contract", False))


def _note_floor(connection: sa.Connection) -> None:
    """Beside the revision, in the same row: whoever reads one reads the other."""
    name = version_table(CORE)
    if "floor" not in {each["name"] for each in sa.inspect(connection).get_columns(name)}:
        connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN floor VARCHAR(32)")
    connection.execute(sa.update(sa.table(name, sa.column("floor"))).values(floor=floor_of()))


def head(folder: Path = CORE_FOLDER) -> str | None:
    """The newest revision in a folder, or None when it has none."""
    found = _written(folder)
    if found is not None and len(newest := found["revision"] - found["down_revision"]) == 1:
        return newest.pop()
    return _scripts(folder).get_current_head()


def knows(revision: str, folder: Path = CORE_FOLDER) -> bool:
    """True when a folder holds this revision: the database is not newer than the program."""
    found = _written(folder)
    if found is not None and revision in found["revision"]:
        return True
    return any(script.revision == revision for script in _scripts(folder).walk_revisions())


def _written(folder: Path) -> dict[str, set[str]] | None:
    """The revisions of a folder, and those that another one follows, as its files say; nothing is imported.

    None when a file says it otherwise than by a plain string.
    """
    found: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
    for file in folder.glob("*.py"):
        for name, value in _SAID.findall(file.read_text("utf-8")):
            if plain := _PLAIN.fullmatch(value):
                found[name].add(plain[1])
            elif value != "None":
                return None
    return found


def migrate(engine: sa.Engine, component: str = CORE, folder: Path = CORE_FOLDER, to: str = "head",
            verify: Callable[[sa.Connection], None] | None = None, *, back: bool = False) -> None:
    """Bring a component's tables to revision `to` (`head`, `base` or an id; with `back` an older one), all or nothing.

    `verify` looks at the result before it is kept and raises MigrationError when it must not be.
    Raises MigrationError; whatever happens, the database is then as it was.
    """
    from alembic.config import Config as AlembicConfig
    from alembic.runtime.environment import EnvironmentContext

    scripts = _scripts(folder)
    if not any(scripts.walk_revisions()):
        return

    def steps(revision: Any, _context: MigrationContext) -> Any:
        return scripts._downgrade_revs(to, revision) if back or to == "base" else scripts._upgrade_revs(to, revision)

    with EnvironmentContext(AlembicConfig(), scripts, fn=steps) as env, engine.connect() as connection:
        lite = connection.dialect.name == "sqlite"
        raw: Any = connection.connection.dbapi_connection
        if lite:  # outside of a transaction, or SQLite ignores it; batch mode would cascade through child rows
            raw.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                if not lite:
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({PG_LOCK})")
                env.configure(connection=connection, target_metadata=None, render_as_batch=True,
                              version_table=version_table(component), transactional_ddl=True)
                with env.begin_transaction():
                    env.run_migrations()
                if component == CORE and to == "head":
                    _note_floor(connection)
                if verify is not None:
                    verify(connection)
                if lite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(3)):
                    raise MigrationError(f"The migration of {component} left broken references: {broken}")
                if to == "base":
                    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {version_table(component)}")
        finally:
            if lite:
                raw.execute("PRAGMA foreign_keys=ON")


def _scripts(folder: Path) -> ScriptDirectory:
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(folder), version_locations=[str(folder)])
