"""What every page carries: policy headers, CSRF, languages, errors in plain words, static files kept for ever."""

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from inbox.core import tickets
from inbox.testing.factories import make_agent, make_department, make_ticket
from inbox.web import i18n, icons
from inbox.web.assets import FOLDER
from tests.web.browse import Visitor

TEMPLATES = Path(i18n.__file__).parent.parent / "templates"


@pytest.fixture
def visitor(app: Flask, session: Session) -> Visitor:
    return Visitor(app).sign_in(make_agent(role="owner"))


def test_pages_allow_no_script_or_style_but_our_own(visitor: Visitor) -> None:
    for path in ("/sign-in", "/views/unassigned", "/nothing-here"):
        headers = visitor.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy and "style-src 'self';" in policy and "unsafe" not in policy, path
        assert "frame-ancestors 'none'" in policy and headers["X-Content-Type-Options"] == "nosniff"


def test_a_form_without_the_token_changes_nothing(visitor: Visitor, session: Session) -> None:
    ticket = make_ticket()
    answer = visitor._open("POST", f"/tickets/{ticket.number}/status", data={"status": "closed"})
    assert answer.status_code == 400 and "too old" in answer.text
    session.refresh(ticket)
    assert ticket.status == "open"


def test_whole_pages_and_parts_are_never_mixed_up_in_a_cache(visitor: Visitor) -> None:
    assert "HX-Request" in visitor.get("/views/unassigned").headers["Vary"]


@pytest.mark.parametrize(("wanted", "language"), [
    ("nn-NO,nn;q=0.9,en;q=0.5", "nb"), ("no", "nb"), ("nb-NO", "nb"), ("zh-TW", "zh-Hant"), ("zh-HK,en", "zh-Hant"),
    ("zh-Hant-TW", "zh-Hant"), ("ja-JP", "ja"), ("th", "th"), ("de-DE,fr", "en"), ("en-GB,nb", "en")])
def test_a_page_is_in_the_language_the_browser_asks_for(
        client: FlaskClient, visitor: Visitor, wanted: str, language: str) -> None:
    page = client.get("/sign-in", headers={"Accept-Language": wanted}).text
    assert f'<html lang="{language}"' in page


def test_times_are_on_the_agents_clock(visitor: Visitor, session: Session) -> None:
    ticket = make_ticket()
    visitor.post("/profile", {"name": "A", "time_zone": "Asia/Tokyo"})
    page = visitor.get(f"/tickets/{ticket.number}").text
    assert f"{ticket.created_at.hour + 9 if ticket.created_at.hour < 15 else ticket.created_at.hour - 15}:" in page
    assert "Japan Standard Time" in page


@pytest.mark.parametrize(("text", "language"), [
    ("返品の送料について", "ja"), ("批發價格查詢", "zh-Hant"), ("ลืมรหัสผ่าน", "th"), ("Hvor blir det av pakken?", "")])
def test_a_text_gets_the_language_its_glyphs_need(text: str, language: str) -> None:
    assert icons.language_of(text) == language


@pytest.mark.parametrize(("name", "initials"), [
    ("Maja Haugen", "MH"), ("佐藤 美咲", "佐藤"), ("陳柏宇", "陳"), ("เอกชัย ศรีสุข", "อศ"), ("maja@haugen.example", "ME"),
    ("", "?"), ("\"(...)\"", "?"), ("Anna Maria van der Berg", "AB")])
def test_a_face_shows_initials(name: str, initials: str) -> None:
    assert icons.initials(name) == initials


def test_every_icon_a_template_draws_is_in_the_sprite() -> None:
    drawn = {name for path in TEMPLATES.rglob("*.html") for name in re.findall(r"icon\('([a-z-]+)'", path.read_text())}
    there = set(re.findall(r'<symbol id="([a-z-]+)"', (FOLDER / "icons.svg").read_text()))
    assert drawn and drawn <= there, drawn - there


def test_a_static_file_is_kept_for_ever_under_its_hash_and_only_there(client: FlaskClient, visitor: Visitor) -> None:
    address = re.search(r'href="(/static/[^"]+\.css)"', client.get("/sign-in").text)
    assert address is not None
    kept = client.get(address[1])
    assert kept.status_code == 200 and kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    old = client.get(re.sub(r"/static/[^/]+/", "/static/000000000000/", address[1]))
    assert old.status_code == 200 and sorted(old.headers["Cache-Control"].split(", ")) == ["no-cache", "public"]
    assert client.get("/static/000000000000/../app.py").status_code == 404
    assert client.get("/static/000000000000/vendor/htmx.js").mimetype == "text/javascript"


# --- errors -----------------------------------------------------------------------------------------------------


def test_a_page_that_is_not_there_says_so_and_shows_a_way_on(visitor: Visitor) -> None:
    answer = visitor.get("/tickets/999999")
    assert answer.status_code == 404 and 'href="/"' in answer.text and "Traceback" not in answer.text


def test_htmx_gets_the_error_as_a_notice_and_leaves_the_page_alone(visitor: Visitor) -> None:
    answer = visitor.get("/tickets/999999?part=pane", headers={"HX-Request": "true"})
    assert answer.status_code == 404 and answer.headers["HX-Retarget"] == "#problem"
    assert answer.headers["HX-Reswap"] == "innerHTML" and "<html" not in answer.text


def test_what_the_core_refuses_is_said_in_its_words(visitor: Visitor, session: Session) -> None:
    ticket = make_ticket()
    answer = visitor.post(f"/tickets/{ticket.number}/tags/remove", {"tag": " "}, page="/views/all")
    assert answer.status_code == 422 and "A tag needs a name." in answer.text


def test_a_role_without_the_ability_is_told_so(app: Flask, session: Session) -> None:
    department = make_department()
    ticket = make_ticket(department=department)
    light = Visitor(app).sign_in(make_agent(role="light", departments=[department]))
    answer = light.post(f"/tickets/{ticket.number}/messages", {"kind": "reply", "text": "Hi"}, page="/views/all")
    assert answer.status_code == 403 and "Your role does not allow this." in answer.text


def test_a_database_that_does_not_answer_is_503(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object, **__: object) -> None:
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    monkeypatch.setattr(tickets, "get", locked)
    answer = visitor.get("/tickets/1")
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "5"
    assert "busy" in answer.text and "locked" not in answer.text


HUGE = "9" * 23


@pytest.mark.parametrize("path", [
    f"/tickets/{HUGE}", f"/messages/{HUGE}/body", f"/attachments/{HUGE}/x", f"/customers/{HUGE}", f"/outbox/{HUGE}"])
def test_an_address_with_a_number_no_database_holds_is_not_there(visitor: Visitor, path: str) -> None:
    assert visitor.get(path).status_code == 404


def test_a_number_no_database_holds_in_a_form_is_refused(visitor: Visitor, session: Session) -> None:
    ticket = make_ticket()
    answer = visitor.post(f"/tickets/{ticket.number}/assignee", {"agent": HUGE}, page="/views/all")
    assert answer.status_code == 422 and "out of range" in answer.text


def test_what_caches_may_keep_brings_no_cookie(app, client) -> None:
    with app.test_request_context():
        from inbox.web.assets import static_url

        path = static_url("inbox.css")
    answer = client.get(path)
    assert answer.cache_control.public
    assert "Set-Cookie" not in answer.headers and "Cookie" not in answer.headers.get("Vary", "")
