"""Reports: figures against a plain recount, pages, CSV, the mail on Monday."""

from __future__ import annotations

import datetime as dt
import html
import re
from typing import Any

import pytest
import sqlalchemy as sa

from inbox.testing.factories import make_agent, make_department, make_ticket
from inbox.toolkit import (
    Actor,
    Agent,
    Body,
    Ticket,
    hours,
    messages,
    session,
    tickets,
    transaction,
)
from inbox_plugins.reports import figures, keep, monday, personal, story, tables, words
from inbox_plugins.reports.figures import Choice, Figures, Period
from inbox_plugins.reports.models import ReportsLine, ReportsReader

MONDAY = dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC)
JUNE = Choice(Period(dt.date(2026, 6, 1), dt.date(2026, 6, 30)))


def by(agent: Agent) -> Actor:
    return Actor.of(agent)


def test_a_ticket_is_counted_from_question_to_closing(reports, receive_email, deliver_events, agent):
    ticket = receive_email("Where is it?")
    reports.move(hours=2)
    messages.reply(ticket, Body("On its way."), by=by(agent))
    tickets.set_status(ticket, "closed", by=by(agent))
    deliver_events(twice=True)
    found = figures.figures(JUNE)[0]
    assert (found.opened, found.asked, found.answered, found.closed, found.in_one) == (1, 1, 1, 1, 1)
    assert (found.first_reply, found.solution) == ({50: 7200, 90: 7200}, {50: 7200, 90: 7200})


def test_working_hours_leave_out_the_night(reports, receive_email, deliver_events, agent):
    reports.move(hours=7)  # four in the afternoon
    ticket = receive_email("Where is it?")
    reports.move(hours=18)  # ten in the morning
    messages.reply(ticket, Body("On its way."), by=by(agent))
    deliver_events()
    found = figures.figures(Choice(JUNE.period, None, True))[0]
    assert found.first_reply == {50: 7200, 90: 7200}


def test_a_moved_ticket_counts_where_it_was_when_it_happened(reports, receive_email, deliver_events, agent):
    ticket, other = receive_email("Where is it?"), make_department("Wholesale")
    first = ticket.department_id
    tickets.move(ticket, other, by=by(agent))
    messages.reply(ticket, Body("On its way."), by=by(agent))
    deliver_events()
    found = figures.figures(JUNE, "department")
    assert (found[first].opened, found[other.id].answered) == (1, 1)


def test_two_workers_may_tell_of_a_ticket_at_once(reports, desk, receive_email):
    number = receive_email("Where is it?").id
    for _ in range(10):
        desk.at_once(*[lambda: keep.retell(number)] * 3)
    assert session().scalar(sa.select(sa.func.count()).where(ReportsLine.ticket_id == number)) == 2


def test_an_agent_may_press_twice_at_once(reports, desk, agent):
    number = agent.id
    desk.at_once(*[lambda: monday.subscribe(session().get_one(Agent, number), True)] * 3)
    assert monday.subscription(agent) is not None


# --- from the beginning ------------------------------------------------------------------------------------------


def test_tickets_from_before_the_plugin_are_counted(activate, frozen_time, desk):
    frozen_time.set(MONDAY)
    make_ticket("Old")
    activate("reports")
    desk.run_job("reports.rebuild")
    assert figures.figures(JUNE)[0].opened == 1


# --- pages ------------------------------------------------------------------------------------------------------


def test_every_page_shows_figures_and_the_way_to_their_tickets(reports, receive_email, deliver_events, client, agent):
    ticket = receive_email("Where is it?", subject="The parcel")
    messages.reply(ticket, Body("On its way."), by=by(agent))
    tickets.tag(ticket, "parcel", by=by(agent))
    deliver_events()
    reports.move(days=1)
    for page, words_there in (("", "New tickets"), ("agents", agent.name), ("departments", "First answer"),
                              ("tags", "parcel"), ("hours", "Busiest hours")):
        answer = client.get(f"/x/reports/{page}")
        assert answer.status_code == 200 and words_there in answer.text
    assert "The parcel" in client.get("/x/reports/tickets/opened").text
    assert client.get("/x/reports/tickets/nonsense").status_code == 404


