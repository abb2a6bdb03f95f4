"""What an agent wrote in the editor, pasted things among it: plain HTML, and the plain text made from it.

Narrower than what mail from outside may hold (`sanitise`): paragraphs, lists, links, quotes, code, headings and tables
without any look of their own, and only pictures that are files of the message (`cid:`). So neither the styles of a word
processor nor the counting pictures of a web page go out in the desk's name.
"""

from __future__ import annotations

import html as entities
import re
from dataclasses import dataclass

import nh3

from inbox.mail import htmltext, plain, sanitise

_TAGS = {
    "a", "b", "blockquote", "br", "caption", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i",
    "img", "ins", "kbd", "li", "ol", "p", "pre", "s", "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot",
    "th", "thead", "tr", "u", "ul"}
_GONE = {"script", "style", "title", "template", "noscript", "iframe", "object", "embed", "svg", "math", "head",
         "select", "textarea", "audio", "video"}
_ATTRIBUTES = {
    "*": {"dir", "lang"}, "a": {"href"}, "img": {"src", "alt", "width", "height"}, "ol": {"start"},
    "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan", "scope"}}
_SIMPLE = re.compile(r"[A-Za-z0-9-]{1,20}")
_IMAGE = re.compile(r"<img\b[^>]*>")


@dataclass(frozen=True, slots=True)
class AgentBody:
    """What an agent wrote in the editor: clean HTML and the plain text made from it."""

    text: str
    html: str | None


def from_agent_html(html: str) -> AgentBody:
    """Cleans HTML from the editor. Too big to clean: its plain text alone is kept."""
    if htmltext.too_big(html):
        return AgentBody(htmltext.to_text(html), None)
    clean = _IMAGE.sub(_own_image, _cleaner.clean(html.replace("\x00", "").replace("\u200b", "")))
    return AgentBody(plain.from_html(clean), clean)


def image_ids(html: str) -> set[str]:
    """The Content-IDs of the pictures in a body."""
    return {entities.unescape(each) for each in re.findall(r'<img\b[^>]*?\ssrc="cid:([^"]*)"', html)}


def _own_image(found: re.Match[str]) -> str:
    if ' src="cid:' in found[0]:
        return found[0]
    alt = re.search(r'\salt="([^"]*)"', found[0])
    return alt[1] if alt else ""


def _attribute(tag: str, name: str, value: str) -> str | None:
    """nh3 asks for every attribute: the value to keep, or None."""
    if name == "href":
        return sanitise.link(value)
    if name == "src":
        return value if value.startswith("cid:") and len(value) < 300 else None
    if name == "alt":
        return value[:300]
    if name in ("rel", "target"):  # what we put there ourselves
        return value
    return value if _SIMPLE.fullmatch(value) else None


_cleaner = nh3.Cleaner(
    tags=_TAGS, clean_content_tags=_GONE, attributes=_ATTRIBUTES, attribute_filter=_attribute, strip_comments=True,
    link_rel="noopener noreferrer nofollow", url_relative="deny", url_schemes={"http", "https", "mailto", "tel", "cid"},
    set_tag_attribute_values={"a": {"target": "_blank"}})
