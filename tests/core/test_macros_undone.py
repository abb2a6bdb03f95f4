"""What saved replies do with an answer that waits: taken back with it, or done as far as it can be when it leaves."""

import datetime as dt
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from inbox.core import outgoing_hold, tickets
from inbox.core.answering import Wishes
from inbox.core.events import Actor
from inbox.core.messages import Sending
from inbox.core.models import Agent, Ticket
from inbox.core.outgoing_hold import Wait
from inbox.db import utcnow
from inbox.testing.factories import make_agent, make_department
from tests.core.test_outgoing_hold import held, kari, ticket, work

__all__ = ["kari", "ticket"]  # fixtures


def names(ticket: Ticket) -> list[str]:
    return sorted(each.name for each in ticket.tags)


def test_undo_takes_back_what_a_saved_reply_did_and_remembers_it(ticket: Ticket, kari: Agent) -> None:
    tickets.tag(ticket, "old", by=Actor.of(kari))
    typed = {"actions": ["tag:refund", "untag:old", "priority:high"], "about": ""}
    wait = Wait(utcnow() + dt.timedelta(seconds=18))
    reply = held(ticket, kari, Sending(Wishes(acts=tuple(typed["actions"])), wait, typed=typed))
    assert (names(ticket), ticket.priority) == (["refund"], "high")
    tickets.tag(ticket, "since", by=Actor.of(kari))
    draft = outgoing_hold.undo(reply.id, by=Actor.of(kari))
    assert (names(ticket), ticket.priority) == (["old", "since"], "normal")
    assert draft.extra["actions"] == typed["actions"] and draft.extra["to"] == "Ola <ola@example.no>"


def test_undo_brings_a_ticket_back_into_its_department(ticket: Ticket, session: Session) -> None:
    billing, before = make_department("Billing"), ticket.department_id
    both = make_agent("Siv", departments=[ticket.department, billing])
    wait = Wait(utcnow() + dt.timedelta(seconds=18))
    reply = held(ticket, both, Sending(Wishes(acts=(f"department:{billing.id}",)), wait))
    assert ticket.department_id == billing.id
    outgoing_hold.undo(reply.id, by=Actor.of(both))
    assert ticket.department_id == before


def test_what_is_sent_later_does_what_can_still_be_done(
        ticket: Ticket, kari: Agent, session: Session, app: Flask, frozen_time: Any) -> None:
    wait = Wait(utcnow() + dt.timedelta(days=1), later=True)
    held(ticket, kari, Sending(Wishes(acts=("assign:9999", "tag:refund")), wait))
    assert names(ticket) == []
    frozen_time.move(days=1)
    work(app, session)
    assert names(ticket) == ["refund"] and ticket.assignee_id == kari.id
