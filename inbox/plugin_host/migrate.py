"""A plugin's own tables: its own migrations, its own version table, names that begin with its own."""

from __future__ import annotations

import sqlalchemy as sa

from inbox.db import db
from inbox.migrate import MigrationError, current, migrate, version_table
from inbox.plugin_host.discover import Found

FOLDER = "migrations"


def to_newest(found: Found) -> None:
    """Bring a plugin's tables to what its code expects. Raises MigrationError; then nothing has changed."""
    _run(found, "head")


def to_base(found: Found) -> None:
    """Remove a plugin's tables and all that is in them. Raises MigrationError; then nothing has changed."""
    _run(found, "base")


def remove_tables(name: str, found: Found | None, *, force: bool = False) -> None:
    """Remove all tables of a plugin: by its own migrations, or by their names when its code is gone or `force` is set.

    Raises MigrationError; then nothing has changed.
    """
    if found is not None and not force:
        to_base(found)
    try:
        with db.engine.begin() as connection:
            metadata = sa.MetaData()
            own = [each for each in sa.inspect(connection).get_table_names() if _owns(name, each)]
            if own:
                metadata.reflect(connection, only=own, resolve_fks=False)
                metadata.drop_all(connection, tables=[metadata.tables[each] for each in own])
    except sa.exc.SQLAlchemyError as error:
        raise MigrationError(f"The tables of plugin {name} cannot be removed: {error}") from error


def revision_of(name: str) -> str | None:
    """The revision a plugin's tables are at; None before its first migration."""
    return current(db.engine, name)


def to_revision(found: Found, revision: str | None) -> None:
    """Take a plugin's tables back to an older revision, or to none. Raises MigrationError; then nothing has changed."""
    _run(found, revision or "base", back=True)


def _run(found: Found, to: str, *, back: bool = False) -> None:
    folder = found.folder / FOLDER
    if not folder.is_dir():
        return
    before = _columns(db.engine)

    def fence(connection: sa.Connection) -> None:
        after = _columns(connection)
        for table in sorted(before.keys() | after.keys()):
            if before.get(table) != after.get(table) and not _owns(found.name, table):
                raise MigrationError(f"The migrations of plugin {found.name} change the table {table}; "
                                     f"a plugin's tables begin with {found.name}_, and no others are its business.")

    try:
        migrate(db.engine, found.name, folder, to, verify=fence, back=back)
    except MigrationError:
        raise
    except (Exception, SystemExit) as error:  # a migration is other people's code
        what = f"{type(error).__name__}: {error}"
        raise MigrationError(f"The migrations of plugin {found.name} failed: {what}") from error


def _owns(name: str, table: str) -> bool:
    return table.startswith(f"{name}_") or table == version_table(name)


def _columns(source: sa.Engine | sa.Connection) -> dict[str, list[str]]:
    """Every table with the names of its columns."""
    found = sa.inspect(source).get_multi_columns()
    return {table or "": [each["name"] for each in columns] for (_, table), columns in found.items()}
