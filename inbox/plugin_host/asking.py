"""One question to plugins: what the calls of all who answer it have in common, and where one ends and the next begins.

Used by the caller (call.py) alone.
"""

from __future__ import annotations

import contextvars
from typing import Any

from inbox.db import forbid_writes
from inbox.hookspecs import HookSpec, Kind
from inbox.plugin_host import running
from inbox.plugin_host.guards import SessionGuard, Snapshot
from inbox.plugin_host.registry import PluginHost
from inbox.plugin_host.running import Call


class Asking:
    """One question: what the calls of all who answer it have in common."""

    __slots__ = ("_given", "_open", "context", "event", "facts", "fence", "host", "kind", "longest", "may_write",
                 "others", "spec", "ticket_id")

    def __init__(self, host: PluginHost, spec: HookSpec, facts: dict[str, Any], *, kind: str | None = None,
                 longest: float | None = None) -> None:
        self.host, self.spec, self.facts = host, spec, facts
        self.kind = kind or spec.kind.value  # says what it is if it is no hook
        self.may_write = spec.kind in (Kind.event, Kind.lifecycle)
        self.longest = None if spec.kind is Kind.lifecycle else longest or running.LONGEST_CALL
        self.event, self.ticket_id = facts.get("event"), getattr(facts.get("ticket"), "id", None)
        self._given: dict[tuple[str, ...], dict[str, Any]] = {}
        self._open: Call | None = None  # the last call, where the next one goes on with it
        self.context = contextvars.copy_context()
        if not self.may_write:
            self.context.run(forbid_writes, f"Hook {spec.name} may not write; write in an event hook.")
        self.look()

    def given(self, takes: tuple[str, ...], facts: dict[str, Any]) -> dict[str, Any]:
        """What of the facts a function takes; of the same facts it is chosen once."""
        if facts is not self.facts or takes not in self._given:
            self._given[takes] = {name: facts[name] for name in takes}
        return self._given[takes]

    def begin(self, plugin: str) -> Call:
        """The call of a plugin starts now."""
        call, self._open = self._open, None
        if call is not None:
            self.host.running.go_on(call, plugin)
            return call
        call = Call(plugin, self.spec.name, self.kind, self.event, self.ticket_id, self.longest)
        self.context.run(running.enter, call)
        self.host.running.begin(call)
        return call

    def end(self, call: Call | None = None, *, goes_on: bool = False) -> float:
        """A call (the last one) has ended. Returns the seconds it took. The next plugin may go on with one that was
        quick: most have nothing to say, and to note each from its beginning to its end would take longer than to ask.
        """
        call = call or self._open
        if call is None:
            return 0.0
        took = self.host.running.end(call, goes_on=goes_on)
        self._open = call if goes_on and took < running.QUICK_SECONDS else None
        return took

    def look(self) -> None:
        """Remember how the session and what is given to be read are: each call has to leave them so."""
        own = self.spec.args[0] if self.spec.kind in (Kind.prepare, Kind.filter) else None  # the one it may change
        self.fence, self.others = SessionGuard(self.may_write), Snapshot.of(self.facts, own)
