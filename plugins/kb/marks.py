"""What was found, with the words that were looked for marked."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from inbox.toolkit import search_words
from inbox_plugins.kb.models import Translation
from inbox_plugins.kb.search import SILENT

BEFORE, LONG = 40, 140  # characters of an excerpt


def marked(locale: str, words: str, text: Translation) -> tuple[Markup, Markup]:
    """Title and excerpt of a text."""
    wanted = [each for each in search_words(words) if each not in SILENT.get(locale, ()) and len(each) > 1]
    return mark(text.live_title, wanted), mark(_excerpt(text.live_text, wanted), wanted)


def mark(text: str, wanted: list[str]) -> Markup:
    """A text in which the wanted words, and words that begin with them, are marked."""
    shown = [False] * len(text)
    folded = text.lower()
    if len(folded) == len(text):
        for start, end in _places(folded, wanted):
            shown[start:end] = [True] * (end - start)
    out, inside = [], False
    for sign, on in zip(text, shown, strict=True):
        if on != inside:
            out.append("<mark>" if on else "</mark>")
            inside = on
        out.append(str(escape(sign)))
    return Markup("".join(out) + ("</mark>" if inside else ""))  # noqa: S704 (every sign is escaped)


def _places(folded: str, wanted: list[str]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for word in wanted:
        at_start = r"(?<!\w)" if word.isascii() else ""
        found += [each.span() for each in re.finditer(at_start + re.escape(word), folded)]
    return found


def _excerpt(text: str, wanted: list[str]) -> str:
    places = _places(text.lower(), wanted)
    start = max(0, min(places)[0] - BEFORE) if places else 0
    if start and " " in text[start:start + BEFORE]:
        start = text.index(" ", start) + 1
    return ("…" if start else "") + text[start:start + LONG] + ("…" if len(text) > start + LONG else "")
