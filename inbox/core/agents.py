"""Agents: who answers, how they sign in, and what ends their sessions."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from inbox.core import audit, circuits, events, limits, permissions, settings
from inbox.core.customers import is_address, normalise_address
from inbox.core.errors import Invalid, NotAllowed, NotFound
from inbox.core.events import Actor
from inbox.core.models import Agent, Attempt, Department, Invitation, Mailbox, Membership, OneTimeToken, Role
from inbox.db import session, transaction, utcnow

MIN_PASSWORD = 10
MAX_PASSWORD = 1000
COMMON = frozenset((
    "1234567890", "0123456789", "qwertyuiop", "password12", "password123", "passwordpassword", "1q2w3e4r5t",
    "letmein123", "iloveyou12", "welcome123", "adminadmin", "abcdefghij", "qwerty12345", "changeme123"))
TRIES_A_PERSON = 10  # per address within the window
TRIES_A_REMOTE = 50  # per remote address: an office may share one
RESETS = 5
RESET_LIFE = dt.timedelta(hours=1)
INVITATION_LIFE = dt.timedelta(days=3)
SETUP_LIFE = dt.timedelta(days=7)
PASSWORD_CHANGED = {"password": (audit.HIDDEN, audit.HIDDEN)}
LOCALES, APPEARANCES = settings.LOCALES, ("auto", "light", "dark")

_hasher = PasswordHasher()


@lru_cache(maxsize=1)
def _nobody() -> str:
    """A hash to verify against when there is no such agent, so that the answer takes as long."""
    return _hasher.hash(secrets.token_hex(16))


# --- finding ----------------------------------------------------------------------------------------------------


def by_email(email: str) -> Agent | None:
    """The agent with this address, active or not."""
    return session().scalar(sa.select(Agent).where(Agent.email == normalise_address(email)))


def by_id(agent_id: int) -> Agent | None:
    """An agent, active or not; None when there is none of that id."""
    return session().get(Agent, agent_id)


def all_agents(*, active: bool | None = None) -> list[Agent]:
    """Every agent by name."""
    query = sa.select(Agent).order_by(Agent.name, Agent.id)
    return list(session().scalars(query if active is None else query.where(Agent.is_active.is_(active))))


def colleagues(department: Department | int) -> list[Agent]:
    """The active agents a ticket of a department can be given to, by name."""
    wanted = department if isinstance(department, int) else department.id
    return [each for each in all_agents(active=True)
            if "reply" in each.role.abilities
            and ("reach_all" in each.role.abilities or wanted in each.department_ids)]


def answering() -> list[Agent]:
    """The active agents who answer customers in any department, by name."""
    return [each for each in all_agents(active=True) if "reply" in each.role.abilities]


def roles() -> list[Role]:
    """All roles, the most powerful first."""
    return list(session().scalars(sa.select(Role).order_by(Role.id)))


def _role(name: str) -> Role:
    role = session().scalar(sa.select(Role).where(Role.name == name))
    if role is None:
        raise Invalid("role", "The roles are owner, admin, agent and light.")
    return role


def has_owner() -> bool:
    """False until the set-up has made the first owner."""
    return session().scalar(sa.select(Agent.id).join(Role).where(Role.name == "owner").limit(1)) is not None


# --- making and changing ----------------------------------------------------------------------------------------


def create(*, by: Actor, email: str, name: str, role: str = "agent", password: str | None = None,
           departments: Iterable[Department] = (), **columns: Any) -> Agent:
    """A new agent. Without a password one has to be set by mail link or `inbox agent password`.

    Raises Invalid (address taken or wrong, weak password), NotAllowed.
    """
    permissions.require(by, "manage_agents")
    if role == "owner":
        permissions.require(by, "manage_owners")
    address = normalise_address(email)
    if not is_address(address):
        raise Invalid("email", "This is not a mail address. It should look like name@example.com.")
    if not name.strip():
        raise Invalid("name", "An agent needs a name.")
    hashed = hash_password(password) if password is not None else None  # slow on purpose, so before the write
    with transaction() as current:
        if by_email(address) is not None:
            raise Invalid("email", "An agent with this address exists already.")
        agent = Agent(email=address, name=name.strip()[:200], role=_role(role), password_hash=hashed, **columns)
        agent.memberships = [Membership(department_id=each.id) for each in departments]
        current.add(agent)
        current.flush()
        events.record("agent_created", by=by, audit_subject=address, agent=agent.id, role=role,
                      changes=audit.diff({}, _as_it_is(agent)))
        return agent


def change(agent: Agent, *, by: Actor, name: str | None = None, role: str | None = None,
           departments: Iterable[Department] | None = None) -> None:
    """Change an agent's name, role or departments. There is always one owner left."""
    may_manage(by, agent)
    with transaction():
        before = _as_it_is(agent)
        if role is not None and role != agent.role.name:
            if "owner" in (role, agent.role.name):
                permissions.require(by, "manage_owners")
            if agent.role.name == "owner":
                _leave_one_owner(agent)
            agent.role = _role(role)
        if name is not None:
            agent.name = name.strip()[:200] or agent.name
        if departments is not None:
            wanted = {each.id for each in departments}
            agent.memberships = [each for each in agent.memberships if each.department_id in wanted] + [
                Membership(department_id=each) for each in sorted(wanted - agent.department_ids)]
        session().flush()
        events.record("agent_changed", by=by, audit_subject=agent.email, agent=agent.id,
                      changes=audit.diff(before, _as_it_is(agent)))


