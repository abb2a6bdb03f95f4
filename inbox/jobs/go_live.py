"""Looks up for the go-live checklist what only other servers know."""

from __future__ import annotations

from typing import Any

from inbox.core import go_live
from inbox.db import session
from inbox.jobs.engine import handler

WAIT_SECONDS = 90.0


@handler(go_live.JOB, retries=0)
def look(args: dict[str, Any]) -> None:
    """Job: look up `args["name"]`, one of `go_live.LOOKED_UP`."""
    found = _round_trip() if args["name"] == "round_trip" else _dns()
    session().rollback()
    go_live.remember(args["name"], answers=found)


def _round_trip() -> list[dict[str, str]]:
    from inbox import round_trip  # here, since it loads much that a worker needs for nothing else

    return [{"what": address, "state": "ok" if is_well else "wrong", "words": words, "mend": mend}
            for address, is_well, words, mend in round_trip.run(WAIT_SECONDS)]


def _dns() -> list[dict[str, str]]:
    from inbox import doctor

    return [{"what": each.name, "state": each.state, "words": each.words, "mend": each.mend}
            for each in doctor.dns_checks()]
