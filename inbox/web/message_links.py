"""Words in messages that plugins turn into links."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from flask import g
from markupsafe import Markup, escape

from inbox.core.models import Message
from inbox.mail.sanitise import TOKEN
from inbox.plugin_host import call
from inbox.web.auth import me


def find_links(thread: Sequence[Message]) -> None:
    """Ask plugins, once for all messages that a page shows, which words of theirs become links."""
    g.message_links = defaultdict(list)
    for each in call.slot("message_links", messages=thread, agent=me()):
        g.message_links[each.message_id].append(each)


def with_links(html: Markup, message: Message) -> Markup:
    """A body with the words as links that plugins know. It has been sanitised; so only its text is touched."""
    links = {str(escape(each.word)): each for each in g.get("message_links", {}).get(message.id, ())}
    if not links or not html:
        return html
    words = "|".join(map(re.escape, sorted(links, key=len, reverse=True)))
    pattern = re.compile(rf"(?<![\w#&-])(?:{words})(?![\w-])")
    out, done, inside = [], 0, 0
    for tag in TOKEN.finditer(html):
        out += [_linked(str(html[done:tag.start()]), pattern, links, inside), tag[0]]
        inside += {"": 1, "/": -1}[tag[1]] if tag[2] == "a" else 0
        done = tag.end()
    return Markup("".join([*out, _linked(str(html[done:]), pattern, links, inside)]))  # noqa: S704 (escaped before)


def _linked(text: str, pattern: re.Pattern[str], links: dict[str, Any], inside: int) -> str:
    """A piece of text between two tags, its words as links unless it stands in a link already."""
    if inside:
        return text
    return pattern.sub(lambda found: str(Markup('<a class="link" href="{}" title="{}">{}</a>').format(
        links[found[0]].url, links[found[0]].hint, Markup(found[0]))), text)  # noqa: S704 (sanitised on arrival)
