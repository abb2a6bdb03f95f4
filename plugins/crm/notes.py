"""Notes about customers and organisations."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from inbox.toolkit import Agent, Customer, Invalid, NotAllowed, NotFound, may, session, transaction
from inbox_plugins.crm.models import Note, Organisation

MAX = 10_000


def add(about: Customer | Organisation, text: str, by: Agent) -> Note:
    """Leave a note. Raises Invalid for none, or one that is too long."""
    if not 0 < len(text.strip()) <= MAX:
        raise Invalid("text", "Write a note of at most ten thousand characters.")
    customer_id = about.id if isinstance(about, Customer) else None
    organisation_id = about.id if isinstance(about, Organisation) else None
    with transaction() as current:
        note = Note(customer_id=customer_id, organisation_id=organisation_id, agent_id=by.id, text=text.strip())
        current.add(note)
        current.flush()
    return note


def delete(note_id: int, by: Agent) -> Note:
    """Throw one's own note away; admins throw away any. Returns what it was. Raises NotFound, NotAllowed."""
    note = session().get(Note, note_id)
    if note is None or (note.customer is not None and not may(by, "view", note.customer)):
        raise NotFound()
    if note.agent_id != by.id and not may(by, "manage_settings"):
        raise NotAllowed("Only who wrote a note, or an admin, can throw it away.")
    with transaction() as current:
        current.execute(sa.delete(Note).where(Note.id == note_id))
    return note


def latest(*, customer_id: int | None = None, organisation_id: int | None = None, limit: int = 3,
           before: dt.datetime | None = None) -> list[Note]:
    """Notes about one of them, newest first."""
    query, about = (_OF_CUSTOMER, customer_id) if customer_id is not None else (_OF_ORGANISATION, organisation_id)
    if before is not None:
        query = query.where(Note.at < before)
    return list(session().scalars(query, {"about": about, "most": limit}))


# Put together once: every ticket's page asks. Of who wrote a note the name is all that is shown.
_LATEST = (sa.select(Note).order_by(Note.at.desc(), Note.id.desc()).limit(sa.bindparam("most"))
           .options(sa.orm.joinedload(Note.agent).options(sa.orm.lazyload("*"))))
_OF_CUSTOMER = _LATEST.where(Note.customer_id == sa.bindparam("about"))
_OF_ORGANISATION = _LATEST.where(Note.organisation_id == sa.bindparam("about"))
