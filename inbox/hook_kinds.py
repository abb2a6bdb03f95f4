"""The kinds of hook, and how one is declared. The hooks themselves stand in `inbox.hookspecs`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import Any, TypeVar

import pluggy

PROJECT = "inbox"
_mark = pluggy.HookspecMarker(PROJECT)

F = TypeVar("F", bound=Callable[..., Any])


class Kind(StrEnum):
    """The eight kinds of hook."""

    register = "register"  # once, when the plugin is loaded: a list of items
    check = "check"  # just before a change: silence, or raise Rejected("why")
    prepare = "prepare"  # just before something new is stored: sets fields of it
    choose = "choose"  # core needs one answer: the first that is not None
    filter = "filter"  # a value in, a value of the same type out; None leaves it unchanged
    event = "event"  # after the commit, in a job, at least once, in order per ticket
    slot = "slot"  # while a page is drawn: a list of items for one place
    lifecycle = "lifecycle"  # told to one plugin about itself


@dataclass(frozen=True)
class HookSpec:
    """One hook: what it is called, of which kind, with which arguments, since when, how firm."""

    name: str
    kind: Kind
    args: tuple[str, ...]
    since: str
    status: str  # provisional, stable, deprecated
    answer: type | None  # what one plugin returns; None for kinds that return nothing
    item: type | None  # what a list in the answer holds
    doc: str

    @property
    def signature(self) -> str:
        return f"{self.name}({', '.join(self.args)})"


def hookspec(kind: Kind, *, since: str, status: str = "provisional", answer: type | None = None,
             item: type | None = None) -> Callable[[F], F]:
    """Declare a function as a hook. `answer` is needed for choose and filter, `item` for slot and register."""
    if kind in (Kind.choose, Kind.filter) and answer is None:
        raise TypeError(f"A {kind} hook says which type it answers with.")
    if kind in (Kind.slot, Kind.register):
        answer = list

    def declare(function: F) -> F:
        spec = HookSpec(function.__name__, kind, tuple(inspect.signature(function).parameters), since, status,
                        answer, item, inspect.getdoc(function) or "")
        function.inbox_hook = spec  # type: ignore[attr-defined]
        return _mark(function)

    return declare


def check(**options: Any) -> Callable[[F], F]:
    """Declare a hook that is asked just before a change: silence, or `Rejected`."""
    return hookspec(Kind.check, **options)


def prepare(**options: Any) -> Callable[[F], F]:
    """Declare a hook that sets fields of something new, just before it is stored."""
    return hookspec(Kind.prepare, **options)


def choose(**options: Any) -> Callable[[F], F]:
    """Declare a hook of which the first answer that is not None counts; `answer` is its type."""
    return hookspec(Kind.choose, **options)


def filter(**options: Any) -> Callable[[F], F]:
    """Declare a hook that hands a value on; `answer` is its type."""
    return hookspec(Kind.filter, **options)


def event(**options: Any) -> Callable[[F], F]:
    """Declare a hook that is told of a fact after the commit, in a job."""
    return hookspec(Kind.event, **options)


def slot(**options: Any) -> Callable[[F], F]:
    """Declare a hook that adds a list of items to a place on a page; `item` is their type."""
    return hookspec(Kind.slot, **options)


def register(**options: Any) -> Callable[[F], F]:
    """Declare a hook that is asked once, when a plugin is loaded; `item` is the type of what it returns."""
    return hookspec(Kind.register, **options)


def lifecycle(**options: Any) -> Callable[[F], F]:
    """Declare a hook that one plugin is told about itself."""
    return hookspec(Kind.lifecycle, **options)


def collect(module: ModuleType) -> dict[str, HookSpec]:
    """The hooks a module declares, by name."""
    found = (getattr(value, "inbox_hook", None) for value in vars(module).values())
    return {spec.name: spec for spec in found if spec is not None}
