"""What the caller costs: `python -m bench.hooks` (part of `make bench`).

A call through the caller beside a bare pluggy call of the same function, for each kind of hook; and an event with so
many listening plugins, from the commit to the last plugin's answer. In a process of its own with an empty desk.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from inbox.app import create_app
from inbox.config import Config
from inbox.core import messages
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Message, Ticket
from inbox.db import db, session, work_context
from inbox.hookspecs import HookSpec, Kind
from inbox.jobs import dispatch
from inbox.plugin_host import call, watchdog
from inbox.plugin_host.items import Badge
from inbox.prepare import make_tables
from inbox.testing.factories import make_ticket
from inbox.testing.plugins import plug, without_builtins

ROUNDS, LISTENERS = 2000, (0, 1, 10, 50)
KINDS = {"check": "validate_bench", "prepare": "prepare_bench", "choose": "choose_bench", "filter": "filter_bench",
         "slot": "slot_bench", "event": "event_bench"}


def answers() -> list[Callable[..., Any]]:
    """One answer of each kind, which does next to nothing."""

    def validate_bench(ticket: Any) -> None: ...

    def prepare_bench(ticket: Any) -> None: ...

    def choose_bench(ticket: Any) -> str:
        return "blue"

    def filter_bench(text: str, ticket: Any) -> str:
        return text

    def slot_bench(ticket: Any, agent: Any) -> list[Badge]:
        return [BADGE]

    def event_bench(ticket: Any, event: Any) -> None: ...

    return [validate_bench, prepare_bench, choose_bench, filter_bench, slot_bench, event_bench]


BADGE = Badge("new")


def declare(host: Any) -> None:
    """Hooks for the measurement alone; no plugin sees them."""
    import types

    from inbox import hookspecs

    module = types.ModuleType("bench_hooks")
    options: dict[Kind, dict[str, Any]] = {Kind.choose: {"answer": str}, Kind.filter: {"answer": str},
                                           Kind.slot: {"item": Badge}}
    for function in answers():
        kind = next(Kind(each) for each, name in KINDS.items() if name == function.__name__)
        setattr(module, function.__name__, hookspecs.hookspec(kind, since="0.1", **options.get(kind, {}))(function))
    host.add_specs(module)


def microseconds(function: Callable[[], Any]) -> float:
    """Median time of one call."""
    for _ in range(100):
        function()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1_000_000


def overhead(app: Any) -> list[tuple[str, float, float]]:
    """(kind, through the caller, bare) in microseconds, for a ticket that is stored."""
    host = app.extensions["inbox_plugins"]
    declare(host)
    plug(app, "bench", *answers())
    ticket, agent = make_ticket(), SimpleNamespace(id=1)
    session().refresh(ticket)
    new = Ticket(subject="Hello")
    event = SimpleNamespace(id=1, ticket_id=ticket.id)
    asked: dict[str, Callable[[], Any]] = {
        "check": lambda: call.check("validate_bench", ticket=ticket),
        "prepare": lambda: call.prepare("prepare_bench", new),
        "choose": lambda: call.choose("choose_bench", ticket=ticket),
        "filter": lambda: call.filter("filter_bench", "text", ticket=ticket),
        "slot": lambda: call.slot("slot_bench", ticket=ticket, agent=agent),
        "event": lambda: call.event("bench", "event_bench", ticket=ticket, event=event),
    }
    facts = {"ticket": ticket, "agent": agent, "event": event, "text": "text"}
    bare = host.pm.subset_hook_caller  # the measurement alone may go past the caller
    found = []
    for kind, name in KINDS.items():
        spec: HookSpec = host.specs[name]
        caller, given = bare(name, []), {each: facts[each] for each in spec.args}
        found.append((kind, microseconds(asked[kind]), microseconds(lambda c=caller, g=given: c(**g))))  # type: ignore[misc]
    return found


def cost_of_an_event(app: Any, listening: int) -> float:
    """Milliseconds from before the note is stored until every listener has been told, with nothing else to do."""

    def note_added(ticket: Any, note: Message, event: Any) -> None: ...

    host = without_builtins(app)
    for number in range(listening):
        plug(app, f"listener{number}", note_added)
    ticket, by = make_ticket(), Actor.system("bench")
    dispatch.deliver_due(app)
    times = []
    for _ in range(40):
        messages.note(ticket, Body("A note."), by=by)
        began = time.perf_counter()
        dispatch.deliver_due(app)
        times.append(time.perf_counter() - began)
    for number in range(listening):
        host.pm.unregister(name=f"listener{number}")
    return statistics.median(times) * 1000


def table() -> str:
    """Both measurements in Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        config = Config(home=Path(folder))
        make_tables(config)
        app = create_app(config)
        watching = watchdog.start(app, print)  # as in a web or worker process: calls are noted and weighed
        try:
            with work_context(app):
                without_builtins(app)
                calls = overhead(app)
            with work_context(app):
                events = [(count, cost_of_an_event(app, count)) for count in LISTENERS]
        finally:
            watching.stop()
            with work_context(app):
                db.engine.dispose()
    lines = ["### Plugins", "", "| one call of a hook of kind | through the caller | bare pluggy call | difference |",
             "|---|---|---|---|"]
    lines += [f"| {kind} | {ours:.0f} µs | {bare:.1f} µs | {ours - bare:.0f} µs |" for kind, ours, bare in calls]
    lines += ["", "| an event, told to so many plugins | in all | for each |", "|---|---|---|"]
    lines += [f"| {count} | {took:.1f} ms | {f'{(took - events[0][1]) / count:.2f} ms' if count else ''} |"
              for count, took in events]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
