"""Paying back once: pressed twice, the answer lost, the process killed; and what the time line says meanwhile."""

import datetime as dt
import os
import re
import signal
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa

from inbox.testing import make_agent, make_customer, make_ticket
from inbox.testing.woocommerce import FakeShop, ShopServer
from inbox.toolkit import Invalid

MAJA = "maja@haugen.example"


@pytest.fixture
def remote_shop():
    server = ShopServer(FakeShop())
    server.shop.slow_seconds = 30
    yield server
    server.stop()


@pytest.fixture
def shop(remote_shop, activate, agent, monkeypatch):
    activate("woocommerce")
    from inbox.toolkit import Actor
    from inbox_plugins.woocommerce import orders, shops

    monkeypatch.setattr(orders, "SECONDS", 20.0)  # a busy machine is no slow shop

    fake = remote_shop.shop
    fake.add_order("10482", MAJA, [("Sweater", 1, "1290.00")], status="completed")
    return shops.save(None, shops.Typed("Fjord", remote_shop.url, fake.key, fake.secret), by=Actor.of(agent))


@pytest.fixture
def ticket_of_maja(desk):
    return make_ticket("Wrong size", customer=make_customer("Maja Haugen", MAJA))


@pytest.fixture
def order(shop, ticket_of_maja):
    from inbox_plugins.woocommerce import orders

    return orders.look_up(shop, [MAJA]).orders[0]


@pytest.fixture
def address(order):
    return f"/x/woocommerce/orders/{order.shop_id}/{order.remote_id}"


def fields(response):
    assert response.status_code == 200, response.text
    form = response.text[response.text.index('<form method="post" action="/x/woocommerce'):]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))


def confirm(client, address, ticket, amount="149", **more):
    return client.post(f"{address}/refund/confirm", {
        "ticket": ticket.number, "amount": amount, "reason": "Too small", "by_provider": "1"} | more)


def timeline(client, ticket):
    page = client.get(f"/tickets/{ticket.number}").text
    return [re.sub(r"\s+", " ", re.sub("<[^>]+>", "", each)).strip().replace("\xa0", " ")
            for each in re.findall(r'<div class="event" id="x\d+">(.*?)</div>', page, re.S)]


def rows():
    from inbox.toolkit import transaction
    from inbox_plugins.woocommerce.models import Refund

    with transaction() as current:
        return list(current.scalars(sa.select(Refund).order_by(Refund.id).execution_options(populate_existing=True)))


def in_the_shop(remote_shop):
    return remote_shop.shop.refunds.get(10482, [])


def later(**by):
    """Let the refunds grow old."""
    from inbox.toolkit import transaction, utcnow
    from inbox_plugins.woocommerce.models import Refund

    with transaction() as current:
        current.execute(sa.update(Refund).values(asked_at=utcnow() - dt.timedelta(**by)))


def wish(order, amount="149", **more):
    from inbox_plugins.woocommerce import refunds

    values = {"token": refunds.new_token(), "amount": amount, "reason": "Too small", "seen": f"{order.refunded}"}
    return refunds.Wish(**(values | more))


def test_an_agent_pays_back_after_a_look_at_what_will_happen(
        remote_shop, order, address, ticket_of_maja, client) -> None:
    page = confirm(client, address, ticket_of_maja)
    assert "Pay back NOK149.00?" in page.text.replace("\xa0", "") and in_the_shop(remote_shop) == []
    answer = client.post(f"{address}/refund", fields(page))
    assert answer.status_code == 303
    made = in_the_shop(remote_shop)
    assert [each["amount"] for each in made] == ["149.00"] and made[0]["refunded_payment"]
    assert re.fullmatch(r"Too small \[desk-[0-9a-f]{12}\]", made[0]["reason"])
    assert re.match(r"Ada Admin paid back NOK149\.00 of order #10482 ·", timeline(client, ticket_of_maja)[0])
    assert "NOK149.00" in client.get(f"{address}?ticket={ticket_of_maja.number}").text.replace("\xa0", "")


def test_pressed_twice_is_one_refund(remote_shop, order, address, ticket_of_maja, client) -> None:
    form = fields(confirm(client, address, ticket_of_maja))
    for _ in range(2):
        assert client.post(f"{address}/refund", form).status_code == 303
    assert len(in_the_shop(remote_shop)) == len(rows()) == len(timeline(client, ticket_of_maja)) == 1


