"""The lines a reader sees in sanitised HTML, and where in the HTML they stand.

Lets HTML be judged like plain text, and be cut between two lines into two well-formed parts. Works on what
``inbox.mail.sanitise`` returns: lower-case tags, quoted attributes, every element closed. One linear pass.
"""

from __future__ import annotations

import html as entities
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from inbox.mail.sanitise import TOKEN, VOID, attributes_of

_INLINE = frozenset({
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i", "ins",
    "kbd", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u",
    "var", "img", "wbr", "ruby", "rt", "rp"})
# Elements that hold old text and its heading: the first line inside is a heading.
HOLDERS = frozenset({
    "gmail_quote", "gmail_quote_container", "yahoo_quoted", "protonmail_quote", "zmail_extra",
    "tutanota_quote", "OLK_SRC_BODY_SECTION", "QQMailQuote", "ntes-mailmaster-quote", "front-quote",
    "mailspring-quote", "cafe24_quote", "originalMessage", "divRplyFwdMsg", "reply-intro", "replySplit",
    "mail-editor-reference-message-container", "ms-outlook-mobile-reference-message", "moz-cite-prefix",
    "OutlookMessageHeader", "isReplyContent", "AppleOriginalContents", "mobile-quote", "bloop_original_html",
    "htc_header", "hm_quote"})
SIGNATURES = frozenset({
    "gmail_signature", "moz-signature", "AppleMailSignature", "Signature", "signature", "email-signature",
    "ms-outlook-mobile-signature", "ms-outlook-signature", "protonmail_signature_block", "tutanota_signature",
    "ymail_android_signature", "mobile_signature", "bloop_sign", "edo-signature", "mailspring-signature",
    "front-signature", "hs_signature", "_rc_sig", "zmail_signature", "spark_signature"})
# Outlook draws a line above its block of header fields.
_OUTLOOK_LINE = re.compile(r"border-top(?:-color)?:(?:solid)?(?:#(?:b5c4df|e1e1e1|e5e5e5)|rgb\(229,229,229\))")
_BLANK = re.compile(r"[\s\xa0\u200b\ufeff]*")


@dataclass(slots=True)
class Line:
    """One line: its text, what an element says that it is, its place in the HTML."""

    text: str
    quoted: bool
    heading: bool
    signature: bool
    start: int  # offset of its first text
    end: int  # offset after its last text


@dataclass(slots=True)
class _Element:
    name: str
    tag: str
    start: int
    quotes: bool
    holds: bool  # waits for its first line, which is a heading
    signs: bool  # holds a signature


@dataclass(slots=True)
class Page:
    """The lines of one HTML text."""

    html: str
    lines: list[Line] = field(default_factory=list)
    images: list[int] = field(default_factory=list)  # offsets

    def has_image_outside(self, stretches: Sequence[range]) -> bool:
        """True if a picture stands outside these lines: then something is left to see."""
        spans = [self._span(stretch) for stretch in stretches]
        return any(not any(start <= at < end for start, end in spans) for at in self.images)

    def _span(self, stretch: range) -> tuple[int, int]:
        last = stretch.stop >= len(self.lines)
        return self.lines[stretch.start].start, len(self.html) if last else self.lines[stretch.stop - 1].end

    def cut(self, stretches: Sequence[tuple[range, str]]) -> dict[str, str]:
        """HTML by kind: "visible", and what was cut out under the kinds given ('' if nothing). All well formed."""
        pieces: defaultdict[str, str] = defaultdict(str)
        rest = Page(self.html, self.lines, self.images)
        for stretch, kind in sorted(stretches, key=lambda each: each[0].start, reverse=True):
            rest.html, inside = rest._without(stretch)  # offsets before it stay right
            pieces[kind] = inside + pieces[kind]
        pieces["visible"] = rest.html
        return pieces

    def _without(self, stretch: range) -> tuple[str, str]:
        start, end = self._widen(*self._span(stretch))
        before, after = _open_at(self.html, start), _open_at(self.html, end)
        visible = self.html[:start] + _closing(before)
        if self.html[end:].strip():
            visible += "".join(e.tag for e in after) + self.html[end:]
        inside = "".join(e.tag for e in before) + self.html[start:end] + _closing(after)
        return visible, inside

    def _widen(self, start: int, end: int) -> tuple[int, int]:
        """Takes in the wrappers that hold nothing but the quoted lines, so that no empty frame stays."""
        tags = list(TOKEN.finditer(self.html))
        open_stack: list[int] = []
        closes: dict[int, int] = {}  # offset of a start tag -> offset after its end tag
        for tag in tags:
            if tag.group(2) in VOID:
                continue
            if tag.group(1):
                if open_stack:
                    closes[open_stack.pop()] = tag.end()
            else:
                open_stack.append(tag.start())
        ends = sorted((tag for tag in tags if tag.start() >= end), key=lambda t: t.start())
        begins = {stop: begin for begin, stop in closes.items()}
        for tag in ends:
            if not _BLANK.fullmatch(self.html[end : tag.start()]):
                break
            if tag.group(2) == "br" or (tag.group(1) and begins.get(tag.end(), -1) >= start):
                end = tag.end()
            else:
                break
        for tag in reversed([tag for tag in tags if tag.end() <= start]):
            if not _BLANK.fullmatch(self.html[tag.end() : start]):
                break
            inside = closes.get(tag.start(), len(self.html) + 1) <= end
            if not tag.group(1) and (tag.group(2) in ("hr", "br") or inside):
                start = tag.start()
            else:
                break
        return start, end


