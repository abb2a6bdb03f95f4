"""Rows by table, written together in the way that is quickest on either database: SQLAlchemy's own bulk insert costs
more than making the texts.

SQLite gets the driver's `executemany`. PostgreSQL gets COPY, its indexes are made when the rows are there, and foreign
keys are not looked up row by row: what is written is right by construction, and `tests/bench/test_seed.py` proves it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from inbox.core import search

HASH = 16 * 2**20  # bytes that FTS5 gathers before it writes a piece of the index: 1 MB makes four times the merging


class Rows:
    """Rows by table until `flush()`.

    Times are passed through `time()` and JSON through `json()` first, once for all rows that share them.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._is_sqlite = connection.dialect.name == "sqlite"
        self._rows: dict[type, list[tuple[Any, ...]]] = {}
        self._columns: dict[type, dict[str, Any]] = {}  # model → default by column
        self._texts: list[tuple[int, str]] = []

    def time(self, at: dt.datetime) -> str:
        """A time in UTC as the database reads it."""
        text = at.isoformat(" ", "microseconds")
        return text.removesuffix("+00:00") if self._is_sqlite else text

    def json(self, value: Any) -> str:
        """A value as it lies in a JSON column."""
        return json.dumps(value)

    def add(self, model: type, **values: Any) -> None:
        """One row; columns that are not named have their defaults."""
        defaults = self._columns.get(model)
        if defaults is None:
            defaults = self._columns[model] = {each.name: self._default(each) for each in model.__table__.columns}  # type: ignore[attr-defined]
            self._rows[model] = []
        self._rows[model].append(tuple({**defaults, **values}.values()))

    def _default(self, column: sa.Column[Any]) -> Any:
        if column.default is None or column.name == "id":
            return None
        if column.default.is_scalar:
            return column.default.arg
        made = column.default.arg(None)
        return self.time(made) if isinstance(made, dt.datetime) else json.dumps(made)

    def index(self, message_pk: int, folded: str) -> None:
        """A message's words for the search index, in the order of the keys."""
        self._texts.append((message_pk, folded if self._is_sqlite else search.vector(folded)))

    def flush(self) -> None:
        """Write what there is."""
        for model, rows in self._rows.items():
            columns = [name for name in self._columns[model] if name != "id" or (rows and rows[0][0] is not None)]
            if rows and rows[0][0] is None:
                rows = [row[1:] for row in rows]
            self._write(model.__tablename__, columns, rows)  # type: ignore[attr-defined]
        self._write("search_index", ["rowid" if self._is_sqlite else "message_pk", "body"], self._texts)
        self._rows = {model: [] for model in self._rows}
        self._texts = []

    def _write(self, table: str, columns: list[str], rows: Sequence[tuple[Any, ...]]) -> None:
        if not rows:
            return
        names = ", ".join(f'"{name}"' for name in columns)
        cursor: Any = self._connection.connection.cursor()
        if self._is_sqlite:
            places = ", ".join(["?"] * len(columns))
            cursor.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({places})', rows)
        else:
            with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
                for row in rows:
                    copy.write_row(row)
        cursor.close()


@contextmanager
def hurried(connection: sa.Connection) -> Iterator[Rows]:
    """Rows for an empty, migrated database, and what makes filling it quick; afterwards it is as it was."""
    prepare = _sqlite if connection.dialect.name == "sqlite" else _postgresql
    with prepare(connection):
        rows = Rows(connection)
        yield rows
        rows.flush()


@contextmanager
def _sqlite(connection: sa.Connection) -> Iterator[None]:
    connection.exec_driver_sql(f"INSERT INTO search_index (search_index, rank) VALUES ('hashsize', {HASH})")
    yield
    connection.exec_driver_sql("DELETE FROM search_index_config WHERE k = 'hashsize'")


@contextmanager
def _postgresql(connection: sa.Connection) -> Iterator[None]:
    constraints = "SELECT 1 FROM pg_constraint WHERE conindid = indexrelid"
    found = connection.exec_driver_sql(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON oid = indrelid "
        f"WHERE relnamespace = 'public'::regnamespace AND NOT EXISTS ({constraints})").all()
    for name, _ in found:
        connection.exec_driver_sql(f"DROP INDEX {name}")
    connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # no look-up of foreign keys
    yield
    connection.exec_driver_sql("SET LOCAL session_replication_role = DEFAULT")
    connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '1GB'")
    for _, definition in found:
        connection.exec_driver_sql(definition)
