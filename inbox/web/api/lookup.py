"""What a request names: departments and agents by id or name, customers by id or address. Within reach, or nothing."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
import sqlalchemy as sa

from inbox.core import agents, customers, permissions, views
from inbox.core.errors import Invalid, NotFound
from inbox.core.events import Actor
from inbox.core.models import Agent, Customer, Department
from inbox.db import session
from inbox.web.api.base import SMALL_ID


class IdOr(ma.fields.Field):
    """An id (a number, or its digits in a query) or some other name for the same thing."""

    def __init__(self, what: str, **options: Any) -> None:
        kinds = ["integer", "string"] + (["null"] if options.get("allow_none") else [])
        super().__init__(**options, metadata={
            "description": f"Its id or {what}.", "anyOf": [{"type": each} for each in kinds]})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int | str:
        if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
            raise ma.ValidationError("Give an id or a name.")
        if isinstance(value, str) and not (value.isascii() and value.isdigit()):
            return value.strip()
        if len(str(value)) > 10 or not 0 < int(value) <= SMALL_ID:
            raise ma.ValidationError("This is no id.")
        return int(value)


def department(named: int | str, agent: Agent) -> Department:
    """An active department within the agent's reach. Raises Invalid."""
    for each in views.departments_of(agent):
        if each.id == named or (isinstance(named, str) and each.name.casefold() == named.casefold()):
            return each
    raise Invalid("department", "There is no such department.")


def any_department(named: int | str) -> Department:
    """An active department, to move a ticket to: one may hand a ticket over to others. Raises Invalid."""
    by = Department.id == named if isinstance(named, int) else sa.func.lower(Department.name) == named.lower()
    found = session().scalar(sa.select(Department).where(by, Department.is_active))
    if found is None:
        raise Invalid("department", "There is no such department.")
    return found


def agent(named: int | str, asker: Agent) -> Agent:
    """An active agent by id, address or `me`. Raises Invalid."""
    if named == "me":
        return asker
    found = agents.by_id(named) if isinstance(named, int) else agents.by_email(named)
    if found is None or not found.is_active:
        raise Invalid("assignee", "There is no such agent.")
    return found


def customer(named: int | str, asker: Agent) -> Customer | None:
    """A customer the asker may see, or None."""
    if isinstance(named, int):
        try:
            return customers.get(named, asker)
        except NotFound:
            return None
    found = customers.by_address(named)
    return found if found is not None and permissions.sees(asker, found) else None


def customer_for_new_ticket(given: dict[str, Any], by: Actor) -> Customer:
    """The customer a new ticket is for: known by id, or by address (then made when new). Raises Invalid."""
    if "id" in given:
        found = customer(given["id"], by.agent) if by.agent is not None else None
        if found is None:
            raise Invalid("customer", "There is no such customer.")
        return found
    return customers.find_or_create(given["email"], given.get("name", ""), by=by)