@pytest.mark.parametrize(("page", "link"), [("tags", r"opened\?[^\"]*tag=parcel"),
                                            ("hours", r"asked\?[^\"]*weekday=\d[^\"]*")])
def test_tags_and_hours_lead_to_their_tickets_alone(reports, receive_email, deliver_events, client, agent, page, link):
    tickets.tag(receive_email("Where is it?", subject="The parcel"), "parcel", by=by(agent))
    reports.move(hours=3)
    receive_email("Hello", subject="Another matter")
    deliver_events()
    reports.move(days=1)
    found = re.search(rf"/x/reports/tickets/{link}", client.get(f"/x/reports/{page}").text)
    there = client.get(html.unescape(found[0])).text
    assert "The parcel" in there and "Another matter" not in there


def test_csv_holds_the_same_and_no_formula(reports, receive_email, deliver_events, client):
    ticket = receive_email("Where is it?")
    with transaction():
        session().get_one(Ticket, ticket.id).department.name = "=1+1"
    deliver_events()
    reports.move(days=1)
    answer = client.get("/x/reports/departments?format=csv")
    assert answer.mimetype == "text/csv" and "'=1+1,1," in answer.text


def test_an_agent_sees_only_figures_of_the_own_departments(reports, receive_email, deliver_events, desk):
    ticket = receive_email("Where is it?", subject="Secret parcel")
    deliver_events()
    reports.move(days=1)
    with transaction():
        nils = make_agent("Nils", role="agent", departments=[make_department("Elsewhere")])
        nils.role.abilities = [*nils.role.abilities, "reports.see"]
    visitor = desk.visitor(nils)
    assert ticket.department.name not in visitor.get("/x/reports/departments").text
    assert "Secret parcel" not in visitor.get("/x/reports/tickets/opened").text
    assert "Secret parcel" not in visitor.get(
        f"/x/reports/tickets/opened?department={ticket.department_id}").text


def test_tags_of_a_ticket_that_left_the_own_departments_are_not_shown(
        reports, receive_email, deliver_events, desk, agent):
    ticket, other = receive_email("Where is it?"), make_department("Elsewhere")
    tickets.tag(ticket, "secret", by=by(agent))
    deliver_events()
    with transaction():
        nils = make_agent("Nils", role="agent", departments=[ticket.department])
        nils.role.abilities = [*nils.role.abilities, "reports.see"]
    reports.move(days=1)
    visitor = desk.visitor(nils)
    assert "secret" in visitor.get("/x/reports/tags").text
    tickets.move(ticket, other, by=by(agent))
    assert "secret" not in visitor.get("/x/reports/tags").text


def test_those_without_the_permission_are_refused(reports, desk):
    assert desk.visitor(make_agent("Nils", role="agent")).get("/x/reports/").status_code == 403


# --- cards ------------------------------------------------------------------------------------------------------


def test_dashboard_cards_say_who_waits_and_what_was_answered(reports, receive_email, deliver_events, client, agent):
    ticket = receive_email("Where is it?")
    reports.move(hours=2)
    messages.reply(ticket, Body("On its way."), by=by(agent))
    receive_email("And mine?", sender="ola@example.com")
    deliver_events()
    reports.move(hours=1)
    assert figures_on(client.get("/cards").text) == [
        ("Waiting now", "1", "the longest for 1 h"), ("Answered today", "1", ""),
        ("First answer, median this week", "2 h", "last week: –")]
    reports.move(days=7)
    assert figures_on(client.get("/cards").text)[1:] == [
        ("Answered today", "0", ""), ("First answer, median this week", "–", "last week: 2 h")]


