"""The panel beside a ticket, the page of an order, paying back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request

from inbox.toolkit import (
    Invalid,
    NotAllowed,
    NotFound,
    Panel,
    Ticket,
    actor,
    gettext,
    may,
    plugin_url,
    render,
    signed_in,
    tickets,
)
from inbox_plugins.woocommerce import orders, refunds, shops, words
from inbox_plugins.woocommerce.client import Client, ShopError
from inbox_plugins.woocommerce.models import Order, Shop

blueprint = Blueprint("pages", __name__)
SHOWN = 5  # orders in the panel


def show(template: str, status: int = 200, **values: Any) -> Any:
    """A page of the plugin."""
    values.setdefault("error", None)
    return render(template, words=words, tone=words.TONES, **values), status


# --- beside the ticket ------------------------------------------------------------------------------------------


def panel_beside(ticket: Ticket, shop: Shop, title: str) -> Panel:
    """Orders as they are known already, until the shop's answer takes their place: then nothing jumps.

    When nothing is known yet, or so much that reading it would hold up the page, some lines are kept free.
    """
    load = plugin_url("panel", shop_id=shop.id, number=ticket.number)
    answer = orders.known_at_once(shop, ticket.customer)
    if answer is None:
        return Panel(title, load=load, order=5, lines=12)
    return Panel(title, load=load, order=5, template="panel.html", values=_of_panel(answer, ticket))


def _of_panel(answer: orders.Answer, ticket: Ticket) -> dict[str, Any]:
    return {"answer": answer, "ticket": ticket, "shown": answer.orders[:SHOWN], "words": words, "tone": words.TONES,
            "addresses": orders.addresses_of(ticket.customer)}


@blueprint.get("/panel/<int:shop_id>/<int:number>")
def panel(shop_id: int, number: int) -> Any:
    """A customer's orders, loaded after the ticket's page was drawn. `?again=1` asks the shop whatever is known."""
    ticket, shop = tickets.get(number, signed_in()), shops.get(shop_id)
    addresses = orders.addresses_of(ticket.customer)
    answer = orders.look_up(shop, addresses, again=request.args.get("again") == "1")
    return render("panel.html", **_of_panel(answer, tickets.get(number, signed_in())))


@blueprint.get("/tickets/<int:number>/orders/<int:shop_id>")
def order_list(shop_id: int, number: int) -> Any:
    """All known orders of a ticket's customer in a shop, from what is kept."""
    ticket = tickets.get(number, signed_in())
    addresses = orders.addresses_of(ticket.customer)
    return show("orders.html", answer=orders.known(shops.get(shop_id), addresses), ticket=ticket)


# --- one order --------------------------------------------------------------------------------------------------


@blueprint.get("/orders/<int:shop_id>/<int:order_id>")
def order(shop_id: int, order_id: int) -> Any:
    """An order as it is known here, and what was paid back from here."""
    return _order_page(*_of_ticket(shop_id, order_id))


def _of_ticket(shop_id: int, order_id: int) -> tuple[Order, Ticket]:
    """An order and the ticket it is looked at from: its customer's own. Raises NotFound for any other."""
    ticket = tickets.get(request.values.get("ticket", 0, type=int), signed_in())
    found = orders.get(shop_id, order_id)
    if not orders.belongs_to(found, ticket.customer):
        raise NotFound()
    return found, ticket


def _order_page(found: Order, ticket: Ticket, error: Exception | None = None, status: int = 200) -> Any:
    return show("order.html", status, order=found, ticket=ticket, error=error, made=refunds.of_order(found),
                can_refund=refunds.may_refund(signed_in(), found), is_down=isinstance(error, ShopError),
                admin=f"{found.shop.url}/wp-admin/post.php?post={found.remote_id}&action=edit")


# --- paying back ------------------------------------------------------------------------------------------------


@blueprint.post("/orders/<int:shop_id>/<int:order_id>/refund/confirm")
def confirm(shop_id: int, order_id: int) -> Any:
    """What is about to be paid back, as the order stands in the shop now. Nothing is paid back yet."""
    found, ticket = _of_ticket(shop_id, order_id)
    _require()
    number = ticket.number
    try:
        found = orders.refresh(found.shop, order_id, Client(shops.account_of(found.shop), orders.SECONDS))
        amount = refunds.amount_of(request.form.get("amount", ""), found)
    except (Invalid, ShopError) as error:
        return _order_page(orders.get(shop_id, order_id), tickets.get(number, signed_in()), error, 422)
    return show("confirm.html", order=found, ticket=tickets.get(number, signed_in()), amount=amount,
                token=refunds.new_token(), reason=request.form.get("reason", "").strip()[:200],
                by_provider=bool(request.form.get("by_provider")))


@blueprint.post("/orders/<int:shop_id>/<int:order_id>/refund")
def refund(shop_id: int, order_id: int) -> Any:
    """Pay back, once for every form that was drawn."""
    found, ticket = _of_ticket(shop_id, order_id)
    _require()
    number, form = ticket.number, request.form
    token = form.get("token", "")
    if len(token) != 32 or not token.isalnum():
        raise Invalid("token", "This page is too old to be sent. Open the order again.")
    wish = refunds.Wish(token, form.get("amount", ""), form.get("reason", ""), form.get("seen", ""),
                        bool(form.get("by_provider")))
    try:
        made = refunds.make(found, wish, ticket, by=actor())
    except (Invalid, ShopError) as error:
        return _order_page(orders.get(shop_id, order_id), tickets.get(number, signed_in()), error, 422)
    flash(words.of_refund(made) + ".", words.tone_of(made))
    return redirect(plugin_url("order", shop_id=shop_id, order_id=order_id, ticket=number), 303)


def _require() -> None:
    if not may(signed_in(), refunds.ABILITY):
        raise NotAllowed(gettext("Your role does not allow this."))
