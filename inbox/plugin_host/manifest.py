"""Reads `plugin.toml`: what a plugin says about itself, without importing it."""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from inbox import __version__

FILE = "plugin.toml"
NAME = re.compile(r"[a-z][a-z0-9]+")
TAKEN = frozenset({"builtin", "core", "inbox", "alembic", "plugin", "plugins"})
ASKS = ("network", "mail", "files")


class ManifestError(Exception):
    """The manifest cannot be used; the message names the file, the line of it and what would be right."""


@dataclass(frozen=True)
class Manifest:
    """A plugin's own description. Versions are those of packaging.python.org, ranges like `>=0.1,<2`."""

    name: str  # letters and digits, begins with a letter; prefix of its tables, settings and addresses
    title: str
    version: str
    description: str = ""
    requires_inbox: str = ""
    requires_plugins: tuple[str, ...] = ()
    requires_python: tuple[str, ...] = ()  # requirements for pip
    category: str = ""
    public_prefix: str = ""  # at most one address outside of /x/<name>/
    asks: tuple[str, ...] = ()  # network, mail, files: told to the site owner, not enforced
    stores: tuple[str, ...] = ()  # personal data it keeps, in plain words
    author: str = ""
    homepage: str = ""  # where its author tells of it
    license: str = ""

    @property
    def incompatible(self) -> str | None:
        """Why this program cannot run it, or None."""
        if self.requires_inbox and Version(__version__) not in SpecifierSet(self.requires_inbox, prereleases=True):
            return f"It needs Pluginbox {self.requires_inbox}; this is {__version__}."
        return None


def read(path: Path) -> Manifest:
    """Read and check one `plugin.toml`. Raises ManifestError."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ManifestError(f"{path} cannot be read: {error}") from error
    try:
        return parse(table)
    except ManifestError as error:
        raise ManifestError(f"{path}: {error}") from error


def parse(table: dict[str, Any]) -> Manifest:
    """Check the values of a manifest. Raises ManifestError."""
    fields = Manifest.__dataclass_fields__
    unknown = sorted(set(table) - set(fields))
    if unknown:
        raise ManifestError(f"there is no field called {', '.join(unknown)}.")
    for name in ("name", "title", "version"):
        if not table.get(name):
            raise ManifestError(f"{name} is missing.")
    values = {name: _typed(name, value, str(fields[name].type)) for name, value in table.items()}
    manifest = Manifest(**values)
    _check_name(manifest.name)
    _check_versions(manifest)
    strange = sorted(set(manifest.asks) - set(ASKS))
    if strange:
        raise ManifestError(f"asks may hold {', '.join(ASKS)}, not {', '.join(strange)}.")
    if manifest.public_prefix and not re.fullmatch(r"/[a-z0-9-]+", manifest.public_prefix):
        raise ManifestError(f'public_prefix must look like "/help", not "{manifest.public_prefix}".')
    if manifest.homepage and not re.match(r"https?://[^\s/]", manifest.homepage):
        raise ManifestError(f'homepage must be an address like "https://example.com", not "{manifest.homepage}".')
    return manifest


def _typed(name: str, value: Any, wanted: str) -> Any:
    if wanted == "str":
        if not isinstance(value, str):
            raise ManifestError(f"{name} must be text in quotes, not {value!r}.")
        return value
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ManifestError(f'{name} must be a list of texts like ["one", "two"], not {value!r}.')
    return tuple(value)


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name) or len(name) > 40:
        raise ManifestError(f'name must be small letters and digits, beginning with a letter, not "{name}".')
    if name in TAKEN or name in sys.stdlib_module_names:
        raise ManifestError(f'the name "{name}" is taken.')


def _check_versions(manifest: Manifest) -> None:
    try:
        Version(manifest.version)
    except InvalidVersion as error:
        raise ManifestError(f'version must look like "1.0" or "1.2.3", not "{manifest.version}".') from error
    try:
        SpecifierSet(manifest.requires_inbox)
    except InvalidSpecifier as error:
        raise ManifestError(f'requires_inbox must look like ">=1.0,<2", not "{manifest.requires_inbox}".') from error
