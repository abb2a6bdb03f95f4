"""A site's own logo: a small PNG, cleaned before it is kept. Its colour is the setting `brand.accent`."""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib

from inbox.core import settings
from inbox.core.errors import Invalid
from inbox.core.events import Actor

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"gAMA", b"sRGB"}  # all others are remarks of the drawing program
MOST_BYTES = 200 * 1024
LARGEST = 1024  # pixels, either way


def set_logo(data: bytes, *, by: Actor) -> str:
    """Keep a logo. Returns what it is called in addresses. Raises Invalid, NotAllowed."""
    clean = cleaned(data)
    name = f"{hashlib.sha256(clean).hexdigest()[:16]}.png"
    settings.put_all({"brand.logo": base64.b64encode(clean).decode(), "brand.logo_name": name}, by=by)
    return name


def remove_logo(*, by: Actor) -> None:
    """Show the program's own sign again."""
    settings.put_all({"brand.logo": None, "brand.logo_name": None}, by=by)


def logo() -> bytes:
    """The picture; empty when there is none."""
    return base64.b64decode(settings.get("brand.logo"))


def cleaned(data: bytes) -> bytes:
    """A PNG without anything but the picture. Raises Invalid for whatever else, or too large a one."""
    if len(data) > MOST_BYTES:
        raise Invalid("logo", "The picture is larger than 200 kB. Make it smaller, then try again.")
    if not data.startswith(SIGNATURE):
        if b"<svg" in data[:2000].lower():
            raise Invalid("logo", "An SVG can hold programs. Save the picture as PNG, then try again.")
        raise Invalid("logo", "Choose a picture in PNG format.")
    parts, place, names = [SIGNATURE], len(SIGNATURE), []
    while place < len(data) and b"IEND" not in names:
        kind, content, place = _chunk(data, place)
        names.append(kind)
        if kind == b"IHDR":
            _check_size(content)
        if kind in KEPT:
            check = struct.pack(">I", zlib.crc32(kind + content))
            parts.append(struct.pack(">I", len(content)) + kind + content + check)
    if names[:1] != [b"IHDR"] or b"IDAT" not in names or b"IEND" not in names:
        raise Invalid("logo", "The picture is damaged. Save it as PNG again.")
    return b"".join(parts)


def _chunk(data: bytes, place: int) -> tuple[bytes, bytes, int]:
    """Kind and content of the piece at a place, and where the next begins. Raises Invalid when it is damaged."""
    if place + 12 > len(data):
        raise Invalid("logo", "The picture is damaged. Save it as PNG again.")
    (length,), kind = struct.unpack(">I", data[place:place + 4]), data[place + 4:place + 8]
    content, check = data[place + 8:place + 8 + length], data[place + 8 + length:place + 12 + length]
    if len(check) != 4 or struct.unpack(">I", check)[0] != zlib.crc32(kind + content):
        raise Invalid("logo", "The picture is damaged. Save it as PNG again.")
    return kind, content, place + 12 + length


def _check_size(header: bytes) -> None:
    width, height = struct.unpack(">II", header[:8]) if len(header) == 13 else (0, 0)
    if not (0 < width <= LARGEST and 0 < height <= LARGEST):
        raise Invalid("logo", "The picture may be at most 1024 pixels wide and high.")
