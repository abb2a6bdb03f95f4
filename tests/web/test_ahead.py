"""The next ticket is read ahead by the browser; the server says whether what it holds is still so."""

from collections.abc import Callable

import pytest
from flask import Flask

from inbox.core import revision, tickets
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, Event, Ticket, TicketSeen
from inbox.db import session
from inbox.testing.factories import SYSTEM, make_message, make_ticket
from tests.web.browse import Visitor

pytestmark = pytest.mark.each_database
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def two(support: Department, kari: Agent) -> tuple[Ticket, Ticket]:
    return make_ticket(department=support), make_ticket(department=support, subject="The next one")


@pytest.fixture
def desk(app: Flask, kari: Agent, two: tuple[Ticket, Ticket]) -> Visitor:
    return Visitor(app).sign_in(kari)


def read(desk: Visitor, ticket: Ticket) -> str:
    """Read a ticket ahead; the mark that comes with it."""
    answer = desk.get(f"/tickets/{ticket.number}?in=all&part=pane", headers={**PARTIAL, "X-Ahead": "read"})
    assert ticket.subject in answer.text
    return answer.headers["X-Ahead"]


def close(desk: Visitor, ticket: Ticket, following: Ticket, mark: str) -> tuple[str, str | None]:
    answer = desk.post(f"/tickets/{ticket.number}/status?in=all", {
        "status": "closed", "leave": "1", "next": following.number}, page="/views/all",
        headers={**PARTIAL, "X-Ahead": mark})
    assert answer.headers["HX-Push-Url"] == f"/tickets/{following.number}?in=all"
    return answer.text, answer.headers.get("X-Ahead")


def test_reading_ahead_marks_nothing_as_seen_and_makes_no_event(desk: Visitor, two: tuple[Ticket, Ticket]) -> None:
    before = session().query(Event).count(), session().query(TicketSeen).count()
    read(desk, two[1])
    assert (session().query(Event).count(), session().query(TicketSeen).count()) == before


def test_closing_sends_nothing_when_the_browser_holds_the_next_one(desk: Visitor, two: tuple[Ticket, Ticket]) -> None:
    mark = read(desk, two[1])
    assert close(desk, *two, mark) == ("", mark)
    assert session().get_one(Ticket, two[0].id).status == "closed"


CHANGES: dict[str, Callable[[Ticket, Agent], object]] = {
    "a message": lambda ticket, agent: make_message(ticket, "Something new"),
    "an event": lambda ticket, agent: tickets.set_priority(ticket, "high", by=Actor.of(agent)),
    "a ticket beside it": lambda ticket, agent: make_ticket(department=ticket.department, customer=ticket.customer),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_meanwhile_is_sent_anew(desk: Visitor, kari: Agent, two: tuple[Ticket, Ticket],
                                                 change: str) -> None:
    mark = read(desk, two[1])
    CHANGES[change](session().get_one(Ticket, two[1].id), session().get_one(Agent, kari.id))
    shown, told = close(desk, *two, mark)
    assert 'id="pane"' in shown and told != mark and told == revision.of_ticket(two[1])


def test_a_ticket_that_may_not_be_seen_any_more_is_not_confirmed(desk: Visitor, two: tuple[Ticket, Ticket]) -> None:
    from inbox.testing.factories import make_department

    mark = read(desk, two[1])
    tickets.move(session().get_one(Ticket, two[1].id), make_department("Staff"), by=SYSTEM)
    answer = desk.get(f"/tickets/{two[1].number}?in=all&part=pane", headers={**PARTIAL, "X-Ahead": mark})
    assert answer.status_code == 404


def test_who_holds_nothing_gets_no_mark(desk: Visitor, two: tuple[Ticket, Ticket]) -> None:
    answer = desk.get(f"/tickets/{two[1].number}?in=all&part=pane", headers=PARTIAL)
    assert 'id="pane"' in answer.text and "X-Ahead" not in answer.headers
