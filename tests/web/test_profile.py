"""One's own profile: what an agent is told of by mail."""

import re

from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import notifications
from inbox.core.models import Agent
from inbox.testing.factories import make_agent
from inbox.web import profile
from tests.web.browse import Visitor


def test_every_wish_can_be_chosen() -> None:
    assert set(profile.WISHES) == set(notifications.WISHES)


def test_an_agent_chooses_what_to_be_told_of(app: Flask, session: Session) -> None:
    agent = make_agent()
    visitor = Visitor(app).sign_in(agent)
    number = agent.id
    assert visitor.post("/profile/notifications", {"assigned": "1"}, page="/profile").status_code == 303
    session.rollback()
    stored = session.get_one(Agent, number)
    assert [wish for wish in notifications.WISHES if notifications.wants(stored, wish)] == ["assigned"]
    page = visitor.get("/profile").text
    assert re.findall(r'name="(\w+)" value="1" checked', page) == ["assigned"]
