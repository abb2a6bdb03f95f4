"""Themes: templates, static files and tokens that change how the desk looks. No Python, and none of it is imported.

A theme is a folder with a `theme.toml`, bundled or in INBOX_HOME/themes. A template of a theme stands before the
original of the same path; a theme with a parent adds to what the parent has.
"""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from inbox import colors
from inbox.config import Config

FILE = "theme.toml"
PACKAGE = "inbox_themes"
NAME = re.compile(r"[a-z][a-z0-9]{1,39}")
TOKEN = re.compile(r"[a-z][a-z0-9-]{0,39}")
LENGTH = re.compile(r"-?(\d+|\d*\.\d+)(px|rem|em|ch|%)?")
FONTS = re.compile(r"""[\w\s",.'-]{1,300}""")
SUFFIXES = {".html", ".css", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".woff2", ".md", ".txt", ""}
LOOSE = {FILE, "README.md", "LICENSE", "LICENSE.txt", "LICENSE.md", "preview.png"}
MAX_PARENTS = 5
# What a theme leaves alone, so that nobody is locked out, and nobody is asked for a password by a theme.
PROTECTED = ("auth/", "setup/", "errors/", "settings/plugin", "settings/_plugin", "settings/_declared",
             "settings/theme", "settings/_theme", "plugin/")


class ThemeError(Exception):
    """A theme cannot be used; the message says why, and what would be right."""


@dataclass(frozen=True)
class Theme:
    """A theme that lies here. `tokens` are CSS custom properties without their dashes: `{"accent": "#123456"}`."""

    name: str
    title: str
    version: str
    folder: Path
    description: str = ""
    author: str = ""
    license: str = ""
    parent: str = ""
    tokens: Mapping[str, str] = field(default_factory=dict)
    is_ours: bool = False  # lies in INBOX_HOME: can be removed here
    problem: str = ""

    @property
    def templates(self) -> Path:
        return self.folder / "templates"

    @property
    def static(self) -> Path:
        return self.folder / "static"


# --- theme.toml -------------------------------------------------------------------------------------------------


