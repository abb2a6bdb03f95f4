"""THE caller: the only place in the program that asks plugins anything.

    check("validate_reply", ticket=t, draft=d)        silence, or raises Rejected (to be shown to the person)
    prepare("prepare_ticket", ticket, message=m)      plugins set fields of the unsaved first argument
    choose("choose_agent", ticket=t, department=d)    the first answer that is not None, else None
    filter("filter_draft", draft, ticket=t)           the value, as plugins left it
    slot("ticket_badges", ticket=t, agent=a)          a list of items, in order
    event("slack", "ticket_created", ticket=t, …)     one plugin, for the dispatcher; raises PluginFailure
    register("register_settings")                     [(plugin, item), …] of the active plugins
    lifecycle("kb", "plugin_activated", …)            one plugin; raises PluginFailure

Each works in the current work context; where the application has no plugin host (the arrival process), nobody is
asked. Check, prepare, choose, filter and slot are asked *before* a write begins, never inside `transaction()`: one
slow answer would stop every other writer (RuntimeError). A plugin that raises, calls `sys.exit`, answers with the
wrong type, writes, commits or rolls back costs a stored fault, and the caller's work goes on without it; only where
`host.raise_faults` is set (as in tests) PluginFailure is raised.
"""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import current_app, has_app_context

from inbox.db import in_transaction, session
from inbox.hookspecs import HookSpec, Kind
from inbox.plugin_host import faults
from inbox.plugin_host.asking import Asking
from inbox.plugin_host.faults import PluginFailure
from inbox.plugin_host.guards import SessionGuard, Snapshot, close_leaks, complaint, too_long
from inbox.plugin_host.items import Item
from inbox.plugin_host.registry import EXTENSION, PluginHost
from inbox.plugin_host.running import Call, answering
from inbox.plugin_host.timing import PAGE_TIME, SLOW_SECONDS

__all__ = ["Call", "PluginFailure", "Rejected", "answering", "check", "choose", "current", "event", "filter", "guard",
           "hears_itself", "hears_only", "lifecycle", "prepare", "register", "registered", "slot"]

log = logging.getLogger(__name__)
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Rejected(Exception):
    """A plugin's check says no; the message is for the person who asked for the change."""


@dataclass(frozen=True)
class _Answerer:
    plugin: str
    function: Callable[..., Any]
    takes: tuple[str, ...]


def current() -> PluginHost | None:
    """The plugin host of the current work context, or None where no plugins are loaded."""
    return current_app.extensions.get(EXTENSION) if has_app_context() else None


def hears_itself(function: F) -> F:
    """Mark an event answer that is told also of events its own plugin caused. They end after two."""
    function.inbox_hears_itself = True  # type: ignore[attr-defined]
    return function


def hears_only(wanted: Callable[[Sequence[Any]], Collection[Any]]) -> Callable[[F], F]:
    """Mark an event answer that is told of some events alone: `wanted` is given those that wait for it, some at once,
    and returns those to tell. It may read and not write; the others count as told, and cost next to nothing. Several
    answers of a plugin to one hook are told of what any of them wants."""

    def mark(function: F) -> F:
        function.inbox_sift = lambda events: {event.id for event in wanted(events)}  # type: ignore[attr-defined]
        return function

    return mark


# --- the kinds --------------------------------------------------------------------------------------------------


def check(name: str, **facts: Any) -> None:
    """Ask every plugin whether a change may happen. Raises Rejected with the first refusal."""
    for asking, who in _each(name, Kind.check, facts):
        _ask(asking, who, facts)


def prepare(name: str, new: Any, **facts: Any) -> None:
    """Let every plugin set fields of `new`, an unsaved object; a failed call leaves it as it was before."""
    for asking, who in _each(name, Kind.prepare, facts):
        before = Snapshot(new)
        good = False
        try:
            good, _ = _ask(asking, who, {asking.spec.args[0]: new, **facts})
        finally:
            if not good:
                before.restore()


def choose(name: str, **facts: Any) -> Any:
    """The first answer that is not None, in order of names; None when nobody has one."""
    for asking, who in _each(name, Kind.choose, facts):
        _, answer = _ask(asking, who, facts)
        if answer is not None:
            return answer
    return None


