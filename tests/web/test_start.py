"""The go-live checklist: every line follows from facts; only hiding is done by hand."""

import datetime as dt

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox import doctor, round_trip
from inbox.core import go_live, invitations, saved_replies
from inbox.core.events import Actor
from inbox.core.models import Heartbeat, Job
from inbox.db import transaction, utcnow
from inbox.jobs import go_live as job
from inbox.jobs import schedule
from inbox.testing.factories import make_agent, make_mailbox, make_message, make_ticket
from tests.web.browse import Visitor

CLI = Actor.system("cli")


@pytest.fixture
def ada(app: Flask, session: Session) -> Visitor:
    return Visitor(app).sign_in(make_agent("Ada", role="owner"))


def states() -> dict[str, str]:
    return {each.name: each.state for each in go_live.lines(by=CLI)}


def test_it_is_the_front_of_the_settings_and_a_new_desk_has_done_nothing(ada: Visitor, session: Session) -> None:
    assert ada.get("/settings").headers["Location"].endswith("/settings/start")
    assert set(states()) == set(go_live.LINES) and set(states().values()) == {"open"}
    page = ada.get("/settings/start").text
    assert "0 of 7 are done" in page and "There is no mailbox." in page


def test_each_line_follows_from_a_fact(ada: Visitor, session: Session) -> None:
    box = make_mailbox("help@desk.example", outgoing="smtp", smtp_host="s.desk.example")
    assert states()["mailbox"] == "open"
    with transaction():
        box.fetched_at = utcnow()
    make_message(make_ticket(mailbox=box), "Hi", kind="reply")
    assert states()["answered"] == "open"  # it waits to be sent
    reply = make_message(make_ticket(mailbox=box), "Hi", kind="reply")
    with transaction():
        reply.state, reply.sent_at = "sent", utcnow()
    saved_replies.save(by=CLI, name="Hi", text="Hello", personal=False)
    invitations.invite("nina@x.example", "https://d/{token}", by=CLI)
    go_live.remember("backup", file="a.tar.gz")
    for name in go_live.LOOKED_UP:
        go_live.remember(name, answers=[{"what": "x", "state": "ok", "words": "good", "mend": ""}])
    assert set(states().values()) == {"done"}
    assert "7 of 7 are done" in ada.get("/settings/start").text


def test_what_goes_wrong_later_is_said(ada: Visitor, session: Session) -> None:
    box = make_mailbox("help@desk.example", fetched_at=utcnow(), outgoing="smtp", smtp_host="s.desk.example")
    go_live.remember("backup")
    go_live.remember("dns", answers=[{"what": "desk.example, SPF", "state": "warning", "words": "No SPF record.",
                                      "mend": "Add one."}])
    with transaction() as current:
        box.fetch_error, box.fetch_error_at = "The password is wrong.", utcnow()
        current.get(Heartbeat, "fact:backup").at = utcnow() - dt.timedelta(days=8)
    found = states()
    assert (found["mailbox"], found["backup"], found["dns"]) == ("wrong", "wrong", "open")
    page = ada.get("/settings/start").text
    assert "The password is wrong." in page and "No SPF record." in page and "Add one." in page


def test_answers_of_a_desk_that_keeps_them_go_nowhere(ada: Visitor, session: Session) -> None:
    make_mailbox("help@desk.example", fetched_at=utcnow())
    assert states()["mailbox"] == "open" and "stay in the Outbox" in ada.get("/settings/start").text


def test_other_servers_are_asked_by_the_worker(
        ada: Visitor, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "dns_checks", lambda: [doctor.Check("desk.example, MX", "wrong", "No MX.", "Add it.")])
    monkeypatch.setattr(round_trip, "run", lambda seconds: [("help@desk.example", True, "It came back.", "")])
    for name in go_live.LOOKED_UP:
        ada.post(f"/settings/start/{name}/look", page="/settings/start")
    assert "being looked up" in ada.get("/settings/start/lines").text
    queued = session.scalars(sa.select(Job).where(Job.kind == go_live.JOB)).all()
    assert len(queued) == 2
    for each in queued:
        job.look(each.args)
    assert (states()["dns"], states()["round_trip"]) == ("wrong", "done")
    assert ada.post("/settings/start/team/look", page="/settings/start").status_code == 404


def test_what_was_found_outlives_the_sweep_of_signs_of_life(session: Session) -> None:
    go_live.remember("backup")
    with transaction() as current:
        current.get(Heartbeat, "fact:backup").at = utcnow() - dt.timedelta(days=3)
        current.add(Heartbeat(name="worker:x", at=utcnow() - dt.timedelta(days=3), info={}))
    schedule.sweep_rows({})
    assert session.scalars(sa.select(Heartbeat.name)).all() == ["fact:backup"]


def test_a_line_is_hidden_and_shown_again(ada: Visitor, session: Session) -> None:
    ada.post("/settings/start/saved_replies/hide", page="/settings/start")
    page = ada.get("/settings/start").text
    assert "0 of 6 are done" in page and "Show again" in page
    ada.post("/settings/start/saved_replies/hide", {"on": "0"}, page="/settings/start")
    assert "0 of 7 are done" in ada.get("/settings/start").text
    assert ada.post("/settings/start/nothing/hide", page="/settings/start").status_code == 404
