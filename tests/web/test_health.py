"""What machines ask: does it live, is it ready, how is it; and a proxy in front."""

import dataclasses
import re

import sqlalchemy as sa
from flask import Flask, request

from inbox.app import create_app
from inbox.config import Config
from inbox.db import at_time, db, utcnow, work_context
from inbox.jobs.schedule import beat


def metric(text: str, name: str) -> float:
    """The value of one metric."""
    found = re.search(rf"^inbox_{name} (\S+)$", text, re.M)
    assert found, text
    return float(found[1])


def test_healthz_asks_no_database(app: Flask, client) -> None:
    asked: list[str] = []
    with work_context(app):
        sa.event.listen(db.engine, "before_cursor_execute", lambda *words: asked.append(words[2]))
    assert client.get("/healthz").data == b"ok\n"
    assert asked == []
    client.get("/readyz")
    assert asked


def test_ready_when_the_database_fits(client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["ready"], answer.json["worker"]) == (200, True, "none")


def test_ready_tells_of_the_worker(app: Flask, client) -> None:
    import datetime as dt

    with work_context(app):
        with at_time(utcnow() - dt.timedelta(minutes=5)):
            beat("worker:here:1")
        assert client.get("/readyz").json["worker"] == "silent"
        beat("worker:here:2")
        assert client.get("/readyz").json["worker"] == "ok"


def test_not_ready_when_the_tables_are_of_another_version(app: Flask, client) -> None:
    with work_context(app), db.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999', floor = '9998'"))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["ready"]) == (503, False)
    assert client.get("/healthz").status_code == 200


def test_ready_while_newer_processes_have_added_to_the_tables(app: Flask, client) -> None:
    with work_context(app), db.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    assert client.get("/readyz").status_code == 200


def test_not_ready_without_the_tables(app: Flask, client) -> None:
    with work_context(app), db.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE heartbeat"))
    assert client.get("/readyz").status_code == 503


def test_metrics_count_what_waits(app: Flask, client) -> None:
    from inbox.mail import ledger
    from inbox.testing.factories import make_mailbox

    before = client.get("/metrics").get_data(as_text=True)
    with work_context(app):
        ledger.arrive(b"From: a@example.com\n\nHi\n", source="smtp", mailbox_id=make_mailbox().id)
    after = client.get("/metrics")
    assert after.content_type.startswith("text/plain; version=0.0.4")
    text = after.get_data(as_text=True)
    assert (metric(before, "mail_waiting"), metric(text, "mail_waiting")) == (0, 1)
    assert metric(text, "jobs_due") == metric(before, "jobs_due") + 1
    assert metric(text, "worker_seconds") == -1
    names = re.findall(r"^# TYPE (\S+) gauge$", text, re.M)
    assert len(names) == len(set(names)) == len(re.findall(r"^inbox_\S+ ", text, re.M))


def behind_proxy(config: Config, proxies: int) -> Flask:
    """An application with an address that tells what it takes for the client."""
    app = create_app(dataclasses.replace(config, trusted_proxies=proxies, base_url="https://desk.example.com"))

    def seen() -> str:
        return f"{request.scheme} {request.host} {request.remote_addr}"

    seen.inbox_public = True  # type: ignore[attr-defined]
    app.add_url_rule("/seen", view_func=seen)
    return app


FORWARDED = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9", "X-Forwarded-Proto": "https",
             "X-Forwarded-Host": "desk.example.com"}


def test_a_trusted_proxy_is_believed(config: Config) -> None:
    app = behind_proxy(config, 1)
    answer = app.test_client().get("/seen", headers=FORWARDED)
    assert answer.text == "https desk.example.com 203.0.113.9"  # the last address: the proxy itself wrote it


def test_forwarded_headers_of_strangers_are_ignored(config: Config) -> None:
    app = behind_proxy(config, 0)
    assert app.test_client().get("/seen", headers=FORWARDED).text == "http localhost 127.0.0.1"


def test_https_makes_cookies_secure(config: Config) -> None:
    app = behind_proxy(config, 1)
    answer = app.test_client().get("/forgotten", headers=FORWARDED)
    assert answer.status_code == 200
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"]
