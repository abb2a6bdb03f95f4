"""Who else is at a ticket: a browser says what its agent does, and the live stream tells the others."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from flask import Blueprint, request

from inbox.core import presence
from inbox.core.presence import Here
from inbox.db import utcnow
from inbox.web.auth import me
from inbox.web.icons import hue_of, initials
from inbox.web.tickets import load

blueprint = Blueprint("presence", __name__)
Picture = dict[str, list[dict[str, Any]]]  # ticket number → who is there


@blueprint.put("/tickets/<int:number>/presence")
def say(number: int) -> Any:
    """What the agent does at a ticket (`doing`; empty: they left it). Nothing else happens, and nobody keeps it."""
    ticket, doing = load(number), request.form.get("doing", "")
    if doing:
        presence.here(ticket, me(), doing)
    else:
        presence.gone(ticket, me())
    return "", 204


class Watch:
    """What this process knows of who is where: read after a commit, and older by itself while nothing happens."""

    def __init__(self) -> None:
        self._here: list[Here] = []
        self._lock = threading.Lock()

    def read(self) -> None:
        """Look into the database, in a work context."""
        found = presence.everyone()
        with self._lock:
            self._here = found

    def now(self) -> list[Here]:
        """Who is at a ticket now. Asks no database."""
        if not self._here:
            return []
        with self._lock:
            self._here = [each for each in self._here if each.until > utcnow()]
            return self._here


def picture(here: Iterable[Here], *, agent_id: int, departments: frozenset[int] | None) -> Picture:
    """What one agent is shown: everybody else at tickets within reach."""
    found: Picture = {}
    for each in here:
        if each.agent_id != agent_id and (departments is None or each.department_id in departments):
            found.setdefault(str(each.number), []).append(
                {"name": each.name, "doing": each.doing, "initials": initials(each.name), "hue": hue_of(each.name)})
    return found
