"""What a customer bought: asked of the shop, kept here with its age, refreshed by webhooks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask import g, has_request_context
from sqlalchemy.exc import IntegrityError

from inbox.toolkit import Customer, NotFound, session, transaction, utcnow
from inbox_plugins.woocommerce import shops
from inbox_plugins.woocommerce.client import Client, Ill, ShopError
from inbox_plugins.woocommerce.models import Lookup, Order, Shop
from inbox_plugins.woocommerce.reading import FIELDS, read_order

SECONDS = 3.0  # for all requests of one look-up
FRESH = dt.timedelta(minutes=5)
KEPT = dt.timedelta(days=90)
PAGE, MOST = 25, 100  # orders asked for at once, and for one address in all
MAX_ADDRESSES = 8  # of one customer
NOT_BOUGHT = ("cancelled", "failed", "pending", "checkout-draft", "trash")


@dataclass(frozen=True)
class Answer:
    """What is known of a customer in one shop. `asked_at` None: the shop never answered."""

    shop: Shop
    orders: list[Order]
    total: int  # orders in the shop; more than there are here when it has very many
    asked_at: dt.datetime | None
    problem: str = ""  # why it is old or missing: refused, unreachable, ill
    words: str = ""
    since: dt.datetime | None = None

    @property
    def spent(self) -> list[tuple[str, Decimal]]:
        """What was paid and not paid back, by currency, the largest first."""
        sums: dict[str, Decimal] = {}
        for each in self.orders:
            if each.data["paid"] and each.data["status"] not in NOT_BOUGHT:
                currency = each.data["currency"]
                sums[currency] = sums.get(currency, Decimal(0)) + each.left
        return sorted(sums.items(), key=lambda pair: -pair[1])


@dataclass
class Found:
    """What a shop said of one address."""

    address: str
    accounts: list[int] = field(default_factory=list)
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)  # by the shop's number
    total: int = 0


def addresses_of(customer: Customer) -> list[str]:
    """A customer's mail addresses in small letters."""
    return [each.normalised for each in customer.addresses if each.kind == "mail"][:MAX_ADDRESSES]


def look_up(shop: Shop, addresses: Sequence[str], *, again: bool = False) -> Answer:
    """A customer's orders in a shop: what is known, asked anew when it is older than five minutes (or `again`).

    Takes three seconds at most. A shop that failed a moment ago is not asked. Not inside a transaction.
    """
    shop_id = shop.id
    if addresses and _is_due(shop, addresses, again):
        try:
            account = shops.account_of(shop)
            found = _ask(Client(account, SECONDS), addresses)
        except ShopError as error:
            _store(shop_id, [], error)
        else:
            _store(shop_id, found, None)
    return known(shops.get(shop_id), addresses)


def _is_due(shop: Shop, addresses: Sequence[str], again: bool) -> bool:
    if again:
        return True
    if shops.is_left_alone(shop):
        return False
    fresh = session().scalar(sa.select(sa.func.count()).select_from(Lookup).where(
        Lookup.shop_id == shop.id, Lookup.address.in_(addresses), Lookup.asked_at > utcnow() - FRESH))
    return fresh != len(addresses)


# --- asking -----------------------------------------------------------------------------------------------------


def _ask(client: Client, addresses: Sequence[str]) -> list[Found]:
    """Orders that carry an address, and those of its account, whatever address they carry. Raises ShopError."""
    answers = []
    for address in addresses:
        found = Found(address)
        accounts = client.page("/customers", email=address, role="all", per_page=10, _fields="id,email")
        found.accounts = [each["id"] for each in accounts.items
                          if isinstance(each.get("id"), int) and str(each.get("email", "")).lower() == address]
        for account in found.accounts:
            found.total += _collect(client, found, customer=account)
        # The search looks into names and streets as well: only orders with this very address are taken.
        found.total = max(found.total, _collect(client, found, search=address), len(found.orders))
        answers.append(found)
    return answers


def _collect(client: Client, found: Found, **wanted: Any) -> int:
    """Read pages as long as there are some and there is time. Returns how many orders the shop counts."""
    number, total = 0, 0
    while True:
        number += 1
        page = client.page("/orders", per_page=PAGE, page=number, _fields=FIELDS, **wanted)
        total = page.total
        for raw in page.items:
            order = read_order(raw)
            if order["email"] == found.address or order["account"] in found.accounts:
                found.orders[order["remote_id"]] = order
            elif "search" in wanted:
                total -= 1
        if number >= page.pages or number * PAGE >= MOST or client.seconds_left < 1.0:
            return total


# --- keeping ----------------------------------------------------------------------------------------------------


def _store(shop_id: int, answers: Iterable[Found], error: ShopError | None) -> None:
    try:
        with transaction() as current:
            shops.note(shop_id, error)
            if current.get(Shop, shop_id) is None:
                return  # it was removed while we asked
            for found in answers:
                put(shop_id, found.orders.values())
                if found.total <= len(found.orders):
                    _forget_others(shop_id, found)
                current.merge(Lookup(shop_id=shop_id, address=found.address, asked_at=utcnow(), total=found.total,
                                     accounts=found.accounts))
    except IntegrityError:
        pass  # another process stored the same answer in this moment


def put(shop_id: int, orders: Iterable[dict[str, Any]]) -> None:
    """Keep orders; an older description never replaces a newer one. Inside a transaction."""
    new = {each["remote_id"]: each for each in orders}
    rows = {row.remote_id: row for row in session().scalars(
        sa.select(Order).where(Order.shop_id == shop_id, Order.remote_id.in_(new)))}
    for remote_id, values in new.items():
        row = rows.get(remote_id)
        if row is None:
            session().add(Order(shop_id=shop_id, stored_at=utcnow(), **values))
        elif values["changed_at"] >= row.changed_at:
            for name, value in values.items():
                setattr(row, name, value)
            row.stored_at = utcnow()
    session().flush()


