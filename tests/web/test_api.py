"""The REST API: by token only, the same permissions as everywhere, errors as problem details."""

import base64
import datetime as dt
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from inbox.core import agents, api_tokens, messages, tickets
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, Job, Message, Ticket
from inbox.db import db, transaction, utcnow
from inbox.mail import ledger
from inbox.testing.factories import make_agent, make_customer, make_department, make_mailbox, make_message, make_ticket

V1 = "/api/v1"


class Caller:
    """An agent's program, with a token."""

    def __init__(self, client: FlaskClient, agent: Agent, scopes: tuple[str, ...] = ("read", "write")) -> None:
        self.agent = agent
        self._client = client
        self.token = api_tokens.create(agent, "test", scopes)[1]

    def __call__(self, method: str, path: str, json: Any = None, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self._client.open(V1 + path, method=method, json=json, headers=headers, **options)


@pytest.fixture
def support(session: Session) -> Department:
    mailbox = make_mailbox("help@desk.example", department=make_department("Support"))
    return mailbox.department


@pytest.fixture
def call(client: FlaskClient, support: Department) -> Caller:
    return Caller(client, make_agent("Kari", departments=[support]))


@pytest.fixture
def ticket(support: Department) -> Ticket:
    return make_ticket("Boots", department=support, customer=make_customer("Ola", "ola@example.no"),
                       text="Where are they?", tags=["order"])


@pytest.fixture
def foreign(session: Session) -> Ticket:
    return make_ticket("Salaries", department=make_department("Staff"))


def check_problem(response: TestResponse, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.mimetype == "application/problem+json"
    body = response.get_json(force=True)
    assert body["status"] == status and body["type"] == "about:blank" and body["title"]
    return dict(body)


# --- who asks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [None, "", "Basic a2FyaQ==", "Bearer", "Bearer  ", "Bearer wrong"])
def test_without_a_token_there_is_nothing(client: FlaskClient, session: Session, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = client.get(f"{V1}/tickets", headers=headers)
    check_problem(response, 401)
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_session_cookie_is_no_way_in(client: FlaskClient, call: Caller) -> None:
    with client.session_transaction() as cookie:
        cookie["_user_id"] = cookie["agent_id"] = str(call.agent.id)
    check_problem(client.post(f"{V1}/tickets", json={}), 401)


def test_a_revoked_token_and_an_inactive_agent_are_out(call: Caller, client: FlaskClient, session: Session) -> None:
    other = Caller(client, make_agent("Per"))
    assert other("GET", "/tickets").status_code == 200
    agents.deactivate(other.agent, by=Actor.system("test"))
    check_problem(other("GET", "/tickets"), 401)
    assert api_tokens.of(call.token) is not None
    api_tokens.revoke(api_tokens.of(call.token).id, by=Actor.system("test"))
    check_problem(call("GET", "/tickets"), 401)


def test_scopes(client: FlaskClient, call: Caller, ticket: Ticket) -> None:
    reader, writer = Caller(client, call.agent, ("read",)), Caller(client, call.agent, ("write",))
    assert reader("GET", "/tickets").status_code == 200
    check_problem(reader("POST", f"/tickets/{ticket.id}/messages", {"kind": "note", "text": "x"}), 403)
    check_problem(reader("PATCH", f"/tickets/{ticket.id}", {"status": "closed"}), 403)
    check_problem(writer("GET", "/tickets"), 403)
    assert writer("POST", f"/tickets/{ticket.id}/messages", {"kind": "note", "text": "x"}).status_code == 201


@pytest.mark.parametrize(("method", "path", "body"), [
    ("GET", "/tickets/{}", None), ("PATCH", "/tickets/{}", {"status": "closed"}),
    ("GET", "/tickets/{}/messages", None), ("POST", "/tickets/{}/messages", {"kind": "note", "text": "x"})])
def test_another_departments_ticket_is_not_there(call: Caller, foreign: Ticket, method: str, path: str,
                                                 body: Any) -> None:
    hidden = check_problem(call(method, path.format(foreign.id), body), 404)
    absent = check_problem(call(method, path.format(999999), body), 404)
    assert hidden == absent


def test_another_departments_tickets_and_customers_are_in_no_list(call: Caller, ticket: Ticket,
                                                                  foreign: Ticket) -> None:
    for query in ("", "?q=Salaries", f"?customer={foreign.customer_id}", "?q=is:open"):
        assert foreign.id not in [each["id"] for each in call("GET", f"/tickets{query}").get_json()["items"]]
    names = [each["id"] for each in call("GET", "/customers").get_json()["items"]]
    assert names == [ticket.customer_id]
    check_problem(call("GET", f"/tickets?department={foreign.department_id}"), 422)


def test_a_light_agent_may_note_but_not_reply(client: FlaskClient, support: Department, ticket: Ticket) -> None:
    light = Caller(client, make_agent("Lise", role="light", departments=[support]))
    assert light("POST", f"/tickets/{ticket.id}/messages", {"kind": "note", "text": "x"}).status_code == 201
    check_problem(light("POST", f"/tickets/{ticket.id}/messages", {"kind": "reply", "text": "x"}), 403)


# --- tickets --------------------------------------------------------------------------------------------------


def test_the_list_shows_tickets(call: Caller, ticket: Ticket) -> None:
    page = call("GET", "/tickets").get_json()
    (item,) = page["items"]
    assert page["next"] is None
    assert (item["id"], item["number"], item["subject"], item["status"]) == (
        ticket.id, ticket.number, "Boots", "open")
    assert item["department"] == {"id": ticket.department_id, "name": "Support"}
    assert item["customer"] == {"id": ticket.customer_id, "name": "Ola", "email": "ola@example.no"}
    assert item["assignee"] is None and item["tags"] == ["order"]
    assert dt.datetime.fromisoformat(item["last_message_at"]).tzinfo is not None
    assert call("GET", f"/tickets/{ticket.id}").get_json() == item


def test_the_list_is_paged_by_cursor(call: Caller, support: Department) -> None:
    made = {make_ticket(department=support).id for _number in range(5)}
    seen, cursor = [], None
    while True:
        page = call("GET", "/tickets?limit=2" + (f"&cursor={cursor}" if cursor else "")).get_json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
        assert len(page["items"]) == 2
    assert len(seen) == 5 and set(seen) == made


def test_the_list_costs_the_same_however_long(app: Flask, call: Caller, support: Department) -> None:
    def queries() -> int:
        found: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            found.append(statement)

        sa.event.listen(engine, "before_cursor_execute", note)
        assert call("GET", "/tickets").status_code == 200
        sa.event.remove(engine, "before_cursor_execute", note)
        return sum(each.startswith("SELECT") for each in found)

    with app.app_context():
        engine = db.engine
    make_ticket(department=support, tags=["a"], assignee=call.agent)
    queries()  # the first use of the token is noted
    few = queries()
    for _number in range(5):
        make_ticket(department=support, tags=["a", "b"], assignee=call.agent)
    assert queries() == few <= 12


@pytest.mark.parametrize(("query", "expected"), [
    ("status=closed", ["closed"]), ("status=open", ["mine", "tagged", "old"]), ("assignee=me", ["mine"]),
    ("assignee=none", ["closed", "tagged", "old"]), ("tag=VIP", ["tagged"]), ("customer=vip@example.com", ["tagged"]),
    ("department=support", ["closed", "mine", "tagged", "old"]), ("q=tagged", ["tagged"]),
    ("status=open&assignee=me", ["mine"]), ("tag=nobody", []), ("customer=nobody@example.com", []),
    ("q=is:closed", ["closed"])])
def test_filters(call: Caller, support: Department, query: str, expected: list[str]) -> None:
    make_ticket("old", department=support)
    make_ticket("tagged", department=support, tags=["vip"], customer=make_customer("V", "vip@example.com"))
    make_ticket("mine", department=support, assignee=call.agent)
    make_ticket("closed", department=support, status="closed")
    assert [each["subject"] for each in call("GET", f"/tickets?{query}").get_json()["items"]] == expected


def test_updated_since(call: Caller, support: Department) -> None:
    old, new = make_ticket("old", department=support), make_ticket("new", department=support)
    with transaction() as current:
        current.execute(sa.update(Ticket).where(Ticket.id == old.id).values(updated_at=utcnow() - dt.timedelta(days=2)))
    since = (utcnow() - dt.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = call("GET", "/tickets", query_string={"updated_since": since}).get_json()["items"]
    assert [each["id"] for each in found] == [new.id]


@pytest.mark.parametrize("query", ["status=gone", "limit=0", "limit=101", "limit=x", "cursor=***", "surprise=1",
                                   "updated_since=yesterday", "updated_since=2026-01-01T00:00:00",
                                   "q=before:yesterday"])
def test_wrong_filters_are_named(call: Caller, ticket: Ticket, query: str) -> None:
    body = check_problem(call("GET", f"/tickets?{query}"), 422)
    assert body["errors"][0]["parameter"] in ("status", "limit", "cursor", "surprise", "updated_since", "q")


def test_changing_a_ticket(call: Caller, ticket: Ticket, support: Department) -> None:
    changed = call("PATCH", f"/tickets/{ticket.id}", {
        "status": "pending", "priority": "high", "subject": "Boots, size 43", "assignee": "me",
        "tags": ["VIP", "return"]}).get_json()
    assert (changed["status"], changed["priority"], changed["subject"]) == ("pending", "high", "Boots, size 43")
    assert changed["assignee"]["id"] == call.agent.id and changed["tags"] == ["return", "vip"]
    assert call("PATCH", f"/tickets/{ticket.id}", {"assignee": None}).get_json()["assignee"] is None


def test_changes_are_made_together_or_not_at_all(call: Caller, ticket: Ticket, session: Session) -> None:
    stranger = make_agent("Stranger")
    body = check_problem(call("PATCH", f"/tickets/{ticket.id}", {"status": "closed", "assignee": stranger.id}), 422)
    assert body["errors"] == [{"pointer": "#/assignee",
                               "detail": "This agent does not work in the ticket's department."}]
    session.expire_all()
    assert ticket.status == "open"


def test_a_ticket_that_changed_meanwhile_is_a_conflict(call: Caller, ticket: Ticket) -> None:
    seen = call("GET", f"/tickets/{ticket.id}").get_json()["version"]
    tickets.set_priority(ticket, "low", by=Actor.system("test"))
    check_problem(call("PATCH", f"/tickets/{ticket.id}", {"status": "closed", "version": seen}), 409)
    now = call("GET", f"/tickets/{ticket.id}").get_json()["version"]
    assert call("PATCH", f"/tickets/{ticket.id}", {"status": "closed", "version": now}).status_code == 200


def test_moving_a_ticket_away(call: Caller, ticket: Ticket) -> None:
    sales = make_department("Sales")
    moved = call("PATCH", f"/tickets/{ticket.id}", {"department": "sales"}).get_json()
    assert moved["department"]["id"] == sales.id
    check_problem(call("GET", f"/tickets/{ticket.id}"), 404)


@pytest.mark.parametrize(("body", "pointer"), [
    ({"status": "gone"}, "#/status"), ({"surprise": 1}, "#/surprise"), ({"assignee": True}, "#/assignee"),
    ({"department": "nowhere"}, "#/department"), ({"subject": ""}, "#/subject"),
    ({"snoozed_until": "2020-01-01T00:00:00Z"}, "#/until"), ({"tags": [" "]}, "#/tag")])
def test_wrong_changes_are_named(call: Caller, ticket: Ticket, body: Any, pointer: str) -> None:
    assert check_problem(call("PATCH", f"/tickets/{ticket.id}", body), 422)["errors"][0]["pointer"] == pointer


def test_what_a_customer_said_opens_a_ticket(call: Caller, session: Session) -> None:
    response = call("POST", "/tickets", {"subject": "Hei", "text": "Hvor er de?", "tags": ["web"],
                                         "customer": {"email": "ny@example.no", "name": "Ny"}})
    assert response.status_code == 201
    made = response.get_json()
    assert made["customer"]["email"] == "ny@example.no" and made["tags"] == ["web"] and made["channel"] == "api"
    assert response.headers["Location"] == f"{V1}/tickets/{made['id']}"
    (said,) = call("GET", f"/tickets/{made['id']}/messages").get_json()["items"]
    assert (said["kind"], said["text"], said["author"]["kind"]) == ("received", "Hvor er de?", "customer")
    assert session.scalar(sa.select(sa.func.count(Job.id)).where(Job.kind == "mail.send")) == 0


def test_an_agent_writes_to_a_customer(call: Caller, ticket: Ticket, session: Session) -> None:
    made = call("POST", "/tickets", {"subject": "Hei", "html": "<p>They <b>came</b></p><script>x</script>",
                                     "kind": "reply", "customer": {"id": ticket.customer_id}}).get_json()
    (said,) = call("GET", f"/tickets/{made['id']}/messages").get_json()["items"]
    assert (said["kind"], said["state"], said["html"]) == ("reply", "queued", "<p>They <b>came</b></p>")
    assert said["text"].strip() == "They came" and said["recipients"][0]["address"] == "ola@example.no"
    assert session.scalar(sa.select(sa.func.count(Job.id)).where(Job.kind == "mail.send")) == 1


@pytest.mark.parametrize(("body", "pointer"), [
    ({}, "#/subject"), ({"subject": "x", "customer": {"email": "a@b.no"}}, "#/text"),
    ({"subject": "x", "text": "y", "customer": {}}, "#/customer"),
    ({"subject": "x", "text": "y", "customer": {"email": "nonsense"}}, "#/customer"),
    ({"subject": "x", "text": " ", "kind": "note", "customer": {"email": "a@b.no"}}, "#/text"),
    ({"subject": "x", "text": "y", "customer": {"id": 99999}}, "#/customer"),
    ({"subject": "x", "text": "y", "customer": {"email": "a@b.no"}, "department": "nowhere"}, "#/department"),
    ({"subject": "x", "text": "y", "customer": {"email": "a@b.no"}, "priority": 7}, "#/priority")])
def test_wrong_tickets_are_named(call: Caller, session: Session, body: Any, pointer: str) -> None:
    errors = check_problem(call("POST", "/tickets", body), 422)["errors"]
    assert pointer in [each["pointer"] for each in errors]
    assert session.scalar(sa.select(sa.func.count(Ticket.id))) == 0


# --- messages -------------------------------------------------------------------------------------------------


def test_messages_carry_what_was_said(call: Caller, ticket: Ticket) -> None:
    messages.note(ticket, messages.Body("careful"), by=Actor.of(call.agent))
    first, note = call("GET", f"/tickets/{ticket.id}/messages").get_json()["items"]
    assert {"id", "kind", "author", "text", "html", "message_id", "state", "at"} <= set(first)
    assert first["author"] == {"kind": "customer", "id": ticket.customer_id, "name": "Ola", "email": "ola@example.no"}
    assert (note["kind"], note["state"], note["author"]["id"]) == ("note", "stored", call.agent.id)


def test_messages_are_paged(call: Caller, ticket: Ticket) -> None:
    for number in range(4):
        make_message(ticket, f"more {number}")
    first = call("GET", f"/tickets/{ticket.id}/messages?limit=3").get_json()
    rest = call("GET", f"/tickets/{ticket.id}/messages?limit=3&cursor={first['next']}").get_json()
    assert [len(first["items"]), len(rest["items"]), rest["next"]] == [3, 2, None]
    assert len({each["id"] for each in first["items"] + rest["items"]}) == 5
    check_problem(call("GET", f"/tickets/{ticket.id}/messages?cursor=999999"), 422)


def test_a_reply_is_queued(call: Caller, ticket: Ticket, session: Session) -> None:
    response = call("POST", f"/tickets/{ticket.id}/messages", {"kind": "reply", "text": "On the way.",
                                                               "cc": ["chief@example.no"], "status": "pending"})
    said = response.get_json()
    assert response.status_code == 201 and (said["kind"], said["state"]) == ("reply", "queued")
    assert [(each["role"], each["address"]) for each in said["recipients"]] == [
        ("to", "ola@example.no"), ("cc", "chief@example.no")]
    session.expire_all()
    assert ticket.status == "pending"
    assert session.scalar(sa.select(sa.func.count(Job.id)).where(Job.kind == "mail.send")) == 1


def test_a_reply_to_what_is_not_the_newest_is_refused_with_what_is(call: Caller, ticket: Ticket) -> None:
    path = f"/tickets/{ticket.id}/messages"
    seen = call("GET", path).get_json()["items"][-1]["id"]
    newer = make_message(ticket, "Never mind!")
    stopped = check_problem(call("POST", path, {"kind": "reply", "text": "On the way.", "seen": seen}), 409)
    assert [each["text"] for each in stopped["new"]] == ["Never mind!"]
    sent = call("POST", path, {"kind": "reply", "text": "All right.", "seen": newer.id})
    assert sent.status_code == 201 and len(call("GET", path).get_json()["items"]) == 3
    check_problem(call("POST", path, {"kind": "reply", "text": "x", "seen": 999}), 422)


@pytest.mark.parametrize(("body", "pointer"), [
    ({"text": "x"}, "#/kind"), ({"kind": "received", "text": "x"}, "#/kind"), ({"kind": "note"}, "#/text"),
    ({"kind": "note", "text": " "}, "#/text"), ({"kind": "note", "text": "x", "to": ["a@b.no"]}, "#/to"),
    ({"kind": "reply", "text": "x", "to": ["nonsense"]}, "#/to"), ({"kind": "reply", "text": "x", "y": 1}, "#/y"),
    ({"kind": "reply", "text": "x", "to": []}, "#/to"), ({"kind": "note", "text": 5}, "#/text")])
def test_wrong_messages_are_named(call: Caller, ticket: Ticket, session: Session, body: Any, pointer: str) -> None:
    errors = check_problem(call("POST", f"/tickets/{ticket.id}/messages", body), 422)["errors"]
    assert pointer in [each["pointer"] for each in errors]
    assert session.scalar(sa.select(sa.func.count(Message.id))) == 1


# --- doing things twice ---------------------------------------------------------------------------------------


def test_the_same_key_answers_once(call: Caller, ticket: Ticket, session: Session) -> None:
    post = {"kind": "reply", "text": "Once."}
    first, second = (call("POST", f"/tickets/{ticket.id}/messages", post, headers={"Idempotency-Key": "k1"})
                     for _number in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.get_json() == second.get_json() and second.headers["Idempotency-Replayed"] == "true"
    assert first.headers["Location"] == second.headers["Location"]
    assert session.scalar(sa.select(sa.func.count(Message.id)).where(Message.kind == "reply")) == 1


def test_a_key_belongs_to_one_request_and_one_agent(call: Caller, client: FlaskClient, ticket: Ticket,
                                                    support: Department, session: Session) -> None:
    key = {"Idempotency-Key": "k1"}
    path = f"/tickets/{ticket.id}/messages"
    assert call("POST", path, {"kind": "note", "text": "a"}, headers=key).status_code == 201
    check_problem(call("POST", path, {"kind": "note", "text": "b"}, headers=key), 422)
    other = Caller(client, make_agent("Per", departments=[support]))
    assert other("POST", path, {"kind": "note", "text": "b"}, headers=key).status_code == 201
    assert session.scalar(sa.select(sa.func.count(Message.id)).where(Message.kind == "note")) == 2


def test_a_refused_request_may_be_sent_again_with_its_key(call: Caller, ticket: Ticket) -> None:
    key, path = {"Idempotency-Key": "k1"}, f"/tickets/{ticket.id}/messages"
    check_problem(call("POST", path, {"kind": "reply", "text": "x", "to": ["bad"]}, headers=key), 422)
    assert call("POST", path, {"kind": "reply", "text": "x"}, headers=key).status_code == 201


# --- the ledger and customers -----------------------------------------------------------------------------------


def test_the_ledger(call: Caller, client: FlaskClient, support: Department, session: Session) -> None:
    mailbox = make_mailbox("led@desk.example", department=support)
    row = ledger.arrive(b"Subject: x\r\n\r\nbody", source="smtp", mailbox_id=mailbox.id)
    admin = Caller(client, make_agent("Admin", role="admin"))
    (item,) = admin("GET", "/ledger?fate=waiting").get_json()["items"]
    assert (item["id"], item["size"], item["source"]) == (row, 18, "smtp")
    assert admin("GET", f"/ledger/{row}").get_json() == item
    raw = admin("GET", f"/ledger/{row}/raw")
    assert raw.data == b"Subject: x\r\n\r\nbody" and raw.mimetype == "message/rfc822"
    assert raw.headers["X-Content-Type-Options"] == "nosniff"
    assert admin("GET", "/ledger?fate=created").get_json() == {"items": [], "next": None}
    check_problem(admin("GET", "/ledger?cursor=x"), 422)
    check_problem(admin("GET", "/ledger/99999"), 404)
    for path in ("/ledger", f"/ledger/{row}", f"/ledger/{row}/raw"):
        assert call("GET", path).status_code in (403, 404)


def test_customers(call: Caller, ticket: Ticket) -> None:
    page = call("GET", "/customers?q=ola@").get_json()
    (item,) = page["items"]
    assert (item["name"], item["email"], item["addresses"]) == (
        "Ola", "ola@example.no", [{"kind": "mail", "value": "ola@example.no"}])
    assert call("GET", "/customers?q=nobody").get_json() == {"items": [], "next": None}


# --- errors and the description ---------------------------------------------------------------------------------


def test_errors_nobody_handles_are_problems_too(call: Caller, client: FlaskClient) -> None:
    check_problem(client.get("/api/v1/nowhere"), 404)
    check_problem(client.get("/api/nowhere"), 404)
    response = call("DELETE", "/tickets")
    check_problem(response, 405)
    assert {"GET", "POST"} <= set(response.headers["Allow"].replace(" ", "").split(","))
    assert client.get("/nowhere").mimetype == "text/html"


@pytest.mark.parametrize(("path", "status"), [
    ("/tickets/{}", 404), ("/tickets/{}/messages", 404), ("/ledger/{}", 404), ("/tickets?assignee={}", 422),
    ("/tickets?customer={}", 422), ("/tickets?department={}", 422), ("/ledger?mailbox={}", 422),
    ("/customers?cursor={}", 422)])
def test_numbers_no_database_can_hold(client: FlaskClient, session: Session, path: str, status: int) -> None:
    admin = Caller(client, make_agent(role="admin"))
    check_problem(admin("GET", path.format("9" * 40)), status)


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_text_no_database_can_hold(call: Caller, ticket: Ticket, text: str) -> None:
    path = f"/tickets/{ticket.id}"
    for method, where, body, pointer in (
            ("PATCH", path, {"subject": text}, "#/subject"), ("PATCH", path, {"tags": ["ok", text]}, "#/tags"),
            ("POST", f"{path}/messages", {"kind": "note", "text": text}, "#/text"),
            ("POST", f"{path}/messages", {"kind": "note", "html": text}, "#/html"),
            ("POST", "/tickets", {"subject": "x", "text": "y", "customer": {"email": "a@b.no", "name": text}},
             "#/customer/name")):
        assert check_problem(call(method, where, body), 422)["errors"][0]["pointer"] == pointer
    check_problem(call("GET", "/tickets?q=%00"), 422)
    check_problem(call("GET", "/customers?q=%00"), 422)


@pytest.mark.parametrize("cursor", [
    ["2026-01-01T00:00:00", 10**30], ["2026-01-01T00:00:00+00:00", -1], ["0001-01-01T00:00:00+14:00", 5], ["1", 2],
    ["x"], {}, 5, None, [None, None], [True, "5"]])
@pytest.mark.parametrize("q", ["", "&q=word"])
def test_cursors_somebody_made_up(call: Caller, ticket: Ticket, cursor: Any, q: str) -> None:
    packed = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode().rstrip("=")
    check_problem(call("GET", f"/tickets?cursor={packed}{q}"), 422)


def test_the_largest_numbers_are_simply_not_there(client: FlaskClient, session: Session) -> None:
    admin = Caller(client, make_agent(role="admin"))
    check_problem(admin("GET", f"/tickets/{2**63 - 1}"), 404)
    check_problem(admin("GET", f"/ledger/{2**63 - 1}"), 404)
    assert admin("GET", f"/tickets?customer={2**31 - 1}").get_json() == {"items": [], "next": None}
    check_problem(admin("GET", f"/tickets?assignee={2**31 - 1}"), 422)
    assert admin("GET", f"/ledger?mailbox={2**31 - 1}&cursor={10**17}").get_json() == {"items": [], "next": None}


def test_bodies_that_are_not_json(call: Caller, ticket: Ticket) -> None:
    path = f"/tickets/{ticket.id}/messages"
    check_problem(call("POST", path, data="kind=note", content_type="application/x-www-form-urlencoded"), 415)
    check_problem(call("POST", path, data="{", content_type="application/json"), 400)
    check_problem(call("POST", path, [1]), 422)
    check_problem(call("POST", path, {"kind": "note", "text": "x" * 6_000_000}), 413)


def test_a_database_that_does_not_answer(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from inbox.core import customers

    def gone(*args: Any, **options: Any) -> None:
        raise sa.exc.OperationalError("SELECT", {}, Exception("database is locked"))

    monkeypatch.setattr(customers, "page", gone)
    response = call("GET", "/customers")
    check_problem(response, 503)
    assert response.headers["Retry-After"] == "5" and "locked" not in response.text


def test_a_plugin_that_refuses_says_why(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from inbox.core import intake
    from inbox.plugin_host.call import Rejected

    def refuse(*args: Any, **options: Any) -> None:
        raise Rejected("Not on Sundays.")

    monkeypatch.setattr(intake, "plan", refuse)
    response = call("POST", "/tickets", {"subject": "x", "text": "y", "customer": {"email": "a@b.no"}})
    assert check_problem(response, 422)["detail"] == "Not on Sundays."


def test_too_many_tries_say_when_to_come_back(app: Flask, call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from inbox.core import customers
    from inbox.core.errors import RateLimited

    def tired(*args: Any, **options: Any) -> None:
        raise RateLimited(17)

    monkeypatch.setattr(customers, "page", tired)
    response = call("GET", "/customers")
    check_problem(response, 429)
    assert response.headers["Retry-After"] == "17"


def operations(spec: dict[str, Any]) -> set[str]:
    return {f"{method.upper()} {path.removeprefix(V1)}" for path, item in spec["paths"].items()
            for method in item if method in ("get", "post", "patch", "delete", "put")}


def test_the_description_is_valid_and_complete(client: FlaskClient, session: Session) -> None:
    from openapi_spec_validator import validate

    spec = client.get(f"{V1}/openapi.json").get_json()
    validate(spec)
    assert spec["openapi"].startswith("3.1")
    assert operations(spec) == {
        "GET /tickets", "POST /tickets", "GET /tickets/{ticket_id}", "PATCH /tickets/{ticket_id}",
        "GET /tickets/{ticket_id}/messages", "POST /tickets/{ticket_id}/messages", "GET /customers",
        "GET /ledger", "GET /ledger/{ledger_id}", "GET /ledger/{ledger_id}/raw",
        "GET /x/webhooks", "POST /x/webhooks", "DELETE /x/webhooks/{webhook_id}",
        "GET /x/webhooks/{webhook_id}/deliveries"}


def test_the_page_about_the_api_names_what_there_is(app: Flask) -> None:
    from inbox.web.api import export_openapi
    from inbox.web.api.problems import COMMON

    page = (Path(__file__).parent.parent.parent / "docs/reference/api.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", page, re.M)) == operations(export_openapi(app))
    assert {int(each) for each in re.findall(r"^\| (\d{3}) \|", page, re.M)} == {*COMMON, 405}


def test_the_description_can_be_exported(app: Flask, client: FlaskClient) -> None:
    from inbox.web.api import export_openapi

    assert export_openapi(app) == client.get(f"{V1}/openapi.json").get_json()


def test_the_same_key_from_two_sides_at_once(app: Flask, call: Caller, ticket: Ticket, session: Session) -> None:
    path = f"{V1}/tickets/{ticket.id}/messages"
    session.rollback()

    def post(_number: int) -> tuple[int, Any]:
        answer = app.test_client().post(path, json={"kind": "note", "text": "Once."}, headers={
            "Authorization": f"Bearer {call.token}", "Idempotency-Key": "both"})
        return answer.status_code, answer.get_json()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(post, range(6)))
    assert [status for status, _body in answers] == [201] * 6
    assert len({body["id"] for _status, body in answers}) == 1
    assert session.scalar(sa.select(sa.func.count(Message.id)).where(Message.kind == "note")) == 1
