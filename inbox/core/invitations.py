"""Inviting people to the desk by mail: a link that is good once, for seven days, lets them choose name and password.

The role and the departments are what the inviting admin chose; the link says nothing of them. It ends when it is used,
revoked, sent anew, or when whoever sent it may invite nobody any more.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable

import sqlalchemy as sa

from inbox.core import agents, audit, circuits, limits, permissions, settings
from inbox.core.customers import is_address, normalise_address
from inbox.core.errors import Invalid, NotAllowed, NotFound
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, Invitation, Mailbox
from inbox.db import session, transaction, utcnow

LIFE = dt.timedelta(days=7)
TO_ONE = 3  # mails to one address within the window of inbox.core.limits
BY_ONE = 30  # by one admin
TRIES = 30  # links tried from one remote address that lead nowhere
GONE = "This invitation has been used or taken back, or is too old. Ask for a new one."


def all_open() -> list[Invitation]:
    """Invitations that nobody has used yet, the newest first; those that are too old among them, to be sent again."""
    return list(session().scalars(sa.select(Invitation).where(Invitation.ended_at.is_(None)).order_by(
        Invitation.id.desc()).limit(200)))


def get(invitation_id: int, *, by: Actor) -> Invitation:
    """An open invitation. Raises NotFound, NotAllowed."""
    permissions.require(by, "manage_agents")
    found = session().get(Invitation, invitation_id)
    if found is None or found.ended_at is not None:
        raise NotFound()
    return found


def invite(email: str, link: str, *, by: Actor, role: str = "agent",
           departments: Iterable[Department] = ()) -> Invitation:
    """Mail somebody a link to join with. `link` holds `{token}`. An older invitation to the address ends.

    Raises Invalid (address wrong or taken, no such role, no mailbox to send with), NotAllowed, RateLimited.
    """
    permissions.require(by, "manage_agents")
    if role == "owner":
        permissions.require(by, "manage_owners")
    address = normalise_address(email)
    if not is_address(address):
        raise Invalid("email", "This is not a mail address. It should look like name@example.com.")
    if agents.by_email(address) is not None:
        raise Invalid("email", "An agent with this address exists already.")
    if role not in {each.name for each in agents.roles()}:
        raise Invalid("role", "The roles are owner, admin, agent and light.")
    _can_mail(address, by)
    chosen = list(departments)
    with transaction() as current:
        current.execute(sa.update(Invitation).where(
            Invitation.email == address, Invitation.ended_at.is_(None)).values(ended_at=utcnow()))
        row = Invitation(email=address, role=role, departments=[each.id for each in chosen])
        current.add(row)
        _send(row, link, by)
        audit.note("invitation_sent", by=by, subject=address, changes={
            "role": (None, role), "departments": (None, [each.name for each in chosen])})
        return row


def resend(invitation: Invitation, link: str, *, by: Actor) -> None:
    """Mail a new link, good for seven days; the old one ends. Raises Invalid, NotAllowed, RateLimited."""
    _may(invitation, by)
    _can_mail(invitation.email, by)
    with transaction():
        _send(invitation, link, by)
        audit.note("invitation_sent", by=by, subject=invitation.email, changes={"role": (None, invitation.role)})


def revoke(invitation: Invitation, *, by: Actor) -> None:
    """Take an invitation back: its link is worth nothing any more."""
    _may(invitation, by)
    with transaction():
        invitation.ended_at = utcnow()
        audit.note("invitation_revoked", by=by, subject=invitation.email)


def _may(invitation: Invitation, by: Actor) -> None:
    permissions.require(by, "manage_agents")
    if invitation.role == "owner":
        permissions.require(by, "manage_owners")
    if invitation.ended_at is not None:
        raise NotFound()


def _can_mail(address: str, by: Actor) -> None:
    if session().scalar(sa.select(Mailbox.id).where(Mailbox.is_active).limit(1)) is None:
        raise Invalid("email", "No mailbox can send an invitation yet. Add the agent with a password instead.")
    keys = {f"invite:{address}": TO_ONE, f"invite-by:{by.id or by.source}": BY_ONE}
    limits.check(keys)
    limits.note(keys)


def _send(row: Invitation, link: str, by: Actor) -> None:
    token = secrets.token_urlsafe(32)
    row.token_hash, row.sent_at, row.expires_at = agents.digest(token), utcnow(), utcnow() + LIFE
    row.invited_by_id = by.agent.id if by.agent is not None else None
    session().flush()
    desk, who = settings.get("desk.name"), f"{by.agent.name} invites you" if by.agent is not None else "You are invited"
    circuits.post(row.email, f"{desk}: an invitation",
                  f"Hello,\n\n{who} to work in {desk}. Open this address within seven days to choose your name and a "
                  f"password:\n\n{link.format(token=token)}\n\nIf you know nothing of this, leave it be.\n")


# --- accepting --------------------------------------------------------------------------------------------------


def by_token(token: str, remote: str = "") -> Invitation:
    """The invitation of a link. Raises NotFound (used, revoked, too old …), RateLimited."""
    keys = {f"invitation:{remote}": TRIES}
    limits.check(keys)
    row = session().scalar(sa.select(Invitation).where(
        Invitation.token_hash == agents.digest(token), Invitation.ended_at.is_(None)))
    if row is None or row.is_expired or not _still_stands(row):
        limits.note(keys)
        raise NotFound(GONE)
    return row


def _still_stands(row: Invitation) -> bool:
    """Whether who sent it may still do so. One sent by a command stands."""
    sender = row.invited_by
    if sender is None:
        return True
    return permissions.may(sender, "manage_agents") and (
        row.role != "owner" or permissions.may(sender, "manage_owners"))


def accept(token: str, *, name: str, password: str, remote: str = "") -> Agent:
    """Join: the agent is made, and the link is used up. Raises NotFound, Invalid, NotAllowed, RateLimited."""
    row = by_token(token, remote)
    by = Actor.of(row.invited_by, "web") if row.invited_by is not None else Actor.system("invitation")
    places = list(session().scalars(sa.select(Department).where(Department.id.in_(row.departments))))
    hashed = agents.hash_password(password)  # slow on purpose, so before the write
    with transaction() as current:
        taken = current.execute(sa.update(Invitation).where(
            Invitation.id == row.id, Invitation.token_hash == agents.digest(token), Invitation.ended_at.is_(None))
            .values(ended_at=utcnow()).execution_options(synchronize_session=False)).rowcount  # type: ignore[attr-defined]
        if not taken:
            raise NotFound(GONE)
        try:
            agent = agents.create(by=by, email=row.email, name=name, role=row.role, departments=places)
        except NotAllowed as problem:
            raise NotFound(GONE) from problem
        agent.password_hash = hashed
        audit.note("invitation_accepted", by=Actor.of(agent), subject=row.email)
        return agent
