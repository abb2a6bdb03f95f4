"""What keeps a plugin's call from harming the caller: its session, its objects, its database connections."""

from __future__ import annotations

import re
import time
import weakref
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from inbox.db import in_transaction, session
from inbox.hookspecs import HookSpec, Kind
from inbox.plugin_host.running import Call, answering

LONGEST_WRITE = 2.0  # seconds a plugin may keep a write transaction open; everybody else waits for it
HELD = f"It kept a write transaction open for more than {LONGEST_WRITE:.0f} s; it was rolled back."
HELD_WEIGHT = 5  # toward pausing
LONGEST_LIST = 50  # items of one plugin for one place on a page
LONGEST_TEXT = 100_000  # characters of something drawn by a plugin
SETS = re.compile(r"\s*(SET\s+(?!LOCAL\s)|LISTEN\s)", re.IGNORECASE)
PLURALS = (Kind.slot, Kind.register)


def complaint(spec: HookSpec, answer: Any) -> str | None:
    """What is wrong with an answer's type, or None."""
    if spec.answer is None:
        return None if answer is None else f"It returned {type(answer).__name__}; this hook returns nothing."
    if answer is None:
        return None
    if not isinstance(answer, spec.answer):
        return f"It returned {type(answer).__name__} instead of {spec.answer.__name__}."
    if isinstance(answer, list) and spec.kind in PLURALS and spec.item is not None:
        strange = next((each for each in answer if not isinstance(each, spec.item)), None)
        if strange is not None:
            return f"Its list holds {type(strange).__name__} instead of {spec.item.__name__}."
        if spec.kind is Kind.slot and len(answer) > LONGEST_LIST:
            return f"It returned {len(answer)} items; {LONGEST_LIST} is the most for one place."
    return None


def too_long(answer: Any) -> str | None:
    """What is wrong with a text that a plugin's own function or template made, or None."""
    if isinstance(answer, str) and len(answer) > LONGEST_TEXT:
        return f"It made a text of {len(answer):,} characters; {LONGEST_TEXT:,} is the most."
    return None


# --- the session ------------------------------------------------------------------------------------------------


class SessionGuard:
    """Notices when a plugin ends our transaction or changes rows of our session behind core's back."""

    __slots__ = ("_before", "_innermost", "_may_write", "_nested", "_root", "_session")

    def __init__(self, may_write: bool) -> None:
        self._may_write = may_write  # then it opens and ends transactions of its own
        self._session = session()
        self._root = self._session.get_transaction() or self._session.begin()
        self._nested, self._innermost = self._session.get_nested_transaction(), self._session._transaction
        self._before = self._changed()

    def _changed(self) -> set[int]:
        ours = self._session
        if not (ours._new or ours._deleted or ours.identity_map._modified):  # what the three below are made of
            return set()
        return {id(each) for part in (ours.new, ours.dirty, ours.deleted) for each in part}

    def complaint(self, call: Call) -> str | None:
        """What happened to the session since, or None."""
        ours = self._session
        if (ours._transaction is self._innermost and not (ours._new or ours._deleted or ours.identity_map._modified)
                and call.writing is None and not call.broken):
            return None  # as nearly always
        if call.broken:
            return HELD
        if call.writing is not None:
            return "It left a transaction open."
        if not self._may_write and self._session.get_transaction() is not self._root:
            return "It ended the transaction it was called in."
        if self._session.get_nested_transaction() is not self._nested:
            return "It left a savepoint open."
        if (changed := self._changed()) and changed - self._before:
            return "It changed rows outside of transaction(), or past core's functions."
        return None


# --- objects ----------------------------------------------------------------------------------------------------

_PLAIN = (str, int, float, bool, type(None))


