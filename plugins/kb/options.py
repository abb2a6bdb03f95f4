"""What a site owner can set."""

from __future__ import annotations

import re
from typing import Any

from inbox.toolkit import Setting, gettext, settings

_LINE = re.compile(r"(.{1,60}?)\s+((?:https?://|mailto:|/)\S+)")


def declared() -> list[Setting]:
    """The settings of the plugin."""
    return [
        Setting("kb.public", "yes_no", "The help centre is open to everybody", default=True,
                hint="Under /help. When it is not, agents still have the articles beside their tickets.", order=1),
        Setting("kb.title", "text", "Name of the help centre", hint="Empty: Help centre, in the reader's language.",
                order=2),
        Setting("kb.links", "lines", "Links above every page", order=3, check=_wrong_links,
                hint="One on each line, words and then the address: The shop https://shop.example"),
        Setting("kb.contact", "email", "Address for readers who are still stuck", order=4),
        Setting("kb.search_engines", "yes_no", "Let search engines show the articles", default=True, order=5),
        Setting("kb.auto_reply", "yes_no", "Suggest three articles in the automatic answer", order=6, per_mailbox=True,
                hint="Below your own words, where articles fit what the customer wrote."),
    ]


def _wrong_links(value: str) -> str | None:
    lines = [line for line in value.splitlines() if line.strip()]
    if any(not _LINE.fullmatch(line.strip()) for line in lines):
        return "Write words and an address on every line: The shop https://shop.example"
    return None


def public() -> dict[str, Any]:
    """What every page of the help centre needs, in one query; its name in the reader's language, unless it has one."""
    chosen = settings.get_all(["desk.name", "desk.locale", "kb.title", "kb.links", "kb.contact", "kb.search_engines"])
    found = (_LINE.fullmatch(line.strip()) for line in str(chosen["kb.links"]).splitlines())
    return {"desk": chosen["desk.name"], "locale": chosen["desk.locale"],
            "title": chosen["kb.title"] or gettext("Help centre"),
            "contact": chosen["kb.contact"], "search_engines": chosen["kb.search_engines"],
            "links": [(each[1], each[2]) for each in found if each is not None]}
