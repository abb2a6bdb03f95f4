"""Pictures of a message that lie elsewhere, fetched by the desk when a person asks to see them.

The sender may learn that somebody looked; never who, from where, with which browser, nor how often: a picture is kept
for a week. Only the open internet is asked, whatever a site owner allows plugins: a stranger wrote the address.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from inbox.db import current_config, release
from inbox.http import BadAnswer

log = logging.getLogger(__name__)
MAX_BYTES = 5 * 1024 * 1024
TIMEOUT = 8.0  # seconds; a page waits for several, each in a thread of the web process
KEPT_SECONDS = 7 * 24 * 3600.0
MOST_KEPT = 200 * 1024 * 1024  # bytes of all kept pictures
KINDS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF87a": "image/gif",
         b"GIF89a": "image/gif"}


@dataclass(frozen=True)
class Picture:
    """A picture of one of four kinds that cannot carry a script."""

    content_type: str
    data: bytes


def get(url: str) -> Picture:
    """The picture at an address, as kept or as fetched now.

    Raises inbox.http.Failed: nobody there, too slow, too large, a private address, or not a picture.
    """
    place = _place(url)
    try:
        if time.time() - place.stat().st_mtime < KEPT_SECONDS:
            return _picture(url, place.read_bytes())
    except OSError:
        pass  # not kept, or swept away between the two
    found = _picture(url, _fetch(url))
    _keep(place, found.data)
    return found


def sweep() -> int:
    """Delete what is too old, then the oldest of what is too much. Returns how many files went."""
    folder = _folder()
    files = sorted(((each.stat(), each) for each in folder.glob("*") if each.is_file()),
                   key=lambda pair: pair[0].st_mtime, reverse=True) if folder.is_dir() else []
    room, gone = MOST_KEPT, 0
    for stat, each in files:
        room -= stat.st_size
        if room < 0 or time.time() - stat.st_mtime >= KEPT_SECONDS:
            each.unlink(missing_ok=True)
            gone += 1
    return gone


def kind_of(data: bytes) -> str | None:
    """The content type by the first bytes; whatever the server or a name says. None: not one of the four."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for mark, kind in KINDS.items() if data.startswith(mark)), None)


def _fetch(url: str) -> bytes:
    release()  # no connection of the database is held meanwhile
    from inbox import http_client

    return http_client.perform("GET", url, timeout=TIMEOUT, redirects=3, max_bytes=MAX_BYTES, private=False,
                               headers={"Accept": "image/*"}).require().body


def _picture(url: str, data: bytes) -> Picture:
    kind = kind_of(data)
    if kind is None:
        raise BadAnswer(f"What lies at {url[:200]} is not a picture that can be shown.")
    return Picture(kind, data)


def _folder() -> Path:
    return current_config().home / "cache" / "pictures"


def _place(url: str) -> Path:
    return _folder() / hashlib.sha256(url.encode()).hexdigest()


def _keep(place: Path, data: bytes) -> None:
    """Written whole or not at all; without a place to keep it, it is fetched again the next time."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = place.parent / f".{place.name}.{secrets.token_hex(4)}"
    try:
        file.write_bytes(data)
        file.replace(place)
    except OSError as error:
        log.warning("A picture could not be kept (%s); it is fetched again the next time.", error)
        file.unlink(missing_ok=True)
