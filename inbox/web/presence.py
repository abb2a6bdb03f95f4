"""Who else is at a ticket: a browser says what its agent does, and the live stream tells the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any

from flask import Blueprint, request

from inbox.core import presence
from inbox.core.presence import Here
from inbox.db import utcnow
from inbox.web.auth import me
from inbox.web.icons import hue_of, initials
from inbox.web.tickets import load

blueprint = Blueprint("presence", __name__)
OLD_SECONDS = 5.0
REST = 9  # times as long as the reading took
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
    """What this process knows of who is where: read after a commit, and older by itself while nothing happens.

    "Still here" wakes nobody, so it is read again now and then. On a desk of thousands that reading takes its time: it
    is given a tenth of one processor's, and what came meanwhile is read a moment later.
    """

    def __init__(self) -> None:
        self._here: dict[int, list[Here]] = {}  # by department
        self._lock = threading.Lock()
        self._read_at = self._rest_until = -OLD_SECONDS

    def read(self) -> None:
        """Look into the database, in a work context."""
        self._read_at = time.monotonic()
        found: dict[int, list[Here]] = {}
        for each in presence.everyone():
            found.setdefault(each.department_id, []).append(each)
        with self._lock:
            self._here = found
        end = time.monotonic()
        self._rest_until = end + REST * (end - self._read_at)

    def rest(self) -> float:
        """Seconds until it should be read again at the earliest."""
        return max(0.0, self._rest_until - time.monotonic())

    def is_old(self) -> bool:
        """True when it was not read for so long that those who are still here would seem gone."""
        return time.monotonic() - self._read_at > OLD_SECONDS

    def now(self) -> dict[int, list[Here]]:
        """Who is at a ticket now, by its department. Asks no database."""
        return self._here


def picture(here: Mapping[int, Iterable[Here]], *, agent_id: int, departments: frozenset[int] | None) -> Picture:
    """What one agent is shown: everybody else at tickets within reach."""
    found: Picture = {}
    now = utcnow()
    for each in chain.from_iterable(here.get(number, ()) for number in (here if departments is None else departments)):
        if each.agent_id != agent_id and each.until > now:
            found.setdefault(str(each.number), []).append(_said(each.name, each.doing))
    return found


@lru_cache(maxsize=16384)
def _said(name: str, doing: str) -> dict[str, Any]:
    """What a browser is told of somebody. Not to be changed: every stream is given the same."""
    return {"name": name, "doing": doing, "initials": initials(name), "hue": hue_of(name)}
