"""Saved replies: what they do beside their text, their files, who may use them."""

import datetime as dt

import pytest
from sqlalchemy.orm import Session

from inbox.core import attachments, macros, saved_replies
from inbox.core.attachments import StoredFile
from inbox.core.errors import Invalid, NotAllowed
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, Ticket
from inbox.db import utcnow
from inbox.testing.factories import make_agent, make_department, make_ticket


@pytest.fixture
def support(session: Session) -> Department:
    return make_department("Support")


@pytest.fixture
def kari(support: Department) -> Agent:
    return make_agent("Kari", departments=[support])


def later(choice: str) -> dt.datetime:
    assert choice == "tomorrow"
    return utcnow() + dt.timedelta(days=1)


def done(ticket: Ticket, *written: str, by: Agent) -> Ticket:
    macros.do(ticket, macros.read(written), by=Actor.of(by), until=later)
    return ticket


def test_acts_are_done_department_first(support: Department, session: Session) -> None:
    billing = make_department("Billing")
    kari, ola = make_agent("Kari", departments=[support, billing]), make_agent("Ola", departments=[billing])
    ticket = done(make_ticket("Boots", department=support), f"assign:{ola.id}", f"department:{billing.id}",
                  "tag:Refund", "priority:high", "status:closed", by=kari)
    assert (ticket.department_id, ticket.assignee_id, ticket.status, ticket.priority) == (
        billing.id, ola.id, "closed", "high")
    assert [each.name for each in ticket.tags] == ["refund"]
    done(ticket, "untag:refund", "assign:", "snooze:tomorrow", by=kari)
    assert (ticket.tags, ticket.assignee_id, ticket.shelf) == ([], None, "snoozed")


def test_me_is_whoever_answers(support: Department, kari: Agent) -> None:
    assert done(make_ticket("Boots", department=support), "assign:me", by=kari).assignee_id == kari.id


@pytest.mark.parametrize("written", [
    "status:gone", "assign:x", "erase:1", "priority:", "tag: ", "department:", "snooze:"])
def test_what_is_no_act_is_refused(written: str) -> None:
    with pytest.raises(Invalid):
        macros.read([written])


def test_one_of_a_kind_but_for_tags() -> None:
    read = macros.read(["status:open", "tag:b", "tag:a", "tag:A", "status:closed"])
    assert [str(each) for each in read] == ["tag:b", "tag:a", "status:closed"]


def test_an_agent_who_is_gone_is_not_assigned(support: Department, kari: Agent) -> None:
    with pytest.raises(Invalid):
        done(make_ticket("Boots", department=support), "assign:99999", by=kari)


def test_only_what_a_role_allows_is_offered(support: Department) -> None:
    light = make_agent("Lise", role="light", departments=[support])
    acts = macros.read(["status:closed", "tag:x"])
    assert macros.possible(acts, Actor.of(light)) == [] and macros.possible(acts, Actor.system("test")) == acts


def test_a_saved_reply_keeps_its_acts_and_files_when_only_the_text_changes(kari: Agent) -> None:
    file = StoredFile("terms.pdf", "application/pdf", 3, attachments.store(b"abc"))
    made = saved_replies.save(by=Actor.of(kari), name="Terms", text="Here", actions=["status:closed"], files=[file])
    saved_replies.save(by=Actor.of(kari), name="Terms", text="Here they are", saved_reply=made)
    assert made.actions == ["status:closed"] and saved_replies.files_of(made) == [file]
    assert attachments.sweep(grace_seconds=-1) == 0  # the file is in use
    saved_replies.save(by=Actor.of(kari), name="Terms", text="Here", saved_reply=made, files=[], actions=[])
    assert attachments.sweep(grace_seconds=-1) == 1 and made.actions == []


def test_what_is_used_most_is_offered_first(kari: Agent, support: Department) -> None:
    first, second = (saved_replies.save(by=Actor.of(kari), name=name, text="Hi") for name in ("Alpha", "Beta"))
    before = second.updated_at
    saved_replies.count_use(second)
    assert saved_replies.to_choose_from(kari, support.id) == [second, first]
    assert saved_replies.available_to(kari) == [first, second] and second.updated_at == before


def test_those_of_a_department_are_for_its_agents(kari: Agent, support: Department, session: Session) -> None:
    owner = Actor.of(make_agent(role="owner"))
    sales = make_department("Sales")
    mine, theirs = (saved_replies.save(by=owner, name="Hi", text="Hi", personal=False, department=each)
                    for each in (support, sales))
    assert saved_replies.available_to(kari) == [mine] and theirs not in saved_replies.to_choose_from(kari, support.id)
    with pytest.raises(NotAllowed):
        saved_replies.save(by=Actor.of(kari), name="Hi", text="Hi", personal=False, department=support)
