"""Signing in, passwords, tokens, and what ends them."""

import datetime as dt

import pytest
import sqlalchemy as sa

from inbox.core import agents, api_tokens, limits
from inbox.core.errors import Invalid, NotAllowed, NotFound, RateLimited
from inbox.core.events import Actor
from inbox.core.models import Event, Job
from inbox.db import utcnow
from inbox.testing.factories import make_agent, make_department

CLI = Actor.system("cli")
GOOD = "correct horse battery"


@pytest.fixture(autouse=True)
def fast_hashing(monkeypatch):
    from argon2 import PasswordHasher

    monkeypatch.setattr(agents, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    agents._nobody.cache_clear()
    yield
    agents._nobody.cache_clear()


@pytest.fixture
def ola(session):
    return agents.create(by=CLI, email="Ola@Desk.example", name="Ola", password=GOOD)


def test_the_right_password_signs_in_whatever_the_case_of_the_address(session, ola):
    assert agents.authenticate("OLA@desk.example ", GOOD).id == ola.id


@pytest.mark.parametrize(("email", "password"), [
    ("ola@desk.example", "wrong horse"), ("nobody@desk.example", GOOD), ("", ""), ("ola@desk.example", "x" * 5000)])
def test_anything_else_does_not(session, ola, email, password):
    assert agents.authenticate(email, password) is None


def test_an_agent_without_a_password_cannot_sign_in(session):
    agents.create(by=CLI, email="new@desk.example", name="New")
    assert agents.authenticate("new@desk.example", "") is None


def test_a_deactivated_agent_cannot_sign_in(session, ola):
    version = ola.session_version
    agents.deactivate(ola, by=CLI)
    assert agents.authenticate("ola@desk.example", GOOD) is None and ola.session_version > version


def test_tries_are_limited_and_the_limit_ends(session, ola, monkeypatch):
    for _ in range(agents.TRIES_A_PERSON):
        assert agents.authenticate("ola@desk.example", "wrong horse") is None
    with pytest.raises(RateLimited) as limited:
        agents.authenticate("ola@desk.example", GOOD)
    assert 0 < limited.value.seconds <= limits.WINDOW.total_seconds()
    later = utcnow() + limits.WINDOW + dt.timedelta(seconds=1)
    monkeypatch.setattr(limits, "utcnow", lambda: later)
    assert agents.authenticate("ola@desk.example", GOOD) is not None


def test_a_password_asked_again_is_no_sign_in_and_its_tries_are_limited(session, ola):
    assert agents.confirm_password(ola, GOOD)
    assert session.scalar(sa.select(Event.id).where(Event.kind == "agent_signed_in")) is None
    for _ in range(agents.TRIES_A_PERSON):
        assert not agents.confirm_password(ola, "wrong horse")
    with pytest.raises(RateLimited):
        agents.confirm_password(ola, GOOD)
    with pytest.raises(RateLimited):
        agents.authenticate("ola@desk.example", GOOD)


def test_one_remote_address_cannot_try_everybody(session, ola, monkeypatch):
    monkeypatch.setattr(agents, "TRIES_A_REMOTE", 3)
    for number in range(3):
        agents.authenticate(f"a{number}@desk.example", "wrong", remote="127.0.0.9")
    with pytest.raises(RateLimited):
        agents.authenticate("ola@desk.example", GOOD, remote="127.0.0.9")


@pytest.mark.parametrize("password", ["short", "1234567890", "aaaaaaaaaaaaaa", "Password123"])
def test_weak_passwords_are_refused(session, ola, password):
    with pytest.raises(Invalid):
        agents.set_password(ola, password, by=Actor.of(ola))


def test_a_new_password_ends_sessions(session, ola):
    version = ola.session_version
    agents.set_password(ola, "another good one", by=Actor.of(ola))
    assert ola.session_version == version + 1
    assert agents.authenticate("ola@desk.example", GOOD) is None
    assert agents.authenticate("ola@desk.example", "another good one") is not None


def reset_token(session) -> str:
    text = session.scalar(sa.select(Job).where(Job.kind == "mail.system")).args["text"]
    return text.split("https://desk/")[1].split()[0]


def test_a_reset_link_works_once(session, ola):
    agents.request_password_reset("ola@desk.example", "https://desk/{token}")
    token = reset_token(session)
    assert agents.reset_agent(token).id == ola.id
    agents.reset_password(token, "another good one")
    with pytest.raises(NotFound):
        agents.reset_password(token, "yet another one!")


def test_a_reset_link_ends_after_an_hour(session, ola, monkeypatch):
    agents.request_password_reset("ola@desk.example", "https://desk/{token}")
    token = reset_token(session)
    later = utcnow() + dt.timedelta(minutes=61)
    monkeypatch.setattr(agents, "utcnow", lambda: later)
    assert agents.reset_agent(token) is None


def test_nobody_learns_whether_an_address_is_known(session, ola):
    assert agents.request_password_reset("nobody@desk.example", "https://desk/{token}") is None
    assert session.scalar(sa.select(sa.func.count(Job.id))) == 0


def test_an_address_is_used_once(session, ola):
    with pytest.raises(Invalid):
        agents.create(by=CLI, email="ola@DESK.example", name="Other")


def test_there_is_always_an_owner(session):
    owner = make_agent(role="owner")
    with pytest.raises(Invalid):
        agents.change(owner, by=CLI, role="agent")
    with pytest.raises(Invalid):
        agents.deactivate(owner, by=CLI)
    make_agent(role="owner")
    agents.change(owner, by=CLI, role="agent")
    assert owner.role.name == "agent"


def test_an_admin_cannot_touch_owners_nor_an_agent_anybody(session):
    owner, admin, agent = make_agent(role="owner"), make_agent(role="admin"), make_agent()
    with pytest.raises(NotAllowed):
        agents.change(owner, by=Actor.of(admin), name="Me")
    with pytest.raises(NotAllowed):
        agents.set_password(owner, GOOD, by=Actor.of(admin))
    with pytest.raises(NotAllowed):
        agents.create(by=Actor.of(admin), email="x@y.example", name="X", role="owner")
    with pytest.raises(NotAllowed):
        agents.deactivate(admin, by=Actor.of(agent))


def test_departments_of_an_agent_change_both_ways(session, ola):
    one, two = make_department(), make_department()
    agents.change(ola, by=CLI, departments=[one])
    agents.change(ola, by=CLI, departments=[two])
    assert ola.department_ids == {two.id}


def test_api_tokens_are_stored_hashed_and_can_be_revoked(session, ola):
    token, secret = api_tokens.create(ola, "script")
    assert secret not in (token.token_hash, token.name) and api_tokens.agent_of(secret).id == ola.id
    api_tokens.revoke(token.id, by=Actor.of(ola))
    assert api_tokens.agent_of(secret) is None
    _, other = api_tokens.create(ola)
    agents.deactivate(ola, by=CLI)
    assert api_tokens.agent_of(other) is None


def test_the_setup_code_opens_only_an_empty_desk(session):
    old, new = agents.setup_code(), agents.setup_code()
    assert not agents.is_setup_code(old) and agents.is_setup_code(new) and not agents.is_setup_code("")
    make_agent(role="owner")
    assert not agents.is_setup_code(new)
    with pytest.raises(Invalid):
        agents.setup_code()


@pytest.mark.parametrize(("column", "value"), [("locale", "xx"), ("time_zone", "Mars/Base"), ("appearance", "pink")])
def test_a_wrong_profile_is_refused(session, ola, column, value):
    with pytest.raises(Invalid):
        agents.update_profile(ola, by=Actor.of(ola), **{column: value})


def test_profiles_are_ones_own(session, ola):
    with pytest.raises(NotAllowed):
        agents.update_profile(ola, by=Actor.of(make_agent(role="owner")), name="Not Ola")


@pytest.mark.parametrize("end", [
    lambda ola: agents.set_password(ola, "another good one", by=CLI), lambda ola: agents.deactivate(ola, by=CLI)])
def test_a_new_password_or_deactivation_ends_links_mailed_before(session, ola, end):
    agents.request_password_reset("ola@desk.example", "https://desk/{token}")
    token = reset_token(session)
    end(ola)
    assert agents.reset_agent(token) is None


def test_a_used_link_ends_the_others(session, ola):
    tokens = []
    for _ in range(2):
        agents.request_password_reset("ola@desk.example", "https://desk/{token}")
        tokens.append(session.scalars(sa.select(Job).order_by(Job.id.desc())).first().args["text"]
                      .split("https://desk/")[1].split()[0])
    agents.reset_password(tokens[1], "another good one")
    assert agents.reset_agent(tokens[0]) is None