def test_pressed_at_the_same_moment_is_one_refund(remote_shop, order, address, ticket_of_maja, agent, desk) -> None:
    form = fields(confirm(desk.visitor(agent), address, ticket_of_maja))
    del form["csrf_token"]  # each visitor has its own
    visitors, ready = [desk.visitor(agent) for _ in range(4)], threading.Barrier(4)
    answers = []

    def press(visitor):
        ready.wait()
        answers.append(visitor.post(f"{address}/refund", form).status_code)

    threads = [threading.Thread(target=press, args=(each,)) for each in visitors]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert 303 in answers and set(answers) <= {303, 422}  # whoever comes after is shown that it is under way
    assert len(in_the_shop(remote_shop)) == len(rows()) == 1


def test_two_forms_opened_side_by_side_pay_back_once(remote_shop, order, address, ticket_of_maja, client) -> None:
    first, second = (fields(confirm(client, address, ticket_of_maja)) for _ in range(2))
    client.post(f"{address}/refund", first)
    answer = client.post(f"{address}/refund", second)
    assert answer.status_code == 422 and "Something was paid back since this form was opened" in answer.text
    assert len(in_the_shop(remote_shop)) == 1


def test_a_lost_answer_is_found_in_the_shop(remote_shop, order, address, ticket_of_maja, client, monkeypatch) -> None:
    from inbox_plugins.woocommerce import refunds

    monkeypatch.setattr(refunds, "SECONDS", 1.0)
    form = fields(confirm(client, address, ticket_of_maja))
    remote_shop.shop.mode = "lost-answer"
    client.post(f"{address}/refund", form)
    assert len(in_the_shop(remote_shop)) == 1 and rows()[0].state == "done"
    assert "paid back NOK149.00" in timeline(client, ticket_of_maja)[0]


def test_when_the_shop_dies_after_it_did_it_nobody_knows_and_then_it_is_found(
        remote_shop, order, address, ticket_of_maja, client, monkeypatch) -> None:
    from inbox_plugins.woocommerce import client as client_module
    from inbox_plugins.woocommerce import refunds

    form = fields(confirm(client, address, ticket_of_maja))

    def post(self, path, body):
        remote_shop.shop.refund(10482, body["amount"], body["reason"], paid=True)
        remote_shop.die()
        return self._ask("GET", path)  # as if the line broke

    monkeypatch.setattr(client_module.Client, "post", post)
    client.post(f"{address}/refund", form)
    assert rows()[0].state == "unknown" and "nobody knows yet whether it did" in timeline(client, ticket_of_maja)[0]
    client.post(f"{address}/refund", form)
    remote_shop.revive()
    later(minutes=2)
    refunds.settle_all()
    assert rows()[0].state == "done" and len(in_the_shop(remote_shop)) == len(rows()) == 1
    assert "paid back NOK149.00" in timeline(client, ticket_of_maja)[0]


def test_nothing_else_of_an_order_is_paid_back_while_nobody_knows(
        remote_shop, order, ticket_of_maja, agent, monkeypatch) -> None:
    from inbox.toolkit import Actor, Invalid
    from inbox_plugins.woocommerce import refunds

    monkeypatch.setattr(refunds, "_ask", lambda refund_id: None)
    refunds.make(order, wish(order), ticket_of_maja, by=Actor.of(agent))
    with pytest.raises(Invalid, match="Another refund of this order is under way"):
        refunds.make(order, wish(order, "10"), ticket_of_maja, by=Actor.of(agent))
    assert len(rows()) == 1 and in_the_shop(remote_shop) == []


def test_what_the_shop_never_did_is_said_and_may_be_tried_again(
        remote_shop, order, address, ticket_of_maja, client, agent, monkeypatch) -> None:
    from inbox.toolkit import Actor
    from inbox_plugins.woocommerce import refunds

    with monkeypatch.context() as patch:
        patch.setattr(refunds, "_ask", lambda refund_id: None)
        refunds.make(order, wish(order), ticket_of_maja, by=Actor.of(agent))
    later(minutes=5)
    refunds.settle_all()
    assert rows()[0].state == "unknown"
    later(minutes=16)
    refunds.settle_all()
    assert rows()[0].state == "not_made" and "the shop did not do it" in timeline(client, ticket_of_maja)[0]
    client.post(f"{address}/refund", fields(confirm(client, address, ticket_of_maja)))
    assert [each.state for each in rows()] == ["not_made", "done"] and len(in_the_shop(remote_shop)) == 1


