"""Who may do what: a role gives abilities, department membership gives reach.

`may()` and `visible()` are the only two doors, for pages, partials, live stream, search, API and downloads alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from inbox.core import events
from inbox.core.errors import Invalid, NotAllowed, NotFound
from inbox.core.events import Actor
from inbox.core.models import Agent, Attachment, Customer, Department, Mailbox, Message, Role, Ticket
from inbox.db import session, transaction

if TYPE_CHECKING:
    from inbox.plugin_host.items import Permission

ABILITIES: dict[str, str] = {
    "view": "See tickets of one's departments.",
    "reply": "Answer customers.",
    "note": "Leave notes.",
    "draft": "Keep drafts.",
    "open_ticket": "Open tickets.",
    "assign": "Give tickets to agents.",
    "move": "Move tickets between departments.",
    "change": "Change status, subject, priority, snooze.",
    "tag": "Put tags on tickets and take them off.",
    "spam": "Mark and unmark spam.",
    "trash": "Put tickets into the trash and restore them.",
    "purge": "Delete tickets for good.",
    "reach_all": "See every department.",
    "see_ledger": "See the mail ledger and retry quarantined mail.",
    "manage_mailboxes": "Set up mailboxes.",
    "manage_departments": "Set up departments and their members.",
    "manage_agents": "Invite, change and deactivate agents.",
    "manage_owners": "Change owners.",
    "manage_settings": "Change the desk's settings.",
    "manage_saved_replies": "Change saved replies of the desk.",
    "manage_views": "Change views of the desk.",
    "manage_plugins": "Install, activate and remove plugins.",
}

S = TypeVar("S", bound="sa.Select[*tuple[Any, ...]]")


def reach(agent: Agent) -> frozenset[int] | None:
    """The departments whose tickets an agent may see; None means all of them."""
    if not agent.is_active:
        return frozenset()
    return None if "reach_all" in agent.role.abilities else agent.department_ids


def may(agent: Agent | None, ability: str, subject: object | None = None) -> bool:
    """True when the agent's role has the ability and the subject is within the agent's reach."""
    if ability not in ABILITIES and "." not in ability:
        raise RuntimeError(f"There is no ability called {ability}.")
    if agent is None:  # a place on a page that nobody has signed in for
        return False
    has = ability in agent.role.abilities if ability in ABILITIES else may_of_plugin(agent.role, ability)
    return agent.is_active and has and (subject is None or sees(agent, subject))


# --- abilities of plugins: `kb.edit` ----------------------------------------------------------------------------
# A role holds what an admin decided (`kb.edit`, or `-kb.edit`); until then the plugin's own proposal counts.


def of_plugins() -> dict[str, Permission]:
    """The abilities that active plugins have declared, by name."""
    from inbox.plugin_host import call  # the arrival process does without plugins

    return {item.name: item for _plugin, item in call.register("register_permissions")}


def may_of_plugin(role: Role, ability: str) -> bool:
    """True when a role has a plugin's ability. Nobody has one of a plugin that is not active."""
    if f"-{ability}" in role.abilities:
        return False
    item = of_plugins().get(ability)
    return item is not None and (ability in role.abilities or role.name in item.roles)


def decide(role: Role, ability: str, allowed: bool, *, by: Actor) -> None:
    """An admin gives a role a plugin's ability, or takes it away. Raises NotAllowed, Invalid."""
    require(by, "manage_agents")
    if ability not in of_plugins():
        raise Invalid("ability", "There is no such ability.")
    if may_of_plugin(role, ability) == allowed:
        return
    with transaction():
        kept = [each for each in role.abilities if each not in (ability, f"-{ability}")]
        role.abilities = [*kept, ability if allowed else f"-{ability}"]
        events.record("settings_changed", by=by, key=f"role:{role.name}", ability=ability, allowed=allowed,
                      changes={ability: (not allowed, allowed)})


def forget_plugin(name: str) -> None:
    """Take back what roles hold of a plugin's abilities. Within a transaction."""
    for role in session().scalars(sa.select(Role)):
        kept = [each for each in role.abilities if not each.removeprefix("-").startswith(f"{name}.")]
        if len(kept) != len(role.abilities):
            role.abilities = kept


def require(by: Actor, ability: str, subject: object | None = None) -> None:
    """Pass in silence, or raise NotFound (out of reach: nobody learns that it exists) or NotAllowed.

    The system and customers' own mail are not agents: they pass.
    """
    if by.agent is None:
        return
    if subject is not None and not sees(by.agent, subject):
        raise NotFound()
    if not may(by.agent, ability):
        raise NotAllowed()


def sees(agent: Agent, subject: object) -> bool:
    """True when a subject (ticket, message, attachment, customer, department, mailbox) is within reach."""
    departments = reach(agent)
    if isinstance(subject, Attachment):
        subject = session().get(Message, subject.message_pk)
    if isinstance(subject, Message):
        if subject.ticket_id is None:
            return subject.agent_id == agent.id
        if subject.state == "draft" and subject.agent_id != agent.id:
            return False  # what a colleague has not said yet is nobody else's
        subject = session().get(Ticket, subject.ticket_id)
    if departments is None:
        return subject is not None
    if isinstance(subject, Ticket | Mailbox):
        return subject.department_id in departments
    if isinstance(subject, Department):
        return subject.id in departments
    if isinstance(subject, Customer):
        return _sees_customer(subject, agent)
    return False


def _sees_customer(customer: Customer, agent: Agent) -> bool:
    theirs = sa.select(Ticket.id).where(Ticket.customer_id == customer.id)
    return session().scalar(visible(theirs, agent).limit(1)) is not None or (
        session().scalar(theirs.limit(1)) is None)  # known to nobody yet: just noted down


def visible(statement: S, agent: Agent) -> S:
    """The same query over Ticket (or joined with it), narrowed to what the agent may see."""
    return within(statement, reach(agent))


def within(statement: S, departments: frozenset[int] | None) -> S:
    """The same for what `reach` says of an agent: for statements that are built once for all who reach the same."""
    if departments is None:
        return statement
    return statement.where(Ticket.department_id.in_(sorted(departments)))
