"""Databases for tests: one that was migrated once, and copies of it, which is much faster than migrating each.

INBOX_TEST_DB chooses: `sqlite` (default), or the address of a PostgreSQL server where databases may be made and
dropped: `postgresql://user:password@host/postgres`.
"""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

import sqlalchemy as sa

from inbox.migrate import migrate

VARIABLE = "INBOX_TEST_DB"
DRIVER = "postgresql+psycopg"


def migrate_at(url: str) -> None:
    """Bring the database at `url` to the newest migration of the core."""
    engine = sa.create_engine(url)
    migrate(engine)
    engine.dispose()


class Sqlite:
    """SQLite files, each in the home of its desk."""

    def __init__(self, folder: Path) -> None:
        self.template = folder / "template.db"
        migrate_at(f"sqlite:///{self.template}")

    def new(self, home: Path) -> str:
        """Put a database into a home. Returns the value for Config.database_url."""
        shutil.copy(self.template, home / "inbox.db")
        return ""

    def drop(self, url: str) -> None:
        """The file goes with its home."""

    def stop(self) -> None:
        """Nothing runs."""


class Postgresql:
    """Databases of a running server."""

    def __init__(self, url: str) -> None:
        self._server = sa.make_url(url).set(drivername=DRIVER)
        self._engine = sa.create_engine(self._server, isolation_level="AUTOCOMMIT")  # CREATE DATABASE wants it so
        self._template = self._make("")
        migrate_at(self._template)

    def _make(self, options: str) -> str:
        name = f"inbox_test_{uuid.uuid4().hex[:12]}"
        with self._engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} {options}")
        return self._server.set(database=name).render_as_string(hide_password=False)

    def new(self, home: Path) -> str:
        """A database of a test's own. Returns the value for Config.database_url."""
        return self._make(f"TEMPLATE {sa.make_url(self._template).database} STRATEGY file_copy")

    def empty(self) -> str:
        """A database without any table."""
        return self._make("TEMPLATE template0")

    def drop(self, url: str) -> None:
        """Remove a database, throwing out who is still connected."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {sa.make_url(url).database} WITH (FORCE)")

    def stop(self) -> None:
        self.drop(self._template)
        self._engine.dispose()


def chosen(folder: Path) -> Sqlite | Postgresql:
    """Databases as INBOX_TEST_DB says; `folder` may be used for files. Raises ValueError."""
    wanted = os.environ.get(VARIABLE) or "sqlite"
    if wanted == "sqlite":
        return Sqlite(folder)
    if wanted.startswith(("postgresql://", f"{DRIVER}://")):
        return Postgresql(wanted)
    raise ValueError(f"{VARIABLE} must be sqlite or postgresql://…, not {wanted!r}.")
