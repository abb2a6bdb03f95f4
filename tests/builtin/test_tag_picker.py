"""The tag menu of a ticket, and the bulk action of a list: a builtin on hooks alone."""

import re

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core.models import Agent, Event, Ticket
from inbox.testing.factories import make_agent, make_department, make_ticket
from tests.web.browse import Visitor


@pytest.fixture
def agent(session: Session) -> Agent:
    return make_agent("Maja Haugen", departments=[make_department("Support")])


@pytest.fixture
def ticket(agent: Agent) -> Ticket:
    return make_ticket("Boots", department=_department(agent), tags=["order"])


@pytest.fixture
def visitor(app: Flask, agent: Agent) -> Visitor:
    return Visitor(app).sign_in(agent)


def _department(agent: Agent):  # type: ignore[no-untyped-def]
    from inbox.core import departments

    return departments.get(min(agent.department_ids))


def tags_of(ticket: Ticket, session: Session) -> list[str]:
    session.expire_all()
    return sorted(each.name for each in session.get_one(Ticket, ticket.id).tags)


def test_the_ticket_has_a_menu_that_loads_when_it_is_opened(visitor: Visitor, ticket: Ticket) -> None:
    make_ticket(tags=["late"])
    page = visitor.get(f"/tickets/{ticket.number}").text
    url = f"/x/tag_picker/{ticket.number}"
    assert f'hx-get="{url}"' in page and 'hx-trigger="toggle once"' in page
    menu = visitor.get(url).text
    assert ">late</button>" in menu and ">order</button>" not in menu  # it has that one


def test_a_tag_is_put_on_from_the_menu(visitor: Visitor, ticket: Ticket, session: Session) -> None:
    page = f"/tickets/{ticket.number}?in=all"
    answer = visitor.post(f"/x/tag_picker/{ticket.number}", {"tag": "VIP"}, page=page, headers={"Referer": page})
    assert answer.status_code == 303 and answer.location == page
    assert tags_of(ticket, session) == ["order", "vip"]
    event = session.scalars(sa.select(Event).where(Event.kind == "ticket_tagged").order_by(Event.id.desc())).first()
    assert event is not None and (event.actor_kind, event.source, event.data) == ("agent", "web", {"tag": "vip"})


def test_htmx_gets_the_fresh_parts_of_the_ticket(visitor: Visitor, ticket: Ticket) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://localhost/tickets/{ticket.number}?in=mine"}
    answer = visitor.post(f"/x/tag_picker/{ticket.number}", {"tag": "vip"}, page="/views/all", headers=headers)
    assert 'id="ticket-head"' in answer.text and ">vip<" in answer.text and "in=mine" in answer.text


def test_an_empty_name_is_refused_in_words(visitor: Visitor, ticket: Ticket) -> None:
    answer = visitor.post(f"/x/tag_picker/{ticket.number}", {"tag": " "}, page="/views/all")
    assert answer.status_code == 422 and "A tag needs a name." in answer.text


def test_another_departments_ticket_is_not_there(visitor: Visitor, session: Session) -> None:
    foreign = make_ticket()
    assert visitor.get(f"/x/tag_picker/{foreign.number}").status_code == 404
    assert visitor.post(f"/x/tag_picker/{foreign.number}", {"tag": "vip"}, page="/views/all").status_code == 404
    assert tags_of(foreign, session) == []


def test_who_may_not_tag_has_no_menu(app: Flask, agent: Agent, ticket: Ticket) -> None:
    light = Visitor(app).sign_in(make_agent(role="light", departments=[_department(agent)]))
    page = light.get(f"/tickets/{ticket.number}").text
    assert "Boots" in page and "/x/tag_picker" not in page
    assert "pick" not in light.get("/views/all").text


# --- a whole selection ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["", "?part=rows", "?part=queue"])
def test_rows_can_be_selected(visitor: Visitor, ticket: Ticket, part: str) -> None:
    page = visitor.get(f"/views/all{part}").text
    assert f'form="bulk" name="number" value="{ticket.number}"' in page
    assert re.search(r'<form class="bulk" id="bulk" method="post"', page) or part


def test_a_tag_is_put_on_all_that_are_selected(
        visitor: Visitor, agent: Agent, ticket: Ticket, session: Session) -> None:
    other, foreign = make_ticket(department=_department(agent)), make_ticket()
    numbers = [ticket.number, other.number, foreign.number]
    answer = visitor.post("/x/tag_picker/selected", {"number": numbers, "tag": "late"}, page="/views/all",
                          headers={"Referer": "http://localhost/views/all?sort=oldest"})
    assert answer.status_code == 303 and answer.location == "/views/all?sort=oldest"
    assert tags_of(ticket, session) == ["late", "order"] and tags_of(other, session) == ["late"]
    assert tags_of(foreign, session) == []  # not seen by this agent: left out
    assert "2 tickets have the tag late now." in visitor.get("/views/all").text


def test_a_new_tag_is_typed(visitor: Visitor, ticket: Ticket, session: Session) -> None:
    visitor.post("/x/tag_picker/selected", {"number": [ticket.number], "new_tag": "Brand New"}, page="/views/all")
    assert tags_of(ticket, session) == ["brand new", "order"]


def test_without_javascript_there_is_a_page(visitor: Visitor, ticket: Ticket, session: Session) -> None:
    page = visitor.get(f"/x/tag_picker/selected?number={ticket.number}", headers={"Referer": "/views/mine"}).text
    assert "1 ticket is selected." in page and f'name="number" value="{ticket.number}"' in page
    assert 'name="from" value="/views/mine"' in page
    menu = visitor.get("/x/tag_picker/selected", headers={"HX-Request": "true"}).text
    assert "<form" not in menu and 'formaction="/x/tag_picker/selected"' in menu


def test_the_way_back_never_leaves_the_desk(visitor: Visitor, ticket: Ticket) -> None:
    answer = visitor.post("/x/tag_picker/selected", {"number": [ticket.number], "tag": "late",
                                                     "from": "https://evil.example//x"}, page="/views/all")
    assert answer.location == "/"