def _forget_others(shop_id: int, found: Found) -> None:
    """Orders of an address that the shop does not have any more."""
    theirs = sa.or_(Order.email == found.address, Order.account.in_(found.accounts))
    session().execute(sa.delete(Order).where(
        Order.shop_id == shop_id, theirs, Order.remote_id.not_in(found.orders) if found.orders else sa.true()))


def refresh(shop: Shop, remote_id: int, client: Client) -> Order:
    """Ask for one order anew, and keep it. Raises ShopError, NotFound when the shop has it no more."""
    shop_id = shop.id
    try:
        order = read_order(client.get(f"/orders/{remote_id}", _fields=FIELDS))
    except Ill as error:
        if error.status != 404 or not error.code.startswith("woocommerce_rest"):
            raise
        raise NotFound("The shop does not have this order any more.") from error
    with transaction():
        shops.note(shop_id, None)
        put(shop_id, [order])
    return get(shop_id, remote_id)


def forget_old() -> None:
    """Job: let go of what nobody has asked for in three months."""
    before = utcnow() - KEPT
    with transaction() as current:
        current.execute(sa.delete(Lookup).where(Lookup.asked_at < before))
        current.execute(sa.delete(Order).where(Order.stored_at < before))


# --- what is known ----------------------------------------------------------------------------------------------


def known(shop: Shop, addresses: Sequence[str]) -> Answer:
    """What is kept of a customer, without asking anybody."""
    lookups = _lookups(addresses, shop)
    return _answer(shop, addresses, lookups, of_addresses(addresses, lookups))


def _answer(shop: Shop, addresses: Sequence[str], lookups: Sequence[Lookup], theirs: Iterable[Order]) -> Answer:
    found = [each for each in theirs if each.shop_id == shop.id]
    return Answer(
        shop, found, max([len(found), *(each.total for each in lookups)]),
        min(each.asked_at for each in lookups) if lookups and len(lookups) == len(addresses) else None,
        shop.problem, shop.problem_words, shop.failing_since)


def known_at_once(shop: Shop, customer: Customer) -> Answer | None:
    """The same while a page is drawn; None when nobody has asked yet, or when it is a lot."""
    addresses, kept = addresses_of(customer), kept_of(customer)
    lookups = [each for each in kept.lookups if each.shop_id == shop.id]
    if kept.orders is None or not (len(lookups) == len(addresses) or shop.problem):
        return None
    return _answer(shop, addresses, lookups, kept.orders)


@dataclass(frozen=True)
class Kept:
    """What is kept of a customer in all shops; `orders` None: more than a page should read."""

    lookups: list[Lookup]
    orders: list[Order] | None


def kept_of(customer: Customer) -> Kept:
    """For the panels and the links of a page, which reads it once for all of them."""
    here: dict[int, Kept] = g.setdefault("woocommerce_kept", {}) if has_request_context() else {}
    if customer.id not in here:
        addresses = addresses_of(customer)
        lookups = _lookups(addresses) if addresses else []
        is_little = sum(each.total for each in lookups) <= PAGE
        found = of_addresses(addresses, lookups, limit=PAGE + 1) if addresses and is_little else []
        here[customer.id] = Kept(lookups, found if is_little and len(found) <= PAGE else None)
    return here[customer.id]


def of_customer(customer: Customer, numbers: Collection[str] | None = None) -> list[Order]:
    """Kept orders of a customer in all shops, newest first; of certain `numbers` only, if there are some given."""
    addresses = addresses_of(customer)
    return of_addresses(addresses, _lookups(addresses), numbers) if addresses else []


def _lookups(addresses: Sequence[str], shop: Shop | None = None) -> list[Lookup]:
    query = _LOOKUPS if shop is None else _LOOKUPS.where(Lookup.shop_id == shop.id)
    return list(session().scalars(query, {"addresses": list(addresses)}))


_LOOKUPS = sa.select(Lookup).where(Lookup.address.in_(sa.bindparam("addresses", expanding=True)))


def of_addresses(addresses: Sequence[str], lookups: Iterable[Lookup], numbers: Collection[str] | None = None,
                 limit: int | None = MOST * 2) -> list[Order]:
    """Kept orders that carry one of the addresses or belong to one of the accounts behind them, newest first."""
    theirs = [sa.and_(Order.shop_id == each.shop_id, Order.account.in_(each.accounts))
              for each in lookups if each.accounts]
    query = sa.select(Order).where(sa.or_(Order.email.in_(addresses), *theirs)).options(sa.orm.lazyload(Order.shop))
    if numbers is not None:
        query = query.where(Order.number.in_(numbers))
    return list(session().scalars(query.order_by(Order.placed_at.desc(), Order.id.desc()).limit(limit)))


def get(shop_id: int, remote_id: int) -> Order:
    """A kept order by the shop's own number. Raises NotFound."""
    found = session().scalars(sa.select(Order).where(Order.shop_id == shop_id, Order.remote_id == remote_id)
                              .execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise NotFound()
    return found


def belongs_to(order: Order, customer: Customer) -> bool:
    """True for an order of this customer: by its address, or by the account of one of the addresses."""
    addresses = addresses_of(customer)
    return order.email in addresses or any(
        order.account in each.accounts for each in _lookups(addresses, order.shop) if order.account)
