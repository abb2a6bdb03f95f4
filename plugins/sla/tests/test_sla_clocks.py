"""Clocks against a reference that looks at every minute, and the cases an agent would ask about."""

import datetime as dt
import random

import pytest

from inbox.testing.hours import MINUTE, is_open, some_hours
from inbox.toolkit import hours
from inbox_plugins.sla.clocks import FACTS, Clock, Fact, Promise, clocks_of

ALWAYS = hours.Hours("UTC", (((0, 1440),),) * 7)
NINE_TO_FIVE = hours.Hours("UTC", (((540, 1020),),) * 5 + ((),) * 2)
MONDAY = dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC)


def at(later: float) -> dt.datetime:
    return MONDAY + dt.timedelta(hours=later)


def told(*facts: tuple[float, str], calendar: hours.Hours = ALWAYS, seconds: int = 4 * 3600) -> dict[str, Clock]:
    """The clocks after some facts (hours since Monday 9:00); the last of each kind."""
    found = clocks_of([Fact(at(later), kind) for later, kind in facts], lambda kind, at: Promise(seconds, calendar))
    return {clock.kind: clock for clock in found}


def test_an_answer_in_time() -> None:
    clock = told((0, "asked"), (3, "answered"))["first_reply"]
    assert (clock.state, clock.spent) == ("met", 3 * 3600)


def test_an_answer_too_late_was_missed_when_it_was_due() -> None:
    clock = told((0, "asked"), (5, "answered"))["first_reply"]
    assert (clock.state, clock.missed_at) == ("missed", at(4))


def test_nights_do_not_count() -> None:
    clock = told((6, "asked"), calendar=NINE_TO_FIVE)["first_reply"]
    assert clock.due_at == at(26)  # two hours on Monday, two on Tuesday


def test_it_stands_while_the_ticket_waits_for_the_customer() -> None:
    clock = told((0, "asked"), (1, "answered"), (1, "pending"), (30, "open"), (30, "asked"))["resolution"]
    assert (clock.state, clock.spent, clock.due_at) == ("running", 3600, at(33))


def test_a_second_question_starts_one_clock_and_a_third_does_not() -> None:
    clocks = clocks_of([Fact(at(h), k) for h, k in ((0, "asked"), (1, "answered"), (2, "asked"), (3, "asked"))],
                       lambda kind, at: Promise(3600, ALWAYS))
    assert [(clock.kind, clock.started_at) for clock in clocks] == [
        ("resolution", at(0)), ("first_reply", at(0)), ("next_reply", at(2))]


def test_closing_without_an_answer_drops_the_answer_and_meets_the_solution() -> None:
    clocks = told((0, "asked"), (1, "closed"))
    assert (clocks["first_reply"].state, clocks["resolution"].state) == ("dropped", "met")


def test_reopening_goes_on_where_it_stopped() -> None:
    clock = told((0, "asked"), (1, "closed"), (50, "open"), (50, "asked"))["resolution"]
    assert (clock.state, clock.due_at) == ("running", at(53))


def test_what_an_agent_opened_owes_no_first_answer() -> None:
    assert "first_reply" not in told((0, "answered"), (1, "answered"))


def test_nothing_promised_is_nothing_owed() -> None:
    assert clocks_of([Fact(at(0), "asked")], lambda kind, at: None) == []


def test_a_question_that_came_along_in_a_merge_is_owed_since_it_was_asked() -> None:
    facts = [Fact(at(0), "asked"), Fact(at(1), "answered"), Fact(at(3), "waits", at(2)), Fact(at(7), "answered")]
    clocks = clocks_of(facts, lambda kind, at: Promise(4 * 3600, ALWAYS))
    assert [(each.kind, each.started_at, each.state) for each in clocks[1:]] == [
        ("first_reply", at(0), "met"), ("next_reply", at(2), "missed")]


def test_an_older_question_takes_the_place_of_a_newer_one_and_leaves_it_again() -> None:
    facts = [Fact(at(1), "asked"), Fact(at(2), "waits", at(0)), Fact(at(3), "waits", at(1))]
    for known, began in ((2, 0), (3, 1)):
        clocks = clocks_of(facts[:known], lambda kind, at: Promise(4 * 3600, ALWAYS))
        assert [each.started_at for each in clocks if each.kind == "first_reply"] == [at(began)]


def test_a_merged_ticket_owes_nothing_itself() -> None:
    clocks = told((0, "asked"), (1, "away"))
    assert {each.state for each in clocks.values()} == {"dropped"}


