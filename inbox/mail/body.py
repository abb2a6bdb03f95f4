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
    text_quoted: str  # the rest, folded
    html: str | None  # None: show text_visible
    html_quoted: str | None
    needs_frame: bool
    has_remote_images: bool
    snippet: str  # at most 160 characters of the visible text on one line


def build(parsed: ParsedMessage) -> Body:
    """Sanitises, splits and shortens the body of a parsed message. Never raises; takes no database.

    HTML over the budget of ``sanitise`` is not shown: the plain text is.
    """
    html = html_quoted = None
    forwarded = quotes.is_forward_subject(parsed.subject)
    frame = remote = False
    if parsed.html and parsed.html.strip():
        clean = sanitise.sanitise(parsed.html)
        if not clean.too_big and _shows_something(clean.html):
            html, html_quoted = quotes.split_quoted_html(clean.html, forwarded)
            frame, remote = clean.needs_frame, clean.has_remote_images
    if html is not None and parsed.text_from_html:
        visible = htmltext.to_text(html)
        quoted = htmltext.to_text(html_quoted) if html_quoted else ""
        if not quoted:
            visible, quoted = quotes.split_quoted(visible, forwarded)
    else:
        visible, quoted = quotes.split_quoted(parsed.text, forwarded)
    return Body(text=parsed.text, text_visible=visible.strip("\n"), text_quoted=quoted.strip("\n"), html=html,
                html_quoted=html_quoted, needs_frame=frame, has_remote_images=remote,
                snippet=snippet(visible if visible.strip() else parsed.text))


@dataclass(frozen=True, slots=True)
class AgentBody:
    """What an agent wrote in the editor: clean HTML and the plain text made from it."""

    text: str
    html: str | None
    needs_frame: bool


def from_agent_html(html: str) -> AgentBody:
    """Cleans HTML from the editor or the API. Too big to clean: its plain text alone is kept."""
    clean = sanitise.sanitise(html)
    text = htmltext.to_text(html if clean.too_big else clean.html).strip("\n")
    return AgentBody(text, None if clean.too_big else clean.html, clean.needs_frame)


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
