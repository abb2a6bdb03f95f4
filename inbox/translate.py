"""Collects, updates and compiles the translations: `python -m inbox.translate extract|update|compile`.

Marked strings are found as usual (`gettext`, `_`); so are the messages of core errors, the titles of views and roles
and the sentences about a message, which are written as plain English and translated when they are shown.
"""

from __future__ import annotations

import ast
import datetime as dt
import re
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import BinaryIO

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from inbox.core import permissions
from inbox.core.models import FATES

ROOT = Path(__file__).parent
FOLDER = ROOT / "translations"
WHEN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)  # a date that changed would make every update a conflict
LOCALES = ("nb", "th", "ja", "zh_Hant")
KEYWORDS = {
    **DEFAULT_KEYWORDS, "_": None, "lazy_gettext": None,
    "NotFound": None, "NotAllowed": None, "Stale": None, "Invalid": (2,), "View": (2,), "empty": (1,),
    "RailLink": (2,), "Setting": (3,), "SettingTest": (2,),
    "_translated": (2,), "_refuse": (2,), "Permission": (2,), "NotificationType": (2,), "HealthCheck": (2,),
}
METHODS = [("demo/**", "ignore"), ("migrations/**", "ignore"), ("scaffold/**", "ignore"), ("translate.py", "ignore"),
           ("**.py", "python"), ("templates/**.html", "jinja2"), ("builtin/**.html", "jinja2")]
# "The message is empty.", "{1} cannot be reached on port {2}: {3}", "{1} It was not installed."
_SENTENCE = re.compile(r"(?:[A-Z]|\{\d\} [A-Za-z])[^\n]* [^\n]*(?:[.?]|: \{\d\}|\(\{\d\}\))\Z")
# Files whose sentences ("The message is empty.") are kept in the database and translated when they are shown.
SPOKEN = ("builtin/auto_reply.py", "colors.py", "core/circuits.py", "core/errors.py", "core/plugin_settings.py",
          "core/settings.py", "core/fields.py", "mail/catcher.py", "mail/charsets.py", "mail/deliver.py",
          "mail/headers.py", "mail/imap.py", "mail/imap_client.py", "mail/oauth.py", "mail/parse.py", "mail/parts.py",
          "mail/pop3.py", "mail/receive.py", "mail/reconcile.py", "core/imports.py", "exchange/bring.py",
          "mail/import_mail.py", "mail/import_sources.py",
          "mail/repair.py", "mail/smtp_client.py", "plugin_host/archive.py", "plugin_host/bring.py",
          "plugin_host/discover.py", "plugin_host/faults.py", "plugin_host/lifecycle.py", "plugin_host/manifest.py",
          "plugin_host/migrate.py", "plugin_host/registry.py", "plugin_host/requirements.py", "plugin_host/store.py",
          "plugin_host/theme_files.py", "plugin_host/themes.py", "plugin_host/trial.py", "web/setting_form.py")
# Errors that say to a person why it cannot be; all others named so are faults of the program.
SHOWN = ("ArchiveError", "LoadError", "ManifestError", "MigrationError", "PluginError", "RequirementsError",
         "ThemeError", "TrialError")
# What is shown but stands nowhere as a marked string: words stored in the database, columns, defaults.
WORDS = (
    "Owner", "Admin", "Agent", "Light agent", "open", "pending", "closed", "snoozed", "spam", "trash", "low", "normal",
    "high", "urgent", "Nobody waits.", "Nothing is assigned to you.", "You have no drafts.", "Nothing is snoozed.",
    "Nothing was closed yet.", "No spam.", "The trash is empty.", "No ticket yet.", "There is nothing here.",
    "Choose light, dark or automatic.", "Compact", "More rows on a page, for desks with long queues.", "High contrast",
    "Large type, strong lines, and every text at least 7 to 1 against its ground (WCAG AAA).",
    "Only the header of this message was fetched: it has {1} MB, and this desk takes {2} MB. It is still on the mail "
    "server, and is fetched when max_message_bytes is raised.")


def collect() -> Catalog:
    """Everything that is to be translated, in order of the alphabet."""
    catalog = Catalog(project="Pluginbox", charset="utf-8")
    options = {pattern: {"silent": "false"} for pattern, method in METHODS if method == "jinja2"}
    for _file, _line, message, _comments, context in extract_from_dir(
            ROOT, METHODS, options_map=options, keywords=KEYWORDS):
        if message:
            catalog.add(message, context=context)
    for word in (*WORDS, *FATES, *permissions.ABILITIES.values()):
        catalog.add(word)
    for name in SPOKEN:
        for sentence in sentences((ROOT / name).read_text(encoding="utf-8")):
            catalog.add(sentence)
    return catalog


def sentences(source: str) -> Iterator[str]:
    """The whole sentences among the strings of a program; not its docstrings, nor what only programmers are told.

    What an f-string fills in becomes `{1}`, `{2}` …; `inbox.core.words.say` finds the values again.
    """
    pending: list[ast.AST] = [ast.parse(source)]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Constant, ast.JoinedStr)):
            if _SENTENCE.match(text := _text(node)):
                yield text
        elif not (_is_docstring(node) or _is_for_programmers(node)):
            pending.extend(ast.iter_child_nodes(node))


def _text(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    number = count(1)
    return "".join(str(each.value) if isinstance(each, ast.Constant) else f"{{{next(number)}}}" for each in node.values)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_for_programmers(node: ast.AST) -> bool:
    """An error that is a fault of the program, or a line of its log."""
    called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    return (called.endswith("Error") and called not in SHOWN) or called.startswith("log.")


def update() -> None:
    """Bring every catalogue up to date: new strings empty, strings that are gone dropped. Idempotent."""
    template = collect()
    for locale in LOCALES:
        path = _path(locale)
        path.parent.mkdir(parents=True, exist_ok=True)
        catalog = Catalog(locale, project="Pluginbox", version="1", charset="utf-8", fuzzy=False,
                          msgid_bugs_address="-", last_translator="-", language_team="-", creation_date=WHEN,
                          revision_date=WHEN, header_comment="# Translation of Pluginbox.")
        known = _read(path) if path.exists() else catalog
        for each in template:
            if each.id:
                found = known.get(each.id, each.context)
                catalog.add(each.id, found.string if found else "", context=each.context)
        with path.open("wb") as file:
            _write(file, catalog)


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, path.parent.parent.name)


def _write(file: BinaryIO, catalog: Catalog) -> None:
    write_po(file, catalog, no_location=True, omit_header=False, sort_output=True, width=0)


def _path(locale: str) -> Path:
    return FOLDER / locale / "LC_MESSAGES" / "messages.po"


def compile_all() -> None:
    """Write the files that the program reads."""
    for locale in LOCALES:
        with _path(locale).with_suffix(".mo").open("wb") as target:
            write_mo(target, _read(_path(locale)))


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