def _as_it_is(agent: Agent) -> dict[str, Any]:
    """What of an agent the audit log tells."""
    ids = [each.department_id for each in agent.memberships]
    names = session().scalars(sa.select(Department.name).where(Department.id.in_(ids)).order_by(Department.name))
    return {"name": agent.name, "role": agent.role.name, "departments": ", ".join(names)}


def deactivate(agent: Agent, *, by: Actor) -> None:
    """End an agent's work here: sessions and tokens are dead at once; what they wrote stays."""
    may_manage(by, agent)
    if by.agent is not None and by.agent.id == agent.id:
        raise Invalid("agent", "Nobody can deactivate themselves. Ask another owner or admin.")
    with transaction():
        if agent.role.name == "owner":
            _leave_one_owner(agent)
        agent.is_active = False
        agent.session_version += 1
        _forget_links(agent)
        session().execute(sa.update(Invitation).where(
            Invitation.invited_by_id == agent.id, Invitation.ended_at.is_(None)).values(ended_at=utcnow()))
        events.record("agent_deactivated", by=by, audit_subject=agent.email, agent=agent.id)


def activate(agent: Agent, *, by: Actor) -> None:
    """Let a deactivated agent work again."""
    may_manage(by, agent)
    with transaction():
        agent.is_active = True
        events.record("agent_changed", by=by, audit_subject=agent.email, agent=agent.id, active=True,
                      changes={"active": (False, True)})


def may_manage(by: Actor, agent: Agent) -> None:
    """Pass in silence for who may change this agent, else raise NotAllowed."""
    permissions.require(by, "manage_agents")
    if agent.role.name == "owner":
        permissions.require(by, "manage_owners")


def _leave_one_owner(agent: Agent) -> None:
    others = sa.select(Agent.id).join(Role).where(Role.name == "owner", Agent.is_active, Agent.id != agent.id)
    if session().scalar(others.limit(1)) is None:
        raise Invalid("role", "This is the only owner. Make somebody else an owner first.")


def update_profile(agent: Agent, *, by: Actor, name: str | None = None, signature: str | None = None,
                   locale: str | None = None, time_zone: str | None = None, appearance: str | None = None,
                   preferences: dict[str, Any] | None = None) -> None:
    """Change one's own profile. An empty locale or time zone means the desk's. Raises Invalid, NotAllowed."""
    if by.agent is not None and by.agent.id != agent.id:
        raise NotAllowed()
    if locale and locale not in LOCALES:
        raise Invalid("locale", "This language is not available.")
    if time_zone and not settings.is_time_zone(time_zone):
        raise Invalid("time_zone", "There is no such time zone; write for example Europe/Oslo.")
    if appearance is not None and appearance not in APPEARANCES:
        raise Invalid("appearance", "Choose light, dark or automatic.")
    if name is not None and not name.strip():
        raise Invalid("name", "An agent needs a name.")
    with transaction():
        agent.name = name.strip()[:200] if name is not None else agent.name
        agent.signature = signature[:5000] if signature is not None else agent.signature
        agent.locale = (locale or None) if locale is not None else agent.locale
        agent.time_zone = (time_zone or None) if time_zone is not None else agent.time_zone
        agent.appearance = appearance or agent.appearance
        if preferences is not None:
            agent.preferences = {**agent.preferences, **preferences}


