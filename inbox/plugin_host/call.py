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

import contextvars
import copy
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from flask import current_app, has_app_context

from inbox.db import in_transaction, no_writes, session
from inbox.hookspecs import HookSpec, Kind
from inbox.plugin_host import faults
from inbox.plugin_host.faults import PluginFailure
from inbox.plugin_host.items import Item
from inbox.plugin_host.registry import EXTENSION, PluginHost
from inbox.plugin_host.timing import SLOW_SECONDS

__all__ = ["Call", "PluginFailure", "Rejected", "answering", "check", "choose", "current", "event", "filter", "guard",
           "lifecycle", "prepare", "register", "registered", "slot"]

log = logging.getLogger(__name__)
T = TypeVar("T")
PLURALS = (Kind.slot, Kind.register)


class Rejected(Exception):
    """A plugin's check says no; the message is for the person who asked for the change."""


@dataclass(frozen=True)
class Call:
    """The call that runs now: which plugin answers which hook, because of which event."""

    plugin: str
    hook: str
    event: Any = None


@dataclass(frozen=True)
class _Answerer:
    plugin: str
    function: Callable[..., Any]
    takes: tuple[str, ...]


_answering: contextvars.ContextVar[Call | None] = contextvars.ContextVar("inbox_answering", default=None)


def current() -> PluginHost | None:
    """The plugin host of the current work context, or None where no plugins are loaded."""
    return current_app.extensions.get(EXTENSION) if has_app_context() else None


def answering() -> Call | None:
    """The call in which the running code is, or None outside of plugin code."""
    return _answering.get()


# --- the kinds --------------------------------------------------------------------------------------------------


def check(name: str, **facts: Any) -> None:
    """Ask every plugin whether a change may happen. Raises Rejected with the first refusal."""
    for host, spec, who in _each(name, Kind.check):
        _ask(host, spec, who, facts)


def prepare(name: str, new: Any, **facts: Any) -> None:
    """Let every plugin set fields of `new`, an unsaved object; a failed call leaves it as it was before."""
    for host, spec, who in _each(name, Kind.prepare):
        before = _Snapshot(new)
        good = False
        try:
            good, _ = _ask(host, spec, who, {spec.args[0]: new, **facts})
        finally:
            if not good:
                before.restore()


def choose(name: str, **facts: Any) -> Any:
    """The first answer that is not None, in order of names; None when nobody has one."""
    for host, spec, who in _each(name, Kind.choose):
        _, answer = _ask(host, spec, who, facts)
        if answer is not None:
            return answer
    return None


def filter(name: str, value: T, **facts: Any) -> T:
    """Hand a value from plugin to plugin, in order of names; an answer of None leaves it unchanged."""
    for host, spec, who in _each(name, Kind.filter):
        good, answer = _ask(host, spec, who, {spec.args[0]: copy.copy(value), **facts})
        if good and answer is not None:
            value = answer
    return value


def slot(name: str, failed: list[str] | None = None, /, **facts: Any) -> list[Any]:
    """The items of all plugins for one place on a page, by their `order`, then by plugin.

    The names of those that failed are added to `failed`.
    """
    items: list[Any] = []
    for host, spec, who in _each(name, Kind.slot):
        good, answer = _ask(host, spec, who, facts)
        if not good and failed is not None:
            failed.append(who.plugin)
        items += [_signed(item, who.plugin) for item in answer or []]
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
          **facts: Any) -> tuple[bool, T | None]:
    """Run something a plugin handed in with an item (a column's cells, a job, a template) under the caller's rules.

    Returns (True, answer), or (False, None) after a fault, stored under `what`. Where faults are to be seen at once,
    raises PluginFailure.
    """
    host = current()
    if host is None:
        raise RuntimeError("There are no plugins here.")
    kind = Kind.event if may_write else Kind.slot
    spec = HookSpec(what, kind, ("item",), "", "", None, None, "")
    who = _Answerer(plugin, lambda: function(*args), ())
    answer, problem = _run(host, spec, who, facts, typed=False)
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
    """Tell one plugin of an event. It opens its own short transactions. Raises PluginFailure, already stored."""
    _tell(plugin, name, Kind.event, facts)


def lifecycle(plugin: str, name: str, **facts: Any) -> None:
    """Tell one plugin about itself. Raises PluginFailure, already stored."""
    _tell(plugin, name, Kind.lifecycle, facts)


