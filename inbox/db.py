"""The database: engine, session, column types, and `transaction()`, the only commit in the program."""

from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from flask import Flask, current_app, has_app_context
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as BoundSession
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction
from sqlalchemy.types import TypeDecorator

from inbox.config import Config

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
SQLITE_BUSY_MS = 10_000
REST_SECONDS = 2.0  # a connection that lay still for so long is asked whether it is still there
CHANNEL = "inbox"  # PostgreSQL NOTIFY channel; inbox.changes listens


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMING)
    # What the database fills in for rows of older versions has the same default here: nothing is to be read back.
    __mapper_args__ = {"eager_defaults": False}


class DatabaseSession(BoundSession):
    """Rows by their primary key, of which there is one at most, are asked for by one plan: see `one_plan`."""

    def get(self, entity: Any, ident: Any, **how: Any) -> Any:
        how["execution_options"] = {**how.get("execution_options", {}), "one_plan": True}
        return super().get(entity, ident, **how)


# Objects stay readable after a commit; `transaction()` expires them when the next one begins, so that
# a write never trusts what was read before it held the lock.
db = SQLAlchemy(model_class=Base, session_options={
    "class_": DatabaseSession, "expire_on_commit": False, "autoflush": False})

S = TypeVar("S", bound=sa.Executable)

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class UtcDateTime(TypeDecorator[dt.datetime]):
    """An aware UTC time. A naive one is refused: nobody can know which clock it means."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A time without a time zone cannot be stored; use inbox.db.utcnow().")
        value = value.astimezone(dt.UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        return value if value is None else (
            value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC))

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """SQLite has text, which is read in one step instead of four: a list has two hundred times."""
        if dialect.name != "sqlite":
            return super().result_processor(dialect, coltype)
        return lambda text: text if text is None else dt.datetime.fromisoformat(f"{text}+00:00")


def utcnow() -> dt.datetime:
    """Now, aware, in UTC. Everything that asks for the time asks here, so that the clock can be set: `at_time`."""
    return _clock.get() or dt.datetime.now(dt.UTC)


_clock: ContextVar[dt.datetime | None] = ContextVar("inbox_clock", default=None)


def standing_clock() -> dt.datetime | None:
    """Where the clock was put to, or None while it runs. To be handed on to another context."""
    return _clock.get()


@contextmanager
def at_time(moment: dt.datetime) -> Iterator[None]:
    """Within the block and in this thread the clock stands at `moment` (aware). For tests and the demo desk."""
    mark = _clock.set(moment.astimezone(dt.UTC))
    try:
        yield
    finally:
        _clock.reset(mark)


def fixed(value: str | int) -> sa.ColumnClause[Any]:
    """A value of the program (never one that was typed) written into the statement itself: a partial index is used only
    where its condition can be read, and `one_plan` is right only where it knows what is rare and where it ends."""
    if isinstance(value, int):
        return sa.literal_column(str(value), sa.Integer())
    return sa.literal_column("'" + value.replace("'", "''") + "'", sa.String())


def one_plan(statement: S) -> S:
    """A statement PostgreSQL may plan once for whatever values come, as where each finds a few rows by a key: there the
    plan takes longer than the rows. Any other is planned for its values, each time: one plan for all walks through a
    million rows where a value is rare, as for the list of an empty department. Its LIMIT should be `fixed`."""
    return statement.execution_options(one_plan=True)


def session() -> Session:
    """The session of the current work context (a request, a job, a command)."""
    return db.session()


def columns(statement: sa.Executable, values: Mapping[str, Any] | None = None) -> sa.CursorResult[Any]:
    """Rows of a statement that selects columns alone, read in the transaction of the session, without what the ORM does
    for objects: a page asks for a few, and that is a fifth of what each costs. Nothing is flushed before."""
    return session().connection().execute(statement, values)


def inserted(model: type[Base], values: Mapping[str, Any], *, unless_there: bool = False) -> Any:
    """Add a row nobody needs as an object, inside transaction(). Returns its primary key (of one column).

    `unless_there`: one that is there already, by any key, is not added again; it has no answer then. Raises
    RuntimeError outside.
    """
    refuse_writes()
    if not _writing.get():
        raise RuntimeError("Rows are inserted inside `with transaction():`.")
    table: Any = model.__table__
    if unless_there:
        make = sqlite.insert if is_sqlite() else postgresql.insert
        columns(make(table).on_conflict_do_nothing(), values)
        return None
    key = columns(sa.insert(table), values).inserted_primary_key
    assert key is not None
    return key[0]


def is_among(column: sa.ColumnElement[int] | sa.orm.InstrumentedAttribute[int], name: str) -> sa.ColumnElement[bool]:
    """True for rows whose column is one of many ids, given as one value called `name`, a list: IN with hundreds of
    values is written out, read and planned anew each time."""
    ids = sa.bindparam(name, type_=Ids())
    if is_sqlite():
        return column.in_(sa.select(sa.func.json_each(ids).table_valued("value").c.value))
    return column == sa.any_(ids)


class Ids(TypeDecorator[list[int]]):
    """Many ids as one value."""

    impl = sa.JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.JSON() if dialect.name == "sqlite" else postgresql.ARRAY(sa.BigInteger))


# --- the only commit ------------------------------------------------------------------------------------------

_writing: ContextVar[bool] = ContextVar("inbox_writing", default=False)
_closing: ContextVar[bool] = ContextVar("inbox_closing", default=False)  # transaction() itself commits now
_no_writes: ContextVar[str | None] = ContextVar("inbox_no_writes", default=None)  # why nothing may be written
on_commit: list[Callable[[Flask], None]] = []
"""Called after every outermost commit, e.g. to wake the dispatcher of this process. They must not raise."""


def in_transaction() -> bool:
    """True between the beginning and the end of the outermost `with transaction()`."""
    return _writing.get()


@contextmanager
def transaction(*, is_quiet: bool = False) -> Iterator[Session]:
    """All changes in the block are stored together, or none is. A nested use joins the outer one.

    The read before it is ended first and everything loaded is expired: on SQLite a read that turns into a
    write fails at once when another connection wrote in between (busy time-out or not), so the write begins
    with BEGIN IMMEDIATE and reads afresh. Keep it to milliseconds: no parsing, no network, no plugin.

    A quiet one wakes nobody: for what changes nothing that another process would do or show.
    """
    refuse_writes()
    current = session()
    if _writing.get():
        yield current
        return
    if current.new or current.dirty or current.deleted:
        raise RuntimeError("Objects were changed outside of transaction(); change them inside the block.")
    current.rollback()
    current.expire_all()  # after a commit with no read since there is nothing to roll back, and nothing expires
    mark = _writing.set(True)
    try:
        try:
            root = current.get_transaction() or current.begin()
            yield current
            if current.get_transaction() is not root:
                raise RuntimeError("The transaction was ended inside its block; leave that to transaction().")
            current.flush()
            if not is_quiet and current.get_bind().dialect.name == "postgresql":
                current.execute(sa.text(f"NOTIFY {CHANNEL}"))
            _commit(current)
        except BaseException:
            current.rollback()
            raise
    finally:
        _writing.reset(mark)
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    for wake in () if is_quiet else on_commit:
        wake(app)


def _commit(current: Session) -> None:
    mark = _closing.set(True)
    try:
        current.commit()
    finally:
        _closing.reset(mark)


def release() -> None:
    """End the read of this session, so that nothing of the database is held while somebody else is waited for."""
    current = session()
    if not _writing.get() and not (current.new or current.dirty or current.deleted):
        current.rollback()


@contextmanager
def no_writes(why: str) -> Iterator[None]:
    """Within the block nothing can be written through the session: `transaction()`, flush and commit raise `why`."""
    mark = _no_writes.set(why)
    try:
        yield
    finally:
        _no_writes.reset(mark)


def forbid_writes(why: str) -> None:
    """The same until the end of the running context (a copy of another, as each call into a plugin has)."""
    _no_writes.set(why)


def refuse_writes() -> None:
    """Raise RuntimeError within a `no_writes()` block; else nothing."""
    why = _no_writes.get()
    if why is not None:
        raise RuntimeError(why)


@sa.event.listens_for(db.session, "before_flush")
def _no_flush(_current: Session, _context: Any, _objects: Any) -> None:
    refuse_writes()


@sa.event.listens_for(db.session, "before_flush")
def _number_rows(current: Session, _context: Any, _objects: Any) -> None:
    """Give several new rows of a table their ids on SQLite: without, it is asked to insert them one by one.

    They are those that it would give itself (the highest plus one), and nobody else writes meanwhile.
    """
    if not _writing.get() or len(current.new) < 2 or current.get_bind().dialect.name != "sqlite":
        return
    rows: dict[type, list[Any]] = {}
    for row in current.new:
        rows.setdefault(type(row), []).append(row)
    for model, new in rows.items():
        column: Any = sa.inspect(model).local_table.autoincrement_column
        if column is None or len(new) < 2:
            continue
        key: str = sa.inspect(model).get_property_by_column(column).key
        if all(getattr(row, key) is None for row in new):
            first = current.connection().scalar(sa.select(sa.func.coalesce(sa.func.max(column), 0))) + 1
            for number, row in enumerate(sorted(new, key=lambda row: sa.inspect(row).insert_order), first):
                setattr(row, key, number)


@sa.event.listens_for(db.session, "do_orm_execute")
def _before_statement(state: sa.orm.ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        refuse_writes()
    elif state.is_column_load or state.is_relationship_load:  # by a key
        state.update_execution_options(one_plan=True)


@sa.event.listens_for(db.session, "before_commit")
def _only_here(current: Session) -> None:
    if not _closing.get() and not current.in_nested_transaction():
        raise RuntimeError("Only inbox.db.transaction() commits; write inside `with transaction():`.")


@contextmanager
def work_context(app: Flask) -> Iterator[Session]:
    """A session scope for a thread, a job or a command. Every thread that touches the database enters one."""
    with app.app_context():
        yield session()


# --- engine ---------------------------------------------------------------------------------------------------


def init_database(app: Flask, config: Config) -> None:
    """Bind the database to `app`. Makes no connection yet."""
    app.config["SQLALCHEMY_DATABASE_URI"] = config.sqlalchemy_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = _engine_options(config)
    db.init_app(app)
    with app.app_context():
        if config.is_sqlite:
            sa.event.listen(db.engine, "connect", _prepare_sqlite)
            sa.event.listen(db.engine, "begin", _begin_sqlite)
        else:
            sa.event.listen(db.engine, "connect", _prepare_postgresql)
            sa.event.listen(db.engine, "do_execute", _execute_in_postgresql)
            sa.event.listen(db.engine, "handle_error", _outdated)
            sa.event.listen(db.engine, "checkin", _note_rest)
            sa.event.listen(db.engine, "checkout", _ask_after_rest)


def _engine_options(config: Config) -> dict[str, Any]:
    size = config.web_threads + 8
    if config.is_sqlite:
        return {"pool_size": size, "max_overflow": 16, "pool_use_lifo": True,  # each keeps pages: few shall be in use
                "connect_args": {"check_same_thread": False}}
    kept = min(size, 20, config.database_connections)  # the rest is closed again after use
    return {"pool_size": kept, "max_overflow": config.database_connections - kept}


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    """A statement on its own may only read; a transaction that is begun may write, as its BEGIN says, unless whoever
    runs the server forbids it."""
    connection.autocommit = True
    forbidden = connection.execute("SHOW default_transaction_read_only; "
                                   "SET default_transaction_read_only = on").fetchone()
    connection.autocommit = False
    if forbidden[0] == "off":
        connection.read_only = False
    make = connection.server_cursor_factory  # for rows fetched bit by bit (`yield_per`)
    connection.server_cursor_factory = lambda link, **how: make(link, **how | {"withhold": link.autocommit})


def _execute_in_postgresql(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
    """Only what may have one plan is left for the server to keep (after five times): what is said to (`one_plan`), an
    INSERT, which has but one, and what a flush writes, by primary key (it brings its own cache of statements)."""
    if context._is_server_side:  # rows fetched bit by bit (`yield_per`): never kept
        return False
    how = context.execution_options
    may_be_kept = context.isinsert or "one_plan" in how or "compiled_cache" in how
    cursor.execute(statement, parameters, prepare=None if may_be_kept else False)
    return True


def _outdated(context: sa.ExceptionContext) -> None:
    """A statement the server keeps for a connection is of no use once a column has another type, as after an upgrade
    beside it: new connections are made."""
    if "cached plan must not change result type" in str(context.original_exception):
        context.is_disconnect = True


@sa.event.listens_for(db.session, "after_begin")
def _read_alone(_current: Session, transaction: SessionTransaction, connection: sa.Connection) -> None:
    """Outside of transaction() each statement stands alone on PostgreSQL, without the BEGIN before the first and the
    ROLLBACK after the last, each a question of its own. It sees what is stored when it begins, as it would within."""
    if (connection.dialect.name == "postgresql" and not _writing.get() and not transaction.nested
            and "isolation_level" not in connection.get_execution_options()):
        raw: Any = connection.connection.driver_connection
        raw.autocommit = True


def _note_rest(connection: Any, record: Any) -> None:
    record.info["rests_since"] = time.monotonic()
    if connection is not None and not connection.closed:
        connection.autocommit = False


def _ask_after_rest(connection: Any, record: Any, _proxy: Any) -> None:
    """A connection that has rested may have been cut meanwhile: then another takes its place, and nobody notices.

    One that was in use a moment ago is not asked, as `pool_pre_ping` would: under load that is a question for every
    short read, a tenth of what the database and we have to do.
    """
    if time.monotonic() - record.info.get("rests_since", math.inf) > REST_SECONDS:
        dialect = db.engine.dialect
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError(str(error)) from error


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The cache of pages is left at its 2 MB: each connection has its own, and a commit of another empties it.
    connection.isolation_level = None  # our own BEGIN: Python's default would leave savepoints behind a rollback
    for pragma in (f"busy_timeout={SQLITE_BUSY_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON",
                   "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writing.get() else "BEGIN")


def is_sqlite() -> bool:
    """True when the current work context talks to SQLite."""
    if not has_app_context():
        raise RuntimeError("Enter inbox.db.work_context(app) first.")
    return db.engine.dialect.name == "sqlite"


def current_config() -> Config:
    """The installation's settings, of the current work context."""
    config: Config = current_app.config["INBOX"]
    return config
