"""Damage that stops a parser before it starts: junk before or in the header, hostile nesting.

The standard library ends the header at the first line that is no field; mail passed through pipes, mbox files
and gateways has such lines above or among its fields, and would lose its sender.
"""

from __future__ import annotations

import re

_FIELD = re.compile(rb"[!-9;-~]{1,200}:")
_SPACED = re.compile(rb"([!-9;-~]{1,100})[ \t]{1,10}(?=:)")  # "Subject : …", which was allowed long ago
_KNOWN = re.compile(
    rb"(?:return-path|received|from|to|cc|subject|date|message-id|mime-version|content-type|reply-to|"
    rb"delivered-to|sender|content-transfer-encoding|x-[a-z-]{2,40}|dkim-signature|in-reply-to|references)"
    rb"[ \t]{0,10}:", re.I)
_BLANK = re.compile(rb"\r\n[ \t]*\r\n|\n[ \t]*\n|\r[ \t]*\r")
_BOUNDARY = re.compile(rb"boundary[ \t]{0,9}=[ \t]{0,9}\"?([^\s\";]{1,200})|^--([^\r\n]{1,210})", re.I | re.M)
_ONE_LINE = re.compile(rb"(?:from|sender|reply-to|date|message-id|in-reply-to|mime-version):", re.I)
JUNK = "The header of the message was damaged; it was repaired."
MAX_LINES = 20_000  # lines that begin with --, in a message that has boundaries
MAX_COST = 12_000_000  # lines x open boundaries that the parser compares: about two seconds


def head_of(raw: bytes, limit: int) -> bytes:
    """The header block: up to the first empty line, at most ``limit`` bytes."""
    head = raw[:limit].lstrip(b"\xef\xbb\xbf\r\n")
    end = _BLANK.search(head)
    return head[: end.start()] if end else head


def repair(raw: bytes, limit: int) -> tuple[bytes, list[str]]:
    """``raw`` with a header the parser can read, and defects in plain words.

    Only the header is touched: a byte order mark, empty lines and mbox lines above it go, lines among the
    fields that are none become part of the field before.
    """
    start = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    body_like = raw[start : start + 4096].lstrip(b"\r\n\x00")
    if body_like is not raw and _looks_like_header(body_like):
        start = raw.index(body_like[:40], start)
    raw = raw[start:] if start else raw
    blank = _BLANK.search(raw, 0, limit)
    head, rest = (raw[: blank.start()], raw[blank.start() :]) if blank else (raw[:limit], raw[limit:])
    lines = head.splitlines(keepends=True)
    if all(_FIELD.match(line) or line[:1] in b" \t" for line in lines):
        return raw, []
    mended = _mend(lines)
    if mended is None:
        return raw, []
    only_mbox = len(lines) - len(mended) == 1 and lines[0].lstrip(b">").startswith(b"From ")
    return b"".join(mended) + rest, [] if only_mbox else [JUNK]


def _looks_like_header(data: bytes) -> bool:
    lines = data.splitlines()[:3]
    return bool(lines) and bool(_KNOWN.match(lines[0]) or lines[0].startswith(b"From "))


def _mend(lines: list[bytes]) -> list[bytes] | None:
    """The fields among ``lines``; None where no known field follows the first junk (then it is body)."""
    lines = [_SPACED.sub(rb"\1", line, count=1) if _SPACED.match(line) else line for line in lines]
    last = max((i for i, line in enumerate(lines) if _KNOWN.match(line)), default=-1)
    first_junk = next((i for i, line in enumerate(lines) if not _is_field(line)), None)
    if first_junk is None:
        return lines
    if last < first_junk:
        return None
    out: list[bytes] = []
    for i, line in enumerate(lines):
        if _is_field(line):
            if out or line[:1] not in (b" ", b"\t"):
                out.append(line)
        elif i > last:
            out += [b"\r\n", *lines[i:]]  # body that follows its header without an empty line
            break
        elif out and not line.lstrip(b">").startswith(b"From ") and not _ONE_LINE.match(out[-1]):
            out.append(b" " + line)  # most often a field broken by a gateway that lost the indent
    return out


def _is_field(line: bytes) -> bool:
    return bool(_FIELD.match(line)) or line[:1] in (b" ", b"\t")


def cut_parts(raw: bytes) -> tuple[bytes, bool]:
    """``raw`` up to MAX_LINES that may begin a part, and whether that is not all: each part costs the parser time."""
    if b"oundary" not in raw or raw.count(b"\n--") <= MAX_LINES:
        return raw, False
    at = -1
    for _ in range(MAX_LINES):
        at = raw.index(b"\n--", at + 1)
    return raw[: at + 1], True


def too_costly(raw: bytes, max_depth: int) -> bool:
    """True where the nesting of multiparts would cost the parser seconds or its stack."""
    if raw.count(b"oundary") < 6:
        return False
    depth = _nesting(raw)
    if depth > max_depth:
        return True
    lines = raw.count(b"\n") or raw.count(b"\r")
    return depth > 5 and depth * lines > MAX_COST


def _nesting(raw: bytes) -> int:
    """How many boundaries are open at once, in one linear pass over the lines that begin with --."""
    open_at: dict[bytes, int] = {}
    stack: list[bytes] = []
    pending: set[bytes] = set()
    deepest = 0
    for declared, line in _BOUNDARY.findall(raw):
        if declared:
            pending.add(declared)
            continue
        name = line.rstrip()
        closes = name not in pending and name not in open_at and name.endswith(b"--")
        name = name[:-2] if closes else name
        if name in open_at:
            keep = open_at[name] + (0 if closes else 1)
            for gone in stack[keep:]:
                open_at.pop(gone, None)
            del stack[keep:]
        elif name in pending and not closes:
            open_at[name] = len(stack)
            stack.append(name)
            deepest = max(deepest, len(stack))
    return deepest
