"""Rows of lists are drawn once for whoever is shown the same, and anew as soon as anything of it is another."""

import datetime as dt

import pytest
from flask import Flask

from inbox.core import tickets
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, Ticket
from inbox.db import transaction, utcnow
from inbox.testing.factories import make_agent, make_customer, make_ticket
from inbox.web import i18n, rows
from tests.web.browse import Visitor


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    rows._drawn.cache_clear()


@pytest.fixture
def ticket(support: Department) -> Ticket:
    return make_ticket("Boots", department=support, customer=make_customer("Ola", "ola@example.no"), text="Where?")


@pytest.fixture
def desk(app: Flask, kari: Agent) -> Visitor:
    return Visitor(app).sign_in(kari)


def row_of(visitor: Visitor, ticket: Ticket, path: str = "/views/unassigned") -> str:
    """The row of a ticket in a list, as HTML."""
    return visitor.get(path).text.split(f'<li id="row-{ticket.number}">')[1].split("</li>")[0]


def test_a_row_is_drawn_once(desk: Visitor, ticket: Ticket) -> None:
    assert row_of(desk, ticket) == row_of(desk, ticket)
    assert (rows._drawn.cache_info().misses, rows._drawn.cache_info().hits) == (1, 1)


def test_a_change_is_seen_at_once(desk: Visitor, ticket: Ticket, kari: Agent) -> None:
    row_of(desk, ticket)
    tickets.set_subject(ticket, "Shoes", by=Actor.of(kari))
    assert ">Shoes<" in row_of(desk, ticket)
    tickets.tag(ticket, "late", by=Actor.of(kari))
    assert ">late<" in row_of(desk, ticket)


def test_each_reader_has_their_own_language_and_what_they_have_read(app: Flask, desk: Visitor, support: Department,
                                                                    ticket: Ticket) -> None:
    assert 'class="unread"' in row_of(desk, ticket) and "Select ticket" in row_of(desk, ticket)
    desk.post(f"/tickets/{ticket.number}/seen")
    assert 'class="unread"' not in row_of(desk, ticket)
    other = make_agent("Mina", departments=[support])
    with transaction():
        other.locale = "nb"
    theirs = row_of(Visitor(app).sign_in(other), ticket)
    assert 'class="unread"' in theirs and "Select ticket" not in theirs


def test_a_row_leads_to_the_list_it_stands_in(desk: Visitor, ticket: Ticket) -> None:
    assert f"/tickets/{ticket.number}?in=unassigned" in row_of(desk, ticket)
    assert f"/tickets/{ticket.number}?in=all" in row_of(desk, ticket, "/views/all")


def test_how_long_somebody_waits_goes_on(desk: Visitor, ticket: Ticket, monkeypatch: pytest.MonkeyPatch) -> None:
    row_of(desk, ticket)
    monkeypatch.setattr(i18n, "utcnow", lambda: utcnow() + dt.timedelta(hours=3))
    assert "3 h" in row_of(desk, ticket)


def test_addresses_are_kept_for_each_place_a_proxy_puts_the_desk_at(app: Flask) -> None:
    def address(root: str) -> str:
        with app.test_request_context("/", base_url=f"http://desk.example{root}"):
            return str(app.jinja_env.globals["url_for"]("desk.view", slug="mine"))  # type: ignore[operator]

    assert (address("/"), address("/help"), address("/")) == ("/views/mine", "/help/views/mine", "/views/mine")


def test_a_search_marks_what_it_found(desk: Visitor, support: Department) -> None:
    make_ticket("Boots", department=support, text="<i>blue</i> wool, warm?")
    page = desk.get("/search?q=wool").text
    assert "&lt;i&gt;blue&lt;/i&gt; <mark>wool</mark>, warm?" in page
    assert "Newest first" in page and 'sort=best"' in page
    best = desk.get("/search?q=wool&sort=best").text
    assert "Best match" in best and "best of the newest" in best and "<mark>wool</mark>" in best
    assert "sort=best" in best.split('id="rows"')[1]  # so that a ticket opened from it keeps its list
    assert "<mark>wool</mark>" not in desk.get("/views/unassigned").text
    assert "sort=oldest" in desk.get("/search?q=tag:none").text
