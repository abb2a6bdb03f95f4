"""Shops and their keys, the test of a connection, webhooks, health."""

import base64
import hashlib
import hmac
import json

import pytest
import sqlalchemy as sa

from inbox.testing import make_agent, make_customer, make_ticket
from inbox.testing.woocommerce import FakeShop, ShopServer

MAJA = "maja@haugen.example"


@pytest.fixture
def remote_shop():
    server = ShopServer(FakeShop())
    server.shop.add_order("10482", MAJA, [("Sweater", 1, "1290.00")])
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def woocommerce(activate):
    activate("woocommerce")


def expire():
    """See what requests have stored."""
    from inbox.toolkit import transaction

    with transaction() as current:
        current.expire_all()


@pytest.fixture
def form(remote_shop):
    return {"name": "Fjord", "url": remote_shop.url, "key": remote_shop.shop.key, "secret": remote_shop.shop.secret,
            "is_active": "1"}


@pytest.fixture
def shop(form, client):
    from inbox_plugins.woocommerce import shops

    assert client.post("/x/woocommerce/shops/new", form).status_code == 303
    return shops.all_shops()[0]


def test_a_shop_is_added_and_its_keys_are_never_shown_again(shop, form, client, session) -> None:
    page = client.get(f"/x/woocommerce/shops/{shop.id}").text
    assert form["url"] in page and form["key"] not in page and form["secret"] not in page
    stored = session.execute(sa.text("SELECT key_sealed, secret_sealed FROM woocommerce_shop")).one()
    assert form["key"] not in stored[0] and form["secret"] not in stored[1]


def test_an_empty_key_stays_as_it_is(shop, form, client) -> None:
    from inbox_plugins.woocommerce import shops

    client.post(f"/x/woocommerce/shops/{shop.id}", form | {"name": "New", "key": "", "secret": ""})
    account = shops.account_of(shops.get(shop.id))
    assert (shops.get(shop.id).name, account.key, account.secret) == ("New", form["key"], form["secret"])


def test_a_stored_key_is_sent_to_no_other_server(shop, form, client, remote) -> None:
    from inbox_plugins.woocommerce import shops

    other = remote()
    moved = form | {"url": other.url, "key": "", "secret": ""}
    client.post(f"/x/woocommerce/shops/{shop.id}/test", moved)
    assert form["secret"] not in str([(each.path, each.headers) for each in other.requests])
    assert base64.b64encode(f"{form['key']}:{form['secret']}".encode()).decode() not in str(
        [each.headers for each in other.requests])
    assert client.post(f"/x/woocommerce/shops/{shop.id}", moved).status_code == 422
    assert shops.get(shop.id).url == form["url"]
    assert client.post(f"/x/woocommerce/shops/{shop.id}", form | {"url": other.url}).status_code == 303


def test_a_new_secret_key_of_the_desk_keeps_the_keys_readable(shop, form, config, session) -> None:
    from inbox_plugins.woocommerce import shops

    before = shop.key_sealed
    rotate(config)
    expire()
    again = shops.get(shop.id)
    assert again.key_sealed != before and shops.account_of(again).key == form["key"]


def rotate(config):
    import importlib

    importlib.import_module("inbox.secrets").rotate(config)


WRONG = [
    ({"url": "http://shop.example"}, "must begin with https://"), ({"url": "shop.example"}, "Write the address"),
    ({"url": "https://ck:cs@shop.example"}, "Write the address alone"), ({"name": " "}, "Give the shop a name"),
    ({"key": "abc"}, "A key begins with ck_"), ({"secret": ""}, "a secret with cs_"), ({"name": "x" * 101}, "too long")]


def test_what_is_wrong_with_a_shop_is_said(form, client) -> None:
    for change, words in WRONG:
        answer = client.post("/x/woocommerce/shops/new", form | change)
        assert answer.status_code == 422 and words in answer.text


def test_the_settings_say_that_the_owner_allowed_a_private_address(shop, client) -> None:
    assert "The owner of this site has allowed it" in client.get(f"/x/woocommerce/shops/{shop.id}").text


def test_shops_are_for_those_who_change_settings(shop, desk) -> None:
    other = desk.visitor(make_agent())
    for path in ("/x/woocommerce/shops", f"/x/woocommerce/shops/{shop.id}", "/x/woocommerce/shops/new"):
        assert other.get(path).status_code == 403
    assert "WooCommerce shops" not in other.get("/profile").text


def test_the_rail_of_the_settings_leads_here(client) -> None:
    assert 'href="/x/woocommerce/shops"' in client.get("/settings/tags").text


def lines_of(client, form, **change):
    page = client.post("/x/woocommerce/shops/test", form | change, headers={"HX-Request": "true"}).text
    return page.replace("\n", " ")


def test_testing_a_good_shop(form, client, remote_shop) -> None:
    page = lines_of(client, form)
    for words in ("The shop answers: 1 orders", "The key may read orders", "The key may read customers",
                  "The key may make refunds"):
        assert words in page
    assert 'class="no"' not in page and remote_shop.shop.refunds == {}


