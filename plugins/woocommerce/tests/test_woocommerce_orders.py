"""Orders beside a ticket: whose they are, how old, and what is said when the shop is not well."""

import json
import os
import re
import time

import pytest

from inbox.testing import make_agent, make_customer, make_department, make_ticket
from inbox.testing.woocommerce import FakeShop, ShopServer

MAJA = "maja@haugen.example"


@pytest.fixture
def remote_shop():
    server = ShopServer(FakeShop())
    yield server
    server.stop()


@pytest.fixture
def shop(remote_shop, activate, agent, monkeypatch):
    """The fake shop, with an order of Maja's, known to the desk."""
    activate("woocommerce")
    from inbox.toolkit import Actor
    from inbox_plugins.woocommerce import orders, shops

    monkeypatch.setattr(orders, "SECONDS", 20.0)  # a busy machine is no slow shop

    fake = remote_shop.shop
    fake.add_order("10482", MAJA, [("Sweater “Lofoten”, M", 1, "1290.00"), ("Wool socks", 2, "149.00")],
                   status="completed", meta=[("_wc_shipment_tracking_items", [
                       {"tracking_provider": "posten", "tracking_number": "370720", "tracking_id": "a",
                        "custom_tracking_link": "https://sporing.example/370720", "date_shipped": "1795305600"}])])
    return shops.save(None, shops.Typed("Fjord", remote_shop.url, fake.key, fake.secret), by=Actor.of(agent))


@pytest.fixture
def ticket_of_maja(desk):
    return make_ticket("Wrong size", customer=make_customer("Maja Haugen", MAJA),
                       text="Order #10482 does not fit, nor did 5017 or x10482. 10482!")


def panel(client, ticket, shop, **query):
    return client.get(f"/x/woocommerce/panel/{shop.id}/{ticket.number}", query_string=query)


def text_of(response):
    assert response.status_code == 200, response.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text)).replace("\xa0", " ")


def age(shop, **by):
    """Let what is known grow old."""
    import datetime as dt

    import sqlalchemy as sa

    from inbox.toolkit import transaction, utcnow
    from inbox_plugins.woocommerce.models import Lookup, Shop

    with transaction() as current:
        current.execute(sa.update(Lookup).values(asked_at=utcnow() - dt.timedelta(**by)))
        current.execute(sa.update(Shop).values(asked_at=utcnow() - dt.timedelta(**by)))


def test_the_panel_shows_what_was_bought(shop, ticket_of_maja, client) -> None:
    said = text_of(panel(client, ticket_of_maja, shop))
    for words in ("#10482", "Sweater “Lofoten”, M and 1 more", "completed", "Posten", "370720", "Spent in all",
                  "NOK1,588.00"):
        assert words in said


def test_what_is_known_stands_on_the_page_at_once(shop, remote_shop, ticket_of_maja, client) -> None:
    there = f"/tickets/{ticket_of_maja.number}"
    assert "lazy-panel lines-" in client.get(there).text
    panel(client, ticket_of_maja, shop)
    asked, page = len(remote_shop.shop.asked), client.get(there).text
    assert "lazy-panel known" in page and "#10482" in page and len(remote_shop.shop.asked) == asked


def test_the_page_of_the_ticket_asks_for_the_panel_later(shop, remote_shop, ticket_of_maja, client) -> None:
    page = client.get(f"/tickets/{ticket_of_maja.number}").text
    assert f'hx-get="/x/woocommerce/panel/{shop.id}/{ticket_of_maja.number}"' in page
    assert remote_shop.shop.asked == []


def test_an_answer_is_kept_for_five_minutes(shop, remote_shop, ticket_of_maja, client) -> None:
    panel(client, ticket_of_maja, shop)
    asked = len(remote_shop.shop.asked)
    panel(client, ticket_of_maja, shop)
    assert len(remote_shop.shop.asked) == asked
    panel(client, ticket_of_maja, shop, again=1)
    assert len(remote_shop.shop.asked) == 2 * asked
    age(shop, minutes=6)
    panel(client, ticket_of_maja, shop)
    assert len(remote_shop.shop.asked) == 3 * asked


def test_orders_of_all_addresses_and_of_the_account_count(shop, remote_shop, desk, client) -> None:
    from inbox.toolkit import CustomerAddress, transaction

    fake = remote_shop.shop
    account = fake.add_customer(MAJA, "Maja", "Haugen")
    fake.add_order("2001", "somebody@else.example", [("Hat", 1, "100.00")], customer=account)
    fake.add_order("2002", "maja@work.example", [("Scarf", 1, "200.00")])
    fake.add_order("2003", f"not-{MAJA}", [("Glove", 1, "900.00")])
    ticket = make_ticket(customer=make_customer("Maja", "MAJA@haugen.example"))
    with transaction() as current:
        current.add(CustomerAddress(customer_id=ticket.customer_id, value="maja@work.example",
                                    normalised="maja@work.example"))
    said = text_of(panel(client, ticket, shop))
    assert all(number in said for number in ("#10482", "#2001", "#2002")) and "#2003" not in said
    assert "NOK1,888.00" in said