def filter(name: str, value: T, **facts: Any) -> T:
    """Hand a value from plugin to plugin, in order of names; an answer of None leaves it unchanged."""
    for asking, who in _each(name, Kind.filter, facts):
        good, answer = _ask(asking, who, {asking.spec.args[0]: copy.copy(value), **facts})
        if good and answer is not None:
            value = answer
    return value


def slot(name: str, failed: list[str] | None = None, /, **facts: Any) -> list[Any]:
    """The items of all plugins for one place on a page, by their `order`, then by plugin.

    The names of those that failed are added to `failed`.
    """
    items: list[Any] = []
    asking: Asking | None = None
    try:
        for asking, who in _each(name, Kind.slot, facts):
            good, answer = _ask(asking, who, facts, goes_on=True)
            if not good and failed is not None:
                failed.append(who.plugin)
            if answer:
                items += [_signed(item, who.plugin) for item in answer]
    finally:
        if asking is not None:
            asking.end()
    return sorted(items, key=lambda item: getattr(item, "order", 0))


def register(name: str) -> list[tuple[str, Any]]:
    """The items that active plugins have registered, each with the plugin's name. They were asked when loaded."""
    host = current()
    if host is None:
        return []
    if host.specs[name].kind is not Kind.register:
        raise LookupError(f"There is no register hook called {name}; declare it in inbox/hookspecs.py.")
    active = host.active()
    return [(plugin, item) for plugin, item in host.registered(name) if plugin in active]


def registered(name: str) -> list[tuple[str, Any]]:
    """The items that loaded plugins have registered, active or not: their settings can be set before they run."""
    host = current()
    if host is None:
        return []
    host.states()  # loads what was installed meanwhile
    return host.registered(name)


def guard(plugin: str, what: str, function: Callable[..., T], *args: Any, may_write: bool = False,
          longest: float | None = None, **facts: Any) -> tuple[bool, T | None]:
    """Run something a plugin handed in with an item (a column's cells, a job, a template) under the caller's rules.

    `facts` (a ticket) say what it is about; a text in the answer has at most 100,000 characters. `longest` is the
    number of seconds after which it is a fault that it still runs, where ten are too few (a job).

    Returns (True, answer), or (False, None) after a fault, stored under `what`. Where faults are to be seen at once,
    raises PluginFailure.
    """
    host = current()
    if host is None:
        raise RuntimeError("There are no plugins here.")
    if longest is None and host.running.is_clogged(plugin):
        _note_skip(host, plugin, what)
        return False, None
    spec = HookSpec(what, Kind.event if may_write else Kind.slot, ("item",), "", "", None, None, "")
    who = _Answerer(plugin, lambda: function(*args), ())
    kind = "job" if longest is not None else "page" if may_write else "item"
    answer, problem = _run(Asking(host, spec, facts, kind=kind, longest=longest), who, facts)
    if problem is None:
        return True, answer
    if host.raise_faults:
        raise PluginFailure(plugin, what, problem)
    return False, None


def _signed(item: Any, plugin: str) -> Any:
    """An item that says whose it is."""
    if isinstance(item, Item):
        object.__setattr__(item, "plugin", plugin)
    return item


def event(plugin: str, name: str, **facts: Any) -> None:
    """Tell one plugin of an event. It opens its own short transactions. Raises PluginFailure, already stored, or where
    the plugin is not active any more: it was not told, and has to be."""
    if not _tell(plugin, name, Kind.event, facts):
        raise PluginFailure(plugin, name, "It is not active any more.")


def lifecycle(plugin: str, name: str, **facts: Any) -> None:
    """Tell one plugin about itself. Raises PluginFailure, already stored."""
    _tell(plugin, name, Kind.lifecycle, facts)


def _tell(plugin: str, name: str, kind: Kind, facts: dict[str, Any]) -> bool:
    """Whether it has an answer that was asked."""
    is_told = False
    for asking, who in _each(name, kind, facts, plugin):
        problem = _run(asking, who, facts)[1]
        if problem:
            raise PluginFailure(plugin, name, problem)
        is_told = True
    return is_told


