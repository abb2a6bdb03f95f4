"""A message goes to another ticket or one of its own, takes what belongs to it along, and comes back."""

import pytest
import sqlalchemy as sa

from inbox.core import messages, moving, tickets
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import Event, Reference, Ticket
from inbox.db import session
from inbox.mail import thread
from inbox.testing.factories import make_agent, make_department, make_message, make_ticket


@pytest.fixture
def department(session):
    return make_department("Support")


@pytest.fixture
def ada(department):
    return Actor.of(make_agent("Ada", departments=[department]))


@pytest.fixture
def ticket(department) -> Ticket:
    return make_ticket("Parcel", department=department, text="Where is it?")


def test_a_message_gets_a_ticket_of_its_own_and_goes_back(ticket, ada) -> None:
    second = make_message(ticket, "My printer burns.", subject="Printer", references=["x@example.com"])
    moved = moving.move(second, None, by=ada)
    assert (moved.subject, moved.message_count, moved.snippet) == ("Printer", 1, "My printer burns.")
    assert moved.waiting_since == second.at and moved.department_id == ticket.department_id
    assert (ticket.message_count, ticket.snippet) == (1, "Where is it?")
    assert session().scalar(sa.select(Reference.ticket_id)) == moved.id
    assert second.why["moved"]["from"] == ticket.number
    back = moving.move_back(second, by=ada)
    assert (back.id, ticket.message_count, moved.shelf, second.origin_ticket_id) == (ticket.id, 2, "merged", None)
    assert "moved" not in second.why
    told = session().execute(sa.select(Event.ticket_id, Event.data).where(Event.kind == "message_moved")).all()
    assert len(told) == 4 and told[0].data == {"before": ticket.number, "to": moved.number}


def test_later_mail_follows_the_message(ticket, ada) -> None:
    second = make_message(ticket, "My printer burns.", subject="Printer")
    moved = moving.move(second, None, by=ada)
    found, why = thread.find_ticket(in_reply_to=[second.message_id], references=[], subject="", sender="")
    assert (found.id, why["by"]) == (moved.id, "in_reply_to")


def test_a_ticket_left_empty_leads_to_where_its_message_went(ticket, department, ada) -> None:
    other = make_ticket("The same", department=department)
    (only,) = messages.thread(other)
    assert moving.move(only, ticket, by=ada).id == ticket.id
    assert (other.shelf, other.message_count, ticket.message_count) == ("merged", 0, 2)
    assert thread.survivor(other).id == ticket.id
    moving.move_back(only, by=ada)
    assert (other.shelf, other.message_count, ticket.message_count) == ("open", 1, 1)


def test_who_waits_is_worked_out_anew(ticket, ada) -> None:
    second = make_message(ticket, "My printer burns.")
    make_message(ticket, "It left today.", kind="reply", by=ada.agent)
    assert ticket.waiting_since is None
    moved = moving.move(second, None, by=ada)
    assert moved.waiting_since is not None and ticket.waiting_since is None


def test_what_cannot_be_moved(ticket, department, ada) -> None:
    (only,) = messages.thread(ticket)
    with pytest.raises(Invalid):
        moving.move(only, None, by=ada)
    with pytest.raises(Invalid):
        moving.move(only, ticket, by=ada)
    with pytest.raises(Invalid):
        moving.move(make_message(ticket, "On its way.", kind="reply", by=ada.agent), None, by=ada)
    with pytest.raises(Invalid):
        moving.move_back(only, by=ada)
    with pytest.raises(NotFound):
        moving.move(only, make_ticket("Elsewhere"), by=ada)


def test_an_answer_to_a_new_subject_bears_it(ticket, ada) -> None:
    question = make_message(ticket, "My printer burns.", subject="Re: Printer")
    tickets.set_subject(ticket, "Parcel 12", by=ada)
    question_why = {"by": "in_reply_to", "subject": "Re: Printer"}
    with moving.transaction():
        question.why = question_why
    assert make_message(ticket, "Water!", kind="reply", by=ada.agent).subject == "Re: Printer"
    moving.move(question, None, by=ada)
    assert make_message(ticket, "It left.", kind="reply", by=ada.agent).subject == "Parcel 12"
