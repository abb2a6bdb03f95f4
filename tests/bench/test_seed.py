"""What the seeder writes past the program, quickly, is what the program would have written: it opens, it is whole, and
measuring it where it lies leaves nothing to do for the next run."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from bench.__main__ import mail_in, pages
from bench.desk import leave_nothing_waiting, purge_what_came
from bench.figures import Figure
from bench.floor import Floor
from bench.seed import Size, messages_of, seed
from bench.words import COMMON, message_id
from inbox.app import create_app
from inbox.config import Config
from inbox.core import search
from inbox.core.models import Event, Job, Ledger, Message, Recipient, Ticket
from inbox.db import Base, db, is_sqlite, session, utcnow, work_context
from inbox.secrets import ensure_key

TICKETS = 400
NO_FLOOR = Floor({}, {}, Figure("", ""), Figure("", ""))


def indexes(engine: sa.Engine) -> set[str]:
    """Names of all indexes of all tables."""
    inspector = sa.inspect(engine)
    return {str(each["name"]) for table in inspector.get_table_names() for each in inspector.get_indexes(table)}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, database_in: Callable[[Path], str]) -> Iterator[Flask]:
    """An application on a seeded desk."""
    home = tmp_path_factory.mktemp("seeded")
    config = Config(home=home, database_url=database_in(home))
    ensure_key(config)
    engine = sa.create_engine(config.sqlalchemy_url)
    before = indexes(engine)
    with engine.begin() as connection:
        seed(connection, Size(TICKETS, length=200), dt.datetime.now(dt.UTC))
    assert indexes(engine) == before  # PostgreSQL's are made anew
    engine.dispose()
    app = create_app(config)
    app.config["WTF_CSRF_ENABLED"] = False
    yield app
    with work_context(app):
        db.session.remove()
        db.engine.dispose()


def orphans(table: sa.Table, key: sa.ForeignKeyConstraint) -> int:
    """Rows that name a row which is not there."""
    other = key.referred_table.alias("other")
    there = sa.and_(*(other.c[element.column.name] == element.parent for element in key.elements))
    named = [element.parent.is_not(None) for element in key.elements]
    return session().scalar(sa.select(sa.func.count()).select_from(table).where(
        *named, ~sa.exists().where(there).correlate(table))) or 0


def test_every_foreign_key_points_at_a_row(desk: Flask) -> None:
    with work_context(desk):
        lost = {f"{table.name}.{key.name}": orphans(table, key) for table in Base.metadata.sorted_tables
                for key in table.foreign_key_constraints if table.name in ("ticket", "message", "ledger", "event",
                                                                           "recipient", "reference", "ticket_tag")}
    assert len(lost) > 10
    assert not any(lost.values()), lost


def found(words: str) -> list[int]:
    return search.newest(search.match(search.phrases(words)), below=None, limit=9)


def test_every_message_is_found_by_its_words(desk: Flask) -> None:
    with work_context(desk):
        message = session().scalars(sa.select(Message).where(Message.kind == "received").order_by(
            Message.id.desc())).first()
        assert message is not None
        text = message.text.replace("\n", " ")
        assert message.id in found(f"{text[:60]} {message.from_address}")
        assert all(found(word) for word in COMMON.values())
        if is_sqlite():
            session().execute(sa.text("INSERT INTO search_index (search_index) VALUES ('integrity-check')"))
            left = session().scalars(sa.text("SELECT k FROM search_index_config")).all()
            assert "hashsize" not in left  # that was for the seeder alone
        session().rollback()


def test_what_is_measured_works_twice_on_the_same_desk(desk: Flask) -> None:
    """A million tickets are measured where they lie, so each run has to find what the first one found."""
    bytes_of: list[dict[str, str]] = []
    for _ in range(2):
        bytes_of.append({each.what: each.size for each in pages(desk, TICKETS, 1, {})})
        assert [each.median for each in mail_in(desk, 20, NO_FLOOR) if each.median]
        with work_context(desk):
            purge_what_came(TICKETS)
            leave_nothing_waiting(db.engine)
            assert not waiting()
            assert session().scalar(sa.select(sa.func.max(Message.id))) == messages_of(TICKETS)
            assert not found("question about my order")  # of what has come nothing is found any more
    ticket = "Ticket of 10 messages, the pane alone"
    first, second = (int(each[ticket].replace(",", "")) for each in bytes_of)
    assert abs(first - second) < 0.2 * first  # neither has what the other's replies added


def waiting() -> dict[str, Any]:
    """What the running program would begin to work on."""
    asked = {"events": sa.select(Event.id).where(Event.dispatched_at.is_(None)),
             "replies": sa.select(Message.id).where(Message.state.in_(("queued", "sending"))),
             "recipients": sa.select(Recipient.id).where(Recipient.state == "queued"),
             "jobs": sa.select(Job.id).where(Job.state.in_(("queued", "running")), Job.run_at <= utcnow()),
             "mail": sa.select(Ledger.id).where(Ledger.fate == "waiting")}
    return {name: found for name, query in asked.items() if (found := session().scalars(query).all())}


def test_an_answer_to_a_seeded_message_finds_its_ticket(desk: Flask) -> None:
    """Message-IDs are in no order, as in life; whoever answers one is told by `message_id`."""
    with work_context(desk):
        known = session().execute(sa.select(Message.id, Message.message_id).where(Message.message_id.is_not(None))
                                  .order_by(Message.id).limit(50)).all()
        seeded = [row for row in known if row[1] == message_id(row[0])]
        assert len(seeded) > 40
        assert [row[1] for row in seeded] != sorted(row[1] for row in seeded)
        assert session().scalar(sa.select(sa.func.count()).select_from(Ticket)) >= TICKETS
