"""A customer: addresses, and the tickets the agent may see."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from inbox.core import customers
from inbox.web.auth import actor, me
from inbox.web.desk import sidebar

blueprint = Blueprint("customers", __name__)


@blueprint.get("/customers/<int:customer_id>")
def show(customer_id: int) -> Any:
    """The customer's page."""
    customer = customers.get(customer_id, me())
    return render_template("customer/page.html", customer=customer, place=None,
                           found=customers.tickets_of(customer, me(), limit=50), **sidebar())


@blueprint.post("/customers/<int:customer_id>/name")
def rename(customer_id: int) -> Any:
    customer = customers.get(customer_id, me())
    customers.rename(customer, request.form.get("name", ""), by=actor())
    return redirect(url_for("customers.show", customer_id=customer.id), 303)
