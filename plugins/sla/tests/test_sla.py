"""Service levels on a desk: promises kept, missed, warned of; set up by an admin, seen by agents."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from inbox.testing.factories import make_agent, make_department
from inbox.toolkit import (
    Actor,
    Agent,
    Body,
    Event,
    Invalid,
    Message,
    Ticket,
    messages,
    session,
    ticket_merge,
    tickets,
    transaction,
)
from inbox_plugins.sla import holidays, personal, targets
from inbox_plugins.sla.models import SlaCalendar, SlaPolicy, SlaTarget
from inbox_plugins.sla.policies import read_minutes, write_minutes

MONDAY = dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC)
ALL_DAY = {"zone": "UTC", "week": [[[0, 1440]]] * 7, "holidays": []}


@pytest.fixture
def sla(activate: Any, frozen_time: Any, standard: Any) -> Any:
    """The plugin, active, with one policy for all tickets: four hours to answer, a day to solve."""
    activate("sla")
    frozen_time.set(MONDAY)
    return standard(ALL_DAY, first_reply=240, next_reply=120, resolution=1440, warn=30, notify=True)


def clocks(ticket: Ticket) -> dict[str, SlaTarget]:
    session().expire_all()
    return {row.kind: row for row in targets.of_ticket(ticket.id)}


def answer(ticket: Ticket, agent: Agent) -> None:
    messages.reply(ticket, Body("It is on its way."), by=Actor.of(agent))


def test_reply_queued_a_question_starts_clocks_and_an_answer_stops_one(
        sla, receive_email, deliver_events, frozen_time, agent):
    ticket = receive_email("Where is it?")
    deliver_events(twice=True)
    assert {kind: row.due_at - MONDAY for kind, row in clocks(ticket).items()} == {
        "first_reply": dt.timedelta(hours=4), "resolution": dt.timedelta(days=1)}
    frozen_time.move(hours=3)
    answer(ticket, agent)
    deliver_events(twice=True)
    found = clocks(ticket)
    assert (found["first_reply"].state, found["first_reply"].spent) == ("met", 3 * 3600)
    assert found["resolution"].state == "running"


def test_reply_undone_the_clock_runs_on_as_if_nobody_had_answered(
        sla, receive_email, deliver_events, frozen_time, client, held_mail):
    ticket = receive_email("Where is it?")
    frozen_time.move(hours=1)
    client.post(f"/tickets/{ticket.number}/messages", {"kind": "reply", "text": "It is", "status": "closed"},
                page="/views/all")
    deliver_events()
    assert clocks(ticket)["first_reply"].state == "met"
    reply = session().scalars(sa.select(Message).where(Message.kind == "reply")).one()
    client.post(f"/messages/{reply.id}/undo", page="/views/all")
    deliver_events(twice=True)
    assert [(row.state, row.due_at is None) for row in clocks(ticket).values()] == [("running", False)] * 2


def test_the_record_stays_true_when_the_policy_changes(sla, receive_email, deliver_events, frozen_time, agent):
    ticket = receive_email("Where is it?")
    deliver_events()
    with transaction():
        session().get_one(SlaPolicy, sla.id).first_reply = 1
    frozen_time.move(hours=2)
    answer(ticket, agent)
    deliver_events()
    assert (clocks(ticket)["first_reply"].state, clocks(ticket)["first_reply"].seconds) == ("met", 4 * 3600)


@pytest.mark.parametrize("change", [
    lambda policy: setattr(policy, "is_active", False),
    lambda policy: session().delete(policy),
    lambda policy: session().add(SlaPolicy(name="First", position=-1, calendar_id=policy.calendar_id, first_reply=5)),
])
def test_what_waits_keeps_its_promise_whatever_becomes_of_the_policy(
        sla, receive_email, deliver_events, frozen_time, agent, change):
    ticket = receive_email("Where is it?")
    deliver_events()
    with transaction():
        change(session().get_one(SlaPolicy, sla.id))
    frozen_time.move(hours=1)
    tickets.set_status(ticket, "pending", by=_by(agent))
    tickets.set_status(ticket, "open", by=_by(agent))
    deliver_events()
    found = clocks(ticket)["first_reply"]
    assert (found.policy_name, found.due_at) == ("Standard", MONDAY + dt.timedelta(hours=4))


def test_a_raised_priority_with_a_policy_of_its_own_escalates_nothing_twice(
        sla, receive_email, deliver_events, frozen_time, agent, desk):
    with transaction() as current:
        policy = current.get_one(SlaPolicy, sla.id)
        policy.raise_priority, policy.position, policy.resolution = True, 9, None
        current.add(SlaPolicy(name="High", priority="high", calendar_id=policy.calendar_id, first_reply=600,
                              raise_priority=True))
    ticket = receive_email("Where is it?")
    deliver_events()
    frozen_time.move(hours=5)
    run(desk)
    session().expire_all()
    tickets.tag(session().get_one(Ticket, ticket.id), "late", by=_by(agent))
    deliver_events()
    frozen_time.move(hours=9)
    run(desk)
    found = clocks(ticket)["first_reply"]
    assert (found.policy_name, found.missed_at) == ("Standard", MONDAY + dt.timedelta(hours=4))
    assert _kinds(ticket).count("sla.missed") == 1 and session().get_one(Ticket, ticket.id).priority == "high"


def test_what_was_over_before_there_was_a_policy_was_never_promised(
        sla, receive_email, deliver_events, frozen_time, agent):
    ticket = receive_email("Where is it?", sender="kari@example.com")
    answer(ticket, agent)
    frozen_time.move(hours=1)
    with transaction():
        session().get_one(SlaPolicy, sla.id).made_at = MONDAY + dt.timedelta(minutes=30)
    deliver_events()
    assert list(clocks(ticket)) == ["resolution"]


def test_the_demo_counts_what_was_answered_before_it_was_filled(
        activate, receive_email, frozen_time, agent, desk):
    frozen_time.set(MONDAY)
    ticket = receive_email("Where is it?", sender="kari@example.com")
    answer(ticket, agent)
    frozen_time.move(days=3)
    activate("sla")
    desk.tell("sla", "demo_desk")
    assert clocks(ticket)["first_reply"].state == "met"


def test_two_workers_may_tell_of_a_ticket_at_once(sla, desk, receive_email):
    waiting = [receive_email("Where is it?").id for _ in range(8)]
    for each in waiting:
        desk.at_once(*[lambda: targets.recount(each)] * 3)
    assert session().scalar(sa.select(sa.func.count()).select_from(SlaTarget)) == 2 * len(waiting)


def test_ticket_moved_another_department_has_other_promises(sla, receive_email, deliver_events, agent):
    ticket, other = receive_email("Where is it?"), make_department("Wholesale")
    with transaction() as current:
        current.get_one(SlaPolicy, sla.id).department_id = ticket.department_id
        current.add(SlaPolicy(name="Fast", calendar_id=sla.calendar_id, department_id=other.id, first_reply=30))
    deliver_events()
    tickets.move(ticket, other, by=_by(agent))
    deliver_events()
    found = clocks(ticket)
    assert list(found) == ["first_reply"]
    assert (found["first_reply"].policy_name, found["first_reply"].seconds) == ("Fast", 1800)


def test_ticket_merged_and_ticket_unmerged_take_the_promise_along_and_back(
        sla, receive_email, deliver_events, frozen_time, agent):
    first, second = receive_email("Where is it?"), None
    answer(first, agent)
    frozen_time.move(hours=1)
    second = receive_email("Still nothing.")
    frozen_time.move(hours=1)
    ticket_merge.merge(second, first, by=Actor.of(agent))
    deliver_events(twice=True)
    assert clocks(first)["next_reply"].due_at == MONDAY + dt.timedelta(hours=3)
    assert {row.state for row in clocks(second).values()} == {"dropped"}
    ticket_merge.undo(second.id, by=Actor.of(agent))
    deliver_events(twice=True)
    assert "next_reply" not in clocks(first)
    assert clocks(second)["first_reply"].due_at == MONDAY + dt.timedelta(hours=5)
    assert clocks(second)["resolution"].state == "running"


def test_ticket_status_changed_pending_stops_the_solution(sla, receive_email, deliver_events, frozen_time, agent):
    ticket = receive_email("Where is it?", sender="kari@example.com")
    answer(ticket, agent)
    tickets.set_status(ticket, "pending", by=_by(agent))
    deliver_events()
    assert clocks(ticket)["resolution"].state == "paused"
    frozen_time.move(hours=50)
    tickets.set_status(ticket, "open", by=_by(agent))
    deliver_events()
    assert clocks(ticket)["resolution"].due_at == MONDAY + dt.timedelta(hours=74)


def test_ticket_priority_changed_ticket_tagged_and_ticket_untagged_choose_another_policy(
        sla, receive_email, deliver_events, agent):
    with transaction() as current:
        current.get_one(SlaPolicy, sla.id).position = 9
        current.add(SlaPolicy(name="Urgent", calendar_id=sla.calendar_id, priority="urgent", first_reply=15))
        current.add(SlaPolicy(name="VIP", calendar_id=sla.calendar_id, tag="vip", first_reply=5))
    ticket = receive_email("Where is it?")
    found = []
    for change in (lambda: tickets.set_priority(ticket, "urgent", by=_by(agent)),
                   lambda: tickets.set_priority(ticket, "low", by=_by(agent)),
                   lambda: tickets.tag(ticket, "vip", by=_by(agent)),
                   lambda: tickets.untag(ticket, "vip", by=_by(agent))):
        change()
        deliver_events()
        found.append(clocks(ticket)["first_reply"].policy_name)
    assert found == ["Urgent", "Standard", "VIP", "Standard"]


def test_register_events_it_warns_once_and_escalates_once(
        sla, receive_email, deliver_events, frozen_time, agent, desk, mail_out):
    with transaction():
        policy = session().get_one(SlaPolicy, sla.id)
        policy.raise_priority, policy.assign_to = True, agent.id
    ticket = receive_email("Where is it?")
    deliver_events()
    frozen_time.move(hours=3, minutes=31)
    run(desk)
    run(desk)
    assert _kinds(ticket).count("sla.due_soon") == 1
    frozen_time.move(minutes=30)
    run(desk)
    run(desk)
    session().expire_all()
    found = session().get_one(Ticket, ticket.id)
    assert _kinds(ticket).count("sla.missed") == 1
    assert (found.priority, found.assignee_id) == ("high", agent.id)


def test_who_cannot_answer_is_not_given_a_late_ticket_and_holds_up_nobody(
        sla, receive_email, deliver_events, frozen_time, desk):
    ticket = receive_email("Where is it?")
    light = make_agent("Lise", role="light", departments=[ticket.department])
    with transaction():
        session().get_one(SlaPolicy, sla.id).assign_to = light.id
    deliver_events()
    frozen_time.move(hours=5)
    run(desk)
    session().expire_all()
    assert _kinds(ticket).count("sla.missed") == 1
    assert session().get_one(Ticket, ticket.id).assignee_id is None


def test_what_was_answered_while_nobody_told_us_is_not_late(
        sla, receive_email, deliver_events, frozen_time, agent, desk):
    ticket = receive_email("Where is it?")
    deliver_events()
    answer(ticket, agent)
    frozen_time.move(hours=5)
    run(desk)  # the event was not delivered, as when the plugin is not active
    assert "sla.missed" not in _kinds(ticket) and clocks(ticket)["first_reply"].state == "met"


def test_inbox_row_badges_register_ticket_views_and_the_panel_show_what_is_late(
        sla, receive_email, deliver_events, frozen_time, client):
    ticket = receive_email("Where is it?")
    deliver_events()
    frozen_time.move(hours=5)
    page = client.get("/views/sla.soon").text
    assert ticket.subject in page and "1 h late" in page
    assert "1 h late" in client.get(f"/tickets/{ticket.number}").text


def test_dashboard_cards_count_what_is_due_within_reach(sla, desk, receive_email, deliver_events, frozen_time, client):
    receive_email("Where is it?")
    deliver_events()
    assert "<b>1</b><span class=\"hint\">none of them late</span>" in client.get("/cards").text
    frozen_time.move(hours=5)
    assert "<b class=\"is-bad\">1</b><span class=\"hint\">1 of them late</span>" in client.get("/cards").text
    other = make_agent("Nils", role="agent", departments=[make_department("Elsewhere")])
    assert "<b>0</b>" in desk.visitor(other).get("/cards").text


def test_the_view_holds_nothing_that_is_far_away(sla, receive_email, deliver_events, client):
    with transaction():
        session().get_one(SlaPolicy, sla.id).first_reply = 60 * 24 * 9
        session().get_one(SlaPolicy, sla.id).resolution = None
    ticket = receive_email("Where is it?")
    deliver_events()
    assert ticket.subject not in client.get("/views/sla.soon?part=rows").text


def test_an_admin_sets_up_a_calendar_and_a_policy(activate, client, desk):
    activate("sla")
    hours = {f"hours-{day}": "09:00-17:00" if day < 5 else "" for day in range(7)}
    assert client.post("/x/sla/calendars/new", {"name": "Office", "zone": "Europe/Oslo", "country": "no",
                                                "own_days": "2026-12-24 Christmas Eve", **hours}).status_code == 303
    calendar = session().query(SlaCalendar).one()
    assert {"2026-12-24", "2026-05-17"} <= set(calendar.definition["holidays"])
    form = {"name": "Standard", "department_id": "", "priority": "", "tag": "", "calendar_id": str(calendar.id),
            "first_reply": "4 h", "next_reply": "", "resolution": "2 d", "warn": "30 min", "is_active": "1",
            "notify": "1", "assign_to": ""}
    assert client.post("/x/sla/policies/new", form).status_code == 303
    assert (session().query(SlaPolicy).one().first_reply, session().query(SlaPolicy).one().resolution) == (240, 2880)
    assert "Standard" in client.get("/x/sla/").text
    wrong = client.post("/x/sla/policies/new", {**form, "first_reply": "soon"})
    assert wrong.status_code == 422 and "30 min, 4 h or 2 d" in wrong.text
    refused = client.post(f"/x/sla/calendars/{calendar.id}/delete", {})
    assert refused.status_code == 422


def test_those_who_may_not_set_it_up_see_nothing_of_it(activate, desk, client):
    activate("sla")
    assert desk.visitor(make_agent("Nils", role="agent")).get("/x/sla/").status_code == 403


@pytest.mark.parametrize(("typed", "minutes"), [("30 min", 30), ("4h", 240), ("2 d", 2880), ("15", 15), ("", None)])
def test_times_are_read(typed: str, minutes: int | None) -> None:
    assert read_minutes("warn", typed) == minutes
    assert read_minutes("warn", write_minutes(minutes)) == minutes




def _by(agent: Agent) -> Actor:
    return Actor.of(agent)


def _kinds(ticket: Ticket) -> list[str]:
    session().expire_all()
    return list(session().scalars(sa.select(Event.kind).where(Event.ticket_id == ticket.id)))


def run(desk: Any) -> None:
    """The job, as the schedule runs it."""
    desk.run_job("sla.watch")


def test_it_keeps_to_the_contract(plugin_contract):
    plugin_contract("sla")


def test_holidays_of_a_country():
    assert holidays.public("NO", [2026])[dt.date(2026, 5, 17)]
    with pytest.raises(Invalid):
        holidays.public("XX", [2026])


def test_a_country_that_fails_holds_up_no_other_and_is_a_fault(activate, desk, faults):
    activate("sla")
    with transaction() as current:
        current.add_all(SlaCalendar(name=country, country=country, definition=ALL_DAY) for country in ("XX", "NO"))
    desk.run_job("sla.holidays")
    assert ["XX (XX)" in each.summary for each in faults()] == [True]
    found = {each.name: each.definition["holidays"] for each in session().scalars(sa.select(SlaCalendar))}
    assert found["XX"] == [] and any(day.endswith("-05-17") for day in found["NO"])


def test_register_personal_data_tells_of_the_clocks_of_a_customer_and_forgets_them(sla, receive_email, deliver_events):
    mine, other = receive_email("Where is it?"), receive_email("And mine?", sender="ola@example.com")
    deliver_events()
    assert {(each["ticket"], each["of"], each["within_seconds"]) for each in personal.export(mine.customer_id)} == {
        (mine.number, "first_reply", 4 * 3600), (mine.number, "resolution", 24 * 3600)}
    for _ in range(2):
        personal.erase(mine.customer_id, [])
    assert personal.export(mine.customer_id) == [] and len(personal.export(other.customer_id)) == 2


def test_the_demo_desk_has_service_levels(activate, receive_email, desk):
    activate("sla")
    ticket = receive_email("Where is it?")
    desk.tell("sla", "demo_desk")
    assert set(clocks(ticket)) == {"first_reply"}
    assert session().scalar(sa.select(SlaPolicy.name)) == "Everybody"
