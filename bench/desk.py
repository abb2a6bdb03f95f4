"""The seeded desk a measurement runs on: made once for each schema and size, copied for each run."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.seed import VERSION, Size, seed
from inbox.migrate import migrate

FOLDER = Path(".bench")


@contextmanager
def home(tickets: int) -> Iterator[Path]:
    """A home with that many tickets, of which nothing is left afterwards."""
    source, folder = _seeded(tickets), FOLDER / "home"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(source, folder / "inbox.db")
    try:
        yield folder.absolute()
    finally:
        shutil.rmtree(folder)


def _seeded(tickets: int) -> Path:
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{_schema_hash()}-{tickets}.db"
    if path.exists():
        return path
    begun, scratch = time.perf_counter(), path.with_suffix(".part")
    scratch.unlink(missing_ok=True)
    engine = sa.create_engine(f"sqlite:///{scratch}")
    sa.event.listen(engine, "connect", _hurry)
    migrate(engine)
    with engine.begin() as connection:
        seed(connection, Size(tickets), dt.datetime.now(dt.UTC))
    engine.dispose()
    scratch.rename(path)
    print(f"Seeded {tickets:,} tickets in {time.perf_counter() - begun:.0f} s, "
          f"{path.stat().st_size / 1e6:,.0f} MB: {path}", flush=True)
    return path


def _hurry(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000"):
        connection.execute(f"PRAGMA {pragma}")


def _schema_hash() -> str:
    """What changes when a seeded file no longer fits: tables and indexes, what is seeded, the month (it ages)."""
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    migrate(engine)
    with engine.connect() as connection:
        tables = connection.exec_driver_sql("SELECT sql FROM sqlite_master ORDER BY name").scalars().all()
    # A table that a migration copied has its constraints in any order.
    lines = sorted(line.strip(" ,\t") for sql in tables if sql for line in sql.splitlines())
    text = f"{lines} {VERSION} {dt.datetime.now(dt.UTC):%Y-%m}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
