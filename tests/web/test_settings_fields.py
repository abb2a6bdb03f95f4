"""The settings page of customers' fields."""

from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import fields
from inbox.testing.factories import make_agent
from tests.web.browse import Visitor


def test_an_admin_defines_changes_orders_and_deletes_fields(app: Flask, session: Session) -> None:
    visitor = Visitor(app).sign_in(make_agent(role="admin"))
    for title, type, options in (("Customer number", "text", ""), ("Level", "choice", "Gold\nSilver")):
        answer = visitor.post("/settings/fields/new", {"title": title, "type": type, "options": options},
                              follow_redirects=True)
        assert "The field is saved." in answer.text
    level = next(each for each in fields.of_customers.all() if each.title == "Level")
    wrong = visitor.post(f"/settings/fields/{level.id}", {"title": "customer number", "options": "Gold"})
    assert wrong.status_code == 422 and "Another field has this name." in wrong.text
    visitor.post(f"/settings/fields/{level.id}/up", page="/settings/fields")
    assert [each.title for each in fields.of_customers.all()] == ["Level", "Customer number"]
    visitor.post(f"/settings/fields/{level.id}/delete", page="/settings/fields")
    assert [each.title for each in fields.of_customers.all()] == ["Customer number"]


def test_agents_do_not_define_fields(app: Flask, session: Session) -> None:
    visitor = Visitor(app).sign_in(make_agent(role="agent"))
    assert visitor.get("/settings/fields").status_code == 403
    assert visitor.get("/settings/fields/new").status_code == 403
