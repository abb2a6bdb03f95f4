"""What plugins add to a conversation: lines between the messages, links in them; and filters of the search box."""

import datetime as dt
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.plugin_host.items import ItemError, Link, MessageLink, RowBadge, SearchFilter, TicketView, TimelineEntry
from inbox.plugin_host.models import PluginFault
from inbox.testing.factories import make_agent, make_customer, make_message, make_ticket
from inbox.testing.plugins import host_of, plug
from inbox.testing.visitor import Visitor

PAGE = "/x/shop/orders/7"


@pytest.fixture
def visitor(app: Flask, session: Session) -> Visitor:
    return Visitor(app).sign_in(make_agent(role="admin"))


def linking(word: str) -> Callable[..., Any]:
    def message_links(messages: Any) -> list[MessageLink]:
        return [MessageLink(each.id, word, PAGE, hint='a "hat"') for each in messages]

    return message_links


def body_of(page: str) -> str:
    found = re.search(r'<div class="mail-(?:text|html)">(.*?)</div>', page, re.S)
    assert found is not None
    return found[1]


LINK = f'<a class="link" href="{PAGE}" title="a &#34;hat&#34;">#7&amp;8</a>'


def test_message_links_turn_words_of_plain_text_into_links(app: Flask, session: Session, visitor: Visitor) -> None:
    plug(app, "shop", linking("#7&8"))
    ticket = make_ticket(text="Order #7&8, not #7&80, nor https://shop.example/#7&8 <b>")
    body = body_of(visitor.get(f"/tickets/{ticket.number}").text)
    assert body.startswith(f"Order {LINK}, not #7&amp;80, nor <a ") and body.endswith("&lt;b&gt;")
    assert body.count(PAGE) == 1


def test_message_links_leave_tags_and_links_of_html_alone(app: Flask, session: Session, visitor: Visitor) -> None:
    plug(app, "shop", linking("title"))
    ticket = make_ticket(text="x")
    make_message(ticket, "the title", html='<p>the title <a href="https://a.example/title">title</a></p>')
    found = visitor.get(f"/tickets/{ticket.number}").text.split('<div class="mail-html">')[1].split("</div>")[0]
    assert found.count(PAGE) == 1 and 'href="https://a.example/title"' in found
    assert re.search(r"<p>the <a [^>]*>title</a> <a [^>]*>title</a></p>", found)


def test_message_links_are_asked_once_for_a_thread(app: Flask, session: Session, visitor: Visitor) -> None:
    asked: list[int] = []

    def message_links(messages: Any) -> None:
        asked.append(len(messages))

    plug(app, "shop", message_links)
    ticket = make_ticket()
    make_message(ticket)
    visitor.get(f"/tickets/{ticket.number}")
    assert asked == [2]


def test_timeline_entries_stand_between_the_messages(app: Flask, session: Session, visitor: Visitor) -> None:
    def timeline_entries(ticket: Any) -> list[TimelineEntry]:
        at = ticket.created_at
        return [TimelineEntry(at + dt.timedelta(days=1), "Sent <today>", tone="good"),
                TimelineEntry(at - dt.timedelta(days=1), "Ordered", url=PAGE)]

    plug(app, "shop", timeline_entries)
    ticket = make_ticket(text="Where is it?")
    page = visitor.get(f"/tickets/{ticket.number}").text
    thread = page[page.index('id="timeline"'):]
    places = [thread.index(each) for each in ("Ordered", "Where is it?", "Sent &lt;today&gt;")]
    assert places == sorted(places) and f'href="{PAGE}"' in thread


