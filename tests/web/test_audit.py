"""The audit log: every post of the settings leaves a line, secrets do not, and it can be read by area and person."""

import csv
import io
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import (
    agents,
    audit,
    circuits,
    fields,
    imports,
    invitations,
    mailboxes,
    saved_replies,
    senders,
    settings,
)
from inbox.core.events import Actor
from inbox.core.models import AuditEntry
from inbox.core.plugins import teller
from inbox.db import transaction
from inbox.testing.factories import make_agent, make_department, make_mailbox, make_ticket
from inbox.web.settings import DESK
from tests.web.browse import Visitor

CLI = Actor.system("cli")
# Posts that change nothing of the desk, and why.
SILENT = {
    "test_mailbox": "a test of what is typed", "mailbox_fields": "a form filled in", "test_plugin_settings": "a test",
    "preview_theme": "one's own browser", "cancel_upload": "a file that was never looked into is thrown away",
    "try_plugin_again": "events are told again", "look_now": "it asks name servers, or mails the desk itself"}
# They run a verb of the plugin host, which tells `teller`; or keep files by `settings.note_file`.
BY_TELLER = {"install_upload", "switch_plugin", "upgrade_plugin", "uninstall_plugin", "remove_plugin"}
BY_NOTE = {"upload_theme", "remove_theme"}
IN_TWO_STEPS = {"upload_plugin"}  # looked at first; `install_upload` brings it


@pytest.fixture
def olga(app: Flask, session: Session) -> Visitor:
    return Visitor(app).sign_in(make_agent("Olga", role="owner"))


def lines(session: Session) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(AuditEntry))


def department_form(name: str) -> dict[str, str]:
    return {"name": name, "sender_name": "", "signature": "", "hue": "1"}


def mailbox_form(department_id: int, address: str) -> dict[str, str]:
    return {"address": address, "department_id": str(department_id), "incoming": "imap", "imap_host": "i.desk.example",
            "imap_port": "", "imap_security": "tls", "imap_password": "tops3cret", "outgoing": "smtp",
            "smtp_host": "s.desk.example", "smtp_port": "", "smtp_security": "tls", "start": "today", "act": "save"}


