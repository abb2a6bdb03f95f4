"""The caller: each kind's rules, and what a bad plugin costs (a stored fault, nothing else)."""

import dataclasses
import re
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox import hookimpl, hookspecs
from inbox.config import load_config
from inbox.core.models import Ticket
from inbox.db import db, transaction
from inbox.db import session as session_of
from inbox.plugin_host import call
from inbox.plugin_host.blackbox import BlackBox, left_behind
from inbox.plugin_host.models import PluginFault, PluginTiming
from inbox.plugin_host.registry import LoadError, PluginHost
from inbox.testing.plugins import without_builtins

# Hooks of the kinds that no shipped hook has yet, declared as a plugin would declare them for other plugins.
more = types.ModuleType("more_hooks")


@hookspecs.check(since="0.1")
def validate_colour(ticket, colour):
    """Before a colour is set."""


@hookspecs.choose(since="0.1", answer=str)
def choose_colour(ticket):
    """The first colour wins."""


@hookspecs.filter(since="0.1", answer=str)
def filter_colour(colour, ticket):
    """A colour in, a colour out."""


@hookspecs.slot(since="0.1", item=str)
def colour_badges(ticket):
    """Words beside the colour."""


@hookspecs.register(since="0.1", item=str)
def register_colours():
    """Names of colours."""


@hookspecs.lifecycle(since="0.1")
def colour_activated(first_time):
    """Told to one plugin."""


for each in (validate_colour, choose_colour, filter_colour, colour_badges, register_colours, colour_activated):
    setattr(more, each.__name__, each)


@pytest.fixture
def host(app: Flask, session: Session) -> PluginHost:
    """A host that knows the hooks above and keeps faults instead of raising them."""
    host = without_builtins(app)
    host.add_specs(more)
    host.raise_faults = False
    return host


@pytest.fixture
def plug(host: PluginHost) -> Callable[..., None]:
    """`plug("kb", function, …)`: a plugin of that name with these answers, active at once."""

    def add(name: str, *functions: Callable[..., Any]) -> None:
        module = types.ModuleType(name)
        for function in functions:
            setattr(module, function.__name__, hookimpl(function))
        host.add_builtin(name, module)

    return add


def faults() -> list[PluginFault]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(PluginFault).order_by(PluginFault.id)))


def test_check_lets_a_change_pass_in_silence(plug) -> None:
    seen = []

    def validate_colour(colour):
        seen.append(colour)

    plug("kb", validate_colour)
    call.check("validate_colour", ticket=None, colour="red")
    assert seen == ["red"]


def test_check_hands_on_a_refusal(plug) -> None:
    def validate_colour(colour):
        raise call.Rejected("No red here.")

    plug("kb", validate_colour)
    with pytest.raises(call.Rejected, match="No red here"):
        call.check("validate_colour", ticket=None, colour="red")
    assert faults() == []


def test_a_crash_in_check_counts_as_allowed_and_is_a_fault(plug) -> None:
    def validate_colour(colour):
        raise KeyError("x")

    plug("kb", validate_colour)
    call.check("validate_colour", ticket=None, colour="red")
    (fault,) = faults()
    assert (fault.plugin, fault.hook, fault.summary) == ("kb", "validate_colour", "KeyError: 'x'")
    assert "validate_colour" in fault.trace


def test_prepare_ticket_sets_fields_of_the_unsaved_ticket(plug) -> None:
    def prepare_ticket(ticket):
        ticket.priority = "high"

    plug("kb", prepare_ticket)
    ticket = Ticket(subject="Hello")
    call.prepare("prepare_ticket", ticket, message=None)
    assert ticket.priority == "high"


def test_a_failed_prepare_leaves_the_object_as_it_was(plug) -> None:
    def prepare_ticket(ticket):
        ticket.priority, ticket.subject, ticket.type = "high", "Changed", "bug"
        raise ValueError("no")

    def later(ticket):
        ticket.type = "question"

    later.__name__ = "prepare_ticket"
    plug("a", prepare_ticket)
    plug("b", later)
    ticket = Ticket(subject="Hello")
    call.prepare("prepare_ticket", ticket, message=None)
    assert (ticket.subject, ticket.type) == ("Hello", "question")
    assert "priority" not in vars(ticket)
    assert len(faults()) == 1


