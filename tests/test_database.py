"""What PostgreSQL is asked for a read, and that nothing is stored outside of transaction()."""

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core.models import Tag
from inbox.db import db, is_sqlite, release, session, transaction, work_context

pytestmark = pytest.mark.each_database


def names() -> list[str]:
    return list(session().scalars(sa.select(Tag.name).order_by(Tag.id)))


def is_begun() -> bool:
    """True when the connection of the session has a transaction open, as the database sees it."""
    connection = session().connection().connection.driver_connection
    return connection.in_transaction if is_sqlite() else connection.info.transaction_status.name == "INTRANS"


def test_a_read_on_postgresql_begins_no_transaction(session: Session) -> None:
    names()
    assert is_begun() is is_sqlite()  # there it reads from one state of the database, at no cost
    with transaction():
        names()
        assert is_begun()
    names()
    assert is_begun() is is_sqlite()


def test_what_is_written_outside_of_a_transaction_is_not_stored(session: Session) -> None:
    words = sa.text("INSERT INTO tag (name, hue) VALUES ('stray', 0)")
    if is_sqlite():
        session.execute(words)
    else:
        with pytest.raises(sa.exc.InternalError, match="read-only transaction"):
            session.execute(words)
    release()
    assert names() == []
    with transaction():
        session.execute(words)
    assert names() == ["stray"]


def test_a_failed_read_does_not_spoil_the_next(app: Flask, session: Session) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        session.execute(sa.text("SELECT nothing FROM nowhere"))
    release()
    assert names() == []
    with work_context(app), pytest.raises(ValueError, match="tomorrow"), transaction() as current:
        current.add(Tag(name="gone"))
        current.flush()
        raise ValueError("tomorrow")
    assert names() == []


def test_connections_beside_the_session_begin_transactions(session: Session) -> None:
    """A connection that has read for the session comes back to the pool as it was."""
    names()
    release()
    with pytest.raises(ValueError, match="tomorrow"), db.engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO tag (name, hue) VALUES ('half', 0)"))
        raise ValueError("tomorrow")
    with db.engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO tag (name, hue) VALUES ('whole', 0)"))
    assert names() == ["whole"]
