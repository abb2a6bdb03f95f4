"""Following a ticket by its menu, and whom a note is offered."""

from flask import Flask
from sqlalchemy.orm import Session

from inbox.testing.factories import make_agent, make_department, make_ticket
from tests.web.browse import Visitor


def test_the_button_follows_and_unfollows(app: Flask, session: Session) -> None:
    support = make_department("Support")
    ticket = make_ticket(department=support)
    kari = Visitor(app).sign_in(make_agent("Kari", departments=[support]))
    path = f"/tickets/{ticket.number}"
    htmx = {"HX-Request": "true", "HX-Request-Type": "partial"}
    fresh = kari.post(f"{path}/follow", {"on": "1"}, page=path, headers=htmx).text
    assert ">Unfollow<" in fresh and "Following</span>" in fresh
    assert ">Unfollow<" in kari.get(path).text
    assert ">Follow<" in kari.post(f"{path}/follow", {"on": ""}, page=path, headers=htmx).text


def test_a_note_is_offered_those_who_may_see_the_ticket(app: Flask, session: Session) -> None:
    support = make_department("Support")
    ticket = make_ticket(department=support)
    kari, _ola = make_agent("Kari", departments=[support]), make_agent("Ola", departments=[support])
    make_agent("Siv", departments=[make_department("Staff")])
    offered = Visitor(app).sign_in(kari).get(f"/tickets/{ticket.number}/mentionable").json
    assert offered == [{"title": "Ola", "note": ""}]
