"""The pages of the settings: who may open them, and that what is typed is what is stored."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox import secrets
from inbox.core import agents, departments, mailbox_folders, mailboxes, saved_replies, settings, tags
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, Event, Job, Mailbox, Tag
from inbox.testing.factories import make_agent, make_department, make_mailbox, make_ticket
from tests.web.browse import Visitor

PASSWORD = "correct horse battery"
CLI = Actor.system("cli")


@pytest.fixture
def support(session: Session) -> Department:
    return make_department("Support")


@pytest.fixture
def admin(app: Flask, support: Department) -> Visitor:
    return Visitor(app).sign_in(make_agent("Ada", role="admin"))


@pytest.fixture
def owner(app: Flask, support: Department) -> Visitor:
    return Visitor(app).sign_in(make_agent("Olga", role="owner"))


@pytest.fixture
def agent(app: Flask, support: Department) -> Visitor:
    return Visitor(app).sign_in(make_agent("Kari", departments=[support]))


# --- who may open what ------------------------------------------------------------------------------------------

PAGES = ("desk", "mailboxes", "mailboxes/new", "mailboxes/1", "departments", "departments/new", "departments/1",
         "agents", "agents/new", "agents/1", "tags", "plugins/auto_reply/settings")
POSTS = (*(each for each in PAGES if each not in ("mailboxes", "departments", "agents", "tags")), "mailboxes/test",
         "mailboxes/1/test", "mailboxes/1/active", "departments/1/retire", "departments/1/reopen", "agents/1/invite",
         "agents/1/active", "tags/1", "tags/1/delete")
REPLIES = ("saved-replies", "saved-replies/new")


def stored_state(session: Session) -> list[object]:
    return [session.scalars(sa.select(sa.func.count()).select_from(each)).one()
            for each in (Agent, Department, Mailbox, Tag, Event, Job)]


@pytest.mark.parametrize("role", ["owner", "admin", "agent", "light"])
def test_a_page_opens_for_those_whose_role_allows_it(app: Flask, session: Session, role: str) -> None:
    department = make_department()
    make_mailbox(department=department)
    make_ticket(department=department, tags=["order"])
    visitor = Visitor(app).sign_in(make_agent(role=role, departments=[department]))
    manages = role in ("owner", "admin")
    for path in PAGES:
        assert visitor.get(f"/settings/{path}").status_code == (200 if manages else 403), path
    for path in REPLIES:
        assert visitor.get(f"/settings/{path}").status_code == (403 if role == "light" else 200), path
    assert visitor.get("/settings").status_code == (403 if role == "light" else 302)


def test_nothing_is_changed_by_those_who_may_not(app: Flask, agent: Visitor, session: Session) -> None:
    make_ticket(department=make_mailbox().department, tags=["order"])
    before = stored_state(session)
    for path in POSTS:
        answer = agent.post(f"/settings/{path}", {"name": "x", "on": "0", "desk.name": "x"}, page="/profile")
        assert answer.status_code == 403, path
    assert stored_state(session) == before and settings.get("desk.name") == "Pluginbox"


def test_nobody_sees_them_without_signing_in(app: Flask, session: Session) -> None:
    make_agent()
    for path in (*PAGES, *REPLIES):
        assert Visitor(app).get(f"/settings/{path}").location.startswith("/sign-in"), path


@pytest.mark.parametrize("path", ["mailboxes/99", "departments/99", "agents/99", "saved-replies/99"])
def test_what_is_not_there_is_not_found(admin: Visitor, path: str) -> None:
    assert admin.get(f"/settings/{path}").status_code == 404


def test_the_rail_shows_what_one_may_set(admin: Visitor, agent: Visitor) -> None:
    assert "/settings/mailboxes" in admin.get("/settings", follow_redirects=True).text
    page = agent.get("/settings", follow_redirects=True)
    assert page.request.path == "/settings/saved-replies" and "/settings/mailboxes" not in page.text


# --- the desk ---------------------------------------------------------------------------------------------------

DESK = {"desk.name": "Fjord", "desk.locale": "ja", "desk.time_zone": "Asia/Tokyo", "mail.hold": "8",
        "keep.trash_days": "14", "keep.job_days": "7", "keep.fault_days": "90"}


def test_the_desk_is_renamed_at_once(admin: Visitor) -> None:
    assert "The settings are saved." in admin.post("/settings/desk", DESK, follow_redirects=True).text
    assert settings.get_all(["desk.name", "desk.time_zone", "keep.trash_days", "mail.quote", "mail.hold"]) == {
        "desk.name": "Fjord", "desk.time_zone": "Asia/Tokyo", "keep.trash_days": 14, "mail.quote": False,
        "mail.hold": 8}
    assert "Fjord</title>" in admin.get("/settings/desk").text


@pytest.mark.parametrize(("change", "words"), [
    ({"keep.trash_days": "many"}, "must be of type int"), ({"keep.trash_days": "0"}, "at least one"),
    ({"desk.name": ""}, "Give the desk a name"), ({"mail.hold": "61"}, "from 0 to 60"),
    ({"desk.locale": "xx"}, "Choose one of")])
def test_a_wrong_value_stores_nothing(admin: Visitor, change: dict[str, str], words: str) -> None:
    answer = admin.post("/settings/desk", DESK | change)
    assert answer.status_code == 422 and words in answer.text
    assert settings.get("desk.time_zone") == "UTC"


# --- tags -------------------------------------------------------------------------------------------------------


def test_a_tag_is_renamed_and_deleted(admin: Visitor) -> None:
    make_ticket(tags=["order", "late"])
    late, order = tags.all_tags()
    admin.post(f"/settings/tags/{late.id}", {"name": "Delayed", "hue": "4"}, page="/settings/tags")
    first = tags.all_tags()[0]
    assert (first.name, first.hue) == ("delayed", 4)
    answer = admin.post(f"/settings/tags/{late.id}", {"name": "order"}, page="/settings/tags")
    assert answer.status_code == 422 and "a tag with this name already" in answer.text
    assert tags.counts() == {late.id: 1, order.id: 1}
    admin.post(f"/settings/tags/{order.id}/delete", page="/settings/tags")
    assert [each.name for each in tags.all_tags()] == ["delayed"]


# --- mailboxes --------------------------------------------------------------------------------------------------


def mailbox_form(department: Department, **change: str) -> dict[str, str]:
    return {"address": "Help@Desk.example", "department_id": str(department.id), "incoming": "imap",
            "imap_host": "imap.desk.example", "imap_port": "", "imap_security": "tls", "imap_password": "tops3cret",
            "outgoing": "smtp", "smtp_host": "smtp.desk.example", "smtp_port": "", "smtp_security": "tls",
            "start": "today", "act": "save"} | change


@pytest.fixture
def box(admin: Visitor, support: Department) -> Mailbox:
    admin.post("/settings/mailboxes/new", mailbox_form(support))
    return mailboxes.all_mailboxes()[0]


def test_a_mailbox_gets_usual_values_and_one_password_for_both_ways(box: Mailbox) -> None:
    assert (box.address, box.imap_port, box.smtp_port) == ("help@desk.example", 993, 465)
    assert box.imap_user == box.smtp_user == "help@desk.example" and box.imap_folder == "INBOX"
    assert box.imap_password != "tops3cret" and "tops3cret" not in (box.smtp_password or "")
    assert secrets.decrypt(box.imap_password or "") == secrets.decrypt(box.smtp_password or "") == "tops3cret"


def test_a_password_is_never_shown_and_an_empty_field_keeps_it(
        admin: Visitor, box: Mailbox, support: Department) -> None:
    page = admin.get(f"/settings/mailboxes/{box.id}").text
    assert "tops3cret" not in page and (box.imap_password or "") not in page and "never shown" in page
    admin.post(f"/settings/mailboxes/{box.id}", mailbox_form(support, imap_password="", name="Help"))
    assert box.name == "Help" and secrets.decrypt(box.imap_password or "") == "tops3cret"


@pytest.mark.parametrize("path", ["", "/test"])
def test_a_stored_password_is_not_sent_to_another_server(
        admin: Visitor, box: Mailbox, support: Department, path: str) -> None:
    form = mailbox_form(support, imap_password="", imap_host="evil.example")
    answer = admin.post(f"/settings/mailboxes/{box.id}{path}", form, page=f"/settings/mailboxes/{box.id}")
    assert "type the password again" in answer.text and box.imap_host == "imap.desk.example"


def test_a_lost_key_asks_for_the_password_again(
        admin: Visitor, box: Mailbox, support: Department, home: Path) -> None:
    from cryptography.fernet import Fernet

    (home / secrets.KEY_FILE).write_text(Fernet.generate_key().decode())
    assert "password lost" in admin.get("/settings/mailboxes").text
    assert "Type it again; no mail was lost." in admin.get(f"/settings/mailboxes/{box.id}").text
    answer = admin.post(f"/settings/mailboxes/{box.id}", mailbox_form(support, imap_password=""))
    assert answer.status_code == 422 and "Type it again." in answer.text
    admin.post(f"/settings/mailboxes/{box.id}", mailbox_form(support, smtp_password="n3w", imap_password="n3w"))
    assert secrets.decrypt(box.imap_password or "") == "n3w"


@pytest.mark.parametrize(("change", "words"), [
    ({"address": "help"}, "not a mail address"), ({"imap_host": ""}, "the name of the mail server"),
    ({"smtp_port": "70000"}, "between 1 and 65535"), ({"imap_security": "ssl"}, "Choose tls, starttls or none"),
    ({"department_id": ""}, "Choose the department")])
def test_a_mailbox_that_cannot_work_is_refused(
        admin: Visitor, support: Department, change: dict[str, str], words: str) -> None:
    answer = admin.post("/settings/mailboxes/new", mailbox_form(support, **change))
    assert answer.status_code == 422 and words in answer.text and "tops3cret" not in answer.text
    assert mailboxes.all_mailboxes() == []


def test_further_folders_are_named_in_the_form_and_shown_on_the_health_page(
        admin: Visitor, box: Mailbox, support: Department) -> None:
    path = f"/settings/mailboxes/{box.id}"
    admin.post(path, mailbox_form(support, more_folders="Sales\r\n\r\nJunk/Not junk\r\nSales"))
    assert [each.name for each in mailbox_folders.of(box.id)] == ["Junk/Not junk", "Sales"]
    assert "Junk/Not junk\nSales</textarea>" in admin.get(path).text
    mailbox_folders.noted(box.id, "Sales", "There is no such folder.")
    page = admin.get("/ledger").text
    assert "Junk/Not junk" in page and "There is no such folder." in page
    answer = admin.post(path, mailbox_form(support, more_folders="INBOX"))
    assert answer.status_code == 422 and "fetched anyway" in answer.text
    admin.post(path, mailbox_form(support, more_folders="Junk/Not junk"))
    assert [each.name for each in mailbox_folders.of(box.id)] == ["Junk/Not junk"]


def test_the_same_address_twice_is_refused(admin: Visitor, box: Mailbox, support: Department) -> None:
    assert "mailbox with this address already" in admin.post(
        "/settings/mailboxes/new", mailbox_form(support)).text


def test_the_connection_test_of_a_stored_mailbox_uses_its_password(
        admin: Visitor, support: Department, dovecot) -> None:
    form = mailbox_form(support, imap_host="127.0.0.1", imap_port=str(dovecot.port), imap_security="none",
                        imap_user="support", imap_password="secret", outgoing="catcher")
    admin.post("/settings/mailboxes/new", form)
    path = f"/settings/mailboxes/{mailboxes.all_mailboxes()[0].id}"
    assert "4 of 4 went well" in admin.post(f"{path}/test", form | {"imap_password": ""}, page=path).text


def test_a_mailbox_is_switched_off_and_on(admin: Visitor, box: Mailbox) -> None:
    path = f"/settings/mailboxes/{box.id}"
    admin.post(f"{path}/active", {"on": "0"}, page=path)
    assert not box.is_active and "switched off" in admin.get("/settings/mailboxes").text
    admin.post(f"{path}/active", {"on": "1"}, page=path)
    assert box.is_active


# --- departments ------------------------------------------------------------------------------------------------


def test_a_department_is_made_with_its_members(admin: Visitor) -> None:
    kari, box = make_agent("Kari"), make_mailbox()
    admin.post("/settings/departments/new", {"name": "Sales", "sender_name": "Shop", "signature": "Hi\r\nthere",
                                             "hue": "3", "mailbox_id": str(box.id), "members": [str(kari.id)]})
    sales = departments.by_name("Sales")
    assert sales is not None and departments.members(sales) == [kari]
    assert (sales.sender_name, sales.signature, sales.hue, sales.mailbox_id) == ("Shop", "Hi\nthere", 3, box.id)


def test_a_department_changes_all_or_nothing(admin: Visitor, support: Department) -> None:
    make_department("Sales")
    kari = make_agent("Kari")
    answer = admin.post(f"/settings/departments/{support.id}", {"name": "Sales", "members": [str(kari.id)]})
    assert answer.status_code == 422 and "with this name already" in answer.text
    assert departments.members(support) == []
    admin.post(f"/settings/departments/{support.id}", {"name": "Help", "members": [str(kari.id)]})
    assert support.name == "Help" and departments.members(support) == [kari]


def test_a_department_is_retired_once_nothing_hangs_on_it(admin: Visitor, support: Department) -> None:
    path, ticket = f"/settings/departments/{support.id}", make_ticket(department=support)
    answer = admin.post(f"{path}/retire", page=path)
    assert answer.status_code == 422 and "still open" in answer.text
    from inbox.core import tickets

    tickets.set_status(ticket, "closed", by=CLI)
    admin.post(f"{path}/retire", page=path)
    assert not support.is_active
    admin.post(f"{path}/reopen", page="/settings/departments")
    assert support.is_active


# --- agents -----------------------------------------------------------------------------------------------------


def test_a_new_agent_gets_a_link_that_works(admin: Visitor, app: Flask, session: Session, support: Department) -> None:
    make_mailbox(department=support)
    admin.post("/settings/agents/new", {"name": "Kari", "email": "Kari@desk.example", "role": "agent",
                                        "departments": [str(support.id)]})
    kari = agents.by_email("kari@desk.example")
    assert kari is not None and kari.department_ids == {support.id}
    mail = session.scalars(sa.select(Job).where(Job.kind == "mail.system")).one().args
    assert mail["to"] == "kari@desk.example"
    link = next(line for line in mail["text"].splitlines() if "/new-password/" in line)
    path = link.partition("8000")[2]
    Visitor(app).post(path, {"password": PASSWORD, "again": PASSWORD})
    assert agents.authenticate("kari@desk.example", PASSWORD) is not None


def test_a_link_is_not_promised_where_no_mailbox_could_send_it(admin: Visitor, session: Session) -> None:
    answer = admin.post("/settings/agents/new", {"name": "Kari", "email": "kari@desk.example", "role": "agent"})
    assert answer.status_code == 422 and "No mailbox can send a link yet" in answer.text
    assert agents.by_email("kari@desk.example") is None
    path = f"/settings/agents/{make_agent('Ole').id}"
    assert "No mailbox can send a link yet" in admin.post(f"{path}/invite", page=path).text
    assert session.scalar(sa.select(Job.id)) is None


def test_a_link_for_a_forgotten_password_is_mailed(admin: Visitor, support: Department, session: Session) -> None:
    make_mailbox(department=support)
    kari = make_agent("Kari")
    path = f"/settings/agents/{kari.id}"
    admin.post(f"{path}/invite", page=path)
    assert session.scalars(sa.select(Job).where(Job.kind == "mail.system")).one().args["to"] == kari.email


def test_a_new_agent_can_be_given_a_password(admin: Visitor, session: Session) -> None:
    form = {"name": "Kari", "email": "kari@desk.example", "role": "light"}
    answer = admin.post("/settings/agents/new", form | {"password": "short"})
    assert answer.status_code == 422 and agents.by_email("kari@desk.example") is None
    admin.post("/settings/agents/new", form | {"password": PASSWORD})
    assert agents.authenticate("kari@desk.example", PASSWORD) is not None
    assert session.scalar(sa.select(Job.id).where(Job.kind == "mail.system")) is None


def test_deactivating_ends_the_agents_sessions(admin: Visitor, agent: Visitor, session: Session) -> None:
    kari = session.scalars(sa.select(Agent).where(Agent.name == "Kari")).one()
    path = f"/settings/agents/{kari.id}"
    assert agent.get("/profile").status_code == 200
    admin.post(f"{path}/active", {"on": "0"}, page=path)
    assert agent.get("/profile").location.startswith("/sign-in")
    assert "deactivated" in admin.get("/settings/agents").text
    admin.post(f"{path}/active", {"on": "1"}, page=path)
    assert kari.is_active


def test_role_and_departments_are_changed(admin: Visitor, support: Department) -> None:
    kari = make_agent("Kari")
    admin.post(f"/settings/agents/{kari.id}", {"name": "Kari N.", "role": "light", "departments": [str(support.id)]})
    assert (kari.name, kari.role.name, kari.department_ids) == ("Kari N.", "light", {support.id})


def test_an_admin_makes_and_changes_no_owner(admin: Visitor) -> None:
    olga, kari = make_agent("Olga", role="owner"), make_agent("Kari")
    for target, form in ((olga, {"name": "X", "role": "owner"}), (kari, {"name": "Kari", "role": "owner"})):
        assert admin.post(f"/settings/agents/{target.id}", form).status_code == 403
    assert admin.post(f"/settings/agents/{olga.id}/invite", page="/settings/agents").status_code == 403
    assert admin.post(f"/settings/agents/{olga.id}/active", {"on": "0"}, page="/settings/agents").status_code == 403
    assert olga.name == "Olga" and olga.is_active and kari.role.name == "agent"


def test_the_last_owner_stays(owner: Visitor, session: Session) -> None:
    olga = session.scalars(sa.select(Agent).where(Agent.name == "Olga")).one()
    answer = owner.post(f"/settings/agents/{olga.id}", {"name": "Olga", "role": "agent"})
    assert answer.status_code == 422 and "the only owner" in answer.text and olga.role.name == "owner"


# --- saved replies ----------------------------------------------------------------------------------------------


def test_an_agents_own_saved_reply(agent: Visitor, session: Session) -> None:
    agent.post("/settings/saved-replies/new", {"name": "Thanks", "text": "Dear {customer.name},\r\n\r\n1 < 2\r\nBye"})
    kari = session.scalars(sa.select(Agent).where(Agent.name == "Kari")).one()
    (mine,) = saved_replies.available_to(kari)
    assert mine.agent_id == kari.id and mine.html == "<p>Dear {customer.name},</p><p>1 &lt; 2<br>Bye</p>"
    path = f"/settings/saved-replies/{mine.id}"
    agent.post(path, {"name": "Thanks!", "text": "Bye"})
    assert (mine.name, mine.html) == ("Thanks!", "<p>Bye</p>")
    agent.post(f"{path}/delete", page=path)
    assert saved_replies.available_to(kari) == []


def test_formatting_is_kept_while_the_text_stays(admin: Visitor, session: Session) -> None:
    kept = saved_replies.save(by=CLI, name="Hi", text="Hello", html="<p><b>Hello</b></p>", personal=False)
    admin.post(f"/settings/saved-replies/{kept.id}", {"name": "Hi there", "text": "Hello", "whose": "desk"})
    assert (kept.name, kept.html, kept.agent_id) == ("Hi there", "<p><b>Hello</b></p>", None)


def test_a_shared_saved_reply_needs_the_ability(admin: Visitor, agent: Visitor, support: Department) -> None:
    admin.post("/settings/saved-replies/new", {"name": "Ours", "text": "Hi", "whose": str(support.id)})
    ours = saved_replies.available_to(make_agent(departments=[support]))[0]
    assert ours.department_id == support.id
    path = f"/settings/saved-replies/{ours.id}"
    assert agent.get(path).status_code == 200
    assert agent.post(path, {"name": "Mine", "text": "Hi"}).status_code == 403
    assert agent.post("/settings/saved-replies/new", {"name": "All", "text": "Hi", "whose": "desk"}).status_code == 403
    assert agent.post(f"{path}/delete", page=path).status_code == 403
    assert ours.name == "Ours"


def test_a_colleagues_own_saved_reply_does_not_exist_for_others(admin: Visitor, session: Session) -> None:
    kari = make_agent("Kari")
    hers = saved_replies.save(by=Actor.of(kari), name="Mine", text="Hi")
    assert admin.get(f"/settings/saved-replies/{hers.id}").status_code == 404


def test_an_admin_says_which_roles_may_use_a_plugins_ability(app, admin: Visitor, session: Session) -> None:
    from inbox.core import agents, permissions
    from inbox.plugin_host.items import Permission
    from inbox.testing.plugins import plug

    def register_permissions() -> list[Permission]:
        return [Permission("kb.edit", "Write articles.")]

    plug(app, "kb", register_permissions)
    page = admin.get("/settings/agents").text
    assert 'name="owner:kb.edit" value="1" aria-label="Owner: Write articles." checked' in page
    admin.post("/settings/roles/abilities", {"agent:kb.edit": "1"}, page="/settings/agents")
    session.expire_all()
    assert {role.name: permissions.may_of_plugin(role, "kb.edit") for role in agents.roles()} == {
        "owner": False, "admin": False, "agent": True, "light": False}


def test_the_status_page_runs_the_checks_of_plugins_one_by_one(app, admin: Visitor, session: Session) -> None:
    from inbox.plugin_host.items import HealthCheck
    from inbox.testing.plugins import host_of, plug

    def late() -> str:
        raise ValueError("It is late. Wind it.")

    def bug() -> str:
        raise KeyError("spring")

    def register_health_checks() -> list[HealthCheck]:
        return [HealthCheck("clock.ticks", "The clock", lambda: "It ticks."), HealthCheck("clock.late", "Time", late),
                HealthCheck("clock.bug", "Spring", bug)]

    plug(app, "clock", register_health_checks)
    page = admin.get("/settings/status").text
    assert 'hx-get="/settings/status/clock.ticks"' in page and "No worker has ever run" in page
    assert "It ticks." in admin.get("/settings/status/clock.ticks").text
    assert "Wind it." in admin.get("/settings/status/clock.late").text
    host_of(app).raise_faults = False
    assert "The check itself failed." in admin.get("/settings/status/clock.bug").text
    assert admin.get("/settings/status/clock.gone").status_code == 404