def test_amounts_are_in_the_currency_of_the_order(shop, remote_shop, ticket_of_maja, client) -> None:
    remote_shop.shop.add_order("2004", MAJA, [("Yarn", 1, "5400")], currency="JPY")
    said = text_of(panel(client, ticket_of_maja, shop))
    assert "¥5,400" in said and "NOK1,588.00" in said


def test_no_orders_is_an_answer(shop, client, desk) -> None:
    said = text_of(panel(client, make_ticket(), shop))
    assert "No orders." in said and "reached" not in said and "key" not in said


def test_a_refused_key_is_another_answer(shop, remote_shop, ticket_of_maja, client) -> None:
    remote_shop.shop.secret = "cs_other"
    said = text_of(panel(client, ticket_of_maja, shop))
    assert "The shop refuses our key" in said and "Consumer secret is invalid." in said
    assert "No orders" not in said and "Whether there are orders is not known." in said


def test_a_dead_shop_is_a_third_answer_and_says_since_when(shop, remote_shop, ticket_of_maja, client) -> None:
    remote_shop.die()
    said = text_of(panel(client, ticket_of_maja, shop))
    assert re.search(r"The shop cannot be reached since Today \d+:\d\d\.", said) and "No orders" not in said


def test_an_old_answer_is_shown_with_its_age(shop, remote_shop, ticket_of_maja, client) -> None:
    panel(client, ticket_of_maja, shop)
    age(shop, hours=3)
    remote_shop.die()
    said = text_of(panel(client, ticket_of_maja, shop))
    assert "cannot be reached since" in said and "#10482" in said and "As it was 3 h ago" in said


def test_every_way_to_be_ill_is_said(shop, remote_shop, ticket_of_maja, client) -> None:
    for mode in ("500", "broken", "429", "404", "maintenance", "401"):
        remote_shop.shop.mode = mode
        said = text_of(panel(client, ticket_of_maja, shop, again=1))
        assert ("refuses our key" if mode == "401" else "has not answered properly since") in said
        assert "No orders" not in said


def test_json_of_another_shape_is_no_order(shop, remote_shop, ticket_of_maja, client, monkeypatch) -> None:
    for answer in ({"id": 1}, [1, 2], [{"id": "x"}], [{"id": 7, "status": "completed"}], "text", None):
        monkeypatch.setattr("inbox.testing.woocommerce._only", lambda body, fields, answer=answer: answer)
        assert "has not answered properly since" in text_of(panel(client, ticket_of_maja, shop, again=1))


def test_a_slow_shop_holds_the_panel_for_three_seconds_only(
        shop, remote_shop, ticket_of_maja, client, monkeypatch) -> None:
    from inbox_plugins.woocommerce import orders

    monkeypatch.undo()
    assert orders.SECONDS == 3.0
    remote_shop.shop.mode = "slow"
    began = time.monotonic()
    said = text_of(panel(client, ticket_of_maja, shop))
    assert time.monotonic() - began < 3.0 + 0.5 * (1 + os.getloadavg()[0])  # half a second on a machine that rests
    assert "cannot be reached since" in said
    began = time.monotonic()
    panel(client, ticket_of_maja, shop)
    assert time.monotonic() - began < 0.5  # left alone for a while


def test_ten_thousand_orders_are_counted_not_read(shop, remote_shop, ticket_of_maja, client) -> None:
    template = json.dumps(remote_shop.shop.orders[10482])
    for number in range(20000, 30000):
        remote_shop.shop.orders[number] = json.loads(template) | {"id": number, "number": str(number)}
    said = text_of(panel(client, ticket_of_maja, shop))
    assert "Spent, last 100 orders" in said and "10001" in said
    assert len(remote_shop.shop.asked) < 10


def test_orders_that_are_gone_in_the_shop_are_gone_here(shop, remote_shop, ticket_of_maja, client) -> None:
    assert "#10482" in text_of(panel(client, ticket_of_maja, shop))
    remote_shop.shop.orders.clear()
    assert "No orders." in text_of(panel(client, ticket_of_maja, shop, again=1))


def test_numbers_of_own_orders_become_links(shop, ticket_of_maja, client) -> None:
    panel(client, ticket_of_maja, shop)
    page = client.get(f"/tickets/{ticket_of_maja.number}").text
    link = f'href="/x/woocommerce/orders/{shop.id}/10482?ticket={ticket_of_maja.number}"'
    words = "does not fit, nor did 5017 or x10482"
    assert re.search(rf"Order <a class=\"link\" {re.escape(link)}[^>]*>#10482</a> {words}\. <a [^>]*>10482</a>!", page)


