"""Customers to choose from while an address is typed."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, request

from inbox.core import customers, permissions
from inbox.core.customers import normalise_address
from inbox.web.auth import me
from inbox.web.tickets import load

blueprint = Blueprint("recipients", __name__)
FEW = 8


@blueprint.get("/tickets/<int:number>/recipients")
def find(number: int) -> Any:
    """Customers whose mail address begins as typed (`?q=`)."""
    load(number)
    if not permissions.may(me(), "reply"):
        return jsonify([])
    typed = normalise_address(request.args.get("q", "")[:320])
    found, _ = customers.page(me(), q=typed, limit=FEW) if len(typed) > 1 else ([], None)
    return jsonify([{"name": each.name, "address": own.value} for each in found for own in each.addresses
                    if own.kind == "mail" and own.normalised.startswith(typed)][:FEW])
