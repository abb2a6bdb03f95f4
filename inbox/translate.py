"""Collects, updates and compiles the translations: `python -m inbox.translate extract|update|compile`.

Marked strings are found as usual (`gettext`, `_`); so are the messages of core errors and the titles of views and
roles, which the core writes as plain English and the edges translate when they show them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from inbox.core import permissions

ROOT = Path(__file__).parent
FOLDER = ROOT / "translations"
LOCALES = ("nb", "th", "ja", "zh_Hant")
KEYWORDS = {
    **DEFAULT_KEYWORDS, "_": None, "lazy_gettext": None,
    "NotFound": None, "NotAllowed": None, "Stale": None, "Invalid": (2,), "BuiltinView": (2,), "empty": (1,),
}
METHODS = [("demo/**", "ignore"), ("migrations/**", "ignore"), ("scaffold/**", "ignore"), ("translate.py", "ignore"),
           ("**.py", "python"), ("templates/**.html", "jinja2")]
# What is shown but stands nowhere as a marked string: words stored in the database, columns, defaults.
WORDS = (
    "Owner", "Admin", "Agent", "Light agent", "open", "pending", "closed", "snoozed", "spam", "trash", "low", "normal",
    "high", "urgent", "Nobody waits.", "Nothing is assigned to you.", "You have no drafts.", "Nothing is snoozed.",
    "Nothing was closed yet.", "No spam.", "The trash is empty.", "No ticket yet.", "There is nothing here.",
    "Choose light, dark or automatic.", "Give the desk a name of at most 100 characters.",
    "There is no such time zone; write for example Europe/Oslo.", "Give a number of days, at least one.",
    "Your role does not allow this.", "Too many tries. Wait a moment, then try again.")


def collect() -> Catalog:
    """Everything that is to be translated, in order of the alphabet."""
    catalog = Catalog(project="Pluginbox", charset="utf-8")
    for _file, _line, message, _comments, context in extract_from_dir(
            ROOT, METHODS, options_map={"templates/**.html": {"silent": "false"}}, keywords=KEYWORDS):
        if message:
            catalog.add(message, context=context)
    for word in (*WORDS, *permissions.ABILITIES.values()):
        catalog.add(word)
    return catalog


def update() -> None:
    """Bring every catalogue up to date: new strings empty, strings that are gone dropped."""
    template = collect()
    for locale in LOCALES:
        path = _path(locale)
        path.parent.mkdir(parents=True, exist_ok=True)
        catalog = Catalog(locale, project="Pluginbox", charset="utf-8")
        if path.exists():
            with path.open("rb") as file:
                catalog = read_po(file, locale)
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        with path.open("wb") as file:
            _write(file, catalog)


def _write(file: BinaryIO, catalog: Catalog) -> None:
    write_po(file, catalog, no_location=True, omit_header=False, sort_output=True, width=0)


def _path(locale: str) -> Path:
    return FOLDER / locale / "LC_MESSAGES" / "messages.po"


def compile_all() -> None:
    """Write the files that the program reads."""
    for locale in LOCALES:
        with _path(locale).open("rb") as source, _path(locale).with_suffix(".mo").open("wb") as target:
            write_mo(target, read_po(source, locale))


def main(what: str) -> None:
    if what == "extract":
        _write(sys.stdout.buffer, collect())
    elif what == "update":
        update()
        compile_all()
    elif what == "compile":
        compile_all()
    else:
        raise SystemExit("Say extract, update or compile.")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
