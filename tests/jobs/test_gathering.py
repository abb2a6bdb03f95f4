"""What comes alone is looked at soon, a rush together."""

from inbox.jobs.gathering import GATHER_SECONDS, RUSH_SECONDS, STILL, pause


def test_what_comes_alone_waits_less_than_what_comes_in_a_rush() -> None:
    assert pause(STILL + 1) == GATHER_SECONDS < pause(0.0) == pause(STILL / 2) == RUSH_SECONDS < STILL
