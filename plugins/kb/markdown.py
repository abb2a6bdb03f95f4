"""Markdown in, harmless HTML out; HTML in, Markdown out; and what else is read from a text.

Articles are written in CommonMark with tables and strike-through. HTML in them is allowed and goes through the same
allow list as everything else: what is not on it is dropped, scripts with all that is in them.
"""

from __future__ import annotations

import html as entities
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from inbox_plugins.kb import back

LONGEST = 200_000  # characters of an article
WORDS_A_MINUTE = 200
SIGNS_A_MINUTE = 450  # of scripts without blanks

_TAGS = {"a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "details", "div", "dl", "dt", "em",
         "figcaption", "figure", "h2", "h3", "h4", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "s",
         "small", "strong", "sub", "summary", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"}
_WRITTEN = frozenset(_TAGS | {"h1", "h5", "h6"})  # what is taken in
_GONE = {"script", "style", "title", "template", "noscript", "iframe", "object", "embed", "svg", "math", "audio",
         "video", "select", "textarea", "form", "head"}
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title", "width", "height", "loading"},
               "h2": {"id"}, "h3": {"id"}, "td": {"class", "colspan", "rowspan"},
               "th": {"class", "colspan", "rowspan", "scope"}, "ol": {"start"}, "details": {"open"},
               "*": {"lang", "dir"}}
_CLASSES = ("n", "c")  # end-aligned and centred cells
_ALIGN = {"text-align:right": "n", "text-align:center": "c"}
_BLANKLESS = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_TAG = re.compile(r"<[^>]+>")


@dataclass(frozen=True)
class Heading:
    """A section of an article, for the list beside it."""

    id: str
    title: str


@dataclass(frozen=True)
class Page:
    """An article as it is shown."""

    html: Markup
    text: str  # without any marks
    summary: str
    minutes: int


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def render(source: str) -> Page:
    """Turn Markdown into what is shown. Whatever it holds, the result runs nothing."""
    parser = _parser()
    tokens = parser.parse(source[:LONGEST].replace("\x00", ""))
    _prepare(tokens)
    html = Markup(_cleaner().clean(parser.renderer.render(tokens, parser.options, {})))  # noqa: S704 (cleaned)
    text = plain(html)
    first = re.search(r"<p[^>]*>(.*?)</p>", html, re.DOTALL)
    return Page(html, text, shorten(plain(first[1]) if first else text, 180), _minutes(text))


def _prepare(tokens: Sequence[Token]) -> None:
    """Headings begin at the second level and get an address; cells say how they stand by a class."""
    seen: set[str] = set()
    for place, token in enumerate(tokens):
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(max(int(token.tag[1]), 2), 4)}"
        if token.type == "heading_open" and token.tag in ("h2", "h3"):
            token.attrSet("id", _anchor(tokens[place + 1].content, seen))
        if token.type in ("th_open", "td_open") and (kind := _ALIGN.get(str(token.attrs.pop("style", "")))):
            token.attrSet("class", kind)


def _anchor(title: str, seen: set[str]) -> str:
    word = first = f"s-{slug(title) or 'section'}"
    number = 2
    while word in seen:
        word, number = f"{first}-{number}", number + 1
    seen.add(word)
    return word


def _keep(tag: str, name: str, value: str) -> str | None:
    if name == "class":
        return value if value in _CLASSES else None
    if name == "id":
        return value if value.startswith("s-") else None
    if name == "src":
        return value if _is_picture(value) else None
    if name == "loading":
        return "lazy"
    return value


def _is_picture(address: str) -> bool:
    """Pictures come from this desk: readers of an article tell nobody else that they read it."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc and parts.path.startswith("/help/files/")


@lru_cache(maxsize=4)
def _cleaner(tags: frozenset[str] = frozenset(_TAGS)) -> nh3.Cleaner:
    return nh3.Cleaner(tags=set(tags), clean_content_tags=_GONE, attributes=_ATTRIBUTES, attribute_filter=_keep,
                       url_schemes={"http", "https", "mailto", "tel"}, link_rel="noopener", strip_comments=True,
                       set_tag_attribute_values={"img": {"loading": "lazy"}})


def headings(html: str) -> list[Heading]:
    """The sections of a rendered article."""
    return [Heading(entities.unescape(each[1]), plain(each[2]))
            for each in re.finditer(r'<h2 id="([^"]*)"[^>]*>(.*?)</h2>', html, re.DOTALL)]


def without_anchors(html: Markup) -> Markup:
    """A rendered article that can stand a second time on the same page."""
    return Markup(re.sub(r'(<h[23]) id="[^"]*"', r"\1", str(html)))  # noqa: S704 (cleaned before)


def plain(html: str) -> str:
    """The words of HTML on one line."""
    return " ".join(entities.unescape(_TAG.sub(" ", re.sub(r"</?(?:b|strong|em|i|a|code|s|del)\b[^>]*>", "",
                                                          html))).split())


def shorten(text: str, limit: int) -> str:
    """The beginning of a text, cut at a blank where there is one."""
    if len(text) <= limit:
        return text
    cut = text[:limit]
    return (cut.rsplit(" ", 1)[0] if " " in cut[limit // 2:] else cut) + "…"


def _minutes(text: str) -> int:
    signs = len(_BLANKLESS.findall(text))
    words = len(_BLANKLESS.sub(" ", text).split())
    return max(1, round(words / WORDS_A_MINUTE + signs / SIGNS_A_MINUTE))


def from_html(html: str, *, pictures: bool = False) -> str:
    """HTML as Markdown: of a reply or a file, where pictures stay behind (they are not ours), or of our editor."""
    cleaned = _cleaner(_WRITTEN if pictures else _WRITTEN - {"img"}).clean(html)
    try:
        return back.write(cleaned, _parser())
    except RecursionError:  # nobody nests that deep to be read
        return escape(plain(cleaned))


def escape(text: str) -> str:
    """Plain text as Markdown that shows the same words."""
    return re.sub(r"([\\`*_\[\]<>#|~])", r"\\\1", text.strip()).replace("\n", "  \n").replace("  \n  \n", "\n\n")


def slug(title: str) -> str:
    """A title as it stands in an address: letters, marks and digits of any script, with hyphens."""
    folded = unicodedata.normalize("NFKC", title).casefold()
    kept = "".join(each if unicodedata.category(each)[0] in "LMN" else "-" for each in folded)
    return re.sub(r"-+", "-", kept).strip("-")[:80].strip("-")
