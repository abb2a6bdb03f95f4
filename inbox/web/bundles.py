"""Few files instead of many: our style sheets as one, our script modules as two, put together when first asked for.

A page asks for `desk.css`, `app.js` (what every page of the desk does) and, where something can be written,
`editor.js`.
The sources stay modules of their own, which a browser could load as they are: a bundle is each module in a function of
its own, in the order in which they need each other. Only the forms of import and export that our modules use are
understood; any other is an error, which a test finds.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "static"
SHEETS = ("inbox.css", "app.css", "slots.css", "ticket.css", "finder.css")
SCRIPTS = {"app.js": ("app",), "editor.js": ("composer", "rich-text")}

_IMPORT = re.compile(r'^import (?:\{ (?P<names>[\w, ]+) \} from )?"\./(?P<module>[\w-]+)\.js";$', re.M)
_VENDOR = re.compile(r'^import \w+ from "\.\./vendor/[\w.-]+";$', re.M)
_EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) (\w+))", re.M)
_LATER = re.compile(r'\bimport\("\./(?P<module>[\w-]+)\.js"\)')
_UNKNOWN = re.compile(r"^\s*(?:import\b(?!\()|export\b).*$", re.M)


@lru_cache(maxsize=8)
def content(name: str) -> bytes | None:
    """The bytes of a bundle; None when there is none of that name."""
    if name == "desk.css":
        return b"\n".join((FOLDER / each).read_bytes() for each in SHEETS)
    return _script(name).encode() if name in SCRIPTS else None


def _script(name: str) -> str:
    """A bundle of modules. Those of `app.js` are there once: what `editor.js` needs of them it imports."""
    there = _needed(SCRIPTS["app.js"], ())
    modules = there if name == "app.js" else _needed(SCRIPTS[name], there)
    taken = sorted({each for module in modules for each in _imports(_source(module))} & set(there) - set(modules))
    vendors = list(dict.fromkeys(each[0] for module in modules for each in _VENDOR.finditer(_source(module))))
    head = [*vendors, f'import {{ {", ".join(map(_called, taken))} }} from "./app.js";'] if taken else vendors
    tail = [f"export {{ {', '.join(map(_called, modules))} }};"] if name == "app.js" else []
    return "\n".join([*head, *(_in_a_function(module) for module in modules), *tail, ""])


@lru_cache(maxsize=64)
def _source(module: str) -> str:
    return (FOLDER / "js" / f"{module}.js").read_text()


def _imports(source: str) -> list[str]:
    return [found["module"] for found in _IMPORT.finditer(source)]


def _needed(entries: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    """Modules by name, each after those it imports; without the known ones. Raises ValueError for a ring of imports."""
    order: list[str] = []

    def visit(module: str, path: tuple[str, ...]) -> None:
        if module in path:
            raise ValueError(f"These modules import each other: {' → '.join((*path, module))}.")
        if module not in order and module not in known:
            for each in _imports(_source(module)):
                visit(each, (*path, module))
            order.append(module)

    for entry in entries:
        visit(entry, ())
    return tuple(order)


def _in_a_function(module: str) -> str:
    """A module as `const $name = (() => { …; return { what, it, exports }; })();`. Raises ValueError."""
    source = _VENDOR.sub("", _source(module))
    source = _IMPORT.sub(lambda found: (
        f"const {{ {found['names']} }} = {_called(found['module'])};" if found["names"] else ""), source)
    exported = _EXPORT.findall(source)
    source = _LATER.sub(lambda found: f'import("./{_bundle_of(found["module"])}")', _EXPORT.sub("", source))
    if unknown := _UNKNOWN.search(source):
        raise ValueError(f"{module}.js says {unknown[0].strip()!r}, which inbox.web.bundles does not understand.")
    return f"const {_called(module)} = (() => {{\n{source}\nreturn {{ {', '.join(exported)} }};\n}})();"


def _bundle_of(module: str) -> str:
    return next(name for name, entries in SCRIPTS.items() if module in entries)


def _called(module: str) -> str:
    return "$" + module.replace("-", "_")
