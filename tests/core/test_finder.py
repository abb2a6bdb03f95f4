"""What is found while one types: the right few, within reach, in one statement each."""

import datetime as dt

import pytest
from sqlalchemy.orm import Session

from inbox.core import finder, tickets
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, Ticket, TicketSeen
from inbox.db import at_time, utcnow
from inbox.testing.factories import make_agent, make_customer, make_department, make_message, make_ticket

pytestmark = pytest.mark.each_database


@pytest.fixture
def support(session: Session) -> Department:
    return make_department("Support")


@pytest.fixture
def kari(support: Department) -> Agent:
    return make_agent("Kari", departments=[support])


@pytest.fixture
def boots(support: Department) -> Ticket:
    return make_ticket("Boots", department=support, customer=make_customer("Maja Haugen", "maja@haugen.no"),
                       text="Where are my boots?")


@pytest.fixture
def foreign(session: Session) -> Ticket:
    return make_ticket("Boots of the staff", department=make_department("Staff"), text="Our boots",
                       customer=make_customer("Maja Secret", "maja@secret.no"))


def subjects(agent: Agent, text: str) -> list[str]:
    return [each.subject for each in finder.tickets(agent, text)]


def test_tickets_are_found_by_number_and_by_words(kari: Agent, boots: Ticket, foreign: Ticket) -> None:
    assert subjects(kari, str(boots.number)) == ["Boots"]
    assert subjects(kari, f"#{boots.number}") == ["Boots"]
    assert subjects(kari, "where boots") == ["Boots"]
    assert subjects(kari, "shoes") == [] and subjects(kari, "!?") == []


def test_the_ticket_with_the_number_comes_before_those_that_name_it(kari: Agent, boots: Ticket) -> None:
    make_ticket("Later", department=boots.department, text=f"As I wrote in {boots.number}")
    assert subjects(kari, str(boots.number)) == ["Boots", "Later"]


def test_what_is_out_of_reach_is_not_found(kari: Agent, foreign: Ticket) -> None:
    assert subjects(kari, str(foreign.number)) == [] and subjects(kari, "boots staff") == []
    assert finder.people(kari, "maja@secret") == [] and finder.people(kari, "secret") == []
    assert subjects(make_agent(role="owner"), "boots staff") == ["Boots of the staff"]


def test_a_ticket_in_the_trash_is_not_found(kari: Agent, boots: Ticket) -> None:
    tickets.trash(boots, by=Actor.of(kari))
    assert subjects(kari, "boots") == []


def test_customers_are_found_by_address_and_by_name(kari: Agent, boots: Ticket) -> None:
    make_message(boots, "Regards from Haugen and Boots")
    for text in ("maja@h", "MAJA", "haugen", "haugen maja"):
        assert [each.name for each in finder.people(kari, text)] == ["Maja Haugen"], text
    assert finder.people(kari, "boots") == []  # a word of a message, of nobody's name


def test_what_was_looked_at_last_comes_first(kari: Agent, boots: Ticket) -> None:
    other = make_ticket("Shoes", department=boots.department)
    now = utcnow() + dt.timedelta(minutes=1)
    for minute, ticket in enumerate((boots, other, boots)):
        with at_time(now + dt.timedelta(minutes=minute)):
            tickets.mark_seen(ticket, kari)
    assert [each.subject for each in finder.recent(kari)] == ["Boots", "Shoes"]
    assert finder.recent(make_agent("Ola", departments=[boots.department])) == []


def test_looking_again_at_the_same_ticket_writes_nothing(kari: Agent, boots: Ticket, session: Session) -> None:
    at = utcnow() + dt.timedelta(minutes=1)
    with at_time(at):
        tickets.mark_seen(boots, kari)
    with at_time(at + dt.timedelta(minutes=5)):
        tickets.mark_seen(boots, kari)
    seen = session.get(TicketSeen, (kari.id, boots.id))
    assert seen is not None and seen.seen_at == at
