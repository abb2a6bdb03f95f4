"""Paying back, once: what happens when it is pressed twice, when the answer is lost, when the process is killed.

    asked ──→ done       the shop said so, or its list of refunds shows ours
      │  └──→ refused    the shop said no: nothing was paid back
      └──→ unknown ──→ done
                  └──→ not_made   a quarter of an hour later the shop still has no such refund

The row is committed before the request begins, and the request is made by whoever inserted the row: once, for the
token of the form is unique. It is never made again by itself. Behind the reason stands a mark of the row, so that the
shop's list of refunds tells what became of it. While that is not known, the same order has no other refund (the
database sees to it).
"""

from __future__ import annotations

import datetime as dt
import logging
import re
import secrets
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
from babel.numbers import get_currency_precision
from sqlalchemy.exc import IntegrityError

from inbox.toolkit import Actor, Agent, Invalid, Ticket, may, require, session, tickets, transaction, utcnow
from inbox_plugins.woocommerce import orders, shops
from inbox_plugins.woocommerce.client import Client, Ill, Refused, ShopError
from inbox_plugins.woocommerce.models import LOOKS_BACK, UNSETTLED, Order, Refund
from inbox_plugins.woocommerce.reading import FIELDS, read_order

log = logging.getLogger(__name__)
ABILITY = "woocommerce.refund"
SECONDS = 6.0  # for the request itself: the shop may have to ask the payment provider; a page of ours takes ten at most
LOST = dt.timedelta(seconds=60)  # longer than a request lasts: who asked is no more
GIVEN_UP = dt.timedelta(minutes=15)  # longer than any shop works on a request that it has taken
FINAL_STATUS = (400, 404, 409, 422)  # answers to a refund after which nothing of it is left in the shop


@dataclass(frozen=True)
class Wish:
    """A refund as an agent confirmed it. `seen` is what had been paid back when the form was drawn."""

    token: str
    amount: str
    reason: str
    seen: str
    by_provider: bool = True


def new_token() -> str:
    """What makes a form the same form when it is sent twice."""
    return secrets.token_hex(16)


def amount_of(text: str, order: Order) -> Decimal:
    """An amount as typed, in the order's currency. Raises Invalid."""
    amount = read_amount(text, get_currency_precision(order.data["currency"]))
    if amount > order.left:
        raise Invalid("amount", "That is more than is left to pay back.")
    return amount


def read_amount(text: str, places: int) -> Decimal:
    """`1290`, `149,00`, `1,290.00`, `1.290,00`, `1 290`. Raises Invalid for what is none, or could be two.

    Comma and point mean either, as shops and people have them: with three digits behind it, each could stand between
    thousands. Only where a currency has no decimals (`1,290` yen), or three and a point, can it be one thing alone.
    """
    bare = re.sub(r"[\s'’]", "", text)
    found = _AMOUNT.fullmatch(bare)
    if found is None or (found["mark"] and found["mark"] == found["between"]):
        raise Invalid("amount", "Write an amount like 149.00.")
    whole, between, rest = found["whole"], found["between"], found["rest"] or "0"
    if between and whole.count(between) == 1 and not found["mark"] and places > 0:
        if places < 3 or between == ",":
            raise Invalid("amount", "This could be read in two ways. Write it without a mark between thousands, "
                                    "like 1000.00.")
        whole, rest = whole.split(between)
    amount = Decimal(f"{whole.replace(between, '') if between else whole}.{rest}")
    if amount <= 0 or amount != round(amount, places):
        raise Invalid("amount", "Write an amount like 149.00.")
    return round(amount, places)


_AMOUNT = re.compile(r"(?P<whole>\d{1,3}(?:(?P<between>[.,])\d{3}(?:(?P=between)\d{3})*)?|\d+)"
                     r"(?:(?P<mark>[.,])(?P<rest>\d+))?", re.ASCII)


