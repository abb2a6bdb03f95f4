"""The body of a message as the desk stores and shows it: clean HTML, plain text, the quotation apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

from inbox.mail import htmltext, quotes, sanitise
from inbox.mail.parse import ParsedMessage

SNIPPET = 160
# What newsletters put into their hidden first line to push other text out of the list view.
_INVISIBLE = re.compile("[\u00ad\u034f\u200b-\u200f\u2060-\u2064\ufeff\u061c\u115f\u1160\u17b4\u17b5]+")


@dataclass(frozen=True, slots=True)
class Body:
    """One message's body, made once on arrival.

    ``html`` and ``html_quoted`` are sanitised. Their inline images keep ``src="cid:XYZ"``, since attachments
    have no ids yet: call ``sanitise.fill_cids(html, {content_id: url})`` when they are shown, and
    ``sanitise.show_remote(html)`` when a person asks for remote images.
    """

    text: str  # all of it, for search, for quoting in an answer
    text_visible: str  # what the sender wrote this time
    text_quoted: str  # old text, folded
    text_signature: str  # signature, device line, legal notices; folded
    html: str | None  # None: show text_visible
    html_quoted: str | None
    html_signature: str | None
    needs_frame: bool
    has_remote_images: bool
    snippet: str  # at most 160 characters of the visible text on one line


def build(parsed: ParsedMessage) -> Body:
    """Sanitises, splits and shortens the body of a parsed message. Never raises; takes no database.

    HTML over the budget of ``sanitise`` is not shown: the plain text is.
    """
    forwarded = quotes.is_forward_subject(parsed.subject)
    shown: quotes.Parts | None = None
    frame = remote = False
    if parsed.html and parsed.html.strip():
        clean = sanitise.sanitise(parsed.html)
        if not clean.too_big and _shows_something(clean.html):
            shown = quotes.split_html(clean.html, forwarded)
            frame, remote = clean.needs_frame, clean.has_remote_images
    text = _text_parts(parsed, shown, forwarded)
    visible, quoted, signature = (part.strip("\n") for part in text)
    return Body(text=parsed.text, text_visible=visible, text_quoted=quoted, text_signature=signature,
                html=shown.visible if shown else None, html_quoted=(shown.quoted or None) if shown else None,
                html_signature=(shown.signature or None) if shown else None, needs_frame=frame,
                has_remote_images=remote, snippet=snippet(visible if visible.strip() else parsed.text))


def _text_parts(parsed: ParsedMessage, shown: quotes.Parts | None, forwarded: bool) -> quotes.Parts:
    """The parts of the plain text. Where only the HTML tells old text by its markup, they follow the HTML."""
    text = quotes.split_text(parsed.text, forwarded)
    if shown is None or not (shown.quoted or shown.signature):
        return text
    from_html = quotes.Parts(*(htmltext.to_text(part) if part else "" for part in shown))
    if parsed.text_from_html:
        return from_html if shown.quoted or not text.quoted else text
    if shown.quoted and not text.quoted:
        return quotes.like(parsed.text, from_html) or from_html
    if shown.signature and not text.signature:
        return quotes.like(parsed.text, from_html) or text
    return text


def _shows_something(html: str) -> bool:
    return "<img" in html or bool(sanitise.TOKEN.sub("", html).replace("&nbsp;", "").strip())


def snippet(text: str, length: int = SNIPPET) -> str:
    """The first ``length`` characters of a text on one line, for lists."""
    words = " ".join(_INVISIBLE.sub("", text[: length * 12]).split())
    if len(words) <= length:
        return words
    cut = words[: length - 1]
    at_blank = cut.rfind(" ")
    return (cut[:at_blank] if at_blank > length // 2 else cut).rstrip() + "…"
