"""The figures of a random desk against a plain recount of its raw events; tickets are merged and taken apart, too."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from inbox.testing.factories import make_agent, make_department
from inbox.toolkit import Actor, Agent, Body, Event, Ticket, messages, session, ticket_merge, tickets, transaction
from inbox_plugins.reports import figures, keep
from inbox_plugins.reports.figures import Choice, Period
from inbox_plugins.reports.models import ReportsLine

COUNTED = ("opened", "asked", "answered", "closed", "reopened", "in_one")
JUNE = Choice(Period(dt.date(2026, 6, 1), dt.date(2026, 6, 30)))


def by(agent: Agent) -> Actor:
    return Actor.of(agent)


def test_ticket_merged_and_ticket_unmerged_count_an_answer_since_the_question_that_came_along(
        reports, receive_email, deliver_events, agent):
    first, second = receive_email("Where is it?"), receive_email("Hello?", sender="ola@example.com")
    messages.reply(first, Body("On its way."), by=by(agent))
    reports.move(hours=2)
    ticket_merge.merge(second, first, by=by(agent))
    messages.reply(first, Body("Both are on their way."), by=by(agent))
    deliver_events(twice=True)
    answers = sa.select(ReportsLine.seconds).where(ReportsLine.kind == "answered").order_by(ReportsLine.event_id)
    assert session().scalars(answers).all() == [0, 7200]
    ticket_merge.undo(second.id, by=by(agent))
    messages.reply(second, Body("Yours, too."), by=by(agent))
    deliver_events()
    assert session().scalars(answers).all() == [0, 7200, 7200]


def recount(key_of: Any) -> dict[Any, dict[str, Any]]:
    """The same figures by walking through the raw events once, in the plainest way."""
    found: dict[Any, dict[str, Any]] = defaultdict(lambda: {**dict.fromkeys(COUNTED, 0), "first": [], "solution": []})
    for ticket_id in session().scalars(sa.select(Ticket.id)):
        department = opened = waits = None
        answers, asked, closed = 0, False, False
        for event in session().scalars(sa.select(Event).where(Event.ticket_id == ticket_id).order_by(Event.id)):
            agent = event.actor_id if event.actor_kind == "agent" else None
            if event.kind in ("ticket_created", "ticket_moved"):
                department = event.data["department"]
            into = found[key_of(department, agent)]
            if event.kind == "ticket_created":
                opened = event.at
                into["opened"] += 1
            if event.kind == "message_received" and not event.data.get("automatic"):
                found[key_of(department, None)]["asked"] += 1
                asked, waits = True, waits or event.at
            if event.kind == "reply_queued" and agent:
                answers += 1
                into["answered"] += 1
                if asked and answers == 1 and waits:
                    into["first"].append(int((event.at - waits).total_seconds()))
                waits = None
            if "waiting_since" in (event.data or {}):  # merged, or taken apart again
                since = event.data["waiting_since"]
                waits, asked = dt.datetime.fromisoformat(since) if since else None, asked or bool(since)
            if event.kind == "ticket_status_changed":
                now_closed = event.data["status"] == "closed"
                if now_closed and not closed:
                    into["closed"] += 1
                    into["in_one"] += answers == 1
                    into["solution"].append(int((event.at - opened).total_seconds()))
                    waits = None
                if closed and not now_closed:
                    into["reopened"] += 1
                closed = now_closed
    return found


def rank(values: list[int], percent: int) -> int:
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def random_desk(reports: Any, receive_email: Any, seed: int) -> None:
    chance = random.Random(seed)
    places = [make_department(f"Place {number}") for number in range(3)]
    people = [make_agent(f"Agent {number}", role="admin") for number in range(3)]
    known: list[Ticket] = []
    for _ in range(120):
        reports.move(minutes=chance.randrange(1, 200))
        who = by(chance.choice(people))
        if not known or chance.random() < 0.2:
            known.append(receive_email("Where is it?", sender=f"c{len(known)}@example.com"))
            continue
        ticket = session().get_one(Ticket, chance.choice(known).id)
        act = chance.choice(("reply", "close", "open", "pending", "move", "reply", "note", "merge"))
        merges = ticket_merge.of(ticket)
        if ticket.merged_into_id is not None:
            continue
        if act == "reply":
            messages.reply(ticket, Body("On its way."), by=who)
        elif act == "note":
            messages.note(ticket, Body("Look at this."), by=who)
        elif act == "merge" and merges:
            ticket_merge.undo(merges[0].ticket_id, by=who)
        elif act == "merge":
            other = session().get_one(Ticket, chance.choice(known).id)
            if other.merged_into_id is None and other.id != ticket.id:
                ticket_merge.merge(other, ticket, by=who)
        elif act == "move":
            tickets.move(ticket, chance.choice(places), by=who)
        else:
            tickets.set_status(ticket, "closed" if act == "close" else act, by=who)


def test_figures_equal_a_plain_recount_of_the_raw_events(reports, receive_email, deliver_events):
    random_desk(reports, receive_email, 1)
    deliver_events(twice=True)
    for way, key_of in (("all", lambda department, agent: 0), ("department", lambda department, agent: department),
                        ("agent", lambda department, agent: agent)):
        expected = {key: value for key, value in recount(key_of).items() if any(value.values())}
        found = figures.figures(JUNE, way)
        assert set(found) == set(expected)
        for key, value in expected.items():
            each = found[key]
            assert {name: getattr(each, name) for name in COUNTED} == {name: value[name] for name in COUNTED}
            for times, kept in ((value["first"], each.first_reply), (value["solution"], each.solution)):
                assert kept == ({50: rank(times, 50), 90: rank(times, 90)} if times else None)


def test_a_rebuild_gives_the_same_as_the_events_did(reports, receive_email, deliver_events, desk):
    random_desk(reports, receive_email, 3)
    deliver_events()
    before = figures.figures(JUNE, "agent")
    with transaction() as current:
        current.execute(sa.delete(ReportsLine))
    keep.begin_rebuild()
    desk.run_job("reports.rebuild")
    assert figures.figures(JUNE, "agent") == before
    assert keep.progress().percent == 100