def test_prepare_may_only_read_its_other_arguments(plug) -> None:
    def prepare_ticket(ticket, message):
        ticket.priority = "high"
        message.facts.append("mine")

    plug("kb", prepare_ticket)
    ticket, message = Ticket(subject="Hello"), types.SimpleNamespace(facts=["given"])
    call.prepare("prepare_ticket", ticket, message=message)
    assert message.facts == ["given"] and "priority" not in vars(ticket)
    assert "only given to read" in faults()[0].summary


def test_choose_takes_the_first_answer_by_name(plug) -> None:
    def one(ticket):
        return None

    def two(ticket):
        return "blue"

    def three(ticket):
        return "green"

    for name, function in (("c", three), ("b", two), ("a", one)):
        function.__name__ = "choose_colour"
        plug(name, function)
    assert call.choose("choose_colour", ticket=None) == "blue"


def test_a_wrong_type_is_no_answer_and_a_fault(plug) -> None:
    def choose_colour(ticket):
        return 7

    plug("kb", choose_colour)
    assert call.choose("choose_colour", ticket=None) is None
    assert faults()[0].summary == "It returned int instead of str."


def test_filter_goes_through_all_and_none_means_unchanged(plug) -> None:
    def first(colour):
        return colour + "1"

    def second(colour):
        return None

    def third(colour):
        return colour + "3"

    for name, function in (("c", third), ("b", second), ("a", first)):
        function.__name__ = "filter_colour"
        plug(name, function)
    assert call.filter("filter_colour", "red", ticket=None) == "red13"


def test_filter_ignores_a_wrong_type_and_reports_it(plug) -> None:
    def filter_colour(colour):
        return 7

    plug("kb", filter_colour)
    assert call.filter("filter_colour", "red", ticket=None) == "red"
    assert len(faults()) == 1


def test_slot_joins_lists_and_drops_wrong_ones(plug) -> None:
    def good(ticket):
        return ["new"]

    def bad(ticket):
        return [1]

    for name, function in (("a", good), ("b", bad)):
        function.__name__ = "colour_badges"
        plug(name, function)
    assert call.slot("colour_badges", ticket=None) == ["new"]
    assert "holds int instead of str" in faults()[0].summary


def test_each_of_many_answers_is_its_plugins_own(plug, host: PluginHost, tmp_path: Path) -> None:
    """Plugins that are quick go on with one call: still each is named while it runs, timed and blamed by itself."""
    host.running.blackbox = box = BlackBox(tmp_path)
    seen: list[tuple[str, list[str], list[str]]] = []

    def answer(deed: Callable[[], Any]) -> Callable[..., Any]:
        def colour_badges(ticket):
            now, mine = [each.plugin for each in host.running.now()], call.answering()
            at = [Path(box.path).read_bytes()[place + 1:].split(b"\0")[0].decode() for place in {each.place for each in
                  host.running.now()}]
            seen.append((mine.plugin if mine else "", now, at))
            return deed()

        return colour_badges

    for name, deed in {"a": lambda: None, "b": lambda: ["b"], "c": lambda: 1 / 0, "d": lambda: None,
                       "e": lambda: time.sleep(0.11), "f": lambda: session_of().rollback(), "g": lambda: ["g"]}.items():
        plug(name, answer(deed))
    for _ in range(3):
        assert call.slot("colour_badges", ticket=None) == ["b", "g"]
    assert seen == [(name, [name], [name]) for name in "abcdefg"] * 3
    assert [each.plugin for each in faults()[:2]] == ["c", "f"]
    assert {each.plugin for each in faults() if "slow" in each.summary} == {"e"}
    assert host.running.now() == []
    box.die()
    assert list(left_behind(tmp_path)) == [[]]
    host.running.blackbox = None
    host.timing.flush()
    times = {row.plugin: row for row in db.session.scalars(sa.select(PluginTiming))}
    assert {name: row.calls for name, row in times.items()} == dict.fromkeys("abcdefg", 3)
    assert times["e"].slowest_ms > 100 > max(row.slowest_ms for name, row in times.items() if name != "e")


def test_storing_a_fault_takes_no_time_of_the_next_plugin(plug, host: PluginHost, monkeypatch) -> None:
    store = call.faults.store
    monkeypatch.setattr(call.faults, "store", lambda *about, **more: (time.sleep(0.11), store(*about, **more)))

    def wrong(ticket):
        return [3]

    def right(ticket):
        return ["b"]

    for name, function in (("a", wrong), ("b", right)):
        function.__name__ = "colour_badges"
        plug(name, function)
    for _ in range(3):
        assert call.slot("colour_badges", ticket=None) == ["b"]
    assert {each.plugin for each in faults()} == {"a"}


