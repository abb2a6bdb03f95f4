"""Webhooks: signed, tried again, logged, never to private places; by page, API and command."""

import datetime as dt
import json
import re

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox import signatures
from inbox.builtin.webhooks import health, hooks, sending
from inbox.builtin.webhooks.models import Webhook, WebhookDelivery
from inbox.core import api_tokens, events, personal_data, tickets
from inbox.core.events import Actor
from inbox.core.models import Job
from inbox.db import at_time, transaction, utcnow
from inbox.jobs import dispatch, engine, plugin_jobs
from inbox.jobs.worker import load_handlers
from inbox.plugin_host import call
from inbox.testing.factories import make_agent, make_customer, make_ticket
from inbox.testing.remote import Remote
from tests.web.browse import Visitor

NAME = "builtin.webhooks"


@pytest.fixture
def remote():  # type: ignore[no-untyped-def]
    server = Remote()
    yield server
    server.stop()


@pytest.fixture
def owner(app: Flask, session: Session) -> Visitor:
    return Visitor(app).sign_in(make_agent("Kari", role="owner"))


def as_plugin(function, *args, **options):  # type: ignore[no-untyped-def]
    """Run something as the builtin's own code."""
    good, answer = call.guard(NAME, "test", lambda: function(*args, **options), may_write=True, longest=60)
    assert good
    return answer


def make(url: str, *kinds: str) -> Webhook:
    return hooks.create(title="Shop", url=url, kinds=kinds or ["*"])


def run(app: Flask, session: Session) -> list[WebhookDelivery]:
    """Tell plugins of every event, send what is due; returns the log."""
    load_handlers()
    dispatch.deliver_due(app)
    plugin_jobs.look()
    engine.run_due(app)
    session.rollback()
    session.expire_all()
    return list(session.scalars(sa.select(WebhookDelivery).order_by(WebhookDelivery.id)))


def test_event_recorded_tells_webhooks_of_every_event(app: Flask, session: Session, remote: Remote) -> None:
    make(f"{remote.url}/hook")
    ticket = make_ticket("Boots")
    tickets.tag(ticket, "vip", by=Actor.of(make_agent("Maja", role="admin")))
    with transaction():
        events.record("loyalty.stamped", by=Actor.system("plugin:loyalty"), ticket=ticket, points=7)
    log = run(app, session)
    assert [each.state for each in log] == ["done"] * len(log)
    kinds = [each.json["kind"] for each in remote.requests]
    assert {"ticket_created", "message_received", "ticket_tagged", "loyalty.stamped"} <= set(kinds)
    tagged = remote.requests[kinds.index("ticket_tagged")]
    assert tagged.path == "/hook" and tagged.json["actor"] == {"kind": "agent", "id": 1, "name": "Maja"}
    assert tagged.json["ticket"]["number"] == 1 and tagged.json["data"] == {"tag": "vip"}
    assert "Hello, where is my order?" not in json.dumps([each.json for each in remote.requests])
    assert remote.requests[kinds.index("loyalty.stamped")].json["data"] == {"points": 7}


def test_what_is_sent_is_signed(app: Flask, session: Session, remote: Remote) -> None:
    webhook = make(remote.url, "ticket_created")
    make_ticket()
    (row,) = run(app, session)
    (asked,) = remote.requests
    secret = as_plugin(hooks.secret_of, webhook)
    signatures.verify(asked.body, asked.headers["x-pluginbox-signature"], secret)
    with pytest.raises(signatures.BadSignature):
        signatures.verify(asked.body + b" ", asked.headers["x-pluginbox-signature"], secret)
    assert asked.headers["x-pluginbox-event"] == "ticket_created"
    assert asked.headers["x-pluginbox-delivery"] == str(row.id)


def test_a_webhook_hears_what_it_asked_for_once_and_only_while_it_is_on(
        app: Flask, session: Session, remote: Remote) -> None:
    one, off = make(remote.url, "ticket_created"), make(remote.url)
    hooks.change(off, title="Off", url=off.url, kinds=["*"], is_on=False)
    make_ticket()
    assert len(run(app, session)) == 1
    with transaction() as current:
        current.execute(sa.text("UPDATE event SET dispatched_at = NULL"))
    assert [each.endpoint_id for each in run(app, session)] == [one.id] and len(remote.requests) == 1


