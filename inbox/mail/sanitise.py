"""Hostile HTML in, HTML that may stand in an agent's page out.

An allow list of elements and attributes (nh3) and of style declarations (tinycss2). Nothing in the result
loads by itself: the address of a remote image moves to ``data-remote-src`` until a person asks for it, and
``cid:`` images keep ``src="cid:…"`` until ``fill_cids`` knows where their attachments are served.

The result is regular: lower-case tags, every attribute in double quotes, every element closed. ``TOKEN``
reads it, and ``inbox.mail.quotes`` cuts it.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

import nh3
import tinycss2

from inbox.mail import htmltext

MAX_DATA_URI = 200_000  # characters of one data: image
TOKEN = re.compile(r'<(/?)([a-z][a-z0-9]*)((?:\s+[a-z][a-z0-9-]*(?:="[^"]*")?)*)\s*/?>')
ATTRIBUTE = re.compile(r'\s+([a-z][a-z0-9-]*)(?:="([^"]*)")?')
VOID = frozenset({"br", "hr", "img", "col", "wbr"})

_TAGS = {
    "a", "abbr", "acronym", "address", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br",
    "caption", "center", "cite", "code", "col", "colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt",
    "em", "figcaption", "figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i",
    "img", "ins", "kbd", "li", "main", "mark", "nav", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp",
    "section", "small", "span", "strike", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot",
    "th", "thead", "time", "tr", "tt", "u", "ul", "var", "wbr",
}
_GONE = {  # with all that is in them
    "script", "style", "title", "template", "noscript", "iframe", "object", "embed", "applet", "svg", "math",
    "audio", "video", "select", "textarea", "xmp", "noembed", "noframes", "plaintext", "frameset", "head",
}
_SIZES = {"width", "height", "align", "valign", "bgcolor"}
_ATTRIBUTES = {
    "*": {"style", "dir", "lang", "title", "class", "id"},
    "a": {"href", "name"},
    "img": {"src", "alt", "width", "height", "align", "border", "hspace", "vspace"},
    "table": _SIZES | {"border", "cellpadding", "cellspacing", "summary"},
    "td": _SIZES | {"colspan", "rowspan", "nowrap"}, "th": _SIZES | {"colspan", "rowspan", "nowrap", "scope"},
    "tr": _SIZES, "tbody": _SIZES, "thead": _SIZES, "tfoot": _SIZES,
    "col": {"span", "width", "align"}, "colgroup": {"span", "width", "align"},
    "div": {"align"}, "p": {"align"}, "h1": {"align"}, "h2": {"align"}, "h3": {"align"}, "h4": {"align"},
    "hr": {"width", "size", "align", "color", "noshade"}, "font": {"color", "size", "face"},
    "ol": {"start", "type"}, "ul": {"type"}, "li": {"value", "type"}, "blockquote": {"type"},
    "time": {"datetime"}, "br": {"clear"}, "details": {"open"},
}
# Marks by which mail programs name a quotation, and Outlook's paragraphs (its empty lines are paragraphs of their own:
# with the usual distance between them each gap would be tripled); every other class and id goes.
KEPT_MARKS = frozenset({
    "gmail_quote", "gmail_quote_container", "gmail_extra", "gmail_attr", "gmail_signature", "yahoo_quoted",
    "moz-cite-prefix", "moz-forward-container", "moz-signature", "protonmail_quote", "zmail_extra",
    "tutanota_quote", "ydp", "WordSection1", "OutlookMessageHeader", "mailspring-quote", "front-quote",
    "divRplyFwdMsg", "appendonsend", "OLK_SRC_BODY_SECTION", "mail-editor-reference-message-container",
    "ms-outlook-mobile-reference-message", "replySplit", "reply-intro", "QQMailQuote",
    "ntes-mailmaster-quote", "isReplyContent", "mailContentContainer", "cafe24_quote", "originalMessage",
    "AppleMailSignature",
    "AppleOriginalContents", "lineBreakAtBeginningOfMessage", "mobile-quote", "oriMsgHtmlSeperator",
    "isForwardContent", "Signature",
    "MsoNormal", "MsoPlainText", "MsoListParagraph", "bloop_original_html", "htc_header", "hm_quote",
    "signature", "email-signature", "ms-outlook-mobile-signature", "ms-outlook-signature", "tutanota_signature",
    "protonmail_signature_block", "ymail_android_signature", "mobile_signature", "bloop_sign", "edo-signature",
    "mailspring-signature", "front-signature", "hs_signature", "_rc_sig", "zmail_signature", "spark_signature",
})
_FOREIGN = re.compile(r"^(?:ecx|(?:x_){1,20})")  # put before the marks of a message that Outlook or Hotmail quotes
_PROPERTIES = frozenset({
    "color", "background", "background-color", "font", "font-family", "font-size", "font-style",
    "font-variant", "font-weight", "line-height", "letter-spacing", "word-spacing", "text-align",
    "text-decoration", "text-decoration-line", "text-indent", "text-transform", "vertical-align",
    "white-space", "word-break", "word-wrap", "overflow-wrap", "direction", "unicode-bidi", "margin",
    "margin-top", "margin-right", "margin-bottom", "margin-left", "padding", "padding-top", "padding-right",
    "padding-bottom", "padding-left", "border", "border-top", "border-right", "border-bottom", "border-left",
    "border-color", "border-style", "border-width", "border-collapse", "border-spacing", "border-radius",
    "border-top-width", "border-top-style", "border-top-color", "border-left-width", "border-left-style",
    "border-left-color", "border-right-width", "border-right-style", "border-right-color",
    "border-bottom-width", "border-bottom-style", "border-bottom-color", "width", "height", "max-width",
    "max-height", "min-width", "min-height", "display", "float", "clear", "overflow", "table-layout",
    "caption-side", "list-style", "list-style-type", "opacity", "visibility", "box-sizing", "empty-cells",
})
_REFUSED_TOKENS = frozenset({
    "url", "error", "bad-url", "bad-string", "{} block", "[] block", "() block", "at-keyword", "comment"})
_REFUSED_WORDS = frozenset({"expression", "behavior", "behaviour", "fixed", "sticky", "absolute"})
_FUNCTIONS = frozenset({"rgb", "rgba", "hsl", "hsla"})
_DISPLAY = frozenset({"none", "block", "inline", "inline-block", "table", "table-cell", "table-row",
                      "list-item"})
_SIMPLE_NAME = re.compile(r"[A-Za-z-]{1,40}")
_SIMPLE_VALUE = re.compile(r"[#A-Za-z0-9.%\s,+-]{0,300}")
_IMPORTANT = re.compile(r"!\s{0,20}important$", re.I)
_DATA_IMAGE = re.compile(r"data:image/(?:png|jpe?g|gif|webp);base64,[A-Za-z0-9+/=\s]*", re.I)
_URL_CONTROL = re.compile("[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_SAFE_NAME = re.compile(r"[^\x00-\x1f<>\"'`=\\]{0,200}")


@dataclass(frozen=True, slots=True)
class Sanitised:
    """Clean HTML and what the page must know of it."""

    html: str
    needs_frame: bool  # carries styles or images: show it in the frame with a policy of its own
    has_remote_images: bool  # some images wait in data-remote-src
    too_big: bool  # over the budget: ``html`` is '' and the plain text is to be shown


def sanitise(html: str, cid_urls: dict[str, str] | None = None) -> Sanitised:
    """Cleans HTML from a mail (str of any content) by an allow list.

    ``cid_urls`` maps Content-IDs (no brackets) to addresses; without it cid: images wait for fill_cids().
    HTML over 1 MB, 60,000 tags or 400 levels is refused as too big. Never raises.
    """
    if htmltext.too_big(html):
        return Sanitised("", False, False, True)
    cleaned = _cleaner.clean(html.replace("\x00", ""))
    if len(cleaned) > 2 * htmltext.MAX_CHARS:  # escaping can make five characters of one
        return Sanitised("", False, False, True)
    pieces, remote = _hold_images(cleaned)
    cleaned = ""  # not kept while its pieces are joined: with one emoji each character takes four bytes
    cleaned = "".join(pieces)
    if cid_urls is not None:
        cleaned = fill_cids(cleaned, cid_urls)
    frame = " style=\"" in cleaned or "<img" in cleaned or "bgcolor=" in cleaned or "<font" in cleaned
    return Sanitised(cleaned, frame, remote, False)


def fill_cids(html: str, mapping: dict[str, str]) -> str:
    """Gives the ``cid:`` images of sanitised HTML their addresses, when it is shown.

    ``body.build`` runs before the attachments have ids, so stored HTML says ``src="cid:XYZ"``. ``mapping``
    maps XYZ (Content-ID without brackets) to a URL on this desk. An image that is not in it is replaced by
    its alternative text.
    """
    if "cid:" not in html:
        return html
    known = {key.strip("<> ").lower(): url for key, url in mapping.items()}

    def fill(attributes: dict[str, str]) -> str | None:
        source = attributes.get("src", "")
        if not source.lower().startswith("cid:"):
            return None
        url = known.get(source[4:].lower()) or known.get(unquote(source[4:]).strip("<> ").lower())
        if url is None:
            return entities.escape(attributes.get("alt", ""))
        return write_tag("img", {**attributes, "src": url})

    return "".join(_each_image(html, fill))


def show_remote(html: str, proxy: str | None = None) -> str:
    """Sanitised HTML with its held images released, when a person asked for them.

    ``proxy`` is put before the percent-encoded address; without it the images load from where they are.
    """
    def release(attributes: dict[str, str]) -> str | None:
        source = attributes.pop("data-remote-src", None)
        if source is None:
            return None
        return write_tag("img", {**attributes, "src": proxy + quote(source, safe="") if proxy else source})

    return "".join(_each_image(html, release))


def remote_images(html: str) -> set[str]:
    """The addresses of the held images of sanitised HTML."""
    return {attributes_of(found[3])["data-remote-src"] for found in TOKEN.finditer(html)
            if found[2] == "img" and "data-remote-src" in found[3]}


def attributes_of(text: str) -> dict[str, str]:
    """The attributes of one tag of sanitised HTML, unescaped."""
    return {name: entities.unescape(value) for name, value in ATTRIBUTE.findall(text)}


def write_tag(name: str, attributes: dict[str, str]) -> str:
    """A start tag with its attributes escaped."""
    return f"<{name}" + "".join(f' {k}="{entities.escape(v)}"' for k, v in attributes.items()) + ">"


def _hold_images(html: str) -> tuple[list[str], bool]:
    """Moves remote image addresses to data-remote-src: the pieces of the HTML, and whether there were any."""
    if "<img" not in html:
        return [html], False
    remote = False

    def hold(attributes: dict[str, str]) -> str:
        nonlocal remote
        source = attributes.get("src", "")
        if source.lower().startswith(("http:", "https:")):
            remote = True
            attributes["data-remote-src"] = attributes.pop("src")
        return write_tag("img", attributes)

    return _each_image(html, hold), remote


def _each_image(html: str, change: Callable[[dict[str, str]], str | None]) -> list[str]:
    """The pieces of ``html`` with each picture as ``change`` writes it, None leaving it as it is.

    What stands between two pictures is taken over in one piece: a copy of each tag and each text between costs
    many times the memory of the whole.
    """
    pieces: list[str] = []
    at = 0
    for tag in TOKEN.finditer(html):
        if tag.group(2) != "img" or tag.group(1):
            continue
        changed = change(attributes_of(tag.group(3)))
        if changed is not None:
            pieces += [html[at : tag.start()], changed]
            at = tag.end()
    return [*pieces, html[at:]]


def _attribute(tag: str, name: str, value: str) -> str | None:
    """nh3 asks for every attribute: the value to keep, or None."""
    if name == "style":
        return _style(value)
    if name in ("class", "id"):
        kept = " ".join(word for word in value.split() if _FOREIGN.sub("", word) in KEPT_MARKS)
        return kept or None
    if name == "src":
        return _image_source(value)
    if name == "href":
        return link(value)
    if name == "name":
        return None
    return value if _SAFE_NAME.fullmatch(value) else None


def link(value: str) -> str | None:
    """The address of a link, or None where it leads nowhere one may go."""
    url = _URL_CONTROL.sub("", value[:8000])
    return url if url.lower().startswith(("http://", "https://", "mailto:", "tel:")) else None


def _image_source(value: str) -> str | None:
    url = value.strip()
    if url[:5].lower() == "data:":
        return url if len(url) <= MAX_DATA_URI and _DATA_IMAGE.fullmatch(url) else None
    url = _URL_CONTROL.sub("", url[:8000])
    if url[:4].lower() == "cid:":
        return "cid:" + url[4:]
    return url if url.lower().startswith(("http://", "https://")) else None


@lru_cache(maxsize=4096)
def _style(css: str) -> str | None:
    """The declarations of a style attribute that only change looks, never load, run or overlay."""
    if len(css) > 4000 or "\\" in css:
        return None
    kept = []
    simple = _simple_style(css)
    if simple is not None:
        return simple or None
    for declaration in tinycss2.parse_blocks_contents(css, skip_comments=True, skip_whitespace=True):
        if declaration.type != "declaration" or declaration.lower_name not in _PROPERTIES:
            continue
        if not _safe_value(declaration.value, declaration.lower_name in ("font-family", "font")):
            continue
        value = tinycss2.serialize(declaration.value).strip()
        if any(mark in value for mark in ("/*", "<", "\\", '"')):
            value = value.replace('"', "'")
            if any(mark in value for mark in ("/*", "<", "\\")):
                continue
        if declaration.lower_name == "display" and value.lower() not in _DISPLAY:
            continue
        kept.append(f"{declaration.lower_name}:{value}" + ("!important" if declaration.important else ""))
    return ";".join(kept) or None


def _simple_style(css: str) -> str | None:
    """The same for the usual case of plain words and numbers, ten times as fast; None where it is not one."""
    kept = []
    for declaration in css.split(";"):
        if not declaration.strip():
            continue
        name, colon, value = declaration.partition(":")
        name, value = name.strip().lower(), value.strip()
        important = _IMPORTANT.search(value)
        value = value[: important.start()] if important else value
        if not (colon and _SIMPLE_NAME.fullmatch(name) and _SIMPLE_VALUE.fullmatch(value)):
            return None
        value = " ".join(value.split())
        if name not in _PROPERTIES or not value or _REFUSED_WORDS & set(re.split(r"[\s,]+", value.lower())):
            continue
        if name != "display" or value.lower() in _DISPLAY:
            kept.append(f"{name}:{value}" + ("!important" if important else ""))
    return ";".join(kept)


def _safe_value(tokens: list, strings: bool) -> bool:
    for token in tokens:
        if token.type == "function":
            if token.lower_name not in _FUNCTIONS or not _safe_value(token.arguments, False):
                return False
        elif token.type == "string":
            if not strings or not re.fullmatch(r"[\w .,-]{0,60}", token.value):
                return False
        elif token.type in _REFUSED_TOKENS or (token.type == "ident" and token.lower_value in _REFUSED_WORDS):
            return False
    return True


_cleaner = nh3.Cleaner(
    tags=_TAGS, clean_content_tags=_GONE, attributes=_ATTRIBUTES, attribute_filter=_attribute,
    strip_comments=True, link_rel="noopener noreferrer nofollow", url_relative="deny",
    url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
    set_tag_attribute_values={"a": {"target": "_blank"}},
)
