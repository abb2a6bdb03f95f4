"""The bar above lists: what it does, its line of progress, taking it back, and who may."""

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import bulk
from inbox.core.models import Agent, BulkAct, Department, Notification, Ticket
from inbox.jobs.worker import run_everything
from inbox.testing.factories import make_agent, make_department, make_ticket
from tests.web.browse import HTMX, Visitor


@pytest.fixture
def desk(app: Flask, kari: Agent) -> Visitor:
    return Visitor(app).sign_in(kari)


@pytest.fixture
def kari(support: Department) -> Agent:
    return make_agent("Kari", departments=[support], locale="en")


@pytest.fixture
def three(support: Department) -> list[str]:
    return [str(make_ticket(f"Boots {number}", department=support).number) for number in range(3)]


def act(session: Session) -> BulkAct:
    session.expire_all()
    return session.scalars(sa.select(BulkAct).order_by(BulkAct.id.desc())).first()


def test_picked_rows_are_changed_and_the_line_offers_the_way_back(desk: Visitor, three: list[str], session) -> None:
    line = desk.post("/bulk/status", {"number": three, "value": "closed"}, page="/views/open", headers=HTMX).text
    assert "3 tickets are closed." in line and f"/bulk/{act(session).id}/undo" in line and "<html" not in line
    assert 'hx-trigger="load"' in desk.get("/views/open").text  # the next page shows it, too
    line = desk.post(f"/bulk/{act(session).id}/undo", page="/views/open", headers=HTMX).text
    assert "3 tickets are as before." in line and "/undo" not in line
    assert "3 tickets are closed." in desk.get("/bulk/").text


def test_all_of_a_list_is_said_to_be_under_way_and_can_be_stopped(app, desk, three, session, monkeypatch) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 2)
    line = desk.post("/bulk/trash", {"all": "1", "in": "open"}, page="/views/open", headers=HTMX).text
    assert "<progress" in line and 'hx-trigger="every 1s"' in line and f"/bulk/{act(session).id}/stop" in line
    run_everything(app)
    assert "3 tickets are in the trash." in desk.get("/bulk/line").text
    desk.post(f"/bulk/{act(session).id}/dismiss", page="/views/open", headers=HTMX)
    assert "toast" not in desk.get("/bulk/line").text


def test_all_of_a_search_is_meant_as_the_search_box_reads_it(desk, three, support, session) -> None:
    make_ticket("Gloves", department=support, tags=["wool"])
    desk.post("/bulk/status", {"all": "1", "q": "tag:wool", "value": "closed"}, page="/views/open", headers=HTMX)
    assert session.scalars(sa.select(Ticket.subject).where(Ticket.status == "closed")).all() == ["Gloves"]


def test_a_list_that_is_gone_does_not_become_all_tickets(desk: Visitor, three: list[str], session) -> None:
    answer = desk.post("/bulk/trash", {"all": "1", "in": "shop.orders"}, page="/views/open", headers=HTMX)
    assert answer.status_code == 404 and act(session) is None


def test_a_list_says_how_many_it_holds(desk: Visitor, three: list[str]) -> None:
    make_ticket("Elsewhere", department=make_department("Staff"))
    assert desk.get("/bulk/count?in=open").get_json() == {"count": "3"}
    assert desk.get("/bulk/count?q=boots").get_json() == {"count": ""}


@pytest.mark.parametrize(("name", "expected"), [("assign", "Nobody"), ("status", "closed"), ("move", "Support"),
                                                ("snooze", 'name="until"')])
def test_each_menu_is_buttons_of_the_form_around_it(desk: Visitor, support, name: str, expected: str) -> None:
    menu = desk.get(f"/bulk/menu/{name}", headers=HTMX).text
    assert expected in menu and "formaction" in menu and "<form" not in menu


def test_without_javascript_there_is_a_page_with_everything(desk: Visitor, three: list[str], session) -> None:
    page = desk.get(f"/bulk/choose?number={three[0]}&in=open").text
    assert f'name="number" value="{three[0]}"' in page and "/bulk/trash" in page
    answer = desk.post("/bulk/snooze", {"number": three[0], "until": "in 3 hours", "in": "open"}, page="/views/open")
    assert (answer.status_code, answer.location) == (303, "/views/open")
    assert "is snoozed until" in desk.get("/views/open").text


def test_bulk_done_tells_whoever_is_given_many_tickets_once(app, desk, three, support, session) -> None:
    nora = make_agent("Nora", departments=[support], locale="en")
    desk.post("/bulk/assign", {"number": three, "value": str(nora.id)}, page="/views/open", headers=HTMX)
    run_everything(app)
    told = session.scalars(sa.select(Notification.title).where(Notification.agent_id == nora.id,
                                                               Notification.way == "app")).all()
    assert told == ["3 tickets are yours now"]


def test_the_acts_of_others_are_not_there(app: Flask, desk: Visitor, three: list[str], support, session) -> None:
    desk.post("/bulk/spam", {"number": three}, page="/views/open", headers=HTMX)
    other = Visitor(app).sign_in(make_agent("Nora", departments=[support]))
    assert other.post(f"/bulk/{act(session).id}/undo", page="/views/open").status_code == 404
    assert "spam folder" not in other.get("/bulk/").text


def test_a_role_that_may_only_read_has_no_boxes(app: Flask, three: list[str], support) -> None:
    light = Visitor(app).sign_in(make_agent("Lise", role="light", departments=[support]))
    page = light.get("/views/open").text
    assert ('class="pick"' in page) == ('id="bulk"' in page)
    assert light.post("/bulk/status", {"number": three, "value": "closed"}, page="/profile").status_code == 403


def test_picked_tickets_are_merged_into_the_one_that_is_chosen(desk: Visitor, three: list[str], session) -> None:
    page = desk.get("/bulk/merge?" + "&".join(f"number={each}" for each in three) + "&in=open").text
    assert page.count('name="stays"') == 3
    answer = desk.post("/bulk/merge", {"number": three, "stays": three[1], "in": "open"}, page="/views/open")
    assert answer.status_code == 303 and answer.location.startswith(f"/tickets/{three[1]}")
    merged = session.scalars(sa.select(Ticket.number).where(Ticket.shelf == "merged").order_by(Ticket.number)).all()
    assert merged == [int(three[0]), int(three[2])]
    assert desk.get(f"/bulk/merge?number={three[1]}").status_code == 422
