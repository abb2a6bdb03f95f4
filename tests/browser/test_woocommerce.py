"""The woocommerce plugin as its user meets it: switched on, a shop tested, an order read, money paid back once."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.screens import ticket_path
from tests.support.program import Program

pytestmark = pytest.mark.once


def test_from_activation_to_a_refund(program: Program, desk: Page) -> None:
    # Switched off and on again: the page of the plugin does it, and the settings have their line again.
    desk.goto(f"{program.url}/settings/plugins/woocommerce")
    for count in (0, 1):
        desk.get_by_role("switch").click()
        expect(desk.get_by_role("switch", checked=bool(count))).to_be_visible()
        expect(desk.get_by_role("link", name="WooCommerce shops")).to_have_count(count)

    # The shop answers, and the settings say that its private address is allowed.
    desk.get_by_role("link", name="WooCommerce shops").click()
    desk.get_by_role("link", name="Fjord & Thread", exact=True).last.click()
    expect(desk.get_by_text("The owner of this site has allowed it")).to_be_visible()
    desk.get_by_role("button", name="Test the connection").click()
    expect(desk.locator("#checks .ok")).to_have_count(4)

    # Beside the ticket: what was bought, and the number in the subject's message leads to it.
    desk.goto(f"{program.url}{ticket_path(desk, program)}")
    side = desk.locator(".side")
    expect(side.get_by_text("#10482")).to_be_visible()
    expect(side.get_by_text("Spent in all")).to_be_visible()
    side.get_by_role("link", name=re.compile("#10482")).click()
    expect(desk.get_by_role("heading", level=1)).to_contain_text("Order #10482")
    order = desk.url

    # Paying back: amount, a look at what will happen, done; the second press of a lost page does it no second time.
    desk.get_by_label("Amount in NOK").fill("149")
    desk.get_by_label("Reason").fill("Too small")
    desk.get_by_role("button", name="Continue").click()
    expect(desk.get_by_role("heading", level=1)).to_contain_text("149")
    desk.get_by_role("button", name=re.compile("^Pay back")).dblclick()
    expect(desk.get_by_text("Paid back from here")).to_be_visible()
    mark = desk.get_by_text(re.compile(r"\[desk-[0-9a-f]{12}\]"))
    for _ in range(20):  # the page of the second press may have been drawn before the first one was done
        desk.goto(order)
        if mark.count():
            break
        desk.wait_for_timeout(500)
    expect(mark).to_have_count(1)
    desk.locator(".back").click()
    expect(desk.locator("#timeline .event").get_by_text("paid back")).to_have_count(1)


def test_order_numbers_in_a_message_lead_to_the_order(program: Program, desk: Page) -> None:
    desk.goto(f"{program.url}/search?q=from:james.murray@clydemail.example")
    desk.locator("#rows .tickets a").first.click()
    expect(desk.locator(".side").get_by_text("#10417")).to_be_visible(timeout=20_000)
    desk.reload()
    desk.locator("#timeline .body").get_by_role("link", name="10417").first.click()
    expect(desk.get_by_role("heading", level=1)).to_contain_text("Order #10417")


def test_no_orders_is_said_in_words_and_fits_a_phone(program: Program, desk: Page, tmp_path: Path) -> None:
    desk.goto(f"{program.url}/search?q=from:tom.becker@lakeside-post.example")
    desk.locator("#rows .tickets a").first.click()
    expect(desk.locator(".side").get_by_text("No orders.")).to_be_visible(timeout=20_000)
    desk.set_viewport_size({"width": 320, "height": 700})
    for path in ("/x/woocommerce/shops", "/x/woocommerce/shops/1"):
        desk.goto(program.url + path)
        assert desk.evaluate("document.documentElement.scrollWidth") <= 320