def _posts(session: Session) -> dict[str, Callable[[], tuple[str, dict]]]:
    """By endpoint: the path and the form of a post that changes something. Each is made ready when it is its turn."""
    support = make_department("Support")
    box = make_mailbox("box@desk.example", department=support)
    make_ticket(department=support, tags=["order", "late"])
    kari = make_agent("Kari", departments=[support])
    field = fields.of_customers.define(by=CLI, title="City")
    fields.of_customers.define(by=CLI, title="Street")
    reply = saved_replies.save(by=CLI, name="Hi", text="Hello", personal=False)
    invited = [invitations.invite(f"n{number}@x.example", "https://d/{token}", by=CLI) for number in range(2)]
    rule = senders.decide("spam@x.example", "block", by=CLI)
    with transaction():
        circuits._trip(circuits.Budget("site", "", "automatic.per_hour", circuits.HOUR, circuits.HOUR), 5, None)
    circuit = circuits.all_open()[0]
    empty = make_department("Empty")
    desk = {key: value if isinstance(value, str) else str(value or "")
            for key, value in settings.get_all(list(DESK)).items()}
    guards = {key: "7" for key in settings.DECLARED if key.startswith("automatic.")}

    def of_import(verb: str) -> tuple[str, dict]:
        return f"exchange/{imports.newest()[0].id}/{verb}", {}

    return {
        "desk": lambda: ("desk", {**desk, "desk.name": "Another"}),
        "hide_line": lambda: ("start/team/hide", {}),
        "change_tag": lambda: ("tags/1", {"name": "another", "hue": "3"}),
        "delete_tag": lambda: ("tags/1/delete", {}),
        "new_department": lambda: ("departments/new", department_form("Sales")),
        "department": lambda: (f"departments/{support.id}", department_form("Help")),
        "retire_department": lambda: (f"departments/{empty.id}/retire", {}),
        "reopen_department": lambda: (f"departments/{empty.id}/reopen", {}),
        "role_abilities": lambda: ("roles/abilities", {}),
        "new_agent": lambda: ("agents/new", {"name": "Per", "email": "per@x.example", "role": "agent",
                                             "password": "correct horse battery"}),
        "agent": lambda: (f"agents/{kari.id}", {"name": "Kari N", "role": "light"}),
        "invite_agent": lambda: (f"agents/{kari.id}/invite", {}),
        "switch_agent": lambda: (f"agents/{kari.id}/active", {"on": "0"}),
        "invite": lambda: ("agents/invite", {"email": "nina@x.example", "role": "agent"}),
        "resend_invitation": lambda: (f"agents/invitations/{invited[0].id}/resend", {}),
        "revoke_invitation": lambda: (f"agents/invitations/{invited[1].id}/revoke", {}),
        "mail_works": lambda: (_unreached(kari.id), {}),
        "new_mailbox": lambda: ("mailboxes/new", mailbox_form(support.id, "new@desk.example")),
        "mailbox": lambda: (f"mailboxes/{box.id}", mailbox_form(support.id, "box@desk.example")),
        "mailbox_addresses": lambda: (f"mailboxes/{box.id}/addresses", {"aliases": "sales@desk.example"}),
        "sign_mail": lambda: (f"mailboxes/{box.id}/dkim", {"on": "1"}),
        "switch_mailbox": lambda: (f"mailboxes/{box.id}/active", {"on": "0"}),
        "new_field": lambda: ("fields/new", {"title": "Country", "type": "text"}),
        "field": lambda: (f"fields/{field.id}", {"title": "Town", "type": "text"}),
        "move_field_up": lambda: (f"fields/{field.id + 1}/up", {}),
        "delete_field": lambda: (f"fields/{field.id}/delete", {}),
        "save_ticket_types": lambda: ("ticket-fields/types", {"types": "Question\nFault"}),
        "new_saved_reply": lambda: ("saved-replies/new", {"name": "Bye", "text": "Bye!", "whose": "desk"}),
        "saved_reply": lambda: (f"saved-replies/{reply.id}", {"name": "Hei", "text": "Hello", "whose": "desk"}),
        "delete_saved_reply": lambda: (f"saved-replies/{reply.id}/delete", {}),
        "guards": lambda: ("guards", {**guards, "mail.trusted_servers": "mx.desk.example"}),
        "close_circuit": lambda: (f"guards/circuits/{circuit.id}/close", {}),
        "decide_sender": lambda: ("guards/senders", {"sender": "kari@x.example", "verdict": "allow"}),
        "forget_sender": lambda: (f"guards/senders/{rule.id}/forget", {}),
        "export_desk": lambda: ("exchange/export", {}),
        "begin_import": lambda: ("exchange/import", {
            "file": (io.BytesIO(b"From: a@b.example\n\nHi\n"), "a.eml"), "mailbox_id": str(box.id), "state": "closed"}),
        "stop_import": lambda: of_import("stop"),
        "go_on_import": lambda: of_import("go-on"),
        "activate_theme": lambda: ("themes/activate", {"name": "compact"}),
        "save_brand": lambda: ("themes/brand", {"accent": "#224466"}),
        "remove_logo": lambda: (_logo(), {}),
        "plugin_settings": lambda: ("plugins/auto_reply/settings", {"auto_reply.text": "Thank you for writing."}),
        "clear_plugin_setting": lambda: ("plugins/auto_reply/settings/clear", {"key": "auto_reply.text"}),
    }


def _logo() -> str:
    settings.put("brand.logo", "aGVp", by=CLI)
    return "themes/logo/remove"


def _unreached(agent_id: int) -> str:
    with transaction():
        found = agents.by_id(agent_id)
        found.mail_failed_at, found.mail_failure = found.created_at, "no such user"
    return f"agents/{agent_id}/mail-works"


def test_every_post_of_the_settings_leaves_a_line(app: Flask, olga: Visitor, session: Session) -> None:
    posts = _posts(session)
    routes = {rule.endpoint.removeprefix("settings.") for rule in app.url_map.iter_rules()
              if "POST" in rule.methods and rule.endpoint.startswith("settings.")}
    known = set(posts) | set(SILENT) | BY_TELLER | BY_NOTE | IN_TWO_STEPS
    assert routes - known == set(), "say in this file what these record"
    mute = []
    for name in [each for each in posts if each in routes]:
        path, form = posts[name]()
        before = lines(session)
        answer = olga.post(f"/settings/{path}", form, page="/settings/desk", buffered=True)
        if answer.status_code >= 400 or lines(session) == before:
            mute.append((name, answer.status_code))
    assert mute == []