def test_a_failure_is_tried_again_after_growing_delays_and_then_given_up(
        app: Flask, session: Session, remote: Remote) -> None:
    make(remote.url, "ticket_created")
    remote.mode = "500"
    make_ticket()
    (row,) = run(app, session)
    assert (row.state, row.status, row.attempts) == ("queued", 500, 1)
    now, waits = utcnow(), []
    for _ in range(len(sending.DELAYS)):
        waits.append(round((row.next_try_at - now).total_seconds()))
        now = row.next_try_at
        with at_time(now):
            as_plugin(sending.send_due)
        session.expire_all()
    assert all(abs(wait - delay) < 3 for wait, delay in zip(waits, sending.DELAYS, strict=True))
    assert (row.state, row.attempts) == ("given_up", len(sending.DELAYS) + 1)


@pytest.mark.parametrize("mode", ["dead", "slow"])
def test_an_answer_that_does_not_come_is_written_down(
        app: Flask, session: Session, remote: Remote, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TIMEOUT", 0.5)
    make(remote.url, "ticket_created")
    remote.mode = mode
    make_ticket()
    (row,) = run(app, session)
    assert row.state == "queued" and row.status is None and "127.0.0.1" in row.answer


def test_a_webhook_that_fails_does_not_hold_up_the_others(app: Flask, session: Session, remote: Remote) -> None:
    ill, well = make("http://127.0.0.1:9/", "ticket_created"), make(remote.url, "ticket_created")
    for _ in range(3):
        make_ticket()
    log = run(app, session)
    assert {each.state for each in log if each.endpoint_id == well.id} == {"done"} and len(remote.requests) == 3
    assert sum(each.attempts for each in log if each.endpoint_id == ill.id) == 1  # asked once in a round


def test_private_addresses_are_refused(app: Flask, session: Session) -> None:
    make("http://10.0.0.1/hook", "ticket_created")
    make_ticket()
    (row,) = run(app, session)
    assert row.status is None and "private_hosts" in row.answer


def test_it_is_sent_within_seconds_of_the_event(app: Flask, session: Session, remote: Remote) -> None:
    make(remote.url, "ticket_created")
    run(app, session)
    make_ticket()
    dispatch.deliver_due(app)
    job = session.scalars(sa.select(Job).where(Job.key == "plugin:webhooks.send")).one()
    session.refresh(job)
    assert job.run_at <= utcnow()  # not at its next minute


def test_a_delivery_is_sent_again(app: Flask, session: Session, remote: Remote) -> None:
    make(remote.url, "ticket_created")
    make_ticket()
    (row,) = run(app, session)
    hooks.replay(row.id)
    assert [each.state for each in run(app, session)] == ["done"]
    first, second = remote.requests
    assert first.body == second.body


def test_the_log_is_kept_for_ninety_days(app: Flask, session: Session, remote: Remote) -> None:
    make(remote.url, "ticket_created")
    with at_time(utcnow() - dt.timedelta(days=91)):
        make_ticket()
        run(app, session)
        assert session.scalar(sa.select(sa.func.count()).select_from(WebhookDelivery)) == 1
    make_ticket()
    assert [each.event_id > 1 for each in run(app, session)] == [True]  # its own job has taken the old one away


def test_register_personal_data_tells_and_erases_what_the_log_holds_of_a_customer(
        app: Flask, session: Session, remote: Remote) -> None:
    make(remote.url)
    kari, per = make_customer("Kari", "kari@a.example"), make_customer("Per", "per@a.example")
    first, _second = make_ticket("Hello", customer=kari), make_ticket("Hei", customer=per)
    tickets.tag(first, "vip", by=Actor.system("test"))
    log = run(app, session)
    assert {each["told"] for each in personal_data.export(kari, by=Actor.system("test"))["webhooks"]} == {"Shop"}
    assert any("kari@a.example" in each.body for each in log) and any("per@a.example" in each.body for each in log)
    for _ in range(2):
        as_plugin(hooks.erase, kari.id, ["kari@a.example"])
    left = list(session.scalars(sa.select(WebhookDelivery.body)))
    assert left and not any("kari" in each.lower() for each in left) and any("per@a.example" in each for each in left)


def test_health_names_the_webhook_that_fails(app: Flask, session: Session, remote: Remote) -> None:
    assert as_plugin(health) == "No webhook is on."
    make(remote.url, "ticket_created")
    make_ticket()
    run(app, session)
    assert "1 webhooks are on" in as_plugin(health)
    remote.mode = "500"
    make_ticket()
    row = run(app, session)[-1]
    with at_time(row.next_try_at):
        as_plugin(sending.send_due)
    session.expire_all()
    with pytest.raises(ValueError, match=r"Shop does not take what it is sent \(500\)"):
        health()


# --- pages ------------------------------------------------------------------------------------------------------


def test_settings_menu_links_leads_to_the_page(owner: Visitor) -> None:
    assert 'href="/x/webhooks/"' in owner.get("/settings/desk").text
    assert "No program is told of anything yet." in owner.get("/x/webhooks/").text


def test_the_secret_is_shown_once(owner: Visitor, session: Session, remote: Remote) -> None:
    made = owner.post("/x/webhooks/new", {"title": "Shop", "url": remote.url, "events": ["ticket_created"]})
    secret = re.search(r"<code class=\"break\">(\w{64})</code>", made.text)
    assert secret is not None
    webhook = session.scalars(sa.select(Webhook)).one()
    assert secret[1] == as_plugin(hooks.secret_of, webhook) and webhook.events == ["ticket_created"]
    assert secret[1] not in owner.get(f"/x/webhooks/{webhook.id}").text
    fresh = owner.post(f"/x/webhooks/{webhook.id}/secret", page="/x/webhooks/").text
    assert "code class" in fresh and secret[1] not in fresh


@pytest.mark.parametrize(("form", "words"), [
    ({"title": "", "url": "https://a.example"}, "Give the webhook a name"),
    ({"title": "A", "url": "ftp://a.example"}, "Write an address like"),
    ({"title": "A", "url": "https://a.example", "all": ""}, "Choose at least one event"),
    ({"title": "A", "url": "https://a.example", "all": "", "events": "nonsense"}, "There is no such event"),
])
def test_what_cannot_be_is_said_beside_its_field(owner: Visitor, form: dict[str, str], words: str) -> None:
    answer = owner.post("/x/webhooks/new", {"all": "1", **form})
    assert answer.status_code == 422 and words in answer.text


def test_a_test_is_sent_from_the_page_and_the_log_sends_again(
        app: Flask, owner: Visitor, session: Session, remote: Remote) -> None:
    page = f"/x/webhooks/{make(remote.url).id}"
    owner.post(f"{page}/test", page=page)
    assert re.search(r'<p class="alert good" role="status">.*It arrived: the other side answered 200\.',
                     owner.get(page).text)
    row = session.scalars(sa.select(WebhookDelivery)).one()
    owner.post(f"{page}/replay", {"delivery": row.id}, page=page)
    run(app, session)
    assert [each.json["kind"] for each in remote.requests] == ["webhooks.test", "webhooks.test"]
    remote.mode = "404"
    owner.post(f"{page}/test", page=page)
    assert re.search(r'<p class="alert" role="alert">.*It did not arrive: 404', owner.get(page).text)
    assert owner.get(page).text.count("webhooks.test") == 2


def press(visitor: Visitor, page: str) -> None:
    """Press "Send a test" twice before the answer is there: both presses are those of one page."""
    newest = re.search(r'name="after" value="(\d+)"', visitor.get(page).text)
    assert newest is not None
    for _ in range(2):
        visitor.post(f"{page}/test", {"after": newest[1]}, page=page)


def test_a_test_pressed_twice_is_sent_once(owner: Visitor, session: Session, remote: Remote) -> None:
    page = f"/x/webhooks/{make(remote.url).id}"
    press(owner, page)
    assert len(remote.requests) == 1 and "It is sent already; the log says how it went." in owner.get(page).text
    press(owner, page)  # from the page as it is now
    assert len(remote.requests) == 2


def test_what_one_is_sending_nobody_else_sends(app: Flask, session: Session, remote: Remote) -> None:
    """A test that a page sends just now, or a job that another worker has begun: it is left to them for a minute."""
    row = hooks.test(make(remote.url))
    assert row is not None
    as_plugin(sending.send_due)
    hooks.replay(row.id)
    as_plugin(sending.send_due)
    assert remote.requests == []
    with at_time(utcnow() + sending.LEASE):  # whoever it was has ended without a word
        as_plugin(sending.send_due)
    assert len(remote.requests) == 1


def test_a_job_leaves_what_another_has_sent_since_it_looked(
        app: Flask, session: Session, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    make(remote.url, "ticket_created")
    make_ticket()
    dispatch.deliver_due(app)
    looked = [sending._due(set()), []]
    as_plugin(sending.send_due)
    monkeypatch.setattr(sending, "_due", lambda failed: looked.pop(0))
    as_plugin(sending.send_due)
    assert len(remote.requests) == 1 and looked == []


def test_a_webhook_is_changed_switched_off_and_deleted(owner: Visitor, session: Session, remote: Remote) -> None:
    page = f"/x/webhooks/{make(remote.url).id}"
    owner.post(page, {"title": "Till", "url": remote.url, "events": ["reply_sent"]})
    session.expire_all()
    webhook = session.scalars(sa.select(Webhook)).one()
    assert (webhook.title, webhook.events, webhook.is_on) == ("Till", ["reply_sent"], False)
    owner.post(f"{page}/delete", page=page)
    session.expire_all()
    assert session.scalars(sa.select(Webhook)).all() == [] and owner.get(page).status_code == 404


def test_only_those_who_may_change_settings_see_them(app: Flask, session: Session) -> None:
    agent = Visitor(app).sign_in(make_agent())
    assert agent.get("/x/webhooks/").status_code == 403
    assert agent.post("/x/webhooks/new", {"title": "A"}, page="/profile").status_code == 403


# --- API and commands -------------------------------------------------------------------------------------------


def test_the_api_makes_lists_and_deletes_webhooks(app: Flask, session: Session, remote: Remote) -> None:
    _, token = api_tokens.create(make_agent(role="owner"), "test")

    def ask(method, path="", **options):  # type: ignore[no-untyped-def]
        return app.test_client().open(f"/api/v1/x/webhooks{path}", method=method,
                                      headers={"Authorization": f"Bearer {token}"}, **options)

    made = ask("POST", json={"title": "Shop", "url": remote.url, "events": "ticket_created, reply_sent"}).json
    assert len(made["secret"]) == 64 and made["events"] == ["reply_sent", "ticket_created"]
    (listed,) = ask("GET").json["items"]
    assert listed["id"] == made["id"] and "secret" not in listed
    make_ticket()
    run(app, session)
    (row,) = ask("GET", f"/{made['id']}/deliveries").json["items"]
    assert (row["kind"], row["state"], row["status"]) == ("ticket_created", "done", 200)
    assert ask("POST", json={"title": "Shop", "url": "nowhere", "events": "*"}).status_code == 422
    assert ask("DELETE", f"/{made['id']}").status_code == 204
    assert ask("DELETE", f"/{made['id']}").status_code == 404
    assert "/api/v1/x/webhooks/{webhook_id}" in app.test_client().get("/api/v1/openapi.json").json["paths"]


def test_commands_list_and_replay(app: Flask, session: Session, remote: Remote, home, database_url: str) -> None:  # type: ignore[no-untyped-def]
    from tests.cli.conftest import Commands

    commands = Commands(home, database_url)
    assert "There is no webhook." in commands.run("webhooks", "list").stdout
    make(remote.url, "ticket_created")
    make_ticket()
    (row,) = run(app, session)
    assert f"delivery {row.id} done (200)" in commands.run("webhooks", "list").stdout
    assert f"Delivery {row.id} (ticket_created) is sent again" in commands.run("webhooks", "replay", str(row.id)).stdout
    run(app, session)
    assert len(remote.requests) == 2
    assert "There is no such delivery." in commands.run("webhooks", "replay", "99", code=1).stderr
