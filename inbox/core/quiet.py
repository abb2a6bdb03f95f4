"""Quiet hours of an agent: mail about tickets waits until they end; what is told in the desk does not."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from inbox.core import settings
from inbox.core.errors import Invalid
from inbox.core.models import Agent

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def wish(begin: str, end: str) -> dict[str, str] | None:
    """What an agent's preferences hold as `quiet`; None for no quiet hours. Raises Invalid."""
    if not begin and not end:
        return None
    if _clock(begin) is None or _clock(end) is None or begin == end:
        raise Invalid("quiet", "Quiet hours have a beginning and an end, such as 18:00 and 08:00.")
    return {"from": begin, "to": end}


def _clock(text: Any) -> dt.time | None:
    found = _CLOCK.fullmatch(text) if isinstance(text, str) else None
    return dt.time(int(found[1]), int(found[2])) if found else None


def ends(agent: Agent, now: dt.datetime) -> dt.datetime | None:
    """When the quiet hours end that are now, on the agent's own clock, as UTC; None when there are none now."""
    kept = agent.preferences.get("quiet")
    begin, end = (_clock(kept.get("from")), _clock(kept.get("to"))) if isinstance(kept, Mapping) else (None, None)
    if begin is None or end is None:
        return None
    local = now.astimezone(ZoneInfo(agent.time_zone or str(settings.get("desk.time_zone"))))
    clock = local.time()
    is_now = begin <= clock < end if begin < end else clock >= begin or clock < end
    if not is_now:
        return None
    day = local.date() + dt.timedelta(days=1 if clock >= end else 0)
    return dt.datetime.combine(day, end, local.tzinfo).astimezone(dt.UTC)
