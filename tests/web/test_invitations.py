"""Inviting by mail on the pages, joining by the link, and agents whom mail does not reach."""

import re

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import agents, alarms, invitations, notices
from inbox.core.events import Actor
from inbox.core.models import Agent, Job
from inbox.testing.factories import make_agent, make_mailbox
from tests.web.browse import Visitor

PASSWORD = "correct horse battery"


@pytest.fixture
def admin(app: Flask, session: Session) -> Visitor:
    make_mailbox()
    return Visitor(app).sign_in(make_agent("Ada", role="admin"))


def link(session: Session) -> str:
    text = session.scalars(sa.select(Job).where(Job.kind == "mail.system").order_by(Job.id.desc())).first().args["text"]
    return re.search(r"/welcome/\S+", text)[0]


def test_who_is_invited_joins_and_is_signed_in(app: Flask, admin: Visitor, session: Session) -> None:
    admin.post("/settings/agents/invite", {"email": "nina@desk.example", "role": "agent", "departments": "1"})
    assert "nina@desk.example" in admin.get("/settings/agents").text
    nina, path = Visitor(app), link(session)
    assert "Ada invites you to work here." in nina.get(path).text
    wrong = nina.post(path, {"name": "Nina", "password": PASSWORD, "again": "another"})
    assert wrong.status_code == 422 and "not the same" in wrong.text and 'value="Nina"' in wrong.text
    assert nina.post(path, {"name": "Nina", "password": PASSWORD, "again": PASSWORD}).status_code == 303
    assert "Nina" in nina.get("/profile").text
    assert agents.by_email("nina@desk.example").department_ids == {1}
    assert Visitor(app).get(path).status_code == 410
    assert "Take back" not in admin.get("/settings/agents").text


def test_an_invitation_is_sent_again_or_taken_back(app: Flask, admin: Visitor, session: Session) -> None:
    admin.post("/settings/agents/invite", {"email": "nina@desk.example", "role": "agent"})
    first, (row,) = link(session), invitations.all_open()
    admin.post(f"/settings/agents/invitations/{row.id}/resend", page="/settings/agents")
    again = link(session)
    assert Visitor(app).get(first).status_code == 410 and Visitor(app).get(again).status_code == 200
    admin.post(f"/settings/agents/invitations/{row.id}/revoke", page="/settings/agents")
    assert Visitor(app).get(again).status_code == 410 and invitations.all_open() == []


def test_an_admin_can_neither_invite_owners_nor_send_their_invitation_again(admin: Visitor, session: Session) -> None:
    row = invitations.invite("boss@desk.example", "/welcome/{token}", by=Actor.system("cli"), role="owner")
    assert admin.post("/settings/agents/invite", {"email": "x@desk.example", "role": "owner"}).status_code == 403
    for verb in ("resend", "revoke"):
        answer = admin.post(f"/settings/agents/invitations/{row.id}/{verb}", page="/settings/agents")
        assert answer.status_code == 403


def test_an_agent_whom_mail_does_not_reach_is_shown_until_it_does(app: Flask, admin: Visitor, session: Session) -> None:
    kari = make_agent("Kari", email="kari@gone.example")
    notices.came_back(["Kari@Gone.example", "stranger@gone.example"], "550 No such user")
    for path in ("/settings/agents", f"/settings/agents/{kari.id}"):
        page = admin.get(path).text
        assert "comes back" in page or "come back" in page
    assert "550 No such user" in admin.get(f"/settings/agents/{kari.id}").text
    assert alarms.for_agent(alarms.look(), session.get_one(Agent, kari.id)).unreached  # they are told, too
    assert not alarms.for_agent(alarms.look(), make_agent()).unreached
    admin.post(f"/settings/agents/{kari.id}/mail-works", page="/settings/agents")
    assert not alarms.look().unreached and "550 No such user" not in admin.get(f"/settings/agents/{kari.id}").text