def make(order: Order, wish: Wish, ticket: Ticket, *, by: Actor) -> Refund:
    """Ask the shop for a refund, once. Returns its row, whatever became of it. Not inside a transaction.

    Raises NotAllowed; Invalid when something is wrong with it, then nothing was asked for; ShopError when the shop
    could not be asked how the order stands, nor was anything asked for then.
    """
    require(by, ABILITY, ticket)
    if (known := of_token(wish.token)) is not None:
        return known
    before = _standing(order.shop_id, order.remote_id)
    client = Client(shops.account_of(order.shop), orders.SECONDS)
    order = orders.refresh(order.shop, order.remote_id, client)
    amount = amount_of(wish.amount, order)
    if wish.seen != f"{order.refunded}":
        raise Invalid("amount", "Something was paid back since this form was opened. Look at the order again.")
    try:
        refund_id = _write_down(order, wish, amount, ticket, by, before)
    except IntegrityError:
        known = of_token(wish.token)
        if known is None:
            raise Invalid("amount", "Another refund of this order is under way, or nobody knows yet what became of it. "
                                    "Wait until that is settled.") from None
        return known  # pressed twice: the other press asks the shop
    return _ask(refund_id)


def of_token(token: str) -> Refund | None:
    """The refund that a form has asked for already."""
    return session().scalars(sa.select(Refund).where(Refund.token == token)).one_or_none()


def _standing(shop_id: int, order_id: int, but: int = 0) -> list[tuple[int, str]]:
    """The refunds of an order that were asked for from here, and what is known of each."""
    return [(row.id, row.state) for row in session().execute(sa.select(Refund.id, Refund.state).where(
        Refund.shop_id == shop_id, Refund.order_id == order_id, Refund.id != but).order_by(Refund.id))]


def _write_down(order: Order, wish: Wish, amount: Decimal, ticket: Ticket, by: Actor,
                before: list[tuple[int, str]]) -> int:
    values = {"shop_id": order.shop_id, "order_id": order.remote_id, "number": order.number,
              "currency": order.data["currency"]}
    with transaction() as current:
        refund = Refund(token=wish.token, amount=f"{amount}", reason=wish.reason.strip()[:200], state="asked", words="",
                        by_provider=wish.by_provider, ticket_id=ticket.id, agent_id=by.id,
                        agent_name=by.agent.name if by.agent else "", asked_at=utcnow(), **values)
        current.add(refund)
        current.flush()
        if _standing(order.shop_id, order.remote_id, but=refund.id) != before:
            # Another form was sent and settled while the shop told us how the order stood: what it told is old.
            raise Invalid("amount", "Something was paid back since this form was opened. Look at the order again.")
        tickets.touch(ticket)
        return refund.id


def _ask(refund_id: int) -> Refund:
    """Make the request that a row stands for. Called once, by whoever inserted the row."""
    refund = session().get_one(Refund, refund_id)
    body = {"amount": refund.amount, "reason": f"{refund.reason} {refund.mark}".strip(),
            "api_refund": refund.by_provider, "api_restock": False}
    path, account = f"/orders/{refund.order_id}/refunds", shops.account_of(refund.shop)
    try:
        made = Client(account, SECONDS).post(path, body)
        remote_id = made["id"]
    except Refused as error:
        _settle(refund_id, "refused", words=str(error))
    except Ill as error:
        if error.status in FINAL_STATUS or error.code == "woocommerce_rest_cannot_create_order_refund":
            _settle(refund_id, "refused", words=str(error))
        else:
            _unknown(refund_id, error)
    except (ShopError, KeyError, TypeError) as error:
        _unknown(refund_id, error)
    else:
        _settle(refund_id, "done", remote_id=remote_id, paid=_paid(made, body))
    return session().get_one(Refund, refund_id, populate_existing=True)


def _paid(made: dict[str, object], body: dict[str, object]) -> bool:
    """Whether the provider paid, as the shop says; one of before 3.5 does not say, and did when it was asked to."""
    return bool(body["api_refund"]) and bool(made.get("refunded_payment", True))


def _unknown(refund_id: int, error: Exception) -> None:
    """The answer was lost: ask the shop for its refunds before anything else."""
    log.warning("Nobody knows what became of refund %s: %s", refund_id, error)
    with transaction() as current:
        refund = current.get_one(Refund, refund_id)
        if refund.state == "asked":
            refund.state, refund.words = "unknown", str(error)[:1000]
            _touch(refund)
    look_again(refund_id)


# --- afterwards -------------------------------------------------------------------------------------------------


