"""The seeded desk a measurement runs on: made once for each database and size, and kept below `.bench/`.

Small ones are copied for each run. A large one is measured where it lies: a run adds some hundred messages to it, and
leaves nothing to do behind (`leave_nothing_waiting`) and nothing new (`purge_what_came`), so that the next one finds
the same desk.
"""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.seed import VERSION, Size, messages_of, seed
from inbox.config import Config
from inbox.core import purge, search
from inbox.core.events import Actor
from inbox.core.models import Job, Message, Ticket
from inbox.db import release, session, transaction, utcnow
from inbox.jobs import engine as jobs
from inbox.migrate import migrate
from tests.support.postgres import Postgres

FOLDER = Path(".bench")
COPIED = 100_000  # tickets of the largest desk that is copied: a million take 30 GB
DATABASES = ("sqlite", "postgresql")


@contextmanager
def opened(tickets: int, database: str = "sqlite") -> Iterator[Config]:
    """The settings of a desk with that many tickets, until the end of the block.

    Raises RuntimeError where PostgreSQL is asked for and not installed.
    """
    FOLDER.mkdir(exist_ok=True)
    name = f"{VERSION}-{dt.datetime.now(dt.UTC):%Y-%m}-{tickets}"  # it ages: after a month it is made anew
    with (_sqlite if database == "sqlite" else _postgresql)(name, tickets) as config:
        yield config


@contextmanager
def home(tickets: int) -> Iterator[Path]:
    """The home of such a desk on SQLite."""
    with opened(tickets) as config:
        yield config.home


def leave_nothing_waiting(engine: sa.Engine) -> None:
    """Strike what measuring has left to do: events to tell, replies to send, jobs. Else the running program would do
    it while it is measured, and again at the next run. What it does once a day (it compares all that ever arrived with
    the disk, and empties a trash of years) counts as done; the hourly merge of the search index is done, to its end. In
    a work context."""
    _merge_search()
    jobs.ensure_repeating()
    release()  # else it would go on reading what was there before
    waiting = "SELECT id FROM message WHERE state IN ('queued', 'sending')"
    with engine.begin() as connection:
        for statement in ("UPDATE event SET dispatched_at = at WHERE dispatched_at IS NULL",
                          f"UPDATE recipient SET state = 'sent' WHERE state = 'queued' AND message_pk IN ({waiting})",
                          "UPDATE message SET state = 'sent', sent_at = at WHERE state IN ('queued', 'sending')",
                          "UPDATE job SET state = 'done', done_at = run_at WHERE state IN ('queued', 'running') "
                          "AND (key IS NULL OR key NOT LIKE 'every:%')"):
            connection.execute(sa.text(statement))
        connection.execute(sa.update(Job).where(Job.key.like("every:%"), Job.state.in_(("queued", "running"))).values(
            state="queued", run_at=utcnow() + dt.timedelta(hours=12)))


def purge_what_came(tickets: int) -> None:
    """Delete the tickets and messages a run has added to a desk of so many, for good: else the newest messages of a
    large desk would in the end be those of many runs, all of one kind. In a work context."""
    for ticket_id in session().scalars(sa.select(Ticket.id).where(Ticket.number > tickets)).all():
        purge.purge(session().get_one(Ticket, ticket_id), by=Actor.system("bench"))
    with transaction() as current:
        came = current.execute(sa.select(Message.id, Message.ticket_id).where(Message.id > messages_of(tickets))).all()
        for some in (came[at:at + 5000] for at in range(0, len(came), 5000)):
            search.remove([row.id for row in some])
            current.execute(sa.delete(Message).where(Message.id.in_([row.id for row in some])))
        written_in = {row.ticket_id for row in came}
        left = sa.select(sa.func.count()).where(Message.ticket_id == Ticket.id).scalar_subquery()
        current.execute(sa.update(Ticket).where(Ticket.id.in_(written_in)).values(message_count=left))


def _merge_search() -> None:
    while True:
        with transaction():
            if not search.merge_parts():
                return


# --- SQLite -----------------------------------------------------------------------------------------------------


