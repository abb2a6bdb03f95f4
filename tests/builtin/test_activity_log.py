"""The activity log: who did what, for those who may see it."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import events, permissions, settings, tickets
from inbox.core.events import Actor
from inbox.core.models import Agent, Department
from inbox.db import transaction
from inbox.testing.factories import make_agent, make_department, make_ticket
from tests.web.browse import Visitor

VIEW = "activity_log.view"


@pytest.fixture
def owner(session: Session) -> Agent:
    return make_agent("Kari Nordmo", role="owner")


@pytest.fixture
def visitor(app: Flask, owner: Agent) -> Visitor:
    return Visitor(app).sign_in(owner)


@pytest.fixture
def support(session: Session) -> Department:
    return make_department("Support")


def test_the_log_tells_who_did_what_through_what(visitor: Visitor, owner: Agent, support: Department) -> None:
    ticket = make_ticket("Boots", department=support)
    tickets.tag(ticket, "vip", by=Actor.of(owner))
    settings.put("desk.name", "Fjord", by=Actor.of(owner, "api"))
    page = visitor.get("/x/activity_log/").text
    assert "A tag was put on a ticket. (vip)" in page and "Kari Nordmo" in page and "#1</a>" in page
    assert "A setting of the desk was changed. (desk.name)" in page and "the API" in page
    assert page.index("(desk.name)") < page.index("(vip)")  # newest first
    assert 'href="/x/activity_log/"' in visitor.get("/rail").text


def rows(page: str) -> list[str]:
    return page.partition("<tbody>")[2].partition("</tbody>")[0].split("<tr>")[1:]


def test_it_is_filtered_by_agent_kind_and_ticket(visitor: Visitor, owner: Agent, support: Department) -> None:
    one, two = make_ticket("Boots", department=support), make_ticket("Socks", department=support)
    tickets.tag(one, "vip", by=Actor.of(owner))
    tickets.tag(two, "late", by=Actor.system("test"))
    of_agent = rows(visitor.get(f"/x/activity_log/?agent={owner.id}").text)
    assert len(of_agent) == 1 and "vip" in of_agent[0]
    assert len(rows(visitor.get("/x/activity_log/?kind=ticket_tagged").text)) == 2
    of_ticket = rows(visitor.get(f"/x/activity_log/?ticket={two.number}").text)
    assert any("late" in row for row in of_ticket) and not any("vip" in row for row in of_ticket)


def test_it_is_paged_by_key(owner: Agent, support: Department, session: Session) -> None:
    ticket = make_ticket("Boots", department=support)
    for name in ("a", "b", "c"):
        tickets.tag(ticket, name, by=Actor.of(owner))
    first, following = events.log(owner, kind="ticket_tagged", limit=2)
    rest, end = events.log(owner, kind="ticket_tagged", before=following, limit=2)
    assert [each.data["tag"] for each in [*first, *rest]] == ["c", "b", "a"] and end is None


def test_who_does_not_reach_every_department_sees_their_own(support: Department, session: Session) -> None:
    agent = make_agent(departments=[support])
    make_ticket("Boots", department=support)
    make_ticket("Secret")
    found, _ = events.log(agent)
    assert {each.ticket_id for each in found} == {1}


def test_their_own_are_looked_for_some_thousand_events_at_a_time(
        support: Department, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = make_agent(departments=[support])
    mine = make_ticket("Boots", department=support)
    for _ in range(3):
        make_ticket("Secret")
    everything, _ = events.log(make_agent(role="owner"))
    monkeypatch.setattr(events, "WINDOW", 3)
    found, before, pages = [], None, 0
    while pages == 0 or before is not None:
        lines, before = events.log(agent, before=before)
        found, pages = [*found, *lines], pages + 1
    assert found == [each for each in everything if each.ticket_id == mine.id] and len(found) > 1 and pages > 2
    assert events.log(agent, ticket=mine) == (found, None)


def test_it_is_for_those_whose_role_allows_it(app: Flask, owner: Agent, support: Department, session: Session) -> None:
    agent = make_agent(departments=[support])
    ticket = make_ticket("Boots", department=support)
    visitor = Visitor(app).sign_in(agent)
    assert visitor.get("/x/activity_log/").status_code == 403
    assert visitor.get(f"/x/activity_log/tickets/{ticket.number}").status_code == 403
    assert "activity_log" not in visitor.get(f"/tickets/{ticket.number}").text
    permissions.decide(agent.role, VIEW, True, by=Actor.of(owner))
    assert visitor.get("/x/activity_log/").status_code == 200
    foreign = make_ticket("Secret")
    assert visitor.get(f"/x/activity_log/tickets/{foreign.number}").status_code == 404
    assert visitor.get(f"/x/activity_log/?ticket={foreign.number}").status_code == 404


def test_ticket_sidebar_panels_has_a_lazy_panel_that_keeps_its_place(visitor: Visitor, owner: Agent) -> None:
    ticket = make_ticket("Boots")
    tickets.tag(ticket, "vip", by=Actor.of(owner))
    page = visitor.get(f"/tickets/{ticket.number}").text
    assert f'hx-get="/x/activity_log/tickets/{ticket.number}" hx-trigger="intersect once, retry"' in page
    assert "lazy-panel lines-8" in page and f'href="/x/activity_log/?ticket={ticket.number}"' in page
    panel = visitor.get(f"/x/activity_log/tickets/{ticket.number}").text
    assert "A tag was put on a ticket. (vip)" in panel and "<html" not in panel


def test_an_event_of_a_plugin_is_shown_by_its_name(visitor: Visitor) -> None:
    ticket = make_ticket()
    with transaction():
        events.record("loyalty.stamped", by=Actor.system("plugin:loyalty"), ticket=ticket)
    page = visitor.get("/x/activity_log/").text
    assert "loyalty.stamped" in page and "the plugin loyalty" in page
