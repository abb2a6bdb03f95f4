"""Agents who are away, who stands in for them, and handing over their tickets."""

import datetime as dt

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from inbox.core import availability, handover, tickets
from inbox.core.errors import Invalid, NotAllowed
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, Event, Ticket
from inbox.db import at_time, utcnow
from inbox.testing.factories import SYSTEM, make_agent, make_department, make_ticket

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def support(session: Session) -> Department:
    return make_department("Support")


@pytest.fixture
def kari(support: Department) -> Agent:
    return make_agent("Kari", departments=[support])


@pytest.fixture
def ola(support: Department) -> Agent:
    return make_agent("Ola", departments=[support])


def test_away_ends_by_itself_or_by_word(session, kari) -> None:
    now, by = utcnow(), Actor.of(kari)
    availability.go_away(kari, by=by, until=now + HOUR)
    assert kari.is_away
    with at_time(now + 2 * HOUR):
        assert not kari.is_away
    availability.go_away(kari, by=by)
    with at_time(now + 9000 * HOUR):
        assert kari.is_away
    availability.come_back(kari, by=by)
    assert not kari.is_away


def test_nobody_is_away_until_yesterday_or_stands_in_for_themselves(session, kari) -> None:
    by = Actor.of(kari)
    for wrong in ({"until": utcnow() - HOUR}, {"substitute": kari}, {"substitute": make_agent(is_active=False)}):
        with pytest.raises(Invalid):
            availability.go_away(kari, by=by, **wrong)


def test_only_oneself_and_who_manages_agents_says_so(session, kari, ola) -> None:
    with pytest.raises(NotAllowed):
        availability.go_away(kari, by=Actor.of(ola))
    availability.go_away(kari, by=Actor.of(make_agent(role="admin")))
    assert kari.is_away


def test_a_substitute_who_is_away_has_one_too(session, support, kari, ola) -> None:
    siv = make_agent("Siv", departments=[support])
    assert availability.stand_in(kari) is kari
    availability.go_away(kari, by=Actor.of(kari), substitute=ola)
    assert availability.stand_in(kari) is ola
    availability.go_away(ola, by=Actor.of(ola), substitute=siv)
    assert availability.stand_in(kari) is siv
    availability.go_away(siv, by=Actor.of(siv), substitute=kari)  # in a circle there is nobody
    assert availability.stand_in(kari) is None


def test_no_machine_gives_a_ticket_to_who_is_away(session, support, kari, ola) -> None:
    ticket = make_ticket(department=support)
    availability.go_away(kari, by=Actor.of(kari))
    tickets.assign(ticket, kari, by=SYSTEM)
    assert ticket.assignee_id is None
    availability.go_away(kari, by=Actor.of(kari), substitute=ola)
    tickets.assign(ticket, kari, by=SYSTEM)
    assert ticket.assignee_id == ola.id
    tickets.assign(ticket, kari, by=Actor.of(ola))  # a person may
    assert ticket.assignee_id == kari.id


def test_open_tickets_are_handed_over_and_the_colleague_is_told_once(session, support, kari, ola) -> None:
    mine = [make_ticket(department=support, assignee=kari) for _ in range(3)]
    elsewhere = make_ticket(department=make_department("Staff"))
    both = make_agent("Both", departments=[support, session.get_one(Department, elsewhere.department_id)])
    tickets.assign(elsewhere, both, by=SYSTEM)
    tickets.assign(mine[2], both, by=SYSTEM)
    closed = make_ticket(department=support, assignee=both, status="closed")
    assert handover.count(both) == 2
    assert handover.hand_over(both, ola, by=Actor.of(both)) == handover.Done(given=1, freed=1)
    assert handover.hand_over(kari, None, by=Actor.of(kari)) == handover.Done(freed=2)
    session.rollback()
    assert [session.get_one(Ticket, each.id).assignee_id for each in (*mine, elsewhere, closed)] == [
        None, None, ola.id, None, both.id]
    told = session.scalars(sa.select(Event).where(Event.kind == "tickets_handed_over").order_by(Event.id)).all()
    assert [each.data["given"] for each in told] == [1, 0]
    assert handover.count(kari) == 0 and handover.hand_over(kari, ola, by=Actor.of(kari)) == handover.Done()


def test_a_colleague_hands_nothing_over(session, support, kari, ola) -> None:
    make_ticket(department=support, assignee=kari)
    with pytest.raises(NotAllowed):
        handover.hand_over(kari, ola, by=Actor.of(ola))
