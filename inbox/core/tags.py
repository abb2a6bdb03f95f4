"""Tags: short words on tickets. Putting them on and taking them off is in `tickets`."""

from __future__ import annotations

import sqlalchemy as sa

from inbox.core import audit, permissions
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Tag, TicketTag
from inbox.core.tickets import clean_tag
from inbox.db import session, transaction


def all_tags(limit: int = 500) -> list[Tag]:
    """Every tag by name."""
    return list(session().scalars(sa.select(Tag).order_by(Tag.name).limit(limit)))


def clean(name: str) -> str:
    """A name as it is kept: lower case, single blanks. Raises Invalid for an empty one."""
    return clean_tag(name)


def counts() -> dict[int, int]:
    """On how many tickets each tag is. One walk over the tags of tickets: for the page of settings."""
    rows = session().execute(sa.select(TicketTag.tag_id, sa.func.count()).group_by(TicketTag.tag_id))
    return {row[0]: row[1] for row in rows}


def change(tag: Tag, *, by: Actor, name: str | None = None, hue: int | None = None) -> None:
    """Rename a tag or give it another colour. Raises Invalid when the name is taken."""
    permissions.require(by, "manage_settings")
    with transaction() as current:
        before = {"name": tag.name, "hue": tag.hue}
        if name is not None and clean_tag(name) != tag.name:
            if current.scalar(sa.select(Tag.id).where(Tag.name == clean_tag(name))) is not None:
                raise Invalid("name", "There is a tag with this name already.")
            tag.name = clean_tag(name)
        if hue is not None:
            tag.hue = hue % 12
        audit.note("settings_changed", by=by, subject=f"tag:{tag.name}",
                   changes=audit.diff(before, {"name": tag.name, "hue": tag.hue}))


def delete(tag: Tag, *, by: Actor) -> None:
    """Take a tag off every ticket and throw it away."""
    permissions.require(by, "manage_settings")
    with transaction() as current:
        audit.note("settings_changed", by=by, subject=f"tag:{tag.name}", changes={"name": (tag.name, None)})
        current.delete(tag)