def hears_itself_in(plugin: str, name: str) -> bool:
    """True when a plugin's answer to an event hook is marked by `hears_itself`."""
    host = current()
    return host is not None and any(getattr(who.function, "inbox_hears_itself", False)
                                    for who in _answerers(host, name, frozenset({plugin})))


def is_sifted(plugin: str, name: str) -> bool:
    """True when a plugin's answers to an event hook are all marked by `hears_only`."""
    sifts = _sifts(plugin, name)
    return bool(sifts) and None not in sifts


def sift(plugin: str, name: str, events: Sequence[Any]) -> set[int]:
    """The ids of those events that a plugin's answers to a hook want to be told of; after a fault in saying so, all."""
    every: set[int] = {event.id for event in events}
    found: set[int] = set()
    for wanted in _sifts(plugin, name):
        good, ids = guard(plugin, f"{name}: hears_only", wanted, events) if wanted is not None else (False, None)
        found |= ids if good and ids is not None else every
    return found


def _sifts(plugin: str, name: str) -> list[Callable[[Sequence[Any]], set[int]] | None]:
    """What the plugin's answers to a hook are marked with by `hears_only`; None for one that is not."""
    host = current()
    answers = _answerers(host, name, host.active() & {plugin}) if host is not None else []
    return [getattr(who.function, "inbox_sift", None) for who in answers]


def listeners(name: str) -> list[str]:
    """Names of the active plugins that answer an event hook; none when there is no such hook."""
    host = current()
    return [] if host is None else [who.plugin for who in _answerers(host, name, host.active())]


def taken(plugin: str, name: str) -> frozenset[str]:
    """The names of the arguments that a plugin's answers to a hook take."""
    host = current()
    answers = _answerers(host, name, frozenset({plugin})) if host is not None else ()
    return frozenset(argument for who in answers for argument in who.takes)


def waiting_listeners(name: str) -> list[str]:
    """Names of the paused plugins that would answer an event hook: their events are kept for them."""
    host = current()
    if host is None:
        return []
    paused = frozenset(plugin for plugin, state in host.states().items() if state == "paused")
    return [who.plugin for who in _answerers(host, name, paused)]


def missing_listeners() -> dict[str, list[str] | None]:
    """Active and paused plugins whose code is not here, with the event hooks they answered when it was (None: nobody
    knows): their events are kept for them, too."""
    host = current()
    return host.not_loaded() if host is not None else {}


def state_of(plugin: str) -> str:
    """active, paused, unloaded (it should be active, but its code is not here) or off."""
    host = current()
    if host is None:
        return "off"
    if plugin in host.active():
        return "active"
    if host.config.safe_mode:
        return "unloaded"  # nobody looks which of them are off: what waits for them goes on waiting
    return {"active": "unloaded", "paused": "paused"}.get(host.states().get(plugin, ""), "off")


def arguments(name: str) -> tuple[str, ...]:
    """The names of what a hook is given; none when there is no such hook."""
    host = current()
    spec = host.specs.get(name) if host is not None else None
    return spec.args if spec is not None else ()


# --- one call ---------------------------------------------------------------------------------------------------


def _each(name: str, kind: Kind, facts: dict[str, Any], only: str = "") -> Iterator[tuple[Asking, _Answerer]]:
    host = current()
    if host is None:
        return
    spec = host.specs.get(name)
    if spec is None or spec.kind is not kind:
        raise LookupError(f"There is no {kind} hook called {name}; declare it in inbox/hookspecs.py.")
    if in_transaction():
        raise RuntimeError(f"{name} is asked before the write begins, not inside transaction().")
    active = host.active()
    answerers = _answerers(host, name, active if not only else active & {only})
    if not answerers:
        return
    asking, is_quick = Asking(host, spec, facts), kind in PAGE_TIME
    for who in answerers:
        if is_quick and host.running.is_clogged(who.plugin):
            _note_skip(host, who.plugin, name)
            continue
        yield asking, who


def is_answered(name: str) -> bool:
    """True when an active plugin answers a hook: else nobody need ask."""
    host = current()
    return host is not None and bool(_answerers(host, name, host.active()))


