"""Who may do what: role × department × action, through the core's own functions."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from inbox.core import attachments, customers, drafts, messages, permissions, purge, sending, tickets, views
from inbox.core.errors import NotAllowed, NotFound
from inbox.core.events import Actor
from inbox.core.messages import Address, Body
from inbox.core.models import Agent, Attachment, Message, Role, Ticket
from inbox.db import utcnow
from inbox.testing.factories import (
    make_agent,
    make_customer,
    make_department,
    make_file,
    make_mailbox,
    make_message,
    make_ticket,
)

ROLES = ("owner", "admin", "agent", "light")

Act = Callable[[Ticket, Actor], Any]
ACTIONS: dict[str, tuple[str, Act]] = {
    "reply": ("reply", lambda t, by: messages.reply(t, Body("Hi"), by=by)),
    "forward": ("reply", lambda t, by: messages.forward(t, Body("Hi"), by=by, to=[Address("to", "x@y.example")])),
    "note": ("note", lambda t, by: messages.note(t, Body("Hm"), by=by)),
    "assign": ("assign", lambda t, by: tickets.assign(t, None, by=by)),
    "status": ("change", lambda t, by: tickets.set_status(t, "pending", by=by)),
    "subject": ("change", lambda t, by: tickets.set_subject(t, "New", by=by)),
    "priority": ("change", lambda t, by: tickets.set_priority(t, "high", by=by)),
    "snooze": ("change", lambda t, by: tickets.snooze(t, utcnow() + dt.timedelta(hours=1), by=by)),
    "wake": ("change", lambda t, by: tickets.wake(t, by=by)),
    "tag": ("tag", lambda t, by: tickets.tag(t, "vip", by=by)),
    "untag": ("tag", lambda t, by: tickets.untag(t, "vip", by=by)),
    "spam": ("spam", lambda t, by: tickets.mark_spam(t, by=by)),
    "not spam": ("spam", lambda t, by: tickets.mark_not_spam(t, by=by)),
    "trash": ("trash", lambda t, by: tickets.trash(t, by=by)),
    "restore": ("trash", lambda t, by: tickets.restore(t, by=by)),
    "move": ("move", lambda t, by: tickets.move(t, make_department(), by=by)),
    "draft": ("draft", lambda t, by: drafts.save(by=by, kind="note", body=Body("…"), ticket=t)),
    "purge": ("purge", lambda t, by: purge.purge(t, by=by)),
}


@pytest.fixture
def desk(session):
    ours, theirs = make_department("Ours"), make_department("Theirs")
    return {"ours": ours, "theirs": theirs, "our box": make_mailbox(department=ours),
            "their box": make_mailbox(department=theirs)}


def expected(session, role: str, ability: str, is_member: bool) -> type[Exception] | None:
    abilities = session.scalar(sa.select(Role.abilities).where(Role.name == role))
    if not is_member and "reach_all" not in abilities:
        return NotFound
    return None if ability in abilities else NotAllowed


@pytest.mark.parametrize("is_member", [True, False], ids=["member", "stranger"])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", ACTIONS)
def test_action_matrix(session, desk, role, action, is_member):
    agent = make_agent(role=role, departments=[desk["ours"]])
    ticket = make_ticket(mailbox=desk["our box" if is_member else "their box"])
    ability, act = ACTIONS[action]
    wanted = expected(session, role, ability, is_member)
    if wanted is None:
        act(ticket, Actor.of(agent))
    else:
        with pytest.raises(wanted):
            act(ticket, Actor.of(agent))


@pytest.mark.parametrize("role", ROLES)
def test_a_stranger_reads_nothing_of_another_department(session, desk, role):
    agent = make_agent(role=role, departments=[desk["ours"]])
    ticket = make_ticket("Secret matter", mailbox=desk["their box"])
    make_message(ticket, files=[make_file()])
    message = session.scalar(sa.select(Message).where(Message.ticket_id == ticket.id))
    attachment = session.scalar(sa.select(Attachment))
    reads = {
        "ticket": lambda: tickets.get(ticket.number, agent),
        "message": lambda: messages.get(message.id, agent),
        "attachment": lambda: attachments.get(attachment.id, agent),
        "customer": lambda: customers.get(ticket.customer_id, agent),
        "department list": lambda: views.page(agent, department_id=desk["theirs"].id),
    }
    if role in ("owner", "admin"):
        for read in reads.values():
            read()
    else:
        for read in reads.values():
            with pytest.raises(NotFound):
                read()
    is_everywhere = role in ("owner", "admin")
    assert [row.id for row in views.page(agent).rows] == ([ticket.id] if is_everywhere else [])
    assert [row.id for row in views.page(agent, q="secret").rows] == ([ticket.id] if is_everywhere else [])
    assert views.counts(agent, views.departments_of(agent)).views["unassigned"] == int(is_everywhere)
    assert [c.id for c in customers.page(agent)[0]] == ([ticket.customer_id] if is_everywhere else [])


def test_the_customer_panel_shows_only_tickets_within_reach(session, desk):
    kari = make_customer("Kari Nordmo")
    ours = make_ticket(mailbox=desk["our box"], customer=kari)
    make_ticket(mailbox=desk["their box"], customer=kari)
    agent = make_agent(role="agent", departments=[desk["ours"]])
    customer = customers.get(ours.customer_id, agent)
    assert [ticket.id for ticket in customers.tickets_of(customer, agent)] == [ours.id]


def test_a_deactivated_agent_reaches_nothing(session, desk):
    ticket = make_ticket(mailbox=desk["our box"])
    agent = make_agent(role="owner", is_active=False)
    assert permissions.reach(agent) == frozenset()
    assert not permissions.may(agent, "view", ticket)
    with pytest.raises(NotFound):
        tickets.get(ticket.number, agent)


def test_nobody_can_be_given_a_ticket_of_a_department_they_do_not_work_in(session, desk):
    from inbox.core.errors import Invalid

    ticket = make_ticket(mailbox=desk["our box"])
    owner = make_agent(role="owner")
    stranger = make_agent(role="agent", departments=[desk["theirs"]])
    with pytest.raises(Invalid):
        tickets.assign(ticket, stranger, by=Actor.of(owner))


def test_another_agents_draft_is_not_there(session, desk):
    ticket = make_ticket(mailbox=desk["our box"])
    mine = make_agent(role="agent", departments=[desk["ours"]])
    other = make_agent(role="agent", departments=[desk["ours"]])
    draft = drafts.save(by=Actor.of(mine), kind="reply", body=Body("secret"), ticket=ticket)
    with pytest.raises(NotFound):
        drafts.get(draft.id, other)
    with pytest.raises(NotFound):
        drafts.discard(draft, by=Actor.of(other))


def test_a_stranger_cannot_send_again(session, desk):
    ticket = make_ticket(mailbox=desk["their box"])
    owner, stranger = make_agent(role="owner"), make_agent(role="agent", departments=[desk["ours"]])
    message = messages.reply(ticket, Body("Hi"), by=Actor.of(owner))
    attempt = sending.begin(message.id, message_id="a@b")
    sending.finish(attempt, "refused", "550 no such user")
    with pytest.raises(NotFound):
        sending.retry(message, by=Actor.of(stranger))


def test_an_unknown_ability_is_a_mistake_in_the_program(session, desk):
    with pytest.raises(RuntimeError):
        permissions.may(make_agent(), "fly")


def test_every_role_has_only_known_abilities(session):
    for role in session.scalars(sa.select(Role)):
        assert set(role.abilities) <= set(permissions.ABILITIES), role.name


def test_agents_are_loaded_with_their_reach_in_few_queries(session, desk):
    agent = session.get(Agent, make_agent(role="agent", departments=[desk["ours"]]).id)
    assert permissions.reach(agent) == frozenset({desk["ours"].id})


def test_a_colleague_reads_neither_text_nor_files_of_a_draft(session, desk):
    mine, other = (make_agent(departments=[desk["ours"]]) for _ in range(2))
    ticket = make_ticket(department=desk["ours"])
    draft = drafts.save(by=Actor.of(mine), kind="reply", body=Body("secret"), ticket=ticket)
    drafts.add_files(draft, [make_file()], by=Actor.of(mine))
    assert messages.get(draft.id, mine) is draft
    for agent in (other, make_agent(role="owner")):
        with pytest.raises(NotFound):
            messages.get(draft.id, agent)
        with pytest.raises(NotFound):
            attachments.get(draft.attachments[0].id, agent)


# --- abilities of plugins ---------------------------------------------------------------------------------------


def test_register_permissions_gives_roles_what_the_plugin_proposes_until_an_admin_decides(app, session) -> None:
    from inbox.plugin_host.items import Permission
    from inbox.testing.plugins import host_of, plug

    def register_permissions() -> list[Permission]:
        return [Permission("kb.edit", "Write articles.", roles=("owner", "agent"))]

    plug(app, "kb", register_permissions)
    owner, agent, light = (make_agent(role=role) for role in ("owner", "agent", "light"))
    assert [permissions.may(each, "kb.edit") for each in (owner, agent, light)] == [True, True, False]
    permissions.decide(agent.role, "kb.edit", False, by=Actor.of(owner))
    permissions.decide(light.role, "kb.edit", True, by=Actor.of(owner))
    assert [permissions.may(each, "kb.edit") for each in (owner, agent, light)] == [True, False, True]
    with pytest.raises(NotAllowed):
        permissions.decide(light.role, "kb.edit", False, by=Actor.of(agent))
    host_of(app).builtins -= {"kb"}
    assert not permissions.may(light, "kb.edit")  # of a plugin that is not active nobody has anything
