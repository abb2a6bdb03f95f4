"""Reads query plans: does a statement walk through a table that grows with mail?

A walk is a plan step that looks at every row of such a table: a scan without an index, or a scan along a whole index
that no LIMIT ends. SQLite makes the plan without looking at the number of rows; PostgreSQL is told that sequential
scans, hash and merge joins are dear, so that a walk is left only where no index can serve.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg.sql
import sqlalchemy as sa

GROWING = frozenset((
    "ticket", "ticket_tag", "ticket_follower",
    "mention", "ticket_seen", "message", "recipient", "attachment", "reference", "send_attempt", "event",
    "delivery", "notification", "job", "ledger", "caught_mail", "customer", "customer_address", "search_index",
    "tombstone", "attempt", "bulk_ticket", "idempotent_answer", "plugin_fault", "webhooks_delivery"))
# Partial indexes over rows that are few by nature: to walk one of them is to read what waits.
SMALL_INDEXES = frozenset((
    "ix_event_waiting", "ix_message_queue", "uq_message_draft", "ix_message_drafts_of", "uq_job_key",
    "ix_ticket_snoozed_until", "ix_ticket_trashed_at"))
NO_PLAN = re.compile(r"\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|PRAGMA|NOTIFY|LISTEN|EXPLAIN|INSERT INTO \S+ "
                     r"(\([^)]*\) )?VALUES)", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """A statement as it went to the database, and what asked for it."""

    label: str
    sql: str
    parameters: Any
    one_plan: bool = False  # may be planned once for any values (`inbox.db.one_plan`)

    @property
    def is_query(self) -> bool:
        return self.sql.lstrip().upper().startswith(("SELECT", "WITH"))


# A page in the order of keys, newest first, with nothing to leave out: it ends when it is full.
PAGE = re.compile(r'FROM "?(\w+)"?\s+(?:WHERE "?\1"?\.id [<>] \S+\s+)?ORDER BY "?\1"?\.id(?: DESC)?\s+LIMIT ')


@dataclass(frozen=True)
class Walk:
    """A step of a plan that looks at every row."""

    label: str
    step: str
    sql: str

    def __str__(self) -> str:
        return f"{self.label}: {self.step}\n    {' '.join(self.sql.split())[-500:]}"


class Recorder:
    """Collects what is sent to a database, each statement once."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._label = ""
        self._found: dict[str, Statement] = {}
        self.count = 0

    @contextmanager
    def recording(self, label: str) -> Iterator[Recorder]:
        """Record within the block; `count` is the number of statements sent in it."""
        self._label, self.count = label, 0
        sa.event.listen(self._engine, "before_cursor_execute", self._note)
        try:
            yield self
        finally:
            sa.event.remove(self._engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, sql: str, parameters: Any, context: Any, many: bool) -> None:
        if NO_PLAN.match(sql):
            return
        self.count += 1
        shape = re.sub(r"(%\([^)]*\)s(::\w+)?|\?)(, (%\([^)]*\)s(::\w+)?|\?))+", "…", sql)  # lists of any length
        one_plan = bool(context.execution_options.get("one_plan"))
        self._found.setdefault(shape, Statement(self._label, sql, parameters[0] if many else parameters, one_plan))

    @property
    def statements(self) -> list[Statement]:
        return list(self._found.values())


def walks(connection: sa.Connection, statements: list[Statement]) -> list[Walk]:
    """Every walk in the plans of these statements."""
    reads = _sqlite if connection.dialect.name == "sqlite" else _postgresql
    if connection.dialect.name == "postgresql":
        for setting in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin"):
            connection.exec_driver_sql(f"SET LOCAL {setting} = off")
    return [Walk(each.label, step, each.sql) for each in statements for step in reads(connection, each)]


def steps(connection: sa.Connection, statement: Statement) -> int:
    """How many thousand steps SQLite takes for a query, all rows read: what a plan cannot tell, a run can."""
    raw, count = connection.connection.dbapi_connection, 0

    def one() -> int:
        nonlocal count
        count += 1
        return 0

    raw.set_progress_handler(one, 1000)  # type: ignore[union-attr]
    try:
        connection.exec_driver_sql(statement.sql, statement.parameters).all()
    finally:
        raw.set_progress_handler(None, 0)  # type: ignore[union-attr]
    return count