@contextmanager
def _sqlite(name: str, tickets: int) -> Iterator[Config]:
    seeded = FOLDER / name / "inbox.db"
    if not seeded.exists():
        scratch = seeded.with_suffix(".part")
        scratch.parent.mkdir(exist_ok=True)
        scratch.unlink(missing_ok=True)
        _fill(f"sqlite:///{scratch}", tickets, lambda: scratch.stat().st_size)
        scratch.rename(seeded)
    _migrated(f"sqlite:///{seeded}")
    if tickets > COPIED:
        yield Config(home=seeded.parent.absolute())
        return
    with _scratch_home() as folder:
        shutil.copy(seeded, folder / "inbox.db")
        yield Config(home=folder)


@contextmanager
def _scratch_home() -> Iterator[Path]:
    folder = (FOLDER / "home").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _hurry(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-2000000"):
        connection.execute(f"PRAGMA {pragma}")


# --- PostgreSQL -------------------------------------------------------------------------------------------------


@contextmanager
def _postgresql(name: str, tickets: int) -> Iterator[Config]:
    """A server of its own on the disk, durable, which has all seeded desks: a copy is made of a template."""
    with _server() as server:
        if not _has(server, name):
            _order(server, f'DROP DATABASE IF EXISTS "{name}.part"', f'CREATE DATABASE "{name}.part"')
            _fill(server.url(f"{name}.part"), tickets, lambda: _size(server, f"{name}.part"))
            _order(server, f'ALTER DATABASE "{name}.part" RENAME TO "{name}"')
        _migrated(server.url(name))
        if tickets > COPIED:
            folder = (FOLDER / f"{name}-postgresql").absolute()
            folder.mkdir(exist_ok=True)
            yield Config(home=folder, database_url=server.url(name))
            return
        _order(server, "DROP DATABASE IF EXISTS run", f'CREATE DATABASE run TEMPLATE "{name}"')
        with _scratch_home() as folder:
            try:
                yield Config(home=folder, database_url=server.url("run"))
            finally:
                _order(server, "DROP DATABASE run WITH (FORCE)")


@contextmanager
def _server() -> Iterator[Postgres]:
    """The server of all seeded desks, as long as the block runs."""
    server = Postgres(durable=True, kept=FOLDER / "postgresql")
    try:
        yield server
    finally:
        server.stop()


def _order(server: Postgres, *statements: str) -> Any:
    """Send each outside of a transaction; what the last one answers, if anything."""
    engine = sa.create_engine(server.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with closing(engine.connect()) as connection:
        for statement in statements:
            answer = connection.exec_driver_sql(statement)
        return answer.scalar() if answer.returns_rows else None


def _has(server: Postgres, name: str) -> bool:
    return bool(_order(server, f"SELECT count(*) FROM pg_database WHERE datname = '{name}'"))


def _size(server: Postgres, name: str) -> int:
    return int(_order(server, f"SELECT pg_database_size('{name}')"))


# --- both -------------------------------------------------------------------------------------------------------


def _fill(url: str, tickets: int, size: Callable[[], int]) -> None:
    """Make the tables and seed them, and say how long that took and what it takes."""
    begun = time.perf_counter()
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    is_sqlite = engine.dialect.name == "sqlite"
    if is_sqlite:
        sa.event.listen(engine, "connect", _hurry)
    migrate(engine)
    with engine.begin() as connection:
        seed(connection, Size(tickets), dt.datetime.now(dt.UTC))
    upkeep = ("INSERT INTO search_index (search_index) VALUES ('optimize')" if is_sqlite  # as after some hours
              else "VACUUM ANALYZE")  # what it would do itself in the minutes after
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(upkeep)
    engine.dispose()
    print(f"Seeded {tickets:,} tickets in {time.perf_counter() - begun:.0f} s, {size() / 1e6:,.0f} MB "
          f"({engine.dialect.name})", flush=True)


def _migrated(url: str) -> None:
    """Bring the tables of a seeded desk to those of today, as an upgrade does."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    migrate(engine)
    engine.dispose()
