"""What the tests of the program and those of its bundled plugins share: the databases they run on."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.postgres import Postgres

TEST_DB = os.environ.get("INBOX_TEST_DB", "sqlite")


@pytest.fixture(scope="session")
def postgres() -> Iterator["Postgres"]:
    """A throw-away PostgreSQL for the whole session."""
    from tests.support import postgres

    if postgres.find_binaries() is None:
        pytest.skip(postgres.WHY_NOT)
    server = postgres.Postgres()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Migrated databases: SQLite, or of a throw-away PostgreSQL."""
    from inbox.testing.databases import Postgresql, Sqlite

    if TEST_DB == "sqlite":
        made: Any = Sqlite(tmp_path_factory.mktemp("template"))
    else:
        made = Postgresql(request.getfixturevalue("postgres").url("postgres"))
    yield made
    made.stop()
