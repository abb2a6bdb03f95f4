"""The same done to many tickets: at once or as a job, under the rules of each ticket, and taken back."""

import datetime as dt

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import bulk, tickets
from inbox.core.errors import Invalid, NotAllowed, NotFound
from inbox.core.events import Actor
from inbox.core.models import Agent, BulkTicket, Department, Event, Job, Ticket
from inbox.db import at_time, transaction, utcnow
from inbox.testing.factories import make_agent, make_department, make_ticket

pytestmark = pytest.mark.each_database


@pytest.fixture
def support(session: Session) -> Department:
    return make_department("Support")


@pytest.fixture
def agent(support: Department) -> Agent:
    return make_agent("Kari", departments=[support])


@pytest.fixture
def by(agent: Agent) -> Actor:
    return Actor.of(agent)


@pytest.fixture
def three(support: Department) -> list[Ticket]:
    return [make_ticket(f"Boots {number}", department=support, text="Where?") for number in range(3)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is more than two tickets is a job, two in a transaction, without pauses."""
    monkeypatch.setattr(bulk, "AT_ONCE", 2)
    monkeypatch.setattr(bulk, "BATCH", 2)
    monkeypatch.setattr(bulk, "GATHER", 2)
    monkeypatch.setattr(bulk, "SHORTEST_PAUSE", 0.0)


def numbers(found: list[Ticket]) -> list[int]:
    return [each.number for each in found]


def shelves(session: Session) -> list[str]:
    session.expire_all()
    return list(session.scalars(sa.select(Ticket.shelf).order_by(Ticket.id)))


def kinds(session: Session) -> list[str]:
    return list(session.scalars(sa.select(Event.kind).where(Event.source == "web").order_by(Event.id)))


def test_a_few_are_changed_at_once_and_each_has_its_event(session, three, by) -> None:
    row = bulk.start("status", "closed", by=by, numbers=numbers(three))
    assert (row.state, row.done, row.total) == ("done", 3, 3) and shelves(session) == ["closed"] * 3
    assert kinds(session) == ["ticket_status_changed"] * 3 + ["bulk_done"]
    assert all(each["bulk"] == row.id for each in session.scalars(sa.select(Event.data).where(Event.source == "web")))
    assert session.scalar(sa.select(sa.func.count()).select_from(Job)) == 0


@pytest.mark.parametrize(("act", "value", "column", "wanted"), [
    ("status", "pending", "status", "pending"), ("spam", "", "is_spam", True), ("trash", "", "shelf", "trash"),
    ("snooze", "2099-01-01T08:00:00+00:00", "shelf", "snoozed"), ("tag", " VIP ", "tags", ["vip"]),
    ("assign", "me", "assignee_id", "me"), ("move", "other", "department_id", "other")])
def test_every_act_changes_the_ticket_and_goes_back(session, three, agent, by, act, value, column, wanted) -> None:
    other = make_department("Returns")
    stand_in = {"me": agent.id, "other": other.id}
    value, wanted = str(stand_in.get(value, value)), stand_in.get(wanted, wanted) if column != "tags" else wanted

    def now() -> list[object]:
        session.expire_all()
        return [[tag.name for tag in each.tags] if column == "tags" else getattr(each, column) for each in three]

    waiting = [each.waiting_since for each in three]
    before = now()
    row = bulk.start(act, value, by=by, numbers=numbers(three))
    assert now() == [wanted] * 3 and row.done == 3
    bulk.undo(row, by=by)
    assert now() == before and [each.waiting_since for each in three] == waiting
    assert (row.state, row.undone, row.stayed) == ("undone", 3, 0) and kinds(session)[-1] == "bulk_undone"


def test_a_closed_ticket_that_was_snoozed_and_pending_is_so_again(session, three, by) -> None:
    tickets.set_status(three[0], "pending", by=by)
    until = utcnow() + dt.timedelta(days=3)
    tickets.snooze(three[0], until, by=by)
    row = bulk.start("status", "closed", by=by, numbers=numbers(three[:1]))
    bulk.undo(row, by=by)
    session.expire_all()
    assert (three[0].shelf, three[0].status, three[0].snoozed_until) == ("snoozed", "pending", until)


def test_what_was_so_already_and_what_is_refused_are_counted_apart(session, three, support, by) -> None:
    tickets.set_status(three[0], "closed", by=by)
    assert (row := bulk.start("status", "closed", by=by, numbers=numbers(three))).same == 1 and row.done == 2
    outsider = make_agent("Nora", departments=[make_department("Returns")])
    with transaction():
        support.is_active = True
    refused = bulk.start("assign", str(outsider.id), by=by, numbers=numbers(three))
    assert (refused.refused, refused.done) == (3, 0) and not bulk.can_undo(refused)
    assert bulk.reasons(refused) == {"This agent does not work in the ticket's department.": 3}


def test_tickets_out_of_reach_are_not_touched(session, three, by) -> None:
    foreign = make_ticket("Salaries", department=make_department("Staff"))
    row = bulk.start("status", "closed", by=by, numbers=[*numbers(three), foreign.number])
    assert row.total == 3 and foreign.status == "open"
    with pytest.raises(Invalid):
        bulk.start("status", "closed", by=by, numbers=[foreign.number])


def test_an_act_that_the_role_does_not_allow_is_refused_as_a_whole(three, support) -> None:
    light = Actor.of(make_agent("Lise", role="light", departments=[support]))
    with pytest.raises(NotAllowed):
        bulk.start("status", "closed", by=light, numbers=numbers(three))
    with pytest.raises(NotFound):
        bulk.start("merge", "", by=light, numbers=numbers(three))


def test_all_of_a_list_is_a_job_in_small_transactions(app: Flask, session, three, by, small) -> None:
    make_ticket("Elsewhere", department=make_department("Staff"))
    row = bulk.start("status", "closed", by=by, place={"view": "open"})
    assert row.state == "gathering" and row.total == 0
    bulk.carry_on(row.id)
    assert (row.state, row.done, row.total) == ("done", 3, 3)
    assert shelves(session) == ["closed", "closed", "closed", "open"]


def test_a_job_goes_on_where_its_time_was_over(session, three, by, small, monkeypatch) -> None:
    row = bulk.start("status", "closed", by=by, numbers=numbers(three))
    monkeypatch.setattr(bulk, "SLICE_SECONDS", -1.0)
    bulk.carry_on(row.id)
    assert row.done == 0 and session.scalar(sa.select(sa.func.count()).select_from(Job)) == 2
    monkeypatch.setattr(bulk, "SLICE_SECONDS", 60.0)
    bulk.carry_on(row.id)
    bulk.carry_on(row.id)  # the other job finds nothing to do
    assert (row.state, row.done) == ("done", 3) and kinds(session).count("ticket_status_changed") == 3


def test_a_stopped_act_leaves_the_rest_and_what_was_done_goes_back(session, three, by, small, monkeypatch) -> None:
    row = bulk.start("status", "closed", by=by, numbers=numbers(three))
    change, calls = bulk._change, []
    monkeypatch.setattr(bulk, "_change", lambda *args: calls.append(change(*args)))
    monkeypatch.setattr(bulk.time, "sleep", lambda seconds: bulk.stop(row, by=by))
    bulk.carry_on(row.id)
    assert (row.state, row.done, len(calls)) == ("stopped", 2, 1) and shelves(session) == ["closed", "closed", "open"]
    bulk.undo(row, by=by)
    assert shelves(session) == ["open"] * 3


def test_the_way_back_leaves_out_what_somebody_changed_meanwhile(session, three, agent, by) -> None:
    row = bulk.start("status", "closed", by=by, numbers=numbers(three))
    tickets.set_priority(three[0], "high", by=Actor.of(make_agent("Ola", role="owner")))
    with transaction():
        tickets.set_priority(three[1], "high", by=Actor("agent", agent.id, "plugin:shop"))  # in answer to the act
    bulk.undo(row, by=by)
    assert (row.undone, row.stayed) == (2, 1) and shelves(session) == ["closed", "open", "open"]
    assert session.get(BulkTicket, (row.id, three[0].id)).state == "stayed"


def test_what_an_agent_moved_out_of_the_own_reach_comes_back(session, three, support, by) -> None:
    row = bulk.start("move", str(make_department("Staff").id), by=by, numbers=numbers(three))
    bulk.undo(row, by=by)
    assert {each.department_id for each in three} == {support.id}


def test_it_can_be_undone_for_a_day_once_and_by_nobody_else(session, three, support, by) -> None:
    row = bulk.start("status", "closed", by=by, numbers=numbers(three))
    with pytest.raises(NotAllowed):
        bulk.undo(row, by=Actor.of(make_agent("Ola", role="owner")))
    with at_time(utcnow() + dt.timedelta(hours=25)), pytest.raises(Invalid):
        bulk.undo(row, by=by)
    bulk.undo(row, by=by)
    with pytest.raises(Invalid):
        bulk.undo(row, by=by)


def test_the_way_back_of_many_is_a_job_too(session, three, by, small) -> None:
    row = bulk.start("status", "closed", by=by, numbers=numbers(three))
    bulk.carry_on(row.id)
    bulk.undo(row, by=by)
    assert row.state == "undoing" and shelves(session) == ["closed"] * 3
    bulk.carry_on(row.id)
    assert row.state == "undone" and shelves(session) == ["open"] * 3
