"""Settings, mailboxes, departments, saved replies, secrets."""

import dataclasses

import pytest
from cryptography.fernet import Fernet

from inbox import secrets
from inbox.config import ConfigError
from inbox.core import departments, mailboxes, saved_replies, settings, tags, tickets
from inbox.core.errors import Invalid, NotAllowed, NotFound
from inbox.core.events import Actor
from inbox.core.models import Ticket
from inbox.testing.factories import make_agent, make_department, make_mailbox, make_ticket

CLI = Actor.system("cli")


def test_a_setting_falls_back_from_mailbox_to_site_to_default(session):
    scope = settings.mailbox_scope(make_mailbox())
    assert settings.get("mail.start", scope) == ""
    settings.put("mail.start", "2025-01-31", by=CLI)
    assert settings.get("mail.start", scope) == "2025-01-31"
    settings.put("mail.start", "2025-02-01", by=CLI, scope=scope)
    assert [settings.get("mail.start", each) for each in (scope, "site")] == ["2025-02-01", "2025-01-31"]
    settings.put("mail.start", None, by=CLI, scope=scope)
    assert settings.get("mail.start", scope) == "2025-01-31"


@pytest.mark.parametrize(("key", "value"), [
    ("desk.name", ""), ("desk.name", 3), ("desk.locale", "xx"), ("desk.time_zone", "Mars"), ("keep.trash_days", 0),
    ("keep.trash_days", True), ("mail.quote", "yes")])
def test_wrong_values_are_refused(session, key, value):
    with pytest.raises(Invalid):
        settings.put(key, value, by=CLI)


def test_unknown_settings_are_a_mistake_in_the_program(session):
    with pytest.raises(LookupError):
        settings.get("no.such")


def test_only_those_who_may_change_settings_can(session):
    with pytest.raises(NotAllowed):
        settings.put("desk.name", "Mine", by=Actor.of(make_agent()))


def test_secrets_come_back_and_are_not_stored_in_the_clear(session):
    stored = secrets.encrypt("sesam")
    assert "sesam" not in stored and secrets.decrypt(stored) == "sesam"


def test_a_lost_key_says_so(session, config):
    stored = secrets.encrypt("sesam")
    (config.home / secrets.KEY_FILE).write_text(Fernet.generate_key().decode())
    with pytest.raises(secrets.SecretLost):
        secrets.decrypt(stored)


def test_rotation_keeps_passwords_sessions_and_signatures(session, config):
    box = make_mailbox()
    mailboxes.change(box, by=CLI, smtp_password=secrets.encrypt("sesam"))
    before, key = box.smtp_password, secrets.derived_key("message-id")
    assert secrets.rotate(config) == 1
    assert box.smtp_password != before and secrets.decrypt(box.smtp_password) == "sesam"
    assert secrets.derived_key("message-id") == key


def test_the_key_file_is_private(session, config):
    assert (config.home / secrets.KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_a_bad_key_is_explained(config):
    with pytest.raises(ConfigError, match="not valid"):
        secrets.ensure_key(dataclasses.replace(config, secret_key="short"))


def test_different_purposes_have_different_keys(session):
    assert secrets.derived_key("a") != secrets.derived_key("b")


@pytest.mark.parametrize("columns", [
    {"address": "nonsense"}, {"incoming": "imap"}, {"outgoing": "smtp"}, {"incoming": "pigeon"},
    {"incoming": "imap", "imap_host": "h", "imap_port": 70000}, {"secret": 1}])
def test_a_mailbox_that_cannot_work_is_refused(session, columns):
    with pytest.raises(Invalid):
        mailboxes.create(by=CLI, department=make_department(), **{"address": "a@b.example", **columns})


def test_another_account_starts_fetching_anew(session):
    box = make_mailbox(incoming="imap", imap_host="one", uidvalidity=7, last_uid=9)
    mailboxes.change(box, by=CLI, imap_host="two")
    assert (box.uidvalidity, box.last_uid) == (None, 0)


def test_a_department_in_use_cannot_be_retired(session):
    ticket = make_ticket()
    department = session.get(Ticket, ticket.id).department
    with pytest.raises(Invalid):
        departments.retire(department, by=CLI)
    tickets.set_status(ticket, "closed", by=CLI)
    departments.retire(department, by=CLI)
    assert not department.is_active


def test_department_members(session):
    department, one, two = make_department(), make_agent(), make_agent()
    departments.set_members(department, [one, two], by=CLI)
    departments.set_members(department, [two], by=CLI)
    assert departments.members(department) == [two] and two.department_ids == {department.id}


def test_names_of_departments_and_tags_are_unique(session):
    departments.create(by=CLI, name="Support")
    with pytest.raises(Invalid):
        departments.create(by=CLI, name=" Support ")
    ticket = make_ticket(tags=["one", "two"])
    with pytest.raises(Invalid):
        tags.change(ticket.tags[0], by=CLI, name="TWO")


def test_personal_saved_replies_are_personal(session):
    mine, other = make_agent(), make_agent()
    reply = saved_replies.save(by=Actor.of(mine), name="Hi", text="Hello")
    assert saved_replies.available_to(mine) == [reply] and saved_replies.available_to(other) == []
    with pytest.raises(NotFound):
        saved_replies.delete(reply, by=Actor.of(other))
    with pytest.raises(NotAllowed):
        saved_replies.save(by=Actor.of(mine), name="All", text="Hello all", personal=False)


def test_saved_replies_of_a_department_are_for_its_agents(session):
    ours, theirs = make_department(), make_department()
    admin, agent = make_agent(role="admin"), make_agent(departments=[theirs])
    saved_replies.save(by=Actor.of(admin), name="Ours", text="x", personal=False, department=ours)
    everybody = saved_replies.save(by=Actor.of(admin), name="Desk", text="x", personal=False)
    assert saved_replies.available_to(agent) == [everybody]