class Snapshot:
    """The fields of an unsaved object, to be put back. Stored objects are the session guard's business."""

    __slots__ = ("_before", "_mapped", "_subject")

    def __init__(self, subject: Any) -> None:
        state = sa.inspect(subject, raiseerr=False)
        self._mapped = isinstance(state, sa.orm.InstanceState)
        unsaved = state.transient if self._mapped else hasattr(subject, "__dict__")
        self._subject = subject if unsaved and not isinstance(subject, type) else None
        self._before = self._values()

    @classmethod
    def of(cls, facts: dict[str, Any], but: str | None) -> list[Snapshot]:
        """Of all that a plugin is given only to read."""
        return [found for name, each in facts.items() if name != but and not isinstance(each, _PLAIN)
                and (found := cls(each))._subject is not None]

    def _values(self) -> dict[str, Any]:
        fields = vars(self._subject) if self._subject is not None else {}
        return {name: _copy(value) for name, value in fields.items() if name != "_sa_instance_state"}

    def restore(self) -> bool:
        """Put every field back. True when something had been changed."""
        now = self._values()
        if now == self._before:
            return False
        for name in now.keys() | self._before.keys():
            if name not in self._before:
                self._drop(name)
            elif name not in now or now[name] != self._before[name]:
                self._put(name, self._before[name])
        return True

    def _drop(self, name: str) -> None:
        if self._mapped:
            delattr(self._subject, name)
        else:
            del vars(self._subject)[name]

    def _put(self, name: str, value: Any) -> None:
        if self._mapped:
            setattr(self._subject, name, value)
        else:
            vars(self._subject)[name] = value


def _copy(value: Any) -> Any:
    """A plain copy of a collection (an ORM collection becomes an ordinary one); anything else as it is."""
    for plain in (list, dict, set):
        if isinstance(value, plain):
            return plain(value)
    return value


# --- connections ------------------------------------------------------------------------------------------------


def listen(engine: sa.Engine) -> None:
    """Note with each call what it does to the database."""
    for name, hear in (("checkout", _checked_out), ("handle_error", _failed), ("begin", _began),
                       ("commit", _ended), ("rollback", _ended), ("before_cursor_execute", _before_statement)):
        sa.event.listen(engine, name, hear)


def _checked_out(_connection: Any, _record: Any, proxy: Any) -> None:
    call = answering()
    if call is not None:
        call.has_connected = True
        call.connections.append(weakref.ref(proxy))


def _failed(_context: Any) -> None:
    call = answering()
    if call is not None:
        call.has_connected = call.query_failed = True


def _began(connection: sa.Connection) -> None:
    call = answering()
    if call is None or not in_transaction():
        return
    call.has_connected = True
    call.writing = time.monotonic(), connection.connection.dbapi_connection
    if connection.dialect.name == "postgresql":  # there the server sees to it; see break_write()
        connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{LONGEST_WRITE:.0f}s'")


def _ended(connection: sa.Connection) -> None:
    call = answering()
    if call is not None and call.writing is not None and call.writing[1] is connection.connection.dbapi_connection:
        call.writing = None


def _before_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    call = answering()
    if call is None:
        return
    if SETS.match(statement):
        raise RuntimeError("The settings of a connection stay with it, for others; use SET LOCAL inside transaction().")
    if call.broken and call.writing is not None:
        raise RuntimeError(f"This transaction was open for more than {LONGEST_WRITE:.0f} s and was rolled back.")


def break_write(call: Call, now: float) -> bool:
    """Roll back what a call has kept open for too long, from another thread: on SQLite nobody else can write meanwhile.

    True when it was done; the call cannot write any more.
    """
    writing = call.writing
    if writing is None or call.broken or now - writing[0] < LONGEST_WRITE:
        return False
    call.broken = True
    if type(writing[1]).__module__.startswith("sqlite3"):
        writing[1].rollback()
    return True


def close_leaks(call: Call, *, rolled_back: bool) -> str | None:
    """Close connections that a call took and did not give back. What is wrong, or None."""
    left = [proxy for each in call.connections if (proxy := each()) is not None and proxy.is_valid]
    if not left:
        return None
    try:  # the session's own may be among them
        ours = None if rolled_back else session().connection().connection
    except SQLAlchemyError:
        ours = None
    leaked = [proxy for proxy in left if proxy is not ours]
    for proxy in leaked:
        proxy.invalidate()
    return "It left a database connection open." if leaked else None
