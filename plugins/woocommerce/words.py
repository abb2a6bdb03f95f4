"""What is shown of orders and refunds, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal

from babel.numbers import format_currency, get_currency_precision
from flask_babel import get_locale

from inbox.toolkit import gettext
from inbox_plugins.woocommerce.models import Order, Refund

TONES = {"completed": "good", "processing": "info", "on-hold": "warn", "failed": "bad", "cancelled": "bad"}
REFUND_TONES = {"asked": "warn", "unknown": "warn", "done": "", "refused": "bad", "not_made": "bad"}


def status(word: str) -> str:
    """A status of an order; one that another plugin of the shop has added is shown as it is."""
    return _STATUSES.get(word, lambda: word.replace("-", " "))()


_STATUSES: dict[str, Callable[[], str]] = {
    "pending": lambda: gettext("waits for payment"), "processing": lambda: gettext("paid, not sent"),
    "on-hold": lambda: gettext("on hold"), "completed": lambda: gettext("completed"),
    "cancelled": lambda: gettext("cancelled"), "refunded": lambda: gettext("paid back"),
    "failed": lambda: gettext("payment failed"), "trash": lambda: gettext("thrown away"),
    "checkout-draft": lambda: gettext("in the basket")}


def money(amount: Decimal | str, currency: str) -> str:
    """An amount in its own currency, as the reader writes it."""
    return str(format_currency(Decimal(amount), currency, locale=get_locale() or "en"))


def typed(amount: Decimal, currency: str) -> str:
    """An amount as it stands in a form, with the decimals of its currency."""
    return f"{amount.quantize(Decimal(1).scaleb(-get_currency_precision(currency)), ROUND_DOWN):f}"


def items(order: Order) -> str:
    """What was ordered, in a few words: the first line, and how many more there are."""
    lines = order.data["items"]
    if not lines:
        return gettext("nothing")
    first = lines[0]["name"] + (f" × {lines[0]['quantity']}" if lines[0]["quantity"] != "1" else "")
    return first if len(lines) == 1 else gettext("%(item)s and %(n)s more", item=first, n=len(lines) - 1)


def of_order(order: Order) -> str:
    """An order in one line, for a hint."""
    return f"{items(order)} · {status(order.data['status'])} · {money(order.total, order.data['currency'])}"[:300]


def of_placing(order: Order) -> str:
    """The moment when an order was placed, in one line."""
    return gettext("Ordered #%(number)s: %(items)s, %(amount)s", number=order.number, items=items(order),
                   amount=money(order.total, order.data["currency"]))[:300]


def tone_of(refund: Refund) -> str:
    """How that is said on a page: good, bad, or warn where nobody knows yet."""
    return {"done": "good", "refused": "bad", "not_made": "bad"}.get(refund.state, "warn")


def of_refund(refund: Refund) -> str:
    """What is known of a refund, as one sentence."""
    values = {"who": refund.agent_name or "?", "number": refund.number, "amount": money(refund.amount, refund.currency)}
    if refund.state == "done" and refund.by_provider:
        return gettext("%(who)s paid back %(amount)s of order #%(number)s", **values)
    if refund.state == "done":
        return gettext("%(who)s noted in the shop that %(amount)s of order #%(number)s are paid back", **values)
    if refund.state == "refused":
        return gettext("%(who)s wanted to pay back %(amount)s of order #%(number)s; the shop refused: %(words)s",
                       words=refund.words[:120], **values)
    if refund.state == "not_made":
        return gettext("%(who)s wanted to pay back %(amount)s of order #%(number)s; the shop did not do it", **values)
    if refund.state == "unknown":
        return gettext("%(who)s asked the shop to pay back %(amount)s of order #%(number)s; nobody knows yet whether "
                       "it did, and nothing is asked for a second time", **values)
    return gettext("%(who)s asked the shop to pay back %(amount)s of order #%(number)s; it has not answered yet",
                   **values)