def test_searching_an_order_finds_the_tickets_of_its_customer(shop, ticket_of_maja, client, desk) -> None:
    other = make_ticket("Another matter")
    panel(client, ticket_of_maja, shop)
    for query in ("order:10482", "order:#10482"):
        page = client.get("/search", query_string={"q": query}).text
        assert "Wrong size" in page and other.subject not in page
    assert "Wrong size" not in client.get("/search", query_string={"q": "order:10483"}).text


def test_a_new_ticket_is_looked_up_at_once(shop, remote_shop, receive_email, deliver_events, client) -> None:
    ticket = receive_email("It does not fit.", sender=f"Maja <{MAJA}>")
    deliver_events(twice=True)
    asked = len(remote_shop.shop.asked)
    assert asked > 0 and "#10482" in text_of(panel(client, ticket, shop)) and len(remote_shop.shop.asked) == asked


def test_the_order_has_a_page(shop, ticket_of_maja, client) -> None:
    panel(client, ticket_of_maja, shop)
    said = text_of(client.get(f"/x/woocommerce/orders/{shop.id}/10482?ticket={ticket_of_maja.number}"))
    assert "Wool socks" in said and "NOK298.00" in said and "Open in the shop" in said


def test_an_order_is_seen_from_its_own_customers_tickets_only(shop, ticket_of_maja, client, desk) -> None:
    panel(client, ticket_of_maja, shop)
    other = make_ticket()
    assert client.get(f"/x/woocommerce/orders/{shop.id}/10482?ticket={other.number}").status_code == 404
    assert client.get(f"/x/woocommerce/orders/{shop.id}/10482").status_code == 404


def test_who_cannot_see_the_ticket_sees_no_orders(shop, ticket_of_maja, desk) -> None:
    stranger = desk.visitor(make_agent(departments=[make_department()]))
    assert panel(stranger, ticket_of_maja, shop).status_code == 404


def test_two_shops_have_a_panel_each(shop, ticket_of_maja, client, agent) -> None:
    from inbox.toolkit import Actor
    from inbox_plugins.woocommerce import shops

    second = shops.save(None, shops.Typed("Yarn", "https://yarn.example", "ck_1", "cs_1"), by=Actor.of(agent))
    page = client.get(f"/tickets/{ticket_of_maja.number}").text
    assert f"/panel/{shop.id}/" in page and f"/panel/{second.id}/" in page and "Orders, Yarn" in page


def test_the_time_line_of_a_customer_tells_of_orders(shop, ticket_of_maja, client) -> None:
    panel(client, ticket_of_maja, shop)
    assert "Ordered #10482" in client.get(f"/customers/{ticket_of_maja.customer_id}").text


def test_personal_data_is_handed_out_whole(shop, ticket_of_maja, monkeypatch) -> None:
    from inbox_plugins.woocommerce import orders, personal

    orders.look_up(shop, ["maja@haugen.example"])
    monkeypatch.setattr(orders, "MAX_ADDRESSES", 0)  # of more addresses than a panel asks for
    assert [each["number"] for each in personal.export(ticket_of_maja.customer_id)] == ["10482"]


def test_personal_data_is_handed_out_and_erased(shop, ticket_of_maja, client) -> None:
    from inbox_plugins.woocommerce import beside, personal

    panel(client, ticket_of_maja, shop)
    assert [each["number"] for each in personal.export(ticket_of_maja.customer_id)] == ["10482"]
    assert beside.last_number(ticket_of_maja) == "10482"
    for _ in range(2):
        personal.erase(ticket_of_maja.customer_id, ["MAJA@haugen.example"])
    assert personal.export(ticket_of_maja.customer_id) == [] and beside.last_number(ticket_of_maja) == ""


def test_who_wrote_before_the_shop_was_added_is_caught_up_with(shop, remote_shop, ticket_of_maja, client) -> None:
    from inbox_plugins.woocommerce import beside

    beside.catch_up()
    asked = len(remote_shop.shop.asked)
    assert asked and "Wrong size" in client.get("/search", query_string={"q": "order:10482"}).text
    beside.catch_up()
    assert len(remote_shop.shop.asked) == asked


def test_the_demo_desk_brings_its_shop_at_any_address(activate) -> None:
    activate("woocommerce")
    from inbox_plugins.woocommerce import shops

    for port in (8000, 8000, 9000):
        shops_of_demo(f"http://127.0.0.1:{port}/demo/shop")
    assert [each.url for each in shops.all_shops()] == ["http://127.0.0.1:9000/demo/shop"]


def shops_of_demo(url):
    import importlib

    call = importlib.import_module("inbox.plugin_host.call")
    call.lifecycle("woocommerce", "demo_started", shop={"url": url, "key": "ck_1", "secret": "cs_1"})
