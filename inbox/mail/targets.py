"""Where links really lead: said beside every link whose words name another place than its address."""

from __future__ import annotations

import html as entities
import re
from urllib.parse import urlsplit

from inbox.mail.sanitise import TOKEN, attributes_of, write_tag

LOOKED_AT = 300  # characters of a link's words
_NAMED = re.compile(r"(?<![\w@.-])(?:https?://)?((?:[\w-]{1,63}\.){1,8}[a-z]{2,24})(?![\w@-])", re.I)
_TAG = re.compile(r"<[^>]*>")


def tell(html: str) -> str:
    """Sanitised HTML in which each link says its address (`title`), and a misleading one its host in plain sight.

    Misleading: its words are an address on another host, or its host is written in letters beyond ASCII, which may
    look like others.
    """
    if "<a " not in html:
        return html
    pieces, end, opened = [], 0, None
    for found in TOKEN.finditer(html):
        if found[2] != "a":
            continue
        pieces.append(html[end:found.start()])
        if found[1]:
            pieces += [found[0], _warning(opened, html) if opened else ""]
            opened = None
        else:
            attributes = attributes_of(found[3])
            address = attributes.get("href", "")
            opened = (host_of(address), found.end())
            pieces.append(write_tag("a", attributes | {"title": address}) if address else found[0])
        end = found.end()
    return "".join([*pieces, html[end:]])


def host_of(address: str) -> str:
    """The host of a web address as the network knows it (IDNA); '' for others."""
    try:
        host = urlsplit(address).hostname or "" if address.lower().startswith(("http:", "https:")) else ""
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return ""


def _warning(link: tuple[str, int], html: str) -> str:
    host, start = link
    words = entities.unescape(_TAG.sub("", html[start:html.find("</a", start)][:LOOKED_AT]))
    named = _NAMED.search(words)
    other = named is not None and not _same(host_of(f"http://{named[1]}"), host)
    if host and (other or "xn--" in host):
        return f' <small class="target">[{entities.escape(host)}]</small>'
    return ""


def _same(named: str, host: str) -> bool:
    """One belongs to the other, as shop.example and www.shop.example do."""
    return not named or f".{host}".endswith(f".{named}") or f".{named}".endswith(f".{host}")