def _tell(plugin: str, name: str, kind: Kind, facts: dict[str, Any]) -> None:
    for host, spec, who in _each(name, kind):
        if who.plugin == plugin:
            problem = _run(host, spec, who, facts)[1]
            if problem:
                raise PluginFailure(plugin, name, problem)


def listeners(name: str) -> list[str]:
    """Names of the active plugins that answer an event hook; none when there is no such hook."""
    host = current()
    return [] if host is None else [who.plugin for who in _answerers(host, name, host.active())]


def waiting_listeners(name: str) -> list[str]:
    """Names of the paused plugins that would answer an event hook: their events are kept for them."""
    host = current()
    if host is None:
        return []
    paused = frozenset(plugin for plugin, state in host.states().items() if state == "paused")
    return [who.plugin for who in _answerers(host, name, paused)]


def state_of(plugin: str) -> str:
    """active, paused, unloaded (it should be active, but its code is not here) or off."""
    host = current()
    if host is None:
        return "off"
    if plugin in host.active():
        return "active"
    return {"active": "unloaded", "paused": "paused"}.get(host.states().get(plugin, ""), "off")


def arguments(name: str) -> tuple[str, ...]:
    """The names of what a hook is given; none when there is no such hook."""
    host = current()
    spec = host.specs.get(name) if host is not None else None
    return spec.args if spec is not None else ()


# --- one call ---------------------------------------------------------------------------------------------------


def _each(name: str, kind: Kind) -> Iterator[tuple[PluginHost, HookSpec, _Answerer]]:
    host = current()
    if host is None:
        return
    spec = host.specs.get(name)
    if spec is None or spec.kind is not kind:
        raise LookupError(f"There is no {kind} hook called {name}; declare it in inbox/hookspecs.py.")
    if in_transaction():
        raise RuntimeError(f"{name} is asked before the write begins, not inside transaction().")
    for who in _answerers(host, name, host.active()):
        yield host, spec, who


def _answerers(host: PluginHost, name: str, among: frozenset[str]) -> list[_Answerer]:
    """Those who answer a hook, always-active features first, then by name."""
    if name not in host.specs:
        return []
    found = [_Answerer(each.plugin_name, each.function, tuple(each.argnames))
             for each in getattr(host.pm.hook, name).get_hookimpls() if each.plugin_name in among]
    return sorted(found, key=lambda each: (each.plugin not in host.builtins, each.plugin))


def _ask(host: PluginHost, spec: HookSpec, who: _Answerer, facts: dict[str, Any]) -> tuple[bool, Any]:
    """(True, answer), or (False, None) after a fault."""
    answer, problem = _run(host, spec, who, facts)
    if problem is None:
        return True, answer
    if host.raise_faults:
        raise PluginFailure(who.plugin, spec.name, problem)
    return False, None


def _run(host: PluginHost, spec: HookSpec, who: _Answerer, facts: dict[str, Any], *,
         typed: bool = True) -> tuple[Any, str | None]:
    """(answer, None), or (None, what went wrong), which is stored then."""
    may_write = spec.kind in (Kind.event, Kind.lifecycle)
    happened = facts.get("event")
    ticket_id, event_id = getattr(facts.get("ticket"), "id", None), getattr(happened, "id", None)
    own = spec.args[0] if spec.kind in (Kind.prepare, Kind.filter) else None  # the one it may change
    fence, others = _Guard(may_write), [_Snapshot(each) for name, each in facts.items() if name != own]
    call, began = Call(who.plugin, spec.name, happened), time.monotonic()
    answer: Any = None
    error: BaseException | None = None
    try:  # in a copy of the context: what the plugin leaves open there (a transaction, a language) ends with the call
        answer = contextvars.copy_context().run(_invoke, call, who, facts, may_write)
    except Rejected as refusal:
        if spec.kind is Kind.check:
            raise
        error = refusal
    except (Exception, SystemExit) as raised:
        error = raised
    problem = f"{type(error).__name__}: {error}" if error else (
        fence.complaint() or (_complaint(spec, answer) if typed else None))
    changed = [each for each in others if each.restore()]
    if changed and not may_write:
        problem = problem or "It changed an object that it was only given to read."
    _note_time(host, spec, who, time.monotonic() - began, problem)
    if problem is None:
        return answer, None
    session().rollback()  # whatever it left in our session; all that core had there was read, and is read again
    faults.store(host, who.plugin, spec.name, problem, error=error, ticket_id=ticket_id, event_id=event_id)
    return None, problem


