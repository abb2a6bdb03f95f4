"""What can be told of a plugin without running it: the hooks its code answers, its documentation, its rows."""

from __future__ import annotations

import ast
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from inbox import hookspecs
from inbox.db import session
from inbox.plugin_host.archive import Inspection

MOST_SOURCES, LONGEST_SOURCE = 400, 400_000
LONGEST_README = 60_000
COUNT_UP_TO = 1001
SPECS = hookspecs.collect(hookspecs)


def hooks_in_folder(folder: Path) -> list[str]:
    """The hooks that the code in a plugin's folder answers, in order of the alphabet."""
    paths = [each for each in sorted(folder.rglob("*.py"))[:MOST_SOURCES] if "tests" not in each.parts]
    return _hooks(each.read_text("utf-8", "replace") for each in paths if each.stat().st_size <= LONGEST_SOURCE)


def hooks_in(seen: Inspection) -> list[str]:
    """The hooks that the code in an inspected folder, zip or wheel answers."""
    if seen.problems:
        return []
    if seen.kind == "folder":
        return hooks_in_folder(seen.path)
    names = [each for each in seen.files if each.endswith(".py") and "tests" not in each.split("/")]
    with zipfile.ZipFile(seen.path) as source:
        return _hooks(_member(source, f"{seen.top}{each}") for each in names[:MOST_SOURCES])


def _member(source: zipfile.ZipFile, name: str) -> str:
    with source.open(name) as file:
        return file.read(LONGEST_SOURCE).decode("utf-8", "replace")


def _hooks(sources: Iterable[str]) -> list[str]:
    return sorted({hook for source in sources for hook in _marked(source) if hook in SPECS})


def _marked(source: str) -> Iterator[str]:
    """Names of the functions under `@hookimpl`, or the name that it gives them. Nothing for code that is none."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for mark in node.decorator_list:
                called = mark.func if isinstance(mark, ast.Call) else mark
                if ast.unparse(called).split(".")[-1] == "hookimpl":
                    named = [each.value for each in getattr(mark, "keywords", []) if each.arg == "specname"]
                    yield str(named[0].value) if named and isinstance(named[0], ast.Constant) else node.name


def readme(folder: Path) -> str:
    """A plugin's README.md, or nothing."""
    path = folder / "README.md"
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(LONGEST_README).decode("utf-8", "replace")


@dataclass(frozen=True)
class Kept:
    """A table of a plugin, and how many rows it has; counting stops at a thousand."""

    table: str
    rows: int


def kept(name: str) -> list[Kept]:
    """The plugin's own tables."""
    current = session()
    tables = [each for each in sorted(sa.inspect(current.connection()).get_table_names())
              if each.startswith(f"{name}_")]
    return [Kept(each, current.scalar(sa.select(sa.func.count()).select_from(
        sa.select(sa.literal(1)).select_from(sa.table(each)).limit(COUNT_UP_TO).subquery())) or 0) for each in tables]