def test_cards_hold_nothing_out_of_reach_and_no_figures_of_others_without_the_permission(
        reports, receive_email, deliver_events, desk, agent):
    ticket = receive_email("Where is it?")
    messages.reply(ticket, Body("On its way."), by=by(agent))
    receive_email("And mine?", sender="ola@example.com")
    elsewhere = make_agent("Nils", role="agent", departments=[make_department("Elsewhere")])
    colleague = make_agent("Lise", role="agent", departments=[ticket.department])
    deliver_events()
    assert figures_on(desk.visitor(elsewhere).get("/cards").text)[0] == ("Waiting now", "0", "Nobody waits.")
    assert figures_on(desk.visitor(colleague).get("/cards").text) == [
        ("Waiting now", "1", "the longest for 0 min"), ("Answered by you today", "0", "")]


def figures_on(page: str) -> list[tuple[str, str, str]]:
    """Title, figure and hint of every card."""
    return re.findall(r"<small>(.*?)</small><b>(.*?)</b>(?:<span class=\"hint\">(.*?)</span>)?</", page)


# --- Monday -----------------------------------------------------------------------------------------------------


def test_the_mail_goes_out_once_on_monday(reports, receive_email, deliver_events, desk, client, agent, mail_out):
    receive_email("Where is it?")
    deliver_events()
    client.post("/x/reports/monday", {"wanted": "1"}, page="/x/reports/")
    assert session().get(ReportsReader, agent.id) is not None
    reports.set(dt.datetime(2026, 6, 7, 12, tzinfo=dt.UTC))
    desk.run_job("reports.monday")
    assert [mail for mail in mail_out() if mail["to"].find(agent.email) >= 0] == []
    reports.set(dt.datetime(2026, 6, 8, 7, tzinfo=dt.UTC))
    desk.run_job("reports.monday")
    desk.run_job("reports.monday")
    sent = [mail for mail in mail_out() if mail["to"].find(agent.email) >= 0]
    assert len(sent) == 1 and "New tickets: 1" in sent[0].get_body().get_content()


def test_the_mail_can_be_of_one_department(reports, receive_email, deliver_events, desk, client, agent, mail_out):
    ticket, other = receive_email("Where is it?"), make_department("Elsewhere")
    deliver_events()
    client.post("/x/reports/monday", {"wanted": "1", "department": str(other.id)}, page="/x/reports/")
    assert "Comes every Monday: Elsewhere" in client.get("/x/reports/").text
    reports.set(dt.datetime(2026, 6, 8, 7, tzinfo=dt.UTC))
    desk.run_job("reports.monday")
    [sent] = [mail for mail in mail_out() if agent.email in mail["to"]]
    said = sent.get_body().get_content()
    assert sent["subject"].endswith("· Elsewhere") and "New tickets: 0" in said and ticket.department.name not in said


def test_the_mail_cannot_be_of_a_department_out_of_reach(reports, desk):
    with transaction():
        nils = make_agent("Nils", role="agent", departments=[make_department("Here")])
        nils.role.abilities = [*nils.role.abilities, "reports.see"]
    answer = desk.visitor(nils).post("/x/reports/monday", {"wanted": "1", "department": str(
        make_department("Elsewhere").id)}, page="/x/reports/")
    assert answer.status_code == 404 and monday.subscription(nils) is None


def test_a_rebuild_that_is_begun_anew_is_not_taken_for_done(reports, desk, receive_email, monkeypatch):
    receive_email("Where is it?")
    keep.begin_rebuild()
    tell = keep._retell

    def with_a_press_meanwhile(ticket_ids: list[int], week: hours.Hours) -> None:
        tell(ticket_ids, week)
        monkeypatch.setattr(keep, "_retell", tell)
        keep.begin_rebuild()

    monkeypatch.setattr(keep, "_retell", with_a_press_meanwhile)
    keep._next_chunk()
    assert keep.progress().percent == 0


