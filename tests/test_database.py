"""What PostgreSQL is asked for a read, and that nothing is stored outside of transaction()."""

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core.models import Tag
from inbox.db import db, fixed, is_sqlite, one_plan, release, session, transaction, work_context

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


def test_postgresql_keeps_no_plan_but_those_said_to_be_right_for_any_values(session: Session) -> None:
    """Else one for any value walks through the ledger for the few messages in quarantine, from the tenth time on."""
    if is_sqlite():
        with transaction():
            assert names() == []
        return
    first = sa.select(Tag.name).where(Tag.id == sa.bindparam("id")).limit(fixed(1))
    for statement in (first, one_plan(first)):
        for number in range(12):
            session.execute(statement, {"id": number})
        kept = session.execute(sa.text("SELECT statement, generic_plans FROM pg_prepared_statements")).all()
        of_tags = [(text, plans) for text, plans in kept if "FROM tag" in text]
        if statement is first:
            assert not of_tags
    assert [plans > 0 and "LIMIT 1" in text for text, plans in of_tags] == [True]
    assert not any("pg_prepared" in text for text, _ in kept)


def test_a_write_trusts_nothing_that_was_read_before_it_began(session: Session) -> None:
    with transaction() as current:
        tag = Tag(name="ours", hue=0)
        current.add(tag)
    with sa.create_engine(db.engine.url, poolclass=sa.NullPool).begin() as connection:  # another process, meanwhile
        connection.execute(sa.text("UPDATE tag SET name = 'theirs'"))
    with transaction():
        assert tag.name == "theirs"


def test_what_the_orm_asks_by_a_key_is_kept(session: Session) -> None:
    with transaction() as current:
        tag = Tag(name="old", hue=0)
        current.add(tag)
    for number in range(8):
        with transaction():
            tag.name = f"name {number + tag.hue}"  # its hue is read afresh, both go by its primary key
    assert names() == ["name 7"]
    if not is_sqlite():
        kept = session.scalars(sa.text("SELECT statement FROM pg_prepared_statements")).all()
        assert sorted(text.split()[0] for text in kept if " tag" in text) == ["SELECT", "UPDATE"]


def test_a_row_by_its_primary_key_is_kept(session: Session) -> None:
    with transaction() as current:
        tags = [Tag(name=f"name {number}", hue=0) for number in range(8)]
        current.add_all(tags)
    ids = [tag.id for tag in tags]
    session.expunge_all()
    assert [session.get_one(Tag, tag_id).name for tag_id in ids] == names()
    if not is_sqlite():
        kept = session.scalars(sa.text("SELECT statement FROM pg_prepared_statements")).all()
        assert any("WHERE tag.id =" in text for text in kept)


def test_many_rows_are_read_bit_by_bit(session: Session) -> None:
    with transaction() as current:
        current.add_all(Tag(name=f"tag {number}") for number in range(25))
    asked = one_plan(sa.select(Tag.name).order_by(Tag.id)).execution_options(yield_per=10)
    assert len(list(session.scalars(asked))) == 25
    with transaction():
        assert len(list(session.scalars(asked))) == 25


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


def test_a_column_of_another_type_is_survived(session: Session) -> None:
    """As after an upgrade beside a running process: PostgreSQL refuses what it has prepared for a connection, once."""
    asked = one_plan(sa.select(Tag.name))
    for _ in range(8):
        session.execute(asked).all()
        release()
    if not is_sqlite():
        with sa.create_engine(db.engine.url, poolclass=sa.NullPool).begin() as connection:  # another program
            connection.execute(sa.text("ALTER TABLE tag ALTER COLUMN name TYPE varchar(200)"))
        with pytest.raises(sa.exc.DBAPIError, match="cached plan"):
            session.execute(asked).all()
        release()
    assert names() == []


def test_a_server_that_forbids_to_write_is_obeyed(app: Flask, session: Session) -> None:
    if not is_sqlite():
        with db.engine.begin() as connection:
            name = connection.scalar(sa.text("SELECT current_database()"))
            connection.execute(sa.text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
        db.engine.dispose()
        with pytest.raises(sa.exc.InternalError, match="read-only"), transaction() as current:
            current.add(Tag(name="full"))
            current.flush()
    assert names() == []