def _invoke(call: Call, who: _Answerer, facts: dict[str, Any], may_write: bool) -> Any:
    _answering.set(call)
    chosen = {name: facts[name] for name in who.takes}
    if may_write:
        return who.function(**chosen)
    with no_writes(f"Hook {call.hook} of plugin {call.plugin} may not write; write in an event hook."):
        return who.function(**chosen)


def _complaint(spec: HookSpec, answer: Any) -> str | None:
    """What is wrong with an answer's type, or None."""
    if spec.answer is None:
        return None if answer is None else f"It returned {type(answer).__name__}; this hook returns nothing."
    if answer is None:
        return None
    if not isinstance(answer, spec.answer):
        return f"It returned {type(answer).__name__} instead of {spec.answer.__name__}."
    if isinstance(answer, list) and spec.kind in PLURALS and spec.item is not None:
        strange = next((each for each in answer if not isinstance(each, spec.item)), None)
        if strange is not None:
            return f"Its list holds {type(strange).__name__} instead of {spec.item.__name__}."
    return None


def _note_time(host: PluginHost, spec: HookSpec, who: _Answerer, took: float, problem: str | None) -> None:
    if host.config.trace_hooks:
        log.info("hook %s → %s: %.1f ms%s", spec.name, who.plugin, took * 1000, f" ({problem})" if problem else "")
    if host.timing.note(who.plugin, spec.name, spec.kind, took, failed=problem is not None):
        faults.store(host, who.plugin, spec.name, f"It is slow: {took * 1000:.0f} ms now, and over "
                     f"{SLOW_SECONDS * 1000:.0f} ms three times within ten minutes.", weight=0)


# --- guards -----------------------------------------------------------------------------------------------------


class _Guard:
    """Notices when a plugin ends our transaction or changes rows of our session behind core's back."""

    def __init__(self, may_write: bool) -> None:
        self._may_write = may_write  # then it opens and ends transactions of its own
        self._session = session()
        self._root = self._session.get_transaction() or self._session.begin()
        self._before = self._changed()

    def _changed(self) -> set[int]:
        return {id(each) for part in (self._session.new, self._session.dirty, self._session.deleted)
                for each in part}

    def complaint(self) -> str | None:
        """What happened to the session since, or None."""
        if not self._may_write and self._session.get_transaction() is not self._root:
            return "It ended the transaction it was called in."
        if self._changed() - self._before:
            return "It changed rows outside of transaction(), or past core's functions."
        return None


class _Snapshot:
    """The fields of an unsaved object, to be put back. Stored objects are the session guard's business."""

    def __init__(self, subject: Any) -> None:
        state = sa.inspect(subject, raiseerr=False)
        self._mapped = isinstance(state, sa.orm.InstanceState)
        unsaved = state.transient if self._mapped else hasattr(subject, "__dict__")
        self._subject = subject if unsaved and not isinstance(subject, type) else None
        self._before = self._values()

    def _values(self) -> dict[str, Any]:
        fields = vars(self._subject) if self._subject is not None else {}
        return {name: _copy(value) for name, value in fields.items() if name != "_sa_instance_state"}

    def restore(self) -> bool:
        """Put every field back. True when something had been changed."""
        now = self._values()
        if now == self._before:
            return False
        for name in now.keys() | self._before.keys():
            if name not in self._before:
                self._drop(name)
            elif name not in now or now[name] != self._before[name]:
                self._put(name, self._before[name])
        return True

    def _drop(self, name: str) -> None:
        if self._mapped:
            delattr(self._subject, name)
        else:
            del vars(self._subject)[name]

    def _put(self, name: str, value: Any) -> None:
        if self._mapped:
            setattr(self._subject, name, value)
        else:
            vars(self._subject)[name] = value


def _copy(value: Any) -> Any:
    """A plain copy of a collection (an ORM collection becomes an ordinary one); anything else as it is."""
    for plain in (list, dict, set):
        if isinstance(value, plain):
            return plain(value)
    return value
