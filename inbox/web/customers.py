"""A customer: addresses, the tickets the agent may see, and one time line of everything."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for

from inbox.core import customers, permissions, personal_data
from inbox.core.errors import CoreError, Invalid
from inbox.core.models import Customer, Message
from inbox.plugin_host import call
from inbox.web.auth import actor, me
from inbox.web.desk import sidebar
from inbox.web.i18n import gettext

blueprint = Blueprint("customers", __name__)
PAGE = 30


@blueprint.get("/customers/<int:customer_id>")
def show(customer_id: int) -> Any:
    """The customer's page."""
    customer = customers.get(customer_id, me())
    return _page(customer_id, customer)


def _page(customer_id: int, customer: Customer, error: Invalid | None = None) -> Any:
    if customer.id != customer_id:  # merged: the address leads to the survivor
        return redirect(url_for("customers.show", customer_id=customer.id), 301)
    before = _moment(request.args.get("before", ""))
    lines, older = history(customer, before)
    return render_template("customer/page.html", customer=customer, place=None, lines=lines, older=older, before=before,
                           found=customers.tickets_of(customer, me(), limit=50), error=error,
                           typed=request.form, **sidebar()), 200 if error is None else 422


@dataclass(frozen=True)
class Line:
    """One line of a customer's time line."""

    at: dt.datetime
    text: str
    url: str = ""
    tone: str = ""
    snippet: str = ""


def history(customer: Customer, before: dt.datetime | None) -> tuple[list[Line], dt.datetime | None]:
    """What happened with a customer, newest first, ours and plugins' alike; and from when the next page goes on."""
    ours = customers.history(customer, me(), before=before, limit=PAGE)
    lines = [Line(message.at, _said(message), url_for("tickets.show", number=ticket.number), "",
                  f"{ticket.subject} – {message.text[:200]}") for message, ticket in ours]
    theirs = call.slot("customer_timeline", customer=customer, before=before, agent=me())
    lines += [Line(each.at, each.text, each.url, each.tone) for each in theirs if before is None or each.at < before]
    lines.sort(key=lambda line: line.at, reverse=True)
    return lines[:PAGE], lines[PAGE - 1].at if len(lines) > PAGE or len(ours) == PAGE else None


def _said(message: Message) -> str:
    if message.kind == "received":
        return gettext("wrote to us")
    name = message.agent.name if message.agent else gettext("The desk")
    return gettext("%(name)s left a note", name=name) if message.kind == "note" else gettext(
        "%(name)s answered", name=name)


def _moment(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text).astimezone(dt.UTC) if text else None
    except (ValueError, OverflowError):
        return None


@blueprint.post("/customers/<int:customer_id>/name")
def rename(customer_id: int) -> Any:
    customer = customers.get(customer_id, me())
    customers.rename(customer, request.form.get("name", ""), by=actor())
    return redirect(url_for("customers.show", customer_id=customer.id), 303)


@blueprint.post("/customers/<int:customer_id>/addresses")
def add_address(customer_id: int) -> Any:
    """Another address that they write from."""
    customer = customers.get(customer_id, me())
    try:
        customers.add_address(customer, request.form.get("address", ""), by=actor())
    except Invalid as problem:
        return _page(customer.id, customer, problem)
    return redirect(url_for("customers.show", customer_id=customer.id), 303)


@blueprint.post("/customers/<int:customer_id>/addresses/<int:address_id>/remove")
def remove_address(customer_id: int, address_id: int) -> Any:
    """An address that is not theirs."""
    customer = customers.get(customer_id, me())
    try:
        customers.remove_address(customer, address_id, by=actor())
    except Invalid as problem:
        return _page(customer.id, customer, problem)
    return redirect(url_for("customers.show", customer_id=customer.id), 303)


# --- personal data ----------------------------------------------------------------------------------------------


@blueprint.get("/customers/<int:customer_id>/personal-data")
def personal(customer_id: int) -> Any:
    """Get all that is stored about a customer, or erase it."""
    return _personal(_whose(customer_id))


def _whose(customer_id: int) -> Customer:
    customer = customers.get(customer_id, me())
    permissions.require(actor(), "purge")
    return customer


def _personal(customer: Customer, error: CoreError | None = None, status: int = 200) -> Any:
    return render_template("customer/personal.html", customer=customer, place=None, error=error, **sidebar()), status


@blueprint.get("/customers/<int:customer_id>/personal-data.json")
def personal_file(customer_id: int) -> Any:
    """Everything as a file."""
    found = personal_data.export(_whose(customer_id), by=actor())
    text = json.dumps(found, ensure_ascii=False, indent=2, default=str)
    return Response(text, mimetype="application/json", headers={
        "Content-Disposition": f'attachment; filename="customer-{customer_id}.json"', "Cache-Control": "no-store"})


@blueprint.post("/customers/<int:customer_id>/erase")
def erase(customer_id: int) -> Any:
    """Erase it, after the name or address was typed."""
    customer = _whose(customer_id)
    if request.form.get("typed", "").strip() != customer.display_name:
        return _personal(customer, Invalid("typed", "Type it exactly as it stands there."), 422)
    try:
        personal_data.erase(customer, by=actor())
    except Invalid:
        raise
    except CoreError as problem:
        return _personal(customer, problem, 409)
    flash(gettext("Everything about this customer is erased."))
    return redirect(url_for("desk.first"), 303)
