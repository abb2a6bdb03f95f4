"""How long a thread that looks after commits waits for more of them: a burst becomes one look."""

from __future__ import annotations

GATHER_SECONDS = 0.02  # after a commit that comes alone
RUSH_SECONDS = 0.12  # where they come without end: what is due is done together then
STILL = 0.5  # seconds without a look after which nobody calls it a rush


def pause(since_last_look: float) -> float:
    """Seconds to wait after a commit, by the seconds since the last look."""
    return RUSH_SECONDS if since_last_look < STILL else GATHER_SECONDS