# --- SQLite -------------------------------------------------------------------------------------------------------

_SCAN = re.compile(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?(?: VIRTUAL TABLE INDEX (\S+))?")


def _sqlite(connection: sa.Connection, statement: Statement) -> Iterator[str]:
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.sql}", statement.parameters).all()
    sorted_below = {row[1] for row in rows if row[3].startswith("USE TEMP B-TREE")}
    limited = " LIMIT " in statement.sql.replace("\n", " ")
    for _, parent, _, step in rows:
        if "AUTOMATIC" in step and _grows(statement.sql, step.split()[1]):
            yield step
        found = _SCAN.match(step)
        if found is None or not _grows(statement.sql, found[1]):
            continue
        if found[3] is not None:  # full text: a MATCH, or a range of rowids
            if found[3].rstrip(":") in ("0", "1"):
                yield step
        elif found[2] is None and PAGE.search(statement.sql):
            continue
        elif found[2] is None or (found[2] not in SMALL_INDEXES and (parent in sorted_below or not limited)):
            yield step


def _grows(sql: str, name: str) -> bool:
    """True for a growing table or an alias of one."""
    if name in GROWING:
        return True
    return any(re.search(rf'\b"?{table}"? (?:AS )?"?{re.escape(name)}"?(?=[\s,)]|$)', sql) for table in GROWING)


# --- PostgreSQL ---------------------------------------------------------------------------------------------------

_BLOCKING = frozenset(("Sort", "Incremental Sort", "Aggregate", "Hash", "Materialize", "Unique", "WindowAgg"))


def _postgresql(connection: sa.Connection, statement: Statement) -> Iterator[str]:
    plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement.sql}", statement.parameters).scalar_one()
    yield from _nodes(plan[0]["Plan"], limited=False)
    if statement.one_plan:
        for step in _nodes(_for_any_values(connection, statement)[0]["Plan"], limited=False):
            yield f"{step}, planned for any values"


def _for_any_values(connection: sa.Connection, statement: Statement) -> Any:
    """The plan for values that are not known, which the server may make after five that it knew."""
    names = list(dict.fromkeys(_NAMED.findall(statement.sql)))
    numbered = _NAMED.sub(lambda found: f"${names.index(found[1]) + 1}", statement.sql).replace("%%", "%")
    raw: Any = connection.connection.driver_connection
    values = ", ".join(psycopg.sql.Literal(statement.parameters[name]).as_string(raw) for name in names)
    raw.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    raw.execute(f"PREPARE asked AS {numbered}")
    (plan,) = raw.execute(f"EXPLAIN (FORMAT JSON) EXECUTE asked{f'({values})' if values else ''}").fetchone()
    raw.execute("DEALLOCATE asked")
    raw.execute("SET LOCAL plan_cache_mode = auto")
    return plan


_NAMED = re.compile(r"%\((\w+)\)s")


def _nodes(node: dict[str, Any], *, limited: bool) -> Iterator[str]:
    kind, table = node["Node Type"], node.get("Relation Name")
    if table in GROWING:
        index = node.get("Index Name")
        if kind == "Bitmap Heap Scan" and any(
                each["Node Type"] == "Bitmap Index Scan" and "Index Cond" not in each
                and each["Index Name"] not in SMALL_INDEXES for each in node["Plans"]):
            yield f"Bitmap Heap Scan on {table} along all of an index"
        if kind == "Seq Scan":
            yield f"Seq Scan on {table}"
        elif kind in ("Index Scan", "Index Only Scan") and "Index Cond" not in node and not (
                limited or index in SMALL_INDEXES):
            yield f"{kind} on {table} along all of {index}"
    limited = kind == "Limit" or (limited and kind not in _BLOCKING)
    for child in node.get("Plans", ()):
        yield from _nodes(child, limited=limited)
