"""The first steps of a new desk: its owner, its name, its first department."""

from __future__ import annotations

import sqlalchemy as sa

from inbox.core import agents, departments, permissions, settings
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Agent, Department
from inbox.db import session, transaction

SETUP = Actor.system("setup")


def is_done() -> bool:
    """True once the set-up has been walked to its end."""
    return bool(settings.get("setup.done"))


def is_untouched() -> bool:
    """True while nobody could sign in: there is no agent at all."""
    return session().scalar(sa.select(Agent.id).limit(1)) is None


def make_owner(code: str, *, email: str, name: str, password: str) -> Agent:
    """The first owner, by the one-time code, which is used up.

    Raises NotFound (the code is used or too old), Invalid (address, name, password).
    """
    hashed = agents.hash_password(password)  # slow on purpose, so before the write
    with transaction() as current:
        if agents.has_owner():
            raise Invalid("setup", "This desk has an owner already; the set-up is done.")
        agents.use_token("setup", code)
        owner = agents.create(by=SETUP, email=email, name=name, role="owner")
        owner.password_hash = hashed
        current.flush()
        return owner


def name_desk(*, by: Actor, name: str, locale: str, time_zone: str, department: str) -> Department:
    """Name, language and clock of the desk, and the department that mail goes to first; all or nothing.

    Who does it works in that department. Raises Invalid, NotAllowed.
    """
    with transaction():
        settings.put("desk.name", name.strip(), by=by)
        settings.put("desk.locale", locale, by=by)
        settings.put("desk.time_zone", time_zone, by=by)
        there = departments.all_departments()
        if there:
            first = there[0]
            if first.name != department.strip():
                departments.change(first, by=by, name=department)
        else:
            first = departments.create(by=by, name=department)
        if by.agent is not None:
            departments.set_members(first, [*departments.members(first), by.agent], by=by)
        return first


def finish(*, by: Actor) -> None:
    """Close the set-up. Raises NotAllowed."""
    permissions.require(by, "manage_settings")
    settings.put("setup.done", True, by=by)