def test_verbs_of_the_plugin_host_leave_a_line(session: Session) -> None:
    with transaction():
        teller(CLI)("installed", "kb", "1.0")
    (entry,) = session.scalars(sa.select(AuditEntry))
    assert (entry.area, entry.subject) == ("plugins", "kb")
    assert entry.changes == {"did": [None, "installed"], "version": [None, "1.0"]}


def test_it_says_what_was_there_before_and_keeps_no_secret(olga: Visitor, session: Session) -> None:
    department = make_department("Support")
    olga.post("/settings/mailboxes/new", mailbox_form(department.id, "new@desk.example"))
    box = mailboxes.by_address("new@desk.example")
    olga.post(f"/settings/mailboxes/{box.id}", mailbox_form(department.id, "new@desk.example")
              | {"imap_host": "other.desk.example", "imap_password": "an0ther-secret"})
    made, changed = session.scalars(sa.select(AuditEntry).where(AuditEntry.kind == "mailbox_changed"))
    assert changed.changes["imap_host"] == ["i.desk.example", "other.desk.example"]
    assert changed.changes["imap_password"] == [audit.HIDDEN, audit.HIDDEN]
    assert made.changes["imap_password"] == [None, audit.HIDDEN] and changed.subject == "new@desk.example"
    assert "tops3cret" not in str(made.changes) and "an0ther-secret" not in str(changed.changes)
    page = olga.get("/settings/audit?area=mailboxes").text
    assert "<del>i.desk.example</del> → other.desk.example" in page and "Changed a mailbox" in page


def test_lines_are_found_by_area_and_person_and_go_on_page_by_page(olga: Visitor, session: Session) -> None:
    ada = make_agent("Ada", role="admin")
    with transaction():
        for number in range(60):
            audit.note("settings_changed", by=Actor.of(ada), subject=f"key-{number:02}")
        audit.note("agent_changed", by=Actor.of(ada), subject="somebody")
        audit.note("settings_changed", by=CLI, subject="by-command")
    first = olga.get(f"/settings/audit?area=settings&agent={ada.id}").text
    assert "key-59" in first and "key-10" in first and "key-09" not in first
    assert "somebody" not in first and "by-command" not in first
    oldest = session.scalar(sa.select(AuditEntry.id).where(AuditEntry.subject == "key-10"))
    assert f"before={oldest}" in first
    rest = olga.get(f"/settings/audit?area=settings&agent={ada.id}&before={oldest}").text
    assert "key-09" in rest and "key-00" in rest and "key-10" not in rest and "before=" not in rest


def test_the_file_holds_every_line_and_no_formula(olga: Visitor, session: Session) -> None:
    with transaction():
        for number in range(3):
            audit.note("settings_changed", by=CLI, subject=f"=cmd{number}", changes={"a": (None, "é")})
    rows = list(csv.DictReader(io.StringIO(olga.get("/settings/audit.csv", buffered=True).text)))
    assert [each["subject"] for each in rows] == ["", "'=cmd2", "'=cmd1", "'=cmd0"]
    assert rows[0]["kind"] == "audit_exported" and rows[1]["changes"] == '{"a": [null, "é"]}'


def test_a_failed_sign_in_is_written_down_without_what_may_be_a_password(session: Session) -> None:
    make_agent(email="kari@desk.example")
    agents.authenticate("kari@desk.example", "wrong", "192.0.2.7")
    agents.authenticate("my password by mistake", "wrong", "192.0.2.7")
    found = session.scalars(sa.select(AuditEntry).where(AuditEntry.kind == "sign_in_failed")).all()
    assert [each.subject for each in found] == ["kari@desk.example", ""]
    assert found[0].changes == {"from": [None, "192.0.2.7"]} and found[0].agent_id is None


def test_it_is_for_those_who_change_settings(app: Flask, session: Session) -> None:
    kari = Visitor(app).sign_in(make_agent(departments=[make_department()]))
    assert kari.get("/settings/audit").status_code == kari.get("/settings/audit.csv").status_code == 403
