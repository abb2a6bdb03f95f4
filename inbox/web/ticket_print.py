"""A ticket on paper: every message open, no lists and no menus."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from inbox.core import messages
from inbox.web.tickets import load

blueprint = Blueprint("ticket_print", __name__)


@blueprint.get("/tickets/<int:number>/print")
def show(number: int) -> Any:
    """What was said in a ticket, to be printed. Mail with a style of its own is shown as text."""
    ticket = load(number)
    return render_template("ticket/print.html", ticket=ticket, thread=messages.thread(ticket))
