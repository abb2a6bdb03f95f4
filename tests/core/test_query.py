"""The language of the search box: read, written again, and what it finds."""

import datetime as dt

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from inbox.core import fields, query, tickets, views
from inbox.core.errors import Invalid
from inbox.core.events import Actor
from inbox.core.models import Agent, Department, Ticket
from inbox.core.query import Query, parse, write
from inbox.db import transaction, utcnow
from inbox.testing.factories import make_agent, make_customer, make_department, make_ticket

pytestmark = pytest.mark.each_database
NOW = dt.datetime(2026, 11, 22, 15, 0, tzinfo=dt.UTC)


def test_names_values_and_what_compares_them_are_read() -> None:
    found = parse('status:open -tag:"big deal" created>=2026-01-01 waiting<4h updated:>7d customer.size<=20 lost wool')
    assert found.words == "lost wool"
    assert found.filters == (("status", "open"), ("-tag", "big deal"), ("created", ">=2026-01-01"), ("waiting", "<4h"),
                             ("updated", ">7d"), ("customer.size", "<=20"))


def test_a_group_of_which_one_must_hold() -> None:
    found = parse('assignee:me any:(tag:vip priority:urgent,high) any:(tag:"a (b)" is:unread) hello')
    assert found.filters == (("assignee", "me"),) and found.words == "hello"
    assert found.any == ((("tag", "vip"), ("priority", "urgent,high")), (("tag", "a (b)"), ("is", "unread")))


def test_what_is_no_filter_stays_a_word() -> None:
    assert parse("tag>vip any:(lost) colour:red -x a>b (tag:").words == "tag>vip lost colour:red -x a>b (tag:"
    assert parse("tag>vip colour:red").filters == ()


_values = st.text("abc åøทé 1-9,.:*()<>'", min_size=1, max_size=12).map(lambda text: " ".join(text.split())).filter(
    lambda text: text and text[0] not in "<>:")
_filters = st.lists(st.tuples(st.sampled_from(["tag", "-tag", "assignee", "is", "created", "-waiting"]), _values),
                    max_size=3).map(tuple)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # machines are slow at times
@given(_filters, st.lists(_filters.filter(len), max_size=2).map(tuple))
def test_what_is_written_is_read_the_same(plain: tuple[query.Filter, ...], groups: tuple[tuple[query.Filter, ...], ...],
                                          ) -> None:
    wanted = Query("lost wool", plain, groups)
    assert parse(write(wanted)) == wanted


@pytest.mark.parametrize(("value", "begins", "ends"), [
    (">2026-11-20", "2026-11-21T00:00", None), (">=2026-11-20", "2026-11-20T00:00", None),
    ("<2026-11-20", None, "2026-11-20T00:00"), ("<=2026-11-20", None, "2026-11-21T00:00"),
    ("2026-11-20", "2026-11-20T00:00", "2026-11-21T00:00"), ("<4h", None, "2026-11-22T11:00"),
    (">2d", "2026-11-20T15:00", None), ("1w", "2026-11-15T15:00", None),
    ("today", "2026-11-22T00:00", "2026-11-23T00:00"),
    (">=yesterday", "2026-11-21T00:00", None)])
def test_times_are_days_or_how_long_ago(value: str, begins: str | None, ends: str | None) -> None:
    wanted = tuple(dt.datetime.fromisoformat(each).replace(tzinfo=dt.UTC) if each else None for each in (begins, ends))
    assert query.between(value, NOW) == wanted


@pytest.mark.parametrize("value", ["soon", ">", "2026-13-01", "7x", "99999d"])
def test_what_is_no_time_says_what_is_right(value: str) -> None:
    with pytest.raises(Invalid, match="2026-11-22"):
        query.between(value, NOW)


# --- what is found ------------------------------------------------------------------------------------------------


@pytest.fixture
def support(session: Session) -> Department:
    return make_department("Support")


@pytest.fixture
def kari(support: Department) -> Agent:
    return make_agent("Kari Nordmann", departments=[support])


