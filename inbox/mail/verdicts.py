"""What mail servers in front of the desk say of a message, and what its sender's name pretends. Pure, no database.

A header field can be written by anybody. So the verdict of a spam filter counts only when the message came through one
of the site's own servers, and `Authentication-Results` (RFC 8601) only under their name; of each method the topmost
result, which is the one they wrote last.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

from inbox.core.customers import normalise_address
from inbox.mail.parse import ParsedMessage

Mark = dict[str, str]

_BY = re.compile(r"\bby\s+([A-Za-z0-9._-]{1,255})")
_SCL = re.compile(r"(?:^|;)\s*SCL:(\d)\b")
_RESULT = re.compile(r"\s*([a-z][a-z0-9-]{0,30})\s*(?:/\s*\d+\s*)?=\s*([a-z]{1,20})", re.I)
_PROPERTY = re.compile(r"\b(smtp|header|policy)\.([a-z-]{1,20})\s*=\s*\"?([^\s;\"]{1,320})", re.I)
_COMMENT = re.compile(r"\([^()]{0,500}\)")
_ADDRESS = re.compile(r"[^\s<>()\[\]\",;:'@＠]{1,64}[@＠][^\s<>()\[\]\",;:'@＠]{1,255}\.[^\s<>()\[\]\",;:'@＠]{2,63}")
SURE = 5  # Microsoft's spam confidence level from 0 to 9; SpamAssassin's stars, where no other field tells


def server_names(setting: str) -> frozenset[str]:
    """The names in the setting `mail.trusted_servers`."""
    return frozenset(each.casefold().strip(".") for each in re.split(r"[\s,;]+", setting) if each.strip("."))


def is_one_of(name: str, trusted: Collection[str]) -> bool:
    """True for one of the names, or a host below one."""
    low = name.casefold().strip(".")
    return any(low == each or low.endswith(f".{each}") for each in trusted)


def came_through(parsed: ParsedMessage, trusted: Collection[str]) -> bool:
    """True when the last server that handed the message on is one of ours."""
    found = _BY.search((parsed.header("received") or "")[:2000])
    return bool(trusted and found and is_one_of(found[1], trusted))


# --- spam -------------------------------------------------------------------------------------------------------


def spam_field(parsed: ParsedMessage, trusted: Collection[str]) -> str | None:
    """The field by which a filter in front of the desk calls a message spam, as `Name: value`; None otherwise."""
    if not came_through(parsed, trusted):
        return None
    for name, says_so in _FILTERS.items():
        value = parsed.header(name)
        if value is not None and says_so(value.strip()[:2000]):
            return f"{name}: {value.strip()[:60]}"
    stars = (parsed.header("X-Spam-Level") or "").strip()
    unsaid = parsed.header("X-Spam-Status") is None and parsed.header("X-Spam-Flag") is None
    return f"X-Spam-Level: {stars[:20]}" if unsaid and stars.count("*") >= SURE else None


def _yes(value: str) -> bool:
    return value.casefold().startswith(("yes", "true", "spam"))


def _sure(value: str) -> bool:
    return value[:2].strip().isdecimal() and int(value[:2]) >= SURE


def _forefront(value: str) -> bool:
    level = _SCL.search(value)
    return "SFV:SPM" in value or bool(level and int(level[1]) >= SURE)


_FILTERS = {
    "X-Spam-Flag": _yes, "X-Spam-Status": _yes, "X-Spam": _yes, "X-Barracuda-Spam-Status": _yes,
    "X-Spamd-Result": lambda value: bool(re.match(r"\w+:\s*True\b", value)),
    "X-Rspamd-Action": lambda value: value.casefold() in ("reject", "add header", "rewrite subject"),
    "X-MS-Exchange-Organization-SCL": _sure, "X-Forefront-Antispam-Report": _forefront,
}


# --- is the sender who it says ----------------------------------------------------------------------------------


def authentication(parsed: ParsedMessage, trusted: Collection[str]) -> str | None:
    """`failed` (its domain disowns it), `unconfirmed` (nothing speaks for it), `confirmed`; None: nobody we believe
    has looked."""
    results = _results(parsed, trusted)
    if not results or parsed.from_ is None:
        return None
    dmarc = results.get("dmarc", [])
    if dmarc:
        if dmarc[0][0] == "pass":
            return "confirmed"
        if dmarc[0][0] == "fail":
            return "failed"
    domain = _domain(parsed.from_.address)
    signed = [props.get("header.d") or props.get("header.i", "") for said, props in results.get("dkim", [])
              if said == "pass"]
    sent = [props.get("smtp.mailfrom") or props.get("smtp.helo", "") for said, props in results.get("spf", [])
            if said == "pass"]
    return "confirmed" if any(aligned(domain, _domain(each)) for each in [*signed, *sent]) else "unconfirmed"


def _results(parsed: ParsedMessage, trusted: Collection[str]) -> dict[str, list[tuple[str, dict[str, str]]]]:
    """By method, what the topmost field of a trusted server that knows the method says: (result, properties)."""
    found: dict[str, list[tuple[str, dict[str, str]]]] = {}
    for value in parsed.header_all("Authentication-Results")[:20]:
        server, *clauses = _COMMENT.sub(" ", value[:5000]).split(";")
        if not server.strip() or not is_one_of(server.split()[0], trusted):
            continue
        told: dict[str, list[tuple[str, dict[str, str]]]] = {}
        for clause in clauses[:50]:
            if result := _RESULT.match(clause):
                properties = {f"{kind}.{name}".casefold(): what.casefold()
                              for kind, name, what in _PROPERTY.findall(clause)}
                told.setdefault(result[1].casefold(), []).append((result[2].casefold(), properties))
        for method, said in told.items():
            found.setdefault(method, said)
    return found


def _domain(address: str) -> str:
    return normalise_address(address if "@" in address else f"x@{address}").rpartition("@")[2].strip(".")


def aligned(one: str, other: str) -> bool:
    """True when two domains belong together: the same, one below the other, or the same registered name."""
    if not one or not other:
        return False
    below = one.endswith(f".{other}") or other.endswith(f".{one}")
    return one == other or below or _registered(one) == _registered(other)


def _registered(domain: str) -> str:
    """About what somebody has registered: `shop.co.uk` of `mail.shop.co.uk`, `shop.com` of `mail.shop.com`."""
    parts = domain.split(".")
    count = 3 if len(parts) > 2 and len(parts[-1]) == 2 and len(parts[-2]) <= 3 else 2
    return ".".join(parts[-count:])


# --- names that pretend -----------------------------------------------------------------------------------------


def name_tricks(parsed: ParsedMessage, people: Iterable[tuple[str, str]], ours: Collection[str]) -> list[Mark]:
    """What is odd about the sender's display name: another address in it, or the name of one of us.

    `people` are names of ours with their address; `ours` all addresses of the desk.
    """
    if parsed.from_ is None or not parsed.from_.name.strip():
        return []
    name, address = parsed.from_.name[:300], normalise_address(parsed.from_.address)
    domain = _domain(address)
    marks: list[Mark] = []
    answered = {normalise_address(each.address) for each in parsed.reply_to}
    for shown in _ADDRESS.findall(unicodedata.normalize("NFKC", name)):
        other = normalise_address(shown.strip("."))
        if other != address and other not in answered and not aligned(_domain(other), domain):
            marks.append({"kind": "name_address", "address": other[:320]})
            break
    if address in ours or any(aligned(domain, _domain(each)) for each in ours):
        return marks
    wanted = plain_name(name)
    for person, own in people:
        if wanted and wanted == plain_name(person) and normalise_address(own) != address:
            marks.append({"kind": "name_ours", "name": person})
            break
    return marks


def plain_name(name: str) -> str:
    """A name without what the eye does not see: case, accents, order, marks, invisible letters. One word is none."""
    apart = unicodedata.normalize("NFKD", name.casefold())
    kept = "".join(c if c.isalnum() else " " for c in apart if unicodedata.category(c) not in ("Mn", "Cf"))
    words = sorted(kept.split())
    return " ".join(words) if len(words) > 1 or (len(kept.strip()) > 3 and not kept.isascii()) else ""
