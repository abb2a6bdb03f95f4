"""Saved replies: texts an agent can put into an answer; personal, of a department, or of the desk."""

from __future__ import annotations

import sqlalchemy as sa

from inbox.core import permissions
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, SavedReply
from inbox.db import session, transaction


def available_to(agent: Agent, department_id: int | None = None) -> list[SavedReply]:
    """What an agent can use (in a department, if given), by name."""
    reach = permissions.reach(agent)
    shared: sa.ColumnElement[bool] = SavedReply.department_id.is_(None)
    if department_id is not None:
        shared = sa.or_(shared, SavedReply.department_id == department_id)
    elif reach is None:
        shared = sa.true()
    else:
        shared = sa.or_(shared, SavedReply.department_id.in_(sorted(reach)))
    query = sa.select(SavedReply).where(
        sa.or_(SavedReply.agent_id == agent.id, sa.and_(SavedReply.agent_id.is_(None), shared)))
    return list(session().scalars(query.order_by(sa.func.lower(SavedReply.name), SavedReply.id)))


def get(saved_reply_id: int, agent: Agent) -> SavedReply:
    """One the agent can use. Raises NotFound."""
    found = next((each for each in available_to(agent) if each.id == saved_reply_id), None)
    if found is None:
        raise NotFound()
    return found


def save(*, by: Actor, name: str, text: str, html: str = "", saved_reply: SavedReply | None = None,
         department: Department | None = None, personal: bool = True) -> SavedReply:
    """Make or change one. Those that are not personal need `manage_saved_replies`. Raises Invalid, NotAllowed."""
    if by.agent is None and personal:
        raise Invalid("personal", "Only an agent has personal saved replies.")
    if not personal or (saved_reply is not None and saved_reply.agent_id is None):
        permissions.require(by, "manage_saved_replies", department)
    _own(saved_reply, by)
    if not name.strip() or not text.strip():
        raise Invalid("name", "A saved reply needs a name and a text.")
    with transaction() as current:
        row = saved_reply or SavedReply()
        row.name, row.text, row.html = name.strip()[:200], text, html
        row.agent_id = by.agent.id if personal and by.agent else None
        row.department_id = department.id if department and not personal else None
        current.add(row)
        current.flush()
        return row


def delete(saved_reply: SavedReply, *, by: Actor) -> None:
    """Throw one away."""
    if saved_reply.agent_id is None:
        permissions.require(by, "manage_saved_replies")
    _own(saved_reply, by)
    with transaction() as current:
        current.delete(saved_reply)


def _own(saved_reply: SavedReply | None, by: Actor) -> None:
    if saved_reply is not None and saved_reply.agent_id is not None and (
            by.agent is None or saved_reply.agent_id != by.agent.id):
        raise NotFound()
