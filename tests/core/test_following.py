"""Following a ticket, and notes that call colleagues in."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from inbox.core import following, messages, tickets, views
from inbox.core.errors import NotFound
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Agent, Department, Event, Mention, Ticket
from inbox.testing.factories import make_agent, make_department, make_ticket


@pytest.fixture
def support(session: Session) -> Department:
    return make_department("Support")


@pytest.fixture
def ticket(support: Department) -> Ticket:
    return make_ticket(department=support)


def people(*names: str) -> list[Agent]:
    return [make_agent(name, role="admin") for name in names]


def named(text: str, *names: str) -> list[str]:
    return [each.name for each in following.mentioned(text, people(*names))]


@pytest.mark.parametrize(("text", "found"), [
    ("@Kari do we have one?", ["Kari Nordmo"]),
    ("Ask @kari nordmo, or @OLA LIEN.", ["Kari Nordmo", "Ola Lien"]),
    ("@Kari @Kari Nordmo @kari", ["Kari Nordmo"]),
    ("(@Ola)", ["Ola Lien"]),
    ("kari@nordmo.example and @Karianne", []),
    ("@ola-lien", ["Ola Lien"]),
    ("nobody", []),
])
def test_a_mention_is_a_name_after_an_at_sign(session, text: str, found: list[str]) -> None:
    assert named(text, "Kari Nordmo", "Ola Lien") == found


def test_a_first_name_of_two_means_neither(session) -> None:
    assert named("@Kari and @Kari Berg", "Kari Nordmo", "Kari Berg") == ["Kari Berg"]


def test_scripts_without_blanks_end_a_name_anywhere(session) -> None:
    assert named("@佐藤美咲さん、お願いします", "佐藤美咲") == ["佐藤美咲"]


def test_who_is_mentioned_follows_and_the_event_says_so(session, support, ticket) -> None:
    kari, ola = make_agent("Kari", departments=[support]), make_agent("Ola", departments=[support])
    stranger = make_agent("Siv", departments=[make_department("Staff")])
    note = messages.note(ticket, Body("@Ola @Siv @Kari look at this"), by=Actor.of(kari))
    assert session.scalars(sa.select(Mention.agent_id).where(Mention.message_pk == note.id)).all() == [ola.id]
    assert following.followers(ticket) == [ola] and stranger not in following.who_see(ticket)
    event = session.scalars(sa.select(Event).where(Event.kind == "note_added")).one()
    assert event.data is not None and event.data["mentioned"] == [ola.id]
    messages.note(ticket, Body("@Ola once more"), by=Actor.of(kari))
    assert following.followers(ticket) == [ola]


def test_following_begins_and_ends(session, support, ticket) -> None:
    kari = make_agent("Kari", departments=[support])
    for on in (True, True, False, False):
        following.follow(ticket, by=Actor.of(kari), on=on)
        assert following.followers(ticket) == ([kari] if on else [])
        assert tickets.get(ticket.number, kari).is_followed is on
    assert tickets.get(ticket.number, make_agent(role="admin")).is_followed is False


def test_nobody_follows_what_they_may_not_see(session, ticket) -> None:
    with pytest.raises(NotFound):
        following.follow(ticket, by=Actor.of(make_agent("Siv", departments=[make_department("Staff")])))


def test_lists_find_what_one_follows_and_where_one_is_mentioned(session, support, ticket) -> None:
    kari, ola = make_agent("Kari", departments=[support]), make_agent("Ola", departments=[support])
    other = make_ticket(department=support)
    following.follow(other, by=Actor.of(kari))
    messages.note(ticket, Body("@Kari look"), by=Actor.of(ola))

    def found(agent: Agent, q: str) -> set[int]:
        return {each.number for each in views.page(agent, q=q).rows}

    assert found(kari, "is:followed") == {ticket.number, other.number}
    assert found(kari, "is:mentioned") == {ticket.number} and found(kari, "-is:mentioned") == {other.number}
    assert found(ola, "is:followed") == set()
