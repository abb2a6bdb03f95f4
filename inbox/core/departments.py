"""Departments: queues of work with members, a sender name and a signature."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from inbox.core import audit, events, permissions
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, Mailbox, Membership, Ticket
from inbox.db import session, transaction

HUES = 12
CHANGEABLE = ("name", "sender_name", "signature", "hue", "position", "mailbox_id")


def all_departments(*, active: bool | None = True) -> list[Department]:
    """Every department in its order."""
    query = sa.select(Department).order_by(Department.position, Department.name)
    return list(session().scalars(query if active is None else query.where(Department.is_active.is_(active))))


def get(department_id: int) -> Department:
    """A department. Raises NotFound."""
    department = session().get(Department, department_id)
    if department is None:
        raise NotFound()
    return department


def by_name(name: str) -> Department | None:
    return session().scalar(sa.select(Department).where(Department.name == name.strip()))


def signature(department: Department, agent: Agent | None) -> str:
    """What stands below an answer: the agent's own signature, then the department's, else the name it sends under."""
    own = agent.signature.strip() if agent is not None else ""
    shared = department.signature.strip() or department.sender_name or department.name
    return f"{own}\n{shared}" if own else shared


def create(*, by: Actor, name: str, **columns: Any) -> Department:
    """A new department. Raises Invalid (no name, name taken), NotAllowed."""
    permissions.require(by, "manage_departments")
    with transaction() as current:
        _check_name(name)
        count = current.scalar(sa.select(sa.func.count(Department.id))) or 0
        department = Department(**{"hue": count % HUES, "position": count, **columns, "name": name.strip()})
        current.add(department)
        current.flush()
        events.record("settings_changed", by=by, audit_subject=department.name, department=department.id,
                      changes={"name": (None, department.name)})
        return department


def change(department: Department, *, by: Actor, **columns: Any) -> None:
    """Change a department's columns (CHANGEABLE). Raises Invalid, NotAllowed."""
    permissions.require(by, "manage_departments")
    unknown = set(columns) - set(CHANGEABLE)
    if unknown:
        raise Invalid(min(unknown), "This cannot be changed.")
    with transaction() as current:
        if "name" in columns and columns["name"].strip() != department.name:
            _check_name(columns["name"])
        if columns.get("mailbox_id") is not None and current.get(Mailbox, columns["mailbox_id"]) is None:
            raise Invalid("mailbox_id", "There is no such mailbox.")
        before = {column: getattr(department, column) for column in columns}
        for column, value in columns.items():
            setattr(department, column, value.strip() if column in ("name", "sender_name") else value)
        current.flush()
        events.record("settings_changed", by=by, audit_subject=department.name, department=department.id,
                      changes=audit.diff(before, {column: getattr(department, column) for column in columns}))


def _check_name(name: str) -> None:
    if not 0 < len(name.strip()) <= 100:
        raise Invalid("name", "A department needs a name of at most 100 characters.")
    if by_name(name) is not None:
        raise Invalid("name", "There is a department with this name already.")


def set_members(department: Department, agents: Iterable[Agent], *, by: Actor) -> None:
    """Say who works in a department."""
    permissions.require(by, "manage_departments")
    with transaction() as current:
        chosen = list(agents)
        was, wanted = members(department), {each.id for each in chosen}
        current.execute(sa.delete(Membership).where(Membership.department_id == department.id,
                                                    Membership.agent_id.not_in(wanted)))
        known = set(current.scalars(sa.select(Membership.agent_id).where(Membership.department_id == department.id)))
        current.add_all(Membership(agent_id=each, department_id=department.id) for each in sorted(wanted - known))
        current.flush()
        changes = audit.diff(*({"members": sorted(each.name for each in some)} for some in (was, chosen)))
        current.expire_all()
        events.record("settings_changed", by=by, audit_subject=department.name, department=department.id,
                      members=sorted(wanted), changes=changes)


def members(department: Department) -> list[Agent]:
    """The agents who work in a department, by name."""
    return list(session().scalars(sa.select(Agent).join(Membership).where(
        Membership.department_id == department.id).order_by(Agent.name)))


def retire(department: Department, *, by: Actor) -> None:
    """Take a department out of use. Raises Invalid while mail still feeds it or open tickets lie in it."""
    permissions.require(by, "manage_departments")
    with transaction() as current:
        if current.scalar(sa.select(Mailbox.id).where(Mailbox.department_id == department.id, Mailbox.is_active)):
            raise Invalid("department", "A mailbox still feeds this department. Give it to another one first.")
        if current.scalar(sa.select(Ticket.id).where(
                Ticket.department_id == department.id, Ticket.shelf.in_(("open", "pending", "snoozed"))).limit(1)):
            raise Invalid("department", "Tickets of this department are still open. Move or close them first.")
        department.is_active = False
        events.record("settings_changed", by=by, audit_subject=department.name, department=department.id,
                      active=False, changes={"active": (True, False)})


def reopen(department: Department, *, by: Actor) -> None:
    """Take a department into use again."""
    permissions.require(by, "manage_departments")
    with transaction():
        department.is_active = True
        events.record("settings_changed", by=by, audit_subject=department.name, department=department.id,
                      active=True, changes={"active": (False, True)})
