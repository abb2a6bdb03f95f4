"""Small things templates draw everywhere: icons, initials, hues, sizes."""

from __future__ import annotations

import zlib

from flask import Flask
from markupsafe import Markup, escape

from inbox.web.assets import static_url

HUES = 12


def icon(name: str, label: str = "") -> Markup:
    """An icon of the sprite. Without a label it is decoration: then a word stands beside it."""
    said = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup('<svg class="icon" {}><use href="{}#{}"/></svg>').format(said, static_url("icons.svg"), name)


def initials(name: str) -> str:
    """Two letters for an avatar: of first and last word, or the first two characters of a name in one piece."""
    words = [word for word in name.replace("@", " ").split() if word[0].isalnum()]
    if not words:
        return "?"
    if len(words) == 1 or not words[0][0].isascii():
        return words[0][:2].upper()
    return (words[0][0] + words[-1][0]).upper()


def hue_of(text: str) -> int:
    """The same hue for the same name, everywhere."""
    return zlib.crc32(text.encode()) % HUES


def avatar(name: str, small: bool = False) -> Markup:
    """A round face with initials. The name stands beside it, so it is hidden from screen readers."""
    return Markup('<span class="avatar hue-{}{}" aria-hidden="true">{}</span>').format(
        hue_of(name), " s" if small else "", escape(initials(name)))


def file_size(size: int) -> str:
    """Bytes for people: 820 B, 12 kB, 1.2 MB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            number = size / factor
            return f"{number:.1f} {unit}" if number < 10 else f"{number:.0f} {unit}"
    return f"{size} B"


def file_icon(content_type: str) -> str:
    return "image" if content_type.startswith("image/") else "file"


def capped(number: int) -> str:
    """A count beside a view; counting stops at a thousand."""
    return "1k+" if number > 1000 else str(number)


def init(app: Flask) -> None:
    app.jinja_env.globals.update(icon=icon, avatar=avatar, hue_of=hue_of, file_icon=file_icon)
    app.jinja_env.filters.update(file_size=file_size, capped=capped, initials=initials)
