"""A hook ships whole: specified, called, answered by one of our own, and described for authors."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from inbox import hookspecs
from inbox.hookspecs import HookSpec, Kind
from tests.support.hooks_page import page as hooks_page

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
HOOKS = hookspecs.collect(hookspecs)
REFERENCE = ROOT / "docs" / "reference" / "hooks.md"
STATUSES = ("provisional", "stable", "deprecated")


def sources(*folders: str) -> Iterator[ast.Module]:
    """Parse every Python file below our folders, tests left out."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not {"tests", "scaffold", "testing"} & set(path.parts) and path.name != "hookspecs.py":
                yield ast.parse(path.read_text("utf-8"))


def names_in_calls(trees: Iterable[ast.Module]) -> set[str]:
    """Return every string that is an argument of some call: `call.slot("ticket_badges", …)`."""
    return {
        argument.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def answered(trees: Iterable[ast.Module]) -> set[str]:
    """Return the names of functions marked with @hookimpl."""
    return {
        node.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for mark in node.decorator_list
        if (mark.func if isinstance(mark, ast.Call) else mark).__dict__.get("id") == "hookimpl"
    }


def undeclared(spec: HookSpec) -> list[str]:
    """Return what a specification leaves out."""
    found = []
    if not spec.doc.strip() or not spec.doc.strip().splitlines()[0].endswith((".", ":")):
        found.append("a docstring whose first line is a sentence")
    if spec.kind not in Kind:
        found.append("its kind")
    if spec.status not in STATUSES:
        found.append(f"a status out of {STATUSES}")
    if not re.fullmatch(r"\d+\.\d+", spec.since):
        found.append("the version it is there since, as 0.1")
    return found


def undescribed(specs: Iterable[HookSpec], page: str) -> list[str]:
    """Return the signatures that are no heading of the reference page."""
    headings = set(re.findall(r"^#+ `([^`]+)`", page, re.M))
    return sorted({spec.signature for spec in specs} - headings)


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_hook_is_declared_in_full(name: str) -> None:
    assert undeclared(HOOKS[name]) == []


def strings(trees: Iterable[ast.Module]) -> set[str]:
    """Return every string constant, except the keys of tables."""
    keys = {id(key) for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys}
    return {node.value for tree in trees for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in keys}


def slots_in_templates() -> set[str]:
    """Return the slots that our templates ask: `slot('ticket_buttons', …)`."""
    return {name for path in (ROOT / "inbox" / "templates").rglob("*.html")
            for name in re.findall(r"""\bslot\(\s*['"](\w+)['"]""", path.read_text("utf-8"))}


def test_templates_ask_only_for_slots_that_exist() -> None:
    assert sorted(slots_in_templates() - {name for name, spec in HOOKS.items() if spec.kind is Kind.slot}) == []


def test_every_hook_is_called() -> None:
    """Events are told by the dispatcher under the name that core records them by; all others are called by name."""
    events = {name for name, spec in HOOKS.items() if spec.kind is Kind.event}
    assert sorted(set(HOOKS) - events - names_in_calls(sources("inbox")) - slots_in_templates()) == []
    assert sorted(events - strings(list(sources("inbox/core", "inbox/jobs")))) == []


def test_every_hook_has_a_test_that_names_it() -> None:
    tests = {node.name for folder in ("tests", "plugins") for path in (ROOT / folder).rglob("test_*.py")
             for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)}
    assert sorted(name for name in HOOKS if not any(each.startswith("test_") and name in each for each in tests)) == []


def test_reference_is_up_to_date() -> None:
    assert REFERENCE.read_text("utf-8") == hooks_page(), "run `make docs`"


def test_every_hook_has_a_user_of_ours() -> None:
    assert sorted(set(HOOKS) - answered(sources("inbox/builtin", "plugins"))) == []


def test_every_hook_is_described_with_its_signature() -> None:
    assert undescribed(HOOKS.values(), REFERENCE.read_text("utf-8")) == []


def test_reference_describes_no_hook_that_is_gone() -> None:
    headings = re.findall(r"^#+ `(\w+)\(", REFERENCE.read_text("utf-8"), re.M)
    assert sorted(set(headings) - set(HOOKS)) == []


def test_every_event_hook_is_a_recorded_fact() -> None:
    from inbox.core.events import KINDS

    told = {name for name, spec in HOOKS.items() if spec.kind is Kind.event} - {"event_recorded"}
    assert sorted(told - set(KINDS)) == []


def test_these_tests_can_fail() -> None:
    bad = HookSpec("x", Kind.event, ("ticket",), "soon", "new", None, None, "no sentence")
    assert len(undeclared(bad)) == 3
    assert undescribed([bad], "## `x(other)`") == ["x(ticket)"]
    tree = ast.parse("call.slot('a', t)\n@hookimpl\ndef b(): ...\n@other\ndef c(): ...\nd = 'd'")
    assert names_in_calls([tree]) == {"a"}
    assert answered([tree]) == {"b"}
    sample = SimpleNamespace(a=hookspecs.check(since="0.1")(lambda ticket: None))
    assert len(hookspecs.collect(sample)) == 1  # type: ignore[arg-type]
