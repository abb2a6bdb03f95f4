"""The contract every plugin keeps to, tried on a desk that is thrown away: what it says, loads, stores, shows, asks.

`complaints(desk, "loyalty")` returns all that is wrong; nothing: the plugin keeps to it. What a plugin does only under
load, or after a while, is not seen here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

from inbox.db import Base, db, session
from inbox.migrate import MigrationError
from inbox.plugin_host import discover, lifecycle, migrate, registry
from inbox.plugin_host.discover import Found
from inbox.plugin_host.lifecycle import PluginError
from inbox.testing import contract_calls
from inbox.testing.desk import Desk

# What the words of a plugin stand in, besides gettext(…): the titles of what it registers (see `said_by`).
KEYWORDS = {**DEFAULT_KEYWORDS, "_": None, "lazy_gettext": None, "Setting": (3,), "SettingTest": (2,),
            "Permission": (2,), "NotificationType": (2,), "HealthCheck": (2,), "Endpoint": (4,)}
METHODS = [("tests/**", "ignore"), ("migrations/**", "ignore"), ("build/**", "ignore"), ("**.py", "python"),
           ("templates/**.html", "jinja2")]


@dataclass(frozen=True)
class Complaint:
    """What a plugin does not keep to. `about` is one word of: manifest, readme, tables, load, inactive, sign-in, hooks,
    remote, jobs, words, uninstall."""

    about: str
    text: str

    def __str__(self) -> str:
        return f"- {self.about}: {self.text}"


def complaints(desk: Desk, name: str) -> list[Complaint]:
    """Everything that plugin `name`, within reach of this desk and not active, does not keep to."""
    before = desk.host.raise_faults
    desk.host.raise_faults = False  # here they are collected
    desk.faults()
    try:
        return list(dict.fromkeys(_all(desk, name)))
    finally:
        desk.host.raise_faults = before
        desk.faults()


def _all(desk: Desk, name: str) -> Iterator[Complaint]:
    found = discover.scan(desk.config).get(name)
    if found is None or found.problem or found.manifest is None:
        yield Complaint("manifest", found.problem or "" if found else f"There is no plugin called {name} here.")
        return
    yield from (Complaint("readme", each) for each in _readme(found))
    yield from (Complaint("words", each) for each in _words(found.folder))
    try:
        _activate_with_others(desk, found)
    except PluginError as error:
        yield Complaint("tables" if isinstance(error.__cause__, MigrationError) else "load", str(error))
        return
    except registry.LoadError as error:
        yield Complaint("load", str(error))
        return
    yield from (Complaint("tables", each) for each in _tables(found))
    for about, text in contract_calls.complaints(desk, name):
        yield Complaint(about, text)
    yield from (Complaint("uninstall", each) for each in _uninstall(name))


def _activate_with_others(desk: Desk, found: Found) -> None:
    assert found.manifest is not None
    known = discover.scan(desk.config)
    for each in found.manifest.requires_plugins:
        if each in known and each not in desk.host.active():
            _activate_with_others(desk, known[each])
    lifecycle.activate(found.name)


def _readme(found: Found) -> Iterator[str]:
    if found.source != "python" and not (found.folder / "README.md").is_file():
        yield "There is no README.md: say what the plugin does, its settings, and what it keeps."


# --- tables -----------------------------------------------------------------------------------------------------


def _columns() -> dict[str, set[str]]:
    session().rollback()
    return {table or "": {each["name"] for each in columns}
            for (_, table), columns in sa.inspect(db.engine).get_multi_columns().items()}


def _tables(found: Found) -> Iterator[str]:
    """Down and up again leaves the same; the models know what the migrations have made."""
    made = _columns()
    own = {table for table in made if table.startswith(f"{found.name}_")}
    try:
        migrate.to_base(found)
        left = sorted(own & set(_columns()))
        if left:
            yield f"Its migrations leave the table {left[0]} behind when they are undone."
        migrate.to_newest(found)
    except MigrationError as error:
        yield f"Its migrations cannot be undone: {error}"
        migrate.remove_tables(found.name, found, force=True)
        migrate.to_newest(found)
    if _columns() != made:
        yield "Its migrations, undone and done again, make other tables than before."
    for table in Base.metadata.tables.values():
        if table.name.startswith(f"{found.name}_"):
            missing = {each.name for each in table.columns} - made.get(table.name, set())
            if missing:
                yield f"Its migrations do not make {table.name}.{sorted(missing)[0]}, which its models have."


def _uninstall(name: str) -> Iterator[str]:
    try:
        lifecycle.deactivate(name)
        lifecycle.uninstall(name, name)
    except PluginError as error:
        yield str(error)
        return
    left = sorted(table for table in _columns() if table.startswith(f"{name}_"))
    if left:
        yield f"The table {left[0]} is still there after it was uninstalled."


# --- words ------------------------------------------------------------------------------------------------------


def _words(folder: Path) -> Iterator[str]:
    """Every language the plugin has a catalogue for has all of its words."""
    catalogues = sorted((folder / "translations").glob("*/LC_MESSAGES/messages.po"))
    if not catalogues:
        return
    wanted = set()
    for _file, _line, message, _comments, _context in extract_from_dir(
            folder, METHODS, options_map={"templates/**.html": {"silent": "false"}}, keywords=KEYWORDS):
        wanted.add(_first(message))
    for path in catalogues:
        locale = path.parent.parent.name
        with path.open("rb") as file:
            catalogue = read_po(file, locale)
        done = {_first(each.id) for each in catalogue if each.id and not each.fuzzy and (
            all(each.string) if isinstance(each.string, tuple) else each.string)}
        missing = sorted(wanted - done - {""})
        if missing:
            yield f"{len(missing)} texts have no translation in {locale}, as {missing[0]!r}."


def _first(text: str | tuple[str, ...] | list[str]) -> str:
    """The singular of a text that has a plural, too."""
    return text if isinstance(text, str) else text[0]