@pytest.fixture
def desk(support: Department, kari: Agent) -> dict[str, Ticket]:
    """Tickets by what is special about them."""
    by, ola = Actor.of(kari), make_agent("Åse Vik", departments=[support])
    made = {name: make_ticket(name, department=support, customer=make_customer(name, f"{name}@example.no"))
            for name in ("plain", "vip", "urgent", "closed", "mine", "hers")}
    tickets.tag(made["vip"], "vip", by=by)
    tickets.set_priority(made["urgent"], "urgent", by=by)
    tickets.set_status(made["closed"], "closed", by=by)
    tickets.assign(made["mine"], kari, by=by)
    tickets.assign(made["hers"], ola, by=by)
    tickets.mark_seen(made["plain"], kari)
    with transaction():
        made["vip"].created_at = utcnow() - dt.timedelta(days=10)
        made["vip"].waiting_since = utcnow() - dt.timedelta(hours=9)
        made["urgent"].channel = "form"
    return made


@pytest.mark.parametrize(("text", "found"), [
    ("status:closed", "closed"), ("status:open,closed tag:vip", "vip"), ("-status:open", "closed"),
    ("assignee:me", "mine"), ("assignee:åse", "hers"), ("assignee:me,åse", "hers mine"),
    ("-assignee:none", "hers mine"), ("-assignee:me status:open", "hers plain urgent vip"),
    ("priority:urgent,high", "urgent"), ("-priority:normal", "urgent"),
    ("-tag:vip status:open", "hers mine plain urgent"),
    ("any:(tag:vip priority:urgent)", "urgent vip"), ("any:(assignee:me status:closed)", "closed mine"),
    ("any:(tag:vip priority:urgent) any:(is:mine channel:form)", "urgent"),
    ("created<7d", "vip"), ("created>7d status:open", "hers mine plain urgent"), ("waiting<4h", "vip"),
    ("channel:form", "urgent"), ("customer:mine@example.no", "mine"), ("department:support tag:vip", "vip"),
    ("department:gone", ""), ("tag:gone", ""), ("assignee:nobody-here", ""), ("status:gone", ""),
    ("customer.gone:x", ""), ("is:unread -is:assigned", "closed urgent vip"), ("snoozed>today", ""),
])
def test_filters_find(desk: dict[str, Ticket], kari: Agent, text: str, found: str) -> None:
    rows = [row.subject for row in views.page(kari, q=text).rows]
    unread = {"closed"} if "unread" in text else set()  # closing answers nobody: whether it waits is not this test's
    assert sorted({*rows} - unread) == sorted({*found.split()} - unread)


def test_spam_is_found_only_when_it_is_named(desk: dict[str, Ticket], kari: Agent) -> None:
    tickets.mark_spam(desk["vip"], by=Actor.of(kari))
    assert views.page(kari, q="tag:vip").rows == []
    assert [row.subject for row in views.page(kari, q="tag:vip status:spam").rows] == ["vip"]
    assert [row.subject for row in views.page(kari, q="any:(status:spam priority:urgent)").rows] == ["urgent", "vip"]


def test_fields_of_customers_are_filters(desk: dict[str, Ticket], kari: Agent) -> None:
    by = Actor.of(make_agent(role="owner"))
    size = fields.of_customers.define(by=by, title="Shop size", type="number")
    note = fields.of_customers.define(by=by, title="Remark")
    fields.set_values(desk["vip"].customer, {size.id: "120", note.id: "likes wool"}, by=by)
    fields.set_values(desk["plain"].customer, {size.id: "5"}, by=by)
    for text, found in (("customer.shop-size>=100", ["vip"]), ("customer.shop-size:5", ["plain"]),
                        ("customer.remark:*wool*", ["vip"]), ("customer.remark:*", ["vip"]),
                        ("-customer.remark:* customer.shop-size:*", ["plain"])):
        assert [row.subject for row in views.page(kari, q=text).rows] == found, text


def test_names_are_asked_for_once_however_often_they_stand_there(desk: dict[str, Ticket], kari: Agent) -> None:
    from inbox.core.filters import Names, of_query

    names = Names()
    first = of_query(kari, parse("any:(assignee:åse assignee:kari) department:support"), names)
    known = names.agents
    of_query(kari, parse("assignee:åse"), names)
    assert names.agents is known and first.where
