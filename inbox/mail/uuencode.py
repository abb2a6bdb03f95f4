"""Files that old programs put into the text itself: begin 644 name … end."""

from __future__ import annotations

import binascii
import re

# Nearly all lines of a file: taken some thousands at a time, a file of 30 MB does not cost seconds.
_FULL_LINES = re.compile(r"(?:M[ -`]{60}\n){1,4000}")
_TO_BASE64 = bytes.maketrans(
    bytes(range(33, 97)) + b" ", b"BCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/AA")
_BEGIN = re.compile(r"^begin [0-7]{3,4} ([^\r\n]{1,255})$", re.M)


def extract(text: str) -> tuple[str, list[tuple[str, bytes]]]:
    """(``text`` without its uuencoded files, [(name, bytes)]). What does not decode stays in the text."""
    files: list[tuple[str, bytes]] = []
    kept: list[str] = []
    at = at_least = 0
    for found in _BEGIN.finditer(text):
        if found.start() < max(at, at_least):
            continue
        data, end = _decode(text, found.end() + 1)
        if data is None:
            at_least = end  # a file that breaks at this line breaks there from any earlier start as well
            continue
        kept.append(text[at : found.start()])
        files.append((found.group(1).strip(), data))
        at = end
    kept.append(text[at:])
    return "".join(kept), files


def _decode(text: str, start: int) -> tuple[bytes | None, int]:
    """(bytes of the lines from ``start`` to a line 'end', where they end), or (None, where they break)."""
    out: list[bytes] = []
    at = start
    while at < len(text):
        full = _FULL_LINES.match(text, at)
        if full:
            out.append(_full_lines(full.group()))
            at = full.end()
            continue
        stop = text.find("\n", at)
        stop = len(text) if stop < 0 else stop
        line = text[at:stop]
        at = stop + 1
        if line.strip() == "end":
            return (b"".join(out), at) if out else (None, at)
        if len(line) > 90:
            return None, at
        try:
            out.append(_line(line))
        except (binascii.Error, UnicodeEncodeError, ValueError):
            return None, at
    return None, at


def _full_lines(lines: str) -> bytes:
    """Lines of 45 bytes each, at once: apart from its alphabet and the M before each line this is base64."""
    return binascii.a2b_base64(lines[1:].replace("\nM", "").encode("ascii").translate(_TO_BASE64))


def _line(line: str) -> bytes:
    if not line.strip() or line[0] in "` ":
        return b""
    data = line.encode("ascii")
    try:
        return binascii.a2b_uu(data)
    except binascii.Error:  # trailing rubbish: take as many characters as the length byte asks for
        count = (((data[0] - 32) & 63) * 4 + 5) // 3
        return binascii.a2b_uu(data[: count + 1])