def read(html: str) -> Page:
    """The lines of sanitised HTML in reading order."""
    page = Page(html)
    stack: list[_Element] = []
    parts: list[tuple[str, int, int]] = []

    def finish() -> None:
        text = re.sub(r"\s+", " ", "".join(part for part, _, _ in parts)).strip()
        if text:
            heading = False
            for element in stack:
                heading = heading or element.holds
                element.holds = False
            quoted = any(element.quotes for element in stack)
            filled = [part for part in parts if part[0].strip()]
            signed = not quoted and any(element.signs for element in stack)
            page.lines.append(Line(text, quoted, heading and not quoted, signed, filled[0][1], filled[-1][2]))
        parts.clear()

    at = 0
    for tag in TOKEN.finditer(html):
        if tag.start() > at:
            parts.append((entities.unescape(html[at : tag.start()]), at, tag.start()))
        at = tag.end()
        name = tag.group(2)
        if name == "img":
            page.images.append(tag.start())
        if name not in _INLINE:
            finish()
        if name in VOID:
            continue
        if tag.group(1):
            if stack:
                stack.pop()
        else:
            stack.append(_element(tag, page))
    if at < len(html):
        parts.append((entities.unescape(html[at:]), at, len(html)))
    finish()
    return page


def marks_of(value: str) -> set[str]:
    """The words of a class or id. Outlook and Hotmail put x_ and ecx before those of a message they quote."""
    return {word.removeprefix("ecx") if word.startswith("ecx") else re.sub(r"^(?:x_){1,20}", "", word)
            for word in value.split()}


def _element(tag: re.Match[str], page: Page) -> _Element:
    attributes = attributes_of(tag.group(3))
    marks = marks_of(f"{attributes.get('class', '')} {attributes.get('id', '')}")
    name = tag.group(2)
    quotes = name == "blockquote" and _is_quotation(attributes, marks, page)
    holds = bool(marks & HOLDERS) or (name == "div" and bool(
        _OUTLOOK_LINE.search(attributes.get("style", "").lower().replace(" ", ""))))
    return _Element(name, tag.group(0), tag.start(), quotes, holds and not quotes, bool(marks & SIGNATURES))


def _is_quotation(attributes: dict[str, str], marks: set[str], page: Page) -> bool:
    """A blockquote of a reply, not one that its writer indents with."""
    if attributes.get("type", "").lower() == "cite" or marks:
        return True
    style = attributes.get("style", "").replace(" ", "")
    if re.search(r"border-left(?:-width)?:(?!none|0)", style):
        return True
    return bool(page.lines) and page.lines[-1].text.endswith((":", "："))


def _open_at(html: str, offset: int) -> list[_Element]:
    """The elements that are open at an offset, outermost first."""
    stack: list[_Element] = []
    for tag in TOKEN.finditer(html, 0, offset):
        if tag.group(2) in VOID:
            continue
        if tag.group(1):
            if stack:
                stack.pop()
        else:
            stack.append(_Element(tag.group(2), tag.group(0), tag.start(), False, False, False))
    return stack


def _closing(stack: list[_Element]) -> str:
    return "".join(f"</{element.name}>" for element in reversed(stack))
