"""Mail of the desk to its own agents that does not arrive: noted on the agent, for admins to see and mend."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from inbox.core import audit, permissions
from inbox.core.customers import normalise_address
from inbox.core.events import Actor
from inbox.core.models import Agent
from inbox.db import session, transaction, utcnow


def came_back(addresses: Iterable[str], reason: str) -> None:
    """A notice to these addresses was refused for good. What is not an agent's is left alone."""
    wanted = {normalise_address(each) for each in addresses}
    if not wanted:
        return
    with transaction():
        session().execute(sa.update(Agent).where(Agent.email.in_(wanted), Agent.is_active).values(
            mail_failed_at=utcnow(), mail_failure=reason[:500]).execution_options(synchronize_session=False))


def clear(agent: Agent, *, by: Actor) -> None:
    """Somebody knows that mail reaches the agent again. Raises NotAllowed."""
    permissions.require(by, "manage_agents")
    with transaction():
        if agent.mail_failed_at is not None:
            audit.note("agent_mail_cleared", by=by, subject=agent.email, changes={"mail": (agent.mail_failure, None)})
        agent.mail_failed_at, agent.mail_failure = None, ""
