"""Quiet hours: on the agent's own clock, over midnight, through changes of the clock."""

import datetime as dt

import pytest

from inbox.core import quiet
from inbox.core.errors import Invalid
from inbox.core.models import Agent

NIGHT = {"from": "18:00", "to": "08:00"}
NOON = {"from": "12:00", "to": "13:00"}


@pytest.mark.parametrize(("hours", "zone", "now", "end"), [
    (NIGHT, "Europe/Oslo", "2026-11-20T20:00", "2026-11-21T07:00"),  # 21:00 there
    (NIGHT, "Europe/Oslo", "2026-11-20T03:00", "2026-11-20T07:00"),
    (NIGHT, "Europe/Oslo", "2026-11-20T07:00", None),  # 08:00: they are over
    (NIGHT, "Europe/Oslo", "2026-11-20T16:59", None),
    (NIGHT, "Asia/Bangkok", "2026-11-20T11:00", "2026-11-21T01:00"),
    (NIGHT, "Europe/Oslo", "2026-10-24T20:00", "2026-10-25T07:00"),  # the clock goes back in this night
    (NOON, "UTC", "2026-11-20T12:30", "2026-11-20T13:00"),
    (NOON, "UTC", "2026-11-20T13:30", None),
    (None, "UTC", "2026-11-20T12:30", None),
])
def test_mail_waits_until_they_end(session, hours, zone, now, end) -> None:
    agent = Agent(preferences={"quiet": hours} if hours else {}, time_zone=zone)
    found = quiet.ends(agent, dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC))
    assert found == (dt.datetime.fromisoformat(end).replace(tzinfo=dt.UTC) if end else None)


def test_without_a_zone_of_ones_own_it_is_the_desks(session) -> None:
    agent = Agent(preferences={"quiet": NOON})
    assert quiet.ends(agent, dt.datetime(2026, 11, 20, 12, 30, tzinfo=dt.UTC)) is not None


def test_what_is_no_time_is_refused(session) -> None:
    assert quiet.wish("", "") is None and quiet.wish("18:00", "08:00") == NIGHT
    for begin, end in (("18:00", ""), ("", "08:00"), ("18:00", "18:00"), ("25:00", "08:00"), ("six", "eight")):
        with pytest.raises(Invalid):
            quiet.wish(begin, end)
