"""Bearer tokens for the API: of an agent, with scopes. Only their SHA-256 is stored."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable

import sqlalchemy as sa

from inbox.core import audit, permissions
from inbox.core.agents import digest
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import Agent, ApiToken
from inbox.db import session, transaction, utcnow


def create(agent: Agent, name: str = "", scopes: Iterable[str] = ("read", "write"), *,
           by: Actor | None = None) -> tuple[ApiToken, str]:
    """A bearer token for the API. Returns the row and the secret, which is shown once and not stored."""
    wanted = list(scopes)
    if not set(wanted) <= {"read", "write"} or not wanted:
        raise Invalid("scopes", "The scopes of a token are read and write.")
    secret = f"pb_{secrets.token_urlsafe(32)}"
    with transaction() as current:
        token = ApiToken(agent_id=agent.id, name=name[:200], token_hash=digest(secret), scopes=wanted)
        current.add(token)
        current.flush()
        audit.note("token_created", by=by or Actor.of(agent), subject=agent.email, changes={
            "name": (None, token.name), "scopes": (None, wanted)})
        return token, secret


def of(secret: str) -> ApiToken | None:
    """The valid token behind a bearer secret, with its agent; None when revoked or the agent is inactive."""
    token = session().scalar(sa.select(ApiToken).where(
        ApiToken.token_hash == digest(secret), ApiToken.revoked_at.is_(None)))
    return token if token is not None and token.agent.is_active else None


def agent_of(secret: str) -> Agent | None:
    """The active agent a bearer secret belongs to."""
    token = of(secret)
    return token.agent if token is not None else None


def note_use(token: ApiToken) -> None:
    """Remember when a token was used last, to the hour: most requests write nothing."""
    if token.last_used_at is None or utcnow() - token.last_used_at > dt.timedelta(hours=1):
        with transaction():
            token.last_used_at = utcnow()


def revoke(token_id: int, *, by: Actor) -> None:
    """End a token: one's own, or anybody's for those who manage agents."""
    with transaction() as current:
        token = current.get(ApiToken, token_id)
        if token is None:
            raise NotFound()
        if by.agent is None or token.agent_id != by.agent.id:
            permissions.require(by, "manage_agents")
        if token.revoked_at is None:
            token.revoked_at = utcnow()
            audit.note("token_revoked", by=by, subject=token.agent.email, changes={"name": (token.name, None)})
