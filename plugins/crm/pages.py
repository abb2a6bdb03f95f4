"""What the plugin's pages have in common: who asks, where to go back to, what is wrong with a form."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for

from inbox.toolkit import (
    Customer,
    back_to_ticket,
    customers,
    may,
    plugin_url,
    render,
    signed_in,
    tickets,
)

blueprint = Blueprint("pages", __name__)


def the_customer(customer_id: int) -> Customer:
    """A customer within reach. Raises NotFound."""
    return customers.get(customer_id, signed_in())


def show(template: str, status: int = 200, **values: Any) -> Any:
    """A page of the plugin."""
    values.setdefault("error", None)
    agent = signed_in()
    return render(template, may_edit=may(agent, "crm.edit"), may_export=may(agent, "crm.export"), **values), status


def done(endpoint: str, text: str = "", *, customer_id: int | None = None, organisation_id: int | None = None) -> Any:
    """To where the form stood, with a word about what was done: the ticket beside it, the customer, else a page."""
    number = request.form.get("ticket", 0, type=int)
    if number:
        return back_to_ticket(tickets.get(number, signed_in()))
    if text:
        flash(text)
    if customer_id is not None:
        return redirect(url_for("customers.show", customer_id=customer_id), 303)
    if organisation_id is not None:
        return redirect(plugin_url("organisation", organisation_id=organisation_id), 303)
    return redirect(plugin_url(endpoint), 303)
