"""Lists and tickets by their addresses: whole pages, parts, paging, what can be done, and who may see it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import messages, tickets
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Agent, Department, Event, Ticket, TicketSeen
from inbox.db import db, utcnow
from inbox.testing.factories import (
    make_agent,
    make_customer,
    make_department,
    make_file,
    make_message,
    make_ticket,
)
from tests.web.browse import HTMX, Visitor

pytestmark = pytest.mark.each_database



@pytest.fixture
def desk(app: Flask, kari: Agent) -> Visitor:
    return Visitor(app).sign_in(kari)


@pytest.fixture
def ticket(support: Department) -> Ticket:
    return make_ticket("Boots", department=support, customer=make_customer("Ola", "ola@example.no"),
                       text="Where are they?", tags=["order"])


@pytest.fixture
def foreign(session: Session) -> Ticket:
    return make_ticket("Salaries", department=make_department("Staff"), text="Mine is too low",
                       customer=make_customer("Siv", "siv@example.no"))


# --- lists ------------------------------------------------------------------------------------------------------


def test_the_first_page_is_the_first_view(desk: Visitor) -> None:
    assert desk.get("/").location == "/views/unassigned"


def test_a_list_shows_who_asks_what_and_counts(desk: Visitor, ticket: Ticket) -> None:
    page = desk.get("/views/unassigned").text
    assert "Ola" in page and "Boots" in page and "Where are they?" in page and ">order<" in page
    assert re.search(r'aria-current="page">Unassigned <span class="count">1</span>', page)
    assert f'href="/tickets/{ticket.number}?in=unassigned"' in page


def test_a_view_holds_what_it_says(desk: Visitor, kari: Agent, ticket: Ticket) -> None:
    by = Actor.of(kari)
    held = {"unassigned": lambda: None, "mine": lambda: tickets.assign(ticket, kari, by=by),
            "snoozed": lambda: tickets.snooze(ticket, utcnow().replace(year=utcnow().year + 1), by=by),
            "closed": lambda: tickets.set_status(ticket, "closed", by=by),
            "spam": lambda: tickets.mark_spam(ticket, by=by), "trash": lambda: tickets.trash(ticket, by=by)}
    for view, act in held.items():
        act()
        assert "Boots" in desk.get(f"/views/{view}?part=rows").text, view
    assert "Boots" not in desk.get("/views/unassigned?part=rows").text


def test_an_empty_view_says_so_and_offers_a_way_on(desk: Visitor) -> None:
    page = desk.get("/views/mine").text
    assert "Nothing is assigned to you." in page and "See all tickets" in page


def test_a_department_has_its_list(desk: Visitor, support: Department, ticket: Ticket) -> None:
    page = desk.get(f"/departments/{support.id}").text
    assert "Boots" in page and f'href="/tickets/{ticket.number}?in=department-{support.id}"' in page


def test_pages_follow_each_other_by_key_and_back(desk: Visitor, support: Department) -> None:
    for number in range(60):
        make_ticket(f"Question {number:03}", department=support)
    first = desk.get("/views/unassigned").text
    older = re.search(r'href="([^"]+)" rel="next"', first)
    assert first.count('<li id="row-') == 50 and older is not None and 'rel="prev"' not in first
    second = desk.get(older[1].replace("&amp;", "&")).text
    newer = re.search(r'href="([^"]+)" rel="prev"', second)
    assert second.count('<li id="row-') == 10 and newer is not None and 'rel="next"' not in second
    assert desk.get(newer[1].replace("&amp;", "&")).text.count('<li id="row-') == 50


def test_a_broken_cursor_is_explained(desk: Visitor) -> None:
    assert desk.get("/views/unassigned?after=%%%").status_code == 422


def test_the_oldest_can_come_first(desk: Visitor, support: Department) -> None:
    make_ticket("First", department=support)
    make_ticket("Second", department=support)
    rows = desk.get("/views/unassigned?sort=oldest&part=rows").text
    assert rows.index("First") < rows.index("Second")


def test_the_full_width_list_is_a_choice_that_stays(desk: Visitor, ticket: Ticket) -> None:
    answer = desk.post("/profile/layout?next=/views/open", {"layout": "list"}, page="/views/open")
    assert answer.location == "/views/open"
    assert '<table class="queue">' in desk.get("/views/unassigned").text
    assert '<table class="queue">' in desk.get("/views/unassigned?part=queue").text
    assert 'class="tickets"' in desk.get(f"/tickets/{ticket.number}").text  # beside a ticket there is room for panes


def test_search_finds_words_filters_and_nothing(desk: Visitor, ticket: Ticket) -> None:
    for q in ("where", "boots", "tag:order", "from:ola@example.no", "is:open where"):
        assert "Boots" in desk.get("/search", query_string={"q": q}).text, q
    nothing = desk.get("/search?q=elephants").text
    assert "Nothing matches “elephants”" in nothing and 'value="elephants"' in nothing


def test_a_subject_with_markup_is_text(desk: Visitor, support: Department) -> None:
    make_ticket("<script>alert(1)</script>", department=support, text="<img src=x onerror=alert(2)>")
    page = desk.get("/views/unassigned").text
    assert "<script>alert" not in page and "<img src=x" not in page and "&lt;script&gt;alert(1)" in page


# --- a ticket ---------------------------------------------------------------------------------------------------


def test_a_ticket_stands_beside_its_list(desk: Visitor, ticket: Ticket) -> None:
    page = desk.get(f"/tickets/{ticket.number}?in=unassigned").text
    assert "Where are they?" in page and 'id="list"' in page and f'data-number="{ticket.number}"' in page
    assert 'aria-current="true"' in page and "ola@example.no" in page


def test_htmx_gets_the_pane_alone(desk: Visitor, ticket: Ticket) -> None:
    part = desk.get(f"/tickets/{ticket.number}?in=unassigned&part=pane", headers=HTMX).text
    assert part.lstrip().startswith('<section class="pane"') and "<html" not in part and 'id="list"' not in part


def test_looking_makes_a_ticket_read(desk: Visitor, ticket: Ticket, kari: Agent, session: Session) -> None:
    assert 'class="unread"' in desk.get("/views/unassigned?part=rows").text
    desk.post(f"/tickets/{ticket.number}/seen", page="/views/unassigned")
    assert 'class="unread"' not in desk.get("/views/unassigned?part=rows").text
    assert session.get(TicketSeen, (kari.id, ticket.id)) is not None


@pytest.mark.parametrize(("path", "form", "said", "kind"), [
    ("status", {"status": "pending"}, "set it to pending", "ticket_status_changed"),
    ("subject", {"subject": "New boots"}, "New boots", "ticket_subject_changed"),
    ("priority", {"priority": "urgent"}, "set the priority to urgent", "ticket_priority_changed"),
    ("tags/remove", {"tag": "order"}, "took off the tag order", "ticket_untagged"),
    ("snooze", {"until": "tomorrow"}, "snoozed it", "ticket_snoozed"),
    ("spam", {}, "marked it as spam", "ticket_marked_spam"),
    ("trash", {}, "put it into the trash", "ticket_trashed"),
])
def test_what_is_done_to_a_ticket_is_stored_told_and_shown(
        desk: Visitor, ticket: Ticket, session: Session, path: str, form: dict, said: str, kind: str) -> None:
    answer = desk.post(f"/tickets/{ticket.number}/{path}", form, page="/views/all")
    assert answer.status_code == 303
    assert session.scalars(sa.select(Event.kind).order_by(Event.id.desc())).first() == kind
    page = desk.get(f"/tickets/{ticket.number}").text
    assert said in page and "Kari" in page


def test_a_ticket_is_given_to_an_agent_and_let_go(desk: Visitor, ticket: Ticket, kari: Agent, session: Session) -> None:
    path = f"/tickets/{ticket.number}/assignee"
    desk.post(path, {"agent": str(kari.id)}, page="/views/all")
    session.refresh(ticket)
    assert ticket.assignee_id == kari.id
    desk.post(path, {"agent": ""}, page="/views/all")
    session.refresh(ticket)
    assert ticket.assignee_id is None


def test_a_ticket_moved_out_of_reach_leads_back_to_the_list(desk: Visitor, ticket: Ticket) -> None:
    elsewhere = make_department("Elsewhere")
    answer = desk.post(f"/tickets/{ticket.number}/department?in=unassigned", {"department": str(elsewhere.id)},
                       page="/views/all")
    assert (answer.status_code, answer.location) == (303, "/views/unassigned")
    assert desk.get(f"/tickets/{ticket.number}").status_code == 404


def test_what_was_thrown_away_is_restored(desk: Visitor, ticket: Ticket) -> None:
    desk.post(f"/tickets/{ticket.number}/trash", page="/views/all")
    desk.post(f"/tickets/{ticket.number}/restore", page="/views/all")
    assert "Boots" in desk.get("/views/unassigned?part=rows").text


def test_an_act_by_htmx_gives_back_only_what_changed(desk: Visitor, ticket: Ticket) -> None:
    part = desk.post(f"/tickets/{ticket.number}/status", {"status": "pending"}, page="/views/all", headers=HTMX).text
    assert 'id="ticket-head" hx-swap-oob' in part and 'id="timeline"' in part and 'id="composer"' not in part


def test_a_past_time_to_snooze_until_is_refused(desk: Visitor, ticket: Ticket) -> None:
    answer = desk.post(f"/tickets/{ticket.number}/snooze", {"until": "2020-01-01T08:00"}, page="/views/all")
    assert answer.status_code == 422 and "still to come" in answer.text


@pytest.mark.parametrize(("way", "state"), [("mail", "queued"), ("note", "stored")])
def test_an_agent_opens_a_ticket(desk: Visitor, support: Department, session: Session, way: str, state: str) -> None:
    answer = desk.post("/tickets/new", {"address": "new@example.no", "name": "Nora", "department": str(support.id),
                                        "subject": "Hello", "text": "We called.", "way": way})
    number = int(answer.location.rpartition("/")[2])
    ticket = session.scalars(sa.select(Ticket).where(Ticket.number == number)).one()
    assert ticket.customer.email == "new@example.no"
    assert [each.state for each in messages.thread(ticket)] == [state]


def test_a_new_ticket_is_written_with_formats_and_they_stay_when_something_lacks(
        desk: Visitor, support: Department, session: Session) -> None:
    written = {"address": "new@example.no", "department": str(support.id), "subject": "Hello", "way": "note",
               "text": "Very much.", "html": "<p>Very <b>much</b>.</p><script>1</script>"}
    refused = desk.post("/tickets/new", {**written, "subject": ""})
    assert refused.status_code == 422 and "&lt;b&gt;much&lt;/b&gt;" in refused.text and "<rich-text>" in refused.text
    number = int(desk.post("/tickets/new", written).location.rpartition("/")[2])
    ticket = session.scalars(sa.select(Ticket).where(Ticket.number == number)).one()
    assert messages.thread(ticket)[0].html == "<p>Very <b>much</b>.</p>"


def test_what_was_typed_stays_when_a_new_ticket_lacks_something(desk: Visitor, support: Department) -> None:
    answer = desk.post("/tickets/new", {"address": "not an address", "department": str(support.id), "subject": "Hello",
                                        "text": "Many words.", "way": "mail"})
    assert answer.status_code == 422 and "Many words." in answer.text and "not a mail address" in answer.text


# --- reach ------------------------------------------------------------------------------------------------------


def test_nobody_sees_another_departments_ticket_anywhere(
        desk: Visitor, ticket: Ticket, foreign: Ticket, session: Session) -> None:
    """By page, part, menu, attachment, body, raw mail, customer and department: it is not there."""
    message = make_message(foreign, "secret", files=[make_file(b"secret", "salaries.pdf")], html="<p>secret</p>")
    file = message.attachments[0]
    base = f"/tickets/{foreign.number}"
    for path in (base, f"{base}?part=pane", f"{base}/conversation", f"{base}/assignees", f"{base}/departments",
                 f"{base}/saved-replies",
                 f"/messages/{message.id}/body", f"/messages/{message.id}/raw", f"/messages/{message.id}/why",
                 f"/attachments/{file.id}/salaries.pdf", f"/customers/{foreign.customer_id}",
                 f"/departments/{foreign.department_id}"):
        answer = desk.get(path)
        assert answer.status_code == 404, path
        assert "secret" not in answer.text.lower() and "Salaries" not in answer.text, path


@pytest.mark.parametrize("path", [
    "messages", "assignee", "status", "department", "subject", "priority", "tags/remove", "snooze", "wake",
    "trash", "restore", "spam", "not-spam", "seen", "draft/discard", "draft/files"])
def test_nobody_changes_another_departments_ticket(desk: Visitor, foreign: Ticket, session: Session, path: str) -> None:
    before = foreign.version
    form = {"kind": "note", "text": "hi", "status": "closed", "subject": "x", "tag": "x", "until": "tomorrow",
            "priority": "low", "department": str(foreign.department_id)}
    assert desk.post(f"/tickets/{foreign.number}/{path}", form, page="/views/all").status_code == 404
    session.refresh(foreign)
    assert foreign.version == before


def test_lists_counts_and_search_know_nothing_of_it(desk: Visitor, ticket: Ticket, foreign: Ticket) -> None:
    for path in ("/views/all", "/views/unassigned", "/search?q=salaries", "/search?q=low", "/rail"):
        page = desk.get(path).text
        assert "Salaries" not in page and "Staff" not in page, path
    assert re.search(r'All open <span class="count">1</span>', desk.get("/rail").text)


def test_the_customer_panel_lists_only_tickets_in_reach(desk: Visitor, ticket: Ticket, foreign: Ticket) -> None:
    make_ticket("About my pay", department=foreign.department, customer=ticket.customer)
    make_ticket("Second boots", department=ticket.department, customer=ticket.customer)
    for path in (f"/tickets/{ticket.number}", f"/customers/{ticket.customer_id}"):
        page = desk.get(path).text
        assert "Second boots" in page and "About my pay" not in page, path


def test_moving_into_a_department_out_of_reach_lists_only_names(desk: Visitor, ticket: Ticket, foreign: Ticket) -> None:
    menu = desk.get(f"/tickets/{ticket.number}/departments").text
    assert "Staff" in menu and "Salaries" not in menu


# --- cost -------------------------------------------------------------------------------------------------------


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements a request sends."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(db.engine, "before_cursor_execute", note)


def test_pages_cost_few_queries_however_much_they_show(
        app: Flask, desk: Visitor, support: Department, kari: Agent, ticket: Ticket,
        monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("inbox.plugin_host.registry", "inbox.web.i18n", "inbox.web.theming"):  # once in some seconds
        monkeypatch.setattr(f"{place}.FRESH_SECONDS", 3600.0)
    for number in range(30):
        other = make_ticket(f"Question {number}", department=support, tags=[f"tag {number}"], assignee=kari)
        make_message(ticket, f"More {number}", files=[make_file(f"file {number}".encode(), f"{number}.pdf")])
        if number % 3 == 0:
            messages.reply(ticket, Body("Answer"), by=Actor.of(make_agent(role="admin")))
            messages.note(other, Body("Note"), by=Actor.of(kari))
        tickets.assign(ticket, kari if number % 2 else None, by=Actor.of(kari))
    desk.get("/views/all")  # the desk's name is known from now on
    for path in ("/views/all", "/views/all?part=rows", f"/departments/{support.id}", "/search?q=question",
                 f"/tickets/{ticket.number}?in=all", f"/tickets/{ticket.number}?in=all&part=pane"):
        with counted() as sent:
            assert desk.get(path).status_code == 200
        queries = [each for each in sent if each.lstrip().upper().startswith(("SELECT", "WITH"))]
        assert len(queries) < 12, f"{path}: {len(queries)}\n" + "\n".join(each[:160] for each in queries)