def test_testing_tells_the_three_cases_apart(form, client, remote_shop) -> None:
    assert "The shop refuses the key" in lines_of(client, form, secret="cs_wrong")
    remote_shop.shop.may_write = False
    assert "The key may not make refunds" in lines_of(client, form)
    remote_shop.shop.mode = "500"
    assert "The shop does not answer as a WooCommerce does" in lines_of(client, form)
    remote_shop.die()
    assert "The shop cannot be reached" in lines_of(client, form)


def test_a_shop_is_forgotten_with_its_orders(shop, client, session, desk) -> None:
    from inbox_plugins.woocommerce import orders, shops

    orders.look_up(shop, [MAJA])
    assert client.post(f"/x/woocommerce/shops/{shop.id}/remove").status_code == 303
    expire()
    assert shops.all_shops() == [] and session.scalar(sa.text("SELECT count(*) FROM woocommerce_order")) == 0


def test_the_health_check_names_the_shop_and_what_to_do(shop, remote_shop) -> None:
    from inbox_plugins.woocommerce import beside

    assert beside.check_shops() == "1 of 1 answer."
    remote_shop.shop.mode = "401"
    with pytest.raises(ValueError, match=r"Fjord: The shop refuses the key\..*WooCommerce shops"):
        beside.check_shops()


# --- webhooks ---------------------------------------------------------------------------------------------------


def deliver(desk, shop, delivery, **headers):
    given, body = delivery
    return desk.app.test_client().post(f"/x/woocommerce/hook/{shop.id}", data=body, headers=given | headers)


@pytest.fixture
def secret(shop):
    from inbox_plugins.woocommerce import shops

    return shops.webhook_secret(shop)


@pytest.fixture
def maja(desk):
    return make_ticket(customer=make_customer("Maja", MAJA))


def order_of(shop):
    expire()
    from inbox_plugins.woocommerce import orders

    return orders.get(shop.id, 10482)


def test_a_webhook_keeps_an_order_fresh(desk, shop, secret, remote_shop, maja) -> None:
    from inbox_plugins.woocommerce import orders

    orders.look_up(shop, [MAJA])
    remote_shop.shop.orders[10482]["status"] = "completed"
    for _ in range(2):
        assert deliver(desk, shop, remote_shop.shop.delivery(10482, secret)).status_code == 200
    assert order_of(shop).data["status"] == "completed"


def test_an_older_webhook_replaces_nothing(desk, shop, secret, remote_shop, maja) -> None:
    from inbox_plugins.woocommerce import orders

    orders.look_up(shop, [MAJA])
    remote_shop.shop.orders[10482] |= {"status": "pending", "date_modified_gmt": "2020-01-01T00:00:00"}
    assert deliver(desk, shop, remote_shop.shop.delivery(10482, secret)).status_code == 200
    assert order_of(shop).data["status"] == "processing"


def test_a_webhook_without_the_right_signature_is_refused(desk, shop, secret, remote_shop, maja) -> None:
    from inbox.toolkit import NotFound

    good = remote_shop.shop.delivery(10482, secret)
    assert deliver(desk, shop, remote_shop.shop.delivery(10482, "other")).status_code == 401
    assert deliver(desk, shop, (good[0], good[1] + b" ")).status_code == 401
    assert deliver(desk, shop, ({"Content-Type": "application/json"}, good[1])).status_code == 401
    assert desk.app.test_client().post("/x/woocommerce/hook/999", data=good[1], headers=good[0]).status_code == 401
    with pytest.raises(NotFound):
        order_of(shop)


def test_the_first_ping_of_a_webhook_is_answered(desk, shop, remote_shop) -> None:
    assert deliver(desk, shop, remote_shop.shop.ping()).status_code == 200


def test_orders_of_strangers_are_not_kept(desk, shop, secret, remote_shop) -> None:
    from inbox.toolkit import NotFound

    assert deliver(desk, shop, remote_shop.shop.delivery(10482, secret)).status_code == 200
    with pytest.raises(NotFound):
        order_of(shop)


def signed(body, secret, topic):
    value = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    return {"X-WC-Webhook-Signature": value, "X-WC-Webhook-Topic": topic}, body


def test_a_signed_webhook_with_nonsense_is_a_400(desk, shop, secret) -> None:
    for body in (b"", b"[]", b'{"id": 1}', b"\xff\xfe", b'{"id": "x", "status": 1}'):
        assert deliver(desk, shop, signed(body, secret, "order.updated")).status_code == 400


def test_a_deleted_order_is_gone(desk, shop, secret, remote_shop, maja) -> None:
    from inbox.toolkit import NotFound
    from inbox_plugins.woocommerce import orders

    orders.look_up(shop, [MAJA])
    deliver(desk, shop, signed(json.dumps({"id": 10482}).encode(), secret, "order.deleted"))
    with pytest.raises(NotFound):
        order_of(shop)


def test_the_secret_of_webhooks_is_shown_once(desk, shop, secret, client, remote_shop, maja) -> None:
    page = client.post(f"/x/woocommerce/shops/{shop.id}/webhook-secret").text
    from inbox_plugins.woocommerce import shops

    expire()
    fresh = shops.webhook_secret(shops.get(shop.id))
    assert fresh in page and fresh not in client.get(f"/x/woocommerce/shops/{shop.id}").text
    assert deliver(desk, shop, remote_shop.shop.delivery(10482, secret)).status_code == 401
    assert deliver(desk, shop, remote_shop.shop.delivery(10482, fresh)).status_code == 200
