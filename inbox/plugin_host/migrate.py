"""A plugin's own tables: its own migrations, its own version table, names that begin with its own."""

from __future__ import annotations

import sqlalchemy as sa

from inbox.db import db
from inbox.migrate import MigrationError, migrate, version_table
from inbox.plugin_host.discover import Found

FOLDER = "migrations"


def to_newest(found: Found) -> None:
    """Bring a plugin's tables to what its code expects. Raises MigrationError; then nothing has changed."""
    _run(found, "head")


def to_base(found: Found) -> None:
    """Remove a plugin's tables and all that is in them. Raises MigrationError; then nothing has changed."""
    _run(found, "base")


def _run(found: Found, to: str) -> None:
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
        migrate(db.engine, found.name, folder, to, verify=fence)
    except sa.exc.SQLAlchemyError as error:
        raise MigrationError(f"The migrations of plugin {found.name} failed: {error}") from error


def _owns(name: str, table: str) -> bool:
    return table.startswith(f"{name}_") or table == version_table(name)


def _columns(source: sa.Engine | sa.Connection) -> dict[str, list[str]]:
    """Every table with the names of its columns."""
    found = sa.inspect(source).get_multi_columns()
    return {table or "": [each["name"] for each in columns] for (_, table), columns in found.items()}
