"""Spam and loops: who is let in or kept out, whose verdicts count, how much automatic mail may go out."""

from __future__ import annotations

from typing import Any

from flask import current_app, request, url_for

from inbox.core import circuits, senders, settings, tickets
from inbox.core.errors import Invalid
from inbox.db import transaction
from inbox.web.auth import actor
from inbox.web.htmx import go_to
from inbox.web.i18n import gettext
from inbox.web.settings import blueprint, page, require, saved

NUMBERS = ("automatic.per_address", "automatic.per_ticket", "automatic.per_content", "automatic.per_hour",
           "automatic.notices_per_agent", "automatic.notices_per_hour")
KEYS = ("mail.trusted_servers", *NUMBERS)


@blueprint.route("/guards", methods=["GET", "POST"])
def guards() -> Any:
    """What is held back now, budgets, senders, servers in front of the desk."""
    require("manage_settings")
    if request.method == "GET":
        return _page(settings.get_all(list(KEYS)))
    typed = {key: _typed(key) for key in KEYS}
    try:
        with transaction():
            for key, value in typed.items():
                settings.put(key, value, by=actor())
    except Invalid as problem:
        return _page(typed, problem, 422)
    return saved("settings.guards", gettext("The settings are saved."))


def _typed(key: str) -> Any:
    text = request.form.get(key, "").strip()
    return int(text) if key in NUMBERS and text.isdecimal() and len(text) < 9 else text


def _page(values: dict[str, Any], error: Invalid | None = None, status: int = 200) -> Any:
    held = circuits.all_open()
    return page("guards", status, values=values, error=error, circuits=held, rules=senders.rules(),
                numbers=tickets.numbers([each.ticket_id for each in held]), typed=request.form)


@blueprint.post("/guards/circuits/<int:circuit_id>/close")
def close_circuit(circuit_id: int) -> Any:
    """Let automatic mail go out again."""
    circuits.close(circuit_id, by=actor())
    current_app.extensions.pop("inbox_alarms", None)  # the banner goes at once
    return saved("settings.guards", gettext("It goes out again."))


@blueprint.post("/guards/senders")
def decide_sender() -> Any:
    """Let a sender in, or keep one out."""
    require("manage_settings")
    try:
        senders.decide(request.form.get("sender", ""), request.form.get("verdict", ""), by=actor())
    except Invalid as problem:
        return _page(settings.get_all(list(KEYS)), problem, 422)
    return saved("settings.guards", gettext("The list is changed."))


@blueprint.post("/guards/senders/<int:rule_id>/forget")
def forget_sender(rule_id: int) -> Any:
    """Take a sender off the lists."""
    senders.forget(rule_id, by=actor())
    return go_to(url_for("settings.guards"))