def test_what_happens_while_lines_are_worked_out_is_not_lost(reports, desk, receive_email, agent, monkeypatch):
    ticket = receive_email("Where is it?")
    told = keep._told

    def with_an_answer_meanwhile(*about: Any) -> Any:
        found = told(*about)
        monkeypatch.setattr(keep, "_told", told)
        messages.reply(ticket, Body("On its way."), by=by(agent))
        return found

    monkeypatch.setattr(keep, "_told", with_an_answer_meanwhile)
    keep.retell(ticket.id)
    assert set(session().scalars(sa.select(ReportsLine.kind))) == {"opened", "asked", "answered"}


def test_register_personal_data_tells_of_a_customer_and_forgets(reports, receive_email, deliver_events):
    mine, other = receive_email("Where is it?"), receive_email("And mine?", sender="ola@example.com")
    deliver_events()
    assert [(each["ticket"], each["what"]) for each in personal.export(mine.customer_id)] == [
        (mine.number, "opened"), (mine.number, "asked")]
    for _ in range(2):
        personal.erase(mine.customer_id, [])
    assert personal.export(mine.customer_id) == [] and len(personal.export(other.customer_id)) == 2


def test_words_for_changes():
    now, before = Figures(opened=12, closed=4, in_one=2, first_reply={50: 600}), Figures(
        opened=10, closed=4, in_one=1, first_reply={50: 1200})
    assert [(tile.change, tile.tone) for tile in words.tiles(now, before)] == [
        ("▲ 20 %", ""), ("▼ 50 %", "up"), ("▲ 25 points", "up"), ("unchanged", "")]


def test_story_knows_no_wait_when_the_agent_wrote_first():
    event = {"id": 1, "kind": "reply_queued", "at": MONDAY, "actor_kind": "agent", "actor_id": 7, "data": {}}
    found = story.lines([type("E", (), event)()], hours.Hours("UTC", (((0, 1440),),) * 7))
    assert [(line.seconds, line.is_first) for line in found] == [(None, False)]


def test_reply_undone_counts_as_if_it_had_not_been_sent():
    events = [{"kind": "reply_queued"}, {"kind": "ticket_status_changed", "data": {"status": "closed"}},
              {"kind": "reply_undone", "data": {"undoes": [0, 1]}}, {"kind": "reply_queued"}]
    made = [type("E", (), {"id": number, "at": MONDAY + dt.timedelta(minutes=number), "actor_kind": "agent",
                           "actor_id": 7, "data": {}, **each})() for number, each in enumerate(events)]
    assert [(line.event_id, line.kind) for line in story.lines(made, hours.Hours("UTC", (((0, 1440),),) * 7))] == [
        (3, "answered")]


def test_a_table_without_rows_is_a_table():
    assert tables.as_csv(tables.Table(["Tag", "New"])) == "\ufeffTag,New\r\n"


def test_it_keeps_to_the_contract(plugin_contract):
    plugin_contract("reports")


def test_monday_is_not_for_those_who_left(reports, desk, agent, mail_out):
    monday.subscribe(agent, True)
    with transaction():
        session().get_one(Agent, agent.id).is_active = False
    reports.set(dt.datetime(2026, 6, 8, 7, tzinfo=dt.UTC))
    desk.run_job("reports.monday")
    assert mail_out() == []


def test_other_plugins_stand_on_the_overview(reports, activate, receive_email, deliver_events, client, agent, desk):
    activate("sla")
    desk.tell("sla", "demo_desk")
    ticket = receive_email("Where is it?")
    deliver_events()
    reports.move(hours=2)
    messages.reply(ticket, Body("On its way."), by=by(agent))
    deliver_events()
    reports.move(days=1)
    assert "100 % in time, of 1" in client.get("/x/reports/").text


@pytest.mark.parametrize("path", ["?first=0001-01-01&last=0001-01-02", f"?department={10**30}",
                                  f"tickets/opened?before={10**30}"])
def test_what_no_calendar_and_no_database_can_hold_is_no_fault(reports, client, faults, path):
    assert client.get(f"/x/reports/{path}").status_code == 422
    assert faults() == []