def test_register_tells_whose_item_it_is(plug) -> None:
    def register_colours():
        return ["kb.red"]

    plug("kb", register_colours)
    assert call.register("register_colours") == [("kb", "kb.red")]


def test_lifecycle_and_events_are_told_to_one_plugin(plug) -> None:
    told = []

    def make(name):
        def colour_activated(first_time):
            told.append((name, first_time, call.answering().plugin))

        return colour_activated

    plug("a", make("a"))
    plug("b", make("b"))
    call.lifecycle("b", "colour_activated", first_time=True)
    assert told == [("b", True, "b")]
    assert call.answering() is None


def test_a_lifecycle_answer_that_fails_is_stored_and_stops_what_was_under_way(plug) -> None:
    def colour_activated(first_time):
        raise ValueError("no colours left")

    plug("a", colour_activated)
    with pytest.raises(call.PluginFailure, match="Plugin a, hook colour_activated: ValueError: no colours left"):
        call.lifecycle("a", "colour_activated", first_time=False)
    assert [(each.plugin, each.hook, each.summary) for each in faults()] == [
        ("a", "colour_activated", "ValueError: no colours left")]


@pytest.mark.parametrize("traced", ["1", ""])
def test_trace_hooks_logs_every_call_with_its_duration_and_outcome(
        host, plug, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, traced: str) -> None:
    def choose_colour(ticket):
        return "red"

    def validate_colour(ticket, colour):
        raise ValueError("no")

    monkeypatch.setenv("INBOX_TRACE_HOOKS", traced)
    host.config = load_config(host.config.home)
    plug("kb", choose_colour, validate_colour)
    caplog.set_level("INFO", "inbox.plugin_host.call")
    call.choose("choose_colour", ticket=None)
    call.check("validate_colour", ticket=None, colour="red")
    lines = [re.sub(r"\d+\.\d", "_", each.getMessage()) for each in caplog.records if each.levelname == "INFO"]
    assert lines == (["hook choose_colour → kb: _ ms", "hook validate_colour → kb: _ ms (ValueError: no)"]
                     if traced else [])


def test_sys_exit_in_a_plugin_ends_the_call_only(plug) -> None:
    def prepare_ticket(ticket):
        sys.exit(3)

    plug("kb", prepare_ticket)
    call.prepare("prepare_ticket", Ticket(), message=None)
    assert faults()[0].summary == "SystemExit: 3"


@pytest.mark.parametrize("deed", ["commit", "rollback", "transaction", "statement", "add", "change"])
def test_a_plugin_that_touches_the_database_in_prepare_is_caught(plug, session: Session, deed: str) -> None:
    from inbox.testing.factories import make_department

    make_department("Support")

    def prepare_ticket(ticket):
        from inbox.core.models import Department, Tag

        current = db.session()
        stored = current.scalar(sa.select(Department))
        if deed == "commit":
            current.commit()
        elif deed == "rollback":
            current.rollback()
        elif deed == "transaction":
            with transaction():
                stored.name = "Taken"
        elif deed == "statement":
            current.execute(sa.update(Department).values(name="Taken"))
        elif deed == "add":
            current.add(Tag(name="taken"))
        else:
            stored.name = "Taken"

    from inbox.core.models import Department, Tag

    plug("kb", prepare_ticket)
    department = session.scalar(sa.select(Department))
    call.prepare("prepare_ticket", Ticket(), message=None)
    assert department.name == "Support"
    with transaction() as current:  # the outer work goes on
        current.get(Department, department.id).signature = "Yours"
    assert session.scalar(sa.select(Department.name)) == "Support"
    assert session.scalar(sa.select(Tag)) is None
    assert len(faults()) == 1


def test_who_is_asked_after_one_that_broke_the_rules_is_not_blamed(plug, session: Session) -> None:
    def colour_badges(ticket):
        db.session().rollback()
        ticket.subject = "Theirs"
        return ["lost"]

    def second(ticket):
        return [ticket.subject]

    second.__name__ = "colour_badges"
    plug("a", colour_badges)
    plug("b", second)
    ticket = Ticket(subject="Ours")
    assert call.slot("colour_badges", ticket=ticket) == ["Ours"]
    assert [each.plugin for each in faults()] == ["a"]


