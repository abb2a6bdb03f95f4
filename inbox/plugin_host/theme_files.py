"""The files of themes and of overrides: bringing a theme in, taking it away, copying a template, telling which are old.

A copied template says in its first line which original it was made from: `{# original: 1a2b3c4d #}`, the beginning of
the SHA-256 of that original. When the program's template has changed since, the report says so.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inbox.config import Config
from inbox.plugin_host import archive, themes
from inbox.plugin_host.archive import ArchiveError
from inbox.plugin_host.themes import FILE, Theme, ThemeError

LINE = re.compile(r"\{# original: ([0-9a-f]{8}) #\}")
BUILDS_ON = re.compile(r"""\{%-?\s*extends\s+["']core:""")
MOST_BYTES = 10 * 1024 * 1024
Original = Callable[[str], str | None]
"""Gives the source of our (or a plugin's) template of a path, None when there is none."""


# --- themes -----------------------------------------------------------------------------------------------------


def add(config: Config, path: Path) -> Theme:
    """Bring in a theme from a zip, in the place of an older one of that name. Raises ThemeError: nothing changed."""
    parent = config.home / "themes"
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".coming-", dir=parent) as name:
        coming = Path(name) / "theme"
        coming.mkdir()
        try:
            archive.take(path, FILE, coming, _check)
        except (ArchiveError, OSError) as error:
            raise ThemeError(str(error)) from error
        theme = _checked(config, coming)
        place = parent / theme.name
        try:
            _swap(coming, place, Path(name) / "old")
        except OSError as error:
            raise ThemeError(f"The theme {theme.name} cannot be copied: {error}") from error
    return themes.read(place, is_ours=True)


def _swap(coming: Path, place: Path, aside: Path) -> None:
    """Put a folder into its place, and what was there aside. Raises OSError; then the old one is in its place."""
    had = place.exists()
    if had:
        place.rename(aside)
    try:
        coming.rename(place)
    except OSError:
        if had:
            aside.rename(place)
        raise


def _check(names: list[str]) -> None:
    strange = themes.strange_files(names)
    if strange:
        raise ArchiveError(f"{strange[0]} does not belong into a theme: it holds {FILE}, templates/*.html, and style "
                           "sheets, pictures and fonts in static/. Take it out, then try again.")


def _checked(config: Config, folder: Path) -> Theme:
    try:
        table = themes.tomllib.loads((folder / FILE).read_text("utf-8"))
    except (UnicodeDecodeError, themes.tomllib.TOMLDecodeError) as error:
        raise ThemeError(f"{FILE} cannot be read: {error}") from error
    theme = themes.parse(table, folder, is_ours=True)
    here = themes.scan(config)
    known = here.get(theme.name)
    if known is not None and not known.is_ours:
        raise ThemeError(f"A theme called {theme.name} comes with the program. Give yours another name.")
    themes.chain({**here, theme.name: theme}, theme.name)
    return theme


def remove(config: Config, name: str) -> None:
    """Delete a theme of this site. Raises ThemeError."""
    theme = themes.scan(config).get(name)
    if theme is None or not theme.is_ours:
        raise ThemeError(f"There is no theme called {name} in this site's folder.")
    children = [each.name for each in themes.scan(config).values() if each.parent == name]
    if children:
        raise ThemeError(f"The theme {', '.join(children)} builds on {name}; remove that first.")
    shutil.rmtree(theme.folder)


# --- templates --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Override:
    """A template that stands before an original. States: same, older, unknown, extends, nothing, protected."""

    where: str  # the theme's name; empty: the site's own overrides
    template: str
    state: str


def mark(source: str) -> str:
    """What the first line of a copy says of its original."""
    return hashlib.sha256(source.encode()).hexdigest()[:8]


def copy(folder: Path, template: str, original: Original) -> Path:
    """Copy an original into a folder of templates, with its mark. Raises ThemeError."""
    if themes.is_protected(template):
        raise ThemeError(f"{template} belongs to signing in, set-up or administration: no theme replaces it.")
    source = original(template)
    if source is None:
        raise ThemeError(f"There is no template called {template}.")
    place = folder / template
    if not place.resolve().is_relative_to(folder.resolve()):
        raise ThemeError(f"{template} leads out of the folder.")
    if place.exists():
        raise ThemeError(f"{place} is there already.")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"{{# original: {mark(source)} #}}\n{source}", "utf-8")
    return place


def report(folders: dict[str, Path], original: Original) -> list[Override]:
    """Every template in the folders (by theme; "" for the site's overrides) and how it stands to its original."""
    return [Override(where, path.relative_to(folder).as_posix(), _state(path, folder, original))
            for where, folder in folders.items() if folder.is_dir()
            for path in sorted(folder.rglob("*.html")) if path.is_file()]


def _state(path: Path, folder: Path, original: Original) -> str:
    name = path.relative_to(folder).as_posix()
    if themes.is_protected(name):
        return "protected"
    source = original(name)
    if source is None:
        return "nothing"
    text = path.read_text("utf-8", "replace")
    found = LINE.match(text)
    if found:
        return "same" if found[1] == mark(source) else "older"
    return "extends" if BUILDS_ON.search(text) else "unknown"