KILLED = """
import os, signal, sys
from inbox.app import create_app
from inbox.config import Config
from inbox.db import work_context
from inbox.toolkit import Actor, Agent, Ticket, session
app = create_app(Config(home=__import__("pathlib").Path(sys.argv[1]), database_url=sys.argv[2],
                        private_hosts="127.0.0.1"))
app.extensions["inbox_plugins"].boot()
with work_context(app):
    from inbox_plugins.woocommerce import client, orders, refunds
    inner = client.Client.post
    def post(self, path, body):
        if sys.argv[3] == "after":
            inner(self, path, body)
        os.kill(os.getpid(), signal.SIGKILL)
    client.Client.post = post
    order = orders.get(1, 10482)
    wish = refunds.Wish("0" * 32, "149", "Too small", "0")
    agent = session().get(Agent, int(sys.argv[4]))
    refunds.make(order, wish, session().get(Ticket, int(sys.argv[5])), by=Actor.of(agent))
"""


@pytest.mark.parametrize(("moment", "count", "end"), [("before", 0, "not_made"), ("after", 1, "done")])
def test_killed_in_between_is_one_refund_at_most_and_the_time_line_says_so(
        config, remote_shop, order, ticket_of_maja, client, agent, moment, count, end) -> None:
    from inbox_plugins.woocommerce import refunds

    killed = subprocess.run([sys.executable, "-c", KILLED, str(config.home), config.database_url, moment,
                             str(agent.id), str(ticket_of_maja.id)], env=dict(os.environ), timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [each.state for each in rows()] == ["asked"] and len(in_the_shop(remote_shop)) == count
    assert "has not answered yet" in timeline(client, ticket_of_maja)[0]
    later(minutes=16)
    refunds.settle_all()
    refunds.settle_all()
    assert [each.state for each in rows()] == [end] and len(in_the_shop(remote_shop)) == count


def test_a_refusal_is_said_and_nothing_was_paid(remote_shop, order, address, ticket_of_maja, client) -> None:
    remote_shop.shop.pays_back = False
    client.post(f"{address}/refund", fields(confirm(client, address, ticket_of_maja)))
    assert rows()[0].state == "refused" and in_the_shop(remote_shop) == []
    assert re.search('class="alert" role="alert">.*the shop refused', client.get("/views/all").text)
    assert "does not support automatic refunds" in timeline(client, ticket_of_maja)[0]
    page = confirm(client, address, ticket_of_maja, by_provider="")
    client.post(f"{address}/refund", fields(page))
    assert len(in_the_shop(remote_shop)) == 1 and "noted in the shop" in timeline(client, ticket_of_maja)[1]


def test_a_key_that_may_only_read_cannot_pay_back(remote_shop, order, address, ticket_of_maja, client) -> None:
    remote_shop.shop.may_write = False
    client.post(f"{address}/refund", fields(confirm(client, address, ticket_of_maja)))
    assert rows()[0].state == "refused" and "write permissions" in timeline(client, ticket_of_maja)[0]


@pytest.mark.parametrize(("typed", "places", "amount"), [
    ("1290", 2, "1290.00"), ("149,00", 2, "149.00"), ("1,290.00", 2, "1290.00"), ("1.290,00", 2, "1290.00"),
    ("1\u202f290,5", 2, "1290.50"), ("1'290.00", 2, "1290.00"), ("1,234,567", 2, "1234567.00"),
    ("1,000", 0, "1000"), ("1.000", 0, "1000"), ("19800.00", 0, "19800"), ("12.500", 3, "12.500")])
def test_amounts_are_read_as_people_write_them(activate, typed, places, amount) -> None:
    activate("woocommerce")
    from inbox_plugins.woocommerce import refunds

    assert str(refunds.read_amount(typed, places)) == amount


@pytest.mark.parametrize(("typed", "places", "why"), [
    ("1,000", 2, "two ways"), ("1.000", 2, "two ways"), ("12,500", 3, "two ways"), ("1,234,56", 2, "like 149.00"),
    ("1,234.567", 2, "like 149.00"), ("12,34,567", 2, "like 149.00"), ("1.5", 0, "like 149.00")])
def test_an_amount_that_could_be_two_is_refused(activate, typed, places, why) -> None:
    activate("woocommerce")
    from inbox_plugins.woocommerce import refunds

    with pytest.raises(Invalid, match=why):
        refunds.read_amount(typed, places)


def test_a_wrong_amount_is_refused_before_anything_is_asked(
        remote_shop, order, address, ticket_of_maja, client) -> None:
    from inbox.toolkit import Invalid
    from inbox_plugins.woocommerce import refunds

    for amount in ("", "0", "-5", "1290.01", "1e9", "NaN", "Infinity", "12.345", "abc"):
        with pytest.raises(Invalid):
            refunds.amount_of(amount, order)
    assert confirm(client, address, ticket_of_maja, "1290.01").status_code == 422
    assert rows() == [] and in_the_shop(remote_shop) == []


def test_what_the_shop_told_before_another_form_was_settled_is_old(
        remote_shop, order, ticket_of_maja, agent, monkeypatch) -> None:
    from inbox.toolkit import Actor, Invalid, transaction
    from inbox_plugins.woocommerce import orders, refunds
    from inbox_plugins.woocommerce.models import Refund

    ask, mine = orders.refresh, wish(order)

    def slow(*args):
        told = ask(*args)
        with transaction() as current:  # a colleague's form, from beginning to end, while our answer is on its way
            current.add(Refund(token="0" * 32, shop_id=told.shop_id, order_id=told.remote_id, number=told.number,
                               amount="149", currency="NOK", state="done"))
        return told

    monkeypatch.setattr(orders, "refresh", slow)
    with pytest.raises(Invalid, match="since this form was opened"):
        refunds.make(order, mine, ticket_of_maja, by=Actor.of(agent))
    assert in_the_shop(remote_shop) == [] and [each.token for each in rows()] == ["0" * 32]


def test_nothing_is_paid_back_while_the_shop_is_down(remote_shop, order, address, ticket_of_maja, client) -> None:
    form = fields(confirm(client, address, ticket_of_maja))
    remote_shop.die()
    answer = client.post(f"{address}/refund", form)
    assert answer.status_code == 422 and "Nothing was paid back: the shop could not be asked." in answer.text
    assert rows() == []


def test_paying_back_needs_the_permission(remote_shop, order, address, ticket_of_maja, desk) -> None:
    light = desk.visitor(make_agent(departments=[ticket_of_maja.department]))
    assert "Pay back" not in light.get(f"{address}?ticket={ticket_of_maja.number}").text
    assert confirm(light, address, ticket_of_maja).status_code == 403
    assert light.post(f"{address}/refund", {"ticket": ticket_of_maja.number, "token": "0" * 32}).status_code == 403
    assert rows() == []


def test_a_shop_with_an_unsettled_refund_is_not_forgotten(order, shop, ticket_of_maja, agent, monkeypatch) -> None:
    from inbox.toolkit import Actor, Invalid
    from inbox_plugins.woocommerce import refunds, shops

    monkeypatch.setattr(refunds, "_ask", lambda refund_id: None)
    refunds.make(order, wish(order), ticket_of_maja, by=Actor.of(agent))
    with pytest.raises(Invalid, match="Nobody knows yet"):
        shops.remove(shop, by=Actor.of(agent))
    later(days=8)  # it has been silent for so long that it may be no more
    shops.remove(shop, by=Actor.of(agent))
    assert shops.all_shops() == []


def test_a_shop_that_was_silent_for_long_is_still_asked(
        remote_shop, order, ticket_of_maja, agent, monkeypatch) -> None:
    from inbox.toolkit import Actor
    from inbox_plugins.woocommerce import refunds

    monkeypatch.setattr(refunds, "_ask", lambda refund_id: None)
    refunds.make(order, wish(order), ticket_of_maja, by=Actor.of(agent))
    remote_shop.shop.refund(10482, "149", rows()[0].mark)["refunded_payment"] = True
    later(days=8)
    refunds.settle_all()
    assert rows()[0].state == "asked"
    refunds.settle_old()
    assert rows()[0].state == "done" and len(in_the_shop(remote_shop)) == 1


def test_a_refund_that_the_shop_is_still_paying_is_not_called_done(
        remote_shop, order, ticket_of_maja, client, agent, monkeypatch) -> None:
    from inbox.toolkit import Actor
    from inbox_plugins.woocommerce import refunds

    monkeypatch.setattr(refunds, "_ask", lambda refund_id: None)
    refunds.make(order, wish(order), ticket_of_maja, by=Actor.of(agent))
    made = remote_shop.shop.refund(10482, "149", rows()[0].mark)  # written down, the provider has not answered
    later(minutes=2)
    refunds.settle_all()
    assert rows()[0].state == "unknown"
    made["refunded_payment"] = True
    refunds.settle_all()
    assert rows()[0].state == "done" and "paid back NOK149.00" in timeline(client, ticket_of_maja)[0]


def test_a_refund_that_no_provider_paid_is_called_what_it_is(
        remote_shop, order, ticket_of_maja, client, agent, monkeypatch) -> None:
    from inbox.toolkit import Actor
    from inbox_plugins.woocommerce import refunds

    monkeypatch.setattr(refunds, "_ask", lambda refund_id: None)
    refunds.make(order, wish(order), ticket_of_maja, by=Actor.of(agent))
    remote_shop.shop.refund(10482, "149", rows()[0].mark)
    later(minutes=16)
    refunds.settle_all()
    assert rows()[0].state == "done" and "noted in the shop" in timeline(client, ticket_of_maja)[0]