@pytest.mark.parametrize("deed", ["commit", "rollback", "change"])
def test_a_plugin_that_breaks_the_rules_in_an_event_is_caught(plug, session: Session, deed: str) -> None:
    from inbox.core.models import Department
    from inbox.testing.factories import make_department

    make_department("Support")

    def ticket_created(ticket):
        current = db.session()
        if deed == "change":
            current.scalar(sa.select(Department)).name = "Taken"
            return
        with transaction():
            current.scalar(sa.select(Department)).name = "Taken"
            getattr(current, deed)()

    plug("kb", ticket_created)
    with pytest.raises(call.PluginFailure):
        call.event("kb", "ticket_created", ticket=None, message=None, event=None)
    assert len(faults()) == 1
    assert session.scalar(sa.select(Department.name)) == "Support"


def test_an_event_answer_writes_in_its_own_transaction(plug, session: Session) -> None:
    from inbox.core.models import Department
    from inbox.testing.factories import make_department

    make_department("Support")

    def ticket_created(ticket):
        with transaction() as current:
            current.scalar(sa.select(Department)).name = "Renamed"

    plug("kb", ticket_created)
    call.event("kb", "ticket_created", ticket=None, message=None, event=None)
    assert session.scalar(sa.select(Department.name)) == "Renamed"
    assert faults() == []


def test_a_transaction_left_open_by_a_plugin_ends_with_its_call(plug) -> None:
    def ticket_created(ticket):
        transaction().__enter__()
        raise ValueError("half way")

    plug("kb", ticket_created)
    with pytest.raises(call.PluginFailure):
        call.event("kb", "ticket_created", ticket=None, message=None, event=None)
    with transaction():
        pass


def test_nobody_is_asked_inside_a_transaction(plug) -> None:
    with transaction(), pytest.raises(RuntimeError, match="before the write begins"):
        call.prepare("prepare_ticket", Ticket(), message=None)


def test_an_unknown_hook_and_a_wrong_kind_are_refused(host) -> None:
    with pytest.raises(LookupError):
        call.prepare("prepare_tickets", Ticket())
    with pytest.raises(LookupError):
        call.filter("prepare_ticket", Ticket())


def test_without_a_plugin_host_nobody_is_asked(config) -> None:
    from inbox.app import create_core_app
    from inbox.db import work_context

    with work_context(create_core_app(config)):
        ticket = Ticket(subject="Hello")
        call.prepare("prepare_ticket", ticket, message=None)
        assert call.filter("filter_colour", "red", ticket=ticket) == "red"
        assert call.listeners("ticket_created") == []


def test_in_tests_faults_raise(plug, host) -> None:
    def prepare_ticket(ticket):
        raise ValueError("no")

    plug("kb", prepare_ticket)
    host.raise_faults = True
    with pytest.raises(call.PluginFailure, match="Plugin kb, hook prepare_ticket: ValueError: no"):
        call.prepare("prepare_ticket", Ticket(), message=None)


def _wrapper():
    @hookimpl(wrapper=True)
    def prepare_ticket(ticket):
        return (yield)

    return prepare_ticket


def _misspelt():
    @hookimpl
    def prepare_tiket(ticket):
        pass

    return prepare_tiket


def _default():
    @hookimpl
    def prepare_ticket(ticket, message=None):
        pass

    return prepare_ticket


def _strange_argument():
    @hookimpl
    def prepare_ticket(ticket, agent):
        pass

    return prepare_ticket


@pytest.mark.parametrize(("make", "says"), [
    (_wrapper, "wrapper"), (_misspelt, "Did you mean prepare_ticket"), (_default, "default value"),
    (_strange_argument, "no argument agent")])
def test_answers_that_match_no_hook_are_refused(host, make: Callable[[], Any], says: str) -> None:
    function = make()
    module = types.ModuleType("kb")
    setattr(module, function.__name__, function)
    with pytest.raises(LoadError, match=says):
        host.register("kb", module)
    assert not host.pm.has_plugin("kb")


def test_a_hook_that_will_go_away_is_answered_and_said_so(host, caplog: pytest.LogCaptureFixture) -> None:
    host.specs["prepare_ticket"] = dataclasses.replace(host.specs["prepare_ticket"], status="deprecated")
    module = types.ModuleType("kb")
    module.prepare_ticket = hookimpl(lambda ticket: None)  # type: ignore[attr-defined]
    module.prepare_ticket.__name__ = "prepare_ticket"
    host.register("kb", module)
    assert host.pm.has_plugin("kb")
    assert "Plugin kb answers prepare_ticket, which will go away" in caplog.text
