"""Views that people make: whose they are, who may change them, what they count, what they say when a name is gone."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from inbox.core import saved_views, tags, tickets, views
from inbox.core.errors import Invalid, NotAllowed, NotFound
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, Tag, View
from inbox.db import db, transaction
from inbox.testing.factories import make_agent, make_department, make_ticket

pytestmark = pytest.mark.each_database


@pytest.fixture
def support(session: Session) -> Department:
    return make_department("Support")


@pytest.fixture
def kari(support: Department) -> Agent:
    return make_agent("Kari", departments=[support])


@pytest.fixture
def owner(session: Session) -> Agent:
    return make_agent("Olga", role="owner")


def named(agent: Agent) -> list[str]:
    return [each.name for each in saved_views.of(agent)]


def personal(agent: Agent, name: str = "VIPs", text: str = "status:open tag:vip") -> View:
    return saved_views.save(by=Actor.of(agent), name=name, text=text)


@contextmanager
def selects() -> Iterator[list[str]]:
    """The queries sent meanwhile."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, sql: str, *_: object) -> None:
        sent.extend([sql] if sql.startswith("SELECT") else [])

    sa.event.listen(db.engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(db.engine, "before_cursor_execute", note)


def test_a_personal_view_is_for_one_alone(kari: Agent, owner: Agent) -> None:
    mine = personal(kari)
    assert named(kari) == ["VIPs"] and named(owner) == []
    with pytest.raises(NotFound):
        saved_views.by_slug(f"own-{mine.id}", owner)
    with pytest.raises(NotFound):
        saved_views.delete(mine, by=Actor.of(owner))


def test_shared_views_reach_a_department_or_everybody(kari: Agent, owner: Agent, support: Department) -> None:
    sales, by = make_department("Sales"), Actor.of(owner)
    for name, department in (("Support’s", support), ("Sales’", sales), ("Everybody’s", None)):
        saved_views.save(by=by, name=name, text="status:open", department=department, personal=False)
    assert named(kari) == ["Support’s", "Everybody’s"]
    assert named(owner) == ["Support’s", "Sales’", "Everybody’s"]


def test_shared_views_need_an_ability(kari: Agent, owner: Agent) -> None:
    with pytest.raises(NotAllowed):
        saved_views.save(by=Actor.of(kari), name="All", text="status:open", personal=False)
    shared = saved_views.save(by=Actor.of(owner), name="All", text="status:open", personal=False)
    for change in (lambda: saved_views.delete(shared, by=Actor.of(kari)),
                   lambda: saved_views.move_up(shared, by=Actor.of(kari)),
                   lambda: saved_views.save(by=Actor.of(kari), name="Mine now", text="status:open", view=shared)):
        with pytest.raises(NotAllowed):
            change()
    assert saved_views.copy(shared, by=Actor.of(kari), name="My copy").agent_id == kari.id


def test_a_query_is_kept_as_the_language_writes_it(kari: Agent) -> None:
    assert personal(kari, text='  tag:"big deal"   STATUS:open wool ').query == 'tag:"big deal" status:open wool'


@pytest.mark.parametrize(("field", "values"), [
    ("name", {"name": " "}), ("query", {"text": "  "}), ("query", {"text": "created>soon"}), ("sort", {"sort": "up"}),
    ("sort", {"icon": "nothing"}), ("query", {"text": "tag:x " * 300})])
def test_what_is_no_view_is_refused(kari: Agent, field: str, values: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        saved_views.save(**{"by": Actor.of(kari), "name": "A", "text": "status:open", **values})  # type: ignore[arg-type]
    assert refused.value.field == field


def test_views_can_be_put_in_order(kari: Agent, owner: Agent) -> None:
    saved_views.save(by=Actor.of(owner), name="Everybody’s", text="status:open", personal=False)
    personal(kari, "One"), personal(kari, "Two")
    three = personal(kari, "Three")
    saved_views.move_up(three, by=Actor.of(kari))
    saved_views.move_up(three, by=Actor.of(kari))
    saved_views.move_up(three, by=Actor.of(kari))
    assert named(kari) == ["Everybody’s", "Three", "One", "Two"]


def test_counts_join_the_one_query(kari: Agent, support: Department) -> None:
    ticket = make_ticket("Boots", department=support, tags=["vip"])
    tickets.assign(ticket, kari, by=Actor.of(kari))
    make_ticket("Shoes", department=support), make_ticket("Secret", department=make_department("Staff"), tags=["vip"])
    wanted = {"tag:vip": 1, "status:open": 2, "status:open assignee:kari": 1,
              "status:open any:(tag:vip priority:low)": 1,
              "status:open -tag:vip": 1, "status:open department:support created>7d": 2,
              "status:closed": None, "tag:vip boots": None, "priority:low": None}  # not counted
    made = {text: personal(kari, text=text) for text in wanted}
    lines, own = saved_views.rail(kari)
    countable = saved_views.countable(kari, own)
    with selects() as sent:
        counts = views.counts(kari, lines, countable)
    assert len(sent) == 1
    assert {text: counts.views.get(f"own-{view.id}") for text, view in made.items()} == wanted


def test_the_rail_asks_once_for_departments_and_views(kari: Agent, support: Department) -> None:
    personal(kari)
    with selects() as sent:
        lines, own = saved_views.rail(kari)
    assert [each.name for each in lines] == ["Support"] and [each.name for each in own] == ["VIPs"]
    assert len(sent) == 1 and own == saved_views.of(kari)


def test_a_view_says_what_is_gone_and_stays(kari: Agent, support: Department, owner: Agent, session: Session) -> None:
    ticket, ola = make_ticket("Boots", department=support), make_agent("Ola", departments=[support])
    tickets.tag(ticket, "vip", by=Actor.of(kari))
    personal(kari, text="any:(tag:vip assignee:ola) department:support customer.size:5 assignee:me org:acme")
    view = saved_views.of(kari)[0]
    assert saved_views.missing(kari, view) == [("customer.size", "5"), ("org", "acme")]
    tags.delete(session.scalars(sa.select(Tag)).one(), by=Actor.of(owner))
    with transaction():
        ola.name, ola.email = "Ole", "ole@example.no"
    assert ("tag", "vip") in saved_views.missing(kari, view) and ("assignee", "ola") in saved_views.missing(kari, view)
    lines, own = saved_views.rail(kari)
    assert views.counts(kari, lines, saved_views.countable(kari, own)).departments == {support.id: 1}
