"""The plain text of what an agent wrote in the editor: lists, links, quotes and tables stay readable without HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from lxml import html as parser
from lxml.etree import LxmlError

from inbox.mail import htmltext

_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "center", "dd", "details", "div", "dl", "dt", "figcaption", "figure",
    "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section",
    "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "caption"})
_APART = frozenset({"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul", "dl"})
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_NOT_SAID = re.compile(r"^(?:mailto:|tel:|https?://(?:www\.)?)|/$", re.IGNORECASE)
RULE = "-" * 20
DEEPEST = 200  # the parser leaves out what lies deeper


def from_html(html: str) -> str:
    """Readable plain text of sanitised HTML. What is too big or odd loses its layout, not its words."""
    if not html.strip():
        return ""
    if htmltext.too_big(html) or htmltext.shape(html).depth > DEEPEST:
        return htmltext.strip_tags(html)
    try:
        root = parser.fragment_fromstring(html, create_parent="div")
        inline = _without_blocks(root)
        return "\n".join(each.rstrip() for each in _Writer(inline).block(root)).strip("\n")
    except (LxmlError, ValueError, RecursionError):
        return htmltext.to_text(html)


def _without_blocks(root: parser.HtmlElement) -> Callable[[parser.HtmlElement], bool]:
    """Says of an element whether all in it belongs into a line."""
    outer: set[parser.HtmlElement] = set()
    for each in root.iter(*_BLOCKS):
        at: parser.HtmlElement | None = each
        while at is not None and at not in outer:
            outer.add(at)
            at = at.getparent()
    return lambda element: element not in outer


class _Writer:
    """Lines of blocks, from the inside out."""

    def __init__(self, is_inline: Callable[[parser.HtmlElement], bool]) -> None:
        self._is_inline = is_inline

    def block(self, element: parser.HtmlElement) -> list[str]:
        """The lines of what stands in a block."""
        lines: list[str] = []
        words, was_apart = _blanks(element.text), False
        for child in element:
            if self._is_inline(child):
                words += self._words(child)
            else:
                if before := _broken(words):
                    _add(lines, before, apart=was_apart)
                    was_apart = False
                is_apart = child.tag in _APART
                _add(lines, self._lines(child), apart=was_apart or is_apart)
                words, was_apart = "", is_apart
            words += _blanks(child.tail)
        _add(lines, _broken(words), apart=was_apart)
        return lines

    def _lines(self, element: parser.HtmlElement) -> list[str]:
        tag = element.tag
        if tag in ("ul", "ol"):
            return list(self._items(element))
        if tag == "blockquote":
            return [f"> {each}".rstrip() if not each.startswith(">") else f">{each}" for each in self.block(element)]
        if tag == "pre":
            return (element.text_content() or "").strip("\n").split("\n")
        if tag == "hr":
            return [RULE]
        if tag == "tr":
            cells = [" ".join(filter(None, self.block(each))) for each in element if each.tag in ("td", "th")]
            return [" | ".join(cells)]
        return self.block(element) or ([""] if tag in ("div", "p") else [])

    def _items(self, element: parser.HtmlElement) -> Iterator[str]:
        start = element.get("start", "1")
        number = int(start) if re.fullmatch(r"\d{1,6}", start) else 1
        for item in element:
            inside = [each for each in (self.block(item) if item.tag == "li" else self._lines(item)) if each]
            mark = f"{number}. " if element.tag == "ol" else "- "
            if item.tag != "li":
                mark = "  "  # a list right inside of a list
            else:
                number += 1
            for place, line in enumerate(inside or [""]):
                yield (mark if place == 0 else " " * len(mark)) + line

    def _words(self, element: parser.HtmlElement) -> str:
        tag = element.tag
        if tag == "br":
            return "\n"
        if tag == "img":
            return f"[{element.get('alt')}]" if element.get("alt") else ""
        if not isinstance(tag, str):
            return ""
        words = _blanks(element.text) + "".join(self._words(each) + _blanks(each.tail) for each in element)
        return _linked(words, element.get("href", "")) if tag == "a" else words


def _linked(words: str, address: str) -> str:
    """A link: its words, and where it leads unless the words say that."""
    def bare(text: str) -> str:
        return _NOT_SAID.sub("", _NOT_SAID.sub("", text.strip())).casefold()

    if not address or bare(words) == bare(address):
        return words
    return f"{words} <{address.removeprefix('mailto:')}>" if words.strip() else address


def _blanks(text: str | None) -> str:
    return _BLANKS.sub(" ", text or "").replace("\u200b", "")


def _broken(words: str) -> list[str]:
    """The lines of a run of words; the break at its end only ends it."""
    if not words.strip(" "):
        return []
    lines = [" ".join(each.replace("\xa0", " ").split(" ")).strip() for each in words.removesuffix("\n").split("\n")]
    return [re.sub(" {2,}", " ", each) for each in lines]


def _add(lines: list[str], more: list[str], *, apart: bool) -> None:
    """More lines; an empty one before them where they stand apart."""
    if apart and lines and lines[-1] and more and more[0]:
        lines.append("")
    lines += more
