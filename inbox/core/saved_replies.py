"""Saved replies: texts an agent can put into an answer; personal, of a department, or of the desk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from inbox.core import audit, macros, permissions
from inbox.core.attachments import StoredFile
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, SavedReply
from inbox.db import session, transaction

MAX_FILES = 10


def available_to(agent: Agent, department_id: int | None = None) -> list[SavedReply]:
    """What an agent can use (in a department, if given), by name."""
    by_name = _usable(agent, department_id).order_by(sa.func.lower(SavedReply.name), SavedReply.id)
    return list(session().scalars(by_name))


def to_choose_from(agent: Agent, department_id: int) -> list[SavedReply]:
    """The same for the one who writes: what is used most comes first."""
    return list(session().scalars(_usable(agent, department_id).order_by(
        SavedReply.used.desc(), sa.func.lower(SavedReply.name), SavedReply.id)))


def _usable(agent: Agent, department_id: int | None) -> sa.Select[SavedReply]:
    reach = permissions.reach(agent)
    shared: sa.ColumnElement[bool] = SavedReply.department_id.is_(None)
    if department_id is not None:
        shared = sa.or_(shared, SavedReply.department_id == department_id)
    elif reach is None:
        shared = sa.true()
    else:
        shared = sa.or_(shared, SavedReply.department_id.in_(sorted(reach)))
    return sa.select(SavedReply).where(
        sa.or_(SavedReply.agent_id == agent.id, sa.and_(SavedReply.agent_id.is_(None), shared)))


def get(saved_reply_id: int, agent: Agent) -> SavedReply:
    """One the agent can use. Raises NotFound."""
    found = session().scalar(_usable(agent, None).where(SavedReply.id == saved_reply_id))
    if found is None:
        raise NotFound()
    return found


def files_of(saved_reply: SavedReply) -> list[StoredFile]:
    """The files that go along."""
    return [StoredFile(each["filename"], each["content_type"], each["size"], each["sha256"])
            for each in saved_reply.files]


def count_use(saved_reply: SavedReply) -> None:
    """It was put into an answer."""
    with transaction() as current:
        current.execute(sa.update(SavedReply).where(SavedReply.id == saved_reply.id).values(
            used=SavedReply.used + 1, updated_at=SavedReply.updated_at))


def save(*, by: Actor, name: str, text: str, html: str = "", saved_reply: SavedReply | None = None,
         department: Department | None = None, personal: bool = True, actions: Iterable[str] | None = None,
         files: Sequence[StoredFile] | None = None) -> SavedReply:
    """Make or change one. Those that are not personal need `manage_saved_replies`. Raises Invalid, NotAllowed.

    `actions` are written as in `inbox.core.macros`; without them and without `files` those of before stay.
    """
    if by.agent is None and personal:
        raise Invalid("personal", "Only an agent has personal saved replies.")
    if not personal or (saved_reply is not None and saved_reply.agent_id is None):
        permissions.require(by, "manage_saved_replies", department)
    _own(saved_reply, by)
    if not name.strip() or not text.strip():
        raise Invalid("name", "A saved reply needs a name and a text.")
    if files is not None and len(files) > MAX_FILES:
        raise Invalid("files", "A saved reply takes at most 10 files.")
    acts = None if actions is None else [str(each) for each in macros.read(actions)]
    with transaction() as current:
        row = saved_reply or SavedReply()
        before = {"name": row.name, "text": row.text, "shared": saved_reply and saved_reply.agent_id is None}
        row.name, row.text, row.html = name.strip()[:200], text, html
        row.agent_id = by.agent.id if personal and by.agent else None
        row.department_id = department.id if department and not personal else None
        if acts is not None:
            row.actions = acts
        if files is not None:
            row.files = [{"filename": each.filename, "content_type": each.content_type, "size": each.size,
                          "sha256": each.sha256} for each in files]
        current.add(row)
        current.flush()
        if row.agent_id is None or before["shared"]:  # one's own are nobody else's business
            after = {"name": row.name, "text": row.text, "shared": row.agent_id is None}
            audit.note("settings_changed", by=by, subject=f"saved reply:{row.name}",
                       changes=audit.diff(before, after))
        return row


def delete(saved_reply: SavedReply, *, by: Actor) -> None:
    """Throw one away."""
    if saved_reply.agent_id is None:
        permissions.require(by, "manage_saved_replies")
    _own(saved_reply, by)
    with transaction() as current:
        if saved_reply.agent_id is None:
            audit.note("settings_changed", by=by, subject=f"saved reply:{saved_reply.name}",
                       changes={"name": (saved_reply.name, None)})
        current.delete(saved_reply)


def _own(saved_reply: SavedReply | None, by: Actor) -> None:
    if saved_reply is not None and saved_reply.agent_id is not None and (
            by.agent is None or saved_reply.agent_id != by.agent.id):
        raise NotFound()