def _note_skip(host: PluginHost, plugin: str, hook: str) -> None:
    """Several calls of a plugin hang: nobody waits for it any more until they end. One note a minute."""
    now = time.monotonic()
    if now - host.skipped_at.get(plugin, float("-inf")) >= 60:
        host.skipped_at[plugin] = now
        faults.store(host, plugin, hook, "It was not asked: earlier calls still hang.", weight=0)


def _answerers(host: PluginHost, name: str, among: frozenset[str]) -> list[_Answerer]:
    """Those who answer a hook, always-active features first, then by name."""
    if name not in host.specs:
        return []
    answers = getattr(host.pm.hook, name).get_hookimpls()
    known = host.answerers.get(name)
    if known is None or known[0] != answers:
        found = [_Answerer(each.plugin_name, each.function, tuple(each.argnames)) for each in answers]
        known = host.answerers[name] = answers, sorted(
            found, key=lambda each: (not each.plugin.startswith("builtin."), each.plugin))
    return [each for each in known[1] if each.plugin in among]


def _ask(asking: Asking, who: _Answerer, facts: dict[str, Any], *, goes_on: bool = False) -> tuple[bool, Any]:
    """(True, answer), or (False, None) after a fault."""
    answer, problem = _run(asking, who, facts, goes_on)
    if problem is None:
        return True, answer
    if asking.host.raise_faults:
        raise PluginFailure(who.plugin, asking.spec.name, problem)
    return False, None


def _run(asking: Asking, who: _Answerer, facts: dict[str, Any], goes_on: bool = False) -> tuple[Any, str | None]:
    """(answer, None), or (None, what went wrong), which is stored then."""
    host, spec = asking.host, asking.spec
    call = asking.begin(who.plugin)
    answer: Any = None
    error: BaseException | None = None
    try:  # in a copy of the context: what the plugin leaves open there (a transaction, a language) ends with the call
        answer = asking.context.copy().run(who.function, **asking.given(who.takes, facts))
    except Rejected as refusal:
        if spec.kind is Kind.check:
            raise
        error = refusal
    except BaseException as raised:  # SystemExit as well, and whatever else a plugin invents
        if _is_for_us(host, raised):
            raise
        error = raised
    finally:
        took = asking.end(call, goes_on=goes_on and error is None and not call.has_connected)
    problem = _problem(spec, call, asking.fence, error, answer)
    if asking.others and [each for each in asking.others if each.restore()] and not asking.may_write:
        problem = problem or "It changed an object that it was only given to read."
    if problem is not None or call.query_failed:  # a failed query makes PostgreSQL refuse all others
        session().rollback()  # whatever it left in our session; all that core had there was read, and is read again
    if call.connections:
        leak = close_leaks(call, rolled_back=problem is not None or call.query_failed)
        problem = problem or leak
    if host.config.trace_hooks:
        log.info("hook %s → %s: %.1f ms%s", spec.name, who.plugin, took * 1000, f" ({problem})" if problem else "")
    if host.timing.note(who.plugin, spec.name, asking.kind, took, failed=problem is not None):
        faults.store(host, who.plugin, spec.name, f"It is slow: {took * 1000:.0f} ms now, and over "
                     f"{SLOW_SECONDS * 1000:.0f} ms three times within ten minutes.", weight=0)
    if problem is None:
        if call.query_failed:
            asking.look()
        return answer, None
    asking.end()  # to store it may take a while, which is nobody's
    faults.store(host, who.plugin, spec.name, problem, error=error, ticket_id=call.ticket_id, event_id=call.event_id)
    asking.look()
    return None, problem


def _is_for_us(host: PluginHost, raised: BaseException) -> bool:
    """Ctrl-C reaches the main thread wherever it is; tests end by exceptions of their own."""
    if isinstance(raised, KeyboardInterrupt):
        return threading.current_thread() is threading.main_thread()
    return host.raise_faults and not isinstance(raised, Exception | SystemExit)


def _problem(spec: HookSpec, call: Call, fence: SessionGuard, error: BaseException | None,
             answer: Any) -> str | None:
    if answer is None and error is None:
        return fence.complaint(call)  # as of most
    found = f"{type(error).__name__}: {error}" if error is not None else None
    if call.broken or found is None:
        found = fence.complaint(call) or found
    return found or (complaint(spec, answer) if call.kind == spec.kind else too_long(answer))
