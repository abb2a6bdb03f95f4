"""Words in braces that are filled in: `{name}` of ours, `{crm.organisation}` of plugins."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from inbox.core.models import Ticket
from inbox.plugin_host import call

_MARK = re.compile(r"\{([a-z][a-z0-9_.-]*)\}")


def of_plugins(ticket: Ticket, texts: str) -> dict[str, str]:
    """The values of the plugins' placeholders that stand in the texts. One that fails is left empty. Not inside of a
    transaction."""
    wanted, values = set(_MARK.findall(texts)), {}
    for plugin, item in call.register("register_placeholders"):
        if item.name in wanted:
            _, value = call.guard(plugin, f"placeholder {item.name}"[:60], item.value, ticket)
            values[item.name] = value if isinstance(value, str) else ""
    return values


def fill(text: str, values: Mapping[str, str], escape: Callable[[str], str] = str) -> str:
    """The text with what is known filled in, once: braces in what a customer calls himself are left alone."""
    return _MARK.sub(lambda mark: escape(values[mark[1]]) if mark[1] in values else mark[0], text)
