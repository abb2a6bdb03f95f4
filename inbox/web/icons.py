"""Small things templates draw everywhere: icons, initials, hues, sizes."""

from __future__ import annotations

import re
import zlib
from functools import cache, lru_cache

from flask import Flask
from markupsafe import Markup, escape

from inbox.web.assets import static_url

HUES = 12
_BETWEEN_WORDS = re.compile(r"[\s@._\-\"'()<>]+")
_IDEOGRAPHS = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_THAI_VOWELS_FIRST = "เแโใไ"  # written before the consonant they follow
_SCRIPTS = (  # the first one found names the language: kana before ideographs, which Japanese uses, too
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("zh-Hant", re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
)


def icon(name: str, label: str = "") -> Markup:
    """An icon of the sprite. Without a label it is decoration: then a word stands beside it."""
    return _icon(name, str(label), static_url("icons.svg"))


@lru_cache(maxsize=2000)
def _icon(name: str, label: str, sprite: str) -> Markup:
    said = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup('<svg class="icon" {}><use href="{}#{}"/></svg>').format(said, sprite, name)


def initials(name: str) -> str:
    """One or two characters for an avatar: `Maja Haugen` MH, `佐藤 美咲` 佐藤, `陳柏宇` 陳, `ธนกร ศรีสุข` ธศ."""
    words = [word for word in _BETWEEN_WORDS.split(name) if word and word[0].isalnum()]
    if not words:
        return "?"
    if _IDEOGRAPHS.match(words[0]):
        return words[0][:2] if len(words) > 1 else words[0][0]
    chosen = words[:1] if len(words) == 1 else [words[0], words[-1]]
    letters = [next((each for each in word if each not in _THAI_VOWELS_FIRST), word[0]) for word in chosen]
    return ("".join(letters) if len(words) > 1 else words[0][:2] if words[0].isascii() else letters[0]).upper()


def language_of(text: str) -> str:
    """The language tag that gives a text its own glyphs, judged by its script; empty for Latin letters."""
    return _language_of(text[:400])


@lru_cache(maxsize=4096)
def _language_of(sample: str) -> str:
    return next((tag for tag, script in _SCRIPTS if script.search(sample)), "")


def lang(text: str | None) -> Markup:
    """The attributes of an element that holds a customer's words: `lang` and `dir`."""
    return _lang(language_of(text or ""))


@cache
def _lang(tag: str) -> Markup:
    return Markup('lang="{}" dir="auto"').format(tag) if tag else Markup('dir="auto"')


def hue_of(text: str) -> int:
    """The same hue for the same name, everywhere."""
    return zlib.crc32(text.encode()) % HUES


@lru_cache(maxsize=4096)
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
    app.jinja_env.filters.update(file_size=file_size, capped=capped, initials=initials, lang=lang)
