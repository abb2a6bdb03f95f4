"""Who has a ticket open: rows that tell of seconds."""

import datetime as dt

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from inbox.core import presence
from inbox.core.errors import Invalid
from inbox.core.models import Agent, Event, Presence, Ticket
from inbox.db import at_time, transaction, utcnow
from inbox.testing.factories import make_agent, make_ticket


@pytest.fixture
def ticket(session: Session) -> Ticket:
    return make_ticket()


@pytest.fixture
def kari(session: Session) -> Agent:
    return make_agent("Kari", role="admin")


def doing() -> list[tuple[str, str]]:
    return [(each.name, each.doing) for each in presence.everyone()]


def test_an_agent_is_there_with_what_they_do_last(session, ticket, kari) -> None:
    presence.here(ticket, kari, "reading")
    presence.here(ticket, kari, "reply")
    assert doing() == [("Kari", "reply")]
    presence.gone(ticket, kari)
    assert doing() == []


def test_who_says_nothing_for_half_a_minute_is_gone(session, ticket, kari) -> None:
    now = utcnow()
    presence.here(ticket, kari, "reading")
    with at_time(now + dt.timedelta(seconds=15)):
        assert doing() == [("Kari", "reading")]
    with at_time(now + dt.timedelta(seconds=30)):
        assert doing() == []


def test_old_rows_go_when_somebody_comes(session, ticket, kari) -> None:
    presence.here(ticket, kari, "reading")
    with at_time(utcnow() + dt.timedelta(minutes=5)):
        presence.here(ticket, make_agent("Ola", role="admin"), "reading")
    session.rollback()
    assert session.scalar(sa.select(sa.func.count()).select_from(Presence)) == 1


def test_it_is_no_event_and_no_change_of_the_ticket(session, ticket, kari) -> None:
    before, version = session.scalar(sa.select(sa.func.max(Event.id))), ticket.version
    presence.here(ticket, kari, "note")
    session.rollback()
    assert session.scalar(sa.select(sa.func.max(Event.id))) == before
    assert session.get_one(Ticket, ticket.id).version == version


def test_nobody_does_what_there_is_no_word_for(session, ticket, kari) -> None:
    with pytest.raises(Invalid):
        presence.here(ticket, kari, "sleeping")


def test_a_deactivated_agent_is_nowhere(session, ticket, kari) -> None:
    presence.here(ticket, kari, "reading")
    with transaction():
        kari.is_active = False
    assert doing() == []