# --- passwords and sign-in --------------------------------------------------------------------------------------


def hash_password(password: str) -> str:
    """Argon2id. Raises Invalid for a password that is too short, too long or too common. Takes about 0.1 s."""
    if len(password) < MIN_PASSWORD:
        raise Invalid("password", f"A password has at least {MIN_PASSWORD} characters.")
    if len(password) > MAX_PASSWORD:
        raise Invalid("password", f"A password has at most {MAX_PASSWORD} characters.")
    if password.lower() in COMMON or len(set(password)) < 4:
        raise Invalid("password", "This password is easy to guess. Choose another one.")
    return _hasher.hash(password)


def _verify(hashed: str | None, password: str) -> bool:
    try:
        return _hasher.verify(hashed or _nobody(), password[:MAX_PASSWORD]) and hashed is not None
    except (VerifyMismatchError, InvalidHashError):
        return False


def set_password(agent: Agent, password: str, *, by: Actor) -> None:
    """Give an agent a new password; every other session of theirs ends."""
    if by.agent is None or by.agent.id != agent.id:
        may_manage(by, agent)
    hashed = hash_password(password)
    with transaction():
        agent.password_hash = hashed
        agent.session_version += 1
        _forget_links(agent)
        events.record("agent_changed", by=by, audit_subject=agent.email, agent=agent.id, password=True,
                      changes=PASSWORD_CHANGED)


def authenticate(email: str, password: str, remote: str = "") -> Agent | None:
    """The active agent with this address and password, or None. Raises RateLimited.

    Takes as long for an unknown address as for a known one, and counts tries in the database, so that the limit
    holds for several processes.
    """
    agent = _known(email, password, remote)
    if agent is None:
        return None
    with transaction() as current:
        current.execute(sa.delete(Attempt).where(Attempt.key == _try_of(agent.email)))
        agent.last_seen_at = utcnow()
        if _hasher.check_needs_rehash(agent.password_hash or ""):
            agent.password_hash = _hasher.hash(password)
        events.record("agent_signed_in", by=Actor.of(agent), audit_subject=agent.email, agent=agent.id,
                      changes={"from": (None, remote)} if remote else None)
    return agent


def confirm_password(agent: Agent, password: str, remote: str = "") -> bool:
    """True when it is the agent's password, for pages that ask a signed-in agent again. It is no sign-in, but wrong
    tries count as if it were one. Raises RateLimited."""
    return _known(agent.email, password, remote) is not None


def _known(email: str, password: str, remote: str) -> Agent | None:
    address = normalise_address(email)[:200]
    keys = {_try_of(address): TRIES_A_PERSON}
    if remote:
        keys[f"remote:{remote}"] = TRIES_A_REMOTE
    limits.check(keys)
    agent = by_email(address)
    good = _verify(agent.password_hash if agent else None, password)
    if agent is None or not good or not agent.is_active:
        limits.note(keys)
        with transaction():  # what was typed may be a password, unless it looks like an address
            audit.note("sign_in_failed", by=Actor.system("web"), subject=address if is_address(address) else "",
                       changes={"from": (None, remote)} if remote else None)
        return None
    return agent


def _try_of(address: str) -> str:
    return f"sign-in:{address}"[:120]


def request_password_reset(email: str, link: str, remote: str = "") -> None:
    """Mail a link that sets a new password, if there is such an agent; the caller says the same either way.

    `link` holds `{token}`. Raises RateLimited.
    """
    address = normalise_address(email)[:200]
    keys = {f"reset:{address}": RESETS, f"reset-remote:{remote}": RESETS * 4}
    limits.check(keys)
    limits.note(keys)
    agent = by_email(address)
    if agent is None or not agent.is_active:
        return
    with transaction():
        token = _one_time("reset", RESET_LIFE, agent)
        desk = settings.get("desk.name")
        circuits.post(agent.email, f"{desk}: a new password",
                      f"Hello {agent.name},\n\nopen this address within an hour to choose a new password:\n\n"
                      f"{link.format(token=token)}\n\nIf you did not ask for it, nothing has changed.\n")


