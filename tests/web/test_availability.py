"""Saying that one is away, in the profile and for colleagues; the word where colleagues are chosen."""

from flask import Flask

from inbox.core import availability, handover
from inbox.core.events import Actor
from inbox.core.models import Agent
from inbox.testing.factories import make_agent, make_ticket
from tests.web.browse import Visitor


def test_one_says_so_in_the_profile_and_is_back_by_a_button(app: Flask, session, support, kari) -> None:
    ola, desk = make_agent("Ola", departments=[support]), Visitor(app).sign_in(kari)
    path = f"/agents/{kari.id}/availability"
    desk.post(path, {"away": "1", "until": "24 dec 10:00", "substitute": ola.id}, page="/profile")
    page = desk.get("/profile").text
    assert "away until" in page and "Ola stands in" in page and '<i class="dot off"></i> away</small></a>' in page
    assert session.get_one(Agent, kari.id).is_away
    desk.post(path, {"away": ""}, page="/profile")
    assert "available</span>" in desk.get("/profile").text and not session.get_one(Agent, kari.id).is_away


def test_what_is_not_understood_is_said(app: Flask, session, kari) -> None:
    desk = Visitor(app).sign_in(kari)
    desk.post(f"/agents/{kari.id}/availability", {"away": "1", "until": "soonish"}, page="/profile")
    assert "not understood" in desk.get("/profile").text and not session.get_one(Agent, kari.id).is_away


def test_an_admin_says_so_of_a_colleague_and_nobody_else(app: Flask, session, support, kari) -> None:
    admin = Visitor(app).sign_in(make_agent("Ada", role="admin"))
    page = f"/settings/agents/{kari.id}"
    assert admin.post(f"/agents/{kari.id}/availability", {"away": "1", "settings": "1"}, page=page).location == page
    assert "Nobody stands in" in admin.get(page).text
    ola = Visitor(app).sign_in(make_agent("Ola", departments=[support]))
    assert ola.post(f"/agents/{kari.id}/availability", {"away": ""}, page="/profile").status_code == 404
    assert ola.post(f"/agents/{kari.id}/handover", {"to": ""}, page="/profile").status_code == 404
    assert session.get_one(Agent, kari.id).is_away


def test_open_tickets_go_with_one_button(app: Flask, session, support, kari) -> None:
    ola, desk = make_agent("Ola", departments=[support]), Visitor(app).sign_in(kari)
    for _ in range(2):
        make_ticket(department=support, assignee=kari)
    assert "2 open tickets:" in desk.get("/profile").text
    desk.post(f"/agents/{kari.id}/handover", {"to": ola.id}, page="/profile")
    assert "2 tickets are Ola’s now." in desk.get("/profile").text and handover.count(ola) == 2


def test_who_is_away_is_marked_where_colleagues_are_chosen(app: Flask, session, support, kari) -> None:
    ticket = make_ticket(department=support, assignee=kari)
    availability.go_away(kari, by=Actor.of(kari))
    desk = Visitor(app).sign_in(make_agent("Ola", departments=[support]))
    menu = desk.get(f"/tickets/{ticket.number}/assignees").text
    assert '<i class="dot off"></i> Kari <small class="push soft">away</small>' in menu
    assert '<i class="dot off"></i> <small class="soft">away</small>' in desk.get(f"/tickets/{ticket.number}").text
    assert desk.get(f"/tickets/{ticket.number}/mentionable").json == [{"title": "Kari", "note": "away"}]
