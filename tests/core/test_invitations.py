"""Invitations by mail: good once, for a time, and only while who sent them may invite."""

import datetime as dt
import re

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from inbox.core import agents, invitations
from inbox.core.errors import Invalid, NotAllowed, NotFound, RateLimited
from inbox.core.events import Actor
from inbox.core.models import Agent, AuditEntry, Department, Invitation, Job
from inbox.db import transaction, utcnow
from inbox.testing.factories import make_agent, make_department, make_mailbox

PASSWORD = "correct horse battery"
LINK = "https://desk.example/welcome/{token}"


@pytest.fixture
def support(session: Session) -> Department:
    return make_mailbox().department


@pytest.fixture
def ada(support: Department) -> Agent:
    return make_agent("Ada", role="admin")


def mailed(session: Session) -> list[str]:
    """The tokens of the links that were mailed, oldest first."""
    jobs = session.scalars(sa.select(Job).where(Job.kind == "mail.system").order_by(Job.id))
    return [re.search(r"/welcome/(\S+)", each.args["text"])[1] for each in jobs]


def test_who_is_invited_joins_with_the_role_and_departments_that_were_chosen(session, ada, support) -> None:
    invitations.invite("Nina@Desk.example", LINK, by=Actor.of(ada), role="light", departments=[support])
    (token,) = mailed(session)
    row = session.scalars(sa.select(Invitation)).one()
    assert token not in row.token_hash and dt.timedelta(days=6) < row.expires_at - utcnow() <= dt.timedelta(days=7)
    nina = invitations.accept(token, name="Nina", password=PASSWORD)
    assert (nina.email, nina.name, nina.role.name) == ("nina@desk.example", "Nina", "light")
    assert nina.department_ids == {support.id} and agents.authenticate("nina@desk.example", PASSWORD) == nina
    with pytest.raises(NotFound):
        invitations.accept(token, name="Again", password=PASSWORD)
    kinds = set(session.scalars(sa.select(AuditEntry.kind)))
    assert {"invitation_sent", "invitation_accepted", "agent_created"} <= kinds


@pytest.mark.parametrize("end", [
    "revoked", "sent again", "invited again", "too old", "inviter gone", "inviter demoted"])
def test_a_link_ends(session, ada, support, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    by, olga = Actor.of(ada), Actor.of(make_agent(role="owner"))
    row = invitations.invite("nina@desk.example", LINK, by=by)
    (token,) = mailed(session)
    if end == "revoked":
        invitations.revoke(row, by=olga)
    elif end == "sent again":
        invitations.resend(row, LINK, by=by)
    elif end == "invited again":
        invitations.invite("nina@desk.example", LINK, by=by)
    elif end == "too old":
        with transaction():
            row.expires_at = utcnow() - dt.timedelta(seconds=1)
    elif end == "inviter gone":
        agents.deactivate(ada, by=olga)
    else:
        agents.change(ada, by=olga, role="agent")
    with pytest.raises(NotFound):
        invitations.accept(token, name="Nina", password=PASSWORD)
    assert agents.by_email("nina@desk.example") is None
    if end in ("sent again", "invited again"):
        assert invitations.accept(mailed(session)[1], name="Nina", password=PASSWORD)


def test_only_an_owner_invites_owners_and_only_admins_anybody(session, ada) -> None:
    with pytest.raises(NotAllowed):
        invitations.invite("nina@desk.example", LINK, by=Actor.of(ada), role="owner")
    with pytest.raises(NotAllowed):
        invitations.invite("nina@desk.example", LINK, by=Actor.of(make_agent()))


@pytest.mark.parametrize(("email", "role"), [
    ("no address", "agent"), ("ada@desk.example", "agent"), ("n@d.example", "king")])
def test_what_cannot_be_is_refused_and_nothing_is_mailed(session, support, email: str, role: str) -> None:
    ada = make_agent(role="admin", email="ada@desk.example")
    with pytest.raises(Invalid):
        invitations.invite(email, LINK, by=Actor.of(ada), role=role)
    assert mailed(session) == []


def test_without_a_mailbox_no_link_is_promised(session) -> None:
    make_department()
    with pytest.raises(Invalid, match="No mailbox can send"):
        invitations.invite("nina@desk.example", LINK, by=Actor.of(make_agent(role="admin")))


def test_invitations_and_guesses_are_limited(session, ada, monkeypatch: pytest.MonkeyPatch) -> None:
    row = invitations.invite("nina@desk.example", LINK, by=Actor.of(ada))
    for _ in range(invitations.TO_ONE - 1):
        invitations.resend(row, LINK, by=Actor.of(ada))
    with pytest.raises(RateLimited):
        invitations.resend(row, LINK, by=Actor.of(ada))
    monkeypatch.setattr(invitations, "TRIES", 2)
    for _ in range(2):
        with pytest.raises(NotFound):
            invitations.by_token("guess", "127.0.0.9")
    with pytest.raises(RateLimited):
        invitations.by_token("guess", "127.0.0.9")


def test_a_weak_password_leaves_the_invitation_as_it_is(session, ada) -> None:
    invitations.invite("nina@desk.example", LINK, by=Actor.of(ada))
    (token,) = mailed(session)
    for name, password in (("Nina", "short"), ("", PASSWORD)):
        with pytest.raises(Invalid):
            invitations.accept(token, name=name, password=password)
    assert invitations.accept(token, name="Nina", password=PASSWORD)
