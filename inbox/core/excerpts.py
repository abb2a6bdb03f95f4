"""The piece of a message around what a search has found in it, with the words that were looked for told apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from functools import cache
from typing import Any

import sqlalchemy as sa

from inbox.core import search
from inbox.core.models import Message
from inbox.db import columns, is_among, is_sqlite, one_plan

BEFORE, LENGTH = 16, 160  # characters: before the first hit, and in all
LOOKED_THROUGH = 20_000  # characters of a part of a message

Excerpt = tuple[tuple[str, bool], ...]  # pieces of text in order; True for what was looked for


@cache
def _parts(_sqlite: bool) -> sa.Select[*tuple[Any, ...]]:
    texts = (Message.text, Message.text_quoted, Message.text_signature)
    return one_plan(sa.select(Message.id, *(sa.func.substr(each, 1, LOOKED_THROUGH) for each in texts)).where(
        is_among(Message.id, "shown")))


def of_messages(message_pks: Collection[int], phrases: list[search.Phrase]) -> dict[int, Excerpt]:
    """Excerpts by message; those found by subject or sender alone have none."""
    if not message_pks:
        return {}
    looked_for = pattern(phrases)
    rows: Iterable[Any] = columns(_parts(is_sqlite()), {"shown": list(message_pks)})
    found = ((pk, next(filter(None, (excerpt(part or "", looked_for) for part in parts)), ())) for pk, *parts in rows)
    return {pk: piece for pk, piece in found if piece}


def pattern(phrases: list[search.Phrase]) -> re.Pattern[str]:
    """What finds any of the phrases in folded text, as the index finds them (`inbox.core.search`)."""
    return re.compile("|".join(map(_pattern, phrases)))


def _pattern(phrase: search.Phrase) -> str:
    if phrase.prefix and not search.is_paired(phrase.tokens[0]):
        return rf"(?<![^\W_]){re.escape(phrase.tokens[0])}[^\W_]*"
    first, *others = phrase.tokens  # pairs of characters, each beginning with the end of the one before
    return re.escape(first + "".join(each[1:] for each in others))


def excerpt(text: str, looked_for: re.Pattern[str]) -> Excerpt:
    """The first hit of a text with what stands around it; nothing where there is none."""
    text = " ".join(unicodedata.normalize("NFKC", text).split())
    folded = text.casefold()
    places = range(len(text) + 1) if len(folded) == len(text) else _places(text)
    hits = [(places[hit.start()], places[hit.end()]) for hit in looked_for.finditer(folded)]
    if not hits:
        return ()
    begin, end = _window(text, hits[0][0])
    pieces: list[tuple[str, bool]] = [("… ", False)] if begin else []
    for hit_begin, hit_end in hits:
        if hit_begin >= end:
            break
        pieces += [(text[begin:hit_begin], False), (text[hit_begin:min(hit_end, end)], True)]
        begin = min(hit_end, end)
    pieces += [(text[begin:end], False), *([(" …", False)] if end < len(text) else [])]
    return tuple(piece for piece in pieces if piece[0])


def _places(text: str) -> list[int]:
    """Where each character of the folded text comes from: some (ß) become several."""
    return [place for place, letter in enumerate(text) for _ in letter.casefold()] + [len(text)]


def _window(text: str, hit: int) -> tuple[int, int]:
    """From where to where the text is shown: between words where that is near, never between a letter and its marks."""
    begin = max(0, hit - BEFORE)
    if begin:
        begin = next((place + 1 for place in range(begin, hit) if text[place] == " "), begin)
    while 0 < begin < hit and _is_mark(text[begin]):
        begin += 1
    end = min(len(text), begin + LENGTH)
    while end < len(text) and _is_mark(text[end]):
        end += 1
    return begin, end


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter).startswith("M")
