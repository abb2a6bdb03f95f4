"""What plugins are told of: what is known of events when they are claimed, and answers that want some of them alone."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.core.models import Event
from inbox.db import db, transaction
from inbox.jobs import deliveries, dispatch, telling
from inbox.plugin_host.faults import PluginFailure
from inbox.plugin_host.models import PluginFault
from inbox.plugin_host.registry import PluginHost
from inbox.testing.factories import make_message, make_ticket
from inbox.testing.plugins import plug, without_builtins
from inbox.toolkit import follow_ups, hears_only
from tests.support.plans import Recorder


@pytest.fixture
def host(app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch) -> PluginHost:
    """A host without the always-active features, so that a test sees its own plugins only."""
    return without_builtins(app)


def _only(wanted: Callable[[Any], Any], told: list[str]) -> Callable[..., None]:
    @hears_only(wanted)
    def message_received(message: Any) -> None:
        told.append(message.text)

    return message_received


def _waiting() -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(Event).where(Event.dispatched_at.is_(None))) or 0


def _faults() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(PluginFault.summary)))


def test_an_answer_hears_only_what_it_wants_and_is_asked_once_for_all(app: Flask, host: PluginHost) -> None:
    told: list[str] = []
    asked: list[list[int]] = []

    def wanted(events: Any) -> Any:
        asked.append([event.id for event in events])
        return follow_ups(events)

    plug(app, "a", _only(wanted, told))
    ticket = make_ticket(text="Help")
    make_message(ticket, "Any news?")
    make_ticket(text="Another")
    dispatch.deliver_due(app)
    assert told == ["Any news?"]
    assert len(asked) == 1 and len(asked[0]) == 3
    db.session.rollback()
    assert _waiting() == 0


def test_events_of_every_kind_can_be_sifted(app: Flask, host: PluginHost) -> None:
    told: list[str] = []

    @hears_only(lambda events: [each for each in events if each.kind == "ticket_created"])
    def event_recorded(event: Any) -> None:
        told.append(event.kind)

    plug(app, "a", event_recorded)
    make_ticket()
    dispatch.deliver_due(app)
    assert told == ["ticket_created"]


def _raises(events: Any) -> Any:
    raise ValueError("I cannot say")


def _writes(events: Any) -> Any:
    with transaction():
        return []


@pytest.mark.parametrize(("wanted", "says"), [
    (_raises, "I cannot say"), (_writes, "may not write"), (lambda events: [1, 2], "no attribute 'id'")])
def test_who_cannot_say_what_it_wants_is_told_of_all(app: Flask, host: PluginHost, wanted: Any, says: str) -> None:
    told: list[str] = []
    host.raise_faults = False
    plug(app, "a", _only(wanted, told))
    make_ticket(text="Help")
    dispatch.deliver_due(app)
    assert told == ["Help"]
    assert says in _faults()[0]


def test_in_tests_a_fault_in_saying_what_is_wanted_raises_and_the_event_is_tried_again(app: Flask,
                                                                                      host: PluginHost) -> None:
    plug(app, "a", _only(_raises, []))
    make_ticket()
    with pytest.raises(PluginFailure, match="I cannot say"):
        dispatch.deliver_due(app)
    assert deliveries.waiting() == {"a": {"failed": 1}}


def test_an_event_is_not_lost_when_the_plugin_is_paused_while_it_says_what_it_wants(
        app: Flask, host: PluginHost, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    host.raise_faults = False

    def wanted(events: Any) -> Any:
        monkeypatch.setattr(host, "active", frozenset)
        return events

    plug(app, "a", _only(wanted, told))
    make_ticket(text="Help")
    dispatch.deliver_due(app)
    assert told == [] and deliveries.waiting() == {"a": {"failed": 1}}


def test_what_was_put_off_is_sifted_when_its_time_comes(app: Flask, host: PluginHost) -> None:
    """A row says that the plugin was not told yet, not that it wants to be."""
    told: list[str] = []
    plug(app, "a", _only(follow_ups, told))
    make_ticket(text="Help")
    assert deliveries.claim("somebody", busy=["a"]) == []
    deliveries.try_again("a")
    dispatch.deliver_due(app)
    db.session.rollback()
    assert told == [] and deliveries.waiting() == {}


def test_what_was_wanted_and_failed_is_tried_again(app: Flask, host: PluginHost) -> None:
    asked: list[int] = []
    host.raise_faults = False

    def wanted(events: Any) -> Any:
        asked.extend(event.id for event in events)
        return events

    @hears_only(wanted)
    def message_received(message: Any) -> None:
        raise ValueError("the shop is down")

    plug(app, "a", message_received)
    make_ticket()
    dispatch.deliver_due(app)
    deliveries.try_again("a")
    dispatch.deliver_due(app)
    assert len(asked) == 2 and len(_faults()) == 2


def test_an_event_nobody_wants_costs_no_statement_for_each_plugin(app: Flask, host: PluginHost) -> None:
    told: list[str] = []

    def statements() -> int:
        make_ticket()
        with (recorder := Recorder(db.engine)).recording("deliver"):
            dispatch.deliver_due(app)
        return recorder.count

    plug(app, "a", _only(lambda events: [], told))
    statements()
    of_one = statements()
    for name in "bcde":
        plug(app, name, _only(lambda events: [], told))
    assert statements() == of_one and told == []


def test_two_plugins_do_not_share_an_event_as_an_object(app: Flask, host: PluginHost) -> None:
    seen: list[Any] = []

    def vandal(event: Any) -> None:
        event.data["first"] = "mine"
        seen.append(event)

    def reader(event: Any) -> None:
        seen.append(event)

    for name, function in (("a", vandal), ("b", reader)):
        function.__name__ = "message_received"
        plug(app, name, function)
    make_ticket()
    dispatch.deliver_due(app)
    assert seen[0] is not seen[1] and seen[1].data["first"] is True


def test_what_was_known_is_asked_again_after_a_failure(app: Flask, host: PluginHost) -> None:
    make_ticket()

    def ticket_created(event: Any) -> None:
        pass

    plug(app, "a", ticket_created)
    (task,) = deliveries.claim("somebody")
    assert task.standing is not None
    calm = telling.Outlook(app, "a", [task]).of(task)
    anew = telling.Outlook(app, "a", [task], failed_at=task.standing.asked_at + 0.001).of(task)
    assert calm is task.standing
    assert anew is not None and anew is not task.standing
