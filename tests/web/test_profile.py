"""One's own profile: what an agent is told of, in the desk and by mail."""

import re

from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import notifications
from inbox.core.models import Agent
from inbox.plugin_host.items import NotificationType
from inbox.testing.factories import make_agent
from inbox.testing.plugins import host_of, plug
from tests.web.browse import Visitor


def test_register_notification_types_can_be_chosen_each_in_each_way(app: Flask, session: Session) -> None:
    def register_notification_types() -> list[NotificationType]:
        return [NotificationType("shop.order", "An order comes in"),
                NotificationType("shop.refund", "A refund is asked for", default=False)]

    plug(app, "shop", register_notification_types)
    agent = make_agent()
    visitor = Visitor(app).sign_in(agent)
    number = agent.id
    assert notifications.wants_any(agent, "shop.order") and not notifications.wants_any(agent, "shop.refund")
    chosen = {"shop.refund:mail": "1", "shop.order:app": "1"}
    assert visitor.post("/profile/notifications", chosen, page="/profile").status_code == 303
    session.rollback()
    stored = session.get_one(Agent, number)
    assert {(kind, way) for kind in notifications.types() for way in notifications.WAYS
            if notifications.wants(stored, kind, way)} == {("shop.refund", "mail"), ("shop.order", "app")}
    page = visitor.get("/profile").text
    checked = re.findall(r'name="(shop[\w.:]+)" value="1"[^>]* checked', page)
    assert sorted(checked) == ["shop.order:app", "shop.refund:mail"]


def test_choices_about_a_plugin_stay_while_it_is_away(app: Flask, session: Session) -> None:
    def register_notification_types() -> list[NotificationType]:
        return [NotificationType("shop.order", "An order comes in")]

    plug(app, "shop", register_notification_types)
    agent = make_agent()
    visitor = Visitor(app).sign_in(agent)
    visitor.post("/profile/notifications", {}, page="/profile")
    host_of(app).builtins -= {"shop"}
    visitor.post("/profile/notifications", {}, page="/profile")
    host_of(app).builtins |= {"shop"}
    session.expire_all()
    assert not notifications.wants_any(agent, "shop.order")


def test_quiet_hours_are_kept_and_taken_back(app: Flask, session: Session) -> None:
    agent = make_agent("Kari", role="admin")
    desk = Visitor(app).sign_in(agent)
    desk.post("/profile/notifications", {"quiet_from": "18:00", "quiet_to": "08:00"}, page="/profile")
    assert session.get_one(Agent, agent.id).preferences["quiet"] == {"from": "18:00", "to": "08:00"}
    assert 'value="18:00"' in desk.get("/profile").text
    refused = desk.post("/profile/notifications", {"quiet_from": "18:00", "quiet_to": ""}, page="/profile")
    assert refused.status_code == 422 and "a beginning and an end" in refused.text
    desk.post("/profile/notifications", {"quiet_from": "", "quiet_to": ""}, page="/profile")
    assert session.get_one(Agent, agent.id).preferences["quiet"] is None


def test_rows_are_compact_for_whoever_wants_it(app: Flask, session: Session) -> None:
    desk = Visitor(app).sign_in(make_agent())
    assert 'class="list" id="list"' in desk.get("/views/open").text
    desk.post("/profile/layout", {"density": "compact"}, page="/views/open")
    assert 'class="list compact" id="list"' in desk.get("/views/open").text