@pytest.mark.parametrize("make", [
    lambda: TimelineEntry(dt.datetime(2026, 1, 1), "no zone"), lambda: TimelineEntry(dt.datetime.now(dt.UTC), ""),
    lambda: Link("Orders", PAGE, order="10"), lambda: Link("Orders", PAGE, order=None),  # type: ignore[arg-type]
    lambda: Link("Orders", PAGE, count="many"), lambda: RowBadge([], "late"),  # type: ignore[arg-type]
    lambda: MessageLink(1, "x", PAGE), lambda: MessageLink(1, "word", "javascript:alert(1)"),
    lambda: SearchFilter("shop.order", "Order:", "Orders", str)])
def test_items_that_cannot_be_used_are_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(ItemError):
        make()


def with_filter(app: Flask, find: Callable[[str], Any], alias: str = "order") -> None:
    def register_search_filters() -> list[SearchFilter]:
        return [SearchFilter("shop.order", alias, "Orders", find)]

    module = ModuleType("shop")
    from inbox import hookimpl

    module.register_search_filters = hookimpl(register_search_filters)  # type: ignore[attr-defined]
    host_of(app).add_builtin("shop", module)


def test_register_search_filters_adds_to_the_search_box(app: Flask, session: Session, visitor: Visitor) -> None:
    from inbox.core.models import Ticket

    wanted, _ = make_ticket("The hat", customer=make_customer()), make_ticket("The scarf")
    asked: list[str] = []
    customer_id = wanted.customer_id

    def find(value: str) -> Any:
        asked.append(value)
        return Ticket.customer_id == customer_id

    with_filter(app, find)
    page = visitor.get("/search", query_string={"q": 'ORDER:"a 7" hat'}).text
    assert "The hat" in page and "The scarf" not in page and set(asked) == {"a 7"}
    assert "The scarf" not in visitor.get("/search", query_string={"q": "order:7 is:open"}).text


def test_a_search_filter_that_fails_finds_nothing_and_stops_nobody(
        app: Flask, session: Session, visitor: Visitor) -> None:
    host_of(app).raise_faults = False
    make_ticket("The hat")
    with_filter(app, lambda value: 1 / 0)
    answer = visitor.get("/search", query_string={"q": "order:7"})
    assert answer.status_code == 200 and "The hat" not in answer.text


def no_such_table() -> Any:
    from inbox.core.models import Ticket

    return Ticket.id.in_(sa.select(sa.column("ticket_id")).select_from(sa.table("shop_gone")))


def test_a_search_filter_that_the_database_refuses_finds_nothing(
        app: Flask, session: Session, visitor: Visitor) -> None:
    host_of(app).raise_faults = False
    make_ticket("The hat")
    with_filter(app, lambda value: no_such_table())
    answer = visitor.get("/search", query_string={"q": "order:7"})
    assert answer.status_code == 200 and "The hat" not in answer.text
    assert session.scalar(sa.select(PluginFault.hook)) == "search filter order"


def test_a_view_that_the_database_refuses_is_its_plugins_fault_alone(
        app: Flask, session: Session, visitor: Visitor) -> None:
    """Its number stands beside every page: one wrong condition would take the whole desk down."""
    def register_ticket_views() -> list[TicketView]:
        return [TicketView("shop.late", "Late orders", no_such_table, empty="No order is late."),
                TicketView("shop.good", "Good orders", lambda: sa.true())]

    host_of(app).raise_faults = False
    make_ticket("The hat")
    plug(app, "shop", register_ticket_views)
    page = visitor.get("/views/open")
    assert page.status_code == 200 and "The hat" in page.text and "Late orders" in page.text
    assert visitor.get("/views/shop.late").status_code == 200
    assert "The hat" in visitor.get("/views/shop.good").text
    found = session.execute(sa.select(PluginFault.plugin, PluginFault.hook).distinct()).all()
    assert [tuple(each) for each in found] == [("shop", "view shop.late")]


def test_the_desks_own_filters_come_first(app: Flask, session: Session, visitor: Visitor) -> None:
    make_ticket("The hat", tags=["wool"])
    with_filter(app, lambda value: None, alias="tag")
    assert "The hat" in visitor.get("/search", query_string={"q": "tag:wool"}).text