def invite(agent: Agent, link: str, *, by: Actor) -> None:
    """Mail an agent a link to choose a password with, good for three days. `link` holds `{token}`.

    Raises Invalid when it could not reach them: they are deactivated, or no mailbox can send it.
    """
    may_manage(by, agent)
    if not agent.is_active:
        raise Invalid("agent", "This agent is deactivated. Activate them first.")
    if session().scalar(sa.select(Mailbox.id).where(Mailbox.is_active).limit(1)) is None:
        raise Invalid("password", "No mailbox can send a link yet, so give the password here.")
    with transaction():
        token = _one_time("reset", INVITATION_LIFE, agent)
        audit.note("password_link_sent", by=by, subject=agent.email)
        desk = settings.get("desk.name")
        circuits.post(agent.email, f"{desk}: choose your password",
                      f"Hello {agent.name},\n\nyou have an account at {desk}. Open this address within three days to "
                      f"choose a password:\n\n{link.format(token=token)}\n")


def reset_agent(token: str) -> Agent | None:
    """Whose password a reset link sets, or None when it is used or too old."""
    row = _unused("reset", token)
    return by_id(row.agent_id) if row is not None and row.agent_id is not None else None


def reset_password(token: str, password: str) -> Agent:
    """Set a new password by a mailed link, once. Raises NotFound (used, too old), Invalid."""
    agent = reset_agent(token)
    if agent is None or not agent.is_active:
        raise NotFound("This link has been used or is too old. Ask for a new one.")
    hashed = hash_password(password)
    with transaction():
        use_token("reset", token)
        _forget_links(agent)
        agent.password_hash = hashed
        agent.session_version += 1
        events.record("agent_changed", by=Actor.of(agent), audit_subject=agent.email, agent=agent.id, password=True,
                      changes=PASSWORD_CHANGED)
    return agent


def _forget_links(agent: Agent) -> None:
    """Links mailed earlier set no password any more: a mail that somebody else read is worth nothing now."""
    session().execute(sa.update(OneTimeToken).where(
        OneTimeToken.agent_id == agent.id, OneTimeToken.purpose == "reset", OneTimeToken.used_at.is_(None))
        .values(used_at=utcnow()))


# --- one-time tokens ---------------------------------------------------------------------------------------------


def digest(token: str) -> str:
    """A token as it is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def _one_time(purpose: str, life: dt.timedelta, agent: Agent | None) -> str:
    token = secrets.token_urlsafe(24)
    session().add(OneTimeToken(purpose=purpose, token_hash=digest(token), agent_id=agent.id if agent else None,
                               expires_at=utcnow() + life))
    return token


def _unused(purpose: str, token: str) -> OneTimeToken | None:
    return session().scalar(sa.select(OneTimeToken).where(
        OneTimeToken.token_hash == digest(token), OneTimeToken.purpose == purpose, OneTimeToken.used_at.is_(None),
        OneTimeToken.expires_at > utcnow()))


def use_token(purpose: str, token: str) -> None:
    """Use up a one-time token, in a transaction. Raises NotFound when it is not valid (any more)."""
    row = _unused(purpose, token)
    if row is None:
        raise NotFound("This link has been used or is too old. Ask for a new one.")
    row.used_at = utcnow()
    session().flush()


def setup_code() -> str:
    """A fresh code that opens the set-up wizard; older ones are no longer valid. Raises Invalid after set-up."""
    if has_owner():
        raise Invalid("setup", "This desk has an owner already; the set-up is done.")
    with transaction() as current:
        current.execute(sa.delete(OneTimeToken).where(OneTimeToken.purpose == "setup"))
        return _one_time("setup", SETUP_LIFE, None)


def is_setup_code(code: str) -> bool:
    """True for the code that `setup_code` gave last, until an owner exists."""
    return bool(code) and not has_owner() and _unused("setup", code) is not None