def look_again(refund_id: int) -> str:
    """Ask the shop what became of a refund. Returns its state. Never asks for the money again."""
    refund = session().get_one(Refund, refund_id, populate_existing=True)
    if refund.state not in UNSETTLED:
        return refund.state
    mark, path, asked_at = refund.mark, f"/orders/{refund.order_id}/refunds", refund.asked_at
    by_provider = refund.by_provider
    try:
        client = Client(shops.account_of(refund.shop), orders.SECONDS)
        found = next((each for each in client.page(path, per_page=100, _fields="id,reason,refunded_payment").items
                      if mark in str(each.get("reason", ""))), None)
    except ShopError as error:
        log.info("Refund %s is not settled yet: %s", refund_id, error)
        return "unknown"
    is_late = utcnow() - asked_at >= GIVEN_UP
    if found is not None and (found.get("refunded_payment") or not by_provider or is_late):
        # Late, and written down, but not paid by the provider: then a person has to look, and is told so.
        return _settle(refund_id, "done", remote_id=found.get("id"),
                       paid=by_provider and bool(found.get("refunded_payment")))
    return _settle(refund_id, "not_made" if is_late and found is None else "unknown")


def settle_all() -> None:
    """Job: what became of refunds whose answer was lost, or whose process ended in the middle."""
    now = utcnow()
    waiting = session().scalars(sa.select(Refund.id).where(
        Refund.state.in_(UNSETTLED), Refund.asked_at < now - LOST, Refund.asked_at > now - LOOKS_BACK)
        .order_by(Refund.asked_at).limit(20)).all()
    for refund_id in waiting:
        look_again(refund_id)


def settle_old() -> None:
    """Job: once a day those of shops that have been silent for longer than a week; they may speak again."""
    waiting = session().scalars(sa.select(Refund.id).where(
        Refund.state.in_(UNSETTLED), Refund.asked_at <= utcnow() - LOOKS_BACK)
        .order_by(Refund.id.desc()).limit(50)).all()
    for refund_id in waiting:
        look_again(refund_id)


def _settle(refund_id: int, state: str, *, remote_id: int | None = None, words: str = "",
            paid: bool | None = None) -> str:
    """Store what is known now. What is settled stays as it is."""
    with transaction() as current:
        refund = current.get_one(Refund, refund_id, populate_existing=True)
        if refund.state not in UNSETTLED or refund.state == state:
            return refund.state
        refund.state, refund.remote_id = state, remote_id
        refund.words = words[:1000] or refund.words
        refund.by_provider = refund.by_provider if paid is None else paid
        refund.settled_at = None if state == "unknown" else utcnow()
        _touch(refund)
    if state == "done":
        _refresh(refund_id)
    return state


def _touch(refund: Refund) -> None:
    """Pages that show the ticket are older now."""
    ticket = session().get(Ticket, refund.ticket_id) if refund.ticket_id else None
    if ticket is not None:
        tickets.touch(ticket)


def _refresh(refund_id: int) -> None:
    """The order as it is after a refund; when the shop does not say, the next look-up will."""
    refund = session().get_one(Refund, refund_id)
    shop_id, path, account = refund.shop_id, f"/orders/{refund.order_id}", shops.account_of(refund.shop)
    try:
        order = read_order(Client(account, orders.SECONDS).get(path, _fields=FIELDS))
    except ShopError as error:
        log.info("The order of refund %s could not be read: %s", refund_id, error)
        return
    with transaction():
        orders.put(shop_id, [order])


# --- what is shown ----------------------------------------------------------------------------------------------


def of_ticket(ticket: Ticket) -> list[Refund]:
    """The refunds that were asked for in a ticket, oldest first."""
    return list(session().scalars(_OF_TICKET, {"ticket": ticket.id}))


# Put together once: every ticket's page asks.
_OF_TICKET = (sa.select(Refund).where(Refund.ticket_id == sa.bindparam("ticket")).order_by(Refund.id)
              .options(sa.orm.lazyload(Refund.shop)))


def of_order(order: Order) -> list[Refund]:
    """The refunds of an order that were asked for from here, oldest first."""
    return list(session().scalars(sa.select(Refund).where(
        Refund.shop_id == order.shop_id, Refund.order_id == order.remote_id).order_by(Refund.id)))


def may_refund(agent: Agent, order: Order) -> bool:
    """True when there is something left to pay back, and nothing under way that nobody knows the end of."""
    return may(agent, ABILITY) and order.left > 0 and order.data["paid"] and not any(
        each.state in UNSETTLED for each in of_order(order))