def read(folder: Path, *, is_ours: bool = False) -> Theme:
    """Read and check one theme. Raises ThemeError."""
    try:
        table = tomllib.loads((folder / FILE).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ThemeError(f"{FILE} cannot be read: {error}") from error
    theme = parse(table, folder, is_ours=is_ours)
    if theme.name != folder.name:
        raise ThemeError(f'name is "{theme.name}", but the folder is called "{folder.name}".')
    return theme


def parse(table: dict[str, Any], folder: Path, *, is_ours: bool = False) -> Theme:
    """Check the values of a `theme.toml`. Raises ThemeError."""
    texts = ("name", "title", "version", "description", "author", "license", "parent")
    unknown = sorted(set(table) - {*texts, "tokens"})
    if unknown:
        raise ThemeError(f"There is no field called {', '.join(unknown)}.")
    for name in texts:
        if not isinstance(table.get(name, ""), str) or (name in texts[:3] and not table.get(name)):
            raise ThemeError(f"{name} must be text in quotes, and not empty.")
    if not NAME.fullmatch(table["name"]):
        raise ThemeError(f'name must be small letters and digits, beginning with a letter, not "{table["name"]}".')
    try:
        Version(table["version"])
    except InvalidVersion as error:
        raise ThemeError(f'version must look like "1.0", not "{table["version"]}".') from error
    tokens = table.get("tokens", {})
    if not isinstance(tokens, dict):
        raise ThemeError("tokens is a table: [tokens], then a line for each.")
    values = {name: table[name] for name in texts if name in table}
    return Theme(folder=folder, is_ours=is_ours, tokens={name: token(name, value) for name, value in tokens.items()},
                 **values)


def token(name: str, value: object) -> str:
    """A token as CSS: a colour, a pair of them `{light = …, dark = …}`, a length, or fonts. Raises ThemeError."""
    if not TOKEN.fullmatch(name):
        raise ThemeError(f'A token is called like "accent" or "text-m", not "{name}".')
    if isinstance(value, dict):
        if set(value) != {"light", "dark"} or not all(isinstance(each, str) for each in value.values()):
            raise ThemeError(f'{name}: a pair looks like {{ light = "#fff", dark = "#000" }}.')
        return f"light-dark({_color(name, value['light'])}, {_color(name, value['dark'])})"
    if not isinstance(value, str):
        raise ThemeError(f"{name} must be text in quotes, not {value!r}.")
    if LENGTH.fullmatch(value):
        return value
    if name in ("font", "mono"):
        if not FONTS.fullmatch(value):
            raise ThemeError(f"{name} is a list of names of fonts, not {value!r}.")
        return value
    return _color(name, value)


def _color(name: str, value: str) -> str:
    try:
        colors.read(value)
    except ValueError as error:
        raise ThemeError(f"{name}: {error}") from error
    return value


# --- which there are --------------------------------------------------------------------------------------------


def scan(config: Config) -> dict[str, Theme]:
    """Every theme that lies here, by name; one that cannot be used says why in `problem`. Bundled ones win."""
    found: dict[str, Theme] = {}
    for parent, is_ours in [*((each, False) for each in bundled()), (config.home / "themes", True)]:
        for folder in sorted(parent.iterdir()) if parent.is_dir() else []:
            if (folder / FILE).is_file() and folder.name not in found and not folder.name.startswith("."):
                try:
                    found[folder.name] = read(folder, is_ours=is_ours)
                except ThemeError as error:
                    found[folder.name] = Theme(folder.name, folder.name, "", folder, is_ours=is_ours,
                                               problem=str(error))
    return found


def bundled() -> list[Path]:
    """Where the themes lie that come with the program."""
    spec = importlib.util.find_spec(PACKAGE)
    places = list(spec.submodule_search_locations or []) if spec else []
    return [Path(each) for each in places] or [Path(__file__).parent.parent.parent / "themes"]


def chain(themes: Mapping[str, Theme], name: str) -> list[Theme]:
    """A theme, then its parents, nearest first. Raises ThemeError when one is missing, broken or its own ancestor."""
    found: list[Theme] = []
    while name:
        theme = themes.get(name)
        if theme is None:
            raise ThemeError(f"There is no theme called {name}.")
        if theme.problem:
            raise ThemeError(f"The theme {name} cannot be used: {theme.problem}")
        if theme in found or len(found) > MAX_PARENTS:
            raise ThemeError(f"The theme {name} is its own ancestor, or has more than {MAX_PARENTS} parents.")
        found.append(theme)
        name = theme.parent
    return found


def tokens(themes: list[Theme]) -> dict[str, str]:
    """The tokens of a chain; the nearest wins."""
    return {name: value for theme in reversed(themes) for name, value in theme.tokens.items()}


def is_protected(template: str) -> bool:
    """True for templates that no theme replaces: signing in, set-up, errors, administration of plugins and themes."""
    return template.startswith(PROTECTED)


def strange_files(names: list[str]) -> list[str]:
    """Files that a theme may not bring: programs, scripts, anything outside of its two folders."""
    def is_fine(name: str) -> bool:
        top, suffix = name.split("/")[0], Path(name).suffix.lower()
        if name in LOOSE:
            return True
        return (top == "templates" and suffix == ".html") or (top == "static" and suffix in SUFFIXES - {".html", ""})

    return [name for name in names if not is_fine(name)]


# --- can it be read? --------------------------------------------------------------------------------------------

DEFAULTS = re.compile(r"--([a-z-]+):\s*light-dark\(((?:oklch|rgb)\([^)]*\)|#\w+),\s*((?:oklch|rgb)\([^)]*\)|#\w+)\)")
PAIR = re.compile(r"light-dark\((.+?\)|#\w+), (.+?\)|#\w+)\)")
TEXT_ON = (
    *((text, ground) for ground in ("surface", "ground", "raised")
      for text in ("ink", "ink-soft", "accent", "good", "warn", "bad")),
    ("accent-ink", "accent"), ("ink", "accent-wash"), ("ink-soft", "accent-wash"), ("ink", "note-wash"),
    ("ink-soft", "note-wash"), ("ink", "mark"))


@dataclass(frozen=True)
class Faint:
    """A text and its ground that are too much alike."""

    text: str
    ground: str
    scheme: str  # light, dark
    ratio: float


@cache
def defaults() -> dict[str, str]:
    """The colours of our own look, from its style sheet."""
    css = (Path(__file__).parent.parent / "static" / "inbox.css").read_text("utf-8")
    return {name: f"light-dark({light}, {dark})" for name, light, dark in DEFAULTS.findall(css)}


def faint(chosen: Mapping[str, str], ratio: float = colors.AA) -> list[Faint]:
    """The pairs of text and ground of a look that are below a contrast, light and dark."""
    values = {**defaults(), **chosen}
    found = []
    for number, scheme in enumerate(("light", "dark")):
        for text, ground in TEXT_ON:
            there = colors.contrast(_of(values[text], number), _of(values[ground], number))
            if there < ratio:
                found.append(Faint(text, ground, scheme, there))
    return found


def _of(value: str, number: int) -> colors.Rgb:
    pair = PAIR.fullmatch(value)
    return colors.read(pair[number + 1] if pair else value)


def swatch(chosen: Mapping[str, str], name: str, scheme: str) -> str:
    """A colour of a look as `#rrggbb`."""
    return colors.write(_of({**defaults(), **chosen}[name], 0 if scheme == "light" else 1))
