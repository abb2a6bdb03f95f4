"""Acts on many tickets, worked off in a lane of their own so that they delay no mail."""

from __future__ import annotations

from typing import Any

from inbox.core import bulk
from inbox.jobs.engine import handler


@handler(bulk.JOB, lane="bulk")
def work(args: dict[str, Any]) -> None:
    """Go on with one act for some seconds."""
    bulk.carry_on(args["bulk"])
