"""Several messages at once get the fates that each would have got by itself."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from inbox.core.models import Customer, Event, Job, Ledger, Message, Ticket
from inbox.db import db, session
from inbox.jobs import engine
from inbox.mail import batch, ledger, receive
from tests.mail.conftest import letter


@pytest.fixture
def arrive(session, mailbox):
    """Let messages arrive; returns the ids of their rows."""
    return lambda *raws: [ledger.arrive(raw, source="smtp", mailbox_id=mailbox) for raw in raws]


def row(row_id):
    return session().get(Ledger, row_id, populate_existing=True)


def numbered(count, **options):
    return [letter(subject=f"Parcel {n}", message_id=f"{n}@many.example", sender=f"p{n}@many.example", **options)
            for n in range(count)]


def only_together(patch):
    patch.setattr(receive, "process", lambda row_id: pytest.fail(f"{row_id} was taken in by itself"))


def test_each_message_gets_its_ticket_customer_events_and_place_in_the_index(arrive, monkeypatch):
    rows = arrive(*numbered(5))
    only_together(monkeypatch)
    batch.process_many(rows)
    assert [row(each).fate for each in rows] == ["created"] * 5
    tickets = [session().get(Ticket, row(each).ticket_id) for each in rows]
    assert [each.subject for each in tickets] == [f"Parcel {n}" for n in range(5)]
    assert len({each.number for each in tickets}) == 5
    assert [session().get(Customer, each.customer_id).email for each in tickets] == [
        f"p{n}@many.example" for n in range(5)]
    for each in tickets:
        assert (each.message_count, each.shelf, each.waiting_since is not None) == (1, "open", True)
        kinds = session().scalars(sa.select(Event.kind).where(Event.ticket_id == each.id).order_by(Event.id)).all()
        assert kinds == ["ticket_created", "message_received"]
        message = session().scalar(sa.select(Message).where(Message.ticket_id == each.id))
        assert message.ledger_id in rows


def test_an_answer_finds_the_ticket_of_a_message_that_came_with_it(arrive):
    first, answer, other = arrive(
        letter(message_id="a@x.example"),
        letter(subject="Re: Hello", message_id="b@x.example", in_reply_to="<a@x.example>"),
        letter(message_id="c@x.example"))
    batch.process_many([first, answer, other])
    assert [row(each).fate for each in (first, answer, other)] == ["created", "appended", "created"]
    assert row(answer).ticket_id == row(first).ticket_id != row(other).ticket_id


def test_answers_to_stored_messages_are_appended_together(arrive, monkeypatch):
    rows = arrive(*numbered(3))
    batch.process_many(rows)
    answers = arrive(*(
        letter(subject=f"Re: Parcel {n}", sender=f"p{n}@many.example", message_id=f"answer{n}@x.example",
               references=f"<{n}@many.example>") for n in range(3)))
    only_together(monkeypatch)
    batch.process_many(answers)
    assert [row(each).fate for each in answers] == ["appended"] * 3
    assert [row(each).ticket_id for each in answers] == [row(each).ticket_id for each in rows]
    assert session().get(Ticket, row(answers[0]).ticket_id, populate_existing=True).message_count == 2


def test_the_second_of_two_copies_is_a_duplicate(arrive):
    rows = arrive(*numbered(1), *numbered(1), *numbered(2))
    batch.process_many(rows)
    assert [row(each).fate for each in rows] == ["created", "duplicate", "duplicate", "created"]
    again = arrive(*numbered(2))
    batch.process_many(again)
    assert [row(each).fate for each in again] == ["duplicate"] * 2


def test_one_person_who_writes_twice_is_one_customer(arrive, monkeypatch):
    rows = arrive(*(letter(message_id=f"{n}@twice.example", sender="Kari <KARI@x.example>") for n in range(2)))
    only_together(monkeypatch)
    batch.process_many(rows)
    assert len({session().get(Ticket, row(each).ticket_id).customer_id for each in rows}) == 1


def test_one_that_cannot_be_read_is_held_and_the_others_get_in(arrive, monkeypatch):
    parse = receive.parse.parse
    monkeypatch.setattr(receive.parse, "parse", lambda raw: 1 / 0 if b"Parcel 1" in raw else parse(raw))
    rows = arrive(*numbered(3))
    batch.process_many(rows)
    assert [row(each).fate for each in rows] == ["created", "quarantined", "created"]


def test_one_that_cannot_be_stored_is_held_and_the_others_get_in(arrive, monkeypatch):
    fill = receive.intake.search.index_new

    def broken(folded):
        if any("parcel 1" in text for text in folded.values()):
            raise ValueError("broken index")
        fill(folded)

    monkeypatch.setattr(receive.intake.search, "index_new", broken)
    rows = arrive(*numbered(3))
    batch.process_many(rows)
    assert [row(each).fate for each in rows] == ["created", "quarantined", "created"]
    assert session().scalar(sa.select(sa.func.count()).select_from(Ticket)) == 2


def test_a_message_that_got_its_fate_meanwhile_keeps_it(arrive, monkeypatch):
    rows = arrive(*numbered(3))
    decide, asked = receive.decide, []

    def while_plugins_are_asked(letter, known=None):
        if not asked:
            asked.append(letter)
            receive.one_at_a_time.release()
            receive.process(rows[0])
            receive.one_at_a_time.acquire()
        return decide(letter, known)

    monkeypatch.setattr(receive, "decide", while_plugins_are_asked)
    batch.process_many(rows)
    assert [row(each).fate for each in rows] == ["created"] * 3
    assert session().scalar(sa.select(sa.func.count()).select_from(Ticket)) == 3


def test_a_database_that_fails_leaves_all_of_them_waiting(arrive, monkeypatch):
    rows = arrive(*numbered(3))

    def locked(_planned):
        raise OperationalError("INSERT", {}, Exception("database is locked"))

    with monkeypatch.context() as patch:
        patch.setattr(receive, "store", locked)
        with pytest.raises(OperationalError):
            batch.process_many(rows)
    assert [(row(each).fate, row(each).attempts) for each in rows] == [("waiting", 0)] * 3
    batch.process_many(rows)
    assert [row(each).fate for each in rows] == ["created"] * 3


def test_large_ones_and_those_that_were_tried_before_are_read_by_themselves(arrive, monkeypatch):
    rows = arrive(*numbered(3))
    monkeypatch.setattr(batch, "LARGE", row(rows[0]).size - 1)
    read = []
    monkeypatch.setattr(receive, "process", read.append)
    batch.process_many(rows)
    assert read == rows


def test_many_take_as_many_statements_as_few(arrive):
    def asked(count):
        rows = arrive(*(letter(message_id=f"{count}.{n}@x.example", sender=f"p{count}.{n}@x.example")
                        for n in range(count)))
        statements = []

        def note(*words):
            statements.append(words[2])

        sa.event.listen(db.engine, "before_cursor_execute", note)
        batch.process_many(rows)
        sa.event.remove(db.engine, "before_cursor_execute", note)
        return len(statements)

    asked(2)  # what is loaded once
    assert asked(12) <= asked(3) + 1


def test_the_queue_hands_first_tries_over_together_and_notes_them_all(app, arrive, monkeypatch):
    rows = arrive(*numbered(20))
    together = []
    several = batch.process_many
    monkeypatch.setattr(batch, "process_many", lambda ids: (together.append(len(ids)), several(ids)))
    assert engine.run_due(app, ["mail.process"]) == 20
    assert together == [16, 4]
    assert {row(each).fate for each in rows} == {"created"}
    assert set(session().scalars(sa.select(Job.state).where(Job.kind == "mail.process"))) == {"done"}
