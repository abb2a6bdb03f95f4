"""Drafts that colleagues take over: moved as they are, never twice, never lost."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from inbox.core import drafts
from inbox.core.errors import Invalid, NotAllowed, NotFound, Stale
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Agent, Department, Event, Message, Ticket
from inbox.testing.factories import make_agent, make_department, make_file, make_ticket


@pytest.fixture
def support(session: Session) -> Department:
    return make_department("Support")


@pytest.fixture
def kari(support: Department) -> Agent:
    return make_agent("Kari", departments=[support])


@pytest.fixture
def ola(support: Department) -> Agent:
    return make_agent("Ola", departments=[support])


@pytest.fixture
def ticket(support: Department) -> Ticket:
    return make_ticket(department=support)


def begun(ticket: Ticket, agent: Agent, text: str = "Half a sentence", kind: str = "reply") -> Message:
    return drafts.save(by=Actor.of(agent), kind=kind, body=Body(text), ticket=ticket, extra={"cc": "siv@example.com"})


def test_it_moves_with_its_recipients_and_files(session, ticket, kari, ola) -> None:
    draft = begun(ticket, kari)
    drafts.add_files(draft, [make_file()], by=Actor.of(kari))
    taken = drafts.take_over(draft.id, by=Actor.of(ola))
    assert (taken.id, taken.agent_id, taken.text) == (draft.id, ola.id, "Half a sentence")
    assert taken.extra["cc"] == "siv@example.com" and len(taken.attachments) == 1
    assert session.scalar(sa.select(sa.func.count()).where(Message.state == "draft")) == 1
    event = session.scalars(sa.select(Event).where(Event.kind == "draft_taken_over")).one()
    assert event.data == {"agent": ola.id, "before": kari.id} and event.message_pk == draft.id


def test_the_author_cannot_overwrite_it_nor_make_a_second_one_unseen(session, ticket, kari, ola) -> None:
    draft = begun(ticket, kari)
    drafts.take_over(draft.id, by=Actor.of(ola))
    drafts.save(by=Actor.of(ola), kind="reply", body=Body("Mine now"), ticket=ticket, version=2)
    with pytest.raises(Stale, match="Ola goes on"):
        drafts.save(by=Actor.of(kari), kind="reply", body=Body("Half a sentence, longer"), ticket=ticket, version=1)
    assert drafts.of(ticket, kari, "reply") is None and drafts.of(ticket, ola, "reply").text == "Mine now"


def test_own_words_are_not_given_up_for_it(session, ticket, kari, ola) -> None:
    draft = begun(ticket, kari)
    begun(ticket, ola, "Mine")
    with pytest.raises(Invalid):
        drafts.take_over(draft.id, by=Actor.of(ola))
    assert drafts.of(ticket, kari, "reply").text == "Half a sentence"
    assert drafts.of(ticket, ola, "reply").text == "Mine"


def test_an_empty_draft_of_ones_own_gives_way(session, ticket, kari, ola) -> None:
    draft = begun(ticket, kari)
    begun(ticket, ola, " ")
    assert drafts.take_over(draft.id, by=Actor.of(ola)).agent_id == ola.id


def test_nobody_takes_what_they_may_not_see_or_send(session, support, ticket, kari) -> None:
    draft = begun(ticket, kari)
    for agent, problem in ((make_agent(departments=[make_department()]), NotFound), (kari, NotFound),
                           (make_agent(role="light", departments=[support]), NotAllowed)):
        with pytest.raises(problem):
            drafts.take_over(draft.id, by=Actor.of(agent))
    drafts.discard(draft, by=Actor.of(kari))
    with pytest.raises(NotFound):
        drafts.take_over(draft.id, by=Actor.of(make_agent(departments=[support])))
