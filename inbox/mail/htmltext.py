"""HTML to plain text, and the cheap measurements that say whether HTML is safe to work on at all."""

from __future__ import annotations

import html as entities
import re
from typing import NamedTuple

from inscriptis import get_text
from inscriptis.css_profiles import RELAXED_CSS_PROFILE, STRICT_CSS_PROFILE
from inscriptis.model.config import ParserConfig
from lxml.etree import LxmlError

MAX_CHARS = 1_000_000
MAX_DEPTH = 400
MAX_TAGS = 60_000
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,15})")
# Void elements, and those whose end tag mail leaves out.
_UNCLOSED = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr", "p", "li", "td", "tr", "th", "dd", "dt", "option", "tbody", "thead"})
_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}>")
_DROPPED = re.compile(r"<(script|style|title|head)\b|<!--", re.I)
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/table|/blockquote)\b[^>]*>", re.I)
_ANY = re.compile(r"<[^<>]{0,2000}>")
# The relaxed profile indents what stands in a <div> by two blanks: in mail, where every line is one, that is all.
_CONFIG = ParserConfig({**RELAXED_CSS_PROFILE, "div": STRICT_CSS_PROFILE["div"]}, display_images=False,
                       display_links=False)


class Shape(NamedTuple):
    """Number of tags and deepest nesting of elements that must be closed."""

    tags: int
    depth: int


def shape(html: str) -> Shape:
    """Counts tags in one linear pass; nesting is an upper bound good enough to refuse hostile HTML."""
    tags = depth = deepest = 0
    for tag in _TAG.finditer(html):
        slash, name = tag.groups()
        tags += 1
        if name.lower() in _UNCLOSED:
            continue
        depth = max(0, depth - 1) if slash else depth + 1
        if depth > deepest:
            deepest = depth
    return Shape(tags, deepest)


def too_big(html: str) -> bool:
    """True where parsing would cost seconds: over 1 MB, 60,000 tags or 400 levels."""
    if len(html) > MAX_CHARS:
        return True
    tags, depth = shape(html)
    return tags > MAX_TAGS or depth > MAX_DEPTH


def to_text(html: str) -> str:
    """Readable plain text of HTML, tables kept; hostile or huge HTML loses its layout, not its words."""
    if not html.strip():
        return ""
    if too_big(html):
        return strip_tags(html)
    html = _DECLARATION.sub("", html).replace("\x00", "")
    try:
        text = get_text(html, _CONFIG)
    except (LxmlError, ValueError, TypeError, IndexError, AttributeError, RecursionError, AssertionError):
        return strip_tags(html)
    return tidy(text)


def strip_tags(html: str) -> str:
    """The words of HTML without a parser: for input that a parser chokes on. At most 2 MB are looked at."""
    html = _BREAK.sub("\n", _without_dropped(html[:2_000_000]))
    return tidy(entities.unescape(_ANY.sub(" ", html)))


def _without_dropped(html: str) -> str:
    """Cuts scripts, styles and comments. A search that fails once is not repeated, so this stays linear."""
    out, at, lower, missing = [], 0, html.lower(), set()
    for found in _DROPPED.finditer(html):
        if found.start() < at:
            continue
        end_mark = f"</{found.group(1).lower()}" if found.group(1) else "-->"
        end = -1 if end_mark in missing else lower.find(end_mark, found.end())
        if end < 0:
            missing.add(end_mark)
            continue
        out.append(html[at : found.start()])
        at = end if found.group(1) else end + 3
    out.append(html[at:])
    return "".join(out)


def tidy(text: str) -> str:
    """No blanks at line ends, at most two empty lines together, none at the ends."""
    text = text.replace("\xa0", " ")
    lines = [line.rstrip() for line in text.split("\n")]
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).strip("\n")