@pytest.mark.parametrize("seed", range(30))
def test_a_merge_undone_leaves_the_clocks_as_if_it_had_never_been(seed: int) -> None:
    chance = random.Random(seed)
    facts = [Fact(at(0), "asked"), *(Fact(at(chance.randrange(1, 100)), chance.choice(FACTS)) for _ in range(5))]
    calendar = some_hours(chance, MONDAY.date())

    def clocks(facts: list[Fact]) -> list[Clock]:
        found = clocks_of(facts, lambda kind, at: Promise(8 * 3600, calendar))
        for each in found:
            each.hold(at(300))
        return found

    plain = clocks(facts)
    away = chance.randrange(1, 100) + .5
    before = clocks_of([each for each in facts if each.at < at(away)], lambda kind, at: Promise(8 * 3600, calendar))
    owed = [each.started_at for each in before if each.kind != "resolution" and each.stopped_at is None]
    there = [Fact(at(away), "away"), Fact(at(away + .25), "back", owed[0] if owed else None)]
    assert clocks([*facts, *there]) == plain


# --- the reference ----------------------------------------------------------------------------------------------


def slow(facts: list[Fact], promises: dict[str, Promise], now: dt.datetime) -> dict[tuple[str, dt.datetime], tuple]:
    """The same, told minute by minute: (state, minutes spent, when it was missed) of each clock."""
    facts = sorted(facts, key=lambda each: each.at)
    clocks: dict[tuple[str, dt.datetime], list] = {}  # [state, minutes, missed at]
    status, answered, owed, moment = "open", False, None, facts[0].at

    def start(kind: str) -> tuple[str, dt.datetime]:
        clocks[kind, moment] = ["on", 0, None]
        return kind, moment

    solution, waiting = start("resolution"), list(facts)
    while True:
        while waiting and waiting[0].at == moment:
            kind = waiting.pop(0).kind
            if kind == "asked":
                if owed is None and status != "closed":
                    owed = start("next_reply" if answered else "first_reply")
            elif kind == "answered":
                answered = True
                if owed:
                    clocks[owed][0] = "missed" if clocks[owed][2] else "met"
                    owed = None
            else:
                status = kind
                if status == "closed":
                    if owed:
                        clocks[owed][0], owed, answered = "dropped", None, True
                    if clocks[solution][0] == "on":
                        clocks[solution][0] = "missed" if clocks[solution][2] else "met"
                else:
                    clocks[solution][0] = "on"
        if moment >= now:
            break
        for (kind, _), clock in clocks.items():
            if clock[0] == "on" and status == "open" and is_open(promises[kind].calendar, moment):
                if clock[1] * 60 == promises[kind].seconds and clock[2] is None:
                    clock[2] = True
                clock[1] += 1
                if clock[1] * 60 > promises[kind].seconds:
                    clock[2] = True
        moment += MINUTE
    return {key: tuple(clock) for key, clock in clocks.items()}


@pytest.mark.parametrize("seed", range(60))
def test_clocks_equal_counting_every_minute(seed: int) -> None:
    chance = random.Random(1000 + seed)
    begin = dt.datetime(2026, chance.choice((3, 10)), 24, tzinfo=dt.UTC)
    calendar = some_hours(chance, begin.date())
    promises = {kind: Promise(chance.randrange(10, 900) * 60, calendar)
                for kind in ("first_reply", "next_reply", "resolution")}
    times = sorted({chance.randrange(0, 7000) for _ in range(chance.randrange(2, 12))})
    facts = [Fact(begin + MINUTE * minute, chance.choice(FACTS)) for minute in times]
    facts[0] = Fact(facts[0].at, chance.choice(("asked", "answered")))
    now = begin + MINUTE * (times[-1] + chance.randrange(1, 3000))
    found = clocks_of(facts, lambda kind, started: promises[kind])
    expected = slow(facts, promises, now)
    assert [(each.kind, each.started_at) for each in found] == sorted(expected, key=lambda key: key[1]) or {
        (each.kind, each.started_at) for each in found} == set(expected)
    for clock in found:
        clock.look(now)
        state, minutes, missed = expected[clock.kind, clock.started_at]
        if clock.since is not None:
            clock.spent += clock.promise.calendar.between(clock.since, now)
        assert clock.spent == minutes * 60
        assert bool(clock.missed_at) == bool(missed)
        assert clock.state == state if state != "on" else clock.state in ("running", "paused")
