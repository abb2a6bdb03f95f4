"""Follow a ticket, and call colleagues in."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, request

from inbox.core import following
from inbox.web.auth import actor, me
from inbox.web.availability import away_words
from inbox.web.tickets import answer, load

blueprint = Blueprint("following", __name__)


@blueprint.post("/tickets/<int:number>/follow")
def follow(number: int) -> Any:
    """Be told of what is said in a ticket, or no longer (`on=`)."""
    ticket = load(number)
    following.follow(ticket, by=actor(), on=bool(request.form.get("on")))
    return answer(ticket)


@blueprint.get("/tickets/<int:number>/mentionable")
def mentionable(number: int) -> Any:
    """Whom a note can mention, for completion while one writes."""
    found = [each for each in following.who_see(load(number)) if each.id != me().id]
    return jsonify([{"title": each.name, "note": away_words(each)} for each in found])
