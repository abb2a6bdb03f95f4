"""No walk through a table that grows: every statement of queue, dispatcher and schedule is held against its plan."""

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import messages, tickets
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Delivery
from inbox.db import db, is_sqlite, transaction, utcnow
from inbox.jobs import deliveries, dispatch, engine, schedule
from inbox.plugin_host import faults
from inbox.testing.factories import make_agent, make_department, make_ticket
from inbox.testing.plugins import host_of, plug

GROW = ("event", "delivery", "job", "ticket", "message", "recipient", "attachment", "ledger", "customer",
        "notification", "plugin_fault", "attempt", "caught_mail")
Statements = dict[str, Any]


@contextmanager
def listening() -> Iterator[Statements]:
    """Every statement that runs meanwhile, with one set of its values."""
    found: Statements = {}

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if not many and re.match(r"\s*(SELECT|UPDATE|DELETE)", statement):
            found[statement] = values

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)


def walks(statements: Statements) -> list[str]:
    """Statements that read a growing table from end to end."""
    found = []
    with db.engine.connect() as connection:
        if not is_sqlite():
            connection.exec_driver_sql("SET enable_seqscan = off")
        for statement, values in statements.items():
            explain = "EXPLAIN QUERY PLAN " if is_sqlite() else "EXPLAIN "
            rows = connection.exec_driver_sql(explain + statement, values).all()
            lines = [str(row[-1] if is_sqlite() else row[0]) for row in rows]
            found += [f"{line}\n    {statement}" for line in lines if _is_walk(line, statement)]
    return found


def _is_walk(line: str, statement: str) -> bool:
    """SQLite says SCAN (harmless along an index that a LIMIT ends early, or that holds only the waiting rows)."""
    match = re.search(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?|Seq Scan on (\w+)", line)
    if match is None or re.sub(r"_\d+$", "", match.group(1) or match.group(3)) not in GROW:
        return False
    return not (match.group(2) and ("LIMIT" in statement or match.group(2) == "ix_event_waiting"))


@pytest.fixture
def busy(app: Flask, session: Session) -> Flask:
    """A desk with waiting, failed and snoozed things, and a plugin that fails once."""
    host = host_of(app)
    host.raise_faults = False
    fail = [True]

    def note_added(ticket):
        if fail and fail.pop():
            raise ValueError("once")

    plug(app, "shaky", note_added)
    agent = make_agent(departments=[make_department()])
    ticket = make_ticket(department=make_department(), assignee=None)
    for _ in range(3):
        messages.note(ticket, Body("A note."), by=Actor.of(make_agent(role="admin")))
    tickets.assign(ticket, make_agent(role="owner"), by=Actor.system("test"))
    assert agent.id
    with transaction():
        ticket.snoozed_until = utcnow() - dt.timedelta(seconds=1)
    return app


def test_queue_dispatcher_and_schedule_walk_no_growing_table(busy: Flask) -> None:
    with listening() as statements:
        deliveries.claim("somebody else")
        deliveries.renew("somebody else")
        deliveries.let_go("somebody else")
        dispatch.deliver_due(busy)
        with transaction() as current:
            current.execute(sa.update(Delivery).where(Delivery.event_id > 0).values(next_try_at=utcnow()))
        deliveries.claim_retries()
        deliveries.settle_states()
        schedule.look()
        engine.turn([], ["tickets.wake", "rows.sweep"])
        engine.take_back_lost(utcnow() + dt.timedelta(days=1))
        engine.run_due(busy, ["tickets.wake"], now=utcnow() + dt.timedelta(days=1))
        schedule.sweep_rows({})
        faults.sweep(utcnow())
    assert len(statements) > 30
    assert walks(statements) == []


def test_a_walk_is_seen(app: Flask, session: Session) -> None:
    with listening() as statements:
        session.execute(sa.text("SELECT * FROM event WHERE source = 'x'")).all()
        session.execute(sa.text("SELECT count(*) FROM agent")).all()
    assert len(walks(statements)) == 1
