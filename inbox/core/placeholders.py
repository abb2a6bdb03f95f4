"""Words in braces that are filled in: `{name}` of ours, `{crm.organisation}` of plugins. `{name|friend}` says what to
write where there is nothing to say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from inbox.core.models import Ticket
from inbox.plugin_host import call

_MARK = re.compile(r"\{([a-z][a-z0-9_.-]*)(?:\|([^{}<>\n]{0,100}))?\}")


def of_plugins(ticket: Ticket, texts: str) -> dict[str, str]:
    """The values of the plugins' placeholders that stand in the texts. One that fails is left empty. Not inside of a
    transaction."""
    wanted, values = {found[1] for found in _MARK.finditer(texts)}, {}
    for plugin, item in call.register("register_placeholders"):
        if item.name in wanted:
            _, value = call.guard(plugin, f"placeholder {item.name}"[:60], item.value, ticket)
            values[item.name] = value if isinstance(value, str) else ""
    return values


def fill(text: str, values: Mapping[str, str], escape: Callable[[str], str] = str) -> str:
    """The text (or HTML, with `escape`) with what is known filled in, once: braces in what a customer calls himself are
    left alone. Where nothing is to be said, no second blank, empty line or paragraph is left behind."""
    def put(mark: re.Match[str]) -> str:
        if mark[1] not in values:
            return mark[0]
        return escape(values[mark[1]]) if values[mark[1]].strip() else (mark[2] or "").strip() or GONE

    filled = _MARK.sub(put, text.replace(GONE, ""))
    return _closed_up(filled) if GONE in filled else filled


# --- where a placeholder says nothing ---------------------------------------------------------------------------

GONE = "\0"
_SPACE = r"(?:[ \t\u3000\xa0]|&nbsp;)*"
_NOTHING = rf"(?:{GONE}|<br ?/?>|&nbsp;|\s)*"  # of a paragraph
_PARAGRAPH = re.compile(rf"<(p|div|li|blockquote|h[1-6])\b[^>]*>{_NOTHING}{GONE}{_NOTHING}</\1>")
_LINE_OF_HTML = re.compile(rf"<br ?/?>{_SPACE}{GONE}[{GONE}\s]*(?=<br|</(?:p|div|li|blockquote)>)")
_LINE = re.compile(rf"(?m)^[ \t]*{GONE}[{GONE} \t]*(?:\n(?:[ \t]*\n)?|\Z)")  # with the empty line after it
_BESIDE = re.compile(rf"({_SPACE}){GONE}(?:{_SPACE}{GONE})*({_SPACE})")
_BEGINNING = re.compile(r"(?:\A|\n|[(\[«“]|<(?:/?(?:p|div|li|blockquote|h[1-6]|ul|ol)|br)\b[^<>]*>)\Z")
_END = re.compile(r"\Z|\n|[.,;:!?)\]»”…、。，]|<(?:/?(?:p|div|li|blockquote|h[1-6]|ul|ol)|br)\b")


def _closed_up(text: str) -> str:
    for whole in (_PARAGRAPH, _LINE_OF_HTML, _LINE):
        text = whole.sub("", text)
    return _BESIDE.sub(_between, text)


def _between(gone: re.Match[str]) -> str:
    """The blank that stays: none at the beginning or end of a line and before a full stop, else one."""
    begins = _BEGINNING.search(gone.string[max(0, gone.start() - 300):gone.start()])
    if _END.match(gone.string, gone.end()) or begins:
        return ""
    return gone[1] or gone[2]
