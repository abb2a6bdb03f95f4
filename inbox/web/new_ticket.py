"""Opening a ticket: with mail to a customer, or noted for one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for

from inbox.core import customers, departments, messages, outgoing_hold, permissions
from inbox.core.errors import Invalid
from inbox.core.messages import Address, Sending
from inbox.db import transaction
from inbox.web import sending
from inbox.web.auth import actor
from inbox.web.composer import addresses, body_from_form, files_from_form
from inbox.web.desk import sidebar
from inbox.web.htmx import go_to

blueprint = Blueprint("new_ticket", __name__)


@blueprint.route("/tickets/new", methods=["GET", "POST"])
def show() -> Any:
    """Open a ticket: with mail to a customer, or noted for one."""
    rail = sidebar()
    if request.method != "POST":
        return render_template("ticket/new.html", place=None, error=None,
                               form={"address": request.args.get("to", "")}, **rail)
    form, address = request.form, request.form.get("address", "").strip()
    mail_it = form.get("way") != "note"
    to = [Address("to", address, form.get("name", "")), *addresses(form.get("cc", ""), "cc")] if mail_it else None
    try:
        department = departments.get(form.get("department", 0, type=int))
        permissions.require(actor(), "open_ticket", department)
        body, files = body_from_form(form), files_from_form()  # work on bytes is done before the write begins
        how = Sending(wait=outgoing_hold.for_undo())
        with transaction():
            customer = customers.find_or_create(address, form.get("name", ""), by=actor())
            ticket = messages.open_ticket(by=actor(), department=department, customer=customer, body=body, files=files,
                                          subject=form.get("subject", ""), mail_it=mail_it, to=to, how=how)
    except Invalid as problem:
        return render_template("ticket/new.html", place=None, form=form, error=problem, **rail), 422
    if mail_it:
        sending.say_sent(messages.thread(ticket)[-1])
    return go_to(url_for("tickets.show", number=ticket.number))
