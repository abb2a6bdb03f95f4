"""What hooks outside of the plugin's own pages need: numbers in messages, search, looking ahead, health."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from inbox.toolkit import Customer, CustomerAddress, Message, Ticket, session
from inbox_plugins.woocommerce import orders, shops
from inbox_plugins.woocommerce.client import ShopError
from inbox_plugins.woocommerce.models import Lookup, Order

AT_ONCE = 20  # customers that are caught up with in a minute
NUMBER = re.compile(r"(?<![\w#-])#?(?=[\w-]*\d)[\w-]{3,40}(?![\w-])")  # 10482, #10482, WEB-10482
MOST_TEXT = 20_000  # characters of a message that are looked through


def numbers_in(messages: Sequence[Message]) -> Iterator[tuple[int, str, Order, int]]:
    """Order numbers of the ticket's own customer in its messages: (message, word, order, ticket number).

    Only numbers of orders that the customer has: a postcode or a price never becomes a link by accident.
    """
    said = [(each.id, word, word.removeprefix("#")) for each in messages for word in set(NUMBER.findall(
        f"{each.text[:MOST_TEXT]}\n{(each.text_quoted or '')[:MOST_TEXT]}"))]
    ticket = session().get(Ticket, messages[0].ticket_id) if said else None
    if ticket is None or ticket.customer is None:
        return
    found = orders.kept_of(ticket.customer).orders
    if found is None:
        found = orders.of_customer(ticket.customer, {number for _, _, number in said})
    known = {each.number: each for each in reversed(found)}
    for message_id, word, number in said:
        if number in known:
            yield message_id, word, known[number], ticket.number


def tickets_with_order(number: str) -> Any:
    """Tickets of the customers who placed an order of this number, as far as the order is known here."""
    wanted = number.lstrip("#").strip()
    emails = sa.select(Order.email).where(Order.number == wanted)
    owners = [(each.shop_id, each.account) for each in session().scalars(
        sa.select(Order).where(Order.number == wanted, Order.account > 0))]
    behind: list[str] = []
    for shop_id, account in owners:  # an account's address may differ from the one on the order
        behind += [each.address for each in session().scalars(sa.select(Lookup).where(Lookup.shop_id == shop_id))
                   if account in each.accounts]
    theirs = sa.select(CustomerAddress.customer_id).where(
        CustomerAddress.kind == "mail",
        sa.or_(CustomerAddress.normalised.in_(emails), CustomerAddress.normalised.in_(behind)))
    return Ticket.customer_id.in_(theirs)


def last_number(ticket: Any) -> str:
    """The number of the newest order of a ticket's customer, as far as it is known here."""
    customer = session().get(Customer, ticket.customer_id)
    found = orders.of_customer(customer) if customer is not None else []
    return found[0].number if found else ""


def look_ahead(ticket: Ticket) -> None:
    """Ask the shops as soon as somebody writes: the panel is there at once, and the search knows the orders."""
    customer = session().get(Customer, ticket.customer_id)
    addresses = orders.addresses_of(customer) if customer is not None else []
    for shop_id in [each.id for each in shops.active_shops()]:
        orders.look_up(shops.get(shop_id), addresses)


def catch_up() -> None:
    """Job: look up who wrote before a shop was added, a few at a time, as long as their tickets are open."""
    for shop_id in [each.id for each in shops.active_shops() if not each.problem]:
        known = sa.select(Lookup.address).where(Lookup.shop_id == shop_id)
        waiting = sa.select(CustomerAddress.normalised).join(
            Ticket, Ticket.customer_id == CustomerAddress.customer_id).where(
            Ticket.shelf.in_(("open", "pending")), CustomerAddress.kind == "mail",
            CustomerAddress.normalised.not_in(known)).distinct().limit(AT_ONCE)
        for address in session().scalars(waiting).all():
            if orders.look_up(shops.get(shop_id), [address]).problem:
                break


def check_shops() -> str:
    """For the status page: every shop answers and accepts its key. Raises ValueError with what is wrong."""
    wrong, found = [], shops.active_shops()
    for shop in found:
        try:
            lines = shops.test(shops.account_of(shop))
        except ShopError as error:
            lines = [shops.Line("The key cannot be read", False, str(error))]
        wrong += [f"{shop.name}: {each.title}. {each.words}" for each in lines[:3] if not each.is_ok]
    if wrong:
        raise ValueError(" ".join(wrong) + " Its settings are under Settings, WooCommerce shops.")
    return f"{len(found)} of {len(found)} answer." if found else "No shop is set up."
